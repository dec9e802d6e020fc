"""What a comparison is made of: one arm's outcomes, with all that must agree between two of them.

A run gives a side for each suite and arm, a baseline file the one that was accepted. Whether two
sides may be compared is said here, not what comes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from evalkit.analysis.arms import Named, find_arm
from evalkit.analysis.columns import ArmColumns, SuiteFacts
from evalkit.analysis.outcomes import FAILED, Ids, Outcomes, outcomes_of, taken
from evalkit.analysis.reading import Reading
from evalkit.core.errors import ConfigError
from evalkit.core.ordering import place_of
from evalkit.core.records import Record
from evalkit.run.folder import Run

_PARAMS = ("temperature", "top_p", "top_k", "seed", "reasoning_effort")
_PARTS = ("data", "prompts", "schema", "graders", "rubric", "code")


class Identity(Record, frozen=True, kw_only=True):
    """What must agree before two arms' figures can be compared.

    Attributes:
        hash: Of the suite's contents.
        hashes: Of its parts.
        grading: Of graders, their versions and options.
        judges: Who judges.
        judge_models: The models that the judges are.
        repeats: How often each sample was asked.
        params: Sampling parameters that the suite asks for.
        structured: Structured modes that the suite asks for.
    """

    hash: str
    hashes: dict[str, str]
    grading: str
    judges: list[str]
    judge_models: list[str]
    repeats: int
    params: dict[str, Any]
    structured: list[str]


@dataclass(frozen=True, eq=False)
class Side:
    """One arm on one suite.

    Attributes:
        outcomes: Its trials.
        identity: What it was asked, and by whom it was graded.
        model: `provider:name`.
        expected: Trials that the run was to make of it.
        n_skipped: Trials that were not asked.
        source: The run or file that it comes from, for messages.
        not_honoured: What the suite asked for and the arm did not do.
        stopping: How the run was stopped early, None where it was not.
        n_unseen: Trials of which it is not known whether they are of critical samples, or that are
            and were not asked.
        mode: The structured mode that it was asked in.
        graders: Who graded it, those included that could grade nothing.
    """

    outcomes: Outcomes
    identity: Identity
    model: str
    expected: int
    n_skipped: int
    source: str
    not_honoured: tuple[str, ...] = ()
    stopping: Mapping[str, Any] | None = None
    n_unseen: int = 0
    mode: str | None = None
    graders: tuple[str, ...] = ()

    @property
    def named(self) -> Named:
        """Its name, model and mode."""
        return Named(self.outcomes.arm, self.model, self.mode)

    @property
    def n_unanswered(self) -> int:
        """Trials that failed or were never made; those that were not to be asked do not count."""
        made = len(self.outcomes) + self.n_skipped
        return int((self.outcomes.state == FAILED).sum()) + max(0, self.expected - made)


def sides_of(reading: Reading) -> dict[tuple[str, str], Side]:
    """Return a run's arms by suite and arm."""
    return sides_from(reading.run, reading.columns)


def sides_from(
    run: Run, columns: Mapping[tuple[str, str], ArmColumns]
) -> dict[tuple[str, str], Side]:
    """Return a run's arms from columns that were read."""
    manifest = run.manifest
    suites = {suite["name"]: suite for suite in manifest["suites"]}
    found = {}
    for arm in manifest["arms"]:
        key = (arm["suite"], arm["arm"])
        own = columns.get(key) or ArmColumns(_facts(suites[arm["suite"]]))
        outcomes = _up_to_the_end(outcomes_of(*key, own), manifest)
        expected = _expected(arm, own, outcomes, manifest)
        found[key] = Side(
            outcomes=outcomes,
            identity=identity_of(manifest, suites[arm["suite"]]),
            model=arm["model"],
            mode=arm["mode"],
            graders=_graders(suites[arm["suite"]], outcomes),
            expected=expected,
            n_skipped=own.status["skipped"],
            source=str(run.folder),
            not_honoured=_not_honoured(arm, own),
            stopping=manifest.get("stopping"),
            n_unseen=own.skipped_critical
            + max(0, expected - len(outcomes) - own.status["skipped"])
            + _never_asked(arm["suite"], manifest),
        )
    return found


def _graders(suite: Mapping[str, Any], outcomes: Outcomes) -> tuple[str, ...]:
    names = [grader["name"] for grader in suite.get("graders", ())]
    return tuple(dict.fromkeys([*names, *outcomes.graders]))


