"""Stored outputs as regrading needs them: each trial with its answers, its sample, its suite.

It does not ask anybody and does not write.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from evalkit.core.records import Attempt, Completion, Parsed, Sample, Score, hash64
from evalkit.graders.grading import Grading
from evalkit.graders.parse import Parser
from evalkit.run.clock import SystemClock
from evalkit.run.events import AttemptLine, TrialLine, attempt_of, belongs
from evalkit.run.trial import GradeBy, graded_line, grading_key
from evalkit.suite.loader import Suite


class Source(NamedTuple):
    """A suite as regrading needs it: its samples by the hash of their ids."""

    suite: Suite
    parser: Parser
    grading: Grading
    numbers: dict[int, int]

    @classmethod
    def of(cls, suite: Suite, grading: Grading) -> Source:
        """Return a suite indexed by the ids of its samples."""
        numbers = {known: number for number, known in enumerate(suite.samples.id_hashes)}
        return cls(suite, Parser(suite.spec.output), grading, numbers)

    def sample(self, sample_id: str) -> Sample | None:
        """Return a sample by its id, None where the suite has it no more."""
        number = self.numbers.get(hash64(sample_id))
        return None if number is None else self.suite.samples[number]


class Found(NamedTuple):
    """A trial to be graded anew; without answers where nothing can have changed."""

    trial: TrialLine
    source: Source
    sample: Sample | None = None
    answers: tuple[tuple[Completion, Parsed], ...] = ()
    key: str = ""


def attempts_of(lines: list[AttemptLine], trial: TrialLine) -> tuple[Attempt, ...]:
    """Return the attempts that belong to a trial, its judges' among them."""
    return tuple(attempt_of(a) for a in lines if belongs(a, trial.request_fingerprint))


def to_grade(attempts: Sequence[Attempt], trial: TrialLine, source: Source) -> Found | None:
    """Return a trial with its answers, without them where it stays, None for a lost sample."""
    same = Found(trial, source)
    if trial.status in ("error", "skipped"):
        return same
    answers = [a.completion for a in attempts if a.role == "model" and a.completion is not None]
    if not answers:
        return same
    sample = source.sample(trial.sample_id)
    if sample is None:
        return None
    pending = any(score.pending for score in trial.scores)
    key = grading_key(source.grading, sample)
    if trial.grading_fingerprint == key and not pending:
        return same
    parsed = tuple((answer, source.parser.parse(answer)) for answer in answers)
    return Found(trial, source, sample, parsed, key)


def new_line(found: Found, scores: tuple[Score, ...] | None = None) -> TrialLine:
    """Return the new line of a trial."""
    source, sample = found.source, found.sample
    if sample is None:
        raise AssertionError("a trial that is graded has its sample")
    if scores is None:
        scores = source.grading.grade(sample, *found.answers[-1])
    output, mode = source.suite.spec.output, found.trial.structured_requested
    by = GradeBy(sample, source.grading, output, mode, found.key)
    now = SystemClock().now_iso()
    return graded_line(found.trial, found.answers, scores, by, finished_at=now, regraded=True)
