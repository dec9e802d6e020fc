"""How often every interval of `evalkit.stats` holds the truth, beside the naive ones.

Rates and differences of rates are enumerated exactly over a grid of truths, all else is drawn from
known distributions, seeded. Prints Markdown: mean coverage over the truths for each number of
units, the lowest with its place, and the median width (of ratios: of their logarithm). Intervals
that need a judge or people's labels have tables of their own in `benchmarks/coverage.py`.

    python benchmarks/coverage_intervals.py                # 1000 draws a truth, two processes
    python benchmarks/coverage_intervals.py --draws 100
"""

from __future__ import annotations

import argparse
import math
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from coverage_truths import FAMILIES, RATES, TABLES, Data, Family, Truth

from evalkit import stats
from evalkit.stats.distributions import t_quantile
from evalkit.stats.resampling import resampled_sums

Array = npt.NDArray[np.float64]
Limits = tuple[float, float]
Method = Callable[..., "Limits | stats.Interval"]

Z = 1.959964
SIZES = (10, 50, 200)
WANTED = 0.945
NAIVE = ("Wald", "t, ", "percentile", "z of", "bootstrap")
CHEAP, MIDDLING, DEAR, NAIVE_DRAWS = 2.0, 1.0, 0.4, 0.25
FEWEST = 20


class Found(NamedTuple):
    """What one interval did at one truth: coverage, median width, share of draws refused."""

    covered: float
    width: float
    refused: float


def wald(k: int, n: int) -> Limits:
    half = Z * math.sqrt(k * (n - k) / n) / n
    return k / n - half, k / n + half


def wald_paired(b: int, c: int, n: int) -> Limits:
    half = Z * math.sqrt(max(b + c - (b - c) ** 2 / n, 0.0)) / n
    return (b - c) / n - half, (b - c) / n + half


def t_of_mean(x: Array, *_: Array) -> Limits:
    half = t_quantile(0.975, len(x) - 1) * float(x.std(ddof=1)) / math.sqrt(len(x))
    return float(x.mean()) - half, float(x.mean()) + half


def percentile_of_mean(x: Array, *_: Array) -> Limits:
    sums = resampled_sums(x.reshape(-1, 1), 400, np.random.default_rng(1))
    low, high = np.quantile(sums / len(x), (0.025, 0.975))
    return float(low), float(high)


def percentile_of_quantiles(q: float, *columns: Array) -> Limits:
    n = len(columns[0])
    rows = np.random.default_rng(1).integers(0, n, (400, n))
    drawn = [np.quantile(column[rows], q, axis=1) for column in columns]
    figure = drawn[0] if len(drawn) == 1 else drawn[0] / drawn[1]
    low, high = np.quantile(figure, (0.025, 0.975))
    return float(low), float(high)


def percentile_of_ratio(*columns: Array) -> Limits:
    """Draw a ratio of two sums, or the ratio of two of them; without success it is infinite."""
    sums = resampled_sums(np.stack(columns, axis=1), 400, np.random.default_rng(1)).T
    with np.errstate(divide="ignore", invalid="ignore"):
        figure = sums[0] / sums[1] if len(sums) == 2 else sums[0] / sums[1] * (sums[3] / sums[2])
    low, high = np.quantile(np.nan_to_num(figure, nan=1.0, posinf=1e300), (0.025, 0.975))
    return float(low), float(high)


def delta_of_cost_ratio(cx: Array, sx: Array, cy: Array, sy: Array) -> Limits:
    if not sx.any() or not sy.any():
        raise ValueError("no success")
    ratio = cx.sum() / sx.sum() * sy.sum() / cy.sum()
    d = cx / cx.sum() - sx / sx.sum() - cy / cy.sum() + sy / sy.sum()
    half = Z * math.sqrt(float(d @ d))
    return ratio * math.exp(-half), ratio * math.exp(half)


def counted(interval: Callable[..., stats.Interval]) -> Method:
    """Remember intervals of counts: the same table comes up again and again."""
    return cache(lambda *counts: interval(*map(int, counts)))


def on_scale(x: Array, y: Array, clusters: Array | None = None) -> stats.Interval:
    return stats.paired_difference(x, y, clusters, bounds=(-1.0, 1.0))


def in_order(x: Array) -> stats.Interval:
    return stats.confidence_sequence(x, 0.025, bounds=(0.0, 1.0))


def of_units(x: Array, y: Array, units: Array) -> stats.Interval:
    return stats.quantile_ratio(x, y, 0.95, x_units=units, y_units=units)


