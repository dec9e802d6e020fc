"""Rates and means against textbook values, scipy and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from evalkit.stats import clopper_pearson, mean_interval, wilson
from evalkit.stats.bounded import _grouped, _log_tail
from evalkit.stats.distributions import (
    beta_cdf,
    beta_quantile,
    binomial_cdf,
    binomial_quantile,
    normal_quantile,
    t_quantile,
)

COUNTS = [(0, 1), (1, 1), (0, 20), (20, 20), (8, 10), (98, 100), (1, 1000), (40_000, 100_000)]


def test_wilson_gives_the_textbook_value():
    """8 of 10: (0.4902, 0.9433)."""
    found = wilson(8, 10)
    assert (round(found.low, 4), round(found.high, 4)) == (0.4902, 0.9433)
    assert (found.method, found.n, found.estimate) == ("wilson", 10, 0.8)


@pytest.mark.parametrize(("k", "n"), COUNTS)
@pytest.mark.parametrize("level", [0.8, 0.95, 0.999])
def test_rates_agree_with_scipy(k, n, level):
    """scipy's binomtest is the oracle for both."""
    oracle = stats.binomtest(k, n)
    for ours, method in ((wilson, "wilson"), (clopper_pearson, "exact")):
        expected = oracle.proportion_ci(level, method=method)
        found = ours(k, n, level)
        assert found.low == pytest.approx(expected.low, abs=1e-9)
        assert found.high == pytest.approx(expected.high, abs=1e-9)


def test_no_failure_in_n_has_the_exact_upper_bound():
    """0 of n: upper = 1 - (a/2)^(1/n)."""
    assert clopper_pearson(0, 50).high == pytest.approx(1 - 0.025 ** (1 / 50))


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (0, 0)])
@pytest.mark.parametrize("rate", [wilson, clopper_pearson])
def test_impossible_counts_raise(rate, k, n):
    """A rate of nothing is undefined."""
    with pytest.raises(ValueError, match="successes"):
        rate(k, n)


@pytest.mark.parametrize(("k", "n"), [(1, 1), (1, 2), (3, 3), (7, 10), (49, 50), (1990, 2000)])
def test_the_bounded_interval_of_binary_scores_is_the_exact_one(k, n):
    """Gaffke's interval reduces to Clopper-Pearson's."""
    scores = [1.0] * k + [0.0] * (n - k)
    found, exact = mean_interval(scores), clopper_pearson(k, n)
    assert found.method == "gaffke"
    assert found.low == pytest.approx(exact.low, abs=1e-7)
    assert found.high == pytest.approx(exact.high, abs=1e-7)


@pytest.mark.parametrize("scores", [[1.0, 1.0, 0.5, 1.0, 0.75], [0.9, 0.1, 0.6, 1.0, 0.3]])
def test_the_bounded_interval_is_the_dirichlet_quantile_that_defines_it(scores):
    """A Monte Carlo of 400,000 Dirichlet weights finds the same limits."""
    draws = np.random.default_rng(5).exponential(size=(400_000, 6))
    draws /= draws.sum(axis=1, keepdims=True)
    found = mean_interval(scores)
    assert found.low == pytest.approx(np.quantile(draws @ np.append(scores, 0), 0.025), abs=3e-3)
    assert found.high == pytest.approx(np.quantile(draws @ np.append(scores, 1), 0.975), abs=3e-3)


def test_the_bounded_interval_becomes_the_normal_one():
    """With many values both agree, also where values are binned."""
    x = np.random.default_rng(0).beta(2, 1, 50_000)
    ours, student = mean_interval(x), mean_interval(x, bounds=None)
    width = student.high - student.low
    assert ours.low == pytest.approx(student.low, abs=0.02 * width)
    assert ours.high == pytest.approx(student.high, abs=0.02 * width)


def _mostly_one(share, rest):
    return lambda g, n: np.where(g.random(n) < share, 1.0, rest(g, n))