def _decided(suite: str, manifest: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return how a suite was ended early, None where it was asked to its end."""
    stopping: Mapping[str, Any] | None = manifest.get("stopping")
    decided = stopping is not None and stopping["verdicts"].get(suite) is not None
    return stopping if decided else None


def _up_to_the_end(outcomes: Outcomes, manifest: Mapping[str, Any]) -> Outcomes:
    """Leave out what came back after a suite was decided, critical samples excepted."""
    stopping = _decided(outcomes.suite, manifest)
    if stopping is None:
        return outcomes
    last, seed = int(stopping["last_place"][outcomes.suite], 16), int(stopping["seed"])
    asked = [s for s in np.unique(outcomes.sample) if place_of(int(s), seed) <= last]
    kept = np.isin(outcomes.sample, np.array(asked, dtype=np.uint64)) | outcomes.critical
    return taken(outcomes, np.flatnonzero(kept))


def _never_asked(suite: str, manifest: Mapping[str, Any]) -> int:
    """Return how many samples a decision spared, where critical ones may be among them."""
    stopping = _decided(suite, manifest)
    if stopping is None or stopping.get("asks_critical"):
        return 0
    return int(stopping["cap"][suite]) - int(stopping["asked"][suite])


def identity_of(manifest: Mapping[str, Any], suite: Mapping[str, Any]) -> Identity:
    """Return what a run's suite was, as run.json has it."""
    judging = suite.get("judging") or ()
    return Identity(
        hash=suite.get("hash", ""),
        hashes=suite.get("hashes", {}),
        grading=suite.get("grading_fingerprint", ""),
        judges=[name for facts in judging for name in facts["judges"]],
        judge_models=[m for facts in judging for m in facts.get("judge_models", ())],
        repeats=int(manifest["options"].get("selection", {}).get("repeats", 1)),
        params=suite.get("params", {}),
        structured=list(suite.get("structured", [])),
    )


def differences(baseline: Side, candidate: Side) -> list[str]:
    """Return why two sides cannot be compared, a line each; empty where they can."""
    one, other = baseline.identity, candidate.identity
    suite = candidate.outcomes.suite
    said = []
    if one.hash != other.hash:
        parts = [p for p in _PARTS if one.hashes.get(p) != other.hashes.get(p)]
        said.append(f"{suite}: the suite changed ({', '.join(parts) or 'its settings'})")
    if one.grading != other.grading and one.hashes.get("graders") == other.hashes.get("graders"):
        said.append(f"{suite}: the graders are of another version, or another judge's")
    if one.judges != other.judges:
        said.append(f"{suite}: judged by {_names(one.judges)}, then by {_names(other.judges)}")
    elif one.judge_models != other.judge_models:
        said.append(f"{suite}: a judge is another model than it was")
    if one.repeats != other.repeats:
        said.append(f"{suite}: {one.repeats} repeats, then {other.repeats}")
    if one.params != other.params:
        said.append(f"{suite}: asked with {one.params}, then with {other.params}")
    if one.structured != other.structured:
        said.append(
            f"{suite}: asked in modes {_names(one.structured)}, then {_names(other.structured)}"
        )
    return said


def find_side(
    sides: Mapping[tuple[str, str], Side], suite: str, arm: str, where: str
) -> Side | None:
    """Return an arm of a suite, None where the suite has none of this name.

    Raises:
        ConfigError: If no suite has it.
    """
    if find_arm(arm, (side.named for side in sides.values())) is None:
        known = ", ".join(dict.fromkeys(name for _, name in sides)) or "none"
        raise ConfigError(f"{where}: no arm {arm!r}; it has: {known}")
    own = {name: side for (place, name), side in sides.items() if place == suite}
    found = find_arm(arm, (side.named for side in own.values()))
    return None if found is None else own[found]


class Unshared(NamedTuple):
    """Hashes of the samples that only one of two arms has an answer to, ascending."""

    only_baseline: Ids
    only_candidate: Ids


def unshared(baseline: Outcomes, candidate: Outcomes) -> Unshared:
    """Return the samples that a comparison of two arms leaves out."""
    own = [np.unique(arm.sample[arm.answered]) for arm in (baseline, candidate)]
    return Unshared(
        np.setdiff1d(own[0], own[1], assume_unique=True),
        np.setdiff1d(own[1], own[0], assume_unique=True),
    )


def _names(values: list[str]) -> str:
    return ", ".join(values) or "none"


def _facts(suite: Mapping[str, Any]) -> SuiteFacts:
    return SuiteFacts(primary=suite["primary"], pass_at=suite["pass_at"])


def _expected(
    arm: Mapping[str, Any], columns: ArmColumns, outcomes: Outcomes, manifest: Mapping[str, Any]
) -> int:
    """Return how many trials were to be made; of a suite that was decided early, those made."""
    if _decided(arm["suite"], manifest) is not None:
        return len(outcomes) + columns.status["skipped"]
    repeats = int(manifest["options"].get("selection", {}).get("repeats", 1))
    return int(arm["samples"]) * repeats


def _not_honoured(arm: Mapping[str, Any], columns: ArmColumns) -> tuple[str, ...]:
    said = []
    sent = columns.params_sent
    if sent is not None and arm["kind"] == "model":
        asked = arm.get("params") or {}
        said += [f"{name}={asked[name]!r} was not sent" for name in _PARAMS
                 if asked.get(name) is not None and name not in sent]  # fmt: skip
    if columns.mode_not_honoured:
        said.append(f"mode {arm['mode']}: not honoured in {columns.mode_not_honoured} trials")
    return tuple(said)
