"""Ways to serve, made by hand."""

from __future__ import annotations

from evalkit.analysis.economics.model import Serving


def serving(**changes: float) -> Serving:
    """Return one replica of one GPU at $1 an hour that never sleeps, and nobody beside it."""
    plain: dict[str, float] = {
        "usd_per_gpu_hour": 1.0,
        "gpus_per_replica": 1,
        "requests_per_s": 1.0,
        "min_replicas": 1,
        "spare_replicas": 0,
        "utilisation": 1.0,
        "peak_factor": 1.0,
        "hours_per_month": 730,
        "infrastructure_share": 0.0,
        "fallback_share": 0.0,
        "owned_usd_per_gpu_month": 0.0,
        "operations_hours": 0,
        "usd_per_hour": 100,
        "setup_hours": 0,
        "amortise_months": 12,
        "attempts": 1.0,
    }
    return Serving(**{**plain, **changes})
