"""Differences between two arms on the same samples: limits, tests, and a verdict on a margin.

A shared sample that is hard for both arms moves neither difference nor limits; comparing two
intervals by their overlap would throw that away. It does not know which arm is the new one (the
first is what is judged), nor whether samples were drawn at random.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import index
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.stats.bounded import gaffke_tail
from evalkit.stats.distributions import binomial_cdf, normal_quantile, t_cdf
from evalkit.stats.intervals import (
    Interval,
    checked_level,
    checked_values,
    cluster_codes,
    mean_interval,
    wilson,
)

Array = npt.NDArray[np.float64]
Clusters = Sequence[object] | npt.NDArray[np.generic] | None
Verdict = Literal["pass", "fail", "inconclusive"]

_ROUNDING = 1e-12
_CLOSE = 1e-13


@dataclass(frozen=True, slots=True)
class PairedDifference(Interval):
    """A mean difference, first minus second, with its limits and its test.

    Attributes:
        p_value: Two-sided, of the hypothesis that the difference is 0.
        standard_error: Of the estimate, cluster-robust; None where it is 0 or has one unit.
    """

    p_value: float
    standard_error: float | None


@dataclass(frozen=True, slots=True)
class NonInferiority(Interval):
    """A difference of two rates, held against the loss that is accepted.

    Attributes:
        margin: By how much the first may be worse.
        verdict: "pass" where the whole interval is above -margin, "fail" where it is below,
            else "inconclusive".
    """

    margin: float
    verdict: Verdict


class _Pairs(NamedTuple):
    """Differences, the cluster of each, and a standard error unless it is 0 but for rounding."""

    difference: Array
    codes: npt.NDArray[np.intp] | None
    error: float | None


def tango(b: int, c: int, n: int, level: float = 0.95) -> Interval:
    """Return Tango's score interval for the difference of two rates on the same samples.

    The limits are the D with (b - c - nD) / sqrt(n (2q + D (1 - D))) = ±z, where q is the
    maximum-likelihood rate of "only the second" at this D: the larger root of
    2n q² + ((2n - b + c) D - b - c) q - c D (1 - D) = 0. At D = 0 the left side is McNemar's z.
    Without any discordant pair the limits are ± z² / (n + z²), never 0.

    Args:
        b: Samples that only the first got right.
        c: Samples that only the second got right.
        n: All samples.
        level: Coverage.

    Raises:
        ValueError: If a count is negative or no whole number, if b + c exceeds n, or n is below 1.

    Source:
        Tango (1998), doi:10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B.

    Example:
        >>> found = tango(12, 4, 200)
        >>> round(found.estimate, 3), round(found.low, 4), round(found.high, 4)
        (0.04, 0.0009, 0.0849)
        >>> round(tango(0, 0, 30).high, 3)
        0.114
    """
    b, c, n = _checked_counts(b, c, n)
    z = normal_quantile(0.5 + checked_level(level) / 2.0)
    low, high = -_upper_limit(c, b, n, z), _upper_limit(b, c, n, z)
    return Interval((b - c) / n, low, high, "tango", n, level)


def newcombe_paired(a: int, b: int, c: int, d: int, level: float = 0.95) -> Interval:
    """Return Newcombe's interval (his method 10) for the difference of two paired rates.

    With Wilson's limits l and u of each rate p, D ± sqrt(g² - 2 phi g h + h²), where g and h are
    p1 - l1 and u2 - p2 below, u1 - p1 and p2 - l2 above. phi is the correlation of the two, its
    numerator ad - bc reduced by n/2 (to no less than 0) where it is positive.

    Args:
        a: Samples that both got right.
        b: Samples that only the first got right.
        c: Samples that only the second got right.
        d: Samples that both got wrong.
        level: Coverage.

    Raises:
        ValueError: If a count is negative or no whole number, or all are 0.

    Source:
        Newcombe (1998), doi:10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C.

    Example:
        >>> found = newcombe_paired(1, 1, 7, 12)
        >>> round(found.estimate, 3), round(found.low, 3), round(found.high, 3)
        (-0.286, -0.507, -0.026)
    """
    a, b, n = _checked_counts(a, b, a + b + c + d)
    c, d, n = _checked_counts(c, d, n)
    first, second = wilson(a + b, n, level), wilson(a + c, n, level)
    phi = _correlation(a, b, c, d)
    estimate = (b - c) / n
    below, above = (
        math.sqrt(max(g * g - 2.0 * phi * g * h + h * h, 0.0))
        for g, h in (
            (first.estimate - first.low, second.high - second.estimate),
            (first.high - first.estimate, second.estimate - second.low),
        )
    )
    return Interval(estimate, estimate - below, estimate + above, "newcombe", n, level)


def mcnemar_midp(b: int, c: int) -> float:
    """Return McNemar's mid-p, two-sided: are b and c compatible with a fair coin?

    2 P(X <= m) - P(X = m) with m = min(b, c), X binomial of b + c trials with 1/2; where b = c it
    is 1 - P(X = m) / 2, and without any discordant pair 1: nothing speaks against equality. It
    keeps the level where the exact test is far too cautious.

    Args:
        b: Samples that only the first got right.
        c: Samples that only the second got right.

    Raises:
        ValueError: If a count is negative or no whole number.

    Source:
        Fagerland, Lydersen & Laake (2013), doi:10.1186/1471-2288-13-91.

    Example:
        >>> round(mcnemar_midp(1, 7), 4)
        0.0391
    """
    b, c, n = _checked_counts(b, c, max(b + c, 1))
    if b + c == 0:
        return 1.0
    least = min(b, c)
    ways = math.lgamma(n + 1) - math.lgamma(least + 1) - math.lgamma(n - least + 1)
    point = math.exp(ways - n * math.log(2.0))
    if b == c:
        return 1.0 - 0.5 * point
    return min(max(2.0 * binomial_cdf(least, n, 0.5) - point, 0.0), 1.0)


def paired_difference(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    clusters: Clusters = None,
    level: float = 0.95,
    *,
    bounds: tuple[float, float] | str | None = "auto",
) -> PairedDifference:
    """Return the mean of x - y over the same samples, with limits and a two-sided p-value.

    With bounds "auto": zeros and ones without clusters get `tango` limits and `mcnemar_midp`
    (method "tango"). Others get Student's t with the cluster-robust SE of `mean_interval` and
    C - 1 degrees of freedom ("t", "t-clusters"). Where that SE is 0 or there is one unit,
    differences of scores in [0, 1] get Gaffke's limits on [-1, 1] ("gaffke",
    "gaffke-clusters"), and others raise: no interval has width 0.

    With bounds given, the limits are the outer ones of t and Gaffke's on that scale ("t+gaffke",
    "t+gaffke-clusters"), and the p-value is the larger: ten nearly equal differences fool t.

    Gaffke's p-value is 1 - level at the level where the limits reach 0. The mid-p
    belongs to no interval: it and Tango's limits may disagree in a close case.

    Args:
        x: The first arm's scores, shape (n,).
        y: The second arm's on the same samples, shape (n,).
        clusters: What each sample belongs to, shape (n,).
        level: Coverage.
        bounds: "auto"; None for Student's t; or the ends of the scale of the difference, with
            0 between them: (-1, 1) for scores in [0, 1].

    Raises:
        ValueError: If x or y is empty or not finite, shapes differ, a difference is outside the
            bounds, or an unbounded one has a standard error of 0 or fewer than two units.

    Source:
        `tango`, `mcnemar_midp`, `evalkit.stats.bounded.gaffke_limits`; Miller (2024),
        arXiv:2411.00640, for paired differences and clusters.

    Example:
        >>> found = paired_difference([0.9, 0.5, 1.0, 0.7], [0.6, 0.5, 0.8, 0.4])
        >>> round(found.estimate, 2), round(found.low, 3), round(found.high, 3), found.method
        (0.2, -0.025, 0.425, 't')
        >>> round(found.p_value, 3), round(found.standard_error, 3)
        (0.066, 0.071)
    """
    first, second = checked_values(x), checked_values(y)
    if first.shape != second.shape:
        raise ValueError(f"x and y differ in shape: {first.shape}, {second.shape}")
    checked_level(level)
    pairs = _pairs(first, second, clusters)
    if bounds == "auto":
        both = np.stack([first, second])
        if pairs.codes is None and np.isin(both, (0.0, 1.0)).all():
            b, c = int((first > second).sum()), int((first < second).sum())
            return _tested(tango(b, c, len(first), level), mcnemar_midp(b, c), pairs.error)
        scores = both.min() >= 0.0 and both.max() <= 1.0
        bounds = (-1.0, 1.0) if pairs.error is None and scores else None
    if bounds is None:
        return _student(pairs, level)
    return _bounded(pairs, level, _checked_bounds(bounds))


def noninferiority(b: int, c: int, n: int, margin: float, alpha: float = 0.05) -> NonInferiority:
    """Test whether the first arm is at most `margin` worse than the second.

    The limits are `tango`'s at level 1 - 2 alpha: each is one-sided at alpha. "pass": low >
    -margin, such a loss is ruled out. "fail": high < -margin, it is shown. Else "inconclusive".

    Args:
        b: Samples that only the first (the candidate) got right.
        c: Samples that only the second (the incumbent) got right.
        n: All samples.
        margin: The loss that is accepted, as a share: 0.05 is five points. At 0 the first has
            to be better.
        alpha: How often a candidate that is worse by exactly the margin may pass.

    Raises:
        ValueError: As `tango`, or if margin is not within [0, 1), or alpha not within (0, 0.5).

    Source:
        `tango`; Tango (1998) for its use as a test of equivalence.

    Example:
        >>> noninferiority(6, 6, 200, 0.05).verdict, noninferiority(0, 0, 10, 0.05).verdict
        ('pass', 'inconclusive')
    """
    if not 0.0 <= margin < 1.0:
        raise ValueError(f"margin must be a share within [0, 1), got {margin!r}")
    if not 0.0 < alpha < 0.5:
        raise ValueError(f"alpha must be between 0 and 0.5, got {alpha!r}")
    found = tango(b, c, n, 1.0 - 2.0 * alpha)
    verdict: Verdict = "fail" if found.high < -margin else "inconclusive"
    verdict = "pass" if found.low > -margin else verdict
    return NonInferiority(
        found.estimate, found.low, found.high, found.method, found.n, found.level, margin, verdict
    )


def _checked_counts(b: int, c: int, n: int) -> tuple[int, int, int]:
    try:
        b, c, n = index(b), index(c), index(n)
    except TypeError:
        raise ValueError(f"counts must be whole numbers, got {b!r}, {c!r} of {n!r}") from None
    if n < 1 or b < 0 or c < 0 or b + c > n:
        raise ValueError(f"counts of 0 or more within n >= 1 are needed, got {b}, {c} of {n}")
    return b, c, n


def _upper_limit(b: int, c: int, n: int, z: float) -> float:
    """Return the largest D that the score test does not reject."""
    if b == n:
        return 1.0
    if c == n or b + c == 0:
        return (z * z - c) / (z * z + n)
    slope, shift = 2.0 * n - b + c, b + c

    def excess(difference: float) -> float:
        curve = n * difference * (1.0 - difference)
        linear = slope * difference - shift
        root = math.sqrt(max(linear * linear + 8.0 * c * curve, 0.0))
        return n * difference - (b - c) - z * math.sqrt(max(0.5 * (root - linear) + curve, 0.0))

    return _root(excess, (b - c) / n, 1.0)


def _root(f: Callable[[float], float], low: float, high: float, close: float = _CLOSE) -> float:
    """Return the root of a rising function by the Illinois variant of false position."""
    at_low, at_high, kept = f(low), f(high), 0
    if at_high <= 0.0:
        return high
    for _ in range(100):
        middle = high - at_high * (high - low) / (at_high - at_low)
        at_middle = f(middle)
        if at_middle < 0.0:
            moved, low, at_low = middle - low, middle, at_middle
            at_high *= 0.5 if kept < 0 else 1.0
            kept = -1
        else:
            moved, high, at_high = high - middle, middle, at_middle
            at_low *= 0.5 if kept > 0 else 1.0
            kept = 1
        if at_middle == 0.0 or moved < close or high - low < close:
            return middle
    return 0.5 * (low + high)


def _correlation(a: int, b: int, c: int, d: int) -> float:
    """Return phi with Newcombe's correction for continuity."""
    product = (a + b) * (c + d) * (a + c) * (b + d)
    if product == 0:
        return 0.0
    excess = a * d - b * c
    corrected = max(excess - (a + b + c + d) / 2.0, 0.0) if excess > 0 else excess
    return corrected / math.sqrt(product)


