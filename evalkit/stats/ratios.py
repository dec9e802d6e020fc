"""Intervals for ratios of two means, such as cost per success.

It does not know currencies or what counts as a success.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evalkit.stats.distributions import t_quantile
from evalkit.stats.intervals import Interval, checked_level, checked_values, cluster_codes

Array = npt.NDArray[np.float64]
Clusters = Sequence[object] | npt.NDArray[np.generic]
_NO_ERROR = 1e-12


def fieller(
    cost: npt.ArrayLike,
    success: npt.ArrayLike,
    level: float = 0.95,
    *,
    clusters: Sequence[object] | npt.NDArray[np.generic] | None = None,
) -> Interval:
    """Return Fieller's interval for sum(cost) / sum(success) over paired observations.

    With means c and s, their variances and covariance V over C independent units and
    t = t[1 - a/2; C - 1], the limits are the roots R of
    (c - R s)² = t² (V_cc - 2 R V_cs + R² V_ss).

    Args:
        cost: Cost of each observation, shape (n,).
        success: Its success (0 or 1, or any score), shape (n,).
        level: Coverage.
        clusters: What each observation belongs to, shape (n,).

    Raises:
        ValueError: If shapes differ, there are fewer than two units, or the ratio is not
            estimable: no success, or a success rate not significantly above 0, so that no finite
            interval exists.

    Source:
        Fieller (1954), doi:10.1111/j.2517-6161.1954.tb00159.x.

    Example:
        >>> found = fieller([1.0, 2.0, 3.0, 2.0] * 3, [1.0, 1.0, 1.0, 0.0] * 3)
        >>> round(found.estimate, 3), round(found.low, 3), round(found.high, 3)
        (2.667, 1.75, 4.501)
    """
    costs, successes = checked_values(cost), checked_values(success)
    checked_level(level)
    if costs.shape != successes.shape:
        raise ValueError(f"cost and success differ in shape: {costs.shape}, {successes.shape}")
    units = _fieller_sums(costs, successes, clusters)
    count = units.shape[1]
    if count < 2:
        raise ValueError(f"a ratio's interval needs at least two independent units, got {count}")
    total_cost, total_success = units.sum(axis=1)
    if total_success <= 0.0:
        raise ValueError("cost per success is not estimable: there is no success")
    t = t_quantile(0.5 + level / 2.0, count - 1)
    low, high = _limits(units, t * t)
    estimate = float(total_cost / total_success)
    method = "fieller" if clusters is None else "fieller-clusters"
    return Interval(estimate, min(low, estimate), max(high, estimate), method, count, level)


def cost_per_success(
    cost: npt.ArrayLike,
    success: npt.ArrayLike,
    level: float = 0.95,
    *,
    clusters: Clusters | None = None,
) -> Interval:
    """Return an interval for Σ cost / Σ success that holds where successes or failures are few.

    The log ratio ± t[1 - a/2; C - 1] · sqrt(C/(C - 1) Σ_u (d_u - mean d)² + 1/k²) with C units,
    a = 1 - level, d_u = -log(1 - c_u/C) - s_u/S (capitals are sums) and k = S² / Σ s_u², how many
    units succeeded. It is there from the first success on, where `fieller` refuses, and covers
    more where failures are rare and dear: docs/statistics.md.

    Args:
        cost: Cost of each observation, none below 0, shape (n,).
        success: Its success (0 or 1, or any score), shape (n,).
        level: Coverage.
        clusters: What each observation belongs to, shape (n,).

    Raises:
        ValueError: If shapes differ, values are negative or not finite, there are fewer than two
            units, no success ("not estimable") or no cost.

    Source:
        Cochran (1977), Sampling Techniques, 3rd edition, chapter 6, for the linearised ratio; Efron
        & Stein (1981), doi:10.1214/aos/1176345462, for leaving units out. 1/k² is ours.

    Example:
        >>> found = cost_per_success([1.0, 2.0, 3.0, 2.0] * 3, [1.0, 1.0, 1.0, 0.0] * 3)
        >>> round(found.estimate, 3), round(found.low, 2), round(found.high, 2)
        (2.667, 1.59, 4.49)
    """
    sums = unit_sums((cost, success), clusters)
    checked_level(level)
    total = sums.sum(axis=1)
    if total[1] <= 0.0:
        raise ValueError("cost per success is not estimable: there is no success")
    check_costs(float(total[0]))
    shares = sums / total.reshape(-1, 1)
    influence = left_out(shares[0]) - shares[1]
    caution = float(shares[1] @ shares[1]) ** 2
    ratio = float(total[0]) / float(total[1])
    return log_interval(ratio, influence, caution, level, clustered=clusters is not None)


def _fieller_sums(
    cost: npt.NDArray[np.float64],
    success: npt.NDArray[np.float64],
    clusters: Sequence[object] | npt.NDArray[np.generic] | None,
) -> npt.NDArray[np.float64]:
    if clusters is None:
        return np.stack([cost, success])
    codes = cluster_codes(clusters, len(cost))
    return np.stack([np.bincount(codes, weights=cost), np.bincount(codes, weights=success)])


def _limits(units: npt.NDArray[np.float64], t_squared: float) -> tuple[float, float]:
    """Solve the quadratic a R² - 2 b R + c = 0."""
    mean = units.mean(axis=1)
    spread = np.cov(units) / units.shape[1]
    a = float(mean[1] ** 2 - t_squared * spread[1, 1])
    b = float(mean[0] * mean[1] - t_squared * spread[0, 1])
    c = float(mean[0] ** 2 - t_squared * spread[0, 0])
    if a <= 0.0:
        raise ValueError(
            "cost per success is not estimable: the success rate is not significantly above 0"
        )
    root = math.sqrt(max(b * b - a * c, 0.0))
    return (b - root) / a, (b + root) / a


def unit_sums(columns: Sequence[npt.ArrayLike], clusters: Clusters | None) -> Array:
    """Return the columns summed over independent units, shape (columns, units).

    Raises:
        ValueError: If shapes differ, a value is below 0 or not finite, or there are fewer than two
            units.
    """
    found = [checked_values(column) for column in columns]
    if any(column.shape != found[0].shape for column in found):
        raise ValueError(f"columns differ in shape: {[column.shape for column in found]}")
    if any(column.min() < 0.0 for column in found):
        raise ValueError("costs and successes must not be below 0")
    if clusters is not None:
        codes = cluster_codes(clusters, len(found[0]))
        found = [np.bincount(codes, weights=column).astype(np.float64) for column in found]
    if len(found[0]) < 2:
        raise ValueError(f"a ratio's interval needs at least two units, got {len(found[0])}")
    return np.stack(found)


def check_costs(*totals: float) -> None:
    """Refuse arms without any cost.

    Raises:
        ValueError: If a total is 0.
    """
    if min(totals) <= 0.0:
        raise ValueError("a ratio of costs is not estimable: an arm has no cost")


def left_out(share: Array) -> Array:
    """Return by how much the log of a sum falls without each unit."""
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log1p(-np.minimum(share, 1.0)))


def log_interval(
    ratio: float, influence: Array, caution: float, level: float, *, clustered: bool
) -> Interval:
    """Return ratio · exp(± t · sqrt(C/(C - 1) Σ (d - mean d)² + caution)).

    Args:
        ratio: The estimate.
        influence: d, what each of C units adds to the log ratio, shape (C,).
        caution: Variance of what was not seen.
        level: Coverage.
        clustered: Units are clusters.

    Raises:
        ValueError: If the ratio is the same in every unit: no interval has width 0; or if it is
            beyond the range of floating point.
    """
    if not 0.0 < ratio < math.inf:
        raise ValueError(f"the ratio is beyond what can be computed, got {ratio!r}")
    count = len(influence)
    method = "log-delta-clusters" if clustered else "log-delta"
    if not np.isfinite(influence).all():
        return Interval(ratio, 0.0, math.inf, method, count, level)
    away = influence - influence.mean()
    error = math.sqrt(count / (count - 1) * float(away @ away) + caution)
    if error < _NO_ERROR:
        raise ValueError("the ratio is the same in every unit: no interval has width 0")
    half = t_quantile(0.5 + level / 2.0, count - 1) * error
    return Interval(ratio, ratio * math.exp(-half), ratio * exponential(half), method, count, level)


def exponential(value: float) -> float:
    """Return e^value, infinite beyond the largest number."""
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf
