"""Paired differences against published examples, other implementations and exact enumeration."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.weightstats import ttost_paired

from evalkit.stats import (
    clopper_pearson,
    mcnemar_midp,
    mean_interval,
    newcombe_paired,
    noninferiority,
    paired_difference,
    tango,
    wilson,
)

BELOW_1 = st.floats(0.5, 0.999)


@st.composite
def pairs(draw, most=80):
    """Return b, c and n with b + c <= n."""
    n = draw(st.integers(1, most))
    b = draw(st.integers(0, n))
    return b, draw(st.integers(0, n - b)), n


def score(b, c, n, difference):
    """Tango's z as its definition reads."""
    square = 2 * n
    linear = -b - c + (2 * n - b + c) * difference
    constant = -c * difference * (1 - difference)
    q = (math.sqrt(max(linear**2 - 4 * square * constant, 0)) - linear) / (2 * square)
    variance = n * (2 * q + difference * (1 - difference))
    return (b - c - n * difference) / math.sqrt(variance) if variance > 0 else math.inf


# ------------------------------------------------------------------- Tango


@pytest.mark.parametrize(
    ("table", "level", "low", "high"),
    [
        ((9, 3, 32), 0.95, -0.027, 0.390),
        ((0, 1, 44), 0.90, -0.096, 0.037),
        ((16, 8, 86), 0.95, -0.020, 0.207),
        ((1, 7, 21), 0.95, -0.517, -0.026),
        ((6, 16, 161), 0.95, -0.1240, -0.0054),
    ],
)
def test_tango_gives_the_published_limits(table, level, low, high):
    """Tango (1998), Agresti & Min (2005), Fagerland et al. (2014), as in R's ratesci and book."""
    found = tango(*table, level)
    digits = 4 if table[2] == 161 else 3
    assert (round(found.low, digits), round(found.high, digits)) == (low, high)
    assert (found.method, found.n, found.level) == ("tango", table[2], level)
    assert found.estimate == (table[0] - table[1]) / table[2]


@given(pairs(), BELOW_1)
@settings(max_examples=200, deadline=None)
def test_tangos_limits_are_the_roots_of_its_score(table, level):
    """brentq on the definition is the oracle."""
    (b, c, n), z = table, stats.norm.ppf(0.5 + level / 2)
    found = tango(b, c, n, level)
    if c < n:
        low = optimize.brentq(
            lambda d: min(score(b, c, n, d), 1e9) - z, -1.0, found.estimate - 1e-12, xtol=1e-13
        )
        assert found.low == pytest.approx(low, abs=1e-10)
    if b < n:
        high = optimize.brentq(
            lambda d: max(-score(c, b, n, -d), -1e9) + z, found.estimate + 1e-12, 1.0, xtol=1e-13
        )
        assert found.high == pytest.approx(high, abs=1e-10)


@given(pairs(400))
@settings(deadline=None)
def test_tango_excludes_0_exactly_where_mcnemars_test_rejects(table):
    """At D = 0 its score is McNemar's z: a limit is 0 at the level of that p-value."""
    b, c, n = table
    assume(b != c)
    p = mcnemar([[0, b], [c, 0]], exact=False, correction=False).pvalue
    assume(p > 1e-9)
    found = tango(b, c, n, 1 - p)
    assert min(abs(found.low), abs(found.high)) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("n", [1, 2, 10, 1000])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_tango_has_closed_forms_in_the_corners(n, level):
    """No discordant pair: ± z²/(n + z²). All of one kind: (n - z²)/(n + z²) and 1."""
    square = stats.norm.ppf(0.5 + level / 2) ** 2
    none, every = tango(0, 0, n, level), tango(n, 0, n, level)
    assert (none.estimate, -none.low, none.high) == (
        0.0,
        pytest.approx(square / (n + square), rel=1e-12),
        pytest.approx(square / (n + square), rel=1e-12),
    )
    assert (every.low, every.high) == (pytest.approx((n - square) / (n + square)), 1.0)
    assert tango(0, n, n, level).low == -1.0


