"""Who judged, and how far people agree with them: the judge card beside what judges did.

It does not judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.analysis.judges.card import doubts
from evalkit.analysis.reporting.evidence import SuiteEvidence
from evalkit.report.page.parts import Cell, Column, Notes, Table
from evalkit.report.sections.cells import arm_text, file_name, number_cell, share_cell
from evalkit.report.terminal import judging
from evalkit.report.values import clean


def judge_blocks(suite: SuiteEvidence) -> list[Notes | Table]:
    """Return what judges did on a suite; nothing where nobody judged."""
    judged = [arm for arm in suite.arms if arm.row.get("judge")]
    blocks: list[Notes | Table] = []
    if judged:
        lines = tuple(f"{arm_text(arm)}: {judging(arm.row)}" for arm in judged)
        blocks.append(Notes(lines, listed=True))
    for place, (facts, card) in enumerate(suite.cards, 1):
        judges = ", ".join(map(clean, facts["judges"]))
        if card is None:
            blocks.append(
                Notes((f"No judge card is valid for {judges}: how far to trust it is unknown.",))
            )
            continue
        doubt = doubts(card)
        blocks += [Notes((f"{judges}: {clean(doubt)}",))] if doubt else []
        blocks.append(_table(suite, card["criteria"], place, f"{judges}, {clean(card['date'])}"))
    return blocks


def _table(suite: SuiteEvidence, criteria: Mapping[str, Any], place: int, who: str) -> Table:
    return Table(
        name=file_name("judge", suite.name, str(place)),
        caption=f"{clean(suite.name)}: judge card of {who}: agreement with people, by criterion",
        columns=(
            Column("criterion"),
            Column("labels", True),
            Column("kappa", True),
            Column("AC1", True),
            Column("agreement", True),
            Column("TPR", True),
            Column("TNR", True),
        ),
        rows=tuple(
            (
                Cell(clean(name)),
                number_cell(own["n"]),
                number_cell(own["kappa"], 2),
                number_cell(own["ac1"], 2),
                *(share_cell(own[key]) for key in ("agreement", "tpr", "tnr")),
            )
            for name, own in criteria.items()
        ),
        data=tuple(
            {"criterion": name, "n": own["n"], "kappa": own["kappa"], "ac1": own["ac1"]}
            for name, own in criteria.items()
        ),
    )
