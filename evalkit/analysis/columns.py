"""What one arm's trials leave in memory: columns of numbers, about 80 bytes a trial.

Trials are read once and let go. Names become 64-bit hashes; what is summed exactly stays a number.
It does not know intervals.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from evalkit.analysis.cost import PriceAttempt, bill, service_ms, timing
from evalkit.analysis.judges.tally import JudgeTally
from evalkit.analysis.metrics import MetricColumns
from evalkit.core.records import (
    Attempt,
    Completion,
    Mode,
    Record,
    Status,
    Trial,
    Usage,
    canonical_json,
    hash64,
)

Array = npt.NDArray[np.float64]
TOKENS = ("input", "output", "cache_read", "cache_write", "reasoning")
ANSWERED: tuple[Status, ...] = ("ok", "malformed", "refused")
_NAN = math.nan
_MOST_REASONS = 1000
_REASON_LENGTH = 200
_SCORED_AS_ZERO = ("malformed", "refused")
_NOT_MALFORMED = ("valid", "refusal", "unchecked")
_KEEP_THEIR_SCORES = ("ok", "refused")  # of a refusal: those of graders that were asked


class SuiteFacts(Record, frozen=True, kw_only=True):
    """What a summary must know of a suite: the grader that is quality, and when a trial passes.

    Attributes:
        values: A hash of what each answer says is kept, to see which arms agree.
    """

    primary: str
    pass_at: float = 1.0
    values: bool = False


class Doubles:
    """A column that takes no room until its first value is known."""

    def __init__(self) -> None:
        self._unknown = 0
        self._values: array[float] | None = None

    def append(self, value: float | None) -> None:
        """Add one row; None where nothing is known of it."""
        if self._values is not None:
            self._values.append(_NAN if value is None else value)
        elif value is None:
            self._unknown += 1
        else:
            self._values = array("d", [_NAN]) * self._unknown
            self._values.append(value)

    @property
    def values(self) -> array[float]:
        """All rows, not-a-number where nothing is known."""
        return array("d", [_NAN]) * self._unknown if self._values is None else self._values


class Served(NamedTuple):
    """Who answered: the model's id as returned and its tier, on one day (UTC)."""

    model_returned: str | None
    service_tier: str | None
    day: str


