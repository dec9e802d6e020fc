"""Intervals for one figure: a rate, a mean, in numbers only.

Formulas stand in each docstring with their source; what is undefined raises. Nothing here knows
trials, samples or arms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalkit.stats.bounded import gaffke_limits
from evalkit.stats.distributions import beta_quantile, normal_quantile, t_quantile

Array = npt.NDArray[np.float64]
LARGEST = 1e150
"""Beyond it squares leave the range of floating point."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval.

    Attributes:
        estimate: The figure.
        low: Lower limit; `-inf` where none exists.
        high: Upper limit; `inf` where none exists.
        method: How the limits were made.
        n: Independent units behind the limits: clusters where there are any, else observations.
        level: Coverage asked for.
    """

    estimate: float
    low: float
    high: float
    method: str
    n: int
    level: float


def wilson(successes: int, n: int, level: float = 0.95) -> Interval:
    """Return Wilson's score interval for a rate.

    (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)

    Args:
        successes: How many of n.
        n: Independent trials.
        level: Coverage.

    Raises:
        ValueError: If n is below 1, or successes are not within 0..n.

    Source:
        Wilson (1927), doi:10.1080/01621459.1927.10502953.

    Example:
        >>> found = wilson(8, 10)
        >>> round(found.low, 4), round(found.high, 4)
        (0.4902, 0.9433)
    """
    _check_counts(successes, n)
    z = normal_quantile(0.5 + checked_level(level) / 2.0)
    p = successes / n
    share = z * z / n
    centre = (p + share / 2.0) / (1.0 + share)
    half = z * math.sqrt(p * (1.0 - p) / n + share / (4.0 * n)) / (1.0 + share)
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(p, low, high, "wilson", n, level)


def clopper_pearson(successes: int, n: int, level: float = 0.95) -> Interval:
    """Return the exact interval for a rate: coverage is never below the level.

    Beta(a/2; k, n-k+1) and Beta(1-a/2; k+1, n-k) with a = 1 - level.

    Args:
        successes: How many of n.
        n: Independent trials.
        level: Coverage.

    Raises:
        ValueError: If n is below 1, or successes are not within 0..n.

    Source:
        Clopper & Pearson (1934), doi:10.1093/biomet/26.4.404.

    Example:
        >>> found = clopper_pearson(0, 20)
        >>> found.low, round(found.high, 4)
        (0.0, 0.1684)
    """
    _check_counts(successes, n)
    alpha = 1.0 - checked_level(level)
    k = successes
    low = 0.0 if k == 0 else beta_quantile(alpha / 2.0, k, n - k + 1)
    high = 1.0 if k == n else 1.0 - beta_quantile(alpha / 2.0, n - k, k + 1)
    return Interval(k / n, low, high, "clopper-pearson", n, level)


def mean_interval(
    x: npt.ArrayLike,
    clusters: Sequence[object] | npt.NDArray[np.generic] | None = None,
    level: float = 0.95,
    *,
    bounds: tuple[float, float] | str | None = "auto",
) -> Interval:
    """Return an interval for a mean.

    Bounded values (scores) get Gaffke's interval, which has no width of 0 on constant data and
    keeps its coverage at small n; others Student's t with SE = sqrt(C/(C-1) sum_c (sum_i (x_ic -
    mean))²)/n and C - 1 degrees of freedom (C = n without clusters). The estimate is the mean
    over values in both.

    Args:
        x: Values, shape (n,).
        clusters: What each value belongs to, shape (n,): values of one cluster are not
            independent, and clusters are what is counted.
        level: Coverage.
        bounds: Ends of the scale that x is measured on. "auto" takes (0, 1) where all values
            lie in it, else none; None asks for Student's t.

    Raises:
        ValueError: If x is empty, not finite or outside the bounds, if clusters have another
            length, or if an unbounded mean has fewer than two independent values.

    Source:
        `evalkit.stats.bounded.gaffke_limits`; Miller (2024), arXiv:2411.00640, for clusters.

    Example:
        >>> found = mean_interval([1.0, 1.0, 0.5, 1.0, 0.75])
        >>> found.estimate, round(found.low, 3), round(found.high, 3), found.method
        (0.85, 0.393, 0.981, 'gaffke')
        >>> round(mean_interval([3.0, 5.0, 4.0]).low, 3)
        1.516
    """
    values = checked_values(x)
    checked_level(level)
    total, size = _per_unit(values, clusters)
    if bounds == "auto":
        inside = values.min() >= 0.0 and values.max() <= 1.0
        bounds = (0.0, 1.0) if inside else None
    if bounds is None:
        return _t_interval(values, total, size, level)
    start, end = float(bounds[0]), float(bounds[1])
    if values.min() < start or values.max() > end:
        raise ValueError(f"values must lie within {start:g}..{end:g}")
    return _bounded_interval(values, total, size, (start, end), level)


def checked_values(x: npt.ArrayLike) -> Array:
    """Return x as a vector of finite numbers.

    Raises:
        ValueError: If it is empty, not one-dimensional or not finite, or beyond 1e150.
    """
    values = np.asarray(x, dtype=np.float64)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"a non-empty vector of numbers is needed, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("values must be finite numbers")
    if np.abs(values).max() > LARGEST:
        raise ValueError(f"values beyond 1e150 are no measurements, got {np.abs(values).max():g}")
    return values


def checked_level(level: float) -> float:
    """Return the level.

    Raises:
        ValueError: If it is not between 0 and 1.
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must be between 0 and 1, got {level!r}")
    return level


