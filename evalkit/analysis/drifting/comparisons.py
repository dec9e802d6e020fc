"""Later runs of an arm against its first one, on the samples that both answered.

Differences of rates are paired and adjusted by Holm over all of one arm; beside each stands what
could have been seen. Lengths and latencies are ratios of quantiles. Each sample stands for itself:
while a model stays the same, samples of one cluster flip independently of each other. That a loss
would be met on other documents too is not said, and there is no verdict.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from evalkit.analysis.drifting.facts import Episode, length_measure
from evalkit.analysis.measures import MEASURES, Measure
from evalkit.analysis.outcomes import REFUSED
from evalkit.analysis.pairing import Pairs, detectable, difference, pairs_of, ratio
from evalkit.stats.multiple import holm

ALPHA = 0.05
RATES = ("quality", "pass_rate", "malformed_rate", "refusal_rate")
TIMES = ("latency_p50_ms", "latency_p95_ms")

Change = Literal["worse", "better", "changed", "none"]


def comparisons(episodes: Sequence[Episode], unit: str) -> list[dict[str, Any]]:
    """Return each later run against the first: a row for each measure.

    Args:
        episodes: Runs that may be compared, in the order of time.
        unit: What lengths are counted in.
    """
    measures = [MEASURES[name] for name in RATES]
    if all(_are_equal(episode) for episode in episodes):
        measures = [measure for measure in measures if measure.name != "pass_rate"]
    first, later = episodes[0], episodes[1:]
    rows = [row for other in later for m in measures if (row := _difference(m, first, other))]
    _adjust(rows)
    times = [length_measure(unit), *(MEASURES[name] for name in TIMES)]
    found = [row for other in later for m in times if (row := _ratio(m, first, other))]
    _bound(found, [(first, other) for other in later], times)
    place = {episode.run_id: index for index, episode in enumerate(episodes)}
    return sorted(rows + found, key=lambda row: place[row["run_id"]])


def _are_equal(episode: Episode) -> bool:
    """Return whether quality and passing are the same figure in a run."""
    outcomes = episode.outcomes
    return np.array_equal(outcomes.quality, outcomes.passed, equal_nan=True)


def _difference(measure: Measure, first: Episode, other: Episode) -> dict[str, Any] | None:
    pairs = replace(pairs_of(measure, first.outcomes, other.outcomes), cluster=None)
    if not len(pairs):
        return None
    found = difference(pairs)
    wins, losses, ties = pairs.wins(higher_is_better=measure.higher_is_better)
    return {
        "run_id": other.run_id,
        "date": other.date,
        "metric": measure.name,
        "kind": "difference",
        "baseline": float(pairs.baseline.mean()),
        "candidate": float(pairs.candidate.mean()),
        "estimate": found.estimate,
        "low": found.low,
        "high": found.high,
        "n": found.n,
        "method": found.method,
        "p_value": found.p_value,
        "wins": wins,
        "losses": losses,
        "ties": ties,
        "change": _direction(measure, found.estimate, first, other),
        "_pairs": pairs,
    }


def _direction(measure: Measure, estimate: float, first: Episode, other: Episode) -> Change:
    """Return what a difference would be, were it shown; more refusals may be what was asked for."""
    if measure.name == "refusal_rate" and (_grades_refusals(first) or _grades_refusals(other)):
        return "changed"
    return "better" if (estimate > 0) == measure.higher_is_better else "worse"


def _grades_refusals(episode: Episode) -> bool:
    outcomes = episode.outcomes
    return bool((outcomes.quality[outcomes.state == REFUSED] > 0).any())


def _adjust(rows: list[dict[str, Any]]) -> None:
    """Adjust the p-values for their number; what they do not show is no change.

    A comparison in which no sample differs can show nothing at any level, so it does not count:
    Tarone (1990), doi:10.2307/2531456.
    """
    counted = [row for row in rows if row["_pairs"].difference.any()]
    adjusted = iter(holm([row["p_value"] for row in counted]) if counted else [])
    for row in rows:
        pairs: Pairs = row.pop("_pairs")
        counts = bool(pairs.difference.any())
        p = next(adjusted) if counts else 1.0
        shown = p < ALPHA and (row["low"] > 0 or row["high"] < 0)
        row["p_adjusted"] = p
        row["n_comparisons"] = len(counted)
        level = ALPHA / (len(counted) + (not counts))
        row["minimum_detectable_effect"] = detectable(pairs, level)
        row["change"] = row["change"] if shown else "none"


def _ratio(measure: Measure, first: Episode, other: Episode) -> dict[str, Any] | None:
    try:
        found = ratio(measure, first.outcomes, other.outcomes).found
    except ValueError:  # nothing was timed, or too little
        return None
    own = [_quantile(measure, episode) for episode in (first, other)]
    return {
        "run_id": other.run_id,
        "date": other.date,
        "metric": measure.name,
        "kind": "ratio",
        "baseline": own[0],
        "candidate": own[1],
        "estimate": found.estimate,
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
        "change": "none",
    }


def _quantile(measure: Measure, episode: Episode) -> float | None:
    values = measure.values(episode.outcomes)
    known = values[~np.isnan(values)]
    return float(np.quantile(known, measure.q)) if len(known) else None


def _bound(
    rows: list[dict[str, Any]],
    duels: Sequence[tuple[Episode, Episode]],
    measures: Sequence[Measure],
) -> None:
    """Mark ratios whose interval excludes 1 at a level that holds for all of them together."""
    level = 1.0 - ALPHA / max(len(rows), 1)
    by_name = {measure.name: measure for measure in measures}
    by_run = {other.run_id: (first, other) for first, other in duels}
    for row in rows:
        row["n_comparisons"] = len(rows)
        first, other = by_run[row["run_id"]]
        found = ratio(by_name[row["metric"]], first.outcomes, other.outcomes, level).found
        row["change"] = "changed" if found.low > 1.0 or found.high < 1.0 else "none"
