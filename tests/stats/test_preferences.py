"""Win rates against their definition, scikit-learn's logistic regression and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats
from sklearn.linear_model import LogisticRegression

from evalkit.stats import length_controlled_win_rate, mean_interval, wilson, win_rate

# ------------------------------------------------------------------- win rate


def test_ties_count_half_and_what_has_no_verdict_is_left_out():
    """3 wins, 1 tie, 1 loss, 2 unparsed: 3.5 of 5."""
    found = win_rate([1, 1, None, 0.5, 0, 1, math.nan])
    assert (found.estimate, found.n, found.unparsed) == (0.7, 5, 2)
    assert found.standard_error == pytest.approx(stats.sem([1, 1, 0.5, 0, 1]))


def test_wins_and_losses_have_wilson_limits_and_ties_gaffke_ones():
    """As the other rates do."""
    found, expected = win_rate([1] * 8 + [0] * 2), wilson(8, 10)
    assert (found.low, found.high, found.method) == (expected.low, expected.high, "wilson")
    values = [1, 1, 0.5, 0, 1]
    tied, mean = win_rate(values), mean_interval(values)
    assert (tied.low, tied.high, tied.method) == (mean.low, mean.high, "gaffke")


def test_both_orders_of_a_pair_are_one_unit():
    """Two preferences in a cluster count once: the interval is that of the pairs' means."""
    pairs = [[1, 1], [1, 0], [0, 0], [1, 0.5], [1, 1], [0.5, 0.5]]
    names = [name for name in "abcdef" for _ in range(2)]
    found = win_rate([x for pair in pairs for x in pair], names)
    means = [sum(pair) / 2 for pair in pairs]
    expected = mean_interval(means)
    assert (found.n, found.method) == (6, "gaffke-clusters")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-8)
    assert found.standard_error == pytest.approx(stats.sem(means))


def test_a_cluster_without_a_verdict_is_no_unit():
    """It is left out with its preferences."""
    found = win_rate([1, 0.5, None, None, 0, 1], ["a", "a", "b", "b", "c", "c"])
    assert (found.n, found.unparsed) == (2, 2)


def test_one_verdict_has_limits_but_no_standard_error():
    """It is null, not 0."""
    found = win_rate([1])
    assert (found.standard_error, found.estimate) == (None, 1.0)
    assert found.low < 0.25


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: win_rate([]), "no verdict"),
        (lambda: win_rate([None, None]), "no verdict among 2"),
        (lambda: win_rate([1, -1]), r"within 0\.\.1 or be None, got -1"),
        (lambda: win_rate([1, 2, 1]), r"within 0\.\.1 or be None, got 2"),
        (lambda: win_rate([1, 0], ["a"]), "one cluster for each"),
        (lambda: win_rate([1, 0], level=95), "level"),
        (lambda: length_controlled_win_rate([1, 0], [1, 2], [2, 1]), "three independent"),
        (lambda: length_controlled_win_rate([1, 0, 1], [1, 2], [2, 1]), "one length for each"),
        (lambda: length_controlled_win_rate([1, 0, 1], [6, 7, 8], [1, 2, 3]), "longer by 5"),
        (lambda: length_controlled_win_rate([1, 0, 1], [6, math.nan, 8], [1, 2, 3]), "finite"),
        (lambda: length_controlled_win_rate([1, 0, 3], [6, 1, 8], [1, 2, 3]), "within"),
    ],
)
def test_a_win_rate_that_is_undefined_raises(call, problem):
    """An unparsed verdict is no -1, a rating is no preference."""
    with pytest.raises(ValueError, match=problem):
        call()


# ------------------------------------------------------------------- length control


def comparisons(n, seed, strength=0.5, effect=1.5):
    """Return preferences and lengths in which longer answers are preferred."""
    generator = np.random.default_rng(seed)
    baseline = generator.gamma(4.0, 50.0, n)
    model = baseline * np.exp(generator.normal(0.4, 0.5, n))
    gap = model - baseline
    chance = special.expit(strength + effect * np.tanh(gap / gap.std(ddof=1)))
    return (generator.random(n) < chance) * 1.0, model, baseline


def test_length_control_is_a_logistic_regression_with_a_small_ridge():
    """scikit-learn with C = 9 on an unpenalised and a constant column is the oracle."""
    won, model, baseline = comparisons(300, 1)
    gap = model - baseline
    design = np.stack([np.ones(300), np.tanh(gap / gap.std(ddof=1))], axis=1)
    oracle = LogisticRegression(C=9.0, fit_intercept=False, tol=1e-12, max_iter=1000)
    intercept, effect = oracle.fit(design, won).coef_[0]
    found = length_controlled_win_rate(won, model, baseline)
    assert found.estimate == pytest.approx(special.expit(intercept), abs=1e-7)
    assert found.length_effect == pytest.approx(effect, abs=1e-6)


