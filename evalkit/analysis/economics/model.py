"""What a month costs: of an API by the request, of one's own servers by the replica.

Servers come whole: their cost is a staircase over the volume. A utilisation below 1 asks for more
replicas; it never makes the bill of one that runs smaller. Formulas: docs/economics.md. It does not
know runs or profiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
SECONDS_PER_HOUR = 3600.0
_SLACK = 1e-9  # a load that fills a replica exactly does not need another


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """One way to serve a model oneself; each attribute is a number or an array of draws.

    Attributes:
        usd_per_gpu_hour: Rent; 0 where the hardware is owned.
        gpus_per_replica: GPUs of one replica.
        requests_per_s: Throughput of one replica within the service level.
        min_replicas: Replicas that run whatever the load.
        spare_replicas: Replicas beyond what the load needs.
        utilisation: Share of the throughput that is planned with.
        peak_factor: Peak load over mean load.
        hours_per_month: Hours that the servers run.
        infrastructure_share: On top of the GPUs.
        fallback_share: Share of requests that an API answers instead.
        owned_usd_per_gpu_month: Capital and power of one owned GPU.
        operations_hours: Hours a month.
        usd_per_hour: Of an engineer.
        setup_hours: Once.
        amortise_months: Months over which the setup is spread.
        attempts: Attempts for one request.
    """

    usd_per_gpu_hour: Any
    gpus_per_replica: Any
    requests_per_s: Any
    min_replicas: Any
    spare_replicas: Any
    utilisation: Any
    peak_factor: Any
    hours_per_month: Any
    infrastructure_share: Any
    fallback_share: Any
    owned_usd_per_gpu_month: Any
    operations_hours: Any
    usd_per_hour: Any
    setup_hours: Any
    amortise_months: Any
    attempts: Any

    @property
    def requests_per_replica_month(self) -> Any:
        """Requests a month that one replica carries at the planned utilisation and peak."""
        seconds = self.hours_per_month * SECONDS_PER_HOUR
        return self.requests_per_s * self.utilisation * seconds / (self.attempts * self.peak_factor)

    @property
    def usd_per_replica_month(self) -> Any:
        """What one replica costs a month, infrastructure included."""
        gpu = self.usd_per_gpu_hour * self.hours_per_month + self.owned_usd_per_gpu_month
        return self.gpus_per_replica * gpu * (1.0 + self.infrastructure_share)

    @property
    def operations_usd_per_month(self) -> Any:
        """What people cost a month."""
        return self.operations_hours * self.usd_per_hour

    @property
    def setup_usd(self) -> Any:
        """What setting it up costs, once."""
        return self.setup_hours * self.usd_per_hour

    @property
    def people_usd_per_month(self) -> Any:
        """Operations, and the setup's share of a month."""
        return self.operations_usd_per_month + self.setup_usd / self.amortise_months

    def replicas(self, requests_per_month: Any) -> Any:
        """Return the replicas that a volume needs."""
        own = requests_per_month * (1.0 - self.fallback_share)
        needed = np.ceil(own / self.requests_per_replica_month - _SLACK)
        return np.maximum(self.min_replicas, needed) + self.spare_replicas

    def usd_per_month(self, requests_per_month: Any, usd_per_fallback: Any = 0.0) -> Any:
        """Return the cost of a month.

        Args:
            requests_per_month: The volume.
            usd_per_fallback: What an API takes for a request.
        """
        servers = self.replicas(requests_per_month) * self.usd_per_replica_month
        fallback = self.fallback_share * requests_per_month * usd_per_fallback
        return servers + self.people_usd_per_month + fallback


def owned_usd_per_gpu_month(
    capex_usd: Any, life_months: Any, kw: Any, usd_per_kwh: Any, hours_per_month: Any
) -> Any:
    """Return what one owned GPU costs a month: capital by the month, power by the hour."""
    return capex_usd / life_months + kw * hours_per_month * usd_per_kwh
