"""Corrections of a judge: formulas, the authors' figures, coverage by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from evalkit.stats import mean_interval, ppi_mean, rogan_gladen, wilson

JUDGE = {"true_positives": 90, "positives": 100, "true_negatives": 70, "negatives": 100}


# ------------------------------------------------------------------- Rogan and Gladen


def test_the_corrected_rate_is_the_formula():
    """p = .75, TPR = .9, TNR = .7: (.75 + .7 - 1) / .6, with the delta method's variance."""
    found = rogan_gladen(750, 1000, **JUDGE)
    theta = (0.75 + 0.7 - 1) / 0.6
    variance = (
        0.75 * 0.25 / 1000 + theta**2 * 0.9 * 0.1 / 100 + (1 - theta) ** 2 * 0.7 * 0.3 / 100
    ) / 0.36
    assert found.estimate == found.unclipped == pytest.approx(theta)
    assert found.standard_error == pytest.approx(math.sqrt(variance))
    assert (found.sensitivity.estimate, found.specificity.estimate) == (0.9, 0.7)
    assert (found.method, found.n) == ("rogan-gladen", 1000)


@pytest.mark.parametrize(
    ("counts", "limits"),
    [
        ((5000, 10_000, 4500, 5000, 4500, 5000), (0.4857088, 0.5142912)),
        ((750, 1000, 90, 100, 70, 100), (0.6611640, 0.8554640)),
        ((130, 200, 35, 40, 50, 60), (0.5501292, 0.8518488)),
    ],
)
def test_the_limits_are_those_of_lang_and_reiczigel(counts, limits):
    """Figures of the formula as Lee et al. publish it (arXiv:2511.21140)."""
    passed, n, tp, positives, tn, negatives = counts
    found = rogan_gladen(
        passed, n, true_positives=tp, positives=positives, true_negatives=tn, negatives=negatives
    )
    assert (found.low, found.high) == pytest.approx(limits, abs=1e-6)


def test_the_limits_approach_the_plain_ones():
    """With many labels they are theta plus and minus z standard errors."""
    many = {name: 500 * count for name, count in JUDGE.items()}
    found = rogan_gladen(750_000, 1_000_000, **many)
    half = stats.norm.ppf(0.975) * found.standard_error
    assert found.low == pytest.approx(found.estimate - half, abs=2e-4)
    assert found.high == pytest.approx(found.estimate + half, abs=2e-4)


def test_a_perfect_judge_leaves_the_rate_as_it_is():
    """The estimate is p; the interval still knows that errors may exist."""
    found = rogan_gladen(80, 100, true_positives=50, positives=50, true_negatives=50, negatives=50)
    plain = wilson(80, 100)
    assert found.estimate == 0.8
    assert found.high - found.low > plain.high - plain.low


@pytest.mark.parametrize(
    ("passed", "end", "raw"), [(60, 0.0, -0.4), (0, 0.0, -0.5), (990, 1.0, 1.15)]
)
def test_an_estimate_beyond_the_scale_is_clipped_and_keeps_an_interval(passed, end, raw):
    """A pass rate below the judge's false passes cannot be; the method says so."""
    found = rogan_gladen(passed, 1000, **JUDGE)
    assert (found.estimate, found.method) == (end, "rogan-gladen-clipped")
    assert found.unclipped == pytest.approx(raw, abs=1e-9)
    assert 0.0 <= found.low <= found.high <= 1.0
    assert found.high - found.low > 0.02


def test_the_judge_must_be_better_than_chance_beyond_doubt():
    """TPR + TNR - 1 with Newcombe's limits, for which statsmodels is the oracle."""
    for tp, tn, enough in ((60, 60, True), (55, 55, False), (50, 50, False), (40, 40, False)):
        low, _ = confint_proportions_2indep(tp, 100, 100 - tn, 100, method="newcomb")
        assert (low > 0) == enough
        counts = {**JUDGE, "true_positives": tp, "true_negatives": tn}
        if enough:
            assert rogan_gladen(500, 1000, **counts).n == 1000
        else:
            with pytest.raises(ValueError, match="not clearly above 0"):
                rogan_gladen(500, 1000, **counts)


def test_one_right_verdict_of_each_kind_is_no_calibration():
    """1 of 1 and 1 of 1 shows nothing."""
    with pytest.raises(ValueError, match="more labels"):
        rogan_gladen(5, 9, true_positives=1, positives=1, true_negatives=1, negatives=1)


