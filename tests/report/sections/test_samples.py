"""The page's data block: short columns that lose nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.sections.samples import coded, column

VALUES = st.none() | st.integers(-3, 3) | st.floats(0, 1, width=16)


def at(short: Any, place: int) -> Any:
    """Read a column as the page's script does."""
    if isinstance(short, list):
        return short[place]
    return short["from"] + place if isinstance(short, dict) else short


@given(st.lists(VALUES) | st.integers(-5, 5).map(lambda start: list(range(start, start + 9))))
def test_a_column_is_read_back_as_it_was(values: list[Any]) -> None:
    """Whichever of the three forms it takes."""
    assert values == [at(column(values), place) for place in range(len(values))]


@given(st.lists(st.sampled_from(["ok", "error", None])))
def test_words_are_read_back_as_they_were(values: list[str | None]) -> None:
    """Each word once."""
    short = coded(values)
    assert values == [short["words"][at(short["codes"], place)] for place in range(len(values))]
    assert len(set(short["words"])) == len(short["words"])


def test_columns_that_say_little_are_short() -> None:
    """A page of ten thousand trials is to stay small."""
    assert column([1] * 10_000) == 1
    assert column(list(range(7, 10_007))) == {"from": 7}
