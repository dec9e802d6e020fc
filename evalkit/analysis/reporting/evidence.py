"""Runs read for a report: for each suite the arms as they are now, and what they were before.

An arm of several runs counts by its newest run; the others are its history. It does not know how
anything is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.analysis.arms import find_arm
from evalkit.analysis.caveats import caveats_of
from evalkit.analysis.compare import Comparison, Contestant, Duel, duels_of
from evalkit.analysis.gates.document import gate_document
from evalkit.analysis.gates.files import GateRequest, check_rules, contests_of
from evalkit.analysis.gates.policy import read_gate
from evalkit.analysis.judges.card import find_card
from evalkit.analysis.reading import Reading, read_run
from evalkit.analysis.reporting.contrast import Contrast, contrast_of
from evalkit.analysis.reporting.monthly import measured_arm, monthly_costs
from evalkit.analysis.runs import arm_facts
from evalkit.analysis.sides import Side, differences, sides_of
from evalkit.analysis.summary import ArmFacts, summary_row
from evalkit.core.errors import ConfigError
from evalkit.core.records import Record
from evalkit.run.folder import Run

Key = tuple[str, str]


class ReportRequest(Record, frozen=True, kw_only=True):
    """What `report` is asked to do.

    Attributes:
        runs: One run or several, in any order.
        baseline: The arm in use: every other is held against it.
        candidate: The arm that the verdict is about.
        policy: gate.yaml: the verdict is the gate's.
        models: Only these arms.
        suites: Only these suites.
        redact: Leave out every prompt, output and reason.
        providers: Another providers file to take prices from.
        title: The page's title.
        profile: business.yaml: break-evens stand in the report.
    """

    runs: tuple[Path, ...]
    baseline: str | None = None
    candidate: str | None = None
    policy: Path | None = None
    models: tuple[str, ...] | None = None
    suites: tuple[str, ...] | None = None
    redact: bool = False
    providers: Path | None = None
    title: str | None = None
    profile: Path | None = None


@dataclass(frozen=True, eq=False)
class ShownArm:
    """One arm on one suite in one run.

    Attributes:
        number: Place of its run among the report's, from the oldest.
        label: Its name among those of its suite.
        side: Its trials, and what must agree before they are compared.
        facts: The arm as run.json has it.
        row: Its row of summary.json.
    """

    number: int
    label: str
    side: Side
    facts: Mapping[str, Any]
    row: Mapping[str, Any]

    @property
    def answered(self) -> bool:
        """True where it has a quality."""
        return self.row["quality"] is not None


@dataclass(frozen=True, eq=False)
class Past:
    """An arm over several runs.

    Attributes:
        arms: From the oldest to the newest.
        unlike: Why an older one cannot be compared with the newest, by its place; empty: it can.
        change: The newest against the oldest that is comparable, as a row of `compare`.
        since: Place of that oldest one.
    """

    arms: tuple[ShownArm, ...]
    unlike: tuple[tuple[str, ...], ...]
    change: Mapping[str, Any] | None
    since: int | None


class Card(NamedTuple):
    """A rubric's judges as run.json has them, and their judge card; None where none is valid."""

    facts: Mapping[str, Any]
    card: Mapping[str, Any] | None