CASES = {
    "bernoulli .98": (lambda g, n: (g.random(n) < 0.98) * 1.0, 0.98),
    "90% ones, else uniform": (_mostly_one(0.9, lambda g, n: g.random(n)), 0.95),
    "97% ones, else quarters": (
        _mostly_one(0.97, lambda g, n: g.integers(0, 4, n) / 4),
        0.97 + 0.03 * 0.375,
    ),
    "beta(20, 1)": (lambda g, n: g.beta(20, 1, n), 20 / 21),
    "uniform": (lambda g, n: g.random(n), 0.5),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("n", [10, 50, 200])
def test_the_bounded_interval_covers_where_student_t_does_not(case, n):
    """Coverage of the nominal 95 % is at least 94.5 % (within simulation error), mostly-1 too.

    A limit is beyond the mean exactly where the tail probability at the mean is below alpha, so
    no root has to be found.
    """
    draw, mean = CASES[case]
    generator = np.random.default_rng(11)
    one, goal, repeats, covered = np.ones(n), math.log(0.025), 400, 0
    for _ in range(repeats):
        x = draw(generator, n)
        above = _log_tail(_grouped(x, one), mean) >= goal
        below = _log_tail(_grouped(1 - x, one), 1 - mean) >= goal
        covered += above and below
    assert covered / repeats >= 0.945


def test_mean_interval_without_bounds_is_students_t():
    """scipy's t interval is the oracle."""
    x = np.random.default_rng(1).normal(5, 2, 30)
    expected = stats.t.interval(0.95, 29, loc=x.mean(), scale=stats.sem(x))
    found = mean_interval(x)
    assert (found.method, found.n) == ("t", 30)
    assert (found.low, found.high) == pytest.approx(expected)


def test_clusters_widen_the_interval_by_the_robust_formula():
    """SE² = C/(C-1) sum_c (sum_i residual)² / n², t with C - 1 degrees of freedom."""
    x, groups = [1.0, 2.0, 4.0, 7.0, 3.0], ["a", "a", "b", "b", "c"]
    residual = np.array(x) - np.mean(x)
    sums = np.array([residual[:2].sum(), residual[2:4].sum(), residual[4]])
    half = stats.t.ppf(0.975, 2) * math.sqrt(3 / 2 * (sums**2).sum()) / 5
    found = mean_interval(x, groups)
    assert (found.method, found.n) == ("t-clusters", 3)
    assert found.high - found.estimate == pytest.approx(half)


def test_copies_of_a_sample_in_one_cluster_add_nothing():
    """Every value thrice, clustered, gives the interval of the values themselves."""
    x = [1.0, 0.5, 0.0, 1.0, 0.75, 1.0]
    once = mean_interval(x)
    thrice = mean_interval(x * 3, list("abcdef") * 3)
    naive = mean_interval(x * 3)
    assert (once.low, once.high) == pytest.approx((thrice.low, thrice.high), abs=1e-8)
    assert thrice.n == 6
    assert naive.high - naive.low < 0.8 * (thrice.high - thrice.low)


def test_other_bounds_shift_and_scale():
    """Scores out of 10 get ten times the interval of scores out of 1."""
    x = [0.2, 0.9, 1.0, 0.7]
    small, large = mean_interval(x), mean_interval([10 * v for v in x], bounds=(0, 10))
    assert (10 * small.low, 10 * small.high) == pytest.approx((large.low, large.high), abs=1e-7)


def test_undefined_means_raise():
    """Outside the bounds, one unbounded value, or clusters of another length."""
    with pytest.raises(ValueError, match=r"within 0\.\.1"):
        mean_interval([0.5, 1.5], bounds=(0.0, 1.0))
    with pytest.raises(ValueError, match="two independent"):
        mean_interval([3.0])
    with pytest.raises(ValueError, match="one cluster for each"):
        mean_interval([0.5, 0.6], ["a"])


@given(st.floats(0.001, 0.999), st.floats(0.3, 300), st.floats(0.3, 300))
@settings(max_examples=60, deadline=None)
def test_the_beta_distribution_agrees_with_scipy(x, a, b):
    """scipy.special is the oracle."""
    assert beta_cdf(x, a, b) == pytest.approx(special.betainc(a, b, x), abs=1e-12)
    assert beta_quantile(x, a, b) == pytest.approx(special.betaincinv(a, b, x), abs=1e-8)


@given(st.floats(0.001, 0.999), st.integers(1, 500))
@settings(max_examples=60, deadline=None)
def test_other_quantiles_agree_with_scipy(p, n):
    """Student's t, the normal and the binomial."""
    assert t_quantile(p, n) == pytest.approx(special.stdtrit(n, p), rel=1e-7, abs=1e-8)
    assert normal_quantile(p) == pytest.approx(special.ndtri(p), abs=1e-8)
    k = binomial_quantile(p, n, 0.95)
    assert stats.binom.cdf(k, n, 0.95) >= p - 1e-9
    assert k == 0 or stats.binom.cdf(k - 1, n, 0.95) <= p + 1e-9
    assert binomial_cdf(k, n, 0.95) == pytest.approx(stats.binom.cdf(k, n, 0.95), abs=1e-11)
