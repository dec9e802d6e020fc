"""The listed samples as the page's script reads them: figures in short rows, texts by number.

It does not know how they are shown.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evalkit.analysis.reporting.browsing import Browsed
from evalkit.analysis.reporting.evidence import Evidence
from evalkit.analysis.reporting.trials import TrialRow
from evalkit.report.values import clean
from evalkit.run.journal import NAME


def samples_document(
    evidence: Evidence, browsed: Sequence[Browsed], beside: Path
) -> dict[str, Any]:
    """Return the page's data block.

    Args:
        evidence: The runs and their arms.
        browsed: The samples of each suite.
        beside: The folder in which the page will lie: journals are named relative to it.
    """
    return {
        "redacted": evidence.request.redact,
        "journals": [
            clean(os.path.relpath(reading.run.folder / NAME, beside))
            for reading in evidence.readings
        ],
        "suites": [
            {
                "name": clean(suite.name),
                "samples": [[own.input, own.target] for own in found.trials.samples],
                "arms": [
                    {
                        "label": clean(arm.label),
                        "run": arm.number,
                        "trials": [_short(row) for row in rows],
                    }
                    for arm, rows in zip(suite.arms, found.trials.arms, strict=True)
                ],
            }
            for suite, found in zip(evidence.suites, browsed, strict=True)
        ],
    }


def _short(row: TrialRow) -> list[Any]:
    score = None if row.score is None else round(row.score, 4)
    passed = None if row.passed is None else int(row.passed)
    return [
        row.sample, row.repeat, row.status, row.rung, score, passed, row.text, row.reason, row.line
    ]  # fmt: skip
