"""The demonstration: real contestants on suites/extraction, with no key and no network.

Measures how long the embedded model takes on two samples, chooses how many fit into two
minutes in all, prints that number, runs them and writes the report. Any arguments go to
`evalkit run`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONTESTANTS = "local:smollm2,classical:tfidf,rules:rules"
SECONDS = 120.0  # of the three minutes that a demonstration may take
TRIED = 2
FEWEST, MOST = 4, 60


def evalkit(*arguments: str, quiet: bool = False) -> int:
    """Run one evalkit command in the project's folder and return its exit code."""
    command = [sys.executable, "-m", "evalkit", *arguments]
    stream = subprocess.DEVNULL if quiet else None
    return subprocess.run(command, cwd=ROOT, stdout=stream, stderr=stream, check=False).returncode


def runs() -> set[str]:
    """Return the names of the runs in results/."""
    return {path.parent.name for path in ROOT.glob("results/*/run.json")}


def choose(seconds_for_two: float) -> int:
    """Return how many samples fit into what is left of the time, given how long two took."""
    left = SECONDS - seconds_for_two
    return max(FEWEST, min(MOST, int(left / (seconds_for_two / TRIED))))


def main() -> int:
    """Measure, choose, run, report."""
    start = time.perf_counter()
    trial = ("run", "suites/extraction", "--models", "local:smollm2", "--limit", str(TRIED))
    if evalkit(*trial, "--results", str(ROOT / ".evalkit" / "demo"), quiet=True) != 0:
        return evalkit(*trial)
    limit = choose(time.perf_counter() - start)
    print(f"demo: {limit} samples of suites/extraction, chosen to fit {SECONDS:g} s")
    print(f"contestants: {CONTESTANTS}\n", flush=True)
    before = runs()
    code = evalkit(
        "run", "suites/extraction", "--models", CONTESTANTS, "--limit", str(limit), *sys.argv[1:]
    )
    for folder in sorted(runs() - before):
        print("\nthe report, for a browser:", flush=True)
        code = code or evalkit("report", f"results/{folder}")
    return code


if __name__ == "__main__":
    sys.exit(main())
