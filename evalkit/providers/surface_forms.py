"""Dates and amounts as people write them, found in a text and read as values.

`1.234,56` is 1234.56 and `12. März 2026` is 2026-03-12. It does not know which of them a schema
asks for.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import NamedTuple

_SPACE = "[ \u00a0\u2009\u202f]"
_AMOUNT = re.compile(
    rf"(?<![\w.,])[-−]?(?:\d{{1,3}}(?:(?:[.,'’]|{_SPACE})\d{{3}})+(?:[.,]\d{{1,2}})?|\d+(?:[.,]\d+)?)(?!\w)"
)
_ISO = re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_NUMERIC = re.compile(r"(?<!\d)(\d{1,2})([-/.] ?)(\d{1,2})\2(\d{4}|\d{2})(?!\d)")
_DAY_MONTH = re.compile(
    r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|er|º|\.)?[ -]*(?:of |de )?([^\W\d_]{3,10})\.?,?[ -]+"
    r"(?:de |del )?(\d{4})(?!\d)",
    re.IGNORECASE,
)
_MONTH_DAY = re.compile(
    r"\b([^\W\d_]{3,10})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})(?!\d)", re.IGNORECASE
)
_KANJI = re.compile(r"(\d{4})年 ?(\d{1,2})月 ?(\d{1,2})日")
# Stems by which a month's name begins in English, German, French, Spanish, Italian, Dutch,
# Portuguese and Polish; the first that fits counts, so longer ones stand before their starts.
_MONTHS: tuple[tuple[str, int], ...] = (
    ("janv", 1), ("jan", 1), ("jän", 1), ("ene", 1), ("gen", 1),
    ("feb", 2), ("fév", 2), ("fev", 2),
    ("mar", 3), ("mär", 3), ("maa", 3), ("mrt", 3), ("mrz", 3),
    ("apr", 4), ("avr", 4), ("abr", 4),
    ("may", 5), ("mai", 5), ("mag", 5), ("mei", 5),
    ("juin", 6), ("jun", 6), ("giu", 6),
    ("juil", 7), ("jul", 7), ("lug", 7),
    ("aug", 8), ("aoû", 8), ("aou", 8), ("ago", 8),
    ("sep", 9), ("set", 9),
    ("oct", 10), ("okt", 10), ("ott", 10), ("out", 10),
    ("nov", 11),
    ("dec", 12), ("dez", 12), ("déc", 12), ("dic", 12),
    ("sty", 1), ("lut", 2), ("kwi", 4), ("maj", 5), ("cze", 6), ("lip", 7), ("sie", 8),
    ("wrz", 9), ("paź", 10), ("lis", 11), ("gru", 12),
)  # fmt: skip


class Found(NamedTuple):
    """A value and where it stands: character offsets, the end exclusive.

    `form` tells how it was written: `number`, or for dates `named`, `iso`, `dmy`, `mdy`.
    """

    start: int
    end: int
    value: float | str
    form: str


def amounts(text: str) -> Iterator[Found]:
    """Iterate over the numbers of a text."""
    for match in _AMOUNT.finditer(text):
        yield Found(match.start(), match.end(), read_amount(match.group()), "number")


def read_amount(written: str) -> float:
    """Return a written number; the last separator is decimal unless three digits follow it.

    >>> [read_amount(t) for t in ("1.234,56", "1,234.56", "1'234", "12,5", "1 234 567", "0.125")]
    [1234.56, 1234.56, 1234.0, 12.5, 1234567.0, 0.125]
    """
    digits = re.sub(rf"['’]|{_SPACE}", "", written).replace("−", "-")
    last = max(digits.rfind("."), digits.rfind(","))
    if last < 0:
        return float(digits)
    mark = digits[last]
    whole, fraction = digits[:last], digits[last + 1 :]
    grouped = len(fraction) == 3 and whole.lstrip("-") not in ("", "0")
    if digits.count(mark) > 1 or (grouped and not re.search("[.,]", whole)):
        return float(re.sub("[.,]", "", digits))
    return float(re.sub("[.,]", "", whole) + "." + fraction)


def dates(text: str) -> Iterator[Found]:
    """Iterate over the dates of a text as ISO 8601 days.

    03/04/2026 is yielded twice, as `dmy` and as `mdy`: which one it is, the text does not say.
    """
    taken: list[tuple[int, int]] = []
    for match, day, form in _written_dates(text):
        span = match.span()
        overlaps = any(
            span[0] < end and start < span[1] for start, end in taken if (start, end) != span
        )
        value = _iso(*day)
        if value is not None and not overlaps:
            taken.append(span)
            yield Found(*span, value, form)


def _written_dates(text: str) -> Iterator[tuple[re.Match[str], tuple[int, int, int], str]]:
    for match in (*_ISO.finditer(text), *_KANJI.finditer(text)):
        year, month, day = (int(g) for g in match.groups())
        yield match, (year, month, day), "iso"
    for match in _DAY_MONTH.finditer(text):
        if number := _month(match.group(2)):
            yield match, (int(match.group(3)), number, int(match.group(1))), "named"
    for match in _MONTH_DAY.finditer(text):
        if number := _month(match.group(1)):
            yield match, (int(match.group(3)), number, int(match.group(2))), "named"
    for match in _NUMERIC.finditer(text):
        first, second, year = int(match.group(1)), int(match.group(3)), int(match.group(4))
        year = year + 2000 if year < 100 else year
        yield match, (year, second, first), "dmy"
        if first != second:
            yield match, (year, first, second), "mdy"


def _iso(year: int, month: int, day: int) -> str | None:
    try:
        return dt.date(year, month, day).isoformat()
    except ValueError:  # 31/02, or a version number that looks like a date
        return None


def _month(word: str) -> int | None:
    lowered = word.lower()
    return next((number for stem, number in _MONTHS if lowered.startswith(stem)), None)