METHODS: dict[str, dict[str, tuple[Method, float]]] = {
    "differences of rates, drawn": {"newcombe_paired": (counted(stats.newcombe_paired), CHEAP)},
    "scores": {
        "mean_interval": (stats.mean_interval, DEAR),
        "t, whatever the scores": (t_of_mean, CHEAP),
        "percentile bootstrap": (percentile_of_mean, NAIVE_DRAWS),
        "bootstrap (BCa)": (lambda x: stats.bootstrap(np.mean, x, n=1000), NAIVE_DRAWS),
        "confidence_sequence": (in_order, DEAR),
    },
    "clustered scores": {
        "mean_interval": (stats.mean_interval, DEAR),
        "t, clusters ignored": (t_of_mean, CHEAP),
    },
    "differences": {
        "paired_difference, auto": (stats.paired_difference, CHEAP),
        "paired_difference, (-1, 1)": (on_scale, DEAR),
        "percentile bootstrap": (lambda x, y: percentile_of_mean(x - y), NAIVE_DRAWS),
    },
    "differences of 3 repeats": {
        "paired_difference, auto": (stats.paired_difference, CHEAP),
        "paired_difference, (-1, 1)": (on_scale, DEAR),
    },
    "clustered differences": {
        "paired_difference, auto": (stats.paired_difference, CHEAP),
        "paired_difference, (-1, 1)": (on_scale, DEAR),
        "t, clusters ignored": (lambda x, y, _: t_of_mean(x - y), CHEAP),
    },
    "preferences, both orders": {"win_rate": (stats.win_rate, DEAR)},
    "p50": {
        "quantile_interval": (lambda x: stats.quantile_interval(x, 0.5), CHEAP),
        "percentile bootstrap": (lambda x: percentile_of_quantiles(0.5, x), NAIVE_DRAWS),
    },
    "p95": {
        "quantile_interval": (lambda x: stats.quantile_interval(x, 0.95), CHEAP),
        "percentile bootstrap": (lambda x: percentile_of_quantiles(0.95, x), NAIVE_DRAWS),
    },
    "p95 of 3 repeats": {
        "quantile_interval": (lambda x, c: stats.quantile_interval(x, 0.95, clusters=c), CHEAP)
    },
    "ratio of p50": {
        "quantile_ratio": (lambda x, y: stats.quantile_ratio(x, y, 0.5), MIDDLING),
        "percentile bootstrap": (lambda x, y: percentile_of_quantiles(0.5, x, y), NAIVE_DRAWS),
    },
    "ratio of p95": {
        "quantile_ratio": (lambda x, y: stats.quantile_ratio(x, y, 0.95), MIDDLING),
        "percentile bootstrap": (lambda x, y: percentile_of_quantiles(0.95, x, y), NAIVE_DRAWS),
    },
    "ratio of p95 of 3 repeats": {"quantile_ratio": (of_units, MIDDLING)},
    "cost per success": {
        "cost_per_success": (stats.cost_per_success, CHEAP),
        "Fieller": (stats.fieller, CHEAP),
        "percentile bootstrap": (percentile_of_ratio, NAIVE_DRAWS),
    },
    "ratio of cost per success": {
        "cost_ratio": (stats.cost_ratio, CHEAP),
        "z of the plain delta method": (delta_of_cost_ratio, CHEAP),
        "percentile bootstrap": (percentile_of_ratio, NAIVE_DRAWS),
    },
    "ratio of costs": {
        "mean_ratio": (stats.mean_ratio, CHEAP),
        "percentile bootstrap": (percentile_of_ratio, NAIVE_DRAWS),
    },
}


def ends(found: Limits | stats.Interval) -> Limits:
    return found if isinstance(found, tuple) else (found.low, found.high)


def width(low: float, high: float, log: bool) -> float:
    if not log:
        return high - low
    return math.log(high / low) if low > 0.0 and math.isfinite(high) else math.inf


def simulated(family: Family, name: str, n: int, draws: int) -> dict[str, Found]:
    """Draw data of one truth and hold every method of the family against it."""
    truth: Truth = family.truths[name]
    rng = np.random.default_rng([n, zlib.crc32(name.encode())])
    methods = METHODS[family.name]
    asked = {method: max(FEWEST, int(draws * share)) for method, (_, share) in methods.items()}
    kept: dict[str, list[tuple[bool, float]]] = {method: [] for method in methods}
    for i in range(max(asked.values())):
        data: Data = truth.draw(rng, n)
        for method, (interval, _) in methods.items():
            if i >= asked[method]:
                continue
            try:
                low, high = ends(interval(*data))
            except ValueError:
                continue
            kept[method].append((low <= truth.value <= high, width(low, high, family.log)))
    return {method: summary(rows, asked[method]) for method, rows in kept.items()}


def summary(rows: list[tuple[bool, float]], asked: int) -> Found:
    """Return coverage and width, NaN where the interval was refused nearly always."""
    refused = 1.0 - len(rows) / asked
    if len(rows) < FEWEST:
        return Found(math.nan, math.nan, refused)
    covered = [row[0] for row in rows]
    widths = [row[1] for row in rows]
    return Found(float(np.mean(covered)), float(np.median(widths)), refused)


