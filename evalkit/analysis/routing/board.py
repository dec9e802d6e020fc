"""One task as arrays: each sample's quality, cost, time and acceptance by each arm.

Only samples that every arm answered are on it: a failure of the provider is no wrong answer. What
is left out is counted. It does not choose.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.analysis.economics.measured import MeasuredArm
from evalkit.analysis.outcomes import OK, Array, Ids, Mask, Outcomes
from evalkit.analysis.pairing import sample_means
from evalkit.core.acceptance import USABLE, passing
from evalkit.core.policy import Governance, Requirement, refusal_reason

LEAST_ANSWERED = 0.8
_MUST_NOT_SEE = "not allowed: "
_JUDGE = "not allowed: judge "
Grid = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Units = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Check:
    """Which answers a rule takes, shape (n, arms) or (n,); repeats of a sample are averaged.

    Attributes:
        accepted: Share that is taken.
        wrong: Share that is taken and did not pass.
        quality: Mean of the quality of what is taken, 0 for what is not.
    """

    accepted: Grid
    wrong: Grid
    quality: Grid


@dataclass(frozen=True, eq=False)
class Said:
    """One arm's answers, shape (n, repeats) each.

    Attributes:
        answered: Something came and was scored.
        usable: It can be used.
        value: Hash of what it says.
        quality: Its quality.
        wrong: It did not pass.
    """

    answered: Flags
    usable: Flags
    value: npt.NDArray[np.uint64]
    quality: Grid
    wrong: Flags


@dataclass(frozen=True, eq=False)
class Board:
    """The samples of one task that all its arms answered.

    Attributes:
        task: The suite's name.
        arms: The arms, in the order of the columns.
        sample: Hashes of the samples, shape (n,).
        unit: What each sample belongs to, numbered from 0, shape (n,); samples of one unit are not
            independent.
        quality: Mean quality over the repeats, unusable answers 0, shape (n, arms).
        usd: Mean cost of a request with all its attempts, NaN where it is not known, likewise.
        latency_ms: Mean latency, NaN where it is not known, likewise.
        checks: By the rule that takes an answer (`core.acceptance`), which are taken of each arm;
            `usable` is always there.
        said: What each arm answered, for `agreement`; empty where that was not read.
        left_out: Why an arm is not on the board, by its name.
        barred: Those of them that must not see the data.
        n_left_out: Samples that some arm did not answer.
    """

    task: str
    arms: tuple[MeasuredArm, ...]
    sample: Ids
    unit: Units
    quality: Grid
    usd: Grid
    latency_ms: Grid
    checks: Mapping[str, Check]
    left_out: Mapping[str, str]
    n_left_out: int
    said: tuple[Said, ...] = ()
    barred: frozenset[str] = frozenset()
    _agreements: dict[tuple[int, int], Check] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.sample)

    @property
    def n_units(self) -> int:
        """How many independent units there are."""
        return int(self.unit.max()) + 1 if len(self.unit) else 0

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arms."""
        return tuple(arm.arm for arm in self.arms)

    def clusters(self, rows: Units) -> Units | None:
        """Return what each of some samples belongs to, shape (k,); None where all are apart."""
        if self.n_units == len(self):
            return None
        unit = self.unit[rows]
        return None if len(np.unique(unit)) == len(unit) else unit

    def agreement(self, first: int, second: int) -> Check:
        """Return how often two arms give the same answer that can be used, shape (n,) each.

        Of repeats each of one arm meets each of the other: in use they are asked apart. The quality
        and the error are those of the second, whose answer is the last that came.
        """
        key = (first, second)
        if key not in self._agreements:
            self._agreements[key] = agreement(self.said[first], self.said[second])
        return self._agreements[key]

    def is_priced(self, arm: int) -> bool:
        """Say whether every sample of an arm has a cost."""
        return not bool(np.isnan(self.usd[:, arm]).any())


