"""One arm's trials on one suite as vectors in one order, whatever order the trials came in.

Summaries, comparisons and gates all read these; a run gives them, and so does a baseline file. It
does not know intervals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.analysis.columns import ANSWERED, ArmColumns
from evalkit.analysis.figures import Codes, Rows

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Ids = npt.NDArray[np.uint64]
OK = ANSWERED.index("ok")
MALFORMED = ANSWERED.index("malformed")
REFUSED = ANSWERED.index("refused")
FAILED = -1


class Slice(NamedTuple):
    """A column of slices: what each code stands for, and the code of each trial (-1: none)."""

    values: tuple[str, ...]
    code: npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """The trials of one arm on one suite that were asked, ordered by sample and repeat.

    Attributes:
        suite: The suite's name.
        arm: The arm's name.
        primary: The grader whose score is quality.
        sample: Hash of each trial's sample (`hash64` of its id), shape (n,), ascending.
        cluster: Hash of each trial's cluster, shape (n,); None where samples are independent.
        repeat: Number of each trial's repeat, shape (n,).
        state: `FAILED`, `OK`, `MALFORMED` or `REFUSED` of each trial, shape (n,).
        first_bad: The first answer was malformed, shape (n,).
        passed: 1 or 0, NaN where it is not known, shape (n,).
        graders: Scores by grader, NaN where there is none, shape (n,) each.
        metrics: Further metrics as `grader.metric`, like the graders.
        cost_usd: What the model's attempts cost, NaN where that is not known, shape (n,).
        latency_ms: Service and backoff, NaN where that is not known, shape (n,).
        ttft_ms: Time to the first content, NaN where it was not streamed, shape (n,).
        output_tokens: Tokens of the answers as billed, NaN where that is not known, shape (n,).
        critical: Samples that must never regress, shape (n,).
        slices: By column.
        skipped: Hashes of samples that were not asked, shape (k,); one for each trial.
        recorded: The answers come from a recording.
        asked_last: Of a policy which arm was asked last, as its columns number them; -1 for other
            arms, shape (n,).
        value: Hash of what each answer says, shape (n,); (0,) where that was not read.
    """

    suite: str
    arm: str
    primary: str
    sample: Ids
    repeat: npt.NDArray[np.int32]
    state: npt.NDArray[np.int8]
    first_bad: Mask
    passed: Array
    graders: Mapping[str, Array]
    cost_usd: Array
    latency_ms: Array
    ttft_ms: Array
    output_tokens: Array
    critical: Mask
    cluster: Ids | None = None
    metrics: Mapping[str, Array] = field(default_factory=dict)
    slices: Mapping[str, Slice] = field(default_factory=dict)
    skipped: Ids = field(default_factory=lambda: np.zeros(0, np.uint64))
    recorded: bool = False
    asked_last: npt.NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))
    value: Ids = field(default_factory=lambda: np.zeros(0, np.uint64))

    def __len__(self) -> int:
        return len(self.sample)

    @property
    def answered(self) -> Mask:
        """Trials that brought an answer, whatever it is worth, shape (n,)."""
        return self.state >= 0

    @property
    def quality(self) -> Array:
        """The primary grader's scores, shape (n,); NaN where there is none."""
        return self.graders[self.primary]

    @property
    def success(self) -> Array:
        """1 where a trial passed, 0 where it did not or the provider failed, shape (n,)."""
        return np.where(self.answered, self.passed, 0.0)

    def share(self, hits: npt.NDArray[Any]) -> Array:
        """Return hits as zeros and ones over the answered trials, NaN elsewhere, shape (n,)."""
        return np.where(self.answered, hits, np.nan)

    def rows(self) -> Rows:
        """Number samples and clusters from 0."""
        numbers = numbered(self.sample)
        repeated = len(numbers) > 0 and int(numbers.max()) + 1 < len(numbers)
        cluster = None if self.cluster is None else numbered(self.cluster)
        return Rows(numbers, cluster, repeated)

    def within(self, wanted: Mapping[str, str]) -> Mask:
        """Return which trials lie in all of these slices, shape (n,)."""
        mask = np.ones(len(self), dtype=bool)
        for column, value in wanted.items():
            found = self.slices.get(column)
            if found is None or value not in found.values:
                return np.zeros(len(self), dtype=bool)
            mask &= found.code == found.values.index(value)
        return mask


