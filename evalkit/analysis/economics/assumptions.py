"""A profile filled in: every quantity as a range, and which of them were assumed.

It does not compute costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.analysis.economics.defaults import DEFAULTS, Default
from evalkit.analysis.economics.model import Serving, owned_usd_per_gpu_month
from evalkit.analysis.economics.profile import Operations, SelfHosting
from evalkit.analysis.economics.throughput import estimate_of
from evalkit.analysis.economics.triangle import Triangle, certain

_HOSTING = (
    "usd_per_gpu_hour", "gpus_per_replica", "requests_per_s_per_replica", "min_replicas",
    "spare_replicas", "utilisation", "peak_factor", "hours_per_month", "infrastructure_share",
    "fallback_share",
)  # fmt: skip
_OPERATIONS = {
    "hours_per_month": "operations_hours",
    "usd_per_hour": "usd_per_hour",
    "setup_hours": "setup_hours",
    "amortise_months": "amortise_months",
}
_OWNED = ("capex_usd", "life_months", "kw", "usd_per_kwh")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a way to serve is computed from.

    Attributes:
        ranges: Every quantity by name.
        assumed: Those that business.yaml does not give, by name.
        is_sized: False where the throughput is assumed, and of a model of another size or of
            other GPUs.
    """

    ranges: Mapping[str, Triangle]
    assumed: Mapping[str, Default]
    is_sized: bool = True

    def serving(self, values: Mapping[str, Any], attempts: float) -> Serving:
        """Return the way to serve of some values, numbers or arrays, one for each quantity."""
        owned: Any = 0.0
        if "capex_usd" in values:
            owned = owned_usd_per_gpu_month(
                values["capex_usd"],
                values["life_months"],
                values["kw"],
                values["usd_per_kwh"],
                values["hours_per_month"],
            )
        return Serving(
            usd_per_gpu_hour=values["usd_per_gpu_hour"],
            gpus_per_replica=values["gpus_per_replica"],
            requests_per_s=values["requests_per_s_per_replica"],
            min_replicas=values["min_replicas"],
            spare_replicas=values["spare_replicas"],
            utilisation=values["utilisation"],
            peak_factor=values["peak_factor"],
            hours_per_month=values["hours_per_month"],
            infrastructure_share=values["infrastructure_share"],
            fallback_share=values["fallback_share"],
            owned_usd_per_gpu_month=owned,
            operations_hours=values["operations_hours"],
            usd_per_hour=values["usd_per_hour"],
            setup_hours=values["setup_hours"],
            amortise_months=values["amortise_months"],
            attempts=attempts,
        )

    def modes(self) -> dict[str, float]:
        """Return every quantity at its most likely value."""
        return {name: own.mode for name, own in self.ranges.items()}


def inputs_of(hosting: SelfHosting, operations: Operations, model: str = "8b") -> Inputs:
    """Return the quantities of one way to serve, what is missing from the defaults.

    Args:
        hosting: What business.yaml says of the servers.
        operations: What it says of people.
        model: The model's name: its size decides what is assumed of a replica.
    """
    estimate = estimate_of(model)
    defaults = {
        **DEFAULTS,
        "requests_per_s_per_replica": estimate.requests_per_s,
        "gpus_per_replica": estimate.gpus,
    }
    ranges: dict[str, Triangle] = {}
    for name in _HOSTING:
        given = getattr(hosting, name)
        if given is None and name == "usd_per_gpu_hour" and hosting.is_owned:
            given = certain(0.0)
        ranges[name] = given or defaults[name].value
    for own, name in _OPERATIONS.items():
        ranges[name] = getattr(operations, own) or defaults[name].value
    assumed = {
        name: defaults[name] for name, value in ranges.items() if value is defaults[name].value
    }
    if hosting.is_owned:
        ranges |= {name: getattr(hosting, name) for name in _OWNED}
    throughput = "requests_per_s_per_replica" in assumed
    as_estimated = ranges["gpus_per_replica"] == estimate.gpus.value and estimate.is_known
    return Inputs(ranges, assumed, as_estimated or not throughput)


def told(name: str, default: Default) -> str:
    """Return an assumption in words, with its source and date.

    Example:
        >>> told("setup_hours", DEFAULTS["setup_hours"])
        "setup_hours: 80 (hours to set it up; evalkit's own range, no source, 2026-11-20)"
    """
    return (
        f"{name}: {range_text(default.value)} ({default.what}; {default.source}, {default.as_of})"
    )


def range_text(own: Triangle) -> str:
    """Return a range as it is read.

    Example:
        >>> range_text(certain(2.0)), range_text(Triangle(low=1, mode=2, high=4))
        ('2', '1 to 4, most likely 2')
    """
    if own.is_certain:
        return f"{own.mode:g}"
    return f"{own.low:g} to {own.high:g}, most likely {own.mode:g}"
