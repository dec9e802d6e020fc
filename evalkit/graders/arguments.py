"""The argument string of a tool call as a model wrote it: read where it can be, named where not.

It goes down the same ladder as an answer of format json, with two differences: JSON that ends in
its middle counts as cut whatever the server says of it, and a broken string is named by its kind
(arithmetic, a bare word, ...). This module does not know tools or their schemas.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from evalkit.graders.json_text import (
    Found,
    NotJson,
    ends_inside,
    find_documents,
    is_double_encoded,
    read_json,
)
from evalkit.graders.repair import repaired

MAX_SHOWN = 40
_MAX_SEARCHED = 100_000
_FENCE = re.compile(r"\s*(?:```+|~~~+)[ \t]*[\w.+-]{0,20}\s*")
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
_QUOTED = re.compile(rf"{_STRING}|'[^'\n]*'", re.DOTALL)
_MARKUP = re.compile(r"\s*<[/?!]?[A-Za-z_|｜]")
_CALL = re.compile(r"\s*[A-Za-z_][\w.]{0,80}\s{0,9}\(")
_PAIRS = re.compile(r"\s*[A-Za-z_][\w.-]{0,80}\s{0,9}=(?!=)")
_LINES = re.compile(r"\s*[A-Za-z_][\w.-]{0,80}:(?:\s|\Z)")
_NAME = r"[^\W\d]\w{0,80}(?:[.-]\w{1,80}){0,9}"
_OPERATOR = r"(?:\*\*|//|[*/%^×÷+-])"
_TERM = r"[-+(]{0,9}[\w.]{1,40}\){0,9}"
_FAULT = re.compile(
    rf"""(?P<date>(?<![\w.])\d{{4}}-\d\d-\d\d\b)
    |(?P<arithmetic>(?<![\w.)])[-+(]{{0,9}}\d[\w.]{{0,40}}\){{0,9}}
        (?:[ ]{{0,3}}{_OPERATOR}[ ]{{0,3}}{_TERM}){{1,9}})
    |(?P<groups>(?<![\w.])\d{{1,3}}(?:,\d{{3}}){{1,9}}(?!\w))
    |(?P<signed>[€$£¥]\s?\d[\d.]{{0,40}}|(?<![\w.])\d[\d.]{{0,40}}\s?[€$£¥%])
    |(?P<joined>""\s{{0,9}}[+&]\s{{0,9}}|[+&]\s{{0,9}}"")
    |(?P<call>{_NAME}\s{{0,9}}\()
    |(?P<key>{_NAME}\s{{0,9}}:)
    |(?P<literal>\b(?:true|false|null|True|False|None)\b)
    |(?P<constant>\b(?:NaN|Infinity|nan|inf)\b)
    |(?P<left_out>\.\.\.|…)
    |(?P<word>{_NAME})
    |(?P<number>(?<![\w.])0[\dxXbBoO][\w.]{{0,40}}|\b\d{{1,40}}[^\W\d]\w{{0,40}})""",
    re.VERBOSE,
)
_SAID = {
    "date": "a date without quotes: {}",
    "arithmetic": "arithmetic where a number is due: {}",
    "groups": "digits in groups: {}",
    "signed": "no JSON number: {}",
    "joined": "strings joined by an operator",
    "call": "a function call where a value is due: {}…)",
    "constant": "{} is no JSON number",
    "left_out": "parts are left out: {}",
    "word": "bare word {}",
    "number": "no JSON number: {}",
}


class Arguments(NamedTuple):
    """What an argument string holds.

    Attributes:
        rung: `valid`, `truncated`, `fenced`, `embedded`, `repaired`, `schema:type` (JSON, but no
            object) or `not_json`.
        value: The object; None where there is none.
        detail: What is wrong, for a reader.
    """

    rung: str
    value: dict[str, Any] | None
    detail: str = ""


def read_arguments(text: str) -> Arguments:
    """Return what an argument string holds; nothing at all is an empty object. Never raises.

    >>> read_arguments('{"n": 3*4}').detail
    'arithmetic where a number is due: 3*4'
    >>> read_arguments('{"city": "Ber').rung
    'truncated'
    """
    if not text.strip():
        return Arguments("valid", {})
    try:
        return _object(read_json(text), "valid")
    except NotJson as error:
        problem = str(error)
    if ends_inside(text[opening.end() :] if (opening := _FENCE.match(text)) else text):
        return Arguments("truncated", None, "it ends in its middle")
    if (foreign := _foreign_syntax(text)) is not None:
        return Arguments("not_json", None, foreign)
    return _within(text, problem)


def fault_of(text: str, problem: str) -> str:
    """Return what kind of fault a broken document has.

    Args:
        text: The document.
        problem: What a strict reader says of it: the answer where no kind is known.

    >>> fault_of("{room: Aula}", "")
    'bare word Aula'
    """
    if problem and " at character " not in problem:
        return problem  # JSON in form, refused for what it holds: duplicate keys, NaN
    bare = _QUOTED.sub('""', text[:_MAX_SEARCHED])
    if not any(mark in bare for mark in '{["') and len(text.split(None, 2)) > 2:
        return f"no JSON: {_shown(text)}"
    for found in _FAULT.finditer(bare):
        said = _SAID.get(found.lastgroup or "")
        if said is not None:
            return said.format(_shown(found[0]))
    return problem


def _within(text: str, problem: str) -> Arguments:
    """Take the one object in a fence or in prose, else repair the one piece."""
    pieces = _meant(find_documents(text), text)
    for rung in ("fenced", "embedded"):
        objects = [p for p in pieces if p.strict and (p.fenced or rung == "embedded")]
        if len(objects) > 1:
            return Arguments("not_json", None, f"{len(objects)} JSON documents in one argument")
        if objects:
            return _object(objects[0].value, rung)
    chosen = [p for p in pieces if p.fenced] or pieces
    if len(chosen) != 1:
        return Arguments("not_json", None, fault_of(text, problem))
    piece = chosen[0]
    fault = fault_of(piece.source, piece.problem)
    if not piece.fenced and piece.source.strip() != text.strip():
        return Arguments("not_json", None, fault)
    try:
        return _object(repaired(piece.source), "repaired")
    except NotJson:
        return Arguments("not_json", None, fault)


def _meant(pieces: list[Found], text: str) -> list[Found]:
    """Return the pieces that can be the arguments: what stands inside other braces is a part."""
    begins = text.lstrip()
    if begins[:1] in ("{", "[") and not (pieces and begins.startswith(pieces[0].source)):
        return []
    whole = begins[:1] == "["
    return [p for p in pieces if p.fenced or whole or (p.source[0] == "{" and p.value != {})]


def _object(value: Any, rung: str) -> Arguments:
    if isinstance(value, dict):
        return Arguments(rung, value)
    if is_double_encoded(value):
        return Arguments("schema:type", None, "double-encoded: a string that holds JSON")
    return Arguments("schema:type", None, "no object")


def _foreign_syntax(text: str) -> str | None:
    """Return which other notation the whole string is written in."""
    if _MARKUP.match(text):
        return f"markup instead of JSON: {_shown(text)}"
    if _CALL.match(text):
        return f"function-call syntax instead of JSON: {_shown(text)}"
    if _PAIRS.match(text) and "{" not in text[:200]:
        return f"name=value pairs instead of JSON: {_shown(text)}"
    if _LINES.match(text) and "{" not in text[:200]:
        return f"name: value lines instead of JSON: {_shown(text)}"
    return None


def _shown(text: str) -> str:
    text = " ".join(text[: MAX_SHOWN * 4].split())
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
