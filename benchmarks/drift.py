"""How often `evalkit drift` errs: false alarms, missed drops, wrong dates. docs/drift.md quotes it.

`python benchmarks/drift.py` takes a minute. It simulates answers, not models.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from evalkit.analysis.drifting.watch import LIMIT, Watch, watch
from evalkit.analysis.pairing import Pairs, detectable, difference
from evalkit.stats import cusum

Array = npt.NDArray[np.float64]
Model = Callable[[np.random.Generator, int], Array]
MODELS: dict[str, Model] = {
    "passes each sample with a chance of its own": lambda rng, n: rng.beta(2, 1, n),
    "is sure of 95 % of the samples": lambda rng, n: np.where(
        rng.random(n) < 0.05, 0.5, rng.random(n) < 0.7
    ),
}
DRAWS = 500


def drawn(rng: np.random.Generator, share: Array, runs: int) -> Array:
    return (rng.random((runs, len(share))) < share).astype(np.float64)


def against_first(found: Watch) -> bool:
    """Say whether the usual sum, with the first run as its target, would raise an alarm."""
    return cusum(found.means, found.means[0], found.spread, limit=LIMIT).alarm is not None


def false_alarms() -> None:
    print("false alarms while nothing changes: target is the first run | all runs before")
    for name, model in MODELS.items():
        for n in (50, 200):
            for runs in (4, 8, 20):
                rng = np.random.default_rng(1)
                found = [watch(drawn(rng, model(rng, n), runs)) for _ in range(DRAWS)]
                first = np.mean([against_first(one) for one in found])
                own = np.mean([bool(one.alarms) for one in found])
                print(f"  {name}, n {n}, {runs} runs: {first:.1%} | {own:.1%}")


def drops() -> None:
    print("a drop of 10 points after run 4 of 8: found | dated to the run | to a neighbour")
    for name, model in MODELS.items():
        for n in (50, 100, 200, 400):
            rng = np.random.default_rng(2)
            since = []
            for _ in range(DRAWS):
                share = model(rng, n)
                values = drawn(rng, share, 8)
                values[4:, rng.random(n) < 0.1 / share.mean()] = 0.0
                since += [a.since for a in watch(values).alarms if a.direction == "down"]
            near = np.abs(np.array(since) - 4)
            print(f"  {name}, n {n}: {len(since) / DRAWS:.0%} | "
                  f"{(near == 0).mean():.0%} | {(near <= 1).mean():.0%}")  # fmt: skip


def power() -> None:
    print("how often a drop of the size in `could see` is found, of 21 comparisons")
    alpha = 0.05 / 21
    for name, model in MODELS.items():
        for n in (50, 100, 300):
            rng = np.random.default_rng(3)
            hits, effects = [], []
            for _ in range(DRAWS):
                share = model(rng, n)
                one, two, three = drawn(rng, share, 3)
                effect = detectable(_pairs(one, two), alpha)
                if effect is None or effect > share.mean():
                    continue
                three[rng.random(n) < effect / share.mean()] = 0.0
                found = difference(_pairs(one, three))
                hits.append(found.p_value < alpha and found.high < 0)
                effects.append(effect)
            print(f"  {name}, n {n}: {np.mean(hits):.0%} at {100 * np.mean(effects):.1f} points")


def _pairs(first: Array, second: Array) -> Pairs:
    return Pairs(np.arange(len(first), dtype=np.uint64), first, second, None, repeated=False)


if __name__ == "__main__":
    false_alarms()
    drops()
    power()
