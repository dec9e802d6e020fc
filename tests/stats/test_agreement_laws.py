"""Laws that every measure of agreement keeps: add one to the table and it inherits them all."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalkit.stats import cohen_kappa, gwet_ac1, krippendorff_alpha, pairwise_agreement

MEASURES = {
    "kappa": cohen_kappa,
    "kappa_linear": lambda x, y: cohen_kappa(x, y, "linear"),
    "kappa_quadratic": lambda x, y: cohen_kappa(x, y, "quadratic"),
    "ac1": gwet_ac1,
    "alpha_nominal": lambda x, y: krippendorff_alpha([x, y]),
    "alpha_ordinal": lambda x, y: krippendorff_alpha([x, y], "ordinal"),
    "alpha_interval": lambda x, y: krippendorff_alpha([x, y], "interval"),
    "alpha_ratio": lambda x, y: krippendorff_alpha([x, y], "ratio"),
    "pairwise": lambda x, y: pairwise_agreement([x, y]).estimate,
}
NOMINAL = ("kappa", "ac1", "alpha_nominal", "pairwise")
BEYOND_CHANCE = tuple(name for name in MEASURES if name != "pairwise")
GENERATOR = np.random.default_rng(17)
X = GENERATOR.integers(1, 5, 200)
Y = np.where(GENERATOR.random(200) < 0.6, X, GENERATOR.integers(1, 5, 200))

every_measure = pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES.keys())
every_nominal = pytest.mark.parametrize("name", NOMINAL)


@every_measure
def test_raters_may_be_swapped(measure):
    """Who comes first is no matter."""
    assert measure(X, Y) == pytest.approx(measure(Y, X), abs=1e-12)


@every_measure
def test_the_order_of_items_does_not_matter(measure):
    """A permutation of both columns changes nothing."""
    order = np.random.default_rng(1).permutation(200)
    assert measure(X[order], Y[order]) == pytest.approx(measure(X, Y), abs=1e-12)


@every_nominal
def test_labels_may_be_exchanged(name):
    """Names carry no meaning where there is no order: 1, 2, 3, 4 become 40, 7, 10, 20."""
    exchange = np.array([0, 40, 7, 10, 20])
    measure = MEASURES[name]
    assert measure(exchange[X], exchange[Y]) == pytest.approx(measure(X, Y), abs=1e-12)
    words = np.array(["", "w", "x", "y", "z"])
    assert measure(words[X], words[Y]) == pytest.approx(measure(X, Y), abs=1e-12)


@pytest.mark.parametrize(
    "name", ["kappa_linear", "kappa_quadratic", "alpha_ordinal", "alpha_ratio"]
)
def test_scales_may_be_reversed_or_stretched(name):
    """A stretched scale changes nothing; nor does a reversed one, but for ratios."""
    measure = MEASURES[name]
    assert measure(3 * X, 3 * Y) == pytest.approx(measure(X, Y), abs=1e-12)
    if name != "alpha_ratio":
        assert measure(5 - X, 5 - Y) == pytest.approx(measure(X, Y), abs=1e-12)


@every_measure
def test_perfect_agreement_is_1(measure):
    """Exactly."""
    assert measure(X, X) == 1.0
    assert measure([1, 2], [1, 2]) == 1.0


@pytest.mark.parametrize("name", BEYOND_CHANCE)
def test_independent_raters_are_at_about_0(name):
    """With equal marginals, over 20,000 items."""
    generator = np.random.default_rng(5)
    x, y = generator.integers(1, 5, (2, 20_000))
    assert abs(MEASURES[name](x, y)) < 0.03


@every_measure
def test_no_measure_exceeds_1_or_falls_below_minus_1(measure):
    """Over random, mostly tiny and skewed samples; AC1, kappa and alpha reach below 0."""
    generator, found = np.random.default_rng(9), []
    for _ in range(300):
        n = int(generator.integers(2, 12))
        x, y = generator.choice([1, 2, 3], (2, n), p=[0.7, 0.2, 0.1])
        if len({*x, *y}) > 1:
            found.append(measure(x, y))
    assert -1.0 <= min(found)
    assert max(found) <= 1.0


@every_measure
def test_more_agreement_is_more(measure):
    """Repairing one disagreement after the other raises the measure to 1."""
    repaired, values = Y.copy(), [measure(X, Y)]
    for index in np.flatnonzero(X != Y)[::10]:
        repaired[: index + 1] = X[: index + 1]
        values.append(measure(X, repaired))
    assert values == sorted(values)
    assert measure(X, X) > values[0]


@every_measure
def test_copying_the_items_changes_little(measure):
    """Ten times the same sample is the same agreement (alpha corrects for n)."""
    assert measure(np.tile(X, 10), np.tile(Y, 10)) == pytest.approx(measure(X, Y), abs=2e-3)


@every_measure
@pytest.mark.parametrize(("x", "y"), [([], []), ([1], [1, 2]), ([1, 2], [1])])
def test_empty_or_unequal_columns_raise(measure, x, y):
    """No data is never 0."""
    with pytest.raises(ValueError, match=r"empty|length|needed|needs"):
        measure(x, y)


@pytest.mark.parametrize("name", ["kappa", "kappa_linear", "kappa_quadratic", "ac1"])
@pytest.mark.parametrize("missing", [None, math.nan, np.float32("nan")])
def test_a_missing_label_raises_where_the_measure_has_no_place_for_it(name, missing):
    """It is not a label of its own."""
    with pytest.raises(ValueError, match="missing"):
        MEASURES[name]([1, 2, missing], [1, 2, 2])


@pytest.mark.parametrize("name", BEYOND_CHANCE)
@pytest.mark.parametrize("n", [1, 7])
def test_one_label_only_leaves_nothing_to_correct_for(name, n):
    """Expected agreement is 1: undefined, but for AC1, whose expectation is 0 there."""
    if name == "ac1":
        assert MEASURES[name]([3] * n, [3] * n) == 1.0
        return
    with pytest.raises(ValueError, match="undefined"):
        MEASURES[name]([3] * n, [3] * n)


@pytest.mark.parametrize("name", [n for n in BEYOND_CHANCE if n != "ac1"])
def test_one_item_in_dispute_is_no_agreement_beyond_chance(name):
    """n = 1: observed and expected disagreement are the same."""
    assert MEASURES[name]([1], [2]) == pytest.approx(0.0, abs=1e-12)


@every_measure
def test_the_result_is_a_plain_float(measure):
    """It can be written as JSON."""
    assert type(measure(X, Y)) is float
