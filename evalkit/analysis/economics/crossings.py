"""Where one's own servers become cheaper than an API, exactly, on the staircase.

Between two steps both costs are straight lines, so each piece has at most one crossing; at a step
the order may turn back. It does not know where the figures come from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.analysis.economics.model import Serving

Array = npt.NDArray[np.float64]
MOST_PIECES = 500
_SAME = 1e-12  # what rounding leaves between two volumes that are one


class Crossing(NamedTuple):
    """A volume at which the cheaper side changes.

    Attributes:
        requests_per_month: The volume.
        to_self_hosting: True where self-hosting is cheaper beyond it.
    """

    requests_per_month: float
    to_self_hosting: bool


class Turns(NamedTuple):
    """All volumes at which the cheaper side changes.

    Attributes:
        crossings: Ascending, sides in turn. The last is always there.
        is_whole: False where crossings in the middle were left out, being too many.
        cheaper_at_first: True where self-hosting is cheaper at the smallest volumes.
    """

    crossings: tuple[Crossing, ...]
    is_whole: bool
    cheaper_at_first: bool


class _Stairs(NamedTuple):
    """One staircase against one API's line.

    Piece n holds the volumes that n replicas carry and n - 1 do not. Self-hosting is cheaper at
    the end of each piece from `first` on, and on the whole of each piece from `last` on.
    """

    usd: float
    fixed: float
    carried: float
    kept: float
    least: float
    first: float
    last: float

    def windows(self, pieces: Array) -> tuple[Array, Array]:
        """Return between which volumes self-hosting is cheaper on each piece, shapes (n,)."""
        start = np.where(pieces <= self.least, 0.0, (pieces - 1.0) * self.carried)
        meets = (self.fixed + self.usd * pieces) / self.kept
        end = np.where(pieces >= self.last, math.inf, pieces * self.carried)
        return np.maximum(start, meets), end

    def for_good(self) -> float:
        """Return the volume beyond which self-hosting stays cheaper."""
        return float(self.windows(np.array([self.last]))[0][0])


def turns_of(servings: Sequence[Serving], usd_per_request: float) -> Turns:
    """Return where the cheapest of some ways to serve crosses an API's cost.

    With A the cost of a replica, s the spare ones, F what people cost, L the requests that a
    replica carries and c what an API's request costs (both of those that are not handed on), piece
    n gains c R - F - A (n + s). At its end that is n g - F - A s with g = c L - A, at its start
    A + c L less than at the end of the piece before plus c L: so for g <= 0 it is never above 0,
    else from n > (F + A s) / g on at the ends and from n >= (F + A s + c L) / g on everywhere.

    Args:
        servings: Ways to serve, of plain numbers; at least one.
        usd_per_request: What the API takes.

    Raises:
        ValueError: If the API's price is not a number above 0.
    """
    if not usd_per_request > 0 or not math.isfinite(usd_per_request):
        raise ValueError(f"an API's price must be above 0, got {usd_per_request}")
    found = [_stairs(own, usd_per_request) for own in servings]
    stairs = [own for own in found if own is not None]
    if not stairs:
        return Turns((), True, False)
    final = min(own.for_good() for own in stairs)
    starts, ends = [], []
    gap = (math.inf, 0.0)  # nothing is known of crossings between these volumes
    for own in stairs:
        pieces, hidden = _pieces(own, final)
        low, high = own.windows(pieces)
        starts.append(low)
        ends.append(high)
        gap = min(gap[0], hidden[0]), max(gap[1], hidden[1])
    windows = _joined(np.concatenate(starts), np.concatenate(ends))
    crossings = [
        Crossing(volume, to_own)
        for low, high in windows
        for volume, to_own in ((low, True), (high, False))
        if 0 < volume < math.inf and not gap[0] < volume < gap[1]
    ]
    return Turns(tuple(crossings), gap[0] >= gap[1], bool(windows[0][0] <= 0))


def crossings(servings: Sequence[Serving], usd_per_request: float) -> list[Crossing]:
    """Return the crossings alone; as `turns_of`."""
    return list(turns_of(servings, usd_per_request).crossings)


def _stairs(serving: Serving, usd_per_request: float) -> _Stairs | None:
    """Return a staircase; None where it is never below the API's line."""
    handed_on = 1.0 - float(serving.fallback_share)
    carried = float(serving.requests_per_replica_month) / handed_on
    usd, kept = float(serving.usd_per_replica_month), usd_per_request * handed_on
    fixed = float(serving.people_usd_per_month) + usd * float(serving.spare_replicas)
    least, full = float(serving.min_replicas), kept * carried
    margin = full - usd
    if margin <= 0 or not math.isfinite((fixed + full) / margin):
        return None
    first = max(least, math.floor(fixed / margin) + 1.0)
    last = max(first, float(math.ceil((fixed + full) / margin)))
    free = fixed + usd * least <= 0  # costs nothing: cheaper from the first request on
    return _Stairs(usd, fixed, carried, kept, least, first, first if free else last)


def _pieces(own: _Stairs, final: float) -> tuple[Array, tuple[float, float]]:
    """Return the pieces that are looked at, and between which volumes there are others.

    The first ones and, so that the last crossing is right, those around the volume from which on
    it is decided.
    """
    if own.last - own.first <= 2 * MOST_PIECES:
        return np.arange(own.first, own.last + 1), (math.inf, 0.0)
    head = own.first + np.arange(MOST_PIECES, dtype=np.float64)
    near = min(own.last, max(own.first, math.floor(final / own.carried)))
    tail = near + np.arange(-MOST_PIECES, 3, dtype=np.float64)
    pieces = np.unique(np.concatenate([head, tail, [own.last]]))
    pieces = pieces[(pieces >= own.first) & (pieces <= own.last)]
    if near - MOST_PIECES <= head[-1] + 1:
        return pieces, (math.inf, 0.0)
    return pieces, (float(head[-1]) * own.carried, float(tail[0] - 1) * own.carried)


def _joined(starts: Array, ends: Array) -> list[tuple[float, float]]:
    """Return windows that do not touch, ascending."""
    wide = ends > starts * (1.0 + _SAME)
    starts, ends = starts[wide], ends[wide]
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], np.maximum.accumulate(ends[order])
    fresh = np.concatenate([[True], starts[1:] > ends[:-1] * (1.0 + _SAME)])
    last = np.concatenate([fresh[1:], [True]])
    return list(zip(starts[fresh].tolist(), ends[last].tolist(), strict=True))
