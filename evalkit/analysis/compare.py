"""Arms against each other on the samples that both answered: differences with intervals.

Every figure is paired, repeats are averaged within a sample first, and beside each "no difference"
stands what could have been seen. It does not decide anything: that is the gate's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Literal, NamedTuple

import numpy as np

from evalkit.analysis.measures import MEASURES, Measure
from evalkit.analysis.outcomes import Mask, Outcomes, numbered
from evalkit.analysis.pairing import (
    POWER,
    Pairs,
    SampleMeans,
    detectable,
    difference,
    joined,
    ratio,
    sample_means,
    spread,
)
from evalkit.analysis.sides import Side, unshared
from evalkit.stats.distributions import normal_quantile
from evalkit.stats.multiple import holm
from evalkit.stats.paired import PairedDifference
from evalkit.stats.resampling import resampled_sums

LEVEL = 0.95
DRAWS = 10_000
MOST_LEFT_OUT = 50
MEANS = ("quality", "pass_rate", "malformed_rate", "usable_rate", "refusal_rate")
RATIOS = (
    "latency_p50_ms", "latency_p95_ms", "ttft_p50_ms", "cost_per_success_usd", "cost_per_1000_usd",
)  # fmt: skip
_LEAST_IN_SLICE = 2
Row = Mapping[str, Any]
Said = Literal["better", "worse", "not told apart", "too few", "not compared"]


class Contestant(NamedTuple):
    """An arm of one suite, with the name that it goes by among the others."""

    label: str
    run_id: str
    side: Side

    @property
    def outcomes(self) -> Outcomes:
        """Its trials."""
        return self.side.outcomes


class Duel(NamedTuple):
    """Two arms of one suite."""

    baseline: Contestant
    candidate: Contestant


def duels_of(contestants: Sequence[Contestant], baseline: str | None) -> list[Duel]:
    """Return who is set against whom: all against the baseline, or every two arms.

    The same arm of two runs is set against itself, where there is such; a change over time is
    what two runs are compared for.
    """
    if baseline is not None:
        first = [c for c in contestants if c.label == baseline or c.outcomes.arm == baseline][:1]
        return [Duel(b, c) for b in first for c in contestants if c is not b]
    pairs = [Duel(b, c) for b, c in combinations(contestants, 2)]
    same = [d for d in pairs if d.baseline.outcomes.arm == d.candidate.outcomes.arm]
    return same or pairs


class Comparison:
    """The rows of one suite's duels, each measure of an arm being averaged once.

    Args:
        duels: Who is set against whom.
        draws: Draws of the bootstrap check; 0 leaves it out.
        seed: Seed of those draws.
    """

    def __init__(self, duels: Sequence[Duel], *, draws: int = DRAWS, seed: int = 0) -> None:
        self._duels = duels
        self._draws = draws
        self._seed = seed
        self._means: dict[tuple[int, str], SampleMeans] = {}

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each duel and measure, then one for each slice."""
        rows: list[dict[str, Any]] = []
        for name in MEANS:
            rows += self._mean_rows(MEASURES[name])
        for name in RATIOS:
            rows += [row for duel in self._duels if (row := ratio_row(MEASURES[name], duel))]
        for duel in self._duels:
            rows += self._slice_rows(duel)
        place = {id(duel): index for index, duel in enumerate(self._duels)}
        rows.sort(key=lambda row: place[row["duel"]])
        return [{key: value for key, value in row.items() if key != "duel"} for row in rows]

    def _mean_rows(self, measure: Measure) -> list[dict[str, Any]]:
        """Return one measure of all duels, adjusted for their number."""
        found: list[tuple[Duel, Pairs, PairedDifference]] = []
        for duel in self._duels:
            pairs = self.pairs(measure, duel)
            if len(pairs):
                found.append((duel, pairs, difference(pairs, LEVEL)))
        adjusted = holm([d.p_value for _, _, d in found]) if found else []
        rows = [
            {**mean_row(measure, duel, pairs, own, len(found)), "p_adjusted": p}
            for (duel, pairs, own), p in zip(found, adjusted, strict=True)
        ]
        if measure.name == "quality" and self._draws:
            self._check(found, rows)
        return rows

    def pairs(self, measure: Measure, duel: Duel) -> Pairs:
        """Return a measure on the samples that both arms have it of."""
        return joined(self._of(measure, duel.baseline), self._of(measure, duel.candidate))

    def _of(self, measure: Measure, contestant: Contestant) -> SampleMeans:
        key = (id(contestant.side), measure.name)
        if key not in self._means:
            outcomes = contestant.outcomes
            self._means[key] = sample_means(outcomes, measure.values(outcomes))
        return self._means[key]

    def _check(
        self, found: Sequence[tuple[Duel, Pairs, PairedDifference]], rows: list[dict[str, Any]]
    ) -> None:
        """Set a bootstrap over clusters beside the intervals that are not exact."""
        open_ = [i for i, (_, pairs, own) in enumerate(found) if not pairs.is_binary and own.n > 1]
        if not open_:
            return
        draws = bootstrap_differences([found[i][1] for i in open_], self._draws, self._seed)
        tail = (1.0 - LEVEL) / 2.0
        for place, index in enumerate(open_):
            low, high = np.quantile(draws[:, place], (tail, 1.0 - tail))
            own = found[index][2]
            rows[index]["check"] = {
                "low": float(low),
                "high": float(high),
                "method": "percentile-bootstrap",
                "draws": self._draws,
                "agrees": bool((low > 0) == (own.low > 0) and (high < 0) == (own.high < 0)),
            }

    def _slice_rows(self, duel: Duel) -> list[dict[str, Any]]:
        """Return quality in each slice; Holm over all slices of the duel."""
        measure = MEASURES["quality"]
        found = []
        for wanted, masks in _slices(duel):
            pairs = joined(
                *(
                    sample_means(c.outcomes, measure.values(c.outcomes), mask)
                    for c, mask in zip(duel, masks, strict=True)
                )
            )
            if len(pairs) >= _LEAST_IN_SLICE:
                found.append((wanted, pairs, difference(pairs, LEVEL)))
        adjusted = holm([own.p_value for _, _, own in found]) if found else []
        return [
            {
                **mean_row(measure, duel, pairs, own, len(found)),
                "slice": wanted,
                "p_adjusted": p,
            }
            for (wanted, pairs, own), p in zip(found, adjusted, strict=True)
        ]


