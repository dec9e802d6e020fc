"""Data with known truths for `benchmarks/coverage_intervals.py`: scores, latencies, costs.

Every distribution is a function of a generator and a number of independent units.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.stats.distributions import normal_quantile

Array = npt.NDArray[np.float64]
Data = tuple[npt.NDArray[np.generic], ...]
Draw = Callable[[np.random.Generator, int], Data]

MANY = 400_000
RATES = np.arange(1, 100) / 100
TABLES = [
    (discordance * (1.0 + lean) / 2.0, discordance * (1.0 - lean) / 2.0)
    for discordance in (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
    for lean in (0.0, 0.3, 0.6, 0.9)
]


class Truth(NamedTuple):
    """How to draw data of n units, and the figure behind them."""

    draw: Draw
    value: float


class Family(NamedTuple):
    """Truths of one kind; `log` measures widths in logarithms."""

    name: str
    truths: dict[str, Truth]
    log: bool = False


def mostly_right(rng: np.random.Generator, n: int) -> Array:
    return np.where(rng.random(n) < 0.85, 1.0, rng.random(n))


def uniform(rng: np.random.Generator, n: int) -> Array:
    return rng.random(n)


def two_ended(rng: np.random.Generator, n: int) -> Array:
    return rng.beta(0.3, 0.2, n)


def near_zero(rng: np.random.Generator, n: int) -> Array:
    return rng.beta(0.4, 7.6, n)


Scores = Callable[[np.random.Generator, int], Array]
SCORES: dict[str, tuple[Scores, float]] = {
    "mostly 1": (mostly_right, 0.925),
    "uniform": (uniform, 0.5),
    "both ends": (two_ended, 0.6),
    "near 0": (near_zero, 0.05),
}


def sizes(rng: np.random.Generator, n: int) -> npt.NDArray[np.intp]:
    """Number the rows of n clusters of 1 to 5."""
    return np.repeat(np.arange(n), rng.integers(1, 6, n))


def clustered(scores: Scores) -> Draw:
    """Half of the rows have their cluster's score, half one of their own."""

    def draw(rng: np.random.Generator, n: int) -> Data:
        codes = sizes(rng, n)
        shared, own = scores(rng, n)[codes], scores(rng, len(codes))
        return np.where(rng.random(len(codes)) < 0.5, shared, own), codes

    return draw


def pair(rng: np.random.Generator, n: int, first: Scores, second: Scores) -> tuple[Array, Array]:
    """Score two arms: 60 % of the second's scores are the first's."""
    x = first(rng, n)
    return x, np.where(rng.random(n) < 0.6, x, second(rng, n))


def paired(first: Scores, second: Scores) -> Draw:
    return lambda rng, n: pair(rng, n, first, second)


def paired_clusters(first: Scores, second: Scores) -> Draw:
    def draw(rng: np.random.Generator, n: int) -> Data:
        codes = sizes(rng, n)
        x, y = pair(rng, len(codes), first, second)
        shared_x, shared_y = pair(rng, n, first, second)
        same = rng.random(len(codes)) < 0.5
        return np.where(same, shared_x[codes], x), np.where(same, shared_y[codes], y), codes

    return draw


def repeated(rate: float, other: float) -> Draw:
    """Average three repeats of each sample; half of the samples are as difficult to both arms."""

    def draw(rng: np.random.Generator, n: int) -> Data:
        p = rng.beta(2.0 * rate, 2.0 * (1.0 - rate), n)
        q = np.where(rng.random(n) < 0.5, p, rng.beta(2.0 * other, 2.0 * (1.0 - other), n))
        return rng.binomial(3, p) / 3.0, rng.binomial(3, q) / 3.0

    return draw


PAIRS: dict[str, tuple[Scores, Scores, float]] = {
    "mostly 1, equal": (mostly_right, mostly_right, 0.0),
    "mostly 1, uniform": (mostly_right, uniform, 0.4 * 0.425),
    "both ends, equal": (two_ended, two_ended, 0.0),
    "both ends, near 0": (two_ended, near_zero, 0.4 * 0.55),
    "near 0, equal": (near_zero, near_zero, 0.0),
}
REPEATED = {
    f"{p:g} and {q:g}": Truth(repeated(p, q), 0.5 * (p - q))
    for p, q in ((0.9, 0.9), (0.95, 0.85), (0.5, 0.5), (0.3, 0.6), (0.98, 0.98))
}


def preferences(won: float, tie: float) -> Draw:
    """Ask both orders of n pairs: 70 % get the same verdict twice."""

    def draw(rng: np.random.Generator, n: int) -> Data:
        first, second = rng.choice([1.0, 0.5, 0.0], (2, n), p=[won, tie, 1.0 - won - tie])
        second = np.where(rng.random(n) < 0.7, first, second)
        return np.concatenate([first, second]), np.tile(np.arange(n), 2)

    return draw


def tables(first: float, second: float) -> Draw:
    """Count both right, only the first, only the second, both wrong: 70 % of the rest are right."""
    rest = 1.0 - first - second

    def draw(rng: np.random.Generator, n: int) -> Data:
        return tuple(rng.multinomial(n, [0.7 * rest, first, second, 0.3 * rest]))

    return draw


Marginal = Callable[[Array, np.random.Generator], Array]


def lognormal(z: Array, _: np.random.Generator) -> Array:
    return np.exp(0.6 * z)


def heavy(z: Array, _: np.random.Generator) -> Array:
    return np.exp(0.4 * z + 0.25 * np.maximum(z, 0.0) ** 2)


def fast_and_slow(z: Array, rng: np.random.Generator) -> Array:
    return np.exp(0.2 * z + 1.5 * (rng.random(z.shape) < 0.1))


