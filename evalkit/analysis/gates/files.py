"""A gate from files: the runs and the baseline file read, the two arms found, the gate held.

What the rules mean is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from evalkit.analysis.caveats import caveats_of
from evalkit.analysis.gates.baseline import is_baseline_file, read_baseline
from evalkit.analysis.gates.document import Contest, gate_document
from evalkit.analysis.gates.names import unknown_names
from evalkit.analysis.gates.policy import GatePolicy, read_gate
from evalkit.analysis.outcomes import Array
from evalkit.analysis.pairing import sample_means
from evalkit.analysis.reading import Reading, read_run
from evalkit.analysis.sides import Side, find_side, sides_of
from evalkit.core.errors import ConfigError
from evalkit.core.records import Record, Trial, hash64
from evalkit.run.folder import Run

Sides = Mapping[tuple[str, str], Side]
MOST_REGRESSIONS = 50


class GateRequest(Record, frozen=True, kw_only=True):
    """What `gate` is asked to do.

    Attributes:
        run: The run that holds the candidate, and without `against` the baseline too.
        policy: gate.yaml.
        against: A run or baseline file that holds the baseline.
        baseline: The arm in use; default: the policy's, or the only one that there is.
        candidate: The arm that may take its place; default likewise.
        providers: Another providers file to take prices from.
        allow_changed: Compare runs that are not comparable all the same.
        on_inconclusive: In place of the policy's.
    """

    run: Path
    policy: Path
    against: Path | None = None
    baseline: str | None = None
    candidate: str | None = None
    providers: Path | None = None
    allow_changed: bool = False
    on_inconclusive: str | None = None


def hold_gate(request: GateRequest) -> dict[str, Any]:
    """Return the gate's document.

    Raises:
        ConfigError: If the policy is wrong, or an arm is not there.
        JournalError: If a journal is foreign, mixed or edited.
    """
    policy = read_gate(request.policy)
    if request.on_inconclusive is not None:
        policy = msgspec.structs.replace(policy, on_inconclusive=request.on_inconclusive)
    run = Run(request.run)
    reading = read_run(run, request.providers)
    sides = sides_of(reading)
    others = sides if request.against is None else _others(request)
    contests = contests_of(sides, others, request, policy)
    check_rules(policy, contests)
    document = gate_document(contests, policy, allow_changed=request.allow_changed)
    document["run"] = str(request.run)
    document["against"] = None if request.against is None else str(request.against)
    document["warnings"] = caveats_of(run)
    document["regressions"] = _regressions(reading, contests)
    return document


def _others(request: GateRequest) -> Sides:
    """Return the baseline's side, out of a run or a baseline file."""
    if request.against is None:
        raise ConfigError("gate: --against is missing; it is a run or a baseline file")
    if is_baseline_file(request.against):
        return read_baseline(request.against)
    return sides_of(read_run(Run(request.against), request.providers))


def contests_of(
    sides: Sides, others: Sides, request: GateRequest, policy: GatePolicy
) -> list[Contest]:
    """Return the two arms on each suite that both have.

    Raises:
        ConfigError: If an arm is not named and cannot be guessed, or is not there.
    """
    against = request.against or request.run
    stopping = next((side.stopping for side in sides.values() if side.stopping), None) or {}
    baseline = request.baseline or policy.baseline
    candidate = request.candidate or policy.candidate or stopping.get("candidate")
    if others is sides:
        baseline = baseline or stopping.get("baseline")
    if baseline is None:
        baseline = _only(others, exclude=candidate if others is sides else None,
                         option="--baseline", where=str(against))  # fmt: skip
    if candidate is None:
        candidate = _only(sides, exclude=baseline if others is sides else None,
                          option="--candidate", where=str(request.run))  # fmt: skip
    contests = []
    for suite in dict.fromkeys(name for name, _ in sides):
        new = find_side(sides, suite, candidate, str(request.run))
        old = find_side(others, suite, baseline, str(against)) or _renamed(others, new, baseline)
        if new is not None and old is not None:
            contests.append(Contest(old, new))
    if not contests:
        raise ConfigError(
            f"{request.run}: {candidate!r} and {baseline!r} of {against} have no suite in common"
        )
    if any(contest.baseline is contest.candidate for contest in contests):
        raise ConfigError(f"gate: baseline and candidate are both {baseline!r}; name two arms")
    return contests


