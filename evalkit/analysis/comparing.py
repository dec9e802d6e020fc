"""A comparison from files: runs read, arms named, duels made, outputs fetched that flipped.

How a figure is made is not known here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evalkit.analysis.arms import find_arm
from evalkit.analysis.caveats import caveats_of
from evalkit.analysis.compare import DRAWS, Comparison, Contestant, Duel, duels_of, left_out
from evalkit.analysis.measures import MEASURES
from evalkit.analysis.outputs import output_text
from evalkit.analysis.reading import Reading, read_run
from evalkit.analysis.sides import differences, sides_of
from evalkit.core.errors import ConfigError
from evalkit.core.records import Record, Trial
from evalkit.run.folder import Run

SCHEMA_VERSION = 1
LEAST_DRAWS = 1000


class CompareRequest(Record, frozen=True, kw_only=True):
    """What `compare` is asked to do.

    Attributes:
        runs: One run, or several of the same suites.
        baseline: Set every arm against this one; None sets every two arms against each other.
        models: Only these arms.
        flips: So many samples that flipped are shown for each duel, with both outputs.
        draws: Draws of the bootstrap check.
        seed: Their seed.
        providers: Another providers file to take prices from.
        allow_changed: Compare runs that asked or graded differently all the same.
    """

    runs: tuple[Path, ...]
    baseline: str | None = None
    models: tuple[str, ...] | None = None
    flips: int = 10
    draws: int = DRAWS
    seed: int = 0
    providers: Path | None = None
    allow_changed: bool = False


class _Flip(NamedTuple):
    """A sample that passed with one arm and failed with the other."""

    sample: int
    baseline: float
    candidate: float


def compare_runs(request: CompareRequest) -> dict[str, Any]:
    """Return the document of `evalkit compare --json`.

    Raises:
        ConfigError: If an arm is not there, or there is nothing to compare.
        JournalError: If a journal is foreign, mixed or edited.
    """
    _check(request)
    readings = {str(folder): read_run(Run(folder), request.providers) for folder in request.runs}
    contestants = _contestants(list(readings.values()), request)
    baseline = request.baseline and _arm(request.baseline, "--baseline", contestants)
    duels = [
        duel
        for suite in dict.fromkeys(c.outcomes.suite for c in contestants)
        for duel in duels_of([c for c in contestants if c.outcomes.suite == suite], baseline)
    ]
    if not duels:
        raise ConfigError(f"{request.runs[0]}: there are no two arms of one suite to compare")
    found = list(dict.fromkeys(
        line for duel in duels for line in differences(duel.baseline.side, duel.candidate.side)
    ))  # fmt: skip
    comparable = not found or request.allow_changed
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "runs": [str(folder) for folder in request.runs],
        "run_ids": [reading.run.run_id for reading in readings.values()],
        "comparable": comparable,
        "differences": found,
        "pairs": [],
        "left_out": [],
        "flips": [],
        "not_honoured": _not_honoured(contestants),
        "warnings": [],
    }
    if comparable:
        _fill(document, duels, readings, request)
    return document


def _check(request: CompareRequest) -> None:
    """Refuse what cannot be meant.

    Raises:
        ConfigError: If a run is named twice, or too few draws are asked for.
    """
    if 0 < request.draws < LEAST_DRAWS:
        raise ConfigError(
            f"compare: --draws must be 0 or at least {LEAST_DRAWS}, got {request.draws}: fewer "
            "draws make limits that change with the seed"
        )
    places = Counter(folder.resolve() for folder in request.runs)
    twice = [str(folder) for folder in request.runs if places[folder.resolve()] > 1]
    if twice:
        raise ConfigError(f"compare: {twice[0]} is named twice; name each run once")


def _fill(
    document: dict[str, Any],
    duels: Sequence[Duel],
    readings: Mapping[str, Reading],
    request: CompareRequest,
) -> None:
    names: dict[str, dict[int, str]] = {}
    for reading in readings.values():
        for suite, known in reading.names.items():
            names.setdefault(suite, {}).update(known)
    for suite in dict.fromkeys(duel.candidate.outcomes.suite for duel in duels):
        own = [duel for duel in duels if duel.candidate.outcomes.suite == suite]
        comparison = Comparison(own, draws=request.draws, seed=request.seed)
        document["pairs"] += comparison.rows()
        document["left_out"] += [left_out(duel, names.get(suite, {})) for duel in own]
        flips = [(duel, _flips(comparison, duel, request.flips)) for duel in own]
        document["flips"] += _with_outputs(flips, readings)
    document["warnings"] = [line for own in readings.values() for line in caveats_of(own.run)]


def _contestants(readings: Sequence[Reading], request: CompareRequest) -> list[Contestant]:
    """Return the arms to compare, each with a name of its own.

    Raises:
        ConfigError: If a named arm is not there.
    """
    found: list[tuple[Run, Any]] = []
    for reading in readings:
        found += [(reading.run, side) for side in sides_of(reading).values()]
    places = {reading.run.run_id: number for number, reading in enumerate(readings, 1)}
    names = Counter((side.outcomes.suite, side.outcomes.arm) for _, side in found)
    contestants = [
        Contestant(
            side.outcomes.arm
            if names[side.outcomes.suite, side.outcomes.arm] == 1
            else f"{side.outcomes.arm} (run {places[run.run_id]})",
            run.run_id,
            side,
        )
        for run, side in found
    ]
    if request.models is None:
        return contestants
    kept = {_arm(name, "--models", contestants) for name in request.models}
    if request.baseline is not None:
        kept.add(_arm(request.baseline, "--baseline", contestants))
    return [c for c in contestants if c.outcomes.arm in kept or c.label in kept]


def _arm(name: str, option: str, contestants: Sequence[Contestant]) -> str:
    """Return the arm, or the label, that a name stands for.

    Raises:
        ConfigError: If it stands for none.
    """
    if any(c.label == name for c in contestants):
        return name
    found = find_arm(name, (c.side.named for c in contestants))
    if found is None:
        known = ", ".join(dict.fromkeys(c.outcomes.arm for c in contestants))
        raise ConfigError(f"compare: {option} {name!r} is no arm of these runs; they have: {known}")
    return found


def _not_honoured(contestants: Sequence[Contestant]) -> list[str]:
    return [
        f"{c.outcomes.suite}: {c.label}: {line}"
        for c in contestants
        for line in c.side.not_honoured
    ]


def _flips(comparison: Comparison, duel: Duel, most: int) -> tuple[list[_Flip], dict[str, int]]:
    """Return the samples that flipped, the worst regressions first, and how many there are."""
    pairs = comparison.pairs(MEASURES["pass_rate"], duel)
    before, after = pairs.baseline > 0.5, pairs.candidate > 0.5
    gap = pairs.difference
    flipped = np.flatnonzero(before != after)
    order = flipped[np.lexsort((pairs.sample[flipped], gap[flipped]))][:most]
    counts = {
        "regressed": int((before & ~after).sum()),
        "improved": int((~before & after).sum()),
    }
    return [
        _Flip(int(pairs.sample[i]), float(pairs.baseline[i]), float(pairs.candidate[i]))
        for i in order
    ], counts


def _with_outputs(
    flips: Sequence[tuple[Duel, tuple[list[_Flip], dict[str, int]]]],
    readings: Mapping[str, Reading],
) -> list[dict[str, Any]]:
    """Fetch both outputs of every sample that flipped."""
    return [
        {
            "suite": duel.candidate.outcomes.suite,
            "baseline": duel.baseline.label,
            "candidate": duel.candidate.label,
            **counts,
            "samples": [
                _flip_row(flip, *(_trial(c, flip.sample, readings) for c in duel)) for flip in own
            ],
        }
        for duel, (own, counts) in flips
    ]


def _trial(contestant: Contestant, sample: int, readings: Mapping[str, Reading]) -> Trial | None:
    """Return an arm's first repeat of a sample."""
    outcomes = contestant.outcomes
    first = int(np.searchsorted(outcomes.sample, np.uint64(sample)))
    key = (outcomes.suite, sample, outcomes.arm, int(outcomes.repeat[first]))
    found = readings[contestant.side.source].trials([key])
    return found[0] if found else None


def _flip_row(flip: _Flip, before: Trial | None, after: Trial | None) -> dict[str, Any]:
    either = after or before
    return {
        "sample_id": either.sample_id if either else None,
        "slices": either.slices if either else {},
        "critical": either.critical if either else False,
        "regressed": flip.candidate < flip.baseline,
        "baseline": _side_row(before, flip.baseline),
        "candidate": _side_row(after, flip.candidate),
    }


def _side_row(trial: Trial | None, passed: float) -> dict[str, Any]:
    if trial is None:
        return {"passed": passed, "status": None, "rung": None, "output": None}
    return {
        "passed": passed,
        "status": trial.status,
        "rung": trial.output_rung,
        "output": output_text(trial),
    }
