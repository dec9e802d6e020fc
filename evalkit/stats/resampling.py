"""Bootstrap: intervals for any statistic, and sums over many resampled data sets at once.

What is resampled are the independent units, rows or whole clusters, never single values of a
cluster. It does not know what a statistic means, nor when a better interval exists.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.stats.intervals import Interval, checked_level, cluster_codes

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
Column = npt.NDArray[Any]
Statistic = Callable[..., float]

_FEWEST_DRAWS = 1000
_MOST_UNDEFINED = 0.05
_COUNTS_AT_ONCE = 1 << 20
_THREADS = 2
_STANDARD_NORMAL = NormalDist()


def bootstrap(
    statistic: Statistic,
    *columns: npt.ArrayLike,
    clusters: Sequence[object] | npt.NDArray[np.generic] | None = None,
    n: int = 10_000,
    rng: np.random.Generator | None = None,
    level: float = 0.95,
) -> Interval:
    """Return the BCa bootstrap interval of any statistic.

    Units are drawn with replacement, the same for all columns. The limits are the quantiles
    Φ(z0 + (z0 + z) / (1 - a (z0 + z))) of the statistic, for z = Φ⁻¹((1 - level) / 2) and its
    mirror: z0 is the normal quantile of the share of draws below the estimate (equal ones count
    half), a the skewness Σ d³ / (6 (Σ d²)^1.5) of the jackknife's d = mean - value. Where z0 or a
    is undefined the plain percentiles stand and the method is `percentile`. Draws in which the
    statistic is undefined are left out.

    Prefer an interval of its own (a rate, a mean, a quantile, a ratio): this one holds less than
    its level below about fifty units, and knows nothing that the sample does not show.

    Args:
        statistic: Takes the columns, gives one number; may raise `ValueError` or give NaN where
            it is undefined.
        columns: Values by row, shape (rows,) or (rows, ...).
        clusters: What each row belongs to, shape (rows,); rows of a cluster are drawn together.
        n: Draws.
        rng: Source of the draws; None is `numpy.random.default_rng(0)`, the same every time.
        level: Coverage.

    Raises:
        ValueError: If there is no column, lengths differ, there are fewer than two units or 1000
            draws, the statistic is undefined for the data or for more than 5 % of the draws, or
            all draws are equal.

    Source:
        Efron (1987), doi:10.1080/01621459.1987.10478410.

    Example:
        >>> found = bootstrap(np.median, [3.0, 5.0, 4.0, 9.0, 2.0, 8.0, 7.0, 6.0])
        >>> found.estimate, found.low, found.high, found.method
        (5.5, 3.0, 8.0, 'bca')
    """
    data = [np.asarray(column) for column in columns]
    members = _members(data, clusters)
    if n < _FEWEST_DRAWS:
        raise ValueError(f"at least {_FEWEST_DRAWS} draws are needed, got {n}")
    if len(members) < 2:
        raise ValueError(f"a bootstrap needs at least two units, got {len(members)}")
    checked_level(level)
    estimate = _value(statistic, data)
    if math.isnan(estimate):
        raise ValueError("the statistic is undefined for the data")
    generator = np.random.default_rng(0) if rng is None else rng
    draws = _draws(statistic, data, members, n, generator)
    jackknife = _jackknife(statistic, data, members)
    low, high, method = _limits(draws, estimate, jackknife, level)
    if clusters is not None:
        method += "-clusters"
    return Interval(estimate, min(low, estimate), max(high, estimate), method, len(members), level)


def resampled_sums(values: npt.ArrayLike, n: int, rng: np.random.Generator) -> Array:
    """Return the sums of columns over units drawn with replacement, n times.

    Row r is Σ_u N_ru values_u, with (N_r1 ... N_rU) multinomial: U draws among U units. All columns
    share the draws. The result depends on the generator only, not on threads: every block of draws
    has a generator spawned from it. About 60 MB are used beside the result.

    Args:
        values: Finite numbers by unit, shape (units, columns).
        n: Draws.
        rng: Source of the draws.

    Returns:
        Sums, shape (n, columns).

    Raises:
        ValueError: If there are no units, values are no table of finite numbers or n is below 1.

    Source:
        Efron (1979), doi:10.1214/aos/1176344552.

    Example:
        >>> sums = resampled_sums([[1.0, 2.0], [3.0, 2.0]], 1000, np.random.default_rng(0))
        >>> sums.shape, sorted(set(sums[:, 0].tolist())), set(sums[:, 1].tolist())
        ((1000, 2), [2.0, 4.0, 6.0], {4.0})
    """
    table = np.ascontiguousarray(values, dtype=np.float64)
    if table.ndim != 2 or len(table) == 0 or not np.isfinite(table).all():
        raise ValueError(f"a table of finite numbers is needed, got shape {table.shape}")
    if n < 1:
        raise ValueError(f"at least one draw is needed, got {n}")
    size = max(1, _COUNTS_AT_ONCE // len(table))
    starts = range(0, n, size)
    sums = np.empty((n, table.shape[1]))

    def fill(start: int, generator: np.random.Generator) -> None:
        block = sums[start : start + size]
        np.matmul(_counts(len(table), len(block), generator), table, out=block)

    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in pool.map(fill, starts, rng.spawn(len(starts))):
            pass
    return sums


def _counts(units: int, draws: int, rng: np.random.Generator) -> Array:
    """Return how often each unit is drawn, shape (draws, units)."""
    chosen = rng.integers(0, units, size=(draws, units), dtype=np.int32)
    counts = np.empty((draws, units))
    for row, picks in zip(counts, chosen, strict=True):
        row[:] = np.bincount(picks, minlength=units)
    return counts


def _members(
    data: list[Column], clusters: Sequence[object] | npt.NDArray[np.generic] | None
) -> list[Indices]:
    """Return the rows of each unit."""
    if not data or data[0].ndim == 0 or len(data[0]) == 0:
        raise ValueError("a bootstrap of an empty table: at least one column is needed")
    rows = len(data[0])
    if any(column.shape[:1] != (rows,) for column in data):
        raise ValueError(f"columns differ in length: {[column.shape for column in data]}")
    if clusters is None:
        return list(np.arange(rows).reshape(-1, 1))
    codes = cluster_codes(clusters, rows)
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.cumsum(np.bincount(codes))[:-1])


def _value(statistic: Statistic, data: list[Column]) -> float:
    """Return the statistic, NaN where it is undefined."""
    try:
        value = float(statistic(*data))
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _draws(
    statistic: Statistic,
    data: list[Column],
    members: list[Indices],
    n: int,
    rng: np.random.Generator,
) -> Array:
    """Return the statistic of each draw in which it is defined, sorted."""
    values = np.array(
        [_value(statistic, [column[rows] for column in data]) for rows in _rows(members, n, rng)]
    )
    defined = np.sort(values[~np.isnan(values)])
    missing = n - len(defined)
    if missing > _MOST_UNDEFINED * n:
        raise ValueError(f"the statistic is undefined in {missing} of {n} draws")
    if defined[0] == defined[-1]:
        raise ValueError("the statistic is the same in all draws: a bootstrap gives no interval")
    return defined


def _rows(members: list[Indices], n: int, rng: np.random.Generator) -> Iterator[Indices]:
    """Yield the rows of n resampled tables."""
    units = len(members)
    single = all(len(rows) == 1 for rows in members)
    flat = np.concatenate(members)
    for _ in range(n):
        chosen = rng.integers(0, units, size=units)
        yield flat[chosen] if single else np.concatenate([members[unit] for unit in chosen])


def _jackknife(statistic: Statistic, data: list[Column], members: list[Indices]) -> Array:
    """Return the statistic without each unit in turn, shape (units,)."""
    kept = np.ones(len(data[0]), dtype=np.bool_)
    values = np.empty(len(members))
    for unit, rows in enumerate(members):
        kept[rows] = False
        values[unit] = _value(statistic, [column[kept] for column in data])
        kept[rows] = True
    return values


def _limits(
    draws: Array, estimate: float, jackknife: Array, level: float
) -> tuple[float, float, str]:
    """Return BCa limits where they are defined, else percentiles."""
    tails = ((1.0 - level) / 2.0, (1.0 + level) / 2.0)
    adjusted = _adjusted(draws, estimate, jackknife, tails)
    low, high = np.quantile(draws, adjusted or tails)
    return float(low), float(high), "bca" if adjusted else "percentile"


def _adjusted(
    draws: Array, estimate: float, jackknife: Array, tails: tuple[float, float]
) -> tuple[float, float] | None:
    below = (draws < estimate).mean() + 0.5 * (draws == estimate).mean()
    distance = jackknife.mean() - jackknife
    spread = float(distance @ distance)
    if not 0.0 < below < 1.0 or not spread > 0.0:
        return None
    bias = _STANDARD_NORMAL.inv_cdf(float(below))
    skew = float((distance**3).sum()) / (6.0 * spread**1.5)
    shifted = [bias + _STANDARD_NORMAL.inv_cdf(tail) for tail in tails]
    if any(skew * point >= 1.0 for point in shifted):
        return None
    first, second = (_STANDARD_NORMAL.cdf(bias + point / (1.0 - skew * point)) for point in shifted)
    return first, second
