"""Intervals for quantiles (latency p50, p95, p99) from order statistics, free of any distribution.

Where the sample is too small for a limit, the limit does not exist and is infinite. It does not
know what was timed, nor which values are censored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evalkit.stats.distributions import binomial_quantile
from evalkit.stats.intervals import Interval, checked_level, checked_values, cluster_codes


def quantile_interval(
    x: npt.ArrayLike,
    q: float,
    level: float = 0.95,
    *,
    clusters: Sequence[object] | npt.NDArray[np.generic] | None = None,
) -> Interval:
    """Return an interval for the q-quantile.

    With the values sorted, the limits are those of rank l = B(a/2) and u = B(1 - a/2) + 1, where
    B is the quantile function of a binomial of n trials with probability q and a = 1 - level. A
    rank below 1 or above n gives `-inf` or `inf`. The estimate interpolates linearly (type 7).
    Values of one cluster are not independent: the ranks are then spread as if there were n / D
    values, D being the design effect of the indicator "at most the estimate" over clusters, at
    least 1.

    Args:
        x: Values, shape (n,).
        q: Which quantile, between 0 and 1.
        level: Coverage.
        clusters: What each value belongs to, shape (n,).

    Raises:
        ValueError: If x is empty or not finite, or q or level is not between 0 and 1.

    Source:
        David & Nagaraja (2003), Order Statistics, section 7.1, doi:10.1002/0471722162; Woodruff
        (1952), doi:10.1080/01621459.1952.10483443, for clusters.

    Example:
        >>> found = quantile_interval(range(1, 151), 0.95)
        >>> found.low, found.high
        (137.0, 148.0)
        >>> quantile_interval(range(1, 51), 0.95).high
        inf
    """
    ordered = np.sort(checked_values(x))
    if not 0.0 < q < 1.0:
        raise ValueError(f"q must be between 0 and 1, got {q!r}")
    alpha = 1.0 - checked_level(level)
    n = len(ordered)
    estimate = float(np.quantile(ordered, q))
    units, effective = _independent(np.asarray(x, dtype=np.float64), q, estimate, clusters)
    low = _at_rank(ordered, binomial_quantile(alpha / 2.0, effective, q), n, effective)
    high = _at_rank(
        ordered, binomial_quantile(1.0 - alpha / 2.0, effective, q) + 1, n, effective, upper=True
    )
    method = "order-statistics" if clusters is None else "order-statistics-clusters"
    return Interval(estimate, min(low, estimate), max(high, estimate), method, units, level)


def _independent(
    values: npt.NDArray[np.float64],
    q: float,
    estimate: float,
    clusters: Sequence[object] | npt.NDArray[np.generic] | None,
) -> tuple[int, int]:
    """Return how many units there are, and how many independent values they are worth."""
    n = len(values)
    if clusters is None:
        return n, n
    codes = cluster_codes(clusters, n)
    count = int(codes.max()) + 1
    if count == n:
        return n, n
    if count == 1:
        return 1, 1
    below = (values <= estimate).astype(np.float64)
    residual = np.bincount(codes, weights=below - below.mean())
    clustered = count / (count - 1) * float(residual @ residual)
    design = max(1.0, clustered / (n * q * (1.0 - q)))
    return count, max(1, math.floor(n / design))


def _at_rank(
    ordered: npt.NDArray[np.float64], rank: int, n: int, effective: int, *, upper: bool = False
) -> float:
    """Return the value at a rank among `effective` values, carried over to all n of them."""
    if rank < 1:
        return -math.inf
    if rank > effective:
        return math.inf
    if n == effective:
        return float(ordered[rank - 1])
    position = rank * n / effective if upper else (rank - 1) * n / effective + 1
    index = math.ceil(position) if upper else math.floor(position)
    return float(ordered[min(max(index, 1), n) - 1])