@given(pairs(), BELOW_1)
@settings(deadline=None)
def test_exchanging_the_arms_turns_tango_around(table, level):
    """To the last bit."""
    b, c, n = table
    one, other = tango(b, c, n, level), tango(c, b, n, level)
    assert (one.estimate, one.low, one.high) == (-other.estimate, -other.high, -other.low)


@given(pairs(), BELOW_1, st.floats(0.0, 0.2))
@settings(deadline=None)
def test_tango_grows_with_the_level_and_with_b(table, level, more):
    """A higher level never narrows it; one more win, instead of a tie, never lowers it."""
    b, c, n = table
    found, wider = tango(b, c, n, level), tango(b, c, n, min(level + more, 0.9999))
    assert wider.low <= found.low + 1e-12
    assert found.high <= wider.high + 1e-12
    assert -1.0 <= found.low < found.high <= 1.0
    if b + c < n:
        better = tango(b + 1, c, n, level)
        assert better.low >= found.low - 1e-12
        assert better.high >= found.high - 1e-12


def exact_coverage(interval, n, first, second):
    """Return the chance that the interval holds first - second, over all tables of n."""
    total = 0.0
    for b in range(n + 1):
        for c in range(n - b + 1):
            found = interval(b, c)
            if found.low <= first - second <= found.high:
                total += stats.multinomial.pmf([b, c, n - b - c], n, [first, second, 0.8])
    return total


def test_tango_keeps_its_level_at_twenty_samples():
    """Exact over every table at 15 % against 5 % discordant: 97.3 %."""
    found = exact_coverage(lambda b, c: tango(b, c, 20), 20, 0.15, 0.05)
    assert found == pytest.approx(0.973, abs=5e-4)


def test_tango_is_quick_enough_for_simulations():
    """Below 100 µs of processor time (20 µs when written)."""
    start = time.process_time()
    for b in range(1000):
        tango(b % 30, 12, 400 + b)
    assert time.process_time() - start < 0.1


# ------------------------------------------------------------------- Newcombe


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [((1, 1, 7, 12), -0.507, -0.026), ((59, 6, 16, 80), -0.1186, -0.0046)],
)
def test_newcombe_gives_the_published_limits(table, low, high):
    """Fagerland et al. (2014), as in R's contingencytables."""
    found = newcombe_paired(*table)
    digits = 4 if sum(table) == 161 else 3
    assert (round(found.low, digits), round(found.high, digits)) == (low, high)
    assert (found.method, found.n) == ("newcombe", sum(table))


@pytest.mark.parametrize(
    ("table", "phi"),
    [
        ((30, 5, 7, 8), (30 * 8 - 5 * 7 - 25) / math.sqrt(35 * 15 * 37 * 13)),
        ((20, 5, 7, 2), 0.0),
        ((3, 9, 8, 2), (3 * 2 - 9 * 8) / math.sqrt(12 * 10 * 11 * 11)),
        ((20, 0, 0, 0), 0.0),
    ],
)
def test_newcombe_joins_wilsons_limits_by_the_corrected_correlation(table, phi):
    """phi's numerator: less n/2 above it, 0 up to it, as it is below 0; phi 0 without one."""
    a, b, c, _ = table
    n = sum(table)
    one, two = wilson(a + b, n), wilson(a + c, n)
    g, h = one.estimate - one.low, two.high - two.estimate
    found = newcombe_paired(*table)
    assert found.estimate - found.low == pytest.approx(math.sqrt(g * g - 2 * phi * g * h + h * h))


@given(st.tuples(*[st.integers(0, 40)] * 4), BELOW_1)
@settings(deadline=None)
def test_exchanging_the_arms_turns_newcombe_around(table, level):
    """And exchanging right and wrong does the same."""
    a, b, c, d = table
    assume(sum(table) > 0)
    one = newcombe_paired(a, b, c, d, level)
    for other in (newcombe_paired(a, c, b, d, level), newcombe_paired(d, c, b, a, level)):
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-12)
    assert -1.0 - 1e-12 <= one.low < one.high <= 1.0 + 1e-12


# ------------------------------------------------------------------- McNemar


@pytest.mark.parametrize(("b", "c", "p"), [(1, 7, 0.0391), (6, 16, 0.0347), (0, 5, 0.0313)])
def test_the_mid_p_is_the_published_one(b, c, p):
    """Fagerland et al. (2013), R's contingencytables; 0 of 5 is half of the exact 1/16."""
    assert round(mcnemar_midp(b, c), 4) == p