@pytest.mark.parametrize("wrong", [{"positives": 80}, {"negatives": 0}, {"true_negatives": -1}])
def test_impossible_calibration_counts_raise(wrong):
    """A part is at most its whole."""
    with pytest.raises(ValueError, match="successes"):
        rogan_gladen(5, 9, **{**JUDGE, **wrong})


@pytest.mark.parametrize(
    ("theta", "tpr", "tnr", "sizes"),
    [
        (0.7, 0.9, 0.8, (300, 70, 30)),
        (0.95, 0.95, 0.8, (500, 95, 20)),
        (0.0, 0.9, 0.95, (200, 40, 40)),
    ],
)
def test_the_corrected_rate_covers_the_truth(theta, tpr, tnr, sizes):
    """At least 93 % of 2,000, also at the end of the scale and with 20 labels of one kind.

    The plain limits (theta plus and minus z standard errors) fall to 87 % there.
    """
    generator, hits, plain = np.random.default_rng(4), 0, 0
    n, positives, negatives = sizes
    for _ in range(2000):
        found = rogan_gladen(
            generator.binomial(n, theta * tpr + (1 - theta) * (1 - tnr)),
            n,
            true_positives=generator.binomial(positives, tpr),
            positives=positives,
            true_negatives=generator.binomial(negatives, tnr),
            negatives=negatives,
        )
        hits += found.low <= theta <= found.high
        plain += abs(found.unclipped - theta) <= 1.96 * found.standard_error
    assert hits / 2000 >= 0.93
    assert theta > 0 or plain / 2000 < 0.9


# ------------------------------------------------------------------- PPI++


def verdicts(n, agree, generator, share=0.7):
    """Return people's labels and those of a judge that agrees with a share of them."""
    human = (generator.random(n) < share) * 1.0
    return human, np.where(generator.random(n) < agree, human, 1.0 - human)


def test_the_powered_mean_is_the_one_of_ppi_python():
    """Figures of ppi-python 0.2.3, which needs numba: same draws, same lambda, same estimate."""
    generator = np.random.default_rng(7)
    for n, rest, expected in ((60, 600, 0.7308873038802615), (200, 300, 0.7122896311356375)):
        human, judge = verdicts(n, 0.85, generator)
        found = ppi_mean(human, judge, (generator.random(rest) < 0.65) * 1.0)
        assert found.estimate == pytest.approx(expected, abs=1e-12)
        assert (found.n, found.n_judged, found.method) == (n, rest, "ppi++")


