"""How often intervals of `evalkit.stats` hold the truth, against plain alternatives.

Draws people's and a judge's verdicts from known rates and counts: means powered by a judge
(`ppi_mean`) against z and t standard errors, corrected pass rates (`rogan_gladen`) against the
plain delta method, and win rates at equal length. Seeded; prints Markdown. All other intervals are
in `benchmarks/coverage_intervals.py`.

    python benchmarks/coverage.py                 # 600 draws a row, about two minutes
    python benchmarks/coverage.py --draws 100
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from evalkit.stats import length_controlled_win_rate, mean_interval, ppi_mean, rogan_gladen
from evalkit.stats.distributions import t_quantile

Array = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], tuple[Array, Array]]

Z = 1.959964
SIZES = ((10, 100), (20, 300), (50, 500), (100, 1000), (200, 200))


def binary(share: float, tpr: float, tnr: float) -> Draw:
    """Verdicts of people who pass a share, and of a judge with these error rates."""

    def draw(generator: np.random.Generator, n: int) -> tuple[Array, Array]:
        human = (generator.random(n) < share) * 1.0
        passes = np.where(human == 1.0, tpr, 1.0 - tnr)
        return human, (generator.random(n) < passes) * 1.0

    return draw


def scores(generator: np.random.Generator, n: int) -> tuple[Array, Array]:
    """Scores with a mean of 0.8, and a noisy judge that is a little too strict."""
    human = np.where(generator.random(n) < 0.6, 1.0, generator.random(n))
    return human, np.clip(human + generator.normal(-0.05, 0.15, n), 0.0, 1.0)


POWERED: dict[str, tuple[Draw, float]] = {
    "95 % pass, TPR .97, TNR .6": (binary(0.95, 0.97, 0.6), 0.95),
    "70 % pass, TPR = TNR = .9": (binary(0.7, 0.9, 0.9), 0.7),
    "70 % pass, TPR = TNR = .98": (binary(0.7, 0.98, 0.98), 0.7),
    "70 % pass, judge is noise": (binary(0.7, 0.5, 0.5), 0.7),
    "70 % pass, judge contradicts": (binary(0.7, 0.3, 0.3), 0.7),
    "scores, noisy judge": (scores, 0.8),
}
CORRECTED = (
    (0.7, 0.9, 0.8, 300, 70, 30),
    (0.95, 0.95, 0.8, 500, 95, 20),
    (0.98, 0.97, 0.9, 500, 100, 20),
    (0.5, 0.99, 0.99, 500, 50, 50),
    (0.9, 0.85, 0.6, 400, 180, 20),
    (0.0, 0.9, 0.95, 200, 40, 40),
    (1.0, 0.95, 0.9, 200, 60, 60),
)
LENGTHS = ((0.0, 1.0, 50), (1.0, 2.0, 30), (2.2, 1.0, 50), (2.0, 1.0, 20), (5.0, 0.0, 30))


def plain_powered(human: Array, judge: Array, rest: Array, weight: float) -> tuple[float, float]:
    """Return the centre and standard error of the powered mean."""
    rectifier = human - weight * judge
    error = rectifier.var(ddof=1) / len(human) + weight**2 * rest.var(ddof=1) / len(rest)
    return float(rectifier.mean() + weight * rest.mean()), float(np.sqrt(error))


def powered(draws: int) -> None:
    """Print the coverage and width of powered means."""
    print("| case | n, N | z | t | here | width: t | here | people alone |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, (draw, truth) in POWERED.items():
        for n, size in SIZES:
            generator, hits, widths = np.random.default_rng(n), np.zeros(3), np.zeros(3)
            t = t_quantile(0.975, n - 1)
            for _ in range(draws):
                human, judge = draw(generator, n)
                rest = draw(generator, size)[1]
                found, alone = ppi_mean(human, judge, rest), mean_interval(human)
                centre, error = plain_powered(human, judge, rest, found.judge_weight)
                off = abs(centre - truth)
                hits += (off <= Z * error, off <= t * error, found.low <= truth <= found.high)
                ends = min(centre + t * error, 1.0) - max(centre - t * error, 0.0)
                widths += (ends, found.high - found.low, alone.high - alone.low)
            shares = " | ".join(f"{100 * h / draws:.1f} %" for h in hits)
            print(f"| {name} | {n}, {size} | {shares} | "
                  + " | ".join(f"{w / draws:.2f}" for w in widths) + " |")  # fmt: skip


def corrected(draws: int) -> None:
    """Print the coverage of corrected pass rates."""
    print("| rate | TPR | TNR | N, n1, n0 | refused | plain | here |")
    print("| ---: | ---: | ---: | --- | ---: | ---: | ---: |")
    for theta, tpr, tnr, n, n1, n0 in CORRECTED:
        generator, kept, plain, here = np.random.default_rng(n), 0, 0, 0
        for _ in range(draws):
            passed = generator.binomial(n, theta * tpr + (1.0 - theta) * (1.0 - tnr))
            tp, tn = generator.binomial(n1, tpr), generator.binomial(n0, tnr)
            try:
                found = rogan_gladen(
                    passed, n, true_positives=tp, positives=n1, true_negatives=tn, negatives=n0
                )
            except ValueError:
                continue
            kept += 1
            here += found.low <= theta <= found.high
            plain += abs(found.unclipped - theta) <= Z * found.standard_error
        print(f"| {theta} | {tpr} | {tnr} | {n}, {n1}, {n0} | {draws - kept} | "
              f"{100 * plain / kept:.1f} % | {100 * here / kept:.1f} % |")  # fmt: skip


def at_equal_length(draws: int) -> None:
    """Print the coverage of length-controlled win rates."""
    print("| true rate | length effect | n | covered |")
    print("| ---: | ---: | ---: | ---: |")
    for strength, effect, n in LENGTHS:
        generator, hits, truth = np.random.default_rng(n), 0, 1.0 / (1.0 + np.exp(-strength))
        for _ in range(draws):
            baseline = generator.gamma(4.0, 50.0, n)
            model = baseline * np.exp(generator.normal(0.4, 0.5, n))
            gap = np.tanh((model - baseline) / (model - baseline).std(ddof=1))
            won = (generator.random(n) < 1.0 / (1.0 + np.exp(-strength - effect * gap))) * 1.0
            found = length_controlled_win_rate(won, model, baseline)
            hits += found.low <= truth <= found.high
        print(f"| {truth:.3f} | {effect} | {n} | {100 * hits / draws:.1f} % |")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=600)
    draws = parser.parse_args().draws
    powered(draws)
    print()
    corrected(5 * draws)
    print()
    at_equal_length(2 * draws)


if __name__ == "__main__":
    main()