class ArmColumns:
    """The trials of one arm on one suite.

    Args:
        facts: Facts of the suite.
    """

    def __init__(self, facts: SuiteFacts) -> None:
        self.facts = facts
        self.status: Counter[Status] = Counter()
        self.rungs: Counter[str] = Counter()
        self.skip_reasons: Counter[str] = Counter()
        self.grader_failures: Counter[str] = Counter()
        self.tokens: dict[str, int] = {}
        self.cost_usd: Decimal | None = None
        self.judge_cost_usd: Decimal | None = None
        self.answers = self.priced = self.tries = self.tried = 0
        self.n_censored = self.n_cached = self.n_grader_failed = 0
        self.recorded = self.has_clusters = False
        self.judged = JudgeTally()
        self.model = ""
        self.mode: Mode | None = None
        self.mode_not_honoured = self.skipped_critical = 0
        self.params_sent: dict[str, Any] | None = None
        self.sample, self.cluster, self.skipped = array("Q"), array("Q"), array("Q")
        self.repeat, self.state = array("i"), array("b")
        self.first_bad, self.passed = array("b"), array("d")
        self.critical, self.asked_last = array("b"), array("h")
        self.value = array("Q")
        self.hops: dict[str, int] = {}
        self.answered_by: Counter[str] = Counter()
        self.graders: dict[str, array[float]] = {facts.primary: array("d")}
        self.metrics = MetricColumns()
        self.cost, self.latency, self.ttft = Doubles(), Doubles(), Doubles()
        self.output_tokens = Doubles()
        self.served: Counter[Served] = Counter()
        self.served_first: dict[Served, Attempt] = {}
        self.attempt_latency, self.attempt_row = array("d"), array("i")
        self.slices: dict[str, array[int]] = {}
        self.slice_values: dict[str, dict[str, int]] = {}

    def __len__(self) -> int:
        return len(self.sample)

    def add(self, trial: Trial, price: PriceAttempt) -> None:
        """Take one trial."""
        self.status[trial.status] += 1
        self.model = self.model or trial.model
        self.mode = self.mode or trial.structured_requested
        if trial.recorded:
            self.recorded = True
        if trial.status == "skipped":
            _count(self.skip_reasons, trial.reason)
            self.skipped.append(hash64(trial.sample_id))
            self.skipped_critical += trial.critical
            return
        self.judged.add(trial)
        self._add_identity(trial)
        self._add_hops(trial)
        if self.facts.values:
            said = None if trial.status != "ok" else trial.parsed
            self.value.append(hash64(canonical_json(said).decode()))
        self._add_scores(trial)
        self._add_slices(trial)
        self._add_money(trial, price)
        self._add_times(trial)

    def _add_identity(self, trial: Trial) -> None:
        sample = hash64(trial.sample_id)
        self.sample.append(sample)
        if trial.cluster is not None and not self.has_clusters:
            self.has_clusters = True
            self.cluster.extend(self.sample[:-1])  # until now each sample stood for itself
        if self.has_clusters:
            own = trial.cluster
            self.cluster.append(sample if own is None else hash64("cluster\0" + own))
        self.repeat.append(trial.repeat)
        self.state.append(-1 if trial.status == "error" else ANSWERED.index(trial.status))
        if trial.output_rung is not None:
            self.rungs[trial.output_rung] += 1
        first = trial.first_rung or trial.output_rung
        bad = trial.status == "malformed" if first is None else first not in _NOT_MALFORMED
        self.first_bad.append(bad)
        self.critical.append(trial.critical)
        honoured = trial.structured_honoured
        if honoured is not None and honoured != trial.structured_requested:
            self.mode_not_honoured += 1

    def _add_hops(self, trial: Trial) -> None:
        """Note which arm of a policy was asked last, and which answered."""
        asked = [a for a in trial.attempts if a.role == "model" and a.model not in ("", trial.arm)]
        if not asked:
            self.asked_last.append(-1)
            return
        self.asked_last.append(self.hops.setdefault(asked[-1].model, len(self.hops)))
        answered = [a.model for a in asked if a.completion is not None]
        if answered:
            self.answered_by[answered[-1]] += 1

    def _add_scores(self, trial: Trial) -> None:
        row = len(self.sample) - 1
        values: dict[str, float] = {}
        if trial.status in _SCORED_AS_ZERO:
            values = dict.fromkeys(self.graders, 0.0)
            values |= {score.grader: 0.0 for score in trial.scores}
        if trial.status in _KEEP_THEIR_SCORES:
            values |= {s.grader: _NAN if s.value is None else s.value for s in trial.scores}
        self.metrics.add(row, trial.scores)
        for name, value in values.items():
            column = self.graders.get(name)
            if column is None and trial.status == "ok" and math.isnan(value):
                continue  # a column begins with the first value
            if column is None:
                column = self.graders[name] = self._late_column(row)
            column.append(value)
        for column in self.graders.values():
            if len(column) <= row:
                column.append(_NAN)
        self.passed.append(self._passed(trial, values.get(self.facts.primary, _NAN)))

    def _late_column(self, row: int) -> array[float]:
        """Return the column of a grader first seen now: unusable answers before it scored 0."""
        unusable = [ANSWERED.index("malformed"), ANSWERED.index("refused")]
        return array("d", [0.0 if self.state[i] in unusable else _NAN for i in range(row)])

    def _passed(self, trial: Trial, value: float) -> float:
        if trial.status == "error":
            return _NAN
        own = [s for s in trial.scores if s.grader == self.facts.primary]
        if trial.status == "malformed" or (trial.status == "refused" and not own):
            return 0.0
        if math.isnan(value):
            self.n_grader_failed += 1
            failures = [s.failure for s in own]
            _count(self.grader_failures, failures[0] if failures else "it gave no score")
            return _NAN
        for score in own:
            if score.passed is not None:
                return float(score.passed)
        return float(value >= self.facts.pass_at)

    def _add_slices(self, trial: Trial) -> None:
        row = len(self.sample) - 1
        for name, value in trial.slices.items():
            codes = self.slices.get(name)
            if codes is None:
                codes = self.slices[name] = array("i", [-1]) * row
            known = self.slice_values.setdefault(name, {})
            codes.append(known.setdefault(str(value), len(known)))
        for codes in self.slices.values():
            if len(codes) <= row:
                codes.append(-1)

    def _add_money(self, trial: Trial, price: PriceAttempt) -> None:
        bought = bill(trial, price)
        self.answers += bought.answered
        self.priced += bought.priced
        if bought.cost_usd is not None:
            self.cost_usd = bought.cost_usd + (self.cost_usd or 0)
        if bought.judge_cost_usd is not None:
            self.judge_cost_usd = bought.judge_cost_usd + (self.judge_cost_usd or 0)
        cached = any(a.cached and a.role == "model" for a in trial.attempts)
        self.n_cached += cached
        whole = bought.is_complete and not cached and bought.cost_usd is not None
        self.cost.append(float(bought.cost_usd or 0) if whole else None)

    def _add_times(self, trial: Trial) -> None:
        row = len(self.sample) - 1
        took = timing(trial)
        self.n_censored += took.censored
        self.latency.append(took.latency_ms)
        self.ttft.append(took.ttft_ms)
        tries, written = 0, None
        for attempt in trial.attempts:
            if attempt.role != "model":
                continue
            tries += 1
            service = service_ms(attempt)
            timed = attempt.answered or attempt.outcome == "timeout"
            if timed and service is not None and not attempt.cached:
                self.attempt_latency.append(service)
                self.attempt_row.append(row)
            usage = attempt.usage
            if attempt.completion is not None:
                self._add_served(attempt, attempt.completion)
                if self.params_sent is None and not attempt.recorded:
                    self.params_sent = attempt.params_sent
                written = None if usage is None else usage.output
            if usage is not None and not attempt.cached:
                self._add_tokens(usage)
        self.output_tokens.append(written)
        self.tries += tries
        self.tried += tries > 0

    def _add_served(self, attempt: Attempt, done: Completion) -> None:
        """Count who answered, and keep the first answer of each: by it the price is told."""
        day = (done.recorded_at or attempt.sent_at or "")[:10]
        key = Served(done.model_returned, done.service_tier, day)
        if key not in self.served and len(self.served) >= _MOST_REASONS:
            return
        self.served[key] += 1
        if key not in self.served_first:
            said = msgspec.structs.replace(done, text="", tool_calls=(), refusal=None)
            self.served_first[key] = msgspec.structs.replace(attempt, completion=said)

    def _add_tokens(self, usage: Usage) -> None:
        tokens = self.tokens
        for kind, count in (
            ("input", usage.input),
            ("output", usage.output),
            ("cache_read", usage.cache_read),
            ("cache_write", usage.cache_write),
            ("reasoning", usage.reasoning),
        ):
            if count is not None:
                tokens[kind] = tokens.get(kind, 0) + count


def _count(reasons: Counter[str], reason: str | None) -> None:
    """Count a reason; past so many different ones no new one is kept, so that memory stays flat."""
    text = (reason or "no reason was given")[:_REASON_LENGTH]
    if text in reasons or len(reasons) < _MOST_REASONS:
        reasons[text] += 1