@given(st.integers(0, 3000), st.integers(0, 3000))
@settings(deadline=None)
def test_the_mid_p_is_the_exact_p_less_a_point(b, c):
    """statsmodels' exact test less scipy's binomial probability; half of it where b = c."""
    assume(b + c > 0)
    exact = mcnemar([[0, b], [c, 0]], exact=True).pvalue
    point = stats.binom.pmf(min(b, c), b + c, 0.5)
    expected = 1 - point / 2 if b == c else exact - point
    assert mcnemar_midp(b, c) == pytest.approx(expected, abs=1e-9)
    assert mcnemar_midp(b, c) == mcnemar_midp(c, b)
    assert 0.0 <= mcnemar_midp(b, c) <= 1.0


def test_no_discordant_pair_speaks_against_nothing():
    """p is 1."""
    assert mcnemar_midp(0, 0) == 1.0


# ------------------------------------------------------------------- any scores


def scores(seed, n):
    """Return two arms' scores in tenths, related, and three or so samples to a cluster."""
    generator = np.random.default_rng(seed)
    hard = generator.random(n)
    x = np.clip(np.round(hard + generator.normal(0.05, 0.2, n), 1), 0, 1)
    y = np.clip(np.round(hard + generator.normal(0.0, 0.2, n), 1), 0, 1)
    return x, y, generator.integers(0, max(n // 3, 2), n)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_scores_without_clusters_get_the_paired_t_test(seed, level):
    """scipy's ttest_rel is the oracle."""
    x, y, _ = scores(seed, 25)
    expected = stats.ttest_rel(x, y)
    found = paired_difference(x, y, level=level)
    assert (found.method, found.n, found.level) == ("t", 25, level)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-9)
    assert found.standard_error == pytest.approx(stats.sem(x - y))
    interval = expected.confidence_interval(level)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_clusters_give_the_robust_error_of_a_regression_on_1(seed):
    """statsmodels' OLS with clustered covariance is the oracle: C/(C-1), t with C - 1."""
    x, y, clusters = scores(seed, 60)
    model = OLS(x - y, np.ones(60)).fit(
        cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True
    )
    found = paired_difference(x, y, clusters)
    assert (found.method, found.n) == ("t-clusters", len(set(clusters.tolist())))
    assert found.estimate == pytest.approx(model.params[0])
    assert found.standard_error == pytest.approx(model.bse[0])
    assert found.p_value == pytest.approx(model.pvalues[0], abs=1e-9)
    assert (found.low, found.high) == pytest.approx(tuple(model.conf_int()[0]))


def test_zeros_and_ones_get_tango_and_the_mid_p():
    """Counted from the two columns; booleans are zeros and ones."""
    x = [1] * 10 + [0] * 10 + [1] * 5
    y = [1] * 8 + [0] * 2 + [0] * 9 + [1] * 6
    found, expected = paired_difference(x, y), tango(2, 1, 25)
    assert (found.low, found.high, found.method) == (expected.low, expected.high, "tango")
    assert found.p_value == mcnemar_midp(2, 1)
    assert found.standard_error == pytest.approx(stats.sem(np.subtract(x, y)))
    assert paired_difference(np.array(x, bool), np.array(y, bool)) == found
    assert paired_difference(x, y, list(range(25))) == found
    assert paired_difference(x, y, [i // 2 for i in range(25)]).method == "t-clusters"


@pytest.mark.parametrize(
    ("x", "y", "clusters"),
    [
        ([0.5] * 10, [0.4] * 10, None),
        ([0.1 + 0.2] * 5, [0.3 - 0.1] * 5, None),
        ([0.3, 0.7, 0.4, 0.6], [0.1, 0.5, 0.2, 0.4], None),
        ([0.9], [0.2], None),
        ([1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 2, 2]),
        ([1, 0, 1], [0, 0, 1], ["one"] * 3),
    ],
)
def test_scores_whose_differences_do_not_vary_get_gaffkes_limits(x, y, clusters):
    """Constant but for rounding, one unit, or clusters that cancel: t would have width 0."""
    found = paired_difference(x, y, clusters)
    difference = np.subtract(x, y).astype(float)
    expected = mean_interval(difference, clusters, bounds=(-1.0, 1.0))
    assert (found.low, found.high) == (expected.low, expected.high)
    assert found.method == ("gaffke" if clusters is None else "gaffke-clusters")
    assert found.standard_error is None
    assert found.high - found.low > 0.3


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n", [4, 12, 40])
def test_gaffkes_p_value_is_one_less_the_level_at_which_0_leaves(seed, n):
    """One limit is 0 there. With a scale that is known, p is the larger of it and t's."""
    x, y, _ = scores(seed, n)
    x, y = 0.5 + x / 2, y / 2
    known, student = paired_difference(x, y, bounds=(-1.0, 1.0)), paired_difference(x, y)
    assert known.p_value > student.p_value
    gaffke = mean_interval(x - y, level=1.0 - known.p_value, bounds=(-1.0, 1.0))
    assert gaffke.low == pytest.approx(0.0, abs=1e-6)


def test_a_constant_win_on_many_samples_is_significant_and_one_on_few_is_not():
    """p falls with n, down to 1e-10 and no further; a constant 0 has p = 1."""
    few, many = [paired_difference([0.9] * n, [0.4] * n) for n in (3, 40)]
    assert few.p_value > 0.2
    assert few.low < 0 < few.high
    assert many.p_value < 1e-3
    assert many.low > 0
    assert paired_difference([1.0] * 300, [0.0] * 300, bounds=(-1, 1)).p_value == pytest.approx(
        2 * 0.5**300, rel=1e-6
    )
    assert paired_difference([0.4] * 40, [0.4] * 40).p_value == 1.0


def test_the_p_value_of_a_constant_full_win_is_the_exact_one():
    """All of n differ by the whole scale: Clopper-Pearson's lower limit is 1/2 at p = 2 / 2^n."""
    found = paired_difference([1.0] * 8, [0.0] * 8, bounds=(-1.0, 1.0))
    assert found.p_value == pytest.approx(2 / 2**8, rel=1e-4)
    assert clopper_pearson(8, 8, 1 - found.p_value).low == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("clusters", [None, "some"])
def test_a_known_scale_gives_the_outer_limits_of_t_and_gaffke(clusters):
    """And the larger p-value: nearly equal differences do not pass for certainty."""
    x, y, groups = scores(2, 12)
    groups = groups if clusters else None
    student = paired_difference(x, y, groups, bounds=None)
    gaffke = mean_interval(x - y, groups, bounds=(-1.0, 1.0))
    found = paired_difference(x, y, groups, bounds=(-1.0, 1.0))
    assert found.method == ("t+gaffke-clusters" if clusters else "t+gaffke")
    assert found.low == max(min(student.low, gaffke.low), -1.0)
    assert found.high == min(max(student.high, gaffke.high), 1.0)
    assert found.p_value >= student.p_value
    assert found.standard_error == student.standard_error


def test_no_limit_exceeds_the_known_scale():
    """Two units: t alone reaches beyond 3, where no difference can be."""
    x, y = [1.0, 0.5], [0.5, 0.5]
    assert paired_difference(x, y, bounds=None).high > 3.0
    found = paired_difference(x, y, bounds=(-1.0, 1.0))
    assert (found.low, found.high) == (-1.0, 1.0)


def test_ten_nearly_equal_differences_do_not_pass_for_certainty():
    """t says ± 0.001 of them; on the known scale 0 stays possible."""
    x, y = [0.51, 0.5, 0.5, 0.49, 0.5, 0.5, 0.51, 0.5, 0.5, 0.5], [0.4] * 10
    plain, known = paired_difference(x, y), paired_difference(x, y, bounds=(-1.0, 1.0))
    assert plain.low > 0.09
    assert known.low < 0.0 < known.high
    assert plain.p_value < 1e-9 < 0.05 < known.p_value


@pytest.mark.parametrize(
    ("draw", "mean"),
    [
        (lambda g, n: np.where(g.random(n) < 0.03, -1.0, 0.02), 0.97 * 0.02 - 0.03),
        (lambda g, n: np.where(g.random(n) < 0.9, 0.0, g.random(n) - 0.5), 0.0),
    ],
)
def test_a_known_scale_covers_where_t_does_not(draw, mean):
    """Rare large losses among small gains, n = 15: at least 94 % of 300, t far below."""
    generator, held = np.random.default_rng(4), {"t": 0, "both": 0}
    for _ in range(300):
        d = draw(generator, 15)
        both = mean_interval(d, bounds=(-1.0, 1.0))
        half = stats.t.ppf(0.975, 14) * d.std(ddof=1) / math.sqrt(15)
        held["t"] += abs(d.mean() - mean) <= half
        low, high = min(both.low, d.mean() - half), max(both.high, d.mean() + half)
        held["both"] += low <= mean <= high
    assert held["both"] / 300 >= 0.94
    assert held["t"] < held["both"]


@pytest.mark.parametrize("bounds", ["auto", None, (-1.0, 1.0)])
@given(seed=st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_exchanging_the_arms_turns_the_difference_around(bounds, seed):
    """Sign and limits; p-value and error stay."""
    x, y, clusters = scores(seed, 20)
    one, other = (paired_difference(a, b, clusters, bounds=bounds) for a, b in ((x, y), (y, x)))
    assert (one.estimate, one.low, one.high) == pytest.approx(
        (-other.estimate, -other.high, -other.low), abs=1e-7
    )
    assert one.p_value == pytest.approx(other.p_value, rel=1e-3)
    assert one.standard_error == pytest.approx(other.standard_error)


@pytest.mark.parametrize("bounds", ["auto", None, (-1.0, 1.0)])
def test_the_order_of_samples_and_the_names_of_clusters_do_not_matter(bounds):
    """A permutation of everything gives the same difference."""
    x, y, clusters = scores(7, 30)
    order = np.random.default_rng(1).permutation(30)
    one = paired_difference(x, y, [f"c{v}" for v in clusters], bounds=bounds)
    other = paired_difference(x[order], y[order], -clusters[order], bounds=bounds)
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=1e-9)
    assert one.p_value == pytest.approx(other.p_value, rel=1e-4)


def test_what_both_arms_share_cancels():
    """Adding a sample's difficulty to both scores changes nothing."""
    x, y, _ = scores(3, 20)
    hard = np.linspace(0, 5, 20)
    plain, shifted = paired_difference(x, y, bounds=None), paired_difference(x + hard, y + hard)
    assert (plain.low, plain.high) == pytest.approx((shifted.low, shifted.high))


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: tango(1.5, 2, 5), "whole numbers"),
        (lambda: tango(-1, 2, 5), "0 or more"),
        (lambda: tango(3, 3, 5), "within n"),
        (lambda: tango(0, 0, 0), "needed"),
        (lambda: newcombe_paired(0, 0, 0, 0), "needed"),
        (lambda: newcombe_paired(-1, 1, 1, 1), "0 or more"),
        (lambda: newcombe_paired(4, 1, 1, -2), "0 or more"),
        (lambda: mcnemar_midp(-1, 3), "0 or more"),
        (lambda: mcnemar_midp(1.0, 3), "whole numbers"),
        (lambda: paired_difference([], []), "empty"),
        (lambda: paired_difference([1.0], [1.0, 0.0]), "differ in shape"),
        (lambda: paired_difference([1.0, math.nan], [1.0, 0.0]), "finite"),
        (lambda: paired_difference([1.0, 0.5], [1.0, 0.0], ["a"]), "one cluster for each"),
        (lambda: paired_difference([3.0, 4.0], [1.0, 2.0]), "constant differences"),
        (lambda: paired_difference([3.0], [1.0]), "two independent units"),
        (lambda: paired_difference([0.5, 0.4], [0.5, 0.4], bounds=None), "constant"),
        (lambda: paired_difference([3.0, 0.5], [0.5, 1.0], bounds=(-1.0, 1.0)), r"within -1\.\.1"),
        (lambda: paired_difference([0.5, 1.0], [0.5, 0.0], bounds=(0.0, 1.0)), "around 0"),
        (lambda: paired_difference([0.5, 1.0], [0.5, 0.0], bounds=(-1.0, 0.5, 1.0)), "bounds"),
        (lambda: paired_difference([0.5, 1.0], [0.5, 0.0], bounds="unit"), "'unit'"),
        (lambda: noninferiority(1, 1, 10, 5), "margin"),
        (lambda: noninferiority(1, 1, 10, -0.05), "margin"),
        (lambda: noninferiority(1, 1, 10, 0.05, 0.5), "alpha"),
        (lambda: noninferiority(1, 1, 10, 0.05, 0.0), "alpha"),
        (lambda: noninferiority(6, 6, 10, 0.05), "within n"),
    ],
)
def test_what_is_undefined_raises(call, problem):
    """With what was wrong and what is allowed."""
    with pytest.raises(ValueError, match=problem):
        call()


