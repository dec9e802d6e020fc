"""What is assumed where business.yaml is silent: ranges with their source and date.

Each one that is used is listed in the output; what a replica answers is in `throughput`. It does
not know the business.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from evalkit.analysis.economics.triangle import Triangle, certain

OLD_DAYS = 180


class Default(NamedTuple):
    """An assumption: its value, what it is, where it comes from, and of when that is."""

    value: Triangle
    what: str
    source: str
    as_of: dt.date

    def warning(self, today: dt.date) -> str | None:
        """Say that an assumption is old, None where it is not."""
        age = (today - self.as_of).days
        if age <= OLD_DAYS:
            return None
        return f"{self.what}: the default is {age} days old ({self.as_of}); name your own"


_READ = dt.date(2026, 11, 20)
_OFFERS = dt.date(2026, 3, 31)  # a date is that of the figures, not of the day they were read
_OURS = "evalkit's own range, no source"


def _range(low: float, mode: float, high: float) -> Triangle:
    return Triangle(low=low, mode=mode, high=high)


DEFAULTS: dict[str, Default] = {
    "usd_per_gpu_hour": Default(
        _range(1.3, 1.9, 4.0),
        "rent of one GPU of the H100 class, US$ an hour",
        "SemiAnalysis market survey of August 2025 in InferenceX (1.30 to 1.69); retail offers of "
        "January to March 2026 (1.49 to 2.69, on demand up to 75 % more)",
        _OFFERS,
    ),
    "utilisation": Default(
        _range(0.3, 0.5, 0.8), "share of a replica's throughput used", _OURS, _READ
    ),
    "peak_factor": Default(_range(1.5, 3.0, 8.0), "peak load over mean load", _OURS, _READ),
    "infrastructure_share": Default(
        _range(0.05, 0.1, 0.3), "network, storage and monitoring on top of the GPUs", _OURS, _READ
    ),
    "min_replicas": Default(
        certain(2), "replicas that run whatever the load: one may fail", _OURS, _READ
    ),
    "spare_replicas": Default(certain(0), "replicas beyond what the load needs", _OURS, _READ),
    "hours_per_month": Default(
        certain(730), "hours a month that the servers run", "always on", _READ
    ),
    "fallback_share": Default(
        certain(0), "share of requests that an API answers instead", _OURS, _READ
    ),
    "operations_hours": Default(_range(4, 20, 80), "hours a month of operations", _OURS, _READ),
    "usd_per_hour": Default(_range(60, 100, 160), "an engineer's hour, US$", _OURS, _READ),
    "setup_hours": Default(certain(80), "hours to set it up", _OURS, _READ),
    "amortise_months": Default(certain(12), "months over which the setup is spread", _OURS, _READ),
    "api_price_change_per_year": Default(
        certain(0), "change of API prices a year", "none assumed", _READ
    ),
    "volume_growth_per_year": Default(
        certain(0), "growth of the volume a year", "none assumed", _READ
    ),
}
