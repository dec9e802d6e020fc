"""One task as arrays: each sample's quality, cost, time and acceptance by each arm.

Only samples that every arm answered are on it: a failure of the provider is no wrong answer. What
is left out is counted. It does not choose.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalkit.analysis.economics.measured import MeasuredArm
from evalkit.analysis.outcomes import OK, Array, Ids, Mask, Outcomes
from evalkit.analysis.pairing import sample_means
from evalkit.core.policy import Governance, Requirement, refusal_reason

LEAST_ANSWERED = 0.8
_MUST_NOT_SEE = "not allowed: "
_JUDGE = "not allowed: judge "
Grid = npt.NDArray[np.float64]
Units = npt.NDArray[np.intp]


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
        accepted: Share of the repeats whose answer could be used, likewise.
        accepted_wrong: Share of the repeats that could be used and did not pass, likewise.
        left_out: Why an arm is not on the board, by its name.
        n_left_out: Samples that some arm did not answer.
    """

    task: str
    arms: tuple[MeasuredArm, ...]
    sample: Ids
    unit: Units
    quality: Grid
    usd: Grid
    latency_ms: Grid
    accepted: Grid
    accepted_wrong: Grid
    left_out: Mapping[str, str]
    n_left_out: int

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

    def is_priced(self, arm: int) -> bool:
        """Say whether every sample of an arm has a cost."""
        return not bool(np.isnan(self.usd[:, arm]).any())


def board_of(
    task: str,
    arms: Sequence[MeasuredArm],
    demand: Requirement,
    judges: Collection[str] = (),
) -> Board:
    """Return a task's board.

    Args:
        task: The suite's name.
        arms: Its arms.
        demand: What whoever sees the samples must meet: an arm that does not is not on it.
        judges: Models that judged the task's answers: they are not on it either.
    """
    left_out: dict[str, str] = {}
    kept = []
    every = _all_samples(arms)
    for arm in arms:
        reason = (
            refusal_reason(demand, governance_of(arm))
            or _stricter_samples(arm)
            or _own_judge(arm, judges)
            or _too_few(arm, every)
        )
        if reason is None:
            kept.append(arm)
        else:
            left_out[arm.arm] = reason
    sample = _common([arm.side.outcomes for arm in kept])
    columns = [_column(arm.side.outcomes, sample) for arm in kept]
    grids = [
        np.stack([own[place] for own in columns], axis=1) if columns else np.zeros((0, 0))
        for place in range(5)
    ]
    return Board(
        task=task,
        arms=tuple(kept),
        sample=sample,
        unit=_units(kept, sample),
        quality=grids[0],
        usd=grids[1],
        latency_ms=grids[2],
        accepted=grids[3],
        accepted_wrong=grids[4],
        left_out=left_out,
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


def _column(outcomes: Outcomes, sample: Ids) -> tuple[Array, ...]:
    """Return an arm's five columns on some samples, its repeats averaged."""
    usable = (outcomes.state == OK).astype(np.float64)
    wrong = np.where((outcomes.passed == 0) & (outcomes.state == OK), 1.0, 0.0)
    values = (
        outcomes.quality,
        outcomes.cost_usd,
        outcomes.latency_ms,
        outcomes.share(usable),
        outcomes.share(wrong),
    )
    return tuple(_placed(outcomes, own, sample) for own in values)


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
