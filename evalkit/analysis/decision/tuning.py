"""Fine-tuned models beside the models that they came from: what the tuning bought.

It does not know what the tuning cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalkit.analysis.economics.measured import MeasuredArm
from evalkit.analysis.figures import as_figure
from evalkit.analysis.measures import MEASURES
from evalkit.analysis.pairing import difference, pairs_of


def tuned_pairs(arms: Sequence[MeasuredArm]) -> list[dict[str, Any]]:
    """Return each arm that names a base, against that base where the run has it."""
    rows = []
    for arm in arms:
        base = arm.facts.get("base")
        if not base:
            continue
        found = next((own for own in arms if _is(own, base) and own is not arm), None)
        rows.append(
            {
                "arm": arm.arm,
                "base": base,
                "base_arm": None if found is None else found.arm,
                "quality_difference": None if found is None else _difference(arm, found),
                "usd_per_1000": arm.row["cost_per_1000_usd"],
                "base_usd_per_1000": None if found is None else found.row["cost_per_1000_usd"],
            }
        )
    return rows


def _is(arm: MeasuredArm, base: str) -> bool:
    return base in (arm.name, arm.model, arm.arm, arm.facts.get("wire_name"))


def _difference(arm: MeasuredArm, base: MeasuredArm) -> dict[str, Any] | None:
    pairs = pairs_of(MEASURES["quality"], base.side.outcomes, arm.side.outcomes)
    try:
        return as_figure(difference(pairs))
    except ValueError:
        return None
