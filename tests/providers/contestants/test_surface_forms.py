"""Dates and amounts as people write them."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.providers.surface_forms import amounts, dates, read_amount


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1.234,56", 1234.56),
        ("1,234.56", 1234.56),
        ("1'234.50", 1234.5),
        ("1 968,00", 1968.0),
        ("12,5", 12.5),
        ("1.480", 1480.0),
        ("1.234.567", 1234567.0),
        ("0.125", 0.125),
        ("-20.00", -20.0),
        ("−7", -7.0),
        ("42", 42.0),
    ],
)
def test_separators_of_every_country_are_read(written: str, value: float) -> None:
    """The last separator is decimal unless three digits follow it."""
    assert value == read_amount(written)


@given(st.integers(0, 10**8), st.sampled_from([(",", "."), (".", ","), ("'", "."), (" ", ",")]))
def test_grouped_cents_are_read_as_written(cents: int, marks: tuple[str, str]) -> None:
    """Whatever the marks, 1,234.56 is the number that was printed."""
    group, point = marks
    whole, rest = divmod(cents, 100)
    written = f"{whole:,}".replace(",", group) + f"{point}{rest:02d}"
    assert cents / 100 == read_amount(written)
    assert [cents / 100] == [a.value for a in amounts(f"Total {written} €")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("issued 2026-03-12", ["2026-03-12"]),
        ("vom 12.03.2026 bis 31.3.26", ["2026-03-12", "2026-12-03", "2026-03-31"]),
        ("12. März 2026", ["2026-03-12"]),
        ("le 8 octobre 2025", ["2025-10-08"]),
        ("4 de noviembre de 2025", ["2025-11-04"]),
        ("Zierikzee, 21 oktober 2025", ["2025-10-21"]),
        ("March 5, 2026", ["2026-03-05"]),
        ("5 marca 2026 r.", ["2026-03-05"]),
        ("the 3rd of June 2026", ["2026-06-03"]),
        ("2026年3月12日", ["2026-03-12"]),
        ("31/02/2026", []),
        ("version 1.2.3, phone 030 123456", []),
        ("10/07/2025", ["2025-07-10", "2025-10-07"]),
    ],
)
def test_dates_are_found_in_many_forms(text: str, found: list[str]) -> None:
    """Where both orders are possible both are told; a day that does not exist is none."""
    assert found == [d.value for d in dates(text)]


@given(st.dates(dt.date(1970, 1, 1), dt.date(2069, 12, 31)))
def test_every_day_is_found_in_its_own_order(day: dt.date) -> None:
    """Day first, month first, ISO: the day itself is always among the readings."""
    for text in (f"{day:%d.%m.%Y}", f"{day:%m/%d/%Y}", f"{day:%Y-%m-%d}", f"{day:%d %B %Y}"):
        assert day.isoformat() in [d.value for d in dates(text)]


def test_offsets_are_those_of_the_text() -> None:
    """A find can be cut out of the text."""
    text = "Total 1 234,50 EUR due 3 June 2026."
    cut = [text[f.start : f.end] for f in (*amounts("Total 1 234,50 EUR"), *dates(text))]
    assert cut == ["1 234,50", "3 June 2026"]
