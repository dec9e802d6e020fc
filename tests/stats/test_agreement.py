"""Agreement of raters against published examples, other implementations and the definitions."""

from __future__ import annotations

import math
import time
from fractions import Fraction

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import cohen_kappa_score, confusion_matrix
from statsmodels.stats.inter_rater import cohens_kappa

from evalkit.stats import (
    cohen_kappa,
    confusion,
    gwet_ac1,
    krippendorff_alpha,
    pairwise_agreement,
)

NAN = math.nan
BEN = ["a", "a", "b", "b", "d", "c", "c", "c", "e", "d", "a"]
GERRY = ["b", "a", "b", "b", "b", "c", "c", "c", "e", "d", "d"]
# Krippendorff (2011), section C: four observers, twelve units
RELIABILITY = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
# the example with three coders that accompanies the package `krippendorff`
CODERS = [
    [NAN, NAN, NAN, NAN, NAN, 3, 4, 1, 2, 1, 1, 3, 3, NAN, 3],
    [1, NAN, 2, 1, 3, 3, 4, 3, NAN, NAN, NAN, NAN, NAN, NAN, NAN],
    [NAN, NAN, 2, 1, 3, 4, 4, NAN, 2, 1, 1, 3, 3, NAN, 4],
]


def from_table(table):
    """Return the two columns of labels that a table of counts stands for."""
    cells = [(i, j) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)]
    return [i for i, _ in cells], [j for _, j in cells]


# ------------------------------------------------------------------- kappa


def test_kappa_gives_the_value_of_cohen_1960():
    """po = .70, pe = .41, so kappa = .29 / .59 = .492."""
    x, y = from_table([[44, 5, 1], [7, 20, 3], [9, 5, 6]])
    assert cohen_kappa(x, y) == pytest.approx(0.29 / 0.59, abs=1e-12)


def test_kappa_collapses_where_labels_are_skewed_and_ac1_does_not():
    """118 + 0 of 125 agree: kappa is below 0, AC1 is .941 (the paradox of kappa)."""
    x, y = from_table([[118, 5], [2, 0]])
    assert cohen_kappa(x, y) == pytest.approx(-0.0234, abs=5e-5)
    assert gwet_ac1(x, y) == pytest.approx((0.944 - 0.054432) / (1 - 0.054432), abs=1e-12)


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
@pytest.mark.parametrize("seed", range(5))
def test_kappa_agrees_with_scikit_learn_and_statsmodels(weights, seed):
    """Two oracles, on a scale of which every step is used."""
    generator = np.random.default_rng(seed)
    x = generator.integers(0, 5, 150)
    y = np.where(generator.random(150) < 0.5, x, generator.integers(0, 5, 150))
    found = cohen_kappa(x, y, weights)
    assert found == pytest.approx(cohen_kappa_score(x, y, weights=weights), abs=1e-12)
    other = cohens_kappa(confusion_matrix(x, y), wt=weights, return_results=False)
    assert found == pytest.approx(other, abs=1e-12)


labels = st.lists(st.tuples(st.sampled_from([0, 1, 3, 10]), st.sampled_from([0, 1, 3, 10])))


@given(labels.filter(lambda pairs: len({v for pair in pairs for v in pair}) > 1))
@settings(max_examples=80, deadline=None)
def test_weighted_kappa_is_its_definition_with_the_values_as_distances(pairs):
    """In exact fractions, on a scale whose steps differ: 0, 1, 3, 10."""
    x, y = [a for a, _ in pairs], [b for _, b in pairs]
    for weights, power in (("linear", 1), ("quadratic", 2)):
        seen = Fraction(sum(abs(a - b) ** power for a, b in pairs), len(pairs))
        chance = Fraction(sum(abs(a - b) ** power for a in x for b in y), len(pairs) ** 2)
        assert cohen_kappa(x, y, weights) == pytest.approx(float(1 - seen / chance), abs=1e-9)


def test_a_step_that_nobody_used_keeps_its_width():
    """Levels 0, 1, 4: numbering them 0, 1, 2 would give another kappa."""
    x, y = [0, 0, 1, 4, 4, 1], [0, 1, 1, 4, 1, 0]
    renumbered = cohen_kappa([min(v, 2) for v in x], [min(v, 2) for v in y], "linear")
    assert cohen_kappa(x, y, "linear") != pytest.approx(renumbered, abs=0.01)
    assert cohen_kappa_score(x, y, weights="linear", labels=[0, 1, 2, 3, 4]) == pytest.approx(
        cohen_kappa(x, y, "linear")
    )