def _renamed(others: Sides, new: Side | None, baseline: str) -> Side | None:
    """Return the baseline on the same suite under another name: contents count, not names."""
    if new is None or not new.identity.hash:
        return None
    found = [
        side
        for (_, arm), side in others.items()
        if arm == baseline and side.identity.hash == new.identity.hash
    ]
    return found[0] if len(found) == 1 else None


def check_rules(policy: GatePolicy, contests: Sequence[Contest]) -> None:
    """Refuse rules on what neither arm has on any suite: a slip of the pen must not look open.

    Raises:
        ConfigError: With file and line of each.
    """
    suites = [
        {
            "name": contest.suite,
            "slices": {
                column: own.values
                for side in contest
                for column, own in side.outcomes.slices.items()
            },
            "graders": [name for side in contest for name in side.graders],
        }
        for contest in contests
    ]
    if any(len(side.outcomes) for contest in contests for side in contest):
        problems = unknown_names(policy.rules, suites)
        if problems:
            raise ConfigError(problems)


def _only(sides: Sides, *, exclude: str | None, option: str, where: str) -> str:
    every = list(dict.fromkeys(name for _, name in sides))
    names = [n for n in every if n != exclude]
    if len(names) == 1 and (exclude is not None or option == "--candidate" or len(every) == 1):
        return names[0]
    if not names:
        raise ConfigError(
            f"{where}: {exclude!r} is its only arm; name --against a run or baseline file that "
            "holds the other"
        )
    raise ConfigError(
        f"{where}: {option} is missing; it has the arms: {', '.join(names) or 'none'}"
    )


def _regressions(reading: Reading, contests: list[Contest]) -> list[dict[str, Any]]:
    """Return the samples that the candidate does worst on against the baseline, by id."""
    lost: dict[tuple[str, int], tuple[float, float]] = {}
    for contest in contests:
        own = _lost(contest)
        lost |= {(contest.suite, sample): values for sample, values in own.items()}
    worst = sorted(lost, key=lambda k: (lost[k][1] - lost[k][0], k))[:MOST_REGRESSIONS]
    arms = {contest.suite: contest.candidate.outcomes.arm for contest in contests}
    found = reading.trials([(suite, sample, arms[suite], 1) for suite, sample in worst])
    by_id = {(trial.suite, hash64(trial.sample_id)): trial for trial in found}
    return [_regression(by_id[key], lost[key]) for key in worst if key in by_id]


def _regression(trial: Trial, values: tuple[float, float]) -> dict[str, Any]:
    return {
        "suite": trial.suite,
        "sample_id": trial.sample_id,
        "critical": trial.critical,
        "slices": trial.slices,
        "baseline": {"quality": values[0]},
        "candidate": {"quality": values[1], "status": trial.status},
    }


def _lost(contest: Contest) -> dict[int, tuple[float, float]]:
    """Return the samples on which the candidate's quality is below the baseline's."""
    old, new = (sample_means(side.outcomes, side.outcomes.quality) for side in contest)
    shared, at_old, at_new = np.intersect1d(
        old.sample, new.sample, assume_unique=True, return_indices=True
    )
    before: Array = old.mean[at_old]
    after: Array = new.mean[at_new]
    worst = np.lexsort((shared, after - before))[:MOST_REGRESSIONS]
    return {
        int(shared[i]): (float(before[i]), float(after[i])) for i in worst if after[i] < before[i]
    }


__all__ = ["GateRequest", "check_rules", "contests_of", "hold_gate"]
