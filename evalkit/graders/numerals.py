"""Numbers in text, as people and models of several countries write them.

All arithmetic is decimal. This module does not know targets, tolerances or scores.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Literal, NamedTuple

DecimalMark = Literal["auto", ".", ","]
MAX_DIGITS = 60
"""Longer digit strings, and magnitudes beyond 1e±60, are codes or accidents: passed over."""

MAX_UNIT_LETTERS = 12

_SPACES = " \u00a0\u202f\u2009"  # plain, no-break, narrow no-break, thin
_CURRENCY = (
    r"(?:[$€£¥₹₽₩₺₴₪฿]|\b(?:usd|eur|gbp|chf|jpy|inr|cny|rmb|sek|nok|dkk|pln|czk|brl|cad|aud|rs)"
    r"(?![a-z])\.?)"
)
_BODY = rf"(?:[0-9]++(?:[.,'’_{_SPACES}][0-9]++)*+|[.,][0-9]++)"
_NUMERAL = re.compile(
    rf"(?P<open>\()?(?<![\w.,/])(?P<before>[-−–+])?(?P<currency>{_CURRENCY}\s?)?(?P<after>[-−+])?"
    rf"(?P<body>{_BODY})\.?+"
    r"(?:[eE](?P<e>[-+−]?[0-9]{1,9})(?!\w)|\s?(?:[×x*·]|\\times|\\cdot)\s?10"
    r"(?:\^\{?(?P<power>[-+−]?[0-9]{1,9})\}?|(?P<super>[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,9})))?"
    r"(?P<fraction>/[0-9]++(?![/.,:][0-9]))?(?P<vulgar>[¼-¾⅐-⅞])?(?![A-Za-z_]++[0-9])"
    r"(?P<scale>\s?(?:thousand|million|billion|trillion)\b)?"
    rf"(?P<percent>\s?(?:%|％|\\%|percent\b|per cent\b))?(?P<close>\s?{_CURRENCY}?\s?\))?",
    re.IGNORECASE,
)
_SCALES = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_NOT_NUMBERS = re.compile(
    r"\b[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}\b|\b[0-9]{1,4}/[0-9]{1,2}/[0-9]{1,4}\b"
    r"|\b[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4}\b|\b[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?\b"
)
_LATEX_FRACTION = re.compile(r"\\[dt]?frac\{([-−]?[0-9]{1,30})\}\{([0-9]{1,30})\}")
_LATEX_SPACE = re.compile(r"\{,\}|(?<=[0-9])\\[,;!](?=[0-9])")
_BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\}){0,500})\}")
_INDIAN = re.compile(r"[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}")
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")


class Reading(NamedTuple):
    """How numerals are read.

    Attributes:
        decimal: The decimal mark; `auto` judges each numeral by itself (docs/graders/number.md).
        percent_as_fraction: "12%" is 0.12, else 12.
        parentheses_negative: "(1,234)" is -1234, as accountants write.
    """

    decimal: DecimalMark = "auto"
    percent_as_fraction: bool = False
    parentheses_negative: bool = False


def numbers_in(text: str, reading: Reading = Reading()) -> Iterator[Decimal]:  # noqa: B008 - frozen
    r"""Yield the numbers of a text in order.

    Dates, times and numerals inside words are no numbers. `\boxed{}`, where the text has one, is
    all that is read: its last.

    >>> [str(n) for n in numbers_in("Of 1,234.5 EUR (2026-01-02) about 12% or 3/4.")]
    ['1234.5', '12', '0.75']
    """
    text = _prepared(text)
    for match in _NUMERAL.finditer(text):
        body = match["body"]
        if (number := _decimal(body, reading.decimal)) is not None:
            value = _value(match, number, reading)
            if value is not None:
                yield value
        elif any(space in body for space in _SPACES):
            parts = re.split(f"[{_SPACES}]", body)  # "in 2020 100 people": two numbers
            yield from (n for part in parts if (n := _decimal(part, reading.decimal)) is not None)


def number_of(value: object, reading: Reading = Reading()) -> Decimal | None:  # noqa: B008 - frozen
    """Return the number that a JSON value is, or that a text is apart from unit and currency.

    None for truth values, for text with no number or with several.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _within_reach(Decimal(repr(value))) if value == value else None
    return _spelled(value, reading) if isinstance(value, str) and len(value) <= 200 else None