def test_labels_may_be_text_numbers_booleans_or_records():
    """Only equality matters without weights; True is 1."""
    expected = cohen_kappa([1, 0, 1, 1], [1, 0, 0, 1])
    assert cohen_kappa(["y", "n", "y", "y"], ["y", "n", "n", "y"]) == expected
    assert cohen_kappa(np.array([True, False, True, True]), [1, 0, 0, 1]) == expected
    assert cohen_kappa([("a", 1), ("b", 2), ("a", 1), ("a", 1)], list("wxyz")) == 0.0


# ------------------------------------------------------------------- AC1


def test_ac1_agrees_with_irrcac():
    """Figures of irrCAC 0.4.4, which pins a pandas older than ours."""
    assert gwet_ac1(BEN, GERRY) == pytest.approx(0.6615384615, abs=1e-10)
    generator = np.random.default_rng(3)
    x = generator.integers(0, 3, 40)
    y = np.where(generator.random(40) < 0.7, x, generator.integers(0, 3, 40))
    assert gwet_ac1(x, y) == pytest.approx(0.7387450432, abs=1e-10)


# irrCAC 0.4.4: items, labels, share of the first, copied labels; AC1, Conger's kappa (two raters)
SKEWED = [
    ((40, 2, 0.5, 0.6), 0.7574287447, 0.7422680412),
    ((40, 2, 0.9, 0.6), 0.8438110113, 0.3827160494),
    ((100, 2, 0.95, 0.5), 0.9575281376, 0.3150684932),
    ((60, 3, 0.34, 0.5), 0.5003643177, 0.5),
    ((60, 3, 0.9, 0.3), 0.7407992025, 0.3423271501),
    ((150, 5, 0.2, 0.8), 0.8251396454, 0.8246492986),
    ((150, 5, 0.8, 0.4), 0.7464216238, 0.466917529),
    ((25, 4, 0.25, 0.0), -0.1731247778, -0.1603375527),
    ((80, 2, 0.97, 0.0), 0.9610674021, -0.0169491525),
    ((200, 4, 0.7, 0.9), 0.9281856401, 0.8786898504),
    ((50, 2, 0.5, 0.0), -0.2355520128, -0.24),
]


@pytest.mark.parametrize(("seed", "table"), list(enumerate(SKEWED)))
def test_ac1_and_kappa_agree_with_irrcac_at_every_prevalence(seed, table):
    """Also where 97 % of the labels are the same."""
    (n, size, share, copied), ac1, kappa = table
    generator = np.random.default_rng(seed)
    chances = [share] + [(1.0 - share) / (size - 1)] * (size - 1)
    x = generator.choice(size, n, p=chances)
    y = np.where(generator.random(n) < copied, x, generator.choice(size, n, p=chances))
    assert gwet_ac1(x, y) == pytest.approx(ac1, abs=1e-9)
    assert cohen_kappa(x, y) == pytest.approx(kappa, abs=1e-9)


def test_ac1_knows_labels_of_the_scale_that_nobody_used():
    """pe = sum pi (1 - pi) / (Q - 1) with the Q of the scale."""
    x, y = ["good", "bad", "good", "good"], ["good", "bad", "bad", "good"]
    share = np.array([5 / 8, 3 / 8])
    for size, scale in ((2, None), (3, ["good", "fair", "bad"])):
        expected = float(share @ (1 - share)) / (size - 1)
        assert gwet_ac1(x, y, labels=scale) == pytest.approx((0.75 - expected) / (1 - expected))


def test_ac1_of_one_label_is_1_where_kappa_is_undefined():
    """pe is 0 whatever other labels the scale has; irrCAC says 1 too."""
    for scale in (None, ["yes", "no"], ["yes", "no", "unsure"]):
        assert gwet_ac1(["yes"] * 5, ["yes"] * 5, labels=scale) == 1.0
    with pytest.raises(ValueError, match="undefined"):
        cohen_kappa(["yes"] * 5, ["yes"] * 5)


