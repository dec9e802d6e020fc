"""How often the cheapest cascade that seems good enough is not: the best of many flatters itself.

Six models of drawn skill answer n samples that are more and less hard; an answer is usable in 99 %
of cases where it is right and in 70 % where it is not, and wrong answers differ. Their 55 cascades
(by form, and by agreement of two) are held against a limit at the 80th percentile of their true
qualities. Printed: how often a cascade is chosen, and how often that is truly below the limit,
with the level shared among the cascades (as `evalkit route` does it) and not.
"""

from __future__ import annotations

import argparse
from types import SimpleNamespace

import numpy as np

from evalkit.analysis.economics.profile import Limits
from evalkit.analysis.routing.board import Board, Check, Said
from evalkit.analysis.routing.deciding import Wanted, assign, cascades, choose
from evalkit.core.acceptance import AGREE, USABLE

MODELS, WRONG_ANSWERS, TRUTH = 6, 20, 200_000
SIZES = (100, 300, 1000)


def drawn(n: int, skill: np.ndarray, rng: np.random.Generator) -> Board:
    """Return a board of n samples; prices rise with skill."""
    hard = rng.random((n, 1))
    shape = (n, MODELS)
    right = rng.random(shape) < 1 / (1 + np.exp(-(skill + 4.4 * (0.5 - hard))))
    usable = rng.random(shape) < np.where(right, 0.99, 0.7)
    value = np.where(right, 0, 1 + rng.integers(0, WRONG_ANSWERS, shape)).astype(np.uint64)
    quality = (right & usable).astype(float)
    row = {"malformed_rate": None, "latency_ms": None}
    said = [
        Said(
            np.ones((n, 1), dtype=bool), usable[:, [m]], value[:, [m]],
            quality[:, [m]], quality[:, [m]] == 0,
        )
        for m in range(MODELS)
    ]  # fmt: skip
    usd = np.broadcast_to(np.linspace(1.0, 10.0, MODELS), shape)
    check = Check(usable.astype(float), usable * (1 - quality), quality)
    return Board(
        task="type", arms=tuple(SimpleNamespace(arm=f"m{m}", row=row) for m in range(MODELS)),
        sample=np.arange(n, dtype=np.uint64), unit=np.arange(n), quality=quality, usd=usd,
        latency_ms=usd, checks={USABLE: check}, left_out={}, n_left_out=0, said=tuple(said),
    )  # fmt: skip


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--worlds", type=int, default=3)
    options = parser.parse_args()
    rules = (USABLE, AGREE)
    told: dict[tuple[int, bool], list[bool]] = {(n, s): [] for n in SIZES for s in (True, False)}
    for world in range(options.worlds):
        rng = np.random.default_rng(world)
        skill = np.sort(rng.normal(1.4, 0.5, MODELS))
        whole = drawn(TRUTH, skill, rng)
        truth = {c: p.mean_quality for c, p in cascades(whole, np.arange(TRUTH), rules)}
        limit = float(np.quantile(list(truth.values()), 0.8))
        wanted = Wanted(Limits(quality=limit), 0.03, force=True)
        for n in SIZES:
            for _ in range(options.rounds):
                board, rows = drawn(n, skill, rng), np.arange(n)
                single, ladder = assign(board, rows, wanted), cascades(board, rows, rules)
                for shared in (True, False):
                    own = choose(board, rows, single, ladder, wanted, shared=shared)
                    if len(own.chain.arms) > 1:
                        told[n, shared].append(truth[own.chain] < limit)
    rounds = options.worlds * options.rounds
    print("| n | chosen, level shared | of all: below the limit | chosen, not shared | below |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for n in SIZES:
        cells = [
            f"{len(told[n, s]) / rounds:.0%} | {sum(told[n, s]) / rounds:.1%}"
            for s in (True, False)
        ]
        print(f"| {n} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
