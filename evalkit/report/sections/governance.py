"""Where data go and under which terms, as the providers file declares them.

Nothing here was verified: the table says so, and of which day the declaration is.
"""

from __future__ import annotations

from typing import Any

from evalkit.analysis.reporting.evidence import Evidence, ShownArm
from evalkit.providers.openness import WEIGHTS
from evalkit.report.page.parts import Cell, Column, Notes, Table
from evalkit.report.sections.cells import Colours, arm_cell, plain
from evalkit.report.values import clean

_DECLARED = (
    ("processor", "processor"),
    ("jurisdiction", "jurisdiction"),
    ("regions", "regions"),
    ("subprocessors", "subprocessors"),
    ("retention_days", "kept, days"),
    ("trains_on_data", "trains on data"),
    ("allowed_sensitivity", "may see up to"),
    ("as_of", "as of"),
    ("evidence_url", "evidence"),
)


def governance_blocks(evidence: Evidence, colours: Colours) -> list[Notes | Table]:
    """Return the terms of each model, and what the suites demand."""
    arms = {arm.side.model: arm for suite in evidence.suites for arm in suite.arms}
    return [
        Notes(
            (
                "Declared in the providers file, not verified. What is not declared is not "
                "allowed: such a provider sees public samples only.",
                *(_demand(suite.facts) for suite in evidence.suites),
            )
        ),
        Table(
            name="governance",
            caption="Weights, licences and terms, by model: declared, not verified",
            columns=(
                Column("model"),
                Column("weights"),
                Column("licence"),
                Column("base"),
                Column("quantisation"),
                Column("retires on"),
                *(Column(head, name == "retention_days") for name, head in _DECLARED),
            ),
            rows=tuple(_cells(arm, colours) for arm in arms.values()),
            data=tuple(_data(arm) for arm in arms.values()),
        ),
    ]


def _demand(facts: Any) -> str:
    demands = "; ".join(f"{k}: {clean(v)}" for k, v in (facts.get("require") or {}).items())
    return f"{clean(facts['name'])}: {clean(facts['sensitivity'])} data" + (
        f"; demands {demands}." if demands else "."
    )


def _cells(arm: ShownArm, colours: Colours) -> tuple[Cell, ...]:
    facts = arm.facts
    head = arm_cell(arm, colours)
    first = Cell(clean(arm.side.model), colour=head.colour)
    if facts["kind"] == "classical":
        empty = Cell("-", tone="faint")
        here = [Cell("this process"), *([empty] * (len(_DECLARED) - 1))]
        return (first, Cell("no LLM"), *([empty] * 4), *here)
    declared = facts.get("governance") or {}
    return (
        first,
        plain(WEIGHTS.get(str(facts["weights"]), facts["weights"])),
        plain(facts["licence"]),
        *(_or_dash(facts.get(name)) for name in ("base", "quantisation", "retires_on")),
        *(_declared(declared.get(name)) for name, _ in _DECLARED),
    )


def _or_dash(value: object) -> Cell:
    return Cell("-", tone="faint") if value is None else plain(value)


def _declared(value: object) -> Cell:
    if isinstance(value, float):
        return Cell(f"{value:g}", value)
    return plain(value)


def _data(arm: ShownArm) -> dict[str, Any]:
    facts = arm.facts
    declared = facts.get("governance") or {}
    return {
        "model": arm.side.model,
        **{k: facts.get(k) for k in ("weights", "licence", "base", "quantisation", "retires_on")},
        **{name: _flat(declared.get(name)) for name, _ in _DECLARED},
    }


def _flat(value: Any) -> str | float | None:
    if isinstance(value, list | tuple):
        return "; ".join(map(str, value))
    return value if isinstance(value, int | float) or value is None else str(value)