# ------------------------------------------------------------------- alpha


@pytest.mark.parametrize(
    ("level", "value"),
    [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)],
)
def test_alpha_gives_the_values_of_krippendorff_2011(level, value):
    """Four observers, missing labels."""
    assert krippendorff_alpha(RELIABILITY, level) == pytest.approx(value, abs=5e-4)


@pytest.mark.parametrize(
    ("level", "value"),
    [
        ("nominal", 0.6913580247),
        ("ordinal", 0.8067214199),
        ("interval", 0.8108448928),
        ("ratio", 0.8089436708),
    ],
)
def test_alpha_of_the_three_coders_is_the_packages(level, value):
    """Figures of krippendorff 0.9.0."""
    assert krippendorff_alpha(CODERS, level) == pytest.approx(value, abs=1e-10)


def random_ratings(seed):
    """Return up to six raters' labels of 40 items: zeros, halves, a third missing."""
    generator = np.random.default_rng(seed)
    raters = 4 if seed == 3 else int(generator.integers(2, 7))
    ratings = generator.integers(0, 5, (raters, 40)) / 2.0
    ratings = np.where(generator.random(ratings.shape) < 0.5, ratings[:1], ratings)
    ratings[generator.random(ratings.shape) < 0.3] = NAN
    return ratings


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval", "ratio"])
@pytest.mark.parametrize("seed", range(25))
def test_alpha_of_random_ratings_is_the_packages(level, seed):
    """The package krippendorff is the oracle, with zeros, fractions and missing labels."""
    ratings = random_ratings(seed)
    expected = krippendorff.alpha(reliability_data=ratings, level_of_measurement=level)
    assert krippendorff_alpha(ratings, level) == pytest.approx(expected, abs=1e-12)


def by_definition(ratings, level):
    """Alpha from every pair of labels, as the definition reads."""
    units = [[v for v in column if not math.isnan(v)] for column in ratings.T]
    units = [unit for unit in units if len(unit) > 1]
    pool = [v for unit in units for v in unit]

    def difference(c, k):
        low, high = min(c, k), max(c, k)
        if level == "ordinal":
            between = sum(low <= g <= high for g in pool)
            return (between - (pool.count(c) + pool.count(k)) / 2) ** 2
        if level == "ratio":
            return ((c - k) / (c + k)) ** 2 if c != k else 0.0
        return (c - k) ** 2 if level == "interval" else float(c != k)

    known = {(c, k): difference(c, k) for c in set(pool) for k in set(pool)}
    observed = sum(known[c, k] / (len(unit) - 1) for unit in units for c in unit for k in unit)
    expected = sum(known[c, k] for c in pool for k in pool)
    return 1.0 - (len(pool) - 1) * observed / expected


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval", "ratio"])
@pytest.mark.parametrize("seed", range(6))
def test_alpha_is_its_definition(level, seed):
    """With zeros, fractions, missing labels and items of one label."""
    ratings = random_ratings(seed)
    assert krippendorff_alpha(ratings, level) == pytest.approx(
        by_definition(ratings, level), abs=1e-12
    )


def test_alpha_at_level_ratio_is_precise_over_eighteen_decades():
    """The integral in log t against the sum over all pairs."""
    values = np.exp(np.random.default_rng(2).normal(0.0, 7.0, (2, 60)))
    within = ((values[0] - values[1]) / (values[0] + values[1])) ** 2
    pool = values.ravel()
    between = ((pool[:, None] - pool) / (pool[:, None] + pool)) ** 2
    expected = 1 - within.mean() / (between.sum() / (120 * 119))
    assert krippendorff_alpha(values, "ratio") == pytest.approx(expected, abs=1e-12)


def test_text_labels_have_a_nominal_alpha():
    """Of irrCAC's data; None is missing."""
    ratings = [[*BEN, "d"], [*GERRY, None]]
    numbers = [[ord(v) for v in BEN], [ord(v) for v in GERRY]]
    assert krippendorff_alpha(ratings) == krippendorff_alpha(numbers)


def test_alpha_takes_a_data_frame():
    """Raters in rows, with the frame's own missing values."""
    import pandas as pd

    frame = pd.DataFrame(RELIABILITY, dtype="Int64")
    assert krippendorff_alpha(frame) == krippendorff_alpha(RELIABILITY)