def mean_row(
    measure: Measure, duel: Duel, pairs: Pairs, own: PairedDifference, comparisons: int = 1
) -> dict[str, Any]:
    """Return a row of `compare` for a measure that is a mean, one of so many comparisons."""
    wins, losses, ties = pairs.wins(higher_is_better=measure.higher_is_better)
    return {
        **_who(measure, duel),
        "difference": own.estimate,
        "low": own.low,
        "high": own.high,
        "n": own.n,
        "method": own.method,
        "p_value": own.p_value,
        "p_adjusted": None,
        "n_comparisons": comparisons,
        "wins": wins,
        "losses": losses,
        "ties": ties,
        "minimum_detectable_effect": _least_effect(pairs),
        "would_show": _would_show(pairs, own, comparisons),
        "baseline_value": float(pairs.baseline.mean()),
        "candidate_value": float(pairs.candidate.mean()),
        "check": None,
    }


def ratio_row(measure: Measure, duel: Duel) -> dict[str, Any] | None:
    """Return a row for times or money: candidate by baseline; None where it cannot be had."""
    try:
        both = ratio(measure, duel.baseline.outcomes, duel.candidate.outcomes, LEVEL)
    except ValueError:
        return None
    found = both.found
    return {
        **_who(measure, duel),
        "difference": None,
        "ratio": found.estimate,
        "low": found.low if found.low > 0 else None,
        "high": found.high if math.isfinite(found.high) else None,
        "n": found.n,
        "method": found.method,
        "p_value": None,
        "p_adjusted": None,
        "n_comparisons": 1,
        "wins": None,
        "losses": None,
        "ties": None,
        "minimum_detectable_effect": None,
        "would_show": None,
        "baseline_value": both.values[0],
        "candidate_value": both.values[1],
        "check": None,
    }


def _least_effect(pairs: Pairs) -> float | None:
    """Return (z[1 - alpha/2] + z[power]) times the standard error of the difference as it was.

    For zeros and ones that is `minimum_detectable_effect` of the discordance that was seen. None
    where all pairs are equal, or above 1.
    """
    if not pairs.difference.any():
        return None
    z = normal_quantile(0.5 + LEVEL / 2.0) + normal_quantile(POWER)
    found = z * spread(pairs) / math.sqrt(pairs.units)
    return found if found <= 1.0 else None