@lru_cache(maxsize=4096)
def _spelled(value: str, reading: Reading) -> Decimal | None:
    found = list(numbers_in(value, reading))
    words = sum(c.isalpha() for c in value)
    return found[0] if len(found) == 1 and words <= MAX_UNIT_LETTERS else None


def _prepared(text: str) -> str:
    if not text.isascii():
        text = "".join(
            str(unicodedata.decimal(c)) if not c.isascii() and c.isdecimal() else c for c in text
        )
    if "\\" in text or "{,}" in text:
        boxed = _BOXED.findall(text)
        text = _LATEX_SPACE.sub("", boxed[-1] if boxed else text)
        text = _LATEX_FRACTION.sub(r" \1/\2 ", text)
    return _NOT_NUMBERS.sub(" ; ", text)


def _value(match: re.Match[str], number: Decimal, reading: Reading) -> Decimal | None:
    if match["vulgar"]:
        return None
    exponent = match["e"] or match["power"] or (match["super"] or "").translate(_SUPERSCRIPT)
    if exponent:
        shift = int(exponent.replace("−", "-"))
        if abs(shift) > MAX_DIGITS:
            return None
        number = number.scaleb(shift)
    if match["fraction"]:
        divisor = Decimal(match["fraction"][1:])
        if not divisor or divisor.adjusted() > MAX_DIGITS:
            return None
        number /= divisor
    if match["scale"]:
        number = number.scaleb(_SCALES[match["scale"].strip().lower()])
    if match["percent"] and reading.percent_as_fraction:
        number /= 100
    return _within_reach(-number if _is_negative(match, reading) else number)


def _is_negative(match: re.Match[str], reading: Reading) -> bool:
    signs = (match["before"] or "") + (match["after"] or "")
    if signs and signs[0] in "-−–":
        return True
    return reading.parentheses_negative and bool(match["open"] and match["close"])


def _within_reach(number: Decimal) -> Decimal | None:
    if not number.is_finite():
        return None
    return number if not number or abs(number.adjusted()) <= MAX_DIGITS else None


def _decimal(body: str, mark: DecimalMark) -> Decimal | None:
    """Read digits with separators; None where they are no number (1.2.3, 12,34,5)."""
    if len(body) > MAX_DIGITS * 2:
        return None
    body = re.sub(rf"[{_SPACES}’_]", "'", body)
    mark = _mark(body) if mark == "auto" else mark
    whole, _, part = body.partition(mark) if mark != "auto" else (body, "", "")
    if not part.isdigit() and part:
        return None
    digits = _ungrouped(whole)
    if digits is None or len(digits) + len(part) > MAX_DIGITS:
        return None
    return Decimal(f"{digits or 0}.{part}" if part else digits)


def _mark(body: str) -> DecimalMark:
    """Judge which of point and comma is the decimal mark of one numeral; `auto` for none."""
    points, commas = body.count("."), body.count(",")
    if points and commas:
        return "." if body.rfind(".") > body.rfind(",") else ","
    if points == 1:
        return "."
    if commas == 1:
        whole, _, part = body.partition(",")
        groups = len(part) == 3 and 1 <= len(whole) <= 3 and whole != "0"
        return "auto" if groups or ("'" in whole and len(part) == 3) else ","
    return "auto"


def _ungrouped(whole: str) -> str | None:
    if not whole or whole.isdigit():
        return whole
    separators = {c for c in whole if not c.isdigit()}
    if len(separators) > 1:
        return None
    first, *groups = re.split(r"[.,']", whole)
    if all(len(group) == 3 for group in groups) and 1 <= len(first) <= 3:
        return first + "".join(groups)
    return whole.replace(",", "") if _INDIAN.fullmatch(whole) else None
