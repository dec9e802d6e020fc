"""What `evalkit regrade` costs: stored JSON outputs (schema and fields) graded anew, whole command.

A run is made by a contestant that hands out outputs of every kind (right, wrong, fenced, in prose,
repaired, cut, against the schema, no JSON); then a weight of the grader is changed and the command
is run as a process of its own. `invoices` are the documents of suites/extraction, of some 22 values
each; `receipts` have five.

    python benchmarks/regrade.py                    # 20,000 outputs of each
    python benchmarks/regrade.py --outputs 100000 --documents receipts
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grading import KINDS, MIX, SUITE

ROOT = Path(__file__).resolve().parent.parent
PROVIDERS = """
schema_version: 1
providers:
  stored: {wire: python, limits: {concurrency: 8}, governance: {allowed_sensitivity: special},
    models: {outputs: {options: {function: stored}}}}
"""


RECEIPT = {
    "type": "object",
    "properties": {
        "vendor": {"type": "string"},
        "date": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
        "total": {"type": "number"},
        "currency": {"enum": ["EUR", "USD", "GBP"]},
        "paid": {"type": "boolean"},
    },
    "required": ["vendor", "date", "total", "currency", "paid"],
    "additionalProperties": False,
}
MATCH = {"vendor": {"type": "text", "normalise": True}, "date": "date", "total": {"type": "number"}}


def invoices(folder: Path) -> list[dict[str, Any]]:
    """Copy suites/extraction; return its rows."""
    shutil.copytree(SUITE, folder)
    return [json.loads(line) for line in (SUITE / "samples.jsonl").read_text().splitlines()]


def receipts(folder: Path) -> list[dict[str, Any]]:
    """Write a suite of short documents; return its rows."""
    folder.mkdir(parents=True)
    suite = {
        "schema_version": 1,
        "name": "receipts",
        "data": {"path": "samples.jsonl", "id": "id", "target": "target"},
        "prompt": {"user": "{{ text }}"},
        "output": {"format": "json", "schema": RECEIPT},
        "graders": {"json_schema": {}, "fields": {"match": MATCH}},
        "primary": "fields",
    }
    (folder / "suite.yaml").write_text(json.dumps(suite))
    return [
        {
            "text": f"Shop {n}, {1 + n % 28}.11.2026, {n}.50",
            "target": {
                "vendor": f"Shop {n} Ltd",
                "date": f"2026-11-{1 + n % 28:02}",
                "total": n + 0.5,
                "currency": "EUR",
                "paid": n % 3 == 0,
            },
        }
        for n in range(140)
    ]


DOCUMENTS: dict[str, Callable[[Path], list[dict[str, Any]]]] = {
    "invoices": invoices,
    "receipts": receipts,
}


def wrong_receipt(target: dict[str, Any]) -> str:
    """Another vendor and total."""
    return json.dumps({**target, "vendor": "Other", "total": target["total"] + 1})


def make_suite(folder: Path, documents: str, outputs: int) -> None:
    """Write a suite of so many samples, each with its output in a column."""
    rows = DOCUMENTS[documents](folder)
    kinds = {**KINDS, "wrong": wrong_receipt} if documents == "receipts" else KINDS
    with (folder / "samples.jsonl").open("w", encoding="utf-8") as file:
        for number in range(outputs):
            row = rows[number % len(rows)]
            text = kinds[MIX[number % len(MIX)]](row["target"])
            changed = {**row, "id": f"o{number}", "text": f"{number} {row['text']}", "answer": text}
            file.write(json.dumps(changed, ensure_ascii=False) + "\n")
    (folder / "rules.py").write_text("def stored(sample):\n    return sample['answer']\n")


def command(home: Path, *arguments: str) -> tuple[float, float, float]:
    """Run evalkit in a process of its own; return wall seconds, CPU seconds and peak MB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    code = (
        "import resource, sys\n"
        "from evalkit.cli.main import main\n"
        "code = main(sys.argv[1:])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, cpu, int(done.stderr.split()[-1]) / 1024


def main() -> None:
    """Say what regrading takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outputs", type=int, default=20_000)
    parser.add_argument("--documents", choices=DOCUMENTS, action="append")
    options = parser.parse_args()
    print("| documents | outputs | wall s | CPU s | outputs / s of CPU | peak MB |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for documents in options.documents or DOCUMENTS:
        measure(documents, options.outputs)


def measure(documents: str, outputs: int) -> None:
    """Make one run, regrade it twice, print what that took."""
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        make_suite(home / "suites" / "stored", documents, outputs)
        (home / "providers.yaml").write_text(PROVIDERS)
        command(home, "run", "suites/stored", "--json")
        (run,) = (home / "results").iterdir()
        regrade = ("regrade", str(run), "--set", "graders.fields.weights={total: 5}", "--json")
        took, still = command(home, *regrade), command(home, *regrade)
    for name, (wall, cpu, peak) in (("graded anew", took), ("nothing changed", still)):
        print(
            f"| {documents} | {outputs:,} {name} | {wall:.1f} | {cpu:.1f} | {outputs / cpu:,.0f} "
            f"| {peak:.0f} |"
        )


if __name__ == "__main__":
    main()
