"""How good a router is: its curve of quality over cost, and what of it counts.

Numbers in, numbers out; it does not know models.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def upper_hull(cost: Sequence[float], quality: Sequence[float]) -> tuple[int, ...]:
    """Return the places of the points on the non-decreasing concave hull, from the cheapest.

    Between two of them lies what mixing both at random brings: the zero router.

    Args:
        cost: Shape (n,), finite.
        quality: Shape (n,), finite.

    Source:
        RouterBench, arXiv:2403.12031.

    Example:
        >>> upper_hull([1.0, 2.0, 3.0, 4.0], [0.5, 0.55, 0.8, 0.7])
        (0, 2)
    """
    order = sorted(range(len(cost)), key=lambda i: (cost[i], -quality[i], i))
    hull: list[int] = []
    for place in order:
        if hull and quality[place] <= quality[hull[-1]]:
            continue
        if hull and cost[place] == cost[hull[-1]]:
            continue
        while len(hull) > 1 and _below(hull[-2], hull[-1], place, cost, quality):
            hull.pop()
        hull.append(place)
    return tuple(hull)


def _below(a: int, b: int, c: int, cost: Sequence[float], quality: Sequence[float]) -> bool:
    """Say whether b lies on or below the line from a to c."""
    across = (cost[b] - cost[a]) * (quality[c] - quality[a])
    up = (quality[b] - quality[a]) * (cost[c] - cost[a])
    return up <= across


def cost_quality_area(
    cost: Sequence[float], quality: Sequence[float], low: float, high: float
) -> float:
    """Return the mean quality that is to be had over a range of costs, along the hull.

    Below the cheapest point nothing is to be had; beyond the dearest it stays.

    Args:
        cost: Of the points, finite.
        quality: Of the points, finite.
        low: Where the range begins.
        high: Where it ends: the same for all that are compared.

    Raises:
        ValueError: If the range is empty or there is no point.

    Source:
        AIQ of RouterBench, arXiv:2403.12031.

    Example:
        >>> cost_quality_area([1.0, 3.0], [0.5, 0.9], 1.0, 3.0)
        0.7
    """
    if not high > low or not len(cost):
        raise ValueError("a range of costs and at least one point are needed")
    hull = upper_hull(cost, quality)
    xs = [cost[i] for i in hull]
    ys = [quality[i] for i in hull]
    grid = np.unique(np.clip([low, high, *xs], low, high))
    values = np.interp(grid, xs, ys, left=0.0)
    start = min(max(xs[0], low), high)
    inside = grid >= start
    area = np.trapezoid(values[inside], grid[inside])
    return float(area / (high - low))


def recovered_gap(quality: npt.ArrayLike, weak: float, strong: float) -> Array:
    """Return which part of the gap between a weak and a strong model each quality recovers.

    Args:
        quality: Shape (n,).
        weak: Quality of the weak model.
        strong: Quality of the strong one.

    Raises:
        ValueError: If the strong one is not better.

    Source:
        PGR of RouteLLM, arXiv:2406.18665.
    """
    if not strong > weak:
        raise ValueError(f"there is no gap to recover: weak {weak}, strong {strong}")
    return np.asarray((np.asarray(quality, dtype=np.float64) - weak) / (strong - weak))


def average_recovered_gap(calls: npt.ArrayLike, recovered: npt.ArrayLike) -> float:
    """Return the recovered gap averaged over all shares of calls to the strong model.

    Args:
        calls: Share of calls to the strong model, ascending from 0 to 1, shape (n,).
        recovered: As `recovered_gap` gives it, shape (n,).

    Source:
        APGR of RouteLLM, arXiv:2406.18665.

    Example:
        >>> average_recovered_gap([0.0, 1.0], [0.0, 1.0])
        0.5
    """
    return float(np.trapezoid(np.asarray(recovered, float), np.asarray(calls, float)))


def call_threshold(calls: npt.ArrayLike, recovered: npt.ArrayLike, wanted: float) -> float | None:
    """Return the least share of calls to the strong model that recovers a part of the gap.

    Args:
        calls: Ascending from 0 to 1, shape (n,).
        recovered: Shape (n,).
        wanted: Part of the gap, such as 0.5.

    Returns:
        None where no share does.

    Source:
        CPT of RouteLLM, arXiv:2406.18665, by linear interpolation.

    Example:
        >>> call_threshold([0.0, 0.5, 1.0], [0.0, 0.8, 1.0], 0.4)
        0.25
    """
    xs, ys = np.asarray(calls, float), np.asarray(recovered, float)
    reached = np.flatnonzero(ys >= wanted)
    if not len(reached):
        return None
    first = int(reached[0])
    if first == 0:
        return float(xs[0])
    rise = ys[first] - ys[first - 1]
    return float(xs[first - 1] + (xs[first] - xs[first - 1]) * (wanted - ys[first - 1]) / rise)
