"""Samples set apart by what they belong to: a locked holdout, and folds that are left out in turn.

Seeded. It does not know what is fitted.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from evalkit.analysis.routing.board import Units

Rows = npt.NDArray[np.intp]
HOLDOUT = 0.3


def split_holdout(unit: Units, seed: int, share: float = HOLDOUT) -> tuple[Rows, Rows]:
    """Return places of the samples to work with and of those that are locked away.

    Args:
        unit: What each sample belongs to, numbered from 0, shape (n,).
        seed: Of the draw.
        share: Share of the units that are locked away.
    """
    count = int(unit.max()) + 1 if len(unit) else 0
    order = np.random.default_rng([seed, 1]).permutation(count)
    locked = np.zeros(count, dtype=bool)
    locked[order[: round(share * count)]] = True
    return np.flatnonzero(~locked[unit]), np.flatnonzero(locked[unit])


def folds(unit: Units, rows: Rows, seed: int, count: int = 5) -> Iterator[tuple[Rows, Rows]]:
    """Iterate over folds: places to fit on, and places that were left out.

    Args:
        unit: What each sample belongs to, shape (n,).
        rows: Places that are divided; samples of one unit stay together.
        seed: Of the division.
        count: How many folds; as many as units where they are fewer.
    """
    present = np.unique(unit[rows])
    order = np.random.default_rng([seed, 2]).permutation(len(present))
    fold = np.empty(len(present), dtype=np.intp)
    fold[order] = np.arange(len(present)) % min(count, max(1, len(present)))
    own = fold[np.searchsorted(present, unit[rows])]
    for number in range(int(fold.max()) + 1 if len(fold) else 0):
        yield rows[own != number], rows[own == number]
