"""The Pareto front against its definition."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.frontier import pareto_front

PAIRS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12)


@given(PAIRS)
def test_the_front_is_what_nothing_dominates(pairs: list[tuple[int, int]]) -> None:
    """By the definition, pair by pair."""
    expected = {
        i
        for i, (x, y) in enumerate(pairs)
        if not any(a <= x and b >= y and (a, b) != (x, y) for a, b in pairs)
    }
    assert expected == set(pareto_front([x for x, _ in pairs], [y for _, y in pairs]))


@given(PAIRS)
def test_the_front_rises(pairs: list[tuple[int, int]]) -> None:
    """From the cheapest, quality never falls."""
    found = [pairs[i] for i in pareto_front([x for x, _ in pairs], [y for _, y in pairs])]
    assert sorted(found) == found
    assert [y for _, y in found] == sorted(y for _, y in found)


@pytest.mark.parametrize(
    ("cost", "quality"), [([1.0], []), ([math.nan], [1.0]), ([1.0], [math.inf])]
)
def test_what_has_no_order_is_refused(cost: list[float], quality: list[float]) -> None:
    """Lengths that differ, and numbers that are none."""
    with pytest.raises(ValueError, match="cost and quality"):
        pareto_front(cost, quality)
