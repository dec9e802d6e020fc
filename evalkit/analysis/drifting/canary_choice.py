"""Which samples show a change soonest: those that hang in the balance, and those that never fail.

Chosen from pass shares of the past, spread over clusters and slices, critical ones first. It does
not know suites or runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.intp]
Role = Literal["borderline", "stable pass", "mostly passing", "failing"]
_REACH = 2


class Past(NamedTuple):
    """What became of each sample before.

    Attributes:
        share: Share of its trials that passed, averaged by run and arm, NaN where there is none,
            shape (n,).
        quality: Mean score, likewise.
        trials: Trials behind it, shape (n,).
    """

    share: Array
    quality: Array
    trials: Codes

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Samples that some trial tells of, shape (n,)."""
        return ~np.isnan(self.share)


class Traits(NamedTuple):
    """What each sample is.

    Attributes:
        critical: It must never regress, shape (n,).
        cluster: What it belongs to, numbered, shape (n,).
        slices: A column of numbered values for each column of slices, shape (n,) each.
    """

    critical: npt.NDArray[np.bool_]
    cluster: Codes
    slices: Sequence[Codes]


class Canary(NamedTuple):
    """A chosen sample.

    Attributes:
        number: Which one.
        role: Why.
    """

    number: int
    role: Role


def choose_canaries(past: Past, traits: Traits, k: int, rng: np.random.Generator) -> list[Canary]:
    """Choose k samples: half of them borderline, half stable passes, as far as there are such.

    Borderline is a pass share strictly between 0 and 1: of the samples nearest to 1/2, twice as
    many as are wanted are looked at. A stable pass has share 1. What is lacking is filled with the
    highest shares, then with the highest scores. Within each kind critical samples come first,
    then those of clusters that have fewest so far, then those whose slices are behind their
    share of all samples; ties are drawn.

    Args:
        past: What became of the samples.
        traits: What they are.
        k: How many.
        rng: Breaks ties.

    Raises:
        ValueError: If fewer than k samples have a past.
    """
    known = np.flatnonzero(past.known)
    if k > len(known):
        raise ValueError(f"{k} samples are wanted, and {len(known)} have a past")
    drawn = _Spread(traits, rng)
    share = past.share
    borderline = known[(share[known] > 0) & (share[known] < 1)]
    stable = known[share[known] == 1.0]
    half = min(len(borderline), k // 2)
    nearest = _highest(borderline, -np.abs(share - 0.5), _REACH * half, rng)
    found = drawn.take(nearest, half, "borderline")
    found += drawn.take(stable, k - half, "stable pass")
    fillers: tuple[tuple[Role, Numbers, Array], ...] = (
        ("mostly passing", borderline, share),
        ("failing", known[share[known] == 0.0], past.quality),
    )
    for role, pool, merit in fillers:
        left = np.setdiff1d(pool, [canary.number for canary in found])
        wanted = min(k - len(found), len(left))
        found += drawn.take(_highest(left, merit, _REACH * wanted, rng), wanted, role)
    return sorted(found)


def _highest(pool: Numbers, merit: Array, count: int, rng: np.random.Generator) -> Numbers:
    """Return the samples of the highest merit; ties are drawn."""
    order = np.lexsort((rng.random(len(pool)), -merit[pool]))
    return pool[order[:count]]


class _Spread:
    """Takes samples one by one, so that clusters and slices stay in step."""

    def __init__(self, traits: Traits, rng: np.random.Generator) -> None:
        self._traits = traits
        self._rng = rng
        self._taken = np.zeros(_size(traits.cluster), dtype=np.int64)
        self._slices = [
            (column, np.zeros(_size(column), dtype=np.int64), np.bincount(column))
            for column in traits.slices
        ]

    def take(self, pool: Numbers, count: int, role: Role) -> list[Canary]:
        """Take so many of a pool, or all of it."""
        left = self._rng.permutation(pool)
        found = []
        for _ in range(min(count, len(left))):
            best = int(np.lexsort(self._keys(left))[0])
            number = int(left[best])
            left = np.delete(left, best)
            self._count(number)
            found.append(Canary(number, role))
        return found

    def _keys(self, left: Numbers) -> tuple[Array, Codes, npt.NDArray[np.bool_]]:
        """Return what is looked at, the last first."""
        behind = np.zeros(len(left))
        for column, taken, size in self._slices:
            value = column[left]
            behind += (taken[value] + 1) / size[value]
        traits = self._traits
        return behind, self._taken[traits.cluster[left]], ~traits.critical[left]

    def _count(self, number: int) -> None:
        self._taken[self._traits.cluster[number]] += 1
        for column, taken, _ in self._slices:
            taken[column[number]] += 1


def _size(codes: Codes) -> int:
    return int(codes.max()) + 1 if len(codes) else 0
