"""Tests and intervals that stay valid however often one looks: evidence as the wealth of a bet.

Values come one after another, in random order; a claim is rejected once the wealth of somebody who
bets against it has ever been 1/alpha times the stake. It does not know what is compared, nor when
a run should stop.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.stats.intervals import Interval, checked_values

Array = npt.NDArray[np.float64]

_SHARES: Array = np.geomspace(0.04, 0.96, 24)
_LOG_STAKES = math.log(len(_SHARES))
_CLOSE = 1e-8
_MOST_LOG = 600.0


def e_process(b: int, c: int) -> float:
    """Return the evidence against "b and c are equally likely", after b + c discordant pairs.

    B(b + 1/2, c + 1/2) / B(1/2, 1/2) · 2^(b+c), B being the beta function: the likelihood of the
    order seen, averaged over all rates with Jeffreys' prior, by that under a rate of 1/2. Look
    after every pair if you like: with equal rates it ever reaches 1/alpha with probability alpha
    at most. Above the largest float (about 1e308) it is `inf`, and no conclusion depends on that.

    Args:
        b: Pairs that only the first got right.
        c: Pairs that only the second got right.

    Raises:
        ValueError: If a count is negative or no whole number.

    Source:
        Ville (1939), Étude critique de la notion de collectif, for the bound; Krichevsky &
        Trofimov (1981), doi:10.1109/TIT.1981.1056331, for the mixture.

    Example:
        >>> round(e_process(1, 7), 3), round(e_process(300, 200), 1)
        (3.352, 840.6)
    """
    if not all(math.isfinite(count) and count >= 0 and count == int(count) for count in (b, c)):
        raise ValueError(f"b and c must be counts, whole numbers from 0 on, got {b!r} and {c!r}")
    mixture = math.lgamma(b + 0.5) + math.lgamma(c + 0.5) - math.lgamma(b + c + 1.0)
    try:
        return math.exp(mixture + (b + c) * math.log(2.0) - math.log(math.pi))
    except OverflowError:
        return math.inf


class BettingTest:
    """Two one-sided tests of a mean of bounded values, fed value by value.

    Against "the mean is at most the limit" the wealth is the average over bets λ of
    Π (1 + λ (x_i - limit)), λ = share / (limit - low end of the scale) for 24 shares from 0.04 to
    0.96 in equal ratios; against "at least" it is Π (1 - λ (x_i - limit)) with the other end. No
    factor is negative, and under the claim none has an expectation above 1: so if each value has
    the claimed mean given those before it, the wealth ever reaches 1/alpha with probability alpha
    at most, however often one looks.

    The shares are a compromise: against the one best bet, which nobody knows beforehand, the test
    needs about a third more values. A claim that cannot be false (at most the upper end of the
    scale) is never rejected.

    Args:
        limit: The mean that is tested.
        bounds: Ends of the scale that the values are measured on.

    Attributes:
        limit: The mean that is tested.
        n: Values so far.
        log_e_above: Log wealth against "the mean is at most the limit".
        log_e_below: Log wealth against "the mean is at least the limit".
        most_above: The most that `log_e_above` has ever been; reject from log(1/alpha) on.
        most_below: The most that `log_e_below` has ever been.

    Raises:
        ValueError: If the limit is not within the bounds.

    Source:
        Waudby-Smith & Ramdas (2024), doi:10.1093/jrsssb/qkad009; Ville (1939), Étude critique de
        la notion de collectif.

    Example:
        >>> test = BettingTest(-0.05)
        >>> for value in [1.0, 0.0, 0.0, 1.0, 0.0, 1.0] * 3:
        ...     test.add(value)
        >>> test.most_above >= math.log(1 / 0.05), test.most_below >= math.log(1 / 0.05)
        (True, False)
    """

    def __init__(self, limit: float, *, bounds: tuple[float, float] = (-1.0, 1.0)) -> None:
        start, end = _checked_bounds(bounds)
        if not start <= limit <= end:
            raise ValueError(f"limit must lie within {start:g}..{end:g}, got {limit!r}")
        self.limit = limit
        self.n = 0
        self.log_e_above = self.log_e_below = self.most_above = self.most_below = 0.0
        self._bounds = (start, end)
        self._bets = np.stack([_bets(limit - start), -_bets(end - limit)])
        self._log_wealth = np.zeros(self._bets.shape)

    def add(self, x: float) -> None:
        """Take in the next value.

        Raises:
            ValueError: If it is outside the bounds, or no number.
        """
        if not self._bounds[0] <= x <= self._bounds[1]:
            raise ValueError(
                f"values must lie within {self._bounds[0]:g}..{self._bounds[1]:g}, got {x!r}"
            )
        self.n += 1
        gain = x - self.limit
        if gain == 0.0:
            return
        self._log_wealth += np.log1p(self._bets * gain)
        total = np.logaddexp.reduce(self._log_wealth, axis=1).tolist()
        self.log_e_above, self.log_e_below = total[0] - _LOG_STAKES, total[1] - _LOG_STAKES
        self.most_above = max(self.most_above, self.log_e_above)
        self.most_below = max(self.most_below, self.log_e_below)


def confidence_sequence(
    x: npt.ArrayLike, alpha: float = 0.05, *, bounds: tuple[float, float] = (-1.0, 1.0)
) -> Interval:
    """Return an interval for the mean of bounded values that holds at every look at once.

    The lower limit is the largest that `BettingTest` has rejected, at some time up to now, as "the
    mean is at most this"; the upper limit mirrors it. Each errs with probability alpha at most, at
    any time whatever, so the level of both together is 1 - 2 alpha. Only where the mean of all
    values lies outside its own limits, which says that the order was hardly random, is the limit
    moved to it.

    Args:
        x: Values in the order in which they were drawn, shape (n,).
        alpha: Error probability of each side.
        bounds: Ends of the scale that the values are measured on.

    Raises:
        ValueError: If x is empty, not finite or outside the bounds, or alpha is not between 0
            and 0.5.

    Source:
        Waudby-Smith & Ramdas (2024), doi:10.1093/jrsssb/qkad009.

    Example:
        >>> found = confidence_sequence([1.0, 0.0, 0.0, 1.0, 0.0, 1.0] * 10)
        >>> found.estimate, round(found.low, 3), round(found.high, 3), found.level
        (0.5, 0.305, 0.674, 0.9)
    """
    values = checked_values(x)
    start, end = _checked_bounds(bounds)
    if not 0.0 < alpha < 0.5:
        raise ValueError(f"alpha must be in 0..0.5, as the level is 1 - 2 alpha, got {alpha!r}")
    if values.min() < start or values.max() > end:
        raise ValueError(f"values must lie within {start:g}..{end:g}")
    width = end - start
    share = np.clip((values - start) / width, 0.0, 1.0)
    low = start + width * _lower_limit(share, alpha)
    high = end - width * _lower_limit(1.0 - share, alpha)
    mean = float(np.clip(values.mean(), start, end))
    level = 1.0 - 2.0 * alpha
    return Interval(mean, min(low, mean), max(high, mean), "betting", len(values), level)


def log_wealth(
    values: npt.NDArray[np.integer[Any]], limit: float, *, above: bool
) -> npt.NDArray[np.float64]:
    """Return the log wealth of `BettingTest` on differences of -1, 0 and 1 after each of them.

    Args:
        values: Many studies at once, shape (studies, samples).
        limit: The mean that is tested, within -1..1.
        above: Against "the mean is at most the limit"; else against "at least".

    Returns:
        Shape (studies, samples); what is above 600 is 600 or a little more.
    """
    room = limit + 1.0 if above else 1.0 - limit
    bets = _bets(room) if above else -_bets(room)
    steps = np.log1p(np.outer(bets, np.array([-1.0, 0.0, 1.0]) - limit))
    total, code = np.zeros(values.shape), values + 1
    for own in steps:
        path = np.cumsum(own[code], axis=1)
        np.minimum(path, _MOST_LOG, out=path)
        total += np.exp(path, out=path)
    with np.errstate(divide="ignore"):  # a wealth that has gone to nothing
        return np.log(total) - _LOG_STAKES


def _checked_bounds(bounds: tuple[float, float]) -> tuple[float, float]:
    start, end = float(bounds[0]), float(bounds[1])
    if not -math.inf < start < end < math.inf:
        raise ValueError(f"bounds must be two numbers, the lower first, got {bounds!r}")
    return start, end


def _bets(room: float) -> Array:
    """Return the bets that cannot lose everything; against an impossible gain they are infinite."""
    return _SHARES / room if room > 0.0 else np.full(len(_SHARES), math.inf)


def _lower_limit(share: Array, alpha: float) -> float:
    """Return the largest rejected mean of values in [0, 1]: wealth falls as the limit rises."""
    values, index = np.unique(share, return_inverse=True)
    goal = math.log(1.0 / alpha)

    def rejected(limit: float) -> bool:
        return _most_wealth(values, index.reshape(-1), limit) >= goal

    return _largest(rejected, 0.0, 1.0)


def _largest(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Return the end of a claim that holds from `low` on; `low` itself is not asked about."""
    while high - low > _CLOSE:
        middle = 0.5 * (low + high)
        if holds(middle):
            low = middle
        else:
            high = middle
    return low


def _most_wealth(values: Array, index: npt.NDArray[np.intp], limit: float) -> float:
    """Return the most log wealth at any time against "the mean is at most the limit"."""
    steps = np.log1p(np.outer(_SHARES / limit, values - limit))
    paths = np.cumsum(steps[:, index], axis=1)
    peaks = paths.max(axis=0)
    paths -= peaks
    np.exp(paths, out=paths)
    return float((peaks + np.log(paths.sum(axis=0))).max()) - _LOG_STAKES