def exact_rates(n: int) -> dict[str, dict[str, Found]]:
    """Enumerate all counts of n under every rate of the grid."""
    methods: dict[str, Method] = {
        "wilson": stats.wilson, "clopper_pearson": stats.clopper_pearson, "Wald": wald,
    }  # fmt: skip
    log_ways = np.array([math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
                         for k in range(n + 1)])  # fmt: skip
    k = np.arange(n + 1)
    found: dict[str, dict[str, Found]] = {}
    for method, interval in methods.items():
        low, high = np.array([ends(interval(int(count), n)) for count in k]).T
        found[method] = {}
        for p in RATES:
            chance = np.exp(log_ways + k * math.log(p) + (n - k) * math.log1p(-p))
            inside = (low <= p) & (p <= high)
            found[method][f"p = {p:.2f}"] = Found(
                float(chance @ inside), float(chance @ (high - low)), 0.0
            )
    return found


def exact_differences(n: int) -> dict[str, dict[str, Found]]:
    """Enumerate all discordant counts of n pairs under every pair of rates."""
    methods: dict[str, Method] = {"tango": stats.tango, "Wald, paired": wald_paired}
    pairs = [(b, c) for b in range(n + 1) for c in range(n + 1 - b)]
    b, c = np.array(pairs, dtype=np.float64).T
    gamma = np.array([math.lgamma(i + 1) for i in range(n + 1)])
    cells = (b.astype(int), c.astype(int), (n - b - c).astype(int))
    log_ways = gamma[n] - sum(gamma[cell] for cell in cells)
    found: dict[str, dict[str, Found]] = {}
    for method, interval in methods.items():
        low, high = np.array([ends(interval(*pair, n)) for pair in pairs]).T
        found[method] = {}
        for first, second in TABLES:
            rest = 1.0 - first - second
            chance = np.exp(
                log_ways + b * math.log(first) + c * math.log(second) + cells[2] * math.log(rest)
            )
            inside = (low <= first - second + 1e-12) & (first - second <= high + 1e-12)
            found[method][f"b {first:.3f}, c {second:.3f}"] = Found(
                float(chance @ inside), float(chance @ (high - low)), 0.0
            )
    return found


def task(job: tuple[str, str, int, int]) -> dict[str, dict[str, Found]]:
    """Run one truth of a family, or all truths of an exact one."""
    family, truth, n, draws = job
    if family == "rates":
        return exact_rates(n)
    if family == "differences of rates":
        return exact_differences(n)
    found = simulated(FAMILIES[family], truth, n, draws)
    return {method: {truth: result} for method, result in found.items()}


def jobs(draws: int) -> Iterator[tuple[str, str, int, int]]:
    for n in reversed(SIZES):
        yield "differences of rates", "", n, draws
        yield "rates", "", n, draws
        for name, family in FAMILIES.items():
            for truth in family.truths:
                yield name, truth, n, draws


def print_family(family: str, by_size: dict[int, dict[str, dict[str, Found]]]) -> list[str]:
    """Print a row for each interval; return those in use that fall short."""
    short = []
    for method in by_size[SIZES[0]]:
        means, widths, worst = [], [], (2.0, "")
        refused = 0.0
        for n in SIZES:
            found = by_size[n][method]
            refused = max(refused, *(f.refused for f in found.values()))
            found = {truth: f for truth, f in found.items() if not math.isnan(f.covered)}
            means.append(float(np.mean([f.covered for f in found.values()])))
            widths.append(float(np.median([f.width for f in found.values()])))
            lowest = min(found, key=lambda truth: found[truth].covered)
            worst = min(worst, (found[lowest].covered, f"n = {n}, {lowest}"))
        naive = method.startswith(NAIVE)
        if min(means) < WANTED and not naive:
            short.append(f"{method} ({family})")
        shares = " | ".join(f"{'**' if m < WANTED else ''}{100 * m:.1f}"
                            f"{'**' if m < WANTED else ''}" for m in means)  # fmt: skip
        sizes = " | ".join("∞" if math.isinf(w) else f"{w:.2f}" for w in widths)
        note = f"; up to {100 * refused:.0f} % refused" if refused > 0.005 else ""
        title = f"*{method}*" if naive else f"`{method}`"
        print(f"| {family} | {title} | {shares} | {100 * worst[0]:.1f} | {worst[1]}{note} | "
              f"{sizes} |")  # fmt: skip
    return short


def main() -> None:
    """Print the table, and whether every interval that is used holds on average."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1000)
    work = list(jobs(parser.parse_args().draws))
    table: dict[str, dict[int, dict[str, dict[str, Found]]]] = {}
    with ProcessPoolExecutor(2) as pool:
        for job, found in zip(work, pool.map(task, work), strict=True):
            cell = table.setdefault(job[0], {}).setdefault(job[2], {})
            for method, results in found.items():
                cell.setdefault(method, {}).update(results)
    columns = [f"n = {n}" for n in SIZES]
    print(f"| of | interval | {' | '.join(columns)} | lowest | where | "
          f"width: {' | '.join(columns)} |")  # fmt: skip
    print("| --- | --- | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: |")
    order = ["rates", "differences of rates", *FAMILIES]
    short = [row for name in order for row in print_family(name, table[name])]
    print(f"\nIn use, and below {100 * WANTED} % on average: {', '.join(short) or 'none'}")


if __name__ == "__main__":
    main()