@dataclass(frozen=True, eq=False)
class SuiteEvidence:
    """What is known of one suite.

    Attributes:
        name: Its name.
        manifest: run.json of the newest run that has the suite.
        facts: The suite as it stands there.
        arms: The arms as they are now, in the order of the runs.
        pairs: Rows of `compare` for every two arms, or all against the baseline.
        unlike: Why arms of several runs cannot be compared, a line each.
        contrast: The two arms that the verdict is about, None where there are not two.
        past: Arms that stand in several runs.
        cards: Who judged, with the card that says how far to trust them.
    """

    name: str
    manifest: Mapping[str, Any]
    facts: Mapping[str, Any]
    arms: tuple[ShownArm, ...]
    pairs: tuple[Mapping[str, Any], ...]
    unlike: tuple[str, ...]
    contrast: Contrast | None
    past: tuple[Past, ...]
    cards: tuple[Card, ...]

    def place(self, label: str) -> int:
        """Return where the arm of this label stands."""
        return next(i for i, arm in enumerate(self.arms) if arm.label == label)


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that a report is made of.

    Attributes:
        request: What was asked.
        readings: The runs, from the oldest.
        suites: In the order in which the newest runs have them.
        gate: The gate's document where a policy was given.
        warnings: What must be known beside the figures.
        monthly: Break-evens by suite; none without a profile.
    """

    request: ReportRequest
    readings: tuple[Reading, ...]
    suites: tuple[SuiteEvidence, ...]
    gate: Mapping[str, Any] | None
    warnings: tuple[str, ...]
    monthly: Mapping[str, Mapping[str, Any]]


def gather(request: ReportRequest) -> Evidence:
    """Read the runs and work out what stands in the report.

    Raises:
        ConfigError: If an arm is not there, a run is named twice, or the policy is wrong.
        JournalError: If a folder is no run, or its journal is foreign, mixed or edited.
    """
    _refuse_twice(request.runs)
    runs = sorted((Run(folder) for folder in request.runs), key=_moment)
    readings = tuple(read_run(run, request.providers) for run in runs)
    found = _of_suites(_arms(readings), request.suites)
    kept = _chosen(found, request)
    gate = _gate(kept, request)
    suites = tuple(_suite(name, readings, kept, request, gate) for name in _suite_names(readings))
    warnings = dict.fromkeys(line for run in runs for line in caveats_of(run))
    shown = tuple(suite for suite in suites if suite.arms)
    return Evidence(
        request, readings, shown, gate, tuple(warnings), _monthly(request, shown, readings)
    )


def _monthly(
    request: ReportRequest, suites: Sequence[SuiteEvidence], readings: Sequence[Reading]
) -> Mapping[str, Mapping[str, Any]]:
    """Return the break-evens where the business is known.

    Raises:
        ConfigError: If the profile is wrong.
    """
    if request.profile is None:
        return {}
    arms = {
        suite.name: [measured_arm(a.label, a.facts, a.row, a.side) for a in suite.arms]
        for suite in suites
    }
    day = str(readings[-1].run.manifest["started_at"])
    return monthly_costs(request.profile, arms, day)


def _moment(run: Run) -> tuple[str, str]:
    return str(run.manifest["started_at"]), run.run_id


def _refuse_twice(runs: Sequence[Path]) -> None:
    places = Counter(folder.resolve() for folder in runs)
    twice = [str(folder) for folder in runs if places[folder.resolve()] > 1]
    if twice:
        raise ConfigError(f"report: {twice[0]} is named twice; name each run once")


def _suite_names(readings: Sequence[Reading]) -> list[str]:
    newest_first = [s["name"] for r in reversed(readings) for s in r.run.manifest["suites"]]
    return list(dict.fromkeys(newest_first))


def _arms(readings: Sequence[Reading]) -> dict[Key, list[ShownArm]]:
    """Return every arm of every run, from the oldest; the columns are given up on the way."""
    found: dict[Key, list[ShownArm]] = {}
    for number, reading in enumerate(readings):
        facts = arm_facts(reading.run.manifest)
        declared = {(a["suite"], a["arm"]): a for a in reading.run.manifest["arms"]}
        for key, side in sides_of(reading).items():
            columns = reading.columns.get(key)
            if columns is None:
                continue
            row = summary_row(*key, columns, facts.get(key, ArmFacts()))
            arm = ShownArm(number, key[1], side, declared[key], row)
            found.setdefault(key, []).append(arm)
    return found


def _of_suites(
    found: dict[Key, list[ShownArm]], suites: tuple[str, ...] | None
) -> dict[Key, list[ShownArm]]:
    """Return the arms of the suites that were asked for.

    Raises:
        ConfigError: If one of them is not there.
    """
    if suites is None:
        return found
    there = list(dict.fromkeys(suite for suite, _ in found))
    strange = [name for name in suites if name not in there]
    if strange:
        raise ConfigError(
            f"report: --suites {strange[0]!r} is no suite of these runs; they have: "
            f"{', '.join(there) or 'none'}"
        )
    return {key: arms for key, arms in found.items() if key[0] in suites}


def _chosen(
    found: Mapping[Key, list[ShownArm]], request: ReportRequest
) -> dict[Key, list[ShownArm]]:
    """Return the arms that were asked for.

    Raises:
        ConfigError: If one that is named is not there.
    """
    named = {
        key
        for option, name in (("--baseline", request.baseline), ("--candidate", request.candidate))
        if name is not None
        for key in _named(name, option, found)
    }
    if request.models is None:
        return dict(found)
    wanted = named | {key for name in request.models for key in _of_model(name, found)}
    return {key: arms for key, arms in found.items() if key in wanted}


def _named(name: str, option: str, found: Mapping[Key, list[ShownArm]]) -> list[Key]:
    """Return the arm that a name stands for, on each suite that has it.

    Raises:
        ConfigError: If none has it, or it could be several.
    """
    keys = []
    for suite in dict.fromkeys(suite for suite, _ in found):
        arm = find_arm(name, (a[-1].side.named for key, a in found.items() if key[0] == suite))
        keys += [] if arm is None else [(suite, arm)]
    if not keys:
        raise ConfigError(
            f"report: {option} {name!r} is no arm of these runs; they have: {_names(found)}"
        )
    return keys


def _of_model(name: str, found: Mapping[Key, list[ShownArm]]) -> list[Key]:
    """Return the arms that a name means: an arm, or all arms of a model.

    Raises:
        ConfigError: If there are none.
    """
    keys = [
        key
        for key, arms in found.items()
        if name in (key[1], arms[-1].side.model)
        or name == f"{arms[-1].side.model}@{arms[-1].side.mode}"
    ]
    if not keys:
        raise ConfigError(
            f"report: --models {name!r} is no arm of these runs; they have: {_names(found)}"
        )
    return keys


def _names(found: Mapping[Key, list[ShownArm]]) -> str:
    return ", ".join(dict.fromkeys(arm for _, arm in found)) or "none"


def _gate(kept: Mapping[Key, list[ShownArm]], request: ReportRequest) -> Mapping[str, Any] | None:
    if request.policy is None:
        return None
    policy = read_gate(request.policy)
    sides = {key: arms[-1].side for key, arms in kept.items()}
    wanted = GateRequest(
        run=request.runs[-1],
        policy=request.policy,
        baseline=request.baseline,
        candidate=request.candidate,
    )
    contests = contests_of(sides, sides, wanted, policy)
    check_rules(policy, contests)
    return gate_document(contests, policy)


def _suite(
    name: str,
    readings: Sequence[Reading],
    kept: Mapping[Key, list[ShownArm]],
    request: ReportRequest,
    gate: Mapping[str, Any] | None,
) -> SuiteEvidence:
    own = [arms for (suite, _), arms in kept.items() if suite == name]
    arms = tuple(history[-1] for history in own)
    manifest, facts = _newest(name, readings)
    baseline = request.baseline or (gate or {}).get("baseline")
    candidate = request.candidate or (gate or {}).get("candidate")
    pairs, unlike = _pairs(arms, _label(arms, baseline), readings)
    contrast = contrast_of(
        [arm.row for arm in arms], pairs, _label(arms, baseline), _label(arms, candidate)
    )
    past = tuple(_past(history, readings) for history in own if len(history) > 1)
    cards = _cards(facts, readings[max(arm.number for arm in arms)].run) if arms else ()
    return SuiteEvidence(name, manifest, facts, arms, pairs, unlike, contrast, past, cards)


def _newest(name: str, readings: Sequence[Reading]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the newest run.json that has a suite, and what stands of it there."""
    return next(
        (reading.run.manifest, suite)
        for reading in reversed(readings)
        for suite in reading.run.manifest["suites"]
        if suite["name"] == name
    )


