"""Reading JSON out of model text: strictly as one document, or where it stands in prose.

Everything is linear in the length of the text. This module does not know schemas or rungs.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from evalkit.core.records import without_lone_surrogates

MAX_DEPTH = 200
"""Documents nested deeper are refused (RFC 8259 section 9 allows a limit): readers downstream,
the journal's encoder among them, recurse."""

_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
_BRACKET = re.compile(rf"{_STRING}|[\[\]{{}}]", re.DOTALL)
_OPENING = re.compile(r"[\[{]")
_OBJECT_LIKE = re.compile(r"""\{\s*(?:["'“”‘’}]|//|/\*|[\w$-]+\s*:)""")
_ARRAY_LIKE = re.compile(
    r"""\[\s*(?:["'“”‘’\[{\]\d-]|//|/\*|(?:true|false|null|True|False|None)\b)"""
)
_FENCE_BEFORE = re.compile(r"(?:```+|~~~+)[ \t]*[\w.+-]{0,20}\s*\Z")
_CUT_ESCAPE = re.compile(r"\\?u?[0-9a-fA-F]{0,4}")
_CUT_NUMBER = re.compile(r"\.|[eE][-+]?")
_FENCE_AFTER = re.compile(r"\s*(?:```|~~~|\Z)")


class NotJson(ValueError):
    """The text is not one strict JSON document."""


class Found(NamedTuple):
    """A bracketed piece of text: a document where it reads as strict JSON, else broken."""

    source: str
    value: Any
    strict: bool
    fenced: bool
    problem: str = ""


def read_json(text: str) -> Any:
    r"""Return the one JSON document that `text` is, white space around it allowed.

    Refused beyond the grammar of RFC 8259, because readers disagree on them: duplicate keys,
    numbers outside the range of a double, nesting deeper than `MAX_DEPTH`. NaN and Infinity are
    no JSON. Lone surrogates (``"\ud800"``) are read as U+FFFD.

    Raises:
        NotJson: If it is not.
    """
    if too_deep(text):
        raise NotJson(f"nested deeper than {MAX_DEPTH} levels")
    try:
        value = _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg} at character {error.pos}") from None
    return _without_surrogates(value) if "\\u" in text else value


def find_documents(text: str) -> list[Found]:
    """Return the bracketed pieces of `text` that look like JSON, in order, never nested.

    A piece starts where a bracket is followed by what can follow it in JSON or nearly-JSON; it
    ends at its closing bracket (brackets inside double-quoted strings do not count) or at the
    end of the text. `{name}` and `[see below]` are passed over.
    """
    found = []
    position = 0
    while (opening := _OPENING.search(text, position)) is not None:
        start = opening.start()
        like = _OBJECT_LIKE if text[start] == "{" else _ARRAY_LIKE
        if like.match(text, start) is None:
            position = start + 1
            continue
        end = _closing(text, start)
        found.append(_piece(text, start, end))
        position = end
    return found


def finite(value: object) -> bool:
    """Return whether every number in a JSON value can be written as JSON."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(finite(item) for item in value.values())
    return all(finite(item) for item in value) if isinstance(value, list) else True


def ends_inside(text: str) -> bool:
    r"""Return whether a text is the beginning of a strict JSON document, cut before its end.

    The document must begin with a bracket or a quotation mark: `12` may be whole, or not.

    >>> ends_inside('{"a": [1, 2'), ends_inside('{"a": x'), ends_inside("{}")
    (True, False, False)
    """
    if text.lstrip()[:1] not in ("{", "[", '"') or too_deep(text):
        return False
    try:
        _decoder.decode(text)
    except json.JSONDecodeError as error:
        return _at_the_end(text, error)
    except NotJson:
        return False
    return False


def _at_the_end(text: str, error: json.JSONDecodeError) -> bool:
    """Return whether a reader stumbled over the end of the text, not over what stands in it."""
    if error.msg.startswith("Unterminated string") or error.pos >= len(text.rstrip()):
        return True
    rest = text[error.pos :]
    if "escape" in error.msg:
        return _CUT_ESCAPE.fullmatch(rest) is not None
    if error.msg == "Expecting value":
        return rest == "-" or any(word.startswith(rest) for word in ("true", "false", "null"))
    return _CUT_NUMBER.fullmatch(rest) is not None and text[error.pos - 1].isdigit()


def is_double_encoded(value: object) -> bool:
    """Return whether a value is a string that holds a JSON object or array."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return False
    try:
        read_json(value)
    except NotJson:
        return False
    return True


def _piece(text: str, start: int, end: int) -> Found:
    source = text[start:end]
    before = text[max(0, start - 40) : start]
    fenced = bool(_FENCE_BEFORE.search(before)) and bool(_FENCE_AFTER.match(text, end))
    try:
        return Found(source, read_json(source), strict=True, fenced=fenced)
    except NotJson as error:
        return Found(source, None, strict=False, fenced=fenced, problem=str(error))


def _closing(text: str, start: int) -> int:
    depth = 0
    for token in _BRACKET.finditer(text, start):
        if token[0] in ("{", "["):
            depth += 1
        elif token[0] in ("}", "]"):
            depth -= 1
            if depth == 0:
                return token.end()
    return len(text)


def too_deep(text: str) -> bool:
    """Return whether brackets nest deeper than `MAX_DEPTH`."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    depth = 0
    for token in _BRACKET.finditer(text):
        if token[0] in ("{", "["):
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif token[0] in ("}", "]"):
            depth -= 1
    return False


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise NotJson(f"duplicate key {twice[:40]!r}")
    return document


def _real(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise NotJson(f"number {digits[:20]} is outside the range of a double")
    return value


def _integer(digits: str) -> int:
    if len(digits) > 308:  # below that no integer reaches 1.8e308
        _real(digits)
    return int(digits)


def _constant(word: str) -> float:
    raise NotJson(f"{word} is no JSON number")


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return without_lone_surrogates(value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {without_lone_surrogates(k): _without_surrogates(v) for k, v in value.items()}
    return value


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_real, parse_int=_integer, parse_constant=_constant
)
