"""Scores of routers, against closed forms and scipy's hull."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from evalkit.stats.routing import (
    average_recovered_gap,
    call_threshold,
    cost_quality_area,
    recovered_gap,
    upper_hull,
)

POINTS = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=3, max_size=15, unique=True
)


@given(POINTS)
def test_the_hull_is_scipys_upper_one(points: list[tuple[int, int]]) -> None:
    """Its vertices from the best of the cheapest up to the best of all."""
    array = np.array(points, dtype=float)
    centred = array - array.mean(axis=0)
    if np.linalg.matrix_rank(centred) < 2:
        return
    vertices = {tuple(array[i]) for i in ConvexHull(array).vertices}
    found = [points[i] for i in upper_hull(array[:, 0].tolist(), array[:, 1].tolist())]
    assert set(found) <= vertices
    top = max(points, key=lambda p: (p[1], -p[0]))
    cheapest = max((p for p in points if p[0] == min(q[0] for q in points)), key=lambda p: p[1])
    assert found[0] == cheapest
    assert found[-1] == top
    for x, y in points:
        xs, ys = zip(*found, strict=True)
        assert y <= np.interp(x, xs, ys) + 1e-9


def test_a_random_router_recovers_half() -> None:
    """Along the straight line from weak to strong."""
    calls = np.linspace(0, 1, 101)
    gap = recovered_gap(0.6 + 0.2 * calls, 0.6, 0.8)
    assert average_recovered_gap(calls, gap) == pytest.approx(0.5)
    assert call_threshold(calls, gap, 0.8) == pytest.approx(0.8)


def test_a_perfect_router_recovers_all_at_once() -> None:
    """With a fifth of the calls, where a fifth of the samples need the strong model."""
    calls = np.linspace(0, 1, 1001)
    gap = np.minimum(1.0, calls / 0.2)
    assert average_recovered_gap(calls, gap) == pytest.approx(0.9)
    assert call_threshold(calls, gap, 0.5) == pytest.approx(0.1)


def test_what_is_never_reached_has_no_threshold() -> None:
    """None, not 1."""
    assert call_threshold([0.0, 1.0], [0.0, 0.7], 0.8) is None


def test_without_a_gap_there_is_nothing_to_recover() -> None:
    """The weak one is as good."""
    with pytest.raises(ValueError, match="no gap"):
        recovered_gap([0.5], 0.8, 0.8)


def test_the_area_is_that_of_a_trapezium() -> None:
    """Nothing below the cheapest, the best beyond the dearest."""
    assert cost_quality_area([1.0, 3.0], [0.5, 0.9], 0.0, 4.0) == pytest.approx((1.4 + 0.9) / 4)
    assert cost_quality_area([1.0], [0.5], 0.0, 2.0) == pytest.approx(0.25)


@pytest.mark.parametrize(("cost", "low", "high"), [([], 0.0, 1.0), ([1.0], 1.0, 1.0)])
def test_an_empty_range_is_refused(cost: list[float], low: float, high: float) -> None:
    """And no point."""
    with pytest.raises(ValueError, match="range of costs"):
        cost_quality_area(cost, [0.5] * len(cost), low, high)