# ------------------------------------------------------------------- non-inferiority


@pytest.mark.parametrize(
    ("gained", "lost", "n", "low", "high", "verdict"),
    [
        (4, 12, 200, -0.077, -0.008, "inconclusive"),
        (6, 6, 200, -0.031, 0.031, "pass"),
        (12, 20, 400, -0.045, 0.003, "pass"),
        (4, 10, 100, -0.127, 0.002, "inconclusive"),
        (0, 0, 10, -0.213, 0.213, "inconclusive"),
        (0, 0, 30, -0.083, 0.083, "inconclusive"),
        (0, 0, 60, -0.043, 0.043, "pass"),
        (0, 40, 200, -0.250, -0.158, "fail"),
    ],
)
def test_a_margin_of_five_points_has_three_outcomes(gained, lost, n, low, high, verdict):
    """90 % limits of Tango; ten samples without a difference prove nothing."""
    found = noninferiority(gained, lost, n, 0.05)
    assert (round(found.low, 3), round(found.high, 3), found.verdict) == (low, high, verdict)
    assert (found.margin, found.method, found.level) == (0.05, "tango", pytest.approx(0.9))


@given(pairs(300), st.floats(0.0, 0.3), st.floats(0.01, 0.3))
@settings(deadline=None)
def test_the_verdict_is_where_the_interval_lies(table, margin, alpha):
    """Above -margin, below it, or across; a larger margin never turns a pass."""
    found = noninferiority(*table, margin, alpha)
    expected = tango(*table, 1 - 2 * alpha)
    assert (found.low, found.high) == (expected.low, expected.high)
    assert (found.verdict == "pass") == (found.low > -margin)
    assert (found.verdict == "fail") == (found.high < -margin)
    wider = noninferiority(*table, min(margin + 0.1, 0.99), alpha)
    assert found.verdict != "pass" or wider.verdict == "pass"


