"""The bootstrap against scipy's, and resampled sums against counting."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from scipy import stats

from evalkit.stats import bootstrap, resampling
from evalkit.stats.resampling import resampled_sums


def _ratio(first, second):
    return float(first.sum() / second.sum())


def _skewed(n):
    rng = np.random.default_rng(21)
    x = rng.lognormal(size=n)
    return x, x * rng.uniform(0.5, 1.5, n) + 0.3


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize(
    ("statistic", "x"),
    [(np.var, _skewed(30)[0]), (np.mean, _skewed(30)[0]), (np.mean, np.arange(30) % 6 == 0)],
    ids=["variance", "mean", "rate"],
)
def test_bca_agrees_with_scipy(statistic, x, level):
    """scipy's BCa interval is the oracle: a biased and skewed statistic, a mean, one with ties."""
    expected = stats.bootstrap(
        (x,),
        statistic,
        method="BCa",
        n_resamples=20_000,
        confidence_level=level,
        rng=np.random.default_rng(22),
    ).confidence_interval
    found = bootstrap(statistic, x, n=20_000, level=level)
    assert (found.method, found.n, found.level) == ("bca", 30, level)
    assert found.estimate == statistic(x)
    assert found.low == pytest.approx(expected.low, rel=0.02)
    assert found.high == pytest.approx(expected.high, rel=0.02)


def test_bca_of_two_columns_agrees_with_scipy():
    """scipy's paired BCa interval of a ratio of sums."""
    x, y = _skewed(40)
    expected = stats.bootstrap(
        (x, y),
        lambda a, b, axis: a.sum(axis=axis) / b.sum(axis=axis),
        paired=True,
        method="BCa",
        n_resamples=20_000,
        rng=np.random.default_rng(22),
    ).confidence_interval
    found = bootstrap(_ratio, x, y, n=20_000)
    assert found.low == pytest.approx(expected.low, rel=0.01)
    assert found.high == pytest.approx(expected.high, rel=0.01)


def test_bca_leans_where_percentiles_do_not():
    """The mean of skewed values: both limits lie above the plain percentiles."""
    x, _ = _skewed(40)
    found = bootstrap(np.mean, x)
    means = resampled_sums(x.reshape(-1, 1), 10_000, np.random.default_rng(23)) / 40
    assert found.low > np.quantile(means, 0.025)
    assert found.high > np.quantile(means, 0.975)


def test_rows_of_a_cluster_are_drawn_together():
    """Every row four times in one cluster is as wide as the rows themselves; naively it is half."""
    x, y = _skewed(50)
    labels = [f"document {i}" for i in range(50)] * 4
    once = bootstrap(_ratio, x, y, n=4000)
    copied = bootstrap(_ratio, np.tile(x, 4), np.tile(y, 4), clusters=labels, n=4000)
    naive = bootstrap(_ratio, np.tile(x, 4), np.tile(y, 4), n=4000)
    assert (copied.method, copied.n) == ("bca-clusters", 50)
    assert copied.high - copied.low == pytest.approx(once.high - once.low, rel=0.08)
    assert naive.high - naive.low < 0.6 * (copied.high - copied.low)


def test_clusters_of_different_sizes_keep_all_their_rows():
    """A draw of whole clusters never splits one: the rows come in threes and ones."""
    labels = ["a"] * 3 + ["b"] * 3 + ["c"] * 3 + ["d", "e"]
    seen = set()

    def watch(rows):
        counts = np.bincount(rows, minlength=11)
        seen.update(tuple(counts[first : first + 3]) for first in (0, 3, 6))
        return float(rows.mean())

    bootstrap(watch, np.arange(11), clusters=labels, n=1000)
    assert all(len(set(counts)) == 1 for counts in seen)


def test_columns_are_drawn_together():
    """Ten times a column over itself is ten in every draw, so there is no interval."""
    x, _ = _skewed(30)
    with pytest.raises(ValueError, match="same in all draws"):
        bootstrap(lambda a, b: round(_ratio(10 * a, b), 9), x, x)


def test_tables_and_labels_can_be_columns():
    """A column may have several numbers to a row, or words."""
    table = np.arange(40.0).reshape(20, 2)
    words = np.array(["yes", "no"] * 10)
    found = bootstrap(lambda t, w: t[w == "yes"].mean(), table, words, n=1000)
    assert found.low < 18.5 == found.estimate < found.high


def test_without_a_generator_the_draws_are_the_same_every_time():
    """None is a fixed seed; a generator of your own moves the limits."""
    x, _ = _skewed(30)
    first, second = bootstrap(np.mean, x, n=1000), bootstrap(np.mean, x, n=1000)
    other = bootstrap(np.mean, x, n=1000, rng=np.random.default_rng(1))
    assert first == second == bootstrap(np.mean, x, n=1000, rng=np.random.default_rng(0))
    assert first.low != other.low


def test_where_the_jackknife_is_undefined_percentiles_stand():
    """A statistic that needs all twenty rows has no acceleration, and the method says so."""

    def needs_all(rows):
        if len(rows) < 20:
            raise ValueError
        return float(rows.mean())

    x, _ = _skewed(20)
    assert bootstrap(needs_all, x, n=1000).method == "percentile"
    labels = list(range(20))
    assert bootstrap(needs_all, x, clusters=labels, n=1000).method == "percentile-clusters"


