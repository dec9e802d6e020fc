"""Runs of recorded answers, made for real: a suite of yes and no, arms that err where told."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

SUITE = """
schema_version: 1
name: yesno
sensitivity: public
data: {path: samples.jsonl, id: id, target: target, slices: [language], critical: critical}
prompt: {user: "{{ text }}"}
output: {format: label, labels: ["yes", "no"]}
params: {max_tokens: 5}
graders: {label: {}}
"""


def write_suite(count: int, folder: Path = Path("suites/yesno"), **columns: Any) -> Path:
    """Write a suite of so many samples s0, s1, ... whose answer is yes."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "id": f"s{n}",
            "text": f"question {n}",
            "target": "yes",
            "language": "de" if n % 4 == 0 else "en",
            "critical": n < 2,
            **columns,
        }
        for n in range(count)
    ]
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "suite.yaml").write_text(SUITE)
    return folder


def record(
    arms: Mapping[str, Iterable[int]],
    count: int,
    *,
    repeats: int = 1,
    name: str = "log",
    **line: Any,
) -> Path:
    """Write a recording and its providers file: each arm says no to the samples given."""
    rows = [
        {
            "sample_id": f"s{n}",
            "model": arm,
            "repeat": repeat,
            "text": "no" if n in wrong else "yes",
            "usage": {"input": 20, "output": 1},
            "cost_usd": 0.001,
            "service_ms": 100 + (37 * n + 11 * repeat) % 50,
            "recorded_at": "2026-10-01T00:00:00Z",
            **line,
        }
        for arm, own in arms.items()
        for wrong in [set(own)]
        for n in range(count)
        for repeat in range(1, repeats + 1)
    ]
    Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    providers = Path(f"{name}.yaml")
    providers.write_text(
        f"schema_version: 1\nproviders:\n  log: {{wire: replay, path: {name}.jsonl}}\n"
    )
    return providers


def run(evalkit: Any, providers: Path, *arguments: object) -> Path:
    """Run the suite on a recording; return the run's folder."""
    said = evalkit("run", "suites/yesno", "--providers", providers, "--json", *arguments)
    assert said.code == 0, said.err
    return Path(json.loads(said.out)["path"])