def test_the_verdict_on_many_samples_is_that_of_two_one_sided_t_tests():
    """statsmodels' ttost_paired, lower side, on 2,000 samples around the margin."""
    generator = np.random.default_rng(5)
    for lost in (0.05, 0.08, 0.10, 0.13):
        outcome = generator.choice([1, -1, 0], 2000, p=[0.04, lost, 0.96 - lost])
        x, y = np.maximum(outcome, 0), np.maximum(-outcome, 0)
        _, (_, p, _), _ = ttost_paired(x, y, -0.05, 1.0)
        found = noninferiority(int(x.sum()), int(y.sum()), 2000, 0.05)
        assert (found.verdict == "pass") == (p < 0.05)


@pytest.mark.parametrize("discordance", [0.1, 0.2])
@pytest.mark.parametrize("n", [50, 200])
def test_a_candidate_that_is_worse_by_the_margin_passes_seldom(discordance, n):
    """At most 5 % and a little, exactly over all tables: the score test is approximate."""
    gained, lost = (discordance - 0.05) / 2, (discordance + 0.05) / 2
    b = np.arange(n + 1)
    passing = 0.0
    for one in b[stats.binom.pmf(b, n, gained) > 1e-9].tolist():
        for two in range(n - one + 1):
            chance = stats.binom.pmf(one, n, gained) * stats.binom.pmf(
                two, n - one, lost / (1 - gained)
            )
            if chance > 1e-9 and noninferiority(one, two, n, 0.05).verdict == "pass":
                passing += chance
    assert passing < 0.06