def board_of(
    task: str,
    arms: Sequence[MeasuredArm],
    demand: Requirement,
    judges: Collection[str] = (),
    graders: Collection[str] = (),
) -> Board:
    """Return a task's board.

    Args:
        task: The suite's name.
        arms: Its arms.
        demand: What whoever sees the samples must meet: an arm that does not is not on it.
        judges: Models that judged the task's answers: they are not on it either.
        graders: Graders whose full marks are a check of its own (`usable and GRADER`).
    """
    left_out: dict[str, str] = {}
    barred = {
        arm.arm: reason
        for arm in arms
        if (reason := refusal_reason(demand, governance_of(arm)) or _stricter_samples(arm))
    }
    kept = []
    every = _all_samples(arms)
    for arm in arms:
        reason = barred.get(arm.arm) or _own_judge(arm, judges) or _too_few(arm, every)
        if reason is None:
            kept.append(arm)
        else:
            left_out[arm.arm] = reason
    sample = _common([arm.side.outcomes for arm in kept])
    outcomes = [arm.side.outcomes for arm in kept]
    return Board(
        task=task,
        arms=tuple(kept),
        sample=sample,
        unit=_units(kept, sample),
        quality=_grid(outcomes, [own.quality for own in outcomes], sample),
        usd=_grid(outcomes, [own.cost_usd for own in outcomes], sample),
        latency_ms=_grid(outcomes, [own.latency_ms for own in outcomes], sample),
        checks=_checks(outcomes, sample, graders),
        said=tuple(_said(own, sample) for own in outcomes if len(own.value)),
        left_out=left_out,
        barred=frozenset(barred),
        n_left_out=len(every) - len(sample),
    )


def governance_of(arm: MeasuredArm) -> Governance:
    """Return what an arm's provider declared when the run was made."""
    declared = arm.facts.get("governance") or {}
    known = {name: declared[name] for name in Governance.__struct_fields__ if name in declared}
    if isinstance(known.get("regions"), list):
        known["regions"] = tuple(known["regions"])
    return Governance(**known)


def _all_samples(arms: Sequence[MeasuredArm]) -> Ids:
    if not arms:
        return np.zeros(0, np.uint64)
    return np.unique(np.concatenate([arm.side.outcomes.sample for arm in arms]))


def _scored(outcomes: Outcomes) -> Ids:
    return np.unique(outcomes.sample[~np.isnan(outcomes.quality)])


def _stricter_samples(arm: MeasuredArm) -> str | None:
    """Say that an arm must not see some samples: who routes a task cannot tell them apart."""
    for reason in arm.row["skip_reasons"]:
        if reason.startswith(_MUST_NOT_SEE) and not reason.startswith(_JUDGE):
            return f"it must not see every sample: {reason.removeprefix(_MUST_NOT_SEE)}"
    return None


def _own_judge(arm: MeasuredArm, judges: Collection[str]) -> str | None:
    if arm.model not in judges:
        return None
    return "it judged the answers of this task, its own among them: it may favour itself"


def _too_few(arm: MeasuredArm, every: Ids) -> str | None:
    share = len(_scored(arm.side.outcomes)) / max(1, len(every))
    if share >= LEAST_ANSWERED:
        return None
    return (
        f"answered and scored {100 * share:.0f} % of the samples, fewer than {LEAST_ANSWERED:.0%}"
    )


def _common(arms: Sequence[Outcomes]) -> Ids:
    if not arms:
        return np.zeros(0, np.uint64)
    shared = _scored(arms[0])
    for own in arms[1:]:
        shared = np.intersect1d(shared, _scored(own), assume_unique=True)
    return shared


def _grid(arms: Sequence[Outcomes], values: Sequence[Array], sample: Ids) -> Grid:
    """Return the means of each arm's trials on some samples, shape (n, arms)."""
    if not arms:
        return np.zeros((0, 0))
    columns = [_placed(own, column, sample) for own, column in zip(arms, values, strict=True)]
    return np.stack(columns, axis=1)


