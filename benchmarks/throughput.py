"""How much the harness adds: wall, CPU and memory of whole `evalkit run` processes.

Starts the loopback server (50 ms latency), writes suites of exact-match samples, runs each in a
fresh process and prints wall, CPU per sample, peak memory and the floor n × latency / concurrency.
Every journal is read back: a run counts only if all trials are there and the mean is as expected.

    python benchmarks/throughput.py            # 2,000 and 10,000 samples
    python benchmarks/throughput.py --memory   # 2,000 against 100,000 samples as well
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
LATENCY_MS = 50
RIGHT_SHARE = 0.9


def write_suite(folder: Path, n: int) -> None:
    """Write n samples of which nine in ten are answered rightly by the server."""
    folder.mkdir(parents=True)
    (folder / "suite.yaml").write_text(
        "schema_version: 1\nname: loopback\ndata: {path: samples.jsonl, id: id, target: target}\n"
        'prompt: {user: "Question {{ number }}: answer {{ word }} in one word."}\n'
        "output: {format: text}\nparams: {temperature: 0, max_tokens: 8}\n"
        "graders: {exact: {}}\nprimary: exact\n"
    )
    with (folder / "samples.jsonl").open("w") as file:
        for i in range(n):
            word = f"w{i % 97}"
            target = word if i % 10 else "other"
            row = {"id": f"s{i:06}", "number": i, "word": word, "target": target}
            file.write(json.dumps(row) + "\n")


def write_providers(path: Path, port: int, concurrency: int) -> None:
    """Name the loopback server as a self-hosted model."""
    path.write_text(
        "schema_version: 1\nproviders:\n  loop:\n    wire: openai_chat\n"
        f"    base_url: http://127.0.0.1:{port}/v1\n"
        f"    limits: {{concurrency: {concurrency}, timeout_s: 30, max_attempts: 5}}\n"
        "    models: {m: {weights: open_permissive}}\n"
    )


def measure(n: int, concurrency: int, port: int) -> dict[str, float]:
    """Run one process over n samples and return its figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_suite(folder / "suite", n)
        write_providers(folder / "providers.yaml", port, concurrency)
        command = [
            sys.executable, "-m", "evalkit", "run", str(folder / "suite"), "--models", "loop:m",
            "--providers", str(folder / "providers.yaml"), "--results", str(folder / "results"),
            "--json",
        ]  # fmt: skip
        start = time.perf_counter()
        with (folder / "out.json").open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        if status != 0:
            raise SystemExit(f"evalkit ended with status {status}")
        check(json.loads((folder / "out.json").read_bytes()), n)
        cpu = usage.ru_utime + usage.ru_stime
        floor = n * LATENCY_MS / 1000 / concurrency
        return {
            "n": n,
            "concurrency": concurrency,
            "wall_s": round(wall, 2),
            "floor_s": round(floor, 2),
            "x_floor": round(wall / floor, 2),
            "cpu_s": round(cpu, 2),
            "cpu_ms_per_sample": round(cpu / n * 1000, 3),
            "peak_mb": round(usage.ru_maxrss / 1024, 1),
        }


def check(document: dict[str, object], n: int) -> None:
    """Refuse figures of a run that is not whole or not right."""
    row = document["rows"][0]  # type: ignore[index]
    if row["n_answered"] != n or abs(row["quality"]["value"] - RIGHT_SHARE) > 1e-9:
        raise SystemExit(f"not a whole run: {row['n_answered']} answered, {row['quality']}")


def main() -> None:
    """Start the server, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memory", action="store_true", help="100,000 samples as well")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    server = subprocess.Popen(
        [sys.executable, str(HERE / "loopback_server.py"), "--latency-ms", str(LATENCY_MS)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        port = int(server.stdout.readline())  # type: ignore[union-attr]
        cases = [(2_000, 64)] * options.runs + [(10_000, 64), (10_000, 256)]
        if options.memory:
            cases.append((100_000, 256))
        for n, concurrency in cases:
            print(json.dumps(measure(n, concurrency, port)), flush=True)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
