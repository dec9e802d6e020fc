"""Sizes and powers against the formulas' definitions, statsmodels and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.power import NormalIndPower

from evalkit.stats import (
    mcnemar_midp,
    minimum_detectable_effect,
    needed_units,
    noninferiority,
    sample_size_noninferiority,
)


@pytest.mark.parametrize("margin", [1e-200, 1e-160, 5e-324])
def test_a_margin_that_no_number_of_samples_reaches_raises(margin):
    """Neither a division by zero nor an infinite number of samples."""
    with pytest.raises(ValueError, match="no number of samples shows it"):
        sample_size_noninferiority(0.1, margin)


@pytest.mark.parametrize(
    ("discordance", "size"), [(0.08, 198.0), (0.15, 371.0), (0.25, 619.0), (0.105, 260.0)]
)
def test_a_margin_of_five_points_needs_2473_times_the_discordance(discordance, size):
    """(1.645 + 0.842)² / 0.05² = 2473."""
    assert sample_size_noninferiority(discordance, 0.05) == size
    assert size == math.ceil(2473.02 * discordance)


@given(st.floats(0.02, 0.6), st.floats(0.02, 0.2), st.floats(0.01, 0.2), st.floats(0.55, 0.95))
@settings(deadline=None)
def test_the_size_is_the_least_with_the_power_of_a_one_sided_z_test(spread, margin, alpha, power):
    """statsmodels' NormalIndPower with one sample of variance `discordance` is the oracle."""
    size = sample_size_noninferiority(spread, margin, alpha, power)
    effect = margin / math.sqrt(spread)

    def reached(n):
        oracle = NormalIndPower(ddof=0)
        return oracle.power(effect, n, alpha, ratio=0, alternative="larger")

    assert reached(size) >= power - 1e-9
    assert size == 1.0 or reached(size - 1) < power + 1e-9


@pytest.mark.parametrize(("discordance", "difference"), [(0.15, 0.0), (0.10, -0.02), (0.2, 0.04)])
def test_that_many_samples_give_the_power_that_was_asked_for(discordance, difference):
    """3,000 runs of `noninferiority` pass in 80 % ± 4 of them."""
    n = int(sample_size_noninferiority(discordance, 0.05, difference=difference))
    gained, lost = (discordance + difference) / 2, (discordance - difference) / 2
    tables = np.random.default_rng(8).multinomial(n, [gained, lost, 1 - discordance], 3000)
    passed = sum(noninferiority(b, c, n, 0.05).verdict == "pass" for b, c, _ in tables.tolist())
    assert passed / 3000 == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize(
    ("n", "points"), [(50, 17.7), (100, 12.5), (200, 8.9), (500, 5.6), (1000, 4.0)]
)
def test_twenty_percent_discordance_shows_these_effects(n, points):
    """2.80 sqrt(0.2 / n), in points."""
    assert round(100 * minimum_detectable_effect(0.2, n), 1) == points


def test_the_detectable_effect_is_found_about_as_often_as_was_asked_for():
    """McNemar's mid-p rejects in 80 % ± 5 of 3,000 runs at that difference."""
    effect = minimum_detectable_effect(0.2, 400)
    tables = np.random.default_rng(9).multinomial(
        400, [(0.2 + effect) / 2, (0.2 - effect) / 2, 0.8], 3000
    )
    found = sum(mcnemar_midp(b, c) < 0.05 for b, c, _ in tables.tolist())
    assert found / 3000 == pytest.approx(0.8, abs=0.05)


def test_units_that_vary_need_the_normal_size_and_equal_ones_the_rule_of_three():
    """log(.05) / log(.95) = 58.4; the larger of both counts."""
    z = 1.6448536 + 0.8416212
    assert needed_units(0.3, 0.05) == math.ceil((z * 0.3 / 0.05) ** 2)
    assert needed_units(0.0, 0.05) == needed_units(0.05, 0.05) == 59.0
    assert needed_units(0.0, 1.0) == needed_units(0.0, 12.0) == 1.0
    assert needed_units(12.0, 3.0, power=0.9) == 138.0


def test_a_mean_clears_its_limit_with_the_power_that_was_asked_for():
    """3,000 samples of that many units: bounds at 95 % are above the limit in 80 % ± 3."""
    n = int(needed_units(0.4, 0.1))
    x = np.random.default_rng(3).normal(0.1, 0.4, (3000, n))
    bound = x.mean(axis=1) - 1.6448536 * 0.4 / math.sqrt(n)
    assert (bound > 0).mean() == pytest.approx(0.8, abs=0.03)


@given(st.floats(0.01, 1.0), st.integers(2, 5000))
@settings(deadline=None)
def test_more_of_what_helps_needs_fewer_samples(discordance, n):
    """Larger margins, larger alpha and lower power; an effect falls with n."""
    size = sample_size_noninferiority(discordance, 0.05)
    assert sample_size_noninferiority(discordance, 0.06) <= size
    assert sample_size_noninferiority(discordance, 0.05, alpha=0.1) <= size
    assert sample_size_noninferiority(discordance, 0.05, power=0.7) <= size
    assert sample_size_noninferiority(discordance, 0.05, difference=0.01) <= size
    assert needed_units(discordance, 0.1) <= needed_units(discordance, 0.05)
    if 1.25 * 2.8016 * math.sqrt(discordance / n) < discordance:
        more = minimum_detectable_effect(discordance, 2 * n)
        assert more == pytest.approx(minimum_detectable_effect(discordance, n) / math.sqrt(2))


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: sample_size_noninferiority(0.0, 0.05), "discordance"),
        (lambda: sample_size_noninferiority(1.2, 0.05), "discordance"),
        (lambda: sample_size_noninferiority(math.nan, 0.05), "discordance"),
        (lambda: sample_size_noninferiority(0.15, 5), "margin"),
        (lambda: sample_size_noninferiority(0.15, 0.05, alpha=0.5), "alpha"),
        (lambda: sample_size_noninferiority(0.15, 0.05, power=0.3), "power"),
        (lambda: sample_size_noninferiority(0.15, 0.05, difference=0.2), "within the discordance"),
        (lambda: sample_size_noninferiority(0.15, 0.05, difference=-0.05), "no number"),
        (lambda: sample_size_noninferiority(0.15, 0.0), "no number"),
        (lambda: minimum_detectable_effect(0.2, 0), "at least 1"),
        (lambda: minimum_detectable_effect(0.0, 100), "discordance"),
        (lambda: minimum_detectable_effect(0.2, 39), "exceed the discordance"),
        (lambda: minimum_detectable_effect(0.2, 100, alpha=1.0), "alpha"),
        (lambda: minimum_detectable_effect(0.2, 100, power=1.0), "power"),
        (lambda: needed_units(0.3, 0.0), "distance"),
        (lambda: needed_units(0.3, -0.1), "distance"),
        (lambda: needed_units(0.3, math.nan), "distance"),
        (lambda: needed_units(-0.3, 0.1), "spread"),
        (lambda: needed_units(math.nan, 0.1), "spread"),
        (lambda: needed_units(0.3, 0.1, alpha=0.0), "alpha"),
    ],
)
def test_what_is_undefined_raises(call, problem):
    """With what was wrong and what is allowed."""
    with pytest.raises(ValueError, match=problem):
        call()
