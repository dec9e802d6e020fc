"""How often a gate errs: verdicts of `evalkit gate` where the truth is known, beside other rules.

Each sample has a chance p of being answered rightly, drawn from a Beta distribution with mean 0.85
and concentration 0.7 (so two runs of one model differ on 10.5 % of the samples). The candidate's
chance is p · (1 - drop / 0.85): its mean is lower by exactly the drop. Samples are drawn anew in
each replication. Every verdict of "this gate" is `judge_rule`'s: with one repeat itself (once for
each table of counts), with three by the parts that it calls, without its advice on what an open
rule needs; some replications of each point are held against it whole. Then, without drawing: the
exact probability that Tango's bound passes. Seeded; prints Markdown; two processes.

    python benchmarks/gate.py                  # 2000 replications, some four minutes
    python benchmarks/gate.py --draws 200
"""

from __future__ import annotations

import argparse
import functools
import itertools
import math
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.analysis.gates.policy import Rule
from evalkit.analysis.gates.rules import Bout, _decide, judge_rule
from evalkit.analysis.measures import MEASURES
from evalkit.analysis.outcomes import Outcomes
from evalkit.analysis.pairing import difference, pairs_of
from evalkit.stats import sample_size_noninferiority
from evalkit.stats.distributions import binomial_cdf
from evalkit.stats.paired import noninferiority

Right = npt.NDArray[np.bool_]

MEAN, CONCENTRATION = 0.85, 0.7
ALPHA = 0.05
Z = 1.6448536
MARGINS = (0.03, 0.05)
SIZES = (50, 200, 500, 1000)
DROPS = (0.0, 0.02, 0.03, 0.05, 0.10)
REPEATS = (1, 3)
CHECKED = 3
OTHERS = (
    "absolute threshold: mean ≥ 0.85",
    "any sample that passed and now fails",
    "mean drop > 0",
    "mean drop > margin",
    "unpaired z-test, p < .05, on all trials",
    "McNemar, p < .05 (not significant = pass)",
)
Tally = Counter[tuple[str, float, str]]


class Cell(NamedTuple):
    """One point of the simulation."""

    n: int
    repeats: int
    drop: float
    draws: int


def outcomes(arm: str, right: Right) -> Outcomes:
    """Return an arm whose trials are right or wrong, shape (samples, repeats)."""
    n, repeats = right.shape
    size, scores = n * repeats, right.ravel().astype(np.float64)
    unknown, no = np.full(size, np.nan), np.zeros(size, bool)
    return Outcomes(
        suite="simulated",
        arm=arm,
        primary="label",
        sample=np.repeat(np.arange(n, dtype=np.uint64), repeats),
        repeat=np.tile(np.arange(1, repeats + 1, dtype=np.int32), n),
        state=np.zeros(size, np.int8),
        first_bad=no,
        passed=scores,
        graders={"label": scores},
        cost_usd=unknown,
        latency_ms=unknown,
        ttft_ms=unknown,
        output_tokens=unknown,
        critical=no,
    )


def verdict(baseline: Right, candidate: Right, margin: float) -> str:
    """Return what the gate says, by the code that `evalkit gate` runs."""
    rule = Rule(metric="quality", kind="max_drop", limit=margin)
    bout = Bout(outcomes("in use", baseline), outcomes("candidate", candidate), ALPHA)
    return judge_rule(rule, bout).verdict


def verdicts_of(baseline: Right, candidate: Right) -> list[str]:
    """Return what the gate says at each margin, the interval being made once."""
    arms = outcomes("in use", baseline), outcomes("candidate", candidate)
    found = difference(pairs_of(MEASURES["quality"], *arms), 1.0 - 2.0 * ALPHA, cautious=True)
    return [_decide(found, -margin, larger_is_worse=False).verdict for margin in MARGINS]


@functools.cache
def verdict_of_counts(gained: int, lost: int, n: int, margin: float) -> str:
    """Return the same for one repeat: of zeros and ones only these counts matter."""
    place = np.arange(n)[:, None]
    return verdict(place >= gained, (place < gained) | (place >= gained + lost), margin)