def taken(outcomes: Outcomes, rows: npt.NDArray[np.intp], sample: Ids | None = None) -> Outcomes:
    """Return some of an arm's trials, in the order of their samples.

    Args:
        outcomes: The arm.
        rows: Which trials, shape (k,); one may be taken twice.
        sample: Other hashes for their samples, shape (k,), ascending.
    """
    return replace(
        outcomes,
        sample=outcomes.sample[rows] if sample is None else sample,
        repeat=outcomes.repeat[rows],
        state=outcomes.state[rows],
        first_bad=outcomes.first_bad[rows],
        passed=outcomes.passed[rows],
        graders={name: values[rows] for name, values in outcomes.graders.items()},
        cost_usd=outcomes.cost_usd[rows],
        latency_ms=outcomes.latency_ms[rows],
        ttft_ms=outcomes.ttft_ms[rows],
        output_tokens=outcomes.output_tokens[rows],
        critical=outcomes.critical[rows],
        cluster=None if outcomes.cluster is None else outcomes.cluster[rows],
        asked_last=outcomes.asked_last[rows] if len(outcomes.asked_last) else outcomes.asked_last,
        value=outcomes.value[rows] if len(outcomes.value) else outcomes.value,
        metrics={name: values[rows] for name, values in outcomes.metrics.items()},
        slices={name: Slice(s.values, s.code[rows]) for name, s in outcomes.slices.items()},
    )


def outcomes_of(suite: str, arm: str, columns: ArmColumns) -> Outcomes:
    """Return an arm's columns as vectors, ordered by sample and repeat."""
    sample = np.frombuffer(columns.sample, dtype=np.uint64)
    repeat = np.frombuffer(columns.repeat, dtype=np.int32)
    order = np.lexsort((repeat, sample))

    def floats(values: Any) -> Array:
        return np.frombuffer(values, dtype=np.float64)[order]

    def flags(values: Any) -> Mask:
        return np.frombuffer(values, dtype=np.int8)[order].astype(bool)

    cluster = np.frombuffer(columns.cluster, dtype=np.uint64) if columns.has_clusters else None
    return Outcomes(
        suite=suite,
        arm=arm,
        primary=columns.facts.primary,
        sample=sample[order],
        repeat=repeat[order],
        state=np.frombuffer(columns.state, dtype=np.int8)[order],
        first_bad=flags(columns.first_bad),
        passed=floats(columns.passed),
        graders={name: floats(values) for name, values in columns.graders.items()},
        cost_usd=floats(columns.cost.values),
        latency_ms=floats(columns.latency.values),
        ttft_ms=floats(columns.ttft.values),
        output_tokens=floats(columns.output_tokens.values),
        critical=flags(columns.critical),
        asked_last=np.frombuffer(columns.asked_last, dtype=np.int16)[order],
        value=np.frombuffer(columns.value, dtype=np.uint64)[order if columns.facts.values else []],
        cluster=None if cluster is None else cluster[order],
        metrics={name: floats(column) for name, column in columns.metrics.dense(len(columns))},
        slices={name: _slice(columns, name, order) for name in columns.slices},
        skipped=np.unique(np.frombuffer(columns.skipped, dtype=np.uint64)),
        recorded=columns.recorded,
    )


def numbered(values: Ids) -> Codes:
    """Number the distinct values from 0, in their order, shape (n,)."""
    if len(values) and (values[1:] >= values[:-1]).all():
        return np.concatenate(([0], np.cumsum(values[1:] != values[:-1]))).astype(np.int32)
    codes: Codes = np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.int32)
    return codes


def _slice(columns: ArmColumns, name: str, order: npt.NDArray[np.intp]) -> Slice:
    code = np.frombuffer(columns.slices[name], dtype=np.int32)[order]
    return Slice(tuple(columns.slice_values[name]), code)
