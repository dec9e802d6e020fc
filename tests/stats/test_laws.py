"""Laws that every interval keeps: add one to the table and it inherits them all."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalkit.stats import (
    clopper_pearson,
    fieller,
    length_controlled_win_rate,
    mean_interval,
    pairwise_agreement,
    ppi_mean,
    quantile_interval,
    rogan_gladen,
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


INTERVALS = {
    "wilson": lambda x, level: wilson(sum(v >= 0.5 for v in x), len(x), level),
    "clopper_pearson": lambda x, level: clopper_pearson(sum(v >= 0.5 for v in x), len(x), level),
    "mean": lambda x, level: mean_interval(x, level=level),
    "mean_clusters": _clustered,
    "mean_t": lambda x, level: mean_interval(x, level=level, bounds=None),
    "median": lambda x, level: quantile_interval(x, 0.5, level),
    "p95": lambda x, level: quantile_interval(x, 0.95, level),
    "fieller": lambda x, level: fieller(COSTS[: len(x)], x, level),
    "win_rate": lambda x, level: win_rate(x, level=level),
    "length_controlled": _length_controlled,
    "pairwise": lambda x, level: pairwise_agreement([x, [1.0] * len(x)], level),
    "rogan_gladen": _corrected,
    "ppi": lambda x, level: ppi_mean(x, [min(v + 0.1, 1.0) for v in x], SCORES, level),
    "ppi_t": lambda x, level: ppi_mean([3 * v for v in x], x, [2.0, 1.0, 0.0, 2.0], level),
    "ppi_alone": lambda x, level: ppi_mean(x, x, [], level),
}
BOUNDED = (
    "wilson",
    "clopper_pearson",
    "mean",
    "mean_clusters",
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
        assert found.level == level


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
