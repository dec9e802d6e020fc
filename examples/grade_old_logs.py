"""Answers from a log of your own, graded like any contestant's.

A CSV becomes a recording (JSON lines), the `replay` wire answers from it, and rules stand beside
it. The samples that the log lacks are skipped, not wrong.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from pathlib import Path

import evalkit
from evalkit import api

LOG = """ticket,answer,milliseconds,tokens_in,tokens_out
helpdesk-001,billing,812,140,3
helpdesk-002,The queue is delivery.,903,133,7
"""
PROVIDERS = """
schema_version: 1
providers:
  logs:
    wire: replay
    path: recordings.jsonl
    governance: {processor: self, allowed_sensitivity: special}
    models:
      old-bot: {pricing: {input_usd_per_mtok: 0.5, output_usd_per_mtok: 1.5, source: our contract}}
  rules:
    wire: python
    governance: {processor: self, regions: [on-premises], allowed_sensitivity: special}
    models: {rules: {}}
"""


def recording_line(row: dict[str, str]) -> str:
    """Return one line of the recording for one row of the log."""
    return json.dumps(
        {
            "sample_id": row["ticket"],
            "model": "old-bot",
            "text": row["answer"],
            "service_ms": float(row["milliseconds"]),
            "usage": {"input": int(row["tokens_in"]), "output": int(row["tokens_out"])},
        }
    )


def main() -> None:
    """Convert, run, print."""
    suite = api.new_suite("helpdesk", Path("suites"), "label")
    Path("providers.yaml").write_text(PROVIDERS, encoding="utf-8")
    lines = [recording_line(row) for row in csv.DictReader(io.StringIO(LOG))]
    Path("recordings.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    models = ("logs:old-bot", "rules:rules")
    result = api.run(evalkit.RunOptions(suites=(str(suite),), models=models))
    for row in result.summary["rows"]:
        mark = " (recorded)" if row["recorded"] else ""
        cost = row["cost_per_1000_usd"]
        print(
            f"{row['arm']}{mark}: quality {row['quality']['value']:.2f}, "
            f"{row['n_answered']} answered, {row['n_skipped']} skipped, "
            f"$/1000 {'unpriced' if cost is None else format(cost, '.4f')}"
        )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        main()
        os.chdir("/")