def other_rules(baseline: Right, candidate: Right, margin: float) -> list[bool]:
    """Return which of the other rules raise an alarm; repeats decide by their majority."""
    before, after = baseline.mean(axis=1) > 0.5, candidate.mean(axis=1) > 0.5
    lost, gained = int((before & ~after).sum()), int((~before & after).sum())
    old, new = float(baseline.mean()), float(candidate.mean())
    error = math.sqrt((old * (1 - old) + new * (1 - new)) / baseline.size)
    return [
        new < MEAN,
        lost > 0,
        new < old,
        old - new > margin,
        error > 0 and (old - new) / error > Z,
        lost > 0 and binomial_cdf(gained, gained + lost, 0.5) < ALPHA,
    ]


def simulate(cell: Cell) -> tuple[Cell, Tally]:
    """Count verdicts at one point."""
    seed = [cell.n, cell.repeats, round(1000 * cell.drop)]
    rng, tally = np.random.default_rng(seed), Tally()
    shape = (cell.n, cell.repeats)
    a, b = MEAN * CONCENTRATION, (1.0 - MEAN) * CONCENTRATION
    for number in range(cell.draws):
        chance = rng.beta(a, b, cell.n)[:, None]
        baseline = rng.random(shape) < chance
        candidate = rng.random(shape) < chance * (1.0 - cell.drop / MEAN)
        lost = int((baseline & ~candidate).sum())
        gained = int((~baseline & candidate).sum())
        if cell.repeats == 1:
            own = [verdict_of_counts(gained, lost, cell.n, margin) for margin in MARGINS]
        else:
            own = verdicts_of(baseline, candidate)
        if number < CHECKED and own != [verdict(baseline, candidate, m) for m in MARGINS]:
            raise SystemExit(f"not what judge_rule says: {own}")
        for margin, said in zip(MARGINS, own, strict=True):
            tally["this gate", margin, said] += 1
            for name, alarm in zip(OTHERS, other_rules(baseline, candidate, margin), strict=True):
                tally[name, margin, "fail" if alarm else "pass"] += 1
    return cell, tally


def share(tally: Tally, rule: str, margin: float, said: str, draws: int) -> str:
    """Return a verdict's share in per cent, with one digit where it is small."""
    value = 100.0 * tally[rule, margin, said] / draws
    return f"{value:.1f}" if 0 < value < 10 else f"{value:.0f}"


def print_gate(found: dict[tuple[int, int, float], Tally], draws: int) -> None:
    """Print the gate's own verdicts."""
    for margin, repeats in itertools.product(MARGINS, REPEATS):
        print(f"\nmargin {100 * margin:.0f} points, repeats {repeats}: "
              "PASS / FAIL / INCONCLUSIVE, % of gates\n")  # fmt: skip
        print("| n | " + " | ".join(f"truth {named(-d)}" for d in DROPS) + " |")
        print("| ---: |" + " --- |" * len(DROPS))
        for n in SIZES:
            cells = [
                " / ".join(
                    share(found[n, repeats, drop], "this gate", margin, said, draws)
                    for said in ("pass", "fail", "inconclusive")
                )
                for drop in DROPS
            ]
            print(f"| {n} | " + " | ".join(cells) + " |")
        points = list(itertools.product(SIZES, DROPS))
        worst = [
            max(
                found[n, repeats, drop]["this gate", margin, said] / draws
                for n, drop in points
                if (drop >= margin) == (said == "pass")
            )
            for said in ("pass", "fail")
        ]
        print(f"\nmost false passes {worst[0]:.1%}, most false alarms {worst[1]:.1%}")


def print_wrong(found: dict[tuple[int, int, float], Tally], draws: int) -> None:
    """Print wrong verdicts of all rules: alarms within the margin, passes at or beyond it."""
    for margin, repeats in itertools.product(MARGINS, REPEATS):
        print(f"\nmargin {100 * margin:.0f} points, repeats {repeats}: wrong verdicts, % of gates "
              f"at n = {' · '.join(map(str, SIZES))}\n")  # fmt: skip
        heads = [f"{'FAIL' if drop < margin else 'PASS'} at truth {named(-drop)}" for drop in DROPS]
        print("| rule | " + " | ".join(heads) + " |")
        print("| --- |" + " --- |" * len(DROPS))
        for rule in ("this gate", *OTHERS):
            cells = [
                " · ".join(
                    share(found[n, repeats, drop], rule, margin,
                          "fail" if drop < margin else "pass", draws)
                    for n in SIZES
                )
                for drop in DROPS
            ]  # fmt: skip
            print(f"| {rule} | " + " | ".join(cells) + " |")