def _would_show(pairs: Pairs, own: PairedDifference, comparisons: int) -> float | None:
    """Return the difference that would be found in 80 % of such studies, adjusted for their number.

    Where the interval is the cautious one of few samples, it is that one's reach with the same
    power.
    """
    alpha = (1.0 - LEVEL) / comparisons
    found = detectable(pairs, alpha)
    if found is None or "gaffke" not in own.method:
        return found
    z = normal_quantile(0.5 + LEVEL / 2.0)
    wide = 0.5 * (own.high - own.low) * (z + normal_quantile(POWER)) / z
    return max(found, wide) if wide < 1.0 else None


def bootstrap_differences(
    pairs: Sequence[Pairs], draws: int, seed: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return the mean differences in draws over clusters (else samples), shape (draws, pairs).

    All pairs are drawn together: one sample is drawn as often for each of them.
    """
    unit = [p.sample if p.cluster is None else p.cluster for p in pairs]
    codes = numbered(np.concatenate(unit))
    size = int(codes.max()) + 1
    columns = []
    start = 0
    for one in pairs:
        own = codes[start : start + len(one)]
        start += len(one)
        columns += [
            np.bincount(own, weights=one.difference, minlength=size),
            np.bincount(own, minlength=size).astype(np.float64),
        ]
    sums = resampled_sums(np.stack(columns, axis=1), draws, np.random.default_rng(seed))
    return np.asarray(sums[:, 0::2] / np.maximum(sums[:, 1::2], 1.0))


def left_out(duel: Duel, names: Mapping[int, str]) -> dict[str, Any]:
    """Return how many samples only one of the two has, and the first of their ids.

    Args:
        duel: The two arms.
        names: Ids of the suite's samples by their hash.
    """
    gone = unshared(duel.baseline.outcomes, duel.candidate.outcomes)
    ids = sorted(names.get(int(one), f"{int(one):016x}") for part in gone for one in part)
    return {
        "suite": duel.candidate.outcomes.suite,
        "baseline": duel.baseline.label,
        "candidate": duel.candidate.label,
        "only_baseline": len(gone.only_baseline),
        "only_candidate": len(gone.only_candidate),
        "samples": ids[:MOST_LEFT_OUT],
    }


def _who(measure: Measure, duel: Duel) -> dict[str, Any]:
    return {
        "duel": id(duel),
        "suite": duel.candidate.outcomes.suite,
        "metric": measure.name,
        "slice": None,
        "baseline": duel.baseline.label,
        "candidate": duel.candidate.label,
        "higher_is_better": measure.higher_is_better,
    }


def _slices(duel: Duel) -> Iterator[tuple[Mapping[str, str], tuple[Mask, Mask]]]:
    baseline, candidate = duel.baseline.outcomes, duel.candidate.outcomes
    for column in sorted(set(baseline.slices) & set(candidate.slices)):
        shared = set(baseline.slices[column].values) & set(candidate.slices[column].values)
        for value in sorted(shared):
            wanted = {column: value}
            yield wanted, (baseline.within(wanted), candidate.within(wanted))


def turned(row: Row) -> Row:
    """Return a row of `compare` with baseline and candidate exchanged."""
    low, high = row["low"], row["high"]
    swapped: dict[str, Any] = {
        **row,
        "baseline": row["candidate"],
        "candidate": row["baseline"],
        "baseline_value": row["candidate_value"],
        "candidate_value": row["baseline_value"],
        "wins": row["losses"],
        "losses": row["wins"],
    }
    if row["difference"] is None:
        swapped["ratio"] = 1.0 / row["ratio"]
        swapped["low"] = None if high is None else 1.0 / high
        swapped["high"] = None if low is None else 1.0 / low
    else:
        swapped |= {"difference": -row["difference"], "low": -high, "high": -low}
    return swapped


def reading_of(row: Row | None) -> Said:
    """Return what a difference says of the candidate, adjusted for how many were compared."""
    if row is None:
        return "not compared"
    better, worse = row["low"] > 0, row["high"] < 0
    if not row["higher_is_better"]:
        better, worse = worse, better
    if (better or worse) and (row["p_adjusted"] is None or row["p_adjusted"] < 1.0 - LEVEL):
        return "better" if better else "worse"
    return "too few" if row["would_show"] is None else "not told apart"