def test_the_ridge_hardly_matters_on_ordinary_data():
    """Against no penalty at all."""
    won, model, baseline = comparisons(300, 2)
    gap = model - baseline
    feature = np.tanh(gap / gap.std(ddof=1))[:, None]
    plain = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(feature, won)
    found = length_controlled_win_rate(won, model, baseline)
    assert found.estimate == pytest.approx(special.expit(plain.intercept_[0]), abs=0.003)


def test_soft_labels_are_two_weighted_verdicts():
    """A tie is half a win and half a loss: scikit-learn with weights is the oracle."""
    won, model, baseline = comparisons(200, 3)
    won[::4] = 0.5
    won[1::7] = 0.8
    gap = model - baseline
    design = np.stack([np.ones(200), np.tanh(gap / gap.std(ddof=1))], axis=1)
    oracle = LogisticRegression(C=9.0, fit_intercept=False, tol=1e-12, max_iter=1000)
    oracle.fit(
        np.concatenate([design, design]), [1] * 200 + [0] * 200, np.concatenate([won, 1 - won])
    )
    found = length_controlled_win_rate(won, model, baseline)
    assert found.estimate == pytest.approx(special.expit(oracle.coef_[0, 0]), abs=1e-7)


def test_length_control_takes_back_what_length_has_won():
    """Equal models, longer answers preferred: the raw rate is above 0.6, the controlled one not."""
    won, model, baseline = comparisons(2000, 4, strength=0.0, effect=1.5)
    found = length_controlled_win_rate(won, model, baseline)
    assert win_rate(won).low > 0.6
    assert found.low < 0.5 < found.high
    assert found.length_effect == pytest.approx(1.5, abs=0.3)


def test_equal_lengths_leave_the_win_rate():
    """Nothing to control: the estimate is the mean, but for the ridge."""
    won = [1.0] * 60 + [0.0] * 40
    found = length_controlled_win_rate(won, [100] * 100, [100] * 100)
    assert found.estimate == pytest.approx(0.6, abs=0.001)
    assert found.length_effect == 0.0


@pytest.mark.parametrize("longer_wins", [True, False])
def test_separated_data_have_finite_estimates_and_wide_limits(longer_wins):
    """All won, or the longer one always: without the ridge both would be infinite."""
    gap = np.linspace(-50, 80, 40)
    won = (gap > 0) * 1.0 if longer_wins else np.ones(40)
    found = length_controlled_win_rate(won, 100 + gap, [100] * 40)
    assert 0.0 < found.estimate < 1.0
    assert math.isfinite(found.length_effect)
    assert found.high - found.low > 0.1
    if not longer_wins:
        assert found.high == 1.0


def test_what_has_no_verdict_is_left_out_with_its_lengths():
    """The fit is that of the others."""
    won, model, baseline = comparisons(50, 5)
    expected = length_controlled_win_rate(won, model, baseline)
    more = [*won, None, None]
    found = length_controlled_win_rate(more, [*model, 9999, 1], [*baseline, 1, 9999])
    assert (found.estimate, found.n, found.unparsed) == (expected.estimate, 50, 2)


def test_copies_in_a_cluster_do_not_narrow_the_limits():
    """Every comparison four times, clustered, against once and against unclustered copies."""
    won, model, baseline = comparisons(150, 6)
    once = length_controlled_win_rate(won, model, baseline)
    copied = [np.tile(column, 4) for column in (won, model, baseline)]
    clustered = length_controlled_win_rate(*copied, clusters=np.tile(np.arange(150), 4))
    naive = length_controlled_win_rate(*copied)
    assert (clustered.n, clustered.method) == (150, "logistic-delta-clusters")
    assert clustered.high - clustered.low == pytest.approx(once.high - once.low, rel=0.1)
    assert naive.high - naive.low < 0.6 * (clustered.high - clustered.low)


@pytest.mark.parametrize(("strength", "n"), [(0.0, 50), (2.2, 50), (1.0, 20)])
def test_the_length_controlled_rate_covers(strength, n):
    """True rates .5, .9 and .73: at least 93.5 % of 500."""
    truth, hits = special.expit(strength), 0
    for seed in range(500):
        found = length_controlled_win_rate(*comparisons(n, seed, strength, 1.0))
        hits += found.low <= truth <= found.high
    assert hits / 500 >= 0.935
