"""Laws that every interval keeps: add one to the table and it inherits them all."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalkit.stats import (
    benjamini_hochberg,
    benjamini_yekutieli,
    bootstrap,
    clopper_pearson,
    confidence_sequence,
    cost_per_success,
    cost_ratio,
    fieller,
    holm,
    length_controlled_win_rate,
    mcnemar_midp,
    mean_interval,
    mean_ratio,
    newcombe_paired,
    noninferiority,
    paired_difference,
    pairwise_agreement,
    ppi_mean,
    quantile_interval,
    quantile_ratio,
    rogan_gladen,
    tango,
    wilson,
    win_rate,
)

SCORES = [1.0, 0.5, 0.75, 1.0, 0.25, 1.0, 0.0, 1.0, 0.5, 1.0, 1.0, 0.75]
COSTS = [0.2 + 0.1 * i for i in range(12)]


def _clustered(x, level):
    return mean_interval(x, [str(i // 2) for i in range(len(x))], level)


def _length_controlled(x, level):
    longer = [100 + 7 * i % 30 for i in range(len(x))]
    return length_controlled_win_rate(x, longer, [110] * len(x), level=level)


def _corrected(x, level):
    counts = {"true_positives": 45, "positives": 50, "true_negatives": 48, "negatives": 50}
    return rogan_gladen(sum(v >= 0.5 for v in x), len(x), **counts, level=level)


def _won(x, y):
    """Return how many only the first, and only the second, got right at 0.5."""
    pairs = [(v >= 0.5, w >= 0.5) for v, w in zip(x, y, strict=True)]
    return pairs.count((True, False)), pairs.count((False, True))


def _tango(x, y, level):
    return tango(*_won(x, y), len(x), level)


def _newcombe(x, y, level):
    both = sum(v >= 0.5 and w >= 0.5 for v, w in zip(x, y, strict=True))
    b, c = _won(x, y)
    return newcombe_paired(both, b, c, len(x) - both - b - c, level)


def _noninferiority(x, y, level):
    return noninferiority(*_won(x, y), len(x), 0.05, (1.0 - level) / 2.0)


def _of_binary(x, y, level):
    return paired_difference([v >= 0.5 for v in x], [v >= 0.5 for v in y], level=level)


def _of_clusters(x, y, level):
    return paired_difference(x, y, [i // 2 for i in range(len(x))], level)


def _of_clusters_on_a_scale(x, y, level):
    return paired_difference(x, y, [i // 2 for i in range(len(x))], level, bounds=(-1.0, 1.0))


def _betting(x, level):
    return confidence_sequence(x, (1.0 - level) / 2.0, bounds=(0.0, 1.0))


def _bootstrapped(x, level, clusters=None):
    return bootstrap(np.mean, x, clusters=clusters, n=1000, level=level)


def _bootstrapped_clusters(x, level):
    return _bootstrapped(x, level, [i // 2 for i in range(len(x))])


def _ratio_of_medians(x, level):
    return quantile_ratio([v + 0.1 for v in x], COSTS[: len(x)], 0.5, level)


def _ratio_of_clustered_medians(x, level):
    units = np.arange(len(x)) // 2
    shifted = [v + 0.1 for v in x]
    return quantile_ratio(shifted, COSTS[: len(x)], 0.5, level, x_units=units, y_units=units)


def _ratio_of_costs(x, level):
    cost = COSTS[: len(x)]
    return cost_ratio(cost, x, cost[::-1], OTHERS[: len(x)], level)


PAIRED = {
    "tango": _tango,
    "newcombe": _newcombe,
    "noninferiority": _noninferiority,
    "paired_binary": _of_binary,
    "paired": lambda x, y, level: paired_difference(x, y, level=level),
    "paired_clusters": _of_clusters,
    "paired_scale": lambda x, y, level: paired_difference(x, y, level=level, bounds=(-1.0, 1.0)),
    "paired_clusters_scale": _of_clusters_on_a_scale,
}
every_paired = pytest.mark.parametrize("paired", PAIRED.values(), ids=PAIRED.keys())
OTHERS = [0.5, 0.5, 0.25, 1.0, 0.0, 0.75, 0.25, 1.0, 0.0, 0.5, 1.0, 0.0]


def _against_others(paired):
    return lambda x, level: paired(x, OTHERS[: len(x)], level)


INTERVALS = {
    "wilson": lambda x, level: wilson(sum(v >= 0.5 for v in x), len(x), level),
    "clopper_pearson": lambda x, level: clopper_pearson(sum(v >= 0.5 for v in x), len(x), level),
    "mean": lambda x, level: mean_interval(x, level=level),
    "mean_clusters": _clustered,
    "mean_t": lambda x, level: mean_interval(x, level=level, bounds=None),
    "median": lambda x, level: quantile_interval(x, 0.5, level),
    "p95": lambda x, level: quantile_interval(x, 0.95, level),
    "fieller": lambda x, level: fieller(COSTS[: len(x)], x, level),
    "cost_per_success": lambda x, level: cost_per_success(COSTS[: len(x)], x, level),
    "betting": _betting,
    "bootstrap": _bootstrapped,
    "bootstrap_clusters": _bootstrapped_clusters,
    "quantile_ratio": _ratio_of_medians,
    "quantile_ratio_units": _ratio_of_clustered_medians,
    "cost_ratio": _ratio_of_costs,
    "mean_ratio": lambda x, level: mean_ratio(x, COSTS[: len(x)], level),
    "win_rate": lambda x, level: win_rate(x, level=level),
    "length_controlled": _length_controlled,
    "pairwise": lambda x, level: pairwise_agreement([x, [1.0] * len(x)], level),
    "rogan_gladen": _corrected,
    "ppi": lambda x, level: ppi_mean(x, [min(v + 0.1, 1.0) for v in x], SCORES, level),
    "ppi_t": lambda x, level: ppi_mean([3 * v for v in x], x, [2.0, 1.0, 0.0, 2.0], level),
    "ppi_alone": lambda x, level: ppi_mean(x, x, [], level),
    "paired_t": lambda x, level: paired_difference(x, OTHERS[: len(x)], level=level, bounds=None),
} | {name: _against_others(f) for name, f in PAIRED.items() if name != "noninferiority"}
BOUNDED = (
    "wilson",
    "clopper_pearson",
    "mean",
    "mean_clusters",
    "betting",
    "win_rate",
    "pairwise",
    "rogan_gladen",
    "ppi",
    "ppi_alone",
)
every_interval = pytest.mark.parametrize("interval", INTERVALS.values(), ids=INTERVALS.keys())
every_bounded = pytest.mark.parametrize("interval", [INTERVALS[n] for n in BOUNDED], ids=BOUNDED)


@every_interval
def test_the_estimate_lies_within_its_limits(interval):
    """low <= estimate <= high at every level."""
    for level in (0.1, 0.5, 0.9, 0.95, 0.99):
        found = interval(SCORES, level)
        assert found.low <= found.estimate <= found.high
        assert found.level == pytest.approx(level)


@every_interval
def test_a_higher_level_never_gives_a_narrower_interval(interval):
    """The limits are monotone in the level."""
    found = [interval(SCORES, level) for level in (0.5, 0.8, 0.9, 0.95, 0.99)]
    lows, highs = [f.low for f in found], [f.high for f in found]
    assert lows == sorted(lows, reverse=True)
    assert highs == sorted(highs)


@every_interval
def test_an_empty_sample_raises(interval):
    """No data is never 0."""
    with pytest.raises(ValueError, match=r"needed|empty"):
        interval([], 0.95)


@every_interval
@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, 95.0, math.nan])
def test_a_level_that_is_no_probability_raises(interval, level):
    """95 is not 0.95."""
    with pytest.raises(ValueError, match="level"):
        interval(SCORES, level)


@every_interval
def test_the_result_is_frozen(interval):
    """A figure cannot be edited after the fact."""
    with pytest.raises(AttributeError):
        interval(SCORES, 0.95).low = 0.0


@every_bounded
@pytest.mark.parametrize("n", [1, 2, 10, 500])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_constant_scores_leave_doubt(interval, n, value):
    """All right or all wrong is no proof: the width is never 0, and shrinks with n."""
    found = interval([value] * n, 0.95)
    assert found.estimate == value
    assert found.high - found.low > 0.001
    assert 0.0 <= found.low <= found.high <= 1.0


@pytest.mark.parametrize("name", ["mean", "mean_t", "median", "p95"])
def test_the_order_of_values_does_not_matter(name):
    """A permutation gives the same interval to the last bit that is written."""
    shuffled = list(np.random.default_rng(3).permutation(SCORES))
    first, second = INTERVALS[name](SCORES, 0.95), INTERVALS[name](shuffled, 0.95)
    assert first.low == pytest.approx(second.low, abs=1e-12)
    assert first.high == pytest.approx(second.high, abs=1e-12)


@pytest.mark.parametrize("bad", [[math.nan, 1.0], [math.inf, 0.0], [[1.0], [0.0]]])
def test_values_that_are_no_vector_of_finite_numbers_raise(bad):
    """NaN never spreads in silence."""
    for call in (mean_interval, lambda x: quantile_interval(x, 0.5), lambda x: fieller(x, x)):
        with pytest.raises(ValueError, match=r"finite|vector"):
            call(bad)


# ------------------------------------------------------------------- two arms


@every_paired
def test_exchanging_the_arms_turns_sign_and_limits(paired):
    """First minus second, so the limits change places."""
    one, other = paired(SCORES, OTHERS, 0.9), paired(OTHERS, SCORES, 0.9)
    assert one.estimate > 0.0
    assert one.estimate == pytest.approx(-other.estimate, abs=1e-15)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-8)


@every_paired
@pytest.mark.parametrize("n", [1, 2, 10, 500])
def test_arms_that_agree_on_everything_differ_by_0_and_leave_doubt(paired, n):
    """The width is never 0, and the same to both sides."""
    found = paired([0.75] * n, [0.75] * n, 0.9)
    assert found.estimate == 0.0
    assert found.high > 0.002
    assert found.low == pytest.approx(-found.high, abs=1e-8)


@every_paired
@pytest.mark.parametrize("n", [1, 2, 10, 500])
def test_an_arm_that_is_always_right_against_one_that_never_is_leaves_doubt(paired, n):
    """The difference is 1, its lower limit below that, and nothing exceeds the scale."""
    found = paired([1.0] * n, [0.0] * n, 0.9)
    assert (found.estimate, found.high) == (1.0, pytest.approx(1.0))
    assert -1.0 <= found.low < 0.998


@every_paired
def test_more_samples_narrow_a_paired_interval(paired):
    """Ten times the same samples (in their clusters' order), a third of the width or so."""
    few, many = paired(SCORES, OTHERS, 0.9), paired(SCORES * 10, OTHERS * 10, 0.9)
    assert many.high - many.low < 0.6 * (few.high - few.low)


@every_paired
def test_arms_of_different_samples_raise(paired):
    """A pair needs two."""
    with pytest.raises(ValueError, match=r"differ|shorter|longer"):
        paired(SCORES, OTHERS[:-1], 0.9)


# ------------------------------------------------------------------- p-values

P_VALUES = {
    "mcnemar_midp": lambda x, y: mcnemar_midp(*_won(x, y)),
    "paired_binary": lambda x, y: _of_binary(x, y, 0.95).p_value,
    "paired_t": lambda x, y: paired_difference(x, y, bounds=None).p_value,
    "paired_clusters": lambda x, y: _of_clusters(x, y, 0.95).p_value,
    "paired_scale": lambda x, y: paired_difference(x, y, bounds=(-1.0, 1.0)).p_value,
}
every_p_value = pytest.mark.parametrize("p_value", P_VALUES.values(), ids=P_VALUES.keys())
CORRECTIONS = [holm, benjamini_hochberg, benjamini_yekutieli]
every_correction = pytest.mark.parametrize("adjusted", CORRECTIONS)
MANY = [0.2, 0.004, 0.03, 0.004, 1.0, 0.0, 0.6]


@every_p_value
def test_a_p_value_is_two_sided_and_within_0_and_1(p_value):
    """Exchanging the arms leaves it."""
    for x, y in ((SCORES, OTHERS), (SCORES * 20, OTHERS * 20), (OTHERS, SCORES[::-1])):
        assert 0.0 <= p_value(x, y) <= 1.0
        assert p_value(x, y) == pytest.approx(p_value(y, x), rel=1e-4)


@every_p_value
def test_more_of_the_same_evidence_lowers_a_p_value(p_value):
    """Twenty times the same samples."""
    assert p_value(SCORES * 20, OTHERS * 20) < p_value(SCORES, OTHERS)


@every_correction
def test_an_adjusted_p_value_is_at_least_the_p_value_and_at_most_1(adjusted):
    """One alone stays what it is."""
    assert all(p <= q <= 1.0 for p, q in zip(MANY, adjusted(MANY), strict=True))
    assert adjusted([0.3]) == [0.3]


@every_correction
def test_adjusting_keeps_the_order_of_p_values(adjusted):
    """Smaller stays smaller or equal, equal stays equal, each in its own place."""
    found = adjusted(MANY)
    assert [q for _, q in sorted(zip(MANY, found, strict=True))] == sorted(found)
    assert found[1] == found[3]
    order = [3, 6, 0, 5, 1, 4, 2]
    assert adjusted([MANY[i] for i in order]) == [found[i] for i in order]


@every_correction
@pytest.mark.parametrize("bad", [[], [0.2, math.nan], [1.1], [0.5, -0.1]])
def test_p_values_that_are_none_raise(adjusted, bad):
    """Nothing to adjust, NaN, or outside 0..1."""
    with pytest.raises(ValueError, match=r"needed|within"):
        adjusted(bad)


# ------------------------------------------------------------------- beyond floating point


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "call",
    [
        lambda: mean_interval([1e308] * 3),
        lambda: mean_interval([-1e151, 0.0, 1.0]),
        lambda: ppi_mean([1e308] * 3, [1.0, 0.0, 1.0], [1.0, 0.0]),
        lambda: ppi_mean([1.0, 0.0, 1.0], [1e308] * 3, [1.0, 0.0]),
        lambda: fieller([1e200, 1.0, 1.0], [1.0, 1.0, 1.0]),
        lambda: cost_per_success([1e308] * 3, [1.0, 0.0, 1.0]),
        lambda: cost_per_success([1e150, 1.0, 1.0], [1e-300] * 3),
        lambda: mean_ratio([1e308] * 3, [1.0, 2.0, 1.0]),
        lambda: mean_ratio([1e150, 1.0, 1.0], [1e-200] * 3),
        lambda: quantile_ratio([1e150] * 50, [1e-200] * 50, 0.5),
        lambda: paired_difference([1e200, 0.0, 1.0], [0.0, 1.0, 2.0], bounds=None),
    ],
)
def test_values_beyond_floating_point_raise(call):
    """Squares and ratios that overflow are neither infinity nor NaN, nor a warning."""
    with pytest.raises(ValueError, match=r"no measurements|beyond what can be computed"):
        call()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("arms", [([1, 0], [1, 0]), ([1, 0], [0, 1])])
def test_a_unit_that_bears_all_the_cost_gives_no_bound_and_no_warning(arms):
    """Without that unit neither arm has a ratio."""
    first, second = arms
    for found in (
        cost_ratio(first, [1, 1], second, [1, 1]),
        cost_ratio(first, first, second, second),
        mean_ratio(first, second),
    ):
        assert (found.low, found.high) == (0.0, math.inf)
