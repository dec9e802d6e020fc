"""Repair of nearly-JSON that may change punctuation only, never content.

A repair library turns almost any text into some document: `{x, y}` becomes a list, half a string
a whole one. So its result counts only where the source already held every letter, digit and
quoted string of it, in order. This module does not know rungs or schemas.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any, SupportsIndex

from evalkit.graders.json_text import MAX_DEPTH, NotJson, finite, read_json, too_deep

MAX_REPAIR_CHARS = 50_000
"""Longer sources are not repaired: the library reads character by character (2 to 5 µs each)."""
READS_PER_CHAR = 15
"""Usual documents need 1 to 2; hostile ones would take minutes."""

_QUOTES = "\"'“”‘’„"
_STRING = r'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"?'  # closed or not: every character is read once
_COMMENT = re.compile(
    rf"({_STRING}|'[^'\n]*')|(?<!:)//[^\n]*|(?<!\S)#[^\n]*|/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/"
)
_ESCAPE = re.compile(r'\\(u[0-9a-fA-F]{4}|["\\/bfnrt])')
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_LEADING_ZEROS = re.compile(r"[-+]?(0+)(?=\d)")
_LITERAL_END = re.compile(r"(?:true|false|null|True|False|None|\d|[}\]])[\s,]{0,9}\Z")
_QUOTED = re.compile(rf"{_STRING}|'[^'\n]*'")
_JOINED = re.compile(r'""\s{0,20}[+&.]\s{0,20}(?:""|\w)|\w\s{0,20}\+\s{0,20}""')
_SINGLE = r"'((?:[^'\\\x00-\x1f]|\\(?:[\\/\"'bfnrt]|u[0-9a-fA-F]{4}))*+)'"
_TRIFLE = re.compile(rf"{_STRING}|{_SINGLE}(?=\s*[:,}}\]])|,(?=\s*[}}\]])|\b(?:True|False|None)\b")
_QUOTE = re.compile(r"""(\\[^'])|\\'|\"""")
_LITERALS = {"True": "true", "False": "false", "None": "null"}
_DROPPED = re.compile(r"[^\w%]|_")
_UNESCAPED = {"b": "", "f": "", "n": "\n", "r": "\r", "t": "\t"}


def repaired(source: str) -> Any:
    """Return the object or array that `source` spells with faulty punctuation.

    Benign faults: trailing, missing or doubled separators, single or typographic quotes, bare
    keys, comments, raw line breaks and inner quotes in strings, Python literals, missing closing
    brackets. All else is refused: other letters or digits, another kind of document, values that
    stood without quotes and are no literal, ellipses, cut strings, duplicate keys, NaN.

    Raises:
        NotJson: If the fault is more than punctuation.
    """
    source = source.strip()
    if len(source) > MAX_REPAIR_CHARS:
        raise NotJson(f"not JSON, and longer than the {MAX_REPAIR_CHARS} characters of a repair")
    if too_deep(source):
        raise NotJson(f"nested deeper than {MAX_DEPTH} levels")
    if source.endswith(("}", "]")) and (value := _put_right(source)):
        return value
    bare = _COMMENT.sub(lambda match: match[1] or " ", source)
    _refuse_cut(bare)
    if _JOINED.search(_QUOTED.sub('""', bare)):
        raise NotJson("not JSON: strings are joined by an operator")
    value = _library_reading(source)
    if not value or not isinstance(value, dict if source.startswith("{") else list):
        raise NotJson("not JSON, and no repair keeps its form")
    if not finite(value):
        raise NotJson("not JSON: a number is not finite")
    if not _keeps_content(source, bare, value):
        raise NotJson("not JSON, and a repair would change more than punctuation")
    return value


def _put_right(source: str) -> Any:
    """Return a document whose only faults are trailing commas, single quotes, Python's literals.

    These are what models write most; what is then strict JSON needs no library (a fiftieth of the
    time). None where there is more to it.
    """
    try:
        return read_json(_TRIFLE.sub(_trifle, source))
    except NotJson:
        return None


def _trifle(match: re.Match[str]) -> str:
    text = match[0]
    if text == ",":
        return ""
    if match[1] is None:
        return _LITERALS.get(text, text)
    return f'"{_QUOTE.sub(_requoted, match[1])}"'


def _requoted(match: re.Match[str]) -> str:
    """Return what stands in single quotes as it stands in double ones."""
    return match[1] or ("'" if match[0] == "\\'" else '\\"')


def _refuse_cut(bare: str) -> None:
    if bare.rstrip().endswith(("}", "]")):
        if "..." in _QUOTED.sub("", bare) or "…" in _QUOTED.sub("", bare):
            raise NotJson("not JSON: parts are left out")
        return
    complete = _LITERAL_END.search(bare) or bare.rstrip(" \n,").endswith('"')
    mark = '"' if '"' in bare else "'"
    if bare.count(mark) % 2 or not complete:
        raise NotJson("not JSON: it ends inside a value")


class _Metered(str):
    """A text that may be read a bounded number of times: the library looks ahead without end."""

    __slots__ = ("left",)
    left: int

    @classmethod
    def of(cls, text: str, left: int) -> _Metered:
        metered = cls(text)
        metered.left = left
        return metered

    def __getitem__(self, index: SupportsIndex | slice) -> str:
        piece = super().__getitem__(index)
        self.left -= 1 + len(piece) // 64
        if self.left < 0:
            raise NotJson("too tangled to be repaired")
        return _Metered.of(piece, self.left) if isinstance(index, slice) else piece

    def __add__(self, other: str) -> _Metered:
        return _Metered.of(super().__add__(other), self.left)


def _library_reading(source: str) -> Any:
    import json_repair

    metered = _Metered.of(source, READS_PER_CHAR * len(source) + 10_000)
    try:
        value = _plain(json_repair.loads(metered, skip_json_loads=True))
    except (ValueError, RecursionError) as error:
        raise NotJson(f"not JSON, and not repairable: {error}") from None
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _keeps_content(source: str, bare: str, value: object) -> bool:
    """Return whether only punctuation differs, and strings and keys stood as such."""
    leaves = list(_leaves(value))
    strings = [text for text, is_text in leaves if is_text]
    spelled = _content(" ".join(text for text, _ in leaves))
    if spelled not in (_content(source), _content(bare)):
        return False
    if sum(not text for text in strings) > bare.count('""') + bare.count("''"):
        return False
    return bare.count(":") >= _keys(value) and _all_quoted(bare, _values(value))


def _content(text: str) -> str:
    """Return what a repair must keep: letters, digits, per cent and currency signs, in order."""
    text = _ESCAPE.sub(_unescape, text).casefold()
    text = re.sub(r"\bnone\b", "null", text)
    text = _NUMBER.sub(_number, text)
    return _DROPPED.sub(_kept_sign, text)


def _kept_sign(match: re.Match[str]) -> str:
    return match[0] if match[0] == "$" or unicodedata.category(match[0]) == "Sc" else ""


def _number(match: re.Match[str]) -> str:
    """Return a number by value, yet with its leading zeros: 012 may be octal, or a code."""
    zeros = _LEADING_ZEROS.match(match[0])
    return f"<{zeros[1] if zeros else ''}{float(match[0])!r}>"


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) == 5 else _UNESCAPED.get(code, code)


def _leaves(value: object) -> Iterator[tuple[str, bool]]:
    """Yield every key and scalar as text, in order, and whether it is a string."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key, False
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, str):
        yield value, True
    else:
        yield "null" if value is None else str(value), False


def _values(value: object) -> Iterator[str]:
    return (text for text, is_text in _leaves(value) if is_text and text)


def _keys(value: object) -> int:
    if isinstance(value, dict):
        return len(value) + sum(_keys(item) for item in value.values())
    return sum(_keys(item) for item in value) if isinstance(value, list) else 0


def _all_quoted(bare: str, strings: Iterator[str]) -> bool:
    """Return whether each string value stood behind a quotation mark, found in order."""
    plain = _ESCAPE.sub(_unescape, bare)
    position = 0
    for text in strings:
        starts = (plain.find(quote + text[:20], position) for quote in _QUOTES)
        start = min((s for s in starts if s >= 0), default=-1)
        if start < 0:
            return False
        position = start + 1
    return True
