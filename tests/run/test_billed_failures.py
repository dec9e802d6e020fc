"""What a recording says that a failure cost is in the journal and the money, not in quality."""

from __future__ import annotations

import json
from decimal import Decimal

from project import Project, lines, rows, trials

from evalkit.analysis.cost import bill
from evalkit.analysis.runs import pricing
from evalkit.run.folder import Run


def test_a_recorded_failure_keeps_what_it_cost(project: Project) -> None:
    """Cost includes errored attempts (an error line may name usage and cost)."""
    recorded = {
        "sample_id": "s0", "model": "bot", "error": "boom", "cost_usd": 1.5,
        "usage": {"input": 10, "output": 0},
    }  # fmt: skip
    path = project.root / "rec.jsonl"
    path.write_text(json.dumps(recorded) + "\n")
    project.suite(rows(1))
    project.providers(others={"log": {"wire": "replay", "path": str(path)}})
    folder = project.start(models=("log:bot",)).folder
    (trial,) = trials(folder).values()
    (attempt,) = [line for line in lines(folder) if line["event"] == "attempt"]
    assert ("error", 1.5, 10) == (trial.status, attempt["cost_usd"], attempt["usage"]["input"])
    assert Decimal("1.5") == bill(trial, pricing(Run(folder))).cost_usd
