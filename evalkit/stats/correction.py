"""A judge's verdicts corrected by people's: pass rates and means that do not inherit its bias.

It does not know which items people labelled, nor whether they were drawn at random from those
that the judge labelled; both corrections are right only if they were.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalkit.stats.bounded import gaffke_limits
from evalkit.stats.distributions import normal_quantile, t_quantile
from evalkit.stats.intervals import (
    Interval,
    checked_level,
    checked_values,
    mean_interval,
    wilson,
)

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CorrectedRate(Interval):
    """A judge's pass rate, corrected; `n` counts the judged items.

    Attributes:
        unclipped: The estimate before it was clipped to [0, 1].
        standard_error: By the delta method, at the unclipped estimate.
        sensitivity: TPR, the share of what people pass that the judge passes.
        specificity: TNR, the share of what people fail that the judge fails.
    """

    unclipped: float
    standard_error: float
    sensitivity: Interval
    specificity: Interval


@dataclass(frozen=True, slots=True)
class PredictionPowered(Interval):
    """A mean from people's labels and a judge's; `n` counts people's labels.

    Attributes:
        judge_weight: Lambda: 0 ignores the judge, 1 takes its every word and subtracts its bias.
        n_judged: Items that only the judge labelled.
    """

    judge_weight: float
    n_judged: int


def rogan_gladen(  # noqa: PLR0913 - three rates are six counts, and none has a default
    passed: int,
    n: int,
    *,
    true_positives: int,
    positives: int,
    true_negatives: int,
    negatives: int,
    level: float = 0.95,
) -> CorrectedRate:
    """Return the pass rate that people would find, from a judge's and its errors.

    theta = (p + TNR - 1) / (TPR + TNR - 1), p being the judge's pass rate, with variance
    (p (1-p) / N + theta² TPR (1-TPR) / n1 + (1-theta)² TNR (1-TNR) / n0) / (TPR + TNR - 1)².

    The estimate is clipped to [0, 1]. The limits are Lang and Reiczigel's: the same variance at
    rates moved off 0 and 1 (z²/2 passes and fails added to p, one of each to TPR and TNR), around
    theta + 2 z² (theta TPR (1-TPR) / n1 - (1-theta) TNR (1-TNR) / n0). Where their centre lies
    beyond 0 or 1 they are moved with it to that end, so that clipping leaves an interval and not
    a point. Method "rogan-gladen-clipped" says that the estimate itself lay outside.

    Args:
        passed: Items that the judge passed, of n.
        n: Items that it judged; people did not.
        true_positives: Of those that people passed, how many the judge passed.
        positives: Items of the calibration set that people passed.
        true_negatives: Of those that people failed, how many the judge failed.
        negatives: Items of the calibration set that people failed.
        level: Coverage.

    Raises:
        ValueError: If a count is not within its total or a total is below 1, or if the judge is
            not clearly better than chance: Newcombe's lower limit of TPR + TNR - 1 at this level
            is not above 0.

    Source:
        Rogan & Gladen (1978), doi:10.1093/oxfordjournals.aje.a112510; Lang & Reiczigel (2014),
        doi:10.1016/j.prevetmed.2013.09.015; for judges Lee et al. (2025), arXiv:2511.21140;
        Newcombe (1998), doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.

    Example:
        >>> found = rogan_gladen(
        ...     750, 1000, true_positives=90, positives=100, true_negatives=70, negatives=100
        ... )
        >>> round(found.estimate, 3), round(found.low, 3), round(found.high, 3)
        (0.75, 0.661, 0.855)
    """
    rate = wilson(passed, n, level)
    sensitivity = wilson(true_positives, positives, level)
    specificity = wilson(true_negatives, negatives, level)
    _check_judge(sensitivity, specificity)
    theta, error = _corrected(
        rate.estimate, sensitivity.estimate, specificity.estimate, (n, positives, negatives)
    )
    low, high = _lang_reiczigel(rate, sensitivity, specificity)
    estimate = min(max(theta, 0.0), 1.0)
    method = "rogan-gladen" if estimate == theta else "rogan-gladen-clipped"
    return CorrectedRate(
        estimate, min(low, estimate), max(high, estimate), method, n, level,
        theta, error, sensitivity, specificity,
    )  # fmt: skip


def ppi_mean(
    human: npt.ArrayLike,
    judge_on_human: npt.ArrayLike,
    judge_rest: npt.ArrayLike,
    level: float = 0.95,
) -> PredictionPowered:
    """Return the mean of people's labels, sharpened by a judge on items that nobody labelled.

    theta = lambda mean(f_rest) + mean(y - lambda f) with lambda = cov(y, f) / ((1 + n/N) var f),
    clipped to [0, 1]: unbiased whatever the judge's bias, and the judge counts only as far as it
    agrees with people.

    Limits for values in [0, 1]: the rectifier y - lambda f lies in [-lambda, 1] and lambda f in
    [0, lambda]; each mean has Gaffke's limits, and distances to them add in squares (MOVER).
    Student's t would fail where it matters: with a judge that errs rarely, a small sample shows
    no error at all, and 95 % become 41 % at n = 10 and 87 % at n = 100. For other values: t with
    min(n, N) - 1 degrees of freedom and variance lambda² var(f_rest)/N + var(y - lambda f)/n.

    Args:
        human: People's labels, shape (n,).
        judge_on_human: The judge's on the same items, shape (n,).
        judge_rest: The judge's on other items, shape (N,). Empty: `mean_interval(human)`.
        level: Coverage.

    Raises:
        ValueError: If there is no human label, shapes differ or a value is not finite; with
            values outside [0, 1] also if there are fewer than two or they do not vary.

    Source:
        Angelopoulos, Duchi & Zrnic (2023), PPI++, arXiv:2311.01453; Zou & Donner (2008), MOVER,
        doi:10.1002/sim.3095; `evalkit.stats.bounded.gaffke_limits`.

    Example:
        >>> human = [1, 1, 0, 1, 1, 0, 1, 1, 1, 0] * 5
        >>> judge = [1, 1, 0, 1, 1, 0, 1, 1, 1, 1] * 5
        >>> found = ppi_mean(human, judge, [1, 1, 1, 0] * 100)
        >>> round(found.estimate, 3), round(found.low, 3), round(found.high, 3)
        (0.666, 0.548, 0.767)
        >>> round(ppi_mean(human, judge, []).low, 3)
        0.554
    """
    checked_level(level)
    truth, seen = checked_values(human), checked_values(judge_on_human)
    if truth.shape != seen.shape:
        raise ValueError(f"human and judge_on_human differ in shape: {truth.shape}, {seen.shape}")
    if np.size(judge_rest) == 0:
        return _classical(truth, level)
    rest = checked_values(judge_rest)
    weight = _judge_weight(truth, seen, rest)
    rectifier = truth - weight * seen
    estimate = float(rectifier.mean() + weight * rest.mean())
    if min(map(np.min, (truth, seen, rest))) < 0.0 or max(map(np.max, (truth, seen, rest))) > 1.0:
        low, high = _student(rectifier, weight * rest, level)
        method = "ppi++-t"
    else:
        low, high = _mover(rectifier, rest, weight, level)
        estimate, method = min(max(estimate, 0.0), 1.0), "ppi++"
        low, high = min(max(low, 0.0), estimate), max(min(high, 1.0), estimate)
    return PredictionPowered(estimate, low, high, method, len(truth), level, weight, len(rest))


def _check_judge(sensitivity: Interval, specificity: Interval) -> None:
    """Refuse a judge that may be no better than chance, by Newcombe's limit of the difference."""
    youden = sensitivity.estimate + specificity.estimate - 1.0
    below = math.hypot(
        sensitivity.estimate - sensitivity.low, specificity.estimate - specificity.low
    )
    if youden - below <= 0.0:
        raise ValueError(
            f"TPR + TNR - 1 is not clearly above 0, got {youden:.3g} with lower limit "
            f"{youden - below:.3g}; a better judge or more labels are needed"
        )


