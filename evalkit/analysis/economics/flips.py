"""What would turn the decision at one volume: a GPU price, a utilisation, an API price.

It does not say how likely they are.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from evalkit.analysis.economics.model import SECONDS_PER_HOUR, Serving


class Flips(NamedTuple):
    """Values at which both cost the same at a volume; None where none does.

    Attributes:
        usd_per_gpu_hour: Rent of a GPU; None where the hardware is owned or no rent is low enough.
        utilisation: Least share of the throughput that must be used; None where none suffices.
        usd_per_request: Price of the API for a request.
    """

    usd_per_gpu_hour: float | None
    utilisation: float | None
    usd_per_request: float


def flips_of(serving: Serving, requests_per_month: float, usd_per_request: float) -> Flips:
    """Return what would make both cost the same.

    Args:
        serving: A way to serve, of plain numbers.
        requests_per_month: The volume.
        usd_per_request: What the API takes.
    """
    own = float(serving.usd_per_month(requests_per_month, usd_per_request))
    api = usd_per_request * requests_per_month
    kept = requests_per_month * (1.0 - serving.fallback_share)
    own_alone = own - serving.fallback_share * api
    return Flips(
        usd_per_gpu_hour=_rent(serving, requests_per_month, api),
        utilisation=_utilisation(serving, requests_per_month, api),
        usd_per_request=own_alone / kept,
    )


def _room(serving: Serving, api_usd: float) -> float:
    """Return what is left for servers, where both are to cost the same."""
    kept = float(1.0 - serving.fallback_share)
    return api_usd * kept - float(serving.people_usd_per_month)


def _rent(serving: Serving, requests_per_month: float, api_usd: float) -> float | None:
    if serving.owned_usd_per_gpu_month > 0:
        return None
    hours: float = (
        float(serving.replicas(requests_per_month))
        * serving.gpus_per_replica
        * serving.hours_per_month
        * (1.0 + serving.infrastructure_share)
    )
    rent = _room(serving, api_usd) / hours
    return rent if rent >= 0 else None


def _utilisation(serving: Serving, requests_per_month: float, api_usd: float) -> float | None:
    """Return the least utilisation at which the replicas that can be paid for carry the load."""
    replica = float(serving.usd_per_replica_month)
    room = _room(serving, api_usd)
    paid = math.inf if replica == 0 else math.floor(room / replica + 1e-9)
    paid -= serving.spare_replicas
    if paid < serving.min_replicas:
        return None
    if math.isinf(paid):
        return 0.0
    seconds = serving.hours_per_month * SECONDS_PER_HOUR
    load: float = requests_per_month * (1.0 - serving.fallback_share)
    needed = (
        load * serving.attempts * serving.peak_factor / (paid * serving.requests_per_s * seconds)
    )
    return float(needed) if needed <= 1.0 else None
