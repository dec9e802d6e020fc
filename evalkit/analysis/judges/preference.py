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
from evalkit.stats.ranking import bradley_terry, strength_limits

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
        _pair(pair, made, compared.left_out[pair], compared.not_made.get(pair, 0))
        for pair, made in pairs.items()
    ]
    rng = np.random.default_rng(seed)
    return {
        "schema_version": SCHEMA_VERSION,
        "suite": compared.suite,
        "runs": compared.facts["runs"],
        "arms": compared.arms,
        "judges": [judge["model"] for judge in compared.facts["judges"]],
        "kin": compared.facts["kin"],
        "prompt_hash": compared.facts["prompt_hash"],
        "pairs": figures,
        "ranking": _ranking(compared, figures, rng) if len(figures) > 1 else None,
        "judge_calls": compared.calls,
        "judge_cost_usd": compared.spent_usd,
        "stopped": compared.stopped,
        "notes": _notes(figures, compared),
    }


def _by_pair(compared: Compared) -> dict[tuple[str, str], list[Comparison]]:
    pairs: dict[tuple[str, str], list[Comparison]] = {key: [] for key in compared.left_out}
    for comparison in compared.comparisons:
        pairs[comparison.first, comparison.second].append(comparison)
    return pairs


def _pair(
    pair: tuple[str, str], made: Sequence[Comparison], left_out: int, not_made: int
) -> dict[str, Any]:
    units = _units(made)
    asked = [c for c in made if c.by == "judge"]
    lost = [c for c in asked if c.preference is None]
    decided = [c.preference for c in made if c.preference is not None]
    votes = [verdict for c in asked for verdict in c.verdicts]
    names = dict.fromkeys(verdict["judge"] for verdict in votes)
    # where nobody answered, what form decided would be the whole figure
    founded = len(asked) > len(lost) or not (lost or not_made)
    return {
        "first": pair[0],
        "second": pair[1],
        "n": len({u.sample for u in units if u.preference is not None}),
        "n_comparisons": len(decided),
        "n_left_out": left_out,
        "n_unparsed": sum(not c.failed for c in lost),
        "n_failed": sum(c.failed for c in lost),
        "n_not_made": not_made,
        "wins": sum(p == 1 for p in decided),
        "losses": sum(p == 0 for p in decided),
        "ties": sum(p == 0.5 for p in decided),
        "by_form": sum(c.by == "form" for c in made),
        "equal_texts": sum(c.by == "equal" for c in made),
        **{name: value for name, value in _places(votes).items() if name != "n"},
        "judges": {name: _places([v for v in votes if v["judge"] == name]) for name in names},
        "win_rate": figure_or_none(lambda: win_rate(*_columns(units))) if founded else None,
        "length_controlled_win_rate": figure_or_none(lambda: _controlled(units))
        if founded
        else None,
        "mean_length": [_mean(made, i) for i in range(2)],
    }


def _places(votes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how far votes went by the place of an output; n counts those read in both orders."""
    read = [vote for vote in votes if vote["preference"] is not None]
    named = [place for vote in votes for place in vote["places"] if place != "tie"]
    return {
        "n": len(read),
        "flip_rate": sum(vote["flip"] for vote in read) / len(read) if read else None,
        "first_place_rate": named.count("first") / len(named) if named else None,
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


def _ranking(
    compared: Compared, figures: Sequence[Mapping[str, Any]], rng: np.random.Generator
) -> dict[str, Any] | None:
    """Return Bradley-Terry strengths with intervals from weighted samples, best first.

    There is none where some pair has comparisons but no win rate, for want of a judge.
    """
    if any(pair["win_rate"] is None and pair["n_comparisons"] for pair in figures):
        return None
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
        low, high = strength_limits(stack, rng, DRAWS) if len(stack) > 1 else (None, None)
    except ValueError:  # no strengths can be told: the pairs stand by themselves
        return None
    rows = [
        {
            "arm": arm,
            "strength": found.estimate[i],
            "standard_error": found.standard_error[i],
            "low": None if low is None else low[i],
            "high": None if high is None else high[i],
            "elo": _ELO * found.estimate[i],
        }
        for arm, i in place.items()
    ]
    return {
        "method": found.method,
        "n_units": len(stack),
        "arms": sorted(rows, key=lambda row: (-row["strength"], row["arm"])),
    }


def _notes(figures: Sequence[Mapping[str, Any]], compared: Compared) -> list[str]:
    notes = [
        f"{pair['first']} against {pair['second']}: {said}"
        for pair in figures
        for said in [*_place_notes(pair), *_lost_notes(pair)]
    ]
    if compared.spent_usd is not None and compared.unpriced:
        notes.append(f"{compared.unpriced} judge answers have no price, so the cost lacks them")
    for arm, judges in compared.facts["kin"].items():
        notes += [f"{judge} judges {arm}, its kin: {reason}" for judge, reason in judges.items()]
    return notes


def _place_notes(pair: Mapping[str, Any]) -> list[str]:
    """Name the judges that judge the place."""
    return [
        f"{100 * found['flip_rate']:.0f} % of the verdicts of {judge} turned round when the "
        "outputs changed places: this judge judges the place"
        for judge, found in pair["judges"].items()
        if (found["flip_rate"] or 0) > _FLIPS_MANY
    ]


def _lost_notes(pair: Mapping[str, Any]) -> list[str]:
    """Say what is not in the figures of a pair, and why."""
    counts = {
        "without a readable verdict, left out": pair["n_unparsed"],
        "for which no verdict came from a judge, left out": pair["n_failed"],
        "not compared, since it was stopped": pair["n_not_made"],
        "answered by one of them only, left out": pair["n_left_out"],
    }
    notes = [f"{count} {said}" for said, count in counts.items() if count]
    if pair["win_rate"] is None and pair["n_comparisons"]:
        notes.append(
            f"no win rate: no judge gave a verdict, and the {pair['n_comparisons']} decided "
            "without one alone do not say who is better"
        )
    return notes