def _corrected(
    p: float, tpr: float, tnr: float, sizes: tuple[float, float, float]
) -> tuple[float, float]:
    """Return theta and its standard error."""
    youden = tpr + tnr - 1.0
    theta = (p + tnr - 1.0) / youden
    variance = p * (1.0 - p) / sizes[0]
    variance += theta**2 * tpr * (1.0 - tpr) / sizes[1]
    variance += (1.0 - theta) ** 2 * tnr * (1.0 - tnr) / sizes[2]
    return theta, math.sqrt(variance) / youden


def _lang_reiczigel(
    rate: Interval, sensitivity: Interval, specificity: Interval
) -> tuple[float, float]:
    z = normal_quantile(0.5 + rate.level / 2.0)
    p, size = _moved(rate, z * z)
    tpr, size_1 = _moved(sensitivity, 2.0)
    tnr, size_0 = _moved(specificity, 2.0)
    theta, error = _corrected(p, tpr, tnr, (size, size_1, size_0))
    shift = theta * tpr * (1.0 - tpr) / size_1 - (1.0 - theta) * tnr * (1.0 - tnr) / size_0
    centre = min(max(theta + 2.0 * z * z * shift, 0.0), 1.0)
    return max(centre - z * error, 0.0), min(centre + z * error, 1.0)


def _moved(rate: Interval, added: float) -> tuple[float, float]:
    """Return a rate and its total with observations added, half of them successes."""
    return (rate.estimate * rate.n + added / 2.0) / (rate.n + added), rate.n + added


def _classical(truth: Array, level: float) -> PredictionPowered:
    found = mean_interval(truth, level=level)
    if found.low == found.high:
        raise ValueError("values outside [0, 1] that do not vary have no interval")
    return PredictionPowered(
        found.estimate, found.low, found.high, found.method, found.n, level, 0.0, 0
    )


def _judge_weight(truth: Array, seen: Array, rest: Array) -> float:
    """Return lambda; the judge's variance is that over all its labels."""
    spread = float(np.concatenate([seen, rest]).var(ddof=1))
    if spread <= 0.0 or len(rest) < 2:
        return 0.0
    together = float(((truth - truth.mean()) * (seen - seen.mean())).mean())
    return min(max(together / ((1.0 + len(truth) / len(rest)) * spread), 0.0), 1.0)


def _mover(rectifier: Array, rest: Array, weight: float, level: float) -> tuple[float, float]:
    first = mean_interval(rectifier, level=level, bounds=(-weight, 1.0))
    low, high = gaffke_limits(rest, np.ones(len(rest)), level)
    mean = float(rest.mean())
    below = math.hypot(first.estimate - first.low, weight * (mean - low))
    above = math.hypot(first.high - first.estimate, weight * (high - mean))
    centre = first.estimate + weight * mean
    return centre - below, centre + above


def _student(rectifier: Array, judged: Array, level: float) -> tuple[float, float]:
    if len(rectifier) < 2:
        raise ValueError("values outside [0, 1] need at least two human labels for an interval")
    variance = float(rectifier.var(ddof=1)) / len(rectifier)
    variance += float(judged.var(ddof=1)) / len(judged) if len(judged) > 1 else 0.0
    if variance <= 0.0:
        raise ValueError("values outside [0, 1] that do not vary have no interval")
    freedom = min(len(rectifier), max(len(judged), 2)) - 1
    half = t_quantile(0.5 + level / 2.0, freedom) * math.sqrt(variance)
    centre = float(rectifier.mean() + judged.mean())
    return centre - half, centre + half
