"""Evidence by betting: exact laws by enumeration, error rates under peeking by simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import special

from evalkit.stats import BettingTest, confidence_sequence, e_process
from evalkit.stats.sequential import _most_wealth

ENOUGH = math.log(1 / 0.05)


def _fed(values, limit, **options):
    test = BettingTest(limit, **options)
    for value in values:
        test.add(float(value))
    return test


def _pairs(rng, discordance, difference, shape):
    """Draw differences of two right-or-wrong answers."""
    chance = rng.random(shape)
    first = (discordance + difference) / 2
    return np.where(chance < first, 1.0, np.where(chance < discordance, -1.0, 0.0))


def _graded(rng, spread, difference, shape):
    return difference + spread * rng.uniform(-1.0, 1.0, shape)


def _ever(paths, limit, side):
    """Return how often the wealth of a bet ever reached 20, looking after every value."""
    hits = 0
    for path in paths:
        share, point = ((path + 1) / 2, (limit + 1) / 2)
        if side == "below":
            share, point = 1.0 - share, 1.0 - point
        values, index = np.unique(share, return_inverse=True)
        hits += _most_wealth(values, index.reshape(-1), point) >= ENOUGH
    return hits / len(paths)


@pytest.mark.parametrize(("b", "c"), [(0, 0), (1, 0), (1, 7), (30, 12), (400, 300)])
def test_the_e_process_is_a_ratio_of_beta_functions(b, c):
    """scipy's beta function is the oracle, and the sides may be swapped."""
    expected = math.exp(
        special.betaln(b + 0.5, c + 0.5) - special.betaln(0.5, 0.5) + (b + c) * math.log(2)
    )
    assert e_process(b, c) == pytest.approx(expected, rel=1e-9)
    assert e_process(b, c) == e_process(c, b)


def test_the_e_process_gains_nothing_on_average_under_equal_rates():
    """The mean over the next pair is the value now: a martingale."""
    for b, c in itertools.product(range(12), repeat=2):
        following = (e_process(b + 1, c) + e_process(b, c + 1)) / 2
        assert following == pytest.approx(e_process(b, c), rel=1e-9)


def test_the_e_process_beyond_the_largest_number_is_infinite():
    """2000 of 2000 is evidence that no float holds."""
    assert e_process(2000, 0) == math.inf


@pytest.mark.parametrize("bad", [(-1, 2), (2, -1), (1.5, 2), (math.nan, 1), (1, math.inf)])
def test_counts_that_are_none_raise(bad):
    """Half a pair cannot be counted."""
    with pytest.raises(ValueError, match="counts"):
        e_process(*bad)


@pytest.mark.parametrize(
    ("low", "high", "share"), [(-1.0, 1.0, 0.475), (-1.0, 0.0, 0.95), (-0.2, 1.0, 0.125)]
)
@pytest.mark.parametrize("side", ["above", "below"])
def test_wealth_has_the_expectation_of_the_stake_under_the_claim(low, high, share, side):
    """Over all paths of ten values with a mean of -0.05 the expectation is 1, exactly."""
    assert low + share * (high - low) == pytest.approx(-0.05)
    expected, ever = 0.0, 0.0
    for path in itertools.product((low, high), repeat=10):
        chance = math.prod(share if value == high else 1.0 - share for value in path)
        test = _fed(path, -0.05)
        expected += chance * math.exp(getattr(test, f"log_e_{side}"))
        ever += chance * (getattr(test, f"most_{side}") >= math.log(4.0))
    assert expected == pytest.approx(1.0, abs=1e-12)
    assert ever <= 0.25


@pytest.mark.parametrize("discordance", [0.06, 0.15, 0.3])
@pytest.mark.parametrize("side", ["above", "below"])
def test_peeking_after_every_pair_errs_no_more_than_alpha(discordance, side):
    """A true loss of exactly 5 points: neither pass nor fail beyond 5 %, whatever one looks at."""
    paths = _pairs(np.random.default_rng(11), discordance, -0.05, (700, 600))
    assert _ever(paths, -0.05, side) <= 0.05


@pytest.mark.parametrize("spread", [0.1, 0.9])
@pytest.mark.parametrize("side", ["above", "below"])
def test_peeking_at_graded_scores_errs_no_more_than_alpha(spread, side):
    """The same for differences of any size."""
    paths = _graded(np.random.default_rng(12), spread, -0.05, (300, 400))
    assert _ever(paths, -0.05, side) <= 0.05


