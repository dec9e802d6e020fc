"""What `evalkit run --stop-when-decided` saves, and how often it errs where the truth is known.

Paired outcomes of one repeat, a sample at a time: gained, lost or equal, with a fixed discordance.
Both bets of `BettingTest` watch a limit of -margin, as the run's gate does: PASS or FAIL when one
has won 20 times its stake, undecided at the cap. Many streams are drawn at once (`log_wealth`),
and some of each point are held against `BettingTest`, value by value. Beside it the fixed design:
as many samples as give a PASS in 80 % of gates on equal models by the formula, and the exact share
of PASS at that n.
Where the truth is worse than the discordance allows, only losses are drawn. Seeded; Markdown.

    python benchmarks/early_stopping.py                # 2000 streams a row, about two minutes
    python benchmarks/early_stopping.py --draws 200
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from gate import ALPHA, named, pass_probability

from evalkit.stats import sample_size_noninferiority
from evalkit.stats.sequential import BettingTest, log_wealth

Times = npt.NDArray[np.intp]

MARGINS = (0.03, 0.05)
DISCORDANCES = (0.05, 0.10, 0.20)
CAPS = (3080, 1000)
LONGEST = max(CAPS)
ENOUGH = math.log(1.0 / ALPHA)
TOGETHER = 20
CHECKED = 3
NEVER = LONGEST + 1


class Row(NamedTuple):
    """One truth before one gate."""

    margin: float
    discordance: float
    truth: float
    draws: int

    @property
    def chances(self) -> tuple[float, float]:
        """The chance of a gain and of a loss."""
        differ = max(self.discordance, abs(self.truth))
        return (differ + self.truth) / 2.0, (differ - self.truth) / 2.0


class Ends(NamedTuple):
    """When each stream passes and fails, from 1; `NEVER` where it does not, shape (draws,)."""

    passed: Times
    failed: Times


def ends_of(values: npt.NDArray[np.int8], margin: float) -> Ends:
    """Return when streams are decided, shape (streams, samples) in."""
    ends = []
    for above in (True, False):
        won = log_wealth(values, -margin, above=above) >= ENOUGH
        ends.append(np.where(won.any(axis=1), won.argmax(axis=1) + 1, NEVER))
    return Ends(*ends)


def check(values: npt.NDArray[np.int8], margin: float, ends: Ends) -> None:
    """Hold some streams against the test itself, value by value."""
    for stream, passed, failed in zip(values, *ends, strict=True):
        test, found = BettingTest(-margin), [NEVER, NEVER]
        for number, value in enumerate(stream.tolist(), 1):
            test.add(float(value))
            for side, most in enumerate((test.most_above, test.most_below)):
                if most >= ENOUGH:
                    found[side] = min(found[side], number)
        if found != [passed, failed]:
            raise SystemExit(f"not the same as BettingTest: {found} and {passed}, {failed}")


def simulate(row: Row) -> tuple[Row, Ends]:
    """Draw streams and see when they are decided."""
    seed = [round(1000 * x) for x in (row.margin, row.discordance, -row.truth)]
    rng, (gain, loss) = np.random.default_rng(seed), row.chances
    parts = []
    for start in range(0, row.draws, TOGETHER):
        uniform = rng.random((min(TOGETHER, row.draws - start), LONGEST))
        values = (uniform < gain).astype(np.int8) - (uniform > 1.0 - loss).astype(np.int8)
        parts.append(ends_of(values, row.margin))
        if not start:
            check(values[:CHECKED], row.margin, Ends(*(end[:CHECKED] for end in parts[0])))
    return row, Ends(*(np.concatenate(own) for own in zip(*parts, strict=True)))


def at_cap(ends: Ends, cap: int) -> list[str]:
    """Return the shares of verdicts and the samples that were asked, for a table."""
    passes = (ends.passed <= cap) & (ends.passed < ends.failed)
    fails = (ends.failed <= cap) & ~passes
    asked = np.minimum(np.minimum(ends.passed, ends.failed), cap)
    shares = [100.0 * float(own.mean()) for own in (passes, fails, ~(passes | fails))]
    said = " / ".join(f"{s:.1f}" if 0 < s < 10 else f"{s:.0f}" for s in shares)
    return [said, f"{np.median(asked):.0f}", f"{asked.mean():.0f}"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2000)
    draws = parser.parse_args().draws
    began = time.perf_counter()
    rows = [
        Row(margin, discordance, -times * margin, draws)
        for margin, discordance, times in itertools.product(MARGINS, DISCORDANCES, (0, 1, 2))
    ]
    print(f"{draws} streams a row; PASS / FAIL / undecided in % of runs; an undecided run counts")
    print("with its cap in medians and means\n")
    print("| margin | discordance | truth | fixed n | its PASS | "
          + " | ".join(f"cap {cap} | median n | mean n" for cap in CAPS) + " |")  # fmt: skip
    print("| ---: | ---: | ---: | ---: | ---: |" + " --- | ---: | ---: |" * len(CAPS))
    with ProcessPoolExecutor(2) as pool:
        for row, ends in pool.map(simulate, rows):
            n = int(sample_size_noninferiority(row.discordance, row.margin))
            differ = sum(row.chances)
            exact = pass_probability(n, row.margin, differ, row.truth)
            cells = [
                f"{100 * row.margin:.0f}",
                f"{differ:.0%}",
                named(row.truth),
                str(n),
                f"{100 * exact:.1f} %",
                *(cell for cap in CAPS for cell in at_cap(ends, cap)),
            ]
            print("| " + " | ".join(cells) + " |", flush=True)
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