def named(difference: float) -> str:
    """Return a difference in points, with a real minus."""
    return f"−{-100 * difference:.0f}" if difference < 0 else "0"


def pass_probability(n: int, margin: float, discordance: float, difference: float) -> float:
    """Return how likely `noninferiority` passes, summed over all tables of n samples.

    For each number of gains the most losses that pass are searched: a pass stays a pass with fewer.
    """
    gain, loss = (discordance + difference) / 2.0, (discordance - difference) / 2.0
    total = 0.0
    for gained in range(n + 1):
        weight = probability(gained, n, gain)
        if weight < 1e-13:
            if gained > n * gain:
                break
            continue
        low, high = -1, n - gained
        while low < high:
            middle = (low + high + 1) // 2
            if noninferiority(gained, middle, n, margin, ALPHA).verdict == "pass":
                low = middle
            else:
                high = middle - 1
        if low >= 0:
            total += weight * binomial_cdf(low, n - gained, min(loss / (1.0 - gain), 1.0))
    return total


def probability(k: int, n: int, p: float) -> float:
    """Return the probability of k among n."""
    if p <= 0.0 or p >= 1.0:
        return float(k == (0 if p <= 0.0 else n))
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(ways + k * math.log(p) + (n - k) * math.log1p(-p))


def print_exact() -> None:
    """Print the exact false-pass probability at the margin, and the sizes that 80 % need."""
    print("\nTango's bound, exact: PASS where the truth is worse by exactly the margin, α 5 %\n")
    print("| n | discordance | margin 3 | margin 5 |")
    print("| ---: | ---: | ---: | ---: |")
    for n, discordance in itertools.product(SIZES, (0.1, 0.2)):
        cells = [f"{100 * pass_probability(n, m, discordance, -m):.2f} %" for m in MARGINS]
        print(f"| {n} | {discordance:.0%} | " + " | ".join(cells) + " |")
    print("\nequal models: samples for a PASS in 80 % of gates\n")
    print("| margin | discordance | by formula | exact, from here on | PASS at the formula's n |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for margin, discordance in itertools.product((0.02, 0.03, 0.05, 0.10), (0.05, 0.10, 0.20)):
        n = int(sample_size_noninferiority(discordance, margin))
        power = pass_probability(n, margin, discordance, 0.0)
        least = exact_size(n, margin, discordance)
        print(f"| {100 * margin:.0f} points | {discordance:.0%} | {n} | {least} | "
              f"{100 * power:.1f} % |")  # fmt: skip
    for n in (687, 690, 705, 720):
        found = pass_probability(n, 0.03, 0.1, 0.0)
        print(f"\n3 points, 10 %, n = {n}: PASS in {100 * found:.1f} %", end="")
    print()


def exact_size(guess: int, margin: float, discordance: float) -> int:
    """Return the least n from which on the power stays at 80 %, looking 80 samples ahead and more.

    The power is a saw: counts are whole numbers, so one sample more may lower it a little.
    """
    last = guess + 80 + guess // 40
    n = last
    while pass_probability(n, margin, discordance, 0.0) >= 0.8:
        n -= 1
    if n == last:
        raise ValueError(f"{last} samples are too few for {margin} at {discordance}")
    return n + 1


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--exact", action="store_true", help="only what needs no drawing")
    options = parser.parse_args()
    began = time.perf_counter()
    if not options.exact:
        cells = [Cell(n, k, d, options.draws) for n in SIZES for k in REPEATS for d in DROPS]
        cells.sort(key=lambda cell: -cell.repeats)
        with ProcessPoolExecutor(2) as pool:
            done = list(pool.map(simulate, cells))
        found = {(cell.n, cell.repeats, cell.drop): tally for cell, tally in done}
        print(f"{options.draws} replications")
        print_gate(found, options.draws)
        print_wrong(found, options.draws)
    print_exact()
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
