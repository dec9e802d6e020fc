"""What `evalkit compare`, `gate` and `baseline` cost on large runs: whole, and the analysis alone.

Recorded answers are run as a user would: ten models on 10,000 samples in documents of five, three
repeats each, and two runs of one model and one repeat for the gate. Making them takes minutes;
`--home DIR` keeps them, and a second call measures at once. Wall seconds say something on a quiet
machine only; CPU seconds count all processes.

    python benchmarks/compare_speed.py --home FOLDER      # kept, and used again
    python benchmarks/compare_speed.py --samples 500 --models 3
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SUITE = {
    "schema_version": 1,
    "name": "large",
    "sensitivity": "public",
    "data": {
        "path": "samples.jsonl",
        "id": "id",
        "target": "target",
        "cluster": "document",
        "slices": ["language"],
    },
    "prompt": {"user": "{{ text }}"},
    "output": {"format": "label", "labels": ["yes", "no", "maybe"]},
    "graders": {"label": {}},
}
RULES = [
    {"metric": "quality", "max_drop": 0.03},
    {"metric": "malformed_rate", "max_increase": 0.02},
    {"metric": "latency_p95_ms", "max_ratio": 1.2},
    {"metric": "cost_per_success_usd", "max_ratio": 1.5},
]
PER_DOCUMENT = 5
GATE_REPEATS = 1
DONE, FAILED, INCONCLUSIVE = 0, 1, 3


class Took(NamedTuple):
    """What a process cost."""

    wall: float
    cpu: float
    peak_mb: float


def command(home: Path, *arguments: str) -> Took:
    """Run evalkit in a process of its own."""
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
    wall = time.perf_counter() - started
    last = done.stderr.split()[-1:]
    if done.returncode not in (DONE, FAILED, INCONCLUSIVE) or not last or not last[0].isdigit():
        raise SystemExit(done.stderr[-2000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(wall, cpu, int(last[0]) / 1024)


def make(home: Path, samples: int, models: int, repeats: int) -> None:
    """Write a suite, a recording of every model's answers, and a policy; then make the runs."""
    rng = random.Random(0)
    (home / "suites" / "large").mkdir(parents=True)
    (home / "suites" / "large" / "suite.yaml").write_text(json.dumps(SUITE))
    rows = [
        {
            "id": f"s{number}",
            "text": f"question {number} " + "word " * 20,
            "target": rng.choice(["yes", "no"]),
            "language": rng.choice(["en", "de", "fr"]),
            "document": f"d{number // PER_DOCUMENT}",
        }
        for number in range(samples)
    ]
    with (home / "suites" / "large" / "samples.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    with (home / "answers.jsonl").open("w", encoding="utf-8") as file:
        for model in range(models):
            for row in rows:
                for repeat in range(1, repeats + 1):
                    line = answer(rng, row, model, repeat)
                    file.write(json.dumps(line) + "\n")
    provider = {
        "wire": "replay",
        "path": "answers.jsonl",
        "governance": {"allowed_sensitivity": "internal"},
    }
    (home / "providers.yaml").write_text(
        json.dumps({"schema_version": 1, "providers": {"logs": provider}})
    )
    (home / "gate.yaml").write_text(json.dumps({"schema_version": 1, "rules": RULES}))
    names = ",".join(f"logs:m{model}" for model in range(models))
    for results, arms, count in (
        ("all", names, repeats),
        ("used", "logs:m0", GATE_REPEATS),
        ("new", "logs:m1", GATE_REPEATS),
    ):
        took = command(
            home, "run", "suites/large", "--models", arms, "--repeats", str(count),
            "--results", results, "--yes", "--json",
        )  # fmt: skip
        print(f"made {results}: {took.wall:.0f} s, {took.cpu:.0f} s of CPU", file=sys.stderr)


def answer(rng: random.Random, row: dict[str, Any], model: int, repeat: int) -> dict[str, Any]:
    """Return a recorded answer: right in 80 % less a point for each model, 2 % of no use."""
    right = rng.random() < 0.8 - 0.01 * model
    other = "no" if row["target"] == "yes" else "yes"
    text = row["target"] if right else other
    return {
        "sample_id": row["id"],
        "model": f"m{model}",
        "repeat": repeat,
        "text": "I cannot say which one" if rng.random() < 0.02 else text,
        "usage": {"input": 100, "output": 5},
        "service_ms": round(rng.lognormvariate(6.0, 0.5), 1),
        "recorded_at": "2026-10-01T00:00:00Z",
        "cost_usd": 0.001 * (1 + model),
    }


def analysis(run: Path, draws: int, baseline: str | None) -> tuple[float, float, int]:
    """Return the wall and CPU seconds of a comparison without reading, and its pairs."""
    from evalkit.analysis.compare import Comparison, Contestant, duels_of
    from evalkit.analysis.reading import read_run
    from evalkit.analysis.sides import sides_of
    from evalkit.run.folder import Run

    reading = read_run(Run(run))
    contestants = [
        Contestant(side.outcomes.arm, reading.run.run_id, side)
        for side in sides_of(reading).values()
    ]
    duels = duels_of(contestants, baseline)
    wall, cpu = time.perf_counter(), time.process_time()
    Comparison(duels, draws=draws).rows()
    return time.perf_counter() - wall, time.process_time() - cpu, len(duels)


def measure(home: Path, draws: int) -> None:
    """Print what each command takes."""
    run, used, new = (str(next((home / name).iterdir())) for name in ("all", "used", "new"))
    size = (Path(run) / "journal.jsonl").stat().st_size / 1e6
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; journal of {size:.0f} MB\n")
    print("| what | wall s | CPU s | peak MB |")
    print("| --- | ---: | ---: | ---: |")
    drawn = ("--draws", str(draws), "--json")
    accept = ("baseline", "accept", used, "-o", "baseline.json", "--json")
    gate = ("gate", new, "--policy", "gate.yaml", "--candidate", "logs:m1", "--json")
    for name, arguments in (
        ("compare, every two arms", ("compare", run, *drawn)),
        ("compare, all against one", ("compare", run, "--baseline", "logs:m0", *drawn)),
        ("gate, RUN against RUN", (*gate, "--against", used)),
        ("baseline accept", accept),
        ("gate, RUN against a baseline file", (*gate, "--against", "baseline.json")),
    ):
        took = command(home, *arguments)
        print(f"| {name} | {took.wall:.1f} | {took.cpu:.1f} | {took.peak_mb:.0f} |", flush=True)
    for name, baseline in (("every two arms", None), ("all against one", "logs:m0")):
        wall, cpu, pairs = analysis(Path(run), draws, baseline)
        print(f"| analysis alone, {name}: {pairs} pairs | {wall:.1f} | {cpu:.1f} | |", flush=True)


def main() -> None:
    """Make the runs where they are missing, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--models", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--home", type=Path, help="keep the runs here, and use those that are here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        home = (options.home or Path(place)).absolute()
        if not (home / "suites").exists():
            make(home, options.samples, options.models, options.repeats)
        size = f"{options.models} models × {options.samples:,} samples × {options.repeats} repeats"
        print(f"{size}, {options.draws:,} draws over clusters; the gate: two runs of one repeat")
        measure(home, options.draws)


if __name__ == "__main__":
    main()
