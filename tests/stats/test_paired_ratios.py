"""Ratios of two arms on the same units, against the bootstrap, symmetries and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from evalkit.stats import bootstrap, cost_ratio, mean_ratio, quantile_ratio
from evalkit.stats.paired_ratios import _dependence


def _latencies(rng, n, dependence, repeats=1):
    """Draw lognormal latencies of two arms; the first has a heavy tail and half the median."""
    shared = rng.normal(size=(n, 1))
    own = [
        math.sqrt(dependence) * shared + math.sqrt(1 - dependence) * rng.normal(size=(n, repeats))
        for _ in range(2)
    ]
    return np.exp(1.2 * own[0]).ravel(), 2.0 * np.exp(0.5 * own[1]).ravel()


def _costs(rng, n, rate=0.7):
    """Draw costs and successes of two arms, dearer where they fail."""
    difficulty = rng.normal(size=n)
    columns = []
    for price in (1.0, 0.4):
        failed = 0.7 * difficulty + 0.7 * rng.normal(size=n) > math.sqrt(2) * (rate - 0.5)
        columns += [price * np.exp(0.5 * difficulty) * (1.0 + failed), 1.0 - failed]
    return columns


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_swapping_the_arms_inverts_the_quantile_ratio(q):
    """x over y and y over x are the same statement."""
    x, y = _latencies(np.random.default_rng(31), 200, 0.5)
    there, back = quantile_ratio(x, y, q), quantile_ratio(y, x, q)
    assert there.estimate == pytest.approx(1 / back.estimate)
    assert (there.low, there.high) == pytest.approx((1 / back.high, 1 / back.low))


def test_the_unit_of_time_does_not_matter():
    """Milliseconds in both arms give the same ratio, and in one a thousand times as much."""
    x, y = _latencies(np.random.default_rng(32), 200, 0.5)
    seconds, both = quantile_ratio(x, y, 0.9), quantile_ratio(1000 * x, 1000 * y, 0.9)
    assert (both.estimate, both.low, both.high) == pytest.approx(
        (seconds.estimate, seconds.low, seconds.high)
    )
    assert quantile_ratio(1000 * x, y, 0.9).low == pytest.approx(1000 * seconds.low)
    assert seconds.estimate == pytest.approx(np.quantile(x, 0.9) / np.quantile(y, 0.9))


def test_arms_that_move_together_have_a_narrower_ratio():
    """What the units share cancels: pairing is worth something."""
    rng = np.random.default_rng(33)
    x, y = _latencies(rng, 400, 0.98)
    paired, broken = quantile_ratio(x, y, 0.5), quantile_ratio(x, rng.permutation(y), 0.5)
    assert paired.high / paired.low < 0.9 * (broken.high / broken.low)


def test_the_same_values_in_both_arms_still_leave_doubt():
    """The ratio is 1, and the width is not 0."""
    x, _ = _latencies(np.random.default_rng(34), 100, 0.5)
    found = quantile_ratio(x, x, 0.5)
    assert found.estimate == 1.0
    assert found.low < 0.97 < 1.03 < found.high


@pytest.mark.parametrize(("n", "exists"), [(71, False), (72, True)])
def test_a_p95_ratio_has_limits_from_72_units_on(n, exists):
    """Below, no upper limit of either arm exists: the ratio may be anything."""
    x, y = _latencies(np.random.default_rng(35), n, 0.5)
    found = quantile_ratio(x, y, 0.95)
    assert (found.low > 0.0, math.isfinite(found.high)) == (exists, exists)
    assert found.low <= found.estimate <= found.high


def test_copies_in_a_unit_add_nothing_to_a_quantile_ratio():
    """Three equal repeats of every unit are worth as much as one; taken as units, too much."""
    x, y = _latencies(np.random.default_rng(36), 300, 0.5)
    units = np.tile(np.arange(300), 3)
    once = quantile_ratio(x, y, 0.5)
    copied = quantile_ratio(np.tile(x, 3), np.tile(y, 3), 0.5, x_units=units, y_units=units)
    naive = quantile_ratio(np.tile(x, 3), np.tile(y, 3), 0.5)
    assert (copied.n, copied.method) == (300, "mover-order-statistics-clusters")
    widths = [math.log(found.high / found.low) for found in (once, copied, naive)]
    assert widths[1] == pytest.approx(widths[0], rel=0.15)
    assert widths[2] < 0.7 * widths[1]


def test_the_correlation_of_arms_does_not_depend_on_how_often_units_are_repeated():
    """Copies of every value leave the correlation as it is, caution included."""
    rng = np.random.default_rng(37)
    x = rng.random(40) < 0.9
    y = x ^ (rng.random(40) < 0.05)
    units = np.tile(np.arange(40), 3)
    copied = _dependence(np.tile(x, 3), np.tile(y, 3), (units, units))
    assert copied == pytest.approx(_dependence(x, y, None))
    assert 0.3 < copied < np.corrcoef(x, y)[0, 1]


def test_units_are_matched_by_their_number_not_by_position():
    """Shuffled rows with their numbers give the interval of the sorted ones."""
    rng = np.random.default_rng(37)
    x, y = _latencies(rng, 200, 0.9)
    codes, order = np.arange(200), rng.permutation(200)
    plain = quantile_ratio(x, y, 0.5)
    found = quantile_ratio(x, y[order], 0.5, x_units=codes, y_units=codes[order])
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high))
    few = quantile_ratio(x[:150], y[order], 0.5, x_units=codes[:150], y_units=codes[order])
    assert few.n == 150


@pytest.mark.parametrize(
    ("n", "dependence", "repeats", "q"),
    [(30, 0.995, 1, 0.5), (80, 0.995, 1, 0.95), (150, 0.0, 1, 0.95), (100, 0.9, 3, 0.95)],
)
def test_the_quantile_ratio_covers(n, dependence, repeats, q):
    """At least 94 % of 400, also where arms move together and few values make the tail."""
    rng, hits = np.random.default_rng(38), 0
    z = {0.5: 0.0, 0.95: 1.6448536}[q]
    truth = 0.5 * math.exp(0.7 * z)
    units = np.repeat(np.arange(n), repeats)
    for _ in range(400):
        x, y = _latencies(rng, n, dependence, repeats)
        found = quantile_ratio(x, y, q, x_units=units, y_units=units)
        hits += found.low <= truth <= found.high
    assert hits / 400 >= 0.94


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        ([1.0, 0.0], [1.0, 1.0], {}, "above 0"),
        ([1.0, 2.0], [1.0, -1.0], {}, "above 0"),
        ([1.0, 2.0], [1.0], {}, "shape"),
        ([1.0, 2.0], [1.0, 2.0], {"x_units": [0, 1]}, "both arms"),
        ([1.0, 2.0], [1.0, 2.0], {"x_units": [0, 1], "y_units": [0]}, "unit"),
        ([1.0, 2.0], [1.0, 2.0], {"x_units": [0, 1], "y_units": [0, -1]}, "unit"),
        ([1.0, 2.0], [1.0, 2.0], {"x_units": [0, 1], "y_units": ["a", "b"]}, "unit"),
        ([1.0, math.nan], [1.0, 2.0], {}, "finite"),
    ],
)
def test_values_that_have_no_quantile_ratio_raise(x, y, options, message):
    """A latency is above 0, and each belongs to a unit."""
    with pytest.raises(ValueError, match=message):
        quantile_ratio(x, y, 0.5, **options)


def test_the_cost_ratio_agrees_with_the_bootstrap():
    """On 400 units both see the same spread."""
    columns = _costs(np.random.default_rng(41), 400)

    def ratio(cx, sx, cy, sy):
        return cx.sum() / sx.sum() * sy.sum() / cy.sum()

    found, expected = cost_ratio(*columns), bootstrap(ratio, *columns, n=4000)
    assert found.estimate == pytest.approx(expected.estimate)
    assert math.log(found.low) == pytest.approx(math.log(expected.low), abs=0.02)
    assert math.log(found.high) == pytest.approx(math.log(expected.high), abs=0.02)
    assert (found.method, found.n) == ("log-delta", 400)


def test_the_cost_ratio_is_its_formula():
    """Six units by hand: what leaving each out does to the logs, with half a unit of caution."""
    cx, sx = [1.0, 2.0, 4.0, 1.0, 3.0, 2.0], [1, 1, 0, 1, 0, 1]
    cy, sy = [2.0, 2.0, 1.0, 1.0, 1.0, 3.0], [1, 0, 1, 1, 1, 1]
    d = [
        math.log(13 / (13 - a)) - b / 4 - math.log(10 / (10 - c)) + e / 5
        for a, b, c, e in zip(cx, sx, cy, sy, strict=True)
    ]
    error = math.sqrt(6 * np.var(d, ddof=1) + (1 / 4**2 + 1 / 5**2) / 2)
    half = stats.t.ppf(0.975, 5) * error
    found = cost_ratio(cx, sx, cy, sy)
    assert found.estimate == pytest.approx(13 / 4 / 2)
    assert math.log(found.high / found.estimate) == pytest.approx(half)
    assert math.log(found.estimate / found.low) == pytest.approx(half)


def test_the_mean_ratio_agrees_with_the_bootstrap():
    """As for cost per success, without successes."""
    x, _, y, _ = _costs(np.random.default_rng(42), 400)
    found = mean_ratio(x, y)
    expected = bootstrap(lambda a, b: a.sum() / b.sum(), x, y, n=4000)
    assert found.estimate == pytest.approx(x.mean() / y.mean())
    assert math.log(found.low) == pytest.approx(math.log(expected.low), abs=0.02)
    assert math.log(found.high) == pytest.approx(math.log(expected.high), abs=0.02)


def test_swapping_the_arms_inverts_the_cost_ratio():
    """x over y and y over x are the same statement."""
    cx, sx, cy, sy = _costs(np.random.default_rng(43), 60)
    pairs = [(cost_ratio(cx, sx, cy, sy), cost_ratio(cy, sy, cx, sx))]
    pairs.append((mean_ratio(cx, cy), mean_ratio(cy, cx)))
    for there, back in pairs:
        assert (there.low, there.high) == pytest.approx((1 / back.high, 1 / back.low))


def test_neither_currency_nor_scale_of_success_matters():
    """Cents and points of 100 move both arms alike: the ratio and its limits stay."""
    cx, sx, cy, sy = _costs(np.random.default_rng(44), 60)
    plain, scaled = cost_ratio(cx, sx, cy, sy), cost_ratio(100 * cx, 100 * sx, 100 * cy, 100 * sy)
    assert (scaled.low, scaled.high) == pytest.approx((plain.low, plain.high))
    dearer = cost_ratio(3 * cx, sx, cy, sy)
    assert (dearer.low, dearer.high) == pytest.approx((3 * plain.low, 3 * plain.high))


def test_the_same_few_successes_do_not_prove_equality():
    """Equal arms with three successes of thirty: the ratio is 1, give or take a factor of two."""
    cost = [1.0, 2.0, 3.0] * 10
    success = [1.0] * 3 + [0.0] * 27
    found = cost_ratio(cost, success, cost, success)
    assert found.estimate == 1.0
    assert found.low < 0.6
    assert found.high > 1 / 0.6


def test_rows_of_a_cluster_count_as_one_unit():
    """Clusters are summed before anything else."""
    columns = _costs(np.random.default_rng(45), 60)
    labels = [str(i % 20) for i in range(60)]
    order = np.argsort([str(i) for i in range(20)])
    summed = [column.reshape(3, 20).sum(axis=0)[order] for column in columns]
    found, expected = cost_ratio(*columns, clusters=labels), cost_ratio(*summed)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert (found.n, found.method) == (20, "log-delta-clusters")
    assert mean_ratio(columns[0], columns[2], clusters=labels).low == pytest.approx(
        mean_ratio(summed[0], summed[2]).low
    )


def test_where_one_unit_bears_all_the_cost_there_are_no_limits():
    """Without it nothing would be known."""
    found = cost_ratio([5.0, 0.0, 0.0], [1, 1, 1], [1.0, 2.0, 1.0], [1, 1, 1])
    assert (found.low, found.high) == (0.0, math.inf)


@pytest.mark.parametrize(("n", "rate"), [(20, 0.2), (20, 0.9), (60, 0.5)])
def test_the_cost_ratio_covers(n, rate):
    """At least 94 % of 800 with few units or few successes."""
    rng = np.random.default_rng(46)
    large = _costs(rng, 1_000_000, rate)
    truth = large[0].sum() / large[1].sum() * large[3].sum() / large[2].sum()
    hits = kept = 0
    for _ in range(800):
        columns = _costs(rng, n, rate)
        if columns[1].sum() and columns[3].sum():
            found, kept = cost_ratio(*columns), kept + 1
            hits += found.low <= truth <= found.high
    assert kept > 700
    assert hits / kept >= 0.94


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([1.0, 1.0], [0, 0], [1.0, 1.0], [1, 1]), "first arm has no success"),
        (([1.0, 1.0], [1, 1], [1.0, 1.0], [0, 0]), "second arm has no success"),
        (([1.0, 1.0], [1, 1], [0.0, 0.0], [1, 1]), "no cost"),
        (([1.0], [1], [1.0], [1]), "two units"),
        (([1.0, 1.0], [1, 1], [1.0], [1]), "shape"),
        (([1.0, -1.0], [1, 1], [1.0, 1.0], [1, 1]), "below 0"),
        (([1.0, math.inf], [1, 1], [1.0, 1.0], [1, 1]), "finite"),
    ],
)
def test_what_is_not_estimable_raises(columns, message):
    """No success, no cost or one unit: there is no ratio, and never 0."""
    with pytest.raises(ValueError, match=message):
        cost_ratio(*columns)


def test_a_ratio_that_never_varies_has_no_interval():
    """No interval has width 0: twice the price of the same tokens needs no statistics."""
    with pytest.raises(ValueError, match="width 0"):
        mean_ratio([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="no cost"):
        mean_ratio([1.0, 2.0], [0.0, 0.0])