def test_where_every_draw_is_on_one_side_percentiles_stand():
    """The number of different values is never reached again: no bias can be estimated."""
    x, _ = _skewed(30)
    found = bootstrap(lambda rows: len(set(rows.tolist())), x, n=1000)
    assert (found.estimate, found.method) == (30.0, "percentile")
    assert found.low < found.high == 30.0


def _mean_of_positive(rows):
    kept = rows[rows > 0]
    return float(kept.mean()) if len(kept) else math.nan


def test_a_few_undefined_draws_are_left_out():
    """NaN in about 2 % of the draws: the interval stands, and has no NaN."""
    found = bootstrap(_mean_of_positive, [0.0] * 16 + [1.0, 2.0, 3.0, 4.0], n=1000)
    assert 1.0 <= found.low < found.high <= 4.0


def test_many_undefined_draws_raise():
    """Two of twenty are missing from one draw in eight: that is no interval of all data."""
    with pytest.raises(ValueError, match=r"undefined in \d+ of 1000"):
        bootstrap(_mean_of_positive, [0.0] * 18 + [1.0, 2.0], n=1000)
    with pytest.raises(ValueError, match="undefined for the data"):
        bootstrap(_mean_of_positive, [0.0] * 20, n=1000)


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ([[1.0] * 12], {}, "same in all draws"),
        ([[1.0]], {}, "two units"),
        ([[1.0, 2.0]], {"clusters": ["a", "a"]}, "two units"),
        ([[1.0, 2.0, 3.0]], {"n": 999}, "1000"),
        ([[1.0, 2.0, 3.0]], {"clusters": ["a"]}, "cluster"),
        ([], {}, "column"),
        ([3.0], {}, "column"),
    ],
)
def test_what_gives_no_interval_raises(columns, options, message):
    """Constant data, one unit and few draws have no bootstrap interval; none has width 0."""
    with pytest.raises(ValueError, match=message):
        bootstrap(np.mean, *columns, **options)


def test_columns_of_different_length_raise():
    """Rows are joined by position, so each needs every column."""
    with pytest.raises(ValueError, match="length"):
        bootstrap(_ratio, [1.0, 2.0], [1.0, 2.0, 3.0])


def test_resampled_sums_are_sums_of_as_many_units():
    """Ones add up to the number of units, and a power of ten counts how often each was drawn."""
    values = np.stack([np.ones(4), 10.0 ** (2 * np.arange(4))], axis=1)
    sums = resampled_sums(values, 500, np.random.default_rng(24))
    assert sums.shape == (500, 2)
    assert (sums[:, 0] == 4).all()
    digits = [[int(s) // 100**i % 100 for i in range(4)] for s in sums[:, 1]]
    assert all(sum(d) == 4 for d in digits)
    assert len({tuple(d) for d in digits}) > 20


def test_resampled_sums_have_the_moments_of_a_bootstrap():
    """Mean n·mean, covariance n·covariance (divisor n), jointly over the columns."""
    values = np.stack(_skewed(300), axis=1)
    sums = resampled_sums(values, 20_000, np.random.default_rng(25))
    np.testing.assert_allclose(sums.mean(axis=0), values.sum(axis=0), rtol=0.005)
    expected = 300 * np.cov(values, rowvar=False, bias=True)
    np.testing.assert_allclose(np.cov(sums, rowvar=False), expected, rtol=0.05)


def test_resampled_sums_depend_on_the_generator_only():
    """Bit for bit the same over runs with threads, in many blocks; another seed differs."""
    values = np.random.default_rng(26).normal(size=(9000, 3))
    runs = [resampled_sums(values, 700, np.random.default_rng(27)) for _ in range(4)]
    assert all((run == runs[0]).all() for run in runs)
    assert (resampled_sums(values, 700, np.random.default_rng(28)) != runs[0]).any()
    assert len(np.unique(runs[0][:, 0])) == 700


def test_resampled_sums_do_not_depend_on_which_thread_is_first(monkeypatch):
    """The first block waits until another one is done, and gets its own draws all the same."""
    values = np.random.default_rng(26).normal(size=(300_000, 1))
    expected = resampled_sums(values, 9, np.random.default_rng(27))
    began, done, count = threading.Event(), threading.Event(), resampling._counts

    def delayed(*arguments):
        first = not began.is_set()
        began.set()
        if first:
            assert done.wait(20)
        found = count(*arguments)
        done.set()
        return found

    monkeypatch.setattr(resampling, "_counts", delayed)
    assert (resampled_sums(values, 9, np.random.default_rng(27)) == expected).all()


def test_a_generator_used_twice_gives_other_draws():
    """Two comparisons with one generator do not share their luck."""
    rng = np.random.default_rng(29)
    values = np.arange(50.0).reshape(-1, 1)
    assert (resampled_sums(values, 100, rng) != resampled_sums(values, 100, rng)).any()


@pytest.mark.parametrize("bad", [[], [[math.nan]], [1.0, 2.0], np.empty((0, 3))])
def test_values_that_are_no_table_raise(bad):
    """Units by columns, all of them numbers."""
    with pytest.raises(ValueError, match="table"):
        resampled_sums(bad, 10, np.random.default_rng(0))


def test_no_draw_raises():
    """Zero draws sum to nothing."""
    with pytest.raises(ValueError, match="draw"):
        resampled_sums([[1.0]], 0, np.random.default_rng(0))