def test_a_clear_difference_is_found_soon():
    """20 % discordance, 15 points better, margin 5: most stop within 100 of 400 pairs."""
    paths = _pairs(np.random.default_rng(13), 0.2, 0.15, (200, 100))
    assert _ever(paths, -0.05, "above") >= 0.9
    assert _ever(paths, -0.05, "below") <= 0.01


@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (-2.0, 3.0)])
def test_the_interval_excludes_what_the_test_rejects(alpha, bounds):
    """low > limit iff the wealth against "at most the limit" ever reached 1/alpha; so does high."""
    rng = np.random.default_rng(14)
    samples = [_pairs(rng, 0.3, 0.1, 150), _graded(rng, 0.4, 0.2, 150), np.ones(9)]
    for x in samples:
        found = confidence_sequence(x, alpha, bounds=bounds)
        assert (found.method, found.n, found.level) == ("betting", len(x), 1 - 2 * alpha)
        assert found.estimate == pytest.approx(x.mean())
        for limit in (*np.linspace(-0.9, 0.9, 13), found.low - 1e-6, found.low + 1e-6):
            test = _fed(x, float(np.clip(limit, *bounds)), bounds=bounds)
            assert (test.most_above >= math.log(1 / alpha)) == (found.low > test.limit)
        for limit in (found.high - 1e-6, found.high + 1e-6):
            test = _fed(x, float(np.clip(limit, *bounds)), bounds=bounds)
            rejected = test.most_below >= math.log(1 / alpha)
            assert rejected == (found.high < test.limit)


def test_more_values_never_widen_the_interval():
    """What was once rejected stays rejected, so the limits only close in."""
    x = _pairs(np.random.default_rng(15), 0.3, 0.1, 400)
    found = [confidence_sequence(x[:n]) for n in range(20, 401, 20)]
    lows, highs = [f.low for f in found], [f.high for f in found]
    assert lows == sorted(lows)
    assert highs == sorted(highs, reverse=True)


def test_the_interval_closes_in_on_the_mean():
    """4000 pairs at 20 % discordance leave less than six points on both sides together."""
    found = confidence_sequence(_pairs(np.random.default_rng(16), 0.2, 0.1, 4000))
    assert 0.02 < found.high - found.low < 0.06
    assert found.low < 0.1 < found.high


def test_an_order_that_cannot_be_random_keeps_the_mean_within_the_limits():
    """All gains first, then all losses: the limit that is passed moves to the mean."""
    found = confidence_sequence([1.0] * 60 + [-1.0] * 60)
    assert found.low == found.estimate == 0.0


@pytest.mark.parametrize("limit", [0.0, 1.0])
def test_a_claim_that_cannot_be_false_is_never_rejected(limit):
    """Means of scores are at least 0 and at most 1, whatever the scores."""
    x = np.random.default_rng(17).random(300)
    test = _fed(x, limit, bounds=(0.0, 1.0))
    true, false = ("below", "above") if limit == 0.0 else ("above", "below")
    assert getattr(test, f"most_{true}") == 0.0
    assert getattr(test, f"most_{false}") == math.inf


def test_a_value_at_the_limit_changes_nothing():
    """It speaks neither for nor against, also where the limit is an end of the scale."""
    for limit in (-1.0, 0.25, 1.0):
        test = _fed([limit] * 3, limit)
        assert (test.n, test.log_e_above, test.log_e_below) == (3, 0.0, 0.0)


@pytest.mark.parametrize("value", [1.01, -1.01, math.nan, math.inf])
def test_a_value_outside_the_scale_raises(value):
    """The guarantee is for bounded values only."""
    with pytest.raises(ValueError, match=r"within|finite"):
        BettingTest(0.0).add(value)
    with pytest.raises(ValueError, match=r"within|finite"):
        confidence_sequence([0.0, value])


@pytest.mark.parametrize("bounds", [(1.0, 0.0), (0.0, 0.0), (0.0, math.inf), (math.nan, 1.0)])
def test_bounds_that_are_no_scale_raise(bounds):
    """The lower end comes first, and both exist."""
    with pytest.raises(ValueError, match="bounds"):
        BettingTest(0.5, bounds=bounds)
    with pytest.raises(ValueError, match="bounds"):
        confidence_sequence([0.5], bounds=bounds)


@pytest.mark.parametrize("limit", [-1.5, 2.0, math.nan])
def test_a_limit_outside_the_scale_raises(limit):
    """A margin of 150 points is a mistake of units."""
    with pytest.raises(ValueError, match="limit"):
        BettingTest(limit)
