"""Where one's own servers become cheaper than an API, exactly, on the staircase.

Between two steps both costs are straight lines, so each piece has at most one crossing; at a step
the order may turn back. It does not know where the figures come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.analysis.economics.model import Serving

Array = npt.NDArray[np.float64]
MOST_STEPS = 200_000


class Crossing(NamedTuple):
    """A volume at which the cheaper side changes.

    Attributes:
        requests_per_month: The volume.
        to_self_hosting: True where self-hosting is cheaper beyond it.
    """

    requests_per_month: float
    to_self_hosting: bool


def crossings(servings: Sequence[Serving], usd_per_request: float) -> list[Crossing]:
    """Return the volumes at which the cheapest of some ways to serve crosses an API's cost.

    Args:
        servings: Ways to serve, of plain numbers; at least one.
        usd_per_request: What the API takes.

    Raises:
        ValueError: If the API's price is not a number above 0.
    """
    if not usd_per_request > 0 or not np.isfinite(usd_per_request):
        raise ValueError(f"an API's price must be above 0, got {usd_per_request}")
    ends = np.unique(np.concatenate([_candidates(own, usd_per_request) for own in servings]))
    ends = ends[ends > 0]
    if not len(ends):
        return []
    inside = np.concatenate([[ends[0] / 2], (ends[:-1] + ends[1:]) / 2, [ends[-1] * 2]])
    cheaper = _gain(servings, usd_per_request, inside) > 0
    turns = np.flatnonzero(cheaper[1:] != cheaper[:-1])
    return [Crossing(float(ends[i]), bool(cheaper[i + 1])) for i in turns]


def _gain(servings: Sequence[Serving], usd_per_request: float, volumes: Array) -> Array:
    """Return what self-hosting saves at each volume; negative where it costs more."""
    own = np.min([s.usd_per_month(volumes, usd_per_request) for s in servings], axis=0)
    return np.asarray(usd_per_request * volumes - own)


def _candidates(serving: Serving, usd_per_request: float) -> Array:
    """Return the volumes at which a step is, or a piece of the staircase meets the API's line."""
    per_replica = serving.requests_per_replica_month / (1.0 - serving.fallback_share)
    kept = usd_per_request * (1.0 - serving.fallback_share)
    last = _last_replica(serving, kept)
    needed = np.arange(serving.min_replicas, last + 1, dtype=np.float64)
    cost = serving.people_usd_per_month + serving.usd_per_replica_month * (
        needed + serving.spare_replicas
    )
    meets = cost / kept
    steps = needed * per_replica
    before = np.where(needed == serving.min_replicas, 0.0, steps - per_replica)
    own = (meets > before) & (meets <= steps)
    return np.concatenate([steps, meets[own]])


def _last_replica(serving: Serving, kept: float) -> int:
    """Return a number of replicas beyond which the order does not change any more.

    With m = (saved a request) - (a full replica's cost a request), the gain lies between
    m R - fixed - one replica and m R - fixed.
    """
    per_request = kept / (1.0 - serving.fallback_share)
    full = serving.usd_per_replica_month / serving.requests_per_replica_month
    margin = per_request - full
    first = int(serving.min_replicas)
    if margin <= 0:
        return first + 1
    replica = serving.usd_per_replica_month
    fixed = serving.people_usd_per_month + replica * (1.0 + serving.spare_replicas)
    beyond = fixed / (margin * serving.requests_per_replica_month)
    return first + 1 + min(int(beyond) + 1, MOST_STEPS)