MARGINALS: dict[str, Marginal] = {
    "lognormal": lognormal, "heavy tail": heavy, "fast and slow": fast_and_slow,
}  # fmt: skip


def latencies(arms: list[Marginal], together: float, repeats: int) -> Draw:
    """Draw latencies whose normal scores correlate over arms, and over repeats as much or more."""

    def draw(rng: np.random.Generator, n: int) -> Data:
        shared = rng.normal(size=(n, 1))
        columns = []
        within = (1.0 + together) / 2.0 if repeats > 1 else 1.0
        for arm in arms:
            own, each = rng.normal(size=(n, 1)), rng.normal(size=(n, repeats))
            z = math.sqrt(together) * shared + math.sqrt(within - together) * own
            columns.append(arm(z + math.sqrt(1.0 - within) * each, rng).ravel())
        return (*columns, np.repeat(np.arange(n), repeats)) if repeats > 1 else tuple(columns)

    return draw


def quantile_truth(arms: list[Marginal], together: float, repeats: int, q: float) -> Truth:
    """Find the truth in very many values: its error is a hundredth of an interval's width."""
    rng = np.random.default_rng(2)
    found = [np.quantile(arm(rng.normal(size=MANY), rng), q) for arm in arms]
    value = found[0] if len(found) == 1 else found[0] / found[1]
    return Truth(latencies(arms, together, repeats), float(value))


def one_arm(q: float, repeats: int) -> dict[str, Truth]:
    return {k: quantile_truth([m], 0.0, repeats, q) for k, m in MARGINALS.items()}


def two_arms(q: float, repeats: int) -> dict[str, Truth]:
    pairs = {"lognormal": (lognormal, lognormal), "heavy, lognormal": (heavy, lognormal),
             "slow, heavy": (fast_and_slow, heavy)}  # fmt: skip
    return {
        f"{name}, r = {together:g}": quantile_truth(list(arms), together, repeats, q)
        for name, arms in pairs.items()
        for together in (0.0, 0.7, 0.95)
    }


def costs(rates: tuple[float, ...], spread: float, prices: tuple[float, ...]) -> Draw:
    """Draw cost and success of each arm: failures cost twice as much, difficulty is shared."""

    def draw(rng: np.random.Generator, n: int) -> Data:
        difficulty = rng.normal(size=n)
        columns: list[npt.NDArray[np.generic]] = []
        for rate, price in zip(rates, prices, strict=True):
            own = rng.normal(size=n)
            right = 0.7 * difficulty + 0.7 * own < thresholds[rate]
            dear = np.exp(spread * (0.7 * difficulty + 0.7 * rng.normal(size=n)))
            columns += [price * dear * (2.0 - right), right * 1.0]
        return tuple(columns)

    thresholds = {rate: 0.7 * math.sqrt(2.0) * normal_quantile(rate) for rate in rates}
    return draw


def cost_truth(rates: tuple[float, ...], spread: float, kind: str) -> Truth:
    """Find the truth in very many units."""
    draw = costs(rates, spread, (1.0, 0.4)[: len(rates)])
    sums = [float(np.sum(column)) for column in draw(np.random.default_rng(4), MANY)]
    if kind == "one":
        return Truth(draw, sums[0] / sums[1])
    if kind == "success":
        return Truth(draw, sums[0] / sums[1] * sums[3] / sums[2])

    def only_costs(rng: np.random.Generator, n: int) -> Data:
        return draw(rng, n)[::2]

    return Truth(only_costs, sums[0] / sums[2])


def cost_grid(kind: str) -> dict[str, Truth]:
    rates = [(0.1, 0.1), (0.5, 0.5), (0.9, 0.9), (0.9, 0.5), (0.2, 0.8), (0.98, 0.98)]
    if kind == "one":
        rates = [(0.1,), (0.5,), (0.9,), (0.98,)]
    return {
        f"success {', '.join(map(str, rate))}, spread {spread:g}": cost_truth(rate, spread, kind)
        for rate in rates
        for spread in (0.4, 0.8)
    }


def _families() -> list[Family]:
    scores = {k: Truth(lambda r, n, f=f: (f(r, n),), v) for k, (f, v) in SCORES.items()}
    pairs = {k: Truth(paired(x, y), v) for k, (x, y, v) in PAIRS.items()}
    in_clusters = {k: Truth(paired_clusters(x, y), v) for k, (x, y, v) in PAIRS.items()}
    counts = {f"b {b:.3f}, c {c:.3f}": Truth(tables(b, c), b - c) for b, c in TABLES}
    verdicts = {f"{w:g} won, {t:g} ties": Truth(preferences(w, t), w + t / 2.0)
                for w, t in ((0.5, 0.2), (0.9, 0.05), (0.3, 0.0), (0.97, 0.02))}  # fmt: skip
    return [
        Family("differences of rates, drawn", counts),
        Family("scores", scores),
        Family("clustered scores", {k: Truth(clustered(f), v) for k, (f, v) in SCORES.items()}),
        Family("differences", pairs),
        Family("differences of 3 repeats", REPEATED),
        Family("clustered differences", in_clusters),
        Family("preferences, both orders", verdicts),
        Family("p50", one_arm(0.5, 1)),
        Family("p95", one_arm(0.95, 1)),
        Family("p95 of 3 repeats", one_arm(0.95, 3)),
        Family("ratio of p50", two_arms(0.5, 1), log=True),
        Family("ratio of p95", two_arms(0.95, 1), log=True),
        Family("ratio of p95 of 3 repeats", two_arms(0.95, 3), log=True),
        Family("cost per success", cost_grid("one")),
        Family("ratio of cost per success", cost_grid("success"), log=True),
        Family("ratio of costs", cost_grid("cost"), log=True),
    ]


FAMILIES = {family.name: family for family in _families()}
