"""Intervals for how many times as slow or as dear one arm is as another on the same units.

Ratios are taken on the log scale and without any draws. It does not know what was timed or paid,
nor which ratio is good news.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evalkit.stats.intervals import Interval, checked_level, checked_values
from evalkit.stats.quantiles import quantile_interval
from evalkit.stats.ratios import check_costs, exponential, left_out, log_interval, unit_sums

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Clusters = Sequence[object] | npt.NDArray[np.generic]

_CAUTION = 0.5


def quantile_ratio(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    q: float,
    level: float = 0.95,
    *,
    x_units: npt.ArrayLike | None = None,
    y_units: npt.ArrayLike | None = None,
) -> Interval:
    """Return an interval for quantile(x) / quantile(y) of two arms on the same units.

    The limits of the two quantiles (`quantile_interval`) are joined on the log scale (MOVER): with
    distances d from an estimate to its limits, down and up, the ratio reaches
    sqrt(dx² - 2 r dx dy + dy²) down with dx down and dy up, and up the other way round. r is the
    correlation over units of "at most the quantile" in x and in y; where it is above 0, half a
    unit in which only one arm exceeds its quantile is added to each variance, so that few values in
    a tail do not prove that arms move together. A limit that needs one that does not exist is 0
    or infinite: p95 needs 72 independent values in each arm.

    Args:
        x: Positive values of the first arm, shape (n,).
        y: Positive values of the second, shape (m,).
        q: Which quantile, between 0 and 1.
        level: Coverage.
        x_units: Whole numbers from 0 on, what each value of x belongs to, shape (n,): values of a
            unit are not independent, and units are what both arms share. None for both arms: value
            i is of unit i.
        y_units: The same for y, shape (m,), numbered alike.

    Raises:
        ValueError: If values are empty, not finite or not above 0, units do not fit, or q or level
            is not between 0 and 1.

    Source:
        Zou & Donner (2008), doi:10.1002/sim.3095, for the joining; `quantile_interval` for the
        limits. The half unit is ours, from the simulation in docs/statistics.md.

    Example:
        >>> slow = [1.0 + 0.1 * i for i in range(40)]
        >>> found = quantile_ratio(slow, [0.5 * value for value in slow], 0.5)
        >>> found.estimate, round(found.low, 2), round(found.high, 2)
        (2.0, 1.84, 2.18)
    """
    first, second = _positive(x), _positive(y)
    units = _shared_units(first, second, x_units, y_units)
    above = quantile_interval(first, q, level, clusters=units and units[0])
    below = quantile_interval(second, q, level, clusters=units and units[1])
    together = _dependence(first <= above.estimate, second <= below.estimate, units)
    ratio = above.estimate / below.estimate
    if not 0.0 < ratio < math.inf:
        raise ValueError(f"the ratio is beyond what can be computed, got {ratio!r}")
    x_down, x_up = _distances(above)
    y_down, y_up = _distances(below)
    low = ratio * math.exp(-_joined(x_down, y_up, together))
    high = ratio * exponential(_joined(x_up, y_down, together))
    method = "mover-order-statistics" + ("" if units is None else "-clusters")
    return Interval(ratio, low, high, method, min(above.n, below.n), level)


def cost_ratio(
    cost_x: npt.ArrayLike,
    success_x: npt.ArrayLike,
    cost_y: npt.ArrayLike,
    success_y: npt.ArrayLike,
    level: float = 0.95,
    *,
    clusters: Clusters | None = None,
) -> Interval:
    """Return an interval for (Σ cx / Σ sx) / (Σ cy / Σ sy) of two arms on the same units.

    The log ratio ± t[1 - a/2; C - 1] · sqrt(V) with C units, a = 1 - level and
    V = C/(C - 1) Σ_u (d_u - mean d)² + (1/kx² + 1/ky²) / 2, where

    d_u = -log(1 - cx_u/Cx) - sx_u/Sx + log(1 - cy_u/Cy) + sy_u/Sy,

    capitals are sums and k = S² / Σ s_u² is how many units succeeded, for zeros and ones exactly.
    The logarithms are what leaving a unit out would do, so one dear unit widens the interval; the
    last part of V is half a unit more in which only one arm succeeds, so that two arms with the
    same few successes are not taken for equal. Where one unit bears all the cost of an arm, the
    limits are 0 and infinity.

    Args:
        cost_x: Cost of each unit in the first arm, shape (units,).
        success_x: Its successes (or any other count or score that is paid for), shape (units,).
        cost_y: Cost of each unit in the second arm, shape (units,).
        success_y: Its successes, shape (units,).
        level: Coverage.
        clusters: What units belong to, where those are not independent, shape (units,).

    Raises:
        ValueError: If shapes differ, values are negative or not finite, there are fewer than two
            units, an arm has no success ("not estimable") or no cost.

    Source:
        Cochran (1977), Sampling Techniques, 3rd edition, chapter 6, for the linearised ratio; Efron
        & Stein (1981), doi:10.1214/aos/1176345462, for leaving units out. The half unit is ours,
        from the simulation in docs/statistics.md.

    Example:
        >>> found = cost_ratio([2.0, 3.0, 4.0] * 8, [1, 1, 0] * 8, [1.0, 2.0, 1.0] * 8, [1] * 24)
        >>> round(found.estimate, 3), round(found.low, 2), round(found.high, 2)
        (3.375, 2.03, 5.62)
    """
    sums = unit_sums((cost_x, success_x, cost_y, success_y), clusters)
    checked_level(level)
    total = sums.sum(axis=1)
    for arm, successes in (("first", total[1]), ("second", total[3])):
        if successes <= 0.0:
            raise ValueError(f"cost per success is not estimable: the {arm} arm has no success")
    check_costs(total[0], total[2])
    shares = sums / total.reshape(-1, 1)
    influence = _between(shares[0], shares[2]) - shares[1] + shares[3]
    caution = _CAUTION * sum(float(shares[arm] @ shares[arm]) ** 2 for arm in (1, 3))
    ratio = float(total[0]) / float(total[1]) * (float(total[3]) / float(total[2]))
    return log_interval(ratio, influence, caution, level, clustered=clusters is not None)


def mean_ratio(
    x: npt.ArrayLike, y: npt.ArrayLike, level: float = 0.95, *, clusters: Clusters | None = None
) -> Interval:
    """Return an interval for Σ x / Σ y, the ratio of two positive means on the same units.

    As `cost_ratio` without successes: d_u = -log(1 - x_u/X) + log(1 - y_u/Y).

    Args:
        x: Values of the first arm, none below 0, shape (n,).
        y: Values of the second on the same units, shape (n,).
        level: Coverage.
        clusters: What each pair belongs to, shape (n,).

    Raises:
        ValueError: If shapes differ, values are negative or not finite, there are fewer than two
            units, a sum is 0, or every unit has the same ratio: no interval has width 0.

    Source:
        As `cost_ratio`.

    Example:
        >>> found = mean_ratio([2.0, 3.0, 4.0, 3.0] * 5, [1.0, 2.0, 1.0, 2.0] * 5)
        >>> found.estimate, round(found.low, 2), round(found.high, 2)
        (2.0, 1.63, 2.46)
    """
    sums = unit_sums((x, y), clusters)
    checked_level(level)
    total = sums.sum(axis=1)
    check_costs(total[0], total[1])
    shares = sums / total.reshape(-1, 1)
    influence = _between(shares[0], shares[1])
    ratio = float(total[0]) / float(total[1])
    return log_interval(ratio, influence, 0.0, level, clustered=clusters is not None)


def _between(first: Array, second: Array) -> Array:
    """Return what units add to the log of a ratio; not finite where one bears all of an arm."""
    with np.errstate(invalid="ignore"):
        return np.asarray(left_out(first) - left_out(second))


def _positive(values: npt.ArrayLike) -> Array:
    found = checked_values(values)
    if found.min() <= 0.0:
        raise ValueError("values must be above 0 for a ratio")
    return found


def _shared_units(
    x: Array, y: Array, x_units: npt.ArrayLike | None, y_units: npt.ArrayLike | None
) -> tuple[Codes, Codes] | None:
    if x_units is None and y_units is None:
        if x.shape != y.shape:
            raise ValueError(f"paired values differ in shape: {x.shape}, {y.shape}")
        return None
    if x_units is None or y_units is None:
        raise ValueError("units are needed for both arms, or for neither")
    return _codes(x_units, len(x)), _codes(y_units, len(y))


def _codes(units: npt.ArrayLike, n: int) -> Codes:
    found = np.asarray(units)
    if found.shape != (n,) or found.dtype.kind not in "iu" or found.min() < 0:
        raise ValueError(f"a whole number from 0 on for each of {n} values is needed as its unit")
    return found.astype(np.intp)


def _dependence(
    x: npt.NDArray[np.bool_], y: npt.NDArray[np.bool_], units: tuple[Codes, Codes] | None
) -> float:
    """Return the correlation of "at most the quantile" over units, towards 0 where it is above."""
    if units is None:
        units = (np.arange(len(x)), np.arange(len(y)))
    size = 1 + max(int(units[0].max()), int(units[1].max()))
    first, second = (
        np.bincount(codes, weights=inside - inside.mean(), minlength=size)
        for codes, inside in zip(units, (x, y), strict=True)
    )
    common = float(first @ second)
    spare = [0.0, 0.0]
    if common > 0.0:
        spare = [_CAUTION * _squared_size(codes) for codes in units]
    spread = (float(first @ first) + spare[0]) * (float(second @ second) + spare[1])
    return common / math.sqrt(spread) if spread > 0.0 else 0.0


def _squared_size(codes: Codes) -> float:
    """Return the mean square of the number of values in a unit."""
    sizes = np.bincount(codes)
    return float(sizes @ sizes) / float((sizes > 0).sum())


def _distances(found: Interval) -> tuple[float, float]:
    """Return how far the limits are from the estimate, in logarithms, infinite where none is."""
    down = math.log(found.estimate / found.low) if found.low > 0.0 else math.inf
    return down, math.log(found.high / found.estimate)


def _joined(first: float, second: float, together: float) -> float:
    if math.isinf(first) or math.isinf(second):
        return math.inf
    return math.sqrt(max(first**2 - 2.0 * together * first * second + second**2, 0.0))
