"""A small project on disk: a suite, a providers file, and runs of them in process or beside it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from clocks import SkippingClock

from evalkit.core.records import Trial
from evalkit.run.execute import Closed, go_on, start
from evalkit.run.folder import Run
from evalkit.run.plan import Selection
from evalkit.run.setup import RunOptions

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = {
    "type": "object",
    "properties": {"total": {"type": "number"}},
    "required": ["total"],
    "additionalProperties": False,
}
PRICES = {"mode": "per_token", "input_usd_per_mtok": 10.0, "output_usd_per_mtok": 100.0}


def rows(count: int, **columns: Any) -> list[dict[str, Any]]:
    """Samples s0, s1, ... whose right answer is `yes`."""
    return [
        {"id": f"s{n}", "question": f"question {n}", "target": "yes", **columns}
        for n in range(count)
    ]


class Project:
    """A folder with suites and one remote provider `toy` at a counting server."""

    def __init__(self, root: Path, url: str) -> None:
        self.root = root
        self.url = url
        self.suite(rows(4))
        self.providers()

    def suite(
        self, samples: Iterable[dict[str, Any]] | None = None, *, name: str = "toy", **changes: Any
    ) -> Path:
        """Write suite.yaml (JSON is YAML) and, where given, its samples."""
        folder = self.root / "suites" / name
        folder.mkdir(parents=True, exist_ok=True)
        if samples is not None:
            lines = "".join(json.dumps(row) + "\n" for row in samples)
            (folder / "samples.jsonl").write_text(lines)
        document = {
            "schema_version": 1,
            "name": name,
            "sensitivity": "public",
            "data": {"path": "samples.jsonl", "id": "id", "target": "target"},
            "prompt": {"user": "{{ id }}|{{ question }}"},
            "output": {"format": "text"},
            "params": {"temperature": 0, "max_tokens": 16},
            "graders": {"exact": {}},
            **changes,
        }
        (folder / "suite.yaml").write_text(json.dumps(document, indent=1))
        return folder

    def providers(self, *, models: dict[str, Any] | None = None, **changes: Any) -> None:
        """Write providers.yaml with `toy`; changes are its keys, `others` more providers."""
        others = changes.pop("others", {})
        limits = {"concurrency": 4, "max_attempts": 3, "timeout_s": 10, **changes.pop("limits", {})}
        toy = {
            "wire": "openai_chat",
            "base_url": self.url,
            "limits": limits,
            "governance": {"allowed_sensitivity": "internal"},
            "models": models or {"small": {}},
            **changes,
        }
        document = {"schema_version": 1, "providers": {"toy": toy, **others}}
        (self.root / "providers.yaml").write_text(json.dumps(document, indent=1))

    def options(self, **changes: Any) -> RunOptions:
        """Options of a run; selection fields may be given by their names."""
        fields = Selection.__struct_fields__
        chosen = {name: changes.pop(name) for name in fields if name in changes}
        given: dict[str, Any] = {"suites": ("suites/toy",), "models": ("toy:small",)}
        return RunOptions(selection=Selection(**chosen), **{**given, **changes})

    def start(self, *, clock: Any = None, **changes: Any) -> Closed:
        return start(self.options(**changes), clock=clock or SkippingClock())

    def go_on(self, folder: Path, *, clock: Any = None, **changes: Any) -> Closed:
        return go_on(
            folder,
            options=lambda stored: msgspec.structs.replace(stored, **changes),
            clock=clock or SkippingClock(),
        )

    def beside(self, **changes: Any) -> subprocess.Popen[str]:
        """Start a run in a process of its own, which prints the run's state at its end."""
        options = msgspec.json.encode(self.options(**changes)).decode()
        code = (
            "import sys, msgspec\n"
            "from evalkit.run.execute import start\n"
            "from evalkit.run.setup import RunOptions\n"
            "closed = start(msgspec.json.decode(sys.argv[1], type=RunOptions))\n"
            "print(closed.outlook.state)\n"
        )
        return subprocess.Popen(
            [sys.executable, "-c", code, options],
            cwd=self.root,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def only_run(self) -> Path:
        """The folder of the one run that was made."""
        (folder,) = (self.root / "results").iterdir()
        return folder


def trials(folder: Path) -> dict[str, Trial]:
    """The trials of a run with one arm and one repeat, by sample."""
    found = list(Run(folder).trials())
    by_sample = {trial.sample_id: trial for trial in found}
    assert len(found) == len(by_sample)
    return by_sample


def score(trial: Trial) -> float | None:
    """The value of a trial's only score."""
    (found,) = trial.scores
    return found.value


def lines(folder: Path) -> list[dict[str, Any]]:
    """The journal's lines as plain data."""
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