def cluster_codes(
    clusters: Sequence[object] | npt.NDArray[np.generic], n: int
) -> npt.NDArray[np.intp]:
    """Number the clusters from 0.

    Raises:
        ValueError: If there is not one cluster for each of n values.
    """
    labels = clusters if isinstance(clusters, np.ndarray) else np.asarray(list(map(str, clusters)))
    if labels.shape != (n,):
        raise ValueError(f"one cluster for each of {n} values is needed, got {labels.shape}")
    codes: npt.NDArray[np.intp] = np.unique(labels, return_inverse=True)[1].reshape(-1)
    return codes


def _per_unit(
    values: Array, clusters: Sequence[object] | npt.NDArray[np.generic] | None
) -> tuple[Array, Array]:
    """Return sums and sizes of the independent units."""
    if clusters is None:
        return values, np.ones(len(values))
    codes = cluster_codes(clusters, len(values))
    return _sums(codes, values), np.bincount(codes).astype(np.float64)


def _sums(codes: npt.NDArray[np.intp], values: Array) -> Array:
    return np.bincount(codes, weights=values).astype(np.float64)


def _bounded_interval(
    values: Array, total: Array, size: Array, bounds: tuple[float, float], level: float
) -> Interval:
    start, end = bounds
    width = end - start
    share = np.clip((total / size - start) / width, 0.0, 1.0)
    low, high = gaffke_limits(share, size, level)
    mean = float(np.clip(values.mean(), start, end))
    method = "gaffke" if len(size) == len(values) else "gaffke-clusters"
    low, high = start + width * low, start + width * high
    return Interval(mean, min(low, mean), max(high, mean), method, len(size), level)


def _t_interval(values: Array, total: Array, size: Array, level: float) -> Interval:
    count = len(size)
    if count < 2:
        raise ValueError(f"a t interval needs at least two independent values, got {count}")
    mean = float(values.mean())
    residuals = total - size * mean
    error = math.sqrt(count / (count - 1) * float(residuals @ residuals)) / len(values)
    half = t_quantile(0.5 + level / 2.0, count - 1) * error
    method = "t" if count == len(values) else "t-clusters"
    return Interval(mean, mean - half, mean + half, method, count, level)


def _check_counts(successes: int, n: int) -> None:
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"0 <= successes <= n and n >= 1 are needed, got {successes} of {n}")
