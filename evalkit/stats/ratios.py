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
    units = _unit_sums(costs, successes, clusters)
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


def _unit_sums(
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