def _pairs(first: Array, second: Array, clusters: Clusters) -> _Pairs:
    """Return the differences with their standard error; one sample to a cluster is no cluster."""
    n = len(first)
    codes = None if clusters is None else cluster_codes(clusters, n)
    if codes is not None and codes.max() + 1 == n:
        codes = None
    difference = first - second
    residual = difference - difference.mean()
    if codes is not None:
        residual = np.bincount(codes, weights=residual)
    count = len(residual)
    error = math.sqrt(count / max(count - 1, 1) * float(residual @ residual)) / n
    rounding = _ROUNDING * max(np.abs(first).max(), np.abs(second).max())
    return _Pairs(difference, codes, error if count > 1 and error > rounding else None)


def _student(pairs: _Pairs, level: float) -> PairedDifference:
    if pairs.error is None:
        raise ValueError(
            "a t interval needs two independent units at least, and differences that vary between "
            "them: constant differences have an interval only on a bounded scale"
        )
    found = mean_interval(pairs.difference, pairs.codes, level, bounds=None)
    p_value = 2.0 * t_cdf(-abs(found.estimate) / pairs.error, found.n - 1)
    return _tested(found, p_value, pairs.error)


def _bounded(pairs: _Pairs, level: float, bounds: tuple[float, float]) -> PairedDifference:
    """Return Gaffke's limits, or the outer ones of them and t where t has any."""
    found = mean_interval(pairs.difference, pairs.codes, level, bounds=bounds)
    p_value = _gaffke_p_value(pairs, found.estimate, bounds)
    if pairs.error is None:
        return _tested(found, p_value, None)
    student = _student(pairs, level)
    return replace(
        student,
        low=max(min(found.low, student.low), bounds[0]),
        high=min(max(found.high, student.high), bounds[1]),
        method=f"t+{found.method}",
        p_value=max(p_value, student.p_value),
    )


def _gaffke_p_value(pairs: _Pairs, estimate: float, bounds: tuple[float, float]) -> float:
    """Return 1 - level for the level at which the limit on the side of 0 reaches it."""
    codes = np.arange(len(pairs.difference)) if pairs.codes is None else pairs.codes
    size = np.bincount(codes).astype(np.float64)
    means = np.bincount(codes, weights=pairs.difference) / size
    if estimate < 0.0:
        means, bounds = -means, (-bounds[1], -bounds[0])
    width = bounds[1] - bounds[0]
    share = np.clip((means - bounds[0]) / width, 0.0, 1.0)
    return min(1.0, 2.0 * gaffke_tail(share, size, -bounds[0] / width))


def _checked_bounds(bounds: tuple[float, float] | str) -> tuple[float, float]:
    if isinstance(bounds, str) or len(bounds) != 2 or not bounds[0] < 0.0 < bounds[1]:
        raise ValueError(f"bounds must be 'auto', None or two numbers around 0, got {bounds!r}")
    return float(bounds[0]), float(bounds[1])


def _tested(found: Interval, p_value: float, error: float | None) -> PairedDifference:
    return PairedDifference(
        found.estimate, found.low, found.high, found.method, found.n, found.level, p_value, error
    )
