"""An interval for the mean of bounded values that holds at small n and on constant data.

The values enter as weights of a Dirichlet distribution (a Bayesian bootstrap that also knows the
end of the scale), so two samples that agree by chance still leave doubt. It does not know which
values are scores.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.stats.distributions import beta_quantile, normal_quantile

Array = npt.NDArray[np.float64]

_MOST_POINTS = 400
_COARSEST, _FINEST = 0.2, 0.01
_TURN = 0.6
_CHUNK = 8
_NEGLIGIBLE = 1e-12
_CLOSE = 1e-9


class Units(NamedTuple):
    """Independent units: their means, their sizes and how many units look like that.

    Attributes:
        value: Means in [0, 1], shape (k,).
        size: Observations in a unit, relative to the largest unit, shape (k,).
        number: How many units have this value and size, shape (k,).
    """

    value: Array
    size: Array
    number: Array


def gaffke_limits(value: Array, size: Array, level: float) -> tuple[float, float]:
    """Return the two-sided limits for the mean of values in [0, 1].

    The lower limit is the m with P(sum_i E_i s_i (x_i - m) - E_0 s_max m <= 0) = (1 - level) / 2,
    for independent exponentials E: the quantile of a Dirichlet-weighted mean of the values and of
    0, the lower end of the scale. The upper limit mirrors it. For values 0 and 1 and equal sizes
    it is Clopper-Pearson's interval, exactly; it grows to the normal interval with n. It never
    has width 0, and does not depend on the order of the values.

    Args:
        value: Means of the independent units (samples or clusters) in [0, 1], shape (n,).
        size: How many observations each unit holds, shape (n,): the estimate is the mean over
            observations, so a large cluster counts for more.
        level: Coverage.

    Source:
        Gaffke (2005), "Three test statistics for a nonparametric one-sided hypothesis on the
        mean of a nonnegative variable", Mathematical Methods of Statistics 14(4); Learned-Miller
        & Thomas (2019), arXiv:1905.06208. Coverage is proven for two-valued data and conjectured
        in general: docs/statistics.md has the simulation, and so have the tests.
    """
    alpha = (1.0 - level) / 2.0
    if size.min() == size.max() and np.isin(value, (0.0, 1.0)).all():
        return _exact_limits(int(value.sum()), len(value), alpha)
    relative = size / size.max()
    low = _lower_limit(_grouped(value, relative), alpha)
    high = 1.0 - _lower_limit(_grouped(1.0 - value, relative), alpha)
    return low, high


def gaffke_tail(value: Array, size: Array, mean: float) -> float:
    """Return the one-sided level at which the lower limit of `gaffke_limits` is this mean.

    The p-value of "the mean of values in [0, 1] is at most this"; for values 0 and 1 of equal
    sizes it is the exact binomial tail.

    Args:
        value: Means of the independent units in [0, 1], shape (n,).
        size: How many observations each unit holds, shape (n,).
        mean: The mean that is tested, above 0.

    Source:
        As of `gaffke_limits`.
    """
    return math.exp(_log_tail(_grouped(value, size / size.max()), mean))


def _exact_limits(ones: int, n: int, alpha: float) -> tuple[float, float]:
    """The same limits for two-valued data, where they have a closed form."""
    low = beta_quantile(alpha, ones, n - ones + 1) if ones else 0.0
    high = 1.0 - beta_quantile(alpha, n - ones, ones + 1) if ones < n else 1.0
    return low, high


def _grouped(value: Array, size: Array) -> Units:
    """Join equal units, and near ones where there are hundreds of different values."""
    sizes, code = np.unique(size, return_inverse=True)
    found, index = np.unique(value, return_inverse=True)
    if len(found) > _MOST_POINTS:
        index = _bins(value)
    key, joined, count = np.unique(
        code.reshape(-1) * len(value) + index.reshape(-1), return_inverse=True, return_counts=True
    )
    total = np.bincount(joined.reshape(-1), weights=value)
    return Units(total / count, sizes[key // len(value)], count.astype(np.float64))


def _bins(value: Array) -> npt.NDArray[np.intp]:
    """Number narrow bins: their means keep the mean, and the variance within 1e-6 of range²."""
    edges = np.linspace(value.min(), value.max(), _MOST_POINTS + 1)
    return np.clip(np.searchsorted(edges, value, side="right") - 1, 0, _MOST_POINTS - 1)


def _lower_limit(units: Units, alpha: float) -> float:
    """Solve log P(m) = log alpha for m by the Illinois variant of false position."""
    low, high = 0.0, float(units.value.max())
    if high <= 0.0:
        return 0.0
    goal = math.log(alpha)
    at_low, at_high = -math.inf, -goal
    kept = 0
    guesses = _normal_guesses(units, alpha)
    for _ in range(100):
        middle = _next_point(low, high, at_low, at_high)
        if guesses:
            guess = guesses.pop()
            middle = guess if low < guess < high else middle
        at_middle = _log_tail(units, middle) - goal
        if abs(at_middle) < _CLOSE or high - low < _CLOSE:
            return middle
        if at_middle < 0.0:
            low, at_low = middle, at_middle
            at_high *= 0.5 if kept < 0 else 1.0
            kept = -1
        else:
            high, at_high = middle, at_middle
            at_low *= 0.5 if kept > 0 else 1.0
            kept = 1
    return low


def _normal_guesses(units: Units, alpha: float) -> list[float]:
    """Return two points around the limit that a normal distribution would give."""
    weight = units.size * units.number
    total = float(weight.sum())
    mean = float(weight @ units.value) / total
    error = math.sqrt(float((units.size * weight) @ (units.value - mean) ** 2)) / total
    reach = -normal_quantile(alpha) * error
    return [mean - 1.03 * reach, mean - 0.97 * reach - 1.0 / total]


def _next_point(low: float, high: float, at_low: float, at_high: float) -> float:
    if at_low < -20.0:
        return 0.5 * (low + high)
    point = high - at_high * (high - low) / (at_high - at_low)
    return min(max(point, low + 1e-3 * (high - low)), high - 1e-3 * (high - low))


def _log_tail(units: Units, mean: float) -> float:
    """Return log P(sum_i w_i E_i <= 0) for exponentials E, by the inverse Laplace integral.

    The path runs through the saddle point of the integrand, so relative precision holds in the
    tail: Daniels (1987), doi:10.2307/1403269.
    """
    weight = np.append(units.size * (units.value - mean), -mean)
    number = np.append(units.number, 1.0)
    if weight.max() <= 0.0:
        return 0.0
    if weight[:-1].min() >= 0.0:
        return -float(units.number @ np.log1p(weight[:-1] / mean))
    centre, curvature = _saddle(weight, number)
    real = 1.0 - weight * centre
    peak = -float(number @ np.log(real)) - math.log(-centre)
    step = _step(weight / real, number)
    total = 0.0
    for start in range(0, 100_000, _CHUNK):
        v = step * (start + np.arange(_CHUNK))
        t = np.sinh(v) / math.sqrt(curvature)
        slope = np.outer(t, weight / real)
        size = -0.5 * (np.log1p(slope * slope) @ number) - 0.5 * np.log1p((t / centre) ** 2)
        angle = np.arctan(slope) @ number - np.arctan(t / centre)
        terms = np.exp(size) * np.cos(angle) * np.cosh(v)
        total += float(terms.sum()) - (0.5 * float(terms[0]) if start == 0 else 0.0)
        if math.exp(size[-1]) * math.cosh(v[-1]) < _NEGLIGIBLE:
            break
    return min(peak + math.log(total * step / math.sqrt(curvature) / math.pi), 0.0)


def _step(slope: Array, number: Array) -> float:
    """Return a step that resolves the turns of the integrand up to where it has died away."""
    turns = abs(float(number[:-1] @ slope[:-1]))
    reach = math.sqrt(54.0 / float(number @ (slope * slope)))
    return min(max(_TURN / max(turns * reach, 1e-9), _FINEST), _COARSEST)


def _saddle(weight: Array, count: Array) -> tuple[float, float]:
    """Return the minimum on s < 0 of -sum c log(1 - w s) - log(-s), and the curvature there."""
    floor = 1.0 / float(weight.min())
    low, high = floor, 0.0
    s = 0.5 * floor
    for _ in range(200):
        ratio = weight / (1.0 - weight * s)
        slope = float(count @ ratio) - 1.0 / s
        curvature = float(count @ (ratio * ratio)) + 1.0 / (s * s)
        if slope > 0.0:
            high = s
        else:
            low = s
        step = s - slope / curvature
        following = step if low < step < high else 0.5 * (low + high)
        if abs(following - s) <= 1e-9 * abs(s):
            break
        s = following
    return s, curvature
