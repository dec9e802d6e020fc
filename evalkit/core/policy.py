"""Who may see what: sensitivity and requirements against declared governance.

Decided before anything is sent, for models, judges, retries and fallbacks alike. Unknown is not
allowed: an undeclared provider may see `public` samples without requirements only. It does not
know whether a declaration is true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.core.records import Record

SENSITIVITIES: tuple[str, ...] = ("public", "internal", "confidential", "personal", "special")
OWN_PREMISES = "on-premises"
DEMANDS = ("regions", "trains_on_data", "max_retention_days")
TRAINING_DEMANDS = ("no", "opt_out")  # strictest first


class Governance(Record, frozen=True, kw_only=True):
    """What a provider declares about the data that it is sent; None is unknown, never "no"."""

    processor: str | None = None
    jurisdiction: str | None = None
    regions: tuple[str, ...] | None = None
    subprocessors: Any = None
    retention_days: float | None = None
    trains_on_data: str | None = None
    allowed_sensitivity: str | None = None
    evidence_url: str | None = None
    as_of: str | None = None
    legal_entity_country: str | None = None
    notes: str | None = None


class Requirement(Record, frozen=True, kw_only=True):
    """What a sample demands of whoever sees it."""

    sensitivity: str = "public"
    regions: tuple[str, ...] | None = None
    trains_on_data: str | None = None
    max_retention_days: float | None = None


def weakest(declared: Sequence[Governance]) -> Governance:
    """Join declarations to one that meets a demand just where each of them does.

    Args:
        declared: Of everybody who may see the data; at least one.
    """
    regions = [own.regions for own in declared]
    days = [own.retention_days for own in declared]
    training = [own.trains_on_data for own in declared]
    allowed = [own.allowed_sensitivity for own in declared]
    strange = [said for said in training if said not in TRAINING_DEMANDS]
    known = [said for said in allowed if said is not None]
    return Governance(
        processor=", ".join(dict.fromkeys(own.processor or "unknown" for own in declared)),
        regions=(
            tuple(sorted({place for own in regions for place in own or ()}))
            if all(regions)
            else None
        ),
        retention_days=None if None in days else max(d for d in days if d is not None),
        trains_on_data=strange[0] if strange else max(training, key=TRAINING_DEMANDS.index),
        allowed_sensitivity=(
            min(known, key=SENSITIVITIES.index) if len(known) == len(allowed) else None
        ),
    )


def requirement(sensitivity: str | None, require: Mapping[str, Any] | None) -> Requirement:
    """Return one place's demands (suite, sample or profile) as a record."""
    wanted = require or {}
    regions = wanted.get("regions")
    return Requirement(
        sensitivity=sensitivity or "public",
        regions=None if regions is None else tuple(sorted({r.casefold() for r in regions})),
        trains_on_data=wanted.get("trains_on_data"),
        max_retention_days=wanted.get("max_retention_days"),
    )


def demand_problem(require: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a `require` mapping: a demand not understood is never met."""
    unknown = [key for key in require if key not in DEMANDS]
    if unknown:
        return f"unknown demand {unknown[0]!r}; known: {', '.join(DEMANDS)}"
    regions = require.get("regions")
    if regions is not None and not (
        isinstance(regions, list | tuple) and regions and all(isinstance(r, str) for r in regions)
    ):
        return f"`regions` must be a list of at least one text, got {regions!r}"
    training = require.get("trains_on_data")
    if training is not None and training not in TRAINING_DEMANDS:
        return (
            f"`trains_on_data` got {training!r}; allowed: {', '.join(map(repr, TRAINING_DEMANDS))}"
        )
    days = require.get("max_retention_days")
    if days is not None and (
        isinstance(days, bool) or not isinstance(days, int | float) or not 0 <= days < float("inf")
    ):
        return f"`max_retention_days` must be a number >= 0, got {days!r}"
    return None


def strictest(demands: Sequence[Requirement]) -> Requirement:
    """Join demands so that each of them is met: the highest sensitivity, the fewest regions.

    Demands whose regions have nothing in common leave no region at all: nobody may see it but
    one's own premises.
    """
    named = [set(d.regions) for d in demands if d.regions is not None]
    days = [d.max_retention_days for d in demands if d.max_retention_days is not None]
    training = [d.trains_on_data for d in demands if d.trains_on_data is not None]
    return Requirement(
        sensitivity=max(
            (d.sensitivity for d in demands), key=SENSITIVITIES.index, default="public"
        ),
        regions=tuple(sorted(set.intersection(*named))) if named else None,
        trains_on_data=min(training, key=TRAINING_DEMANDS.index, default=None),
        max_retention_days=min(days) if days else None,
    )


def refusal_reason(demand: Requirement, declared: Governance) -> str | None:
    """Return why a sample must not be sent there, or None where it may.

    Args:
        demand: The strictest of suite, sample and profile.
        declared: The provider's governance.

    Returns:
        One clause naming the first demand that is not met.
    """
    allowed = declared.allowed_sensitivity
    wanted = demand.sensitivity
    if allowed is None and wanted != "public":
        return f"sensitivity {wanted!r}, and the provider declares no allowed_sensitivity"
    if allowed is not None and SENSITIVITIES.index(wanted) > SENSITIVITIES.index(allowed):
        return f"sensitivity {wanted!r} is above the allowed {allowed!r}"
    return _region_reason(demand, declared) or _use_reason(demand, declared)


def _region_reason(demand: Requirement, declared: Governance) -> str | None:
    if demand.regions is None:
        return None
    if not declared.regions:
        return f"regions {list(demand.regions)} are required, and the provider declares none"
    allowed = {*demand.regions, OWN_PREMISES}
    outside = [region for region in declared.regions if region.casefold() not in allowed]
    return (
        f"it may process in {outside}, and only {list(demand.regions)} is allowed"
        if outside
        else None
    )


def _use_reason(demand: Requirement, declared: Governance) -> str | None:
    enough = {None: None, "no": ("no",), "opt_out": ("no", "opt_out")}[demand.trains_on_data]
    if enough is not None and declared.trains_on_data not in enough:
        said = declared.trains_on_data or "unknown"
        return f"trains_on_data must be {demand.trains_on_data!r}, declared {said!r}"
    if demand.max_retention_days is None:
        return None
    if declared.retention_days is None:
        return f"at most {demand.max_retention_days:g} days of retention, and none is declared"
    if declared.retention_days > demand.max_retention_days:
        return (
            f"at most {demand.max_retention_days:g} days of retention, "
            f"declared {declared.retention_days:g}"
        )
    return None
