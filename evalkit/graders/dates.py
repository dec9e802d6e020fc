"""Calendar dates in the spellings that documents use.

Only unambiguous spellings are read: 03/04/2026 needs to be told its order. This module does not
know times of day, calendars other than the Gregorian, or relative dates.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

DateOrder = Literal["dmy", "mdy"]

_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ]\d{1,2}:\d{2}.*)?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_YEAR_LAST = re.compile(r"(\d{1,2})\s?([-/.])\s?(\d{1,2})\s?[-/.]\s?(\d{4})")
_DAY_WORD = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th|er|º|\.)?\s+(?:of\s+|de\s+)?([^\W\d]+)\.?,?\s+(?:de\s+)?(\d{4})"
)
_WORD_DAY = re.compile(r"([^\W\d]+)\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})")
_MONTHS = (  # en de fr es it nl pt, whole words and their usual abbreviations
    "jan january januar janvier enero gennaio januari janeiro ene gen janv jänner",
    "feb february februar février febrero febbraio februari fevereiro fev févr",
    "mar march märz mars marzo maart março mär mrz mrt",
    "apr april avril abril aprile abr avr",
    "may mai mayo maggio mei maio mag",
    "jun june juni juin junio giugno junho giu",
    "jul july juli juillet julio luglio julho lug juil",
    "aug august août agosto augustus ago",
    "sep sept september septembre septiembre settembre setembro set",
    "oct okt october oktober octobre octubre ottobre outubro ott out",
    "nov november novembre noviembre novembro",
    "dec dez dic december dezember décembre diciembre dicembre dezembro déc",
)
_MONTH = {word: number for number, words in enumerate(_MONTHS, 1) for word in words.split()}


def date_of(
    value: object, formats: Sequence[str] = (), order: DateOrder | None = None
) -> dt.date | None:
    """Return the date that a text spells, None where it spells none or leaves its order open.

    Args:
        value: Anything; a text that spells a date, or a date itself. A time of day behind it is
            ignored.
        formats: Further spellings, as `datetime.strptime` writes them; tried first.
        order: Whether day or month comes first where the year stands last, as in 03/04/2026. With
            points (03.04.2026) the day comes first unless told otherwise.

    >>> date_of("2 January 2026"), date_of("31.01.2026"), date_of("03/04/2026")
    (datetime.date(2026, 1, 2), datetime.date(2026, 1, 31), None)
    """
    if isinstance(value, dt.date):
        return value.date() if isinstance(value, dt.datetime) else value
    if not isinstance(value, str) or len(value) > 60:
        return None
    return _read(value, tuple(formats), order)


@lru_cache(maxsize=4096)
def _read(value: str, formats: tuple[str, ...], order: DateOrder | None) -> dt.date | None:
    text = " ".join(value.split())
    for pattern in formats:
        try:
            return dt.datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a date, no instant
        except ValueError:
            continue
    if match := _YEAR_FIRST.fullmatch(text) or _COMPACT.fullmatch(text):
        return _date(match[1], match[2], match[3])
    if match := _YEAR_LAST.fullmatch(text):
        return _year_last(match, order)
    text = re.sub(r"^[^\W\d]+,\s*", "", text)  # a weekday
    if match := _DAY_WORD.fullmatch(text):
        return _date(match[3], _MONTH.get(match[2].casefold()), match[1])
    if match := _WORD_DAY.fullmatch(text):
        return _date(match[3], _MONTH.get(match[1].casefold()), match[2])
    return None


def _year_last(match: re.Match[str], order: DateOrder | None) -> dt.date | None:
    first, second, year = match[1], match[3], match[4]
    if order is None:
        if int(first) > 12 or match[2] == "." or first == second:
            order = "dmy"
        elif int(second) > 12:
            order = "mdy"
        else:
            return None
    return _date(year, second, first) if order == "dmy" else _date(year, first, second)


def _date(year: str, month: str | int | None, day: str) -> dt.date | None:
    if month is None:
        return None
    try:
        return dt.date(int(year), int(month), int(day))
    except ValueError:
        return None
