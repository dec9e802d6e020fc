"""How much choosing a model on the same samples flatters it, and what lower bounds change.

Six models on five types of task; each model's true accuracy on a type is drawn from N(0.82, 0.05).
Chosen is, on n samples a type, the most accurate, or the cheapest that reaches 0.85 (else the most
accurate). Printed: how far its accuracy there is above the truth, in points (in sample); the same
of as many samples that decided nothing (held out); how often it is truly below 0.85; and the rule
of `evalkit route`, which assigns only where the lower bound reaches 0.85.
"""

from __future__ import annotations

import argparse
import time
from types import SimpleNamespace

import numpy as np

from evalkit.analysis.economics.profile import Limits
from evalkit.analysis.routing.board import Board, Check
from evalkit.analysis.routing.deciding import Wanted, assign

MODELS, TYPES, TAU = 6, 5, 0.85
SIZES = (20, 50, 100, 200, 500)


def board(quality: np.ndarray) -> Board:
    """Return a board of ones and zeros, all arms at one price."""
    shape = quality.shape
    row = {"malformed_rate": None, "latency_ms": None}
    arms = [SimpleNamespace(arm=f"m{i}", row=row) for i in range(shape[1])]
    ones = np.ones(shape)
    return Board(
        "type", tuple(arms), np.arange(shape[0], dtype=np.uint64), np.arange(shape[0]), quality,
        ones, ones, {"usable": Check(ones, 1 - quality, quality)}, {}, 0,
    )  # fmt: skip


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=400)
    rounds = parser.parse_args().rounds
    rng = np.random.default_rng(0)
    start = time.perf_counter()
    print(
        "| n a type | best, in sample | held out | cheapest, in sample | held out | below 0.85 |",
        end="",
    )
    print(" assigned by bound | of these below 0.85 |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for n in SIZES:
        told: dict[str, list[float]] = {"best": [], "cheapest": []}
        kept: dict[str, list[float]] = {"best": [], "cheapest": []}
        below, given, wrong = [], [], []
        for _ in range(rounds * TYPES):
            truth = np.clip(rng.normal(0.82, 0.05, MODELS), 0, 1)
            seen = (rng.random((n, MODELS)) < truth).astype(float)
            mean = seen.mean(axis=0)
            enough = np.flatnonzero(mean >= TAU)
            chosen = {"best": int(mean.argmax())}
            chosen["cheapest"] = int(enough[0]) if len(enough) else chosen["best"]
            for rule, arm in chosen.items():
                told[rule].append(mean[arm] - truth[arm])
                kept[rule].append((rng.random(n) < truth[arm]).mean() - truth[arm])
            below.append(truth[chosen["cheapest"]] < TAU)
            wanted = Wanted(Limits(quality=TAU), 0.03, force=True)
            found = assign(board(seen), np.arange(n), wanted)
            given.append(bool(found.chain))
            if found.chain:
                wrong.append(truth[found.chain.arms[0]] < TAU)
        points = [100 * np.mean(own[rule]) for rule in told for own in (told, kept)]
        print(f"| {n} | {' | '.join(f'{p:+.1f}' for p in points)} | {np.mean(below):.0%} |", end="")
        print(f" {np.mean(given):.0%} | {np.mean(wrong):.0%} |")
    spent = time.perf_counter() - start
    print(f"\n{rounds} rounds of {TYPES} types and {MODELS} models, {spent:.0f} s")


if __name__ == "__main__":
    main()
