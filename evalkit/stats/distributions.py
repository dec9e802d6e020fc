"""Quantiles of the distributions that intervals need, in plain floating point.

`scipy.special` would give the same numbers, but importing it costs more than a whole summary; the
tests hold it against these functions. Nothing here knows what is being estimated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist

_TINY = 1e-300
_STANDARD_NORMAL = NormalDist()


def normal_quantile(probability: float) -> float:
    """Return the standard normal quantile.

    Example:
        >>> round(normal_quantile(0.975), 4)
        1.96
    """
    return _STANDARD_NORMAL.inv_cdf(probability)


def beta_cdf(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b).

    Source:
        Didonato & Morris (1992), Algorithm 708, doi:10.1145/131766.131776, its continued
        fraction, evaluated by Lentz's method.

    Example:
        >>> round(beta_cdf(0.25, 2, 3), 6)
        0.261719
    """
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - beta_cdf(1.0 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    log_front += a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) * _beta_fraction(x, a, b) / a


def beta_quantile(probability: float, a: float, b: float) -> float:
    """Return the x with I_x(a, b) = probability.

    Example:
        >>> round(beta_quantile(0.5, 2, 2), 6)
        0.5
    """
    return bisect(lambda x: beta_cdf(x, a, b) - probability, 0.0, 1.0)


@lru_cache(maxsize=256)
def t_quantile(probability: float, freedom: float) -> float:
    """Return Student's t quantile for `freedom` degrees of freedom.

    Example:
        >>> round(t_quantile(0.975, 9), 4)
        2.2622
    """
    if probability == 0.5:
        return 0.0
    tail = 2.0 * min(probability, 1.0 - probability)
    x = beta_quantile(tail, freedom / 2.0, 0.5)
    size = math.sqrt(freedom * (1.0 - x) / x)
    return size if probability > 0.5 else -size


def t_cdf(t: float, freedom: float) -> float:
    """Return P(T <= t) of Student's t for `freedom` degrees of freedom.

    Example:
        >>> round(t_cdf(-2.2622, 9), 4)
        0.025
    """
    tail = 0.5 * beta_cdf(freedom / (freedom + t * t), freedom / 2.0, 0.5)
    return tail if t < 0.0 else 1.0 - tail


def binomial_cdf(k: int, n: int, p: float) -> float:
    """Return P(X <= k) of a binomial of n trials with success probability p.

    Example:
        >>> binomial_cdf(1, 2, 0.5)
        0.75
    """
    if k < 0:
        return 0.0
    if k >= n:
        return 1.0
    return beta_cdf(1.0 - p, n - k, k + 1.0)


@lru_cache(maxsize=1024)
def binomial_quantile(probability: float, n: int, p: float) -> int:
    """Return the smallest k with P(X <= k) >= probability.

    Example:
        >>> binomial_quantile(0.025, 50, 0.95)
        44
    """
    low, high = -1, n
    while high - low > 1:
        middle = (low + high) // 2
        if binomial_cdf(middle, n, p) >= probability - 1e-12:
            high = middle
        else:
            low = middle
    return high


def bisect(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the root of a rising function between two points, to the last bit that matters."""
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        if function(middle) < 0.0:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def _beta_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    d = 1.0 / d
    value = d
    for m in range(1, 100_000):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        for term in (even, odd):
            d = 1.0 / _away_from_zero(1.0 + term * d)
            c = _away_from_zero(1.0 + term / c)
            value *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
