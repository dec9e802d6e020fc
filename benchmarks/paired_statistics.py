"""What comparisons of arms cost, and what stopping early saves: speeds and stopping times.

Times the bootstrap of all differences at once, latency ratios of all pairs of ten arms and the
betting test; then compares when `BettingTest` stops with the fixed sample size. Prints Markdown.

    python benchmarks/paired_statistics.py                # 300 runs a row, about a minute
    python benchmarks/paired_statistics.py --runs 50
"""

from __future__ import annotations

import argparse
import itertools
import math
import resource
import time
from collections.abc import Callable

import numpy as np

from evalkit import stats
from evalkit.stats.resampling import resampled_sums

ENOUGH = math.log(1.0 / 0.05)
CASES = [
    (discordance, difference)
    for discordance in (0.05, 0.15, 0.3)
    for difference in (0.0, 0.02, 0.05, -0.15)
    if abs(difference) <= discordance
]


def seconds(call: Callable[[], object], times: int = 3) -> float:
    """Return the shortest of a few runs."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return min(taken)


def print_speeds() -> None:
    """Print what the functions cost at the sizes of a large run."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(10_000, 100))
    arms = [rng.lognormal(size=30_000) for _ in range(10)]
    units = np.repeat(np.arange(10_000), 3)
    differences = rng.choice([1.0, 0.0, -1.0], 10_000, p=[0.1, 0.85, 0.05])

    def ratios() -> None:
        for x, y in itertools.combinations(arms, 2):
            stats.quantile_ratio(x, y, 0.95, x_units=units, y_units=units)

    def bets() -> None:
        test = stats.BettingTest(-0.05)
        for value in differences.tolist():
            test.add(value)

    calls: dict[str, Callable[[], object]] = {
        "resampled_sums, 10,000 draws of 10,000 units x 100 columns": lambda: resampled_sums(
            table, 10_000, np.random.default_rng(1)
        ),
        "quantile_ratio, 45 pairs x 30,000 values, 10,000 units": ratios,
        "confidence_sequence, 10,000 values": lambda: stats.confidence_sequence(differences),
        "BettingTest.add, 10,000 times": bets,
    }
    print("| what | seconds |\n| --- | ---: |")
    for name, call in calls.items():
        print(f"| {name} | {seconds(call):.2f} |")
    print(f"\npeak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB\n")


def stopped(discordance: float, difference: float, cap: int, seed: int) -> tuple[int, str]:
    """Run one test to its end; return the pairs it took and what it said."""
    rng = np.random.default_rng([seed, cap])
    first = (discordance + difference) / 2.0
    chances = [first, 1.0 - discordance, discordance - first]
    test = stats.BettingTest(-0.05)
    for value in rng.choice([1.0, 0.0, -1.0], cap, p=chances).tolist():
        test.add(value)
        if test.most_above >= ENOUGH:
            return test.n, "pass"
        if test.most_below >= ENOUGH:
            return test.n, "fail"
    return cap, "none"


def print_stopping(runs: int) -> None:
    """Print when the test stops at a margin of 5 points, one look after every pair."""
    print("| discordance | true difference | fixed n | cap | median stop | mean | pass | fail |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for discordance, difference in CASES:
        toward = difference if difference > -0.05 else -0.1 - difference
        fixed = stats.sample_size_noninferiority(discordance, 0.05, difference=toward)
        cap = int(3 * fixed)
        ends = [stopped(discordance, difference, cap, seed) for seed in range(runs)]
        taken = [n for n, _ in ends]
        said = [100 * sum(word == wanted for _, word in ends) / runs for wanted in ("pass", "fail")]
        print(f"| {discordance} | {difference:+g} | {fixed:.0f} | {cap} | {np.median(taken):.0f} | "
              f"{np.mean(taken):.0f} | {said[0]:.0f} % | {said[1]:.0f} % |")  # fmt: skip


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=300)
    arguments = parser.parse_args()
    print_speeds()
    print_stopping(arguments.runs)


if __name__ == "__main__":
    main()
