"""CUSUM against a textbook's example, Siegmund's approximation and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats import cusum

# Montgomery, Introduction to Statistical Quality Control, section 9.1; N(10, 1), then N(11, 1)
MONTGOMERY = [
    *(9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.20, 10.34),
    *(9.03, 11.47, 10.51, 9.40, 10.08, 9.37, 10.62, 10.31, 8.52, 10.84),
    *(10.90, 9.33, 12.29, 11.50, 10.60, 11.08, 10.38, 11.62, 11.31, 10.52),
]


def test_the_example_of_montgomery_alarms_at_its_29th_value():
    """C+ = 5.28 after seven values above 0: the shift began after the 22nd; mean 11.25."""
    found = cusum(MONTGOMERY, 10.0, 1.0)
    assert (found.alarm, found.direction, found.start) == (28, "up", 22)
    assert found.upper[28] == pytest.approx(5.28)
    assert round(10.0 + found.shift, 2) == 11.25
    assert found.upper[:6] == pytest.approx((0, 0, 0, 1.16, 2.82, 2.5))
    assert found.lower[:6] == pytest.approx((0.05, 1.56, 1.77, 0, 0, 0))


def mean_run_length(limit, shift, runs=1500):
    """Return the mean number of values up to the alarm, both sides, by simulation."""
    generator = np.random.default_rng(12)
    upper, lower, alive = np.zeros(runs), np.zeros(runs), np.ones(runs, bool)
    total = 0
    while alive.any():
        total += int(alive.sum())
        z = generator.normal(shift, 1.0, runs)
        upper, lower = np.maximum(0, upper + z - 0.5), np.maximum(0, lower - z - 0.5)
        alive &= np.maximum(upper, lower) <= limit
    return total / runs


def siegmund(limit, shift):
    """Return the mean run length, both sides, by Siegmund's (1985) approximation."""
    b = limit + 1.166

    def one_side(drift):
        if drift == 0.0:
            return b * b
        return (math.exp(-2 * drift * b) + 2 * drift * b - 1) / (2 * drift**2)

    return 1 / (1 / one_side(shift - 0.5) + 1 / one_side(-shift - 0.5))


@pytest.mark.parametrize(("limit", "expected"), [(4.0, 168.0), (5.0, 465.0)])
def test_a_false_alarm_comes_as_seldom_as_the_docstring_says(limit, expected):
    """Within 8 % of the textbook by simulation, within 5 % of it by Siegmund's formula."""
    assert mean_run_length(limit, 0.0) == pytest.approx(expected, rel=0.08)
    assert siegmund(limit, 0.0) == pytest.approx(expected, rel=0.05)


def test_a_shift_of_one_deviation_is_found_in_about_ten_values():
    """Simulation, Siegmund and the textbook's 10.4 at the limit 5."""
    assert mean_run_length(5.0, 1.0) == pytest.approx(10.4, rel=0.05)
    assert siegmund(5.0, 1.0) == pytest.approx(10.4, rel=0.05)


def test_the_simulation_is_of_the_function():
    """The recursion that the run lengths are simulated with gives its paths."""
    z = np.random.default_rng(2).normal(0.3, 1.0, 200)
    found, upper, lower = cusum(z, 0.0, 1.0), 0.0, 0.0
    for i, value in enumerate(z):
        upper, lower = max(0.0, upper + value - 0.5), max(0.0, lower - value - 0.5)
        assert (found.upper[i], found.lower[i]) == pytest.approx((upper, lower))


series = st.lists(st.floats(-5, 5), min_size=1, max_size=60)


@given(series)
@settings(deadline=None)
def test_turning_the_series_around_its_target_turns_the_alarm_around(values):
    """Up is down; when and where stay."""
    up, down = cusum(values, 0.0, 1.0), cusum([-v for v in values], 0.0, 1.0)
    assert (up.upper, up.lower) == (down.lower, down.upper)
    assert (up.alarm, up.start) == (down.alarm, down.start)
    assert {up.direction, down.direction} in ({None}, {"up", "down"})


@given(series)
@settings(deadline=None)
def test_another_measure_changes_nothing_but_the_shift(values):
    """Points instead of shares: target, spread and shift times 100."""
    plain = cusum(values, 0.0, 1.0)
    scaled = cusum([100 * v + 700 for v in values], 700.0, 100.0)
    assert plain.upper == pytest.approx(scaled.upper, abs=1e-9)
    if plain.alarm is not None and plain.alarm == scaled.alarm and plain.start == scaled.start:
        assert scaled.shift == pytest.approx(100 * plain.shift, abs=1e-7)


@given(series, st.floats(1.0, 8.0))
@settings(deadline=None)
def test_the_alarm_is_the_first_value_above_the_limit(values, limit):
    """And the start is the first of the values that raised it; later values do not matter."""
    found = cusum(values, 0.0, 1.0, limit=limit)
    above = [max(u, d) > limit for u, d in zip(found.upper, found.lower, strict=True)]
    assert found.alarm == (above.index(True) if True in above else None)
    if found.alarm is None:
        assert (found.direction, found.start, found.shift) == (None, None, None)
        return
    path = found.upper if found.direction == "up" else found.lower
    assert all(path[i] > 0.0 for i in range(found.start, found.alarm + 1))
    assert found.start == 0 or path[found.start - 1] == 0.0
    earlier = cusum(values[: found.alarm + 1], 0.0, 1.0, limit=limit)
    assert (earlier.alarm, earlier.start, earlier.shift) == (found.alarm, found.start, found.shift)


def test_a_series_on_target_never_alarms():
    """Both sums stay at 0."""
    found = cusum([0.9] * 50, 0.9, 0.02)
    assert (found.alarm, set(found.upper), set(found.lower)) == (None, {0.0}, {0.0})


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: cusum([], 0.0, 1.0), "empty"),
        (lambda: cusum([1.0, math.nan], 0.0, 1.0), "finite"),
        (lambda: cusum([1.0], math.nan, 1.0), "target"),
        (lambda: cusum([1.0], 0.0, 0.0), "spread"),
        (lambda: cusum([1.0], 0.0, math.inf), "spread"),
        (lambda: cusum([1.0], 0.0, 1.0, slack=-0.1), "slack"),
        (lambda: cusum([1.0], 0.0, 1.0, limit=0.0), "limit"),
    ],
)
def test_what_is_undefined_raises(call, problem):
    """With what is needed."""
    with pytest.raises(ValueError, match=problem):
        call()