def _checks(arms: Sequence[Outcomes], sample: Ids, graders: Collection[str]) -> dict[str, Check]:
    usable = [own.state == OK for own in arms]
    checks = {USABLE: _check(arms, usable, sample)}
    for name in graders:
        missing = np.zeros(0)
        full = [own.graders.get(name, missing) for own in arms]
        passed = [
            holds & (marks >= 1.0) if len(marks) else np.zeros_like(holds)
            for holds, marks in zip(usable, full, strict=True)
        ]
        checks[passing(name)] = _check(arms, passed, sample)
    return checks


def _check(arms: Sequence[Outcomes], taken: Sequence[Mask], sample: Ids) -> Check:
    """Return what a rule takes, from the trials that it holds of."""
    pairs = list(zip(arms, taken, strict=True))
    return Check(
        accepted=_grid(arms, [own.share(holds) for own, holds in pairs], sample),
        wrong=_grid(arms, [own.share(holds & (own.passed == 0)) for own, holds in pairs], sample),
        quality=_grid(
            arms,
            [own.share(np.where(holds, own.quality, 0.0)) for own, holds in pairs],
            sample,
        ),
    )


def _said(outcomes: Outcomes, sample: Ids) -> Said:
    """Lay an arm's trials out by sample and repeat."""
    place = np.searchsorted(sample, outcomes.sample)
    place = np.minimum(place, max(0, len(sample) - 1))
    kept = np.flatnonzero(sample[place] == outcomes.sample) if len(sample) else np.zeros(0, np.intp)
    row = place[kept]
    first = np.searchsorted(row, row)  # trials are ordered by sample
    turn = np.arange(len(row)) - first
    shape = (len(sample), int(turn.max()) + 1 if len(turn) else 0)

    def laid(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        grid = np.zeros(shape, dtype=values.dtype)
        grid[row, turn] = values[kept]
        return grid

    return Said(
        answered=laid(outcomes.answered & ~np.isnan(outcomes.quality)),
        usable=laid(outcomes.state == OK),
        value=laid(outcomes.value),
        quality=laid(np.nan_to_num(outcomes.quality)),
        wrong=laid(outcomes.passed == 0),
    )


def agreement(first: Said, second: Said) -> Check:
    """Return how often two arms say the same, over all pairs of their repeats; see `Board`."""
    n = len(first.answered)
    pairs, same, wrong, quality = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    for i in range(first.value.shape[1]):
        for j in range(second.value.shape[1]):
            pairs += first.answered[:, i] & second.answered[:, j]
            equal = first.usable[:, i] & second.usable[:, j]
            equal &= first.answered[:, i] & second.answered[:, j]
            equal &= first.value[:, i] == second.value[:, j]
            same += equal
            wrong += equal & second.wrong[:, j]
            quality += equal * second.quality[:, j]
    pairs = np.maximum(pairs, 1.0)
    return Check(same / pairs, wrong / pairs, quality / pairs)


def _placed(outcomes: Outcomes, values: Array, sample: Ids) -> Array:
    means = sample_means(outcomes, values)
    place = np.searchsorted(means.sample, sample)
    found = np.full(len(sample), np.nan)
    inside = place < len(means.sample)
    inside[inside] = means.sample[place[inside]] == sample[inside]
    found[inside] = means.mean[place[inside]]
    return found


def _units(arms: Sequence[MeasuredArm], sample: Ids) -> Units:
    """Number the clusters of the samples, each sample for itself where there are none."""
    for arm in arms:
        outcomes = arm.side.outcomes
        if outcomes.cluster is not None:
            first = np.searchsorted(outcomes.sample, sample)
            return np.unique(outcomes.cluster[first], return_inverse=True)[1].astype(np.intp)
    return np.arange(len(sample), dtype=np.intp)


def rows_of(board: Board, units: Mask) -> npt.NDArray[np.intp]:
    """Return the places of the samples that belong to some units, shape (k,)."""
    return np.flatnonzero(units[board.unit]) if len(board) else np.zeros(0, np.intp)
