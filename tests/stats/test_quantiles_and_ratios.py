"""Quantiles by order statistics and Fieller's ratio, against textbook values and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from evalkit.stats import fieller, quantile_interval


@pytest.mark.parametrize(
    ("n", "q", "ranks"), [(50, 0.95, (44, None)), (150, 0.95, (137, 148)), (1, 0.5, (None, None))]
)
def test_quantile_ranks_are_the_textbook_ones(n, q, ranks):
    """n = 50: 44..51, and 51 does not exist; n = 150: 137..148."""
    found = quantile_interval(range(1, n + 1), q)
    low, high = ranks
    assert (low or -math.inf, high or math.inf) == (found.low, found.high)


@pytest.mark.parametrize(("n", "exists"), [(367, False), (368, True)])
def test_p99_has_an_upper_bound_from_368_values_on(n, exists):
    """0.99^n <= 0.025 from 368 on."""
    assert exists == math.isfinite(quantile_interval(range(n), 0.99).high)


def test_quantile_limits_agree_with_scipy():
    """scipy's quantile_test is the oracle."""
    x = np.random.default_rng(2).lognormal(size=321)
    for q in (0.5, 0.9, 0.95):
        expected = stats.quantile_test(x, p=q).confidence_interval()
        found = quantile_interval(x, q)
        assert (expected.low, expected.high) == (found.low, found.high)
        assert float(np.quantile(x, q)) == found.estimate


def test_the_quantile_interval_covers():
    """Lognormal p95 at n = 150: at least 94 % of 600."""
    generator, truth = np.random.default_rng(4), math.exp(stats.norm.ppf(0.95))
    hits = 0
    for _ in range(600):
        found = quantile_interval(generator.lognormal(size=150), 0.95)
        hits += found.low <= truth <= found.high
    assert hits / 600 >= 0.94


def test_copies_in_one_cluster_add_nothing_to_a_quantile():
    """Every value four times, clustered, is about as wide as the values themselves."""
    x = np.random.default_rng(6).lognormal(size=300)
    groups = np.tile(np.arange(300), 4)
    once = quantile_interval(x, 0.5)
    copied = quantile_interval(np.tile(x, 4), 0.5, clusters=groups)
    naive = quantile_interval(np.tile(x, 4), 0.5)
    assert (copied.n, copied.method) == (300, "order-statistics-clusters")
    assert copied.high - copied.low == pytest.approx(once.high - once.low, rel=0.2)
    assert naive.high - naive.low < 0.7 * (copied.high - copied.low)


def test_a_quantile_of_one_cluster_has_no_limits():
    """One independent unit bounds nothing."""
    found = quantile_interval([1.0, 2.0, 3.0], 0.5, clusters=["a", "a", "a"])
    assert (-math.inf, math.inf, 1) == (found.low, found.high, found.n)


@pytest.mark.parametrize("q", [0.0, 1.0, 95])
def test_a_quantile_that_is_no_share_raises(q):
    """95 is not 0.95."""
    with pytest.raises(ValueError, match="q must"):
        quantile_interval([1.0, 2.0], q)


def test_fieller_solves_its_own_equation():
    """At both limits the standardised difference equals t."""
    generator = np.random.default_rng(8)
    success = (generator.random(80) < 0.7) * 1.0
    cost = generator.gamma(2.0, 1.0, 80) + success
    found = fieller(cost, success)
    t = stats.t.ppf(0.975, 79)
    for limit in (found.low, found.high):
        gap = cost - limit * success
        assert abs(gap.mean()) / (gap.std(ddof=1) / math.sqrt(80)) == pytest.approx(t)
    assert found.estimate == pytest.approx(cost.sum() / success.sum())


def test_fieller_covers():
    """True cost per success 2 / 0.6, n = 60: at least 93 % of 500."""
    generator, hits = np.random.default_rng(9), 0
    for _ in range(500):
        success = (generator.random(60) < 0.6) * 1.0
        found = fieller(generator.gamma(2.0, 1.0, 60), success)
        hits += found.low <= 2 / 0.6 <= found.high
    assert hits / 500 >= 0.93


@pytest.mark.parametrize(
    ("cost", "success", "problem"),
    [
        ([1.0, 1.0], [0.0, 0.0], "no success"),
        ([1.0, 2.0, 1.0, 2.0], [1.0, 0.0, 0.0, 0.0], "not significantly"),
        ([1.0], [1.0], "two independent"),
        ([1.0, 2.0], [1.0], "shape"),
    ],
)
def test_a_ratio_that_cannot_be_estimated_raises(cost, success, problem):
    """Never 0, never infinite in silence."""
    with pytest.raises(ValueError, match=problem):
        fieller(cost, success)


def test_fieller_counts_clusters():
    """Copies in a cluster leave the interval unchanged."""
    cost, success = [1.0, 2.0, 1.5, 3.0, 2.0, 1.0], [1.0, 1.0, 0.0, 1.0, 1.0, 1.0]
    once = fieller(cost, success)
    copied = fieller(cost * 2, success * 2, clusters=list("abcdef") * 2)
    assert (once.low, once.high, 6) == pytest.approx((copied.low, copied.high, copied.n))