def _cards(facts: Mapping[str, Any], run: Run) -> tuple[Card, ...]:
    return tuple(
        Card(own, find_card(run.folder, Path(facts["folder"]), own))
        for own in facts.get("judging") or ()
    )


def _label(arms: Sequence[ShownArm], name: str | None) -> str | None:
    """Return the arm that a name stands for on this suite, None where it has none."""
    return None if name is None else find_arm(name, (arm.side.named for arm in arms))


def _pairs(
    arms: Sequence[ShownArm], baseline: str | None, readings: Sequence[Reading]
) -> tuple[tuple[Mapping[str, Any], ...], tuple[str, ...]]:
    """Return the rows of all duels, and why some are not fought."""
    contestants = [_contestant(arm, readings) for arm in arms if arm.answered]
    duels = duels_of(contestants, baseline)
    unlike: dict[str, None] = {}
    fought = []
    for duel in duels:
        reasons = differences(duel.baseline.side, duel.candidate.side)
        if reasons:
            unlike |= dict.fromkeys(
                f"{duel.baseline.label} and {duel.candidate.label} are not compared: {reason}"
                for reason in reasons
            )
        else:
            fought.append(duel)
    rows = Comparison(fought, draws=0).rows() if fought else []
    return tuple(rows), tuple(unlike)


def _contestant(arm: ShownArm, readings: Sequence[Reading]) -> Contestant:
    return Contestant(arm.label, readings[arm.number].run.run_id, arm.side)


def _past(history: Sequence[ShownArm], readings: Sequence[Reading]) -> Past:
    newest = history[-1]
    unlike = tuple(tuple(differences(arm.side, newest.side)) for arm in history)
    since = next((i for i, arm in enumerate(history[:-1]) if not unlike[i] and arm.answered), None)
    change = None
    if since is not None and newest.answered:
        duel = Duel(_contestant(history[since], readings), _contestant(newest, readings))
        rows = Comparison([duel], draws=0).rows()
        change = next((row for row in rows if row["metric"] == "quality"), None)
    return Past(tuple(history), unlike, change, since)
