"""Has a series of results moved off its target? A cumulative sum that small shifts add up in.

It does not know when the results were taken, nor what else changed then; target and spread come
from a period in which nothing did.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy.typing as npt

from evalkit.stats.intervals import checked_values


@dataclass(frozen=True, slots=True)
class Cusum:
    """Two cumulative sums over a series, in standard deviations, and the first alarm.

    Attributes:
        upper: Sum of what lies above the target, shape (n,): never below 0.
        lower: Sum of what lies below it, likewise, counted positive.
        alarm: Index of the first value at which a sum exceeds the limit; None where none does.
        direction: "up" or "down"; None without an alarm.
        start: Index of the value with which that sum last rose from 0: where the shift may have
            begun.
        shift: Mean of the values from start to alarm, less the target. It is what raised the
            alarm, so it overstates the shift: measure anew.
        slack: What of each deviation is forgiven, in standard deviations.
        limit: What a sum may reach, in standard deviations.
    """

    upper: tuple[float, ...]
    lower: tuple[float, ...]
    alarm: int | None
    direction: Literal["up", "down"] | None
    start: int | None
    shift: float | None
    slack: float
    limit: float


def cusum(
    values: npt.ArrayLike,
    target: float,
    spread: float,
    *,
    slack: float = 0.5,
    limit: float = 5.0,
) -> Cusum:
    """Return the two-sided tabular CUSUM of a series.

    With z_i = (x_i - target) / spread, upper_i = max(0, upper_{i-1} + z_i - slack) and lower_i =
    max(0, lower_{i-1} - z_i - slack), both from 0; the alarm is the first above the limit. A
    slack of half the shift to be found is best for that shift: 0.5 for one standard deviation.
    While nothing changes, and values are normal and independent, a false alarm comes once in
    465 values on average at the limit 5, once in 168 at 4.

    Args:
        values: Results in the order of time, shape (n,).
        target: Their mean while nothing changes.
        spread: Their standard deviation while nothing changes.
        slack: Allowance for each value, in standard deviations.
        limit: Decision interval, in standard deviations.

    Raises:
        ValueError: If values are empty or not finite, target is not finite, spread or limit is
            not above 0, or slack is negative.

    Source:
        Page (1954), doi:10.1093/biomet/41.1-2.100; run lengths as in Montgomery, Introduction to
        Statistical Quality Control, section 9.1, and by simulation in the tests.

    Example:
        >>> found = cusum([0.0, 0.4, -0.2, 2.1, 1.8, 2.4, 2.0], target=0.0, spread=1.0)
        >>> found.alarm, found.direction, found.start
        (6, 'up', 3)
    """
    series = checked_values(values)
    if not math.isfinite(target):
        raise ValueError(f"target must be a finite number, got {target!r}")
    if not 0.0 < spread < math.inf or not 0.0 < limit < math.inf or not 0.0 <= slack < math.inf:
        raise ValueError(
            f"spread and limit above 0 and a slack of 0 or more are needed, got {spread!r}, "
            f"{limit!r} and {slack!r}"
        )
    scores = [float(v) for v in (series - target) / spread]
    upper = _path(scores, slack)
    lower = _path([-z for z in scores], slack)
    alarms = [i for i, (u, d) in enumerate(zip(upper, lower, strict=True)) if max(u, d) > limit]
    if not alarms:
        return Cusum(upper, lower, None, None, None, None, slack, limit)
    alarm = alarms[0]
    direction: Literal["up", "down"] = "up" if upper[alarm] > limit else "down"
    path = upper if direction == "up" else lower
    start = max((i for i in range(alarm) if path[i] == 0.0), default=-1) + 1
    shift = float(series[start : alarm + 1].mean()) - target
    return Cusum(upper, lower, alarm, direction, start, shift, slack, limit)


def _path(scores: list[float], slack: float) -> tuple[float, ...]:
    total, path = 0.0, []
    for score in scores:
        total = max(0.0, total + score - slack)
        path.append(total)
    return tuple(path)
