"""What `evalkit regrade` costs: stored JSON outputs (schema and fields) graded anew, whole command.

A run of many invoices of suites/extraction is made by a contestant that hands out outputs of every
kind (right, wrong, fenced, in prose, repaired, cut, against the schema, no JSON); then a weight of
the grader is changed and the command is run as a process of its own.

    python benchmarks/regrade.py                    # 20,000 outputs
    python benchmarks/regrade.py --outputs 100000
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
from pathlib import Path

from grading import KINDS, MIX, SUITE

ROOT = Path(__file__).resolve().parent.parent
PROVIDERS = """
schema_version: 1
providers:
  stored: {wire: python, limits: {concurrency: 8}, governance: {allowed_sensitivity: special},
    models: {outputs: {options: {function: stored}}}}
"""


def make_suite(folder: Path, outputs: int) -> None:
    """Copy the suite with so many samples, each with its output in a column."""
    shutil.copytree(SUITE, folder)
    rows = [json.loads(line) for line in (SUITE / "samples.jsonl").read_text().splitlines()]
    with (folder / "samples.jsonl").open("w", encoding="utf-8") as file:
        for number in range(outputs):
            row = rows[number % len(rows)]
            text = KINDS[MIX[number % len(MIX)]](row["target"])
            changed = {**row, "id": f"o{number}", "text": f"{number} {row['text']}", "answer": text}
            file.write(json.dumps(changed, ensure_ascii=False) + "\n")
    (folder / "rules.py").write_text("def stored(sample):\n    return sample['answer']\n")
    (folder / "shots.jsonl").write_bytes((SUITE / "shots.jsonl").read_bytes())


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
    """Make the run, regrade it, say what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outputs", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        make_suite(home / "suites" / "extraction", options.outputs)
        (home / "providers.yaml").write_text(PROVIDERS)
        command(home, "run", "suites/extraction", "--json")
        (run,) = (home / "results").iterdir()
        weight = "graders.fields.weights={total: 5}"
        took = command(home, "regrade", str(run), "--set", weight, "--json")
        still = command(home, "regrade", str(run), "--set", weight, "--json")
    print("| outputs | wall s | CPU s | outputs / s of CPU | peak MB |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, (wall, cpu, peak) in (("graded anew", took), ("nothing changed", still)):
        rate = options.outputs / cpu
        print(f"| {options.outputs:,} {name} | {wall:.1f} | {cpu:.1f} | {rate:,.0f} | {peak:.0f} |")


if __name__ == "__main__":
    main()