# ------------------------------------------------------------------- pairs and counts


def test_pairwise_agreement_counts_pairs_of_labels():
    """Item 1: 3 of 3 pairs, item 2: 1 of 1, item 3: 1 of 3, item 4 has one label."""
    found = pairwise_agreement(
        [["a", "b", "a", None], ["a", "b", "b", "c"], ["a", None, "b", None]]
    )
    assert (found.estimate, found.n_pairs, found.n) == (pytest.approx(5 / 7), 7, 3)


def test_pairwise_agreement_of_two_raters_is_an_exact_rate():
    """One pair an item: Clopper-Pearson, also when all agree."""
    found = pairwise_agreement([[1] * 20, [1] * 20])
    assert (found.estimate, found.low) == (1.0, pytest.approx(0.025 ** (1 / 20)))
    mixed = pairwise_agreement([BEN, GERRY])
    exact = stats.binomtest(8, 11).proportion_ci(0.95)
    assert (mixed.low, mixed.high) == pytest.approx((exact.low, exact.high), abs=1e-7)


def test_confusion_counts_in_the_order_of_the_scale():
    """scikit-learn is the oracle; a label that nobody used has zeros."""
    scale = ["e", "d", "c", "b", "a", "z"]
    expected = confusion_matrix(BEN, GERRY, labels=scale)
    assert np.array_equal(confusion(BEN, GERRY, scale), expected)


# ------------------------------------------------------------------- what is undefined


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: cohen_kappa([1, 2], [1, 2], "cubic"), "unknown weights 'cubic'"),
        (lambda: cohen_kappa(["a", "b"], ["a", "b"], "linear"), "needs numbers"),
        (lambda: cohen_kappa([1, math.inf], [1, 2], "linear"), "finite"),
        (lambda: cohen_kappa([1, 0], ["1", "0"]), "mix text and numbers"),
        (lambda: cohen_kappa([[1], [2]], [[1], [2]]), "hashable"),
        (lambda: cohen_kappa(np.ones((2, 2)), [1, 1]), "vector"),
        (lambda: gwet_ac1(["a", "b"], ["a", "b"], labels=["a"]), "not on the scale"),
        (lambda: confusion(["a"], ["b"], ["a"]), "'b' is not on the scale"),
        (lambda: confusion(["a"], ["a"], ["a", "a"]), "repeats"),
        (lambda: krippendorff_alpha([[1, 2]]), "two raters"),
        (lambda: krippendorff_alpha([[1, None], [None, 2]]), "no item"),
        (lambda: krippendorff_alpha([[1, 2], [1]]), "one entry for each item"),
        (lambda: krippendorff_alpha([[1, 1, 2], [1, 1, None]]), "undefined: every label is 1"),
        (lambda: krippendorff_alpha([[1, 2], [1, 2]], "metric"), "unknown level of measurement"),
        (lambda: krippendorff_alpha([["a", "b"], ["a", "b"]], "ordinal"), "needs numbers"),
        (lambda: krippendorff_alpha([[1, -2], [1, 2]], "ratio"), "at least 0"),
        (lambda: krippendorff_alpha([["1", "2"], [1, 2]]), "mix text and numbers"),
        (lambda: pairwise_agreement([["a"], [None]]), "no item"),
        (lambda: pairwise_agreement([["a"], ["a"]], level=95), "level"),
    ],
)
def test_what_is_undefined_raises(call, problem):
    """With what was wrong and what is allowed."""
    with pytest.raises(ValueError, match=problem):
        call()


@pytest.mark.parametrize(
    "measure",
    [
        cohen_kappa,
        lambda x, y: cohen_kappa(x, y, "quadratic"),
        gwet_ac1,
        lambda x, y: krippendorff_alpha([x, y]),
        lambda x, y: krippendorff_alpha([x, y], "ordinal"),
        lambda x, y: krippendorff_alpha([x, y], "ratio"),
    ],
)
def test_a_hundred_thousand_items_take_less_than_a_second(measure):
    """Of processor time, for lists and five labels."""
    x = np.random.default_rng(0).integers(1, 6, (2, 100_000)).tolist()
    start = time.process_time()
    measure(*x)
    assert time.process_time() - start < 1.0
