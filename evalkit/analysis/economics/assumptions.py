"""A profile filled in: every quantity as a range, and which of them were assumed.

It does not compute costs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.analysis.economics.defaults import DEFAULTS
from evalkit.analysis.economics.model import Serving, owned_usd_per_gpu_month
from evalkit.analysis.economics.profile import Operations, SelfHosting
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
        assumed: Names of those that business.yaml does not give.
    """

    ranges: Mapping[str, Triangle]
    assumed: tuple[str, ...]

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


def inputs_of(hosting: SelfHosting, operations: Operations) -> Inputs:
    """Return the quantities of one way to serve, what is missing from the defaults."""
    ranges: dict[str, Triangle] = {}
    assumed: list[str] = []
    for name in _HOSTING:
        given = getattr(hosting, name)
        if given is None and name == "usd_per_gpu_hour" and hosting.is_owned:
            given = certain(0.0)
        _take(ranges, assumed, name, given)
    for own, name in _OPERATIONS.items():
        _take(ranges, assumed, name, getattr(operations, own))
    if hosting.is_owned:
        ranges |= {name: getattr(hosting, name) for name in _OWNED}
    return Inputs(ranges, tuple(assumed))


def _take(
    ranges: dict[str, Triangle], assumed: list[str], name: str, given: Triangle | None
) -> None:
    if given is None:
        assumed.append(name)
    ranges[name] = DEFAULTS[name].value if given is None else given


def told(name: str) -> str:
    """Return an assumption in words, with its source and date.

    Example:
        >>> told("setup_hours")
        "setup_hours: 80 (hours to set it up; evalkit's own range, no source, 2026-11-20)"
    """
    default = DEFAULTS[name]
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


def old_defaults(assumed: tuple[str, ...], today: dt.date) -> list[str]:
    """Return a warning for each assumption that is too old."""
    return [line for name in assumed if (line := DEFAULTS[name].warning(today)) is not None]