def test_outside_the_scale_the_powered_mean_has_student_limits():
    """ppi-python 0.2.3 has 4.4633 .. 5.0442 with z and n; t and n - 1 are a little wider."""
    generator = np.random.default_rng(7)
    for n in (60, 200):
        verdicts(n, 0.85, generator)
        generator.random(600 if n == 60 else 300)
    y = generator.normal(5, 2, 80)
    f = y + generator.normal(1, 1, 80)
    found = ppi_mean(y, f, generator.normal(6, 2.2, 500))
    assert found.estimate == pytest.approx(4.7537340503570515, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((4.4633, 5.0442), abs=0.008)
    assert found.low < 4.46325
    assert found.high > 5.04421
    assert found.method == "ppi++-t"


@pytest.mark.parametrize(("n", "rest", "freedom"), [(5, 40, 4), (40, 5, 4), (3, 3, 2)])
def test_student_limits_count_the_smaller_sample(n, rest, freedom):
    """t with min(n, N) - 1 degrees of freedom, scipy's quantile."""
    generator = np.random.default_rng(n)
    y, g = generator.normal(50, 9, n), generator.normal(52, 9, rest)
    f = y + generator.normal(2, 3, n)
    found = ppi_mean(y, f, g, level=0.9)
    weight = found.judge_weight
    error = math.sqrt(weight**2 * g.var(ddof=1) / rest + (y - weight * f).var(ddof=1) / n)
    half = stats.t.ppf(0.95, freedom) * error
    assert (found.low, found.high) == pytest.approx((found.estimate - half, found.estimate + half))


def test_a_biased_judge_does_not_bias_the_mean():
    """It passes 95 % where people pass 50 %: the mean of 150 estimates is 0.5."""
    generator, found = np.random.default_rng(3), []
    for _ in range(150):
        human = (generator.random(60) < 0.5) * 1.0
        judge = np.maximum(human, generator.random(60) < 0.9)
        rest = np.maximum(generator.random(300) < 0.5, generator.random(300) < 0.9) * 1.0
        weight = ppi_mean(human, judge, rest).judge_weight
        found.append(weight * rest.mean() + (human - weight * judge).mean())
    assert np.mean(found) == pytest.approx(0.5, abs=0.02)


def test_a_good_judge_narrows_the_interval_and_a_useless_one_costs_nothing():
    """Against people's labels alone, n = 100."""
    generator = np.random.default_rng(5)
    human, good = verdicts(100, 0.95, generator)
    alone = mean_interval(human)
    rest = verdicts(1000, 0.95, generator)[1]
    helped = ppi_mean(human, good, rest)
    assert helped.high - helped.low < 0.75 * (alone.high - alone.low)
    noise = ppi_mean(human, (generator.random(100) < 0.5) * 1.0, rest)
    assert noise.high - noise.low < 1.02 * (alone.high - alone.low)
    assert noise.judge_weight < 0.2


def test_a_judge_that_contradicts_people_is_ignored():
    """Lambda is clipped to 0, and the mean is people's."""
    human = np.array([1.0, 0.0, 1.0, 1.0, 0.0] * 6)
    found = ppi_mean(human, 1.0 - human, [1.0, 0.0] * 50)
    alone = mean_interval(human)
    assert (found.judge_weight, found.estimate) == (0.0, pytest.approx(0.6))
    assert (found.low, found.high) == pytest.approx((alone.low, alone.high), abs=1e-8)


def test_without_further_judgements_the_mean_is_the_classical_one():
    """An empty rest gives `mean_interval`, whatever the judge said."""
    for values in ([1.0, 0.0, 1.0, 0.5], [3.0, 5.0, 4.0]):
        found, alone = ppi_mean(values, values, []), mean_interval(values)
        assert (found.estimate, found.low, found.high, found.method) == (
            alone.estimate, alone.low, alone.high, alone.method,
        )  # fmt: skip
        assert (found.judge_weight, found.n_judged) == (0.0, 0)


@pytest.mark.parametrize("n", [1, 2, 30])
def test_constant_labels_leave_doubt(n):
    """All passed and the judge agrees: the interval has a width."""
    found = ppi_mean([1.0] * n, [1.0] * n, [1.0] * 1000)
    assert found.estimate == 1.0
    assert found.high == 1.0
    assert found.low <= 0.025 ** (1 / n) + 1e-6


@pytest.mark.parametrize("n", [10, 20, 50])
def test_the_powered_mean_covers_where_student_t_does_not(n):
    """95 % pass, the judge errs rarely: at least 94 % of 150, where t has at most 92 %.

    A small sample often shows no error of such a judge, and its variance is then far too small.
    """
    generator, hits, student = np.random.default_rng(n), 0, 0

    def draw(size):
        human = (generator.random(size) < 0.95) * 1.0
        return human, (generator.random(size) < np.where(human == 1.0, 0.97, 0.4)) * 1.0

    for _ in range(150):
        human, judge = draw(n)
        rest = draw(200)[1]
        found = ppi_mean(human, judge, rest)
        hits += found.low <= 0.95 <= found.high
        rectifier = human - found.judge_weight * judge
        error = math.sqrt(rectifier.var(ddof=1) / n + found.judge_weight**2 * rest.var() / 200)
        centre = rectifier.mean() + found.judge_weight * rest.mean()
        student += abs(centre - 0.95) <= stats.t.ppf(0.975, n - 1) * error
    assert hits / 150 >= 0.94
    assert student / 150 < 0.92


def test_the_powered_mean_covers_with_scores():
    """Scores between 0 and 1 with a mean of 0.8 and a noisy, biased judge, n = 20."""
    generator, hits = np.random.default_rng(8), 0

    def draw(size):
        human = np.where(generator.random(size) < 0.6, 1.0, generator.random(size))
        return human, np.clip(human + generator.normal(-0.05, 0.15, size), 0.0, 1.0)

    for _ in range(100):
        human, judge = draw(20)
        found = ppi_mean(human, judge, draw(150)[1])
        hits += found.low <= 0.8 <= found.high
    assert hits / 100 >= 0.94


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        (([], [], [1.0]), "non-empty"),
        (([1.0], [1.0, 0.0], [1.0]), "differ in shape"),
        (([1.0, None], [1.0, 0.0], [1.0]), "finite"),
        (([1.0, 0.0], [1.0, 0.0], [math.inf]), "finite"),
        (([7.0], [7.0], [6.0, 7.0]), "at least two"),
        (([7.0, 7.0], [7.0, 7.0], [7.0, 7.0]), "do not vary"),
        (([7.0, 7.0], [7.0, 7.0], []), "no interval"),
    ],
)
def test_a_mean_that_cannot_be_estimated_raises(columns, problem):
    """Never an interval of width 0."""
    with pytest.raises(ValueError, match=problem):
        ppi_mean(*columns)
