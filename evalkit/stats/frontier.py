"""The Pareto front of pairs of cost and quality: what no other pair beats on both.

It does not know what costs or quality are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def pareto_front(cost: Sequence[float], quality: Sequence[float]) -> tuple[int, ...]:
    """Return the places of the pairs that no other pair dominates, from the cheapest.

    A pair dominates another that costs no less and is no better, unless the two are equal; equal
    pairs stand on the front together.

    Args:
        cost: What is to be low, shape (n,).
        quality: What is to be high, shape (n,).

    Raises:
        ValueError: If the lengths differ or a number is not finite.

    Example:
        >>> pareto_front([1.0, 2.0, 3.0, 2.5], [0.6, 0.8, 0.7, 0.9])
        (0, 1, 3)
    """
    if len(cost) != len(quality):
        raise ValueError(f"cost and quality differ in length, got {len(cost)} and {len(quality)}")
    if not np.isfinite([*cost, *quality]).all():
        raise ValueError("cost and quality are to be finite numbers")
    xs, ys = list(map(float, cost)), list(map(float, quality))
    front: list[int] = []
    best = float("-inf")
    for place in sorted(range(len(xs)), key=lambda i: (xs[i], -ys[i], i)):
        equal = front and (xs[front[-1]], ys[front[-1]]) == (xs[place], ys[place])
        if ys[place] > best or equal:
            front.append(place)
            best = ys[place]
    return tuple(front)
