"""How two values of one field are compared: one record for each type of match.

A match never sees null: `comparing` decides what missing means. This module does not know
objects, lists or weights.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

import msgspec

from evalkit.core.errors import ConfigError
from evalkit.core.records import Record
from evalkit.graders.dates import DateOrder, date_of
from evalkit.graders.exact import same_json
from evalkit.graders.number import check_tolerances, within
from evalkit.graders.numerals import DecimalMark, Reading, number_of
from evalkit.graders.words import normalised, token_f1, tokens


class ExactMatch(Record, frozen=True, kw_only=True, tag="exact", forbid_unknown_fields=True):
    """The same JSON value; a whole object or list counts as one field."""

    def refusal(self, target: object) -> str | None:  # noqa: D102 - see Leaf
        return None

    def similarity(self, target: object, answer: object) -> float:  # noqa: D102
        return float(same_json(target, answer))


class TextMatch(Record, frozen=True, kw_only=True, tag="text", forbid_unknown_fields=True):
    """The same text, white space around it aside.

    Attributes:
        normalise: Compare words only: folded case, no punctuation.
        ignore_case: Compare folded case.
        partial: Give part of the credit: the F1 of the words.
    """

    normalise: bool = False
    ignore_case: bool = False
    partial: bool = False

    def refusal(self, target: object) -> str | None:  # noqa: D102
        return None if _spelled(target) is not None else "is no text"

    def similarity(self, target: object, answer: object) -> float:  # noqa: D102
        if isinstance(target, str) and target == answer:
            return 1.0
        expected, got = _spelled(target), _spelled(answer)
        if expected is None or got is None:
            return 0.0
        if self._form(expected) == self._form(got):
            return 1.0
        return token_f1(tokens(expected), tokens(got)) if self.partial else 0.0

    def _form(self, text: str) -> str:
        if self.normalise:
            return normalised(text) or text.strip()
        text = unicodedata.normalize("NFC", text).strip()
        return text.casefold() if self.ignore_case else text


class NumberMatch(Record, frozen=True, kw_only=True, tag="number", forbid_unknown_fields=True):
    """The same number within max(abs, rel x |target|); text that spells one counts.

    Attributes:
        abs: Absolute tolerance.
        rel: Tolerance relative to the target.
        decimal: The decimal mark of numbers in text.
    """

    abs: float = 0.0
    rel: float = 0.0
    decimal: DecimalMark = "auto"

    def refusal(self, target: object) -> str | None:  # noqa: D102
        if type(target) in _NUMERIC and _usual(target):  # type: ignore[arg-type]
            return None
        reading = Reading(self.decimal)
        return None if number_of(target, reading) is not None else "is no number"

    def similarity(self, target: object, answer: object) -> float:  # noqa: D102
        if type(target) in _NUMERIC and type(answer) in _NUMERIC:
            if target == answer:
                return 1.0
            if self._far_apart(target, answer):  # type: ignore[arg-type]
                return 0.0
        reading = Reading(self.decimal)
        expected, got = number_of(target, reading), number_of(answer, reading)
        if expected is None or got is None:
            return float(same_json(target, answer))  # beyond reach: equal or not
        return float(within(got, expected, self.abs, self.rel))

    def _far_apart(self, target: float, answer: float) -> bool:
        """Return whether no rounding of binary numbers can bring two within the tolerance."""
        if not (_usual(target) and _usual(answer)):
            return False
        allowed = max(self.abs, self.rel * abs(target))
        return abs(answer - target) > 1.01 * allowed + 1e-9 * (abs(target) + abs(answer))


class DateMatch(Record, frozen=True, kw_only=True, tag="date", forbid_unknown_fields=True):
    """The same day, however it is spelled.

    Attributes:
        formats: Further spellings, as `strptime` writes them.
        order: Day or month first in 03/04/2026; without it such a text is no date.
    """

    formats: tuple[str, ...] = ()
    order: DateOrder | None = None

    def refusal(self, target: object) -> str | None:  # noqa: D102
        found = date_of(target, self.formats, self.order)
        return None if found is not None else "is no unambiguous date"

    def similarity(self, target: object, answer: object) -> float:  # noqa: D102
        if isinstance(target, str) and target == answer:
            return 1.0
        expected = date_of(target, self.formats, self.order)
        return float(expected is not None and expected == date_of(answer, self.formats, self.order))


class ListMatch(Record, frozen=True, kw_only=True, tag="list", forbid_unknown_fields=True):
    """Lists by their best assignment of elements.

    Attributes:
        ordered: Compare by position instead.
    """

    ordered: bool = False


class SetMatch(Record, frozen=True, kw_only=True, tag="set", forbid_unknown_fields=True):
    """Lists in which order and repetition mean nothing."""


class ObjectMatch(Record, frozen=True, kw_only=True, tag="object", forbid_unknown_fields=True):
    """Objects field by field: the default for objects."""


class IgnoreMatch(Record, frozen=True, kw_only=True, tag="ignore", forbid_unknown_fields=True):
    """Neither compared nor counted."""


Leaf = ExactMatch | TextMatch | NumberMatch | DateMatch
"""`refusal(target)` says why a target can never be compared; `similarity(target, answer)` is in
[0, 1]."""
Match = Leaf | ListMatch | SetMatch | ObjectMatch | IgnoreMatch

EXACT, NUMBER, TEXT = ExactMatch(), NumberMatch(), TextMatch()
LIST, OBJECT = ListMatch(), ObjectMatch()


def default_match(target: object, answer: object) -> Match:
    """Return how two values are compared where the suite does not say.

    Objects field by field, lists by their best assignment, numbers (against text too) as numbers,
    text as text, all else exactly.
    """
    return _BY_RANK[max(_RANK.get(type(target), 0), _RANK.get(type(answer), 0))]


_BY_RANK: tuple[Match, ...] = (EXACT, TEXT, NUMBER, LIST, OBJECT)
_RANK = {str: 1, int: 2, float: 2, list: 3, dict: 4}
_NUMERIC = (int, float)


def read_matches(matches: Mapping[str, Any], where: str) -> dict[str, Match]:
    """Return the matches of a suite by path; `total: number` is short for `{type: number}`.

    Raises:
        ConfigError: If one is no match.
    """
    read: dict[str, Match] = {}
    for path, match in matches.items():
        here = f"{where}: match of {path!r}"
        try:
            read[path] = msgspec.convert(
                {"type": match} if isinstance(match, str) else match, Match
            )
        except msgspec.ValidationError as error:
            raise ConfigError(
                f"{here}: {error}; types: exact, text, number, date, list, set, object, ignore"
            ) from None
        found = read[path]
        if isinstance(found, NumberMatch):
            check_tolerances(found.abs, found.rel, here)
    return read


def _usual(number: float) -> bool:
    """Return whether a number is finite and of a magnitude that is surely read."""
    return number == 0 or 1e-50 < abs(number) < 1e50


def _spelled(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    return None
