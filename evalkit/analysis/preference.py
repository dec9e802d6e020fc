"""Preferences of a judge as figures: win rates, flips, and a ranking of more than two arms.

Repeats are averaged within a sample first; what was not read is counted and left out, never a tie.
It does not know how a judge was asked.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evalkit.analysis.figures import figure_or_none
from evalkit.run.pairs import Compared, Comparison
from evalkit.stats.preferences import WinRate, length_controlled_win_rate, win_rate
from evalkit.stats.ranking import bradley_terry

SCHEMA_VERSION = 1
DRAWS = 500
_ELO = 400 / math.log(10)
_FLIPS_MANY = 0.2


def preference_figures(compared: Compared, *, seed: int = 0) -> dict[str, Any]:
    """Return the document of preferences.json.

    Args:
        compared: All comparisons.
        seed: Of the resampling of samples behind the ranking's intervals.
    """
    pairs = _by_pair(compared)
    figures = [
        _pair(first, second, made, compared.left_out[first, second])
        for (first, second), made in pairs.items()
    ]
    rng = np.random.default_rng(seed)
    return {
        "schema_version": SCHEMA_VERSION,
        "suite": compared.suite,
        "arms": compared.arms,
        "judges": [judge["model"] for judge in compared.facts["judges"]],
        "kin": compared.facts["kin"],
        "prompt_hash": compared.facts["prompt_hash"],
        "pairs": figures,
        "ranking": _ranking(compared, rng) if len(compared.arms) > 2 else None,
        "judge_calls": compared.calls,
        "judge_cost_usd": compared.spent_usd,
        "stopped": compared.stopped,
        "notes": _notes(figures, compared.facts["kin"]),
    }


def _by_pair(compared: Compared) -> dict[tuple[str, str], list[Comparison]]:
    pairs: dict[tuple[str, str], list[Comparison]] = {key: [] for key in compared.left_out}
    for comparison in compared.comparisons:
        pairs[comparison.first, comparison.second].append(comparison)
    return pairs


def _pair(first: str, second: str, made: Sequence[Comparison], left_out: int) -> dict[str, Any]:
    units = _units(made)
    asked = [c for c in made if c.by == "judge"]
    read = [c for c in asked if c.preference is not None]
    places = [sum(c.first_place[i] for c in asked) for i in range(2)]
    decided = [c.preference for c in made if c.preference is not None]
    return {
        "first": first,
        "second": second,
        "n": len({u.sample for u in units if u.preference is not None}),
        "n_comparisons": len(made),
        "n_left_out": left_out,
        "n_unparsed": len(asked) - len(read),
        "wins": sum(p == 1 for p in decided),
        "losses": sum(p == 0 for p in decided),
        "ties": sum(p == 0.5 for p in decided),
        "by_form": sum(c.by == "form" for c in made),
        "equal_texts": sum(c.by == "equal" for c in made),
        "flip_rate": sum(c.flip for c in read) / len(read) if read else None,
        "first_place_rate": places[0] / places[1] if places[1] else None,
        "win_rate": figure_or_none(lambda: win_rate(*_columns(units))),
        "length_controlled_win_rate": figure_or_none(lambda: _controlled(units)),
        "mean_length": [_mean(made, i) for i in range(2)],
    }


class _Unit:
    """One sample of a pair: its repeats averaged."""

    def __init__(self, sample: str, made: Sequence[Comparison]) -> None:
        said = [c.preference for c in made if c.preference is not None]
        self.sample = sample
        self.cluster = made[0].cluster
        self.preference = sum(said) / len(said) if said else None
        self.lengths = [float(np.mean([c.lengths[i] for c in made])) for i in range(2)]


def _units(made: Sequence[Comparison]) -> list[_Unit]:
    by_sample: dict[str, list[Comparison]] = defaultdict(list)
    for comparison in made:
        by_sample[comparison.sample_id].append(comparison)
    return [_Unit(sample, own) for sample, own in by_sample.items()]


def _columns(units: Sequence[_Unit]) -> tuple[list[float | None], list[str] | None]:
    """Return preferences and, where samples come from common sources, those."""
    clusters = None
    if any(unit.cluster is not None for unit in units):
        clusters = [unit.cluster or f"sample\0{unit.sample}" for unit in units]
    return [unit.preference for unit in units], clusters


def _controlled(units: Sequence[_Unit]) -> WinRate:
    preferences, clusters = _columns(units)
    lengths = [[unit.lengths[i] for unit in units] for i in range(2)]
    return length_controlled_win_rate(preferences, lengths[0], lengths[1], clusters)


def _mean(made: Sequence[Comparison], which: int) -> float | None:
    return float(np.mean([c.lengths[which] for c in made])) if made else None


def _ranking(compared: Compared, rng: np.random.Generator) -> dict[str, Any] | None:
    """Return Bradley-Terry strengths with intervals from resampled samples, best first."""
    place = {arm: number for number, arm in enumerate(compared.arms)}
    tables: dict[str, np.ndarray[Any, Any]] = {}
    for (first, second), made in _by_pair(compared).items():
        for unit in _units(made):
            if unit.preference is None:
                continue
            table = tables.setdefault(
                unit.cluster or f"sample\0{unit.sample}", np.zeros((len(place), len(place)))
            )
            table[place[first], place[second]] += unit.preference
            table[place[second], place[first]] += 1 - unit.preference
    if not tables:
        return None
    stack = np.stack(list(tables.values()))
    try:
        found = bradley_terry(stack.sum(axis=0))
        draws = _resampled(stack, rng)
    except ValueError:  # no strengths can be told: the pairs stand by themselves
        return None
    low, high = np.quantile(draws, [0.025, 0.975], axis=0) if len(stack) > 1 else (None, None)
    rows = [
        {
            "arm": arm,
            "strength": found.estimate[i],
            "standard_error": found.standard_error[i],
            "low": None if low is None else float(low[i]),
            "high": None if high is None else float(high[i]),
            "elo": _ELO * found.estimate[i],
        }
        for arm, i in place.items()
    ]
    return {
        "method": found.method,
        "n_units": len(stack),
        "arms": sorted(rows, key=lambda row: (-row["strength"], row["arm"])),
    }


def _resampled(stack: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Return the strengths of resampled units: samples, not votes, are what varies."""
    n = len(stack)
    draws = []
    for _ in range(DRAWS):
        counts = np.bincount(rng.integers(0, n, n), minlength=n)
        draws.append(bradley_terry(np.tensordot(counts, stack, axes=1)).estimate)
    return np.array(draws)


def _notes(figures: Sequence[Mapping[str, Any]], kin: Mapping[str, Any]) -> list[str]:
    notes = []
    for pair in figures:
        name = f"{pair['first']} against {pair['second']}"
        if (pair["flip_rate"] or 0) > _FLIPS_MANY:
            notes.append(
                f"{name}: {100 * pair['flip_rate']:.0f} % of the verdicts turned round when the "
                "outputs changed places: this judge judges the place"
            )
        if pair["n_unparsed"]:
            notes.append(f"{name}: {pair['n_unparsed']} without a readable verdict, left out")
        if pair["n_left_out"]:
            notes.append(f"{name}: {pair['n_left_out']} answered by one of them only, left out")
    for arm, judges in kin.items():
        notes += [f"{judge} judges {arm}, its kin: {reason}" for judge, reason in judges.items()]
    return notes
