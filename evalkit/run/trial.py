"""One trial: ask, put the answer on its rung, ask again where allowed, grade, journal.

The three outcomes are kept apart here: the provider failed (`error`), the output cannot be used
(`malformed`, `refused`), the answer was graded (`ok` with scores). It does not know how many
trials there are or in which order they come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from evalkit.core.errors import NotRecorded, ProviderError
from evalkit.core.ports import Adapter
from evalkit.core.records import Cause, Completion, Parsed, Sample, Score, Status, fingerprint
from evalkit.graders.grading import Grading
from evalkit.graders.parse import Parser, structured_honoured
from evalkit.run.ask import Asker, Lane, Question
from evalkit.run.journal import TrialKey, TrialLine
from evalkit.run.plan import Arm, make_request, parse_choice
from evalkit.suite.loader import Suite

_LONG_TEXT = 20_000


class Entry(NamedTuple):
    """One arm on one suite, ready to be asked."""

    suite: Suite
    arm: Arm
    adapter: Adapter
    lane: Lane
    parser: Parser
    grading: Grading


class Known(NamedTuple):
    """What an earlier part of the run left of a trial.

    Attributes:
        attempts: How many attempts stand in the journal for this request.
        answers: Completions that were paid for, in order.
        request_fingerprint: The request that they answer; another one gets none of them.
    """

    attempts: int = 0
    answers: tuple[Completion, ...] = ()
    request_fingerprint: str = ""


class Job(NamedTuple):
    """One trial to be made."""

    entry: Entry
    sample: Sample
    repeat: int
    known: Known = Known()

    @property
    def key(self) -> TrialKey:
        """What identifies the trial."""
        entry = self.entry
        return TrialKey(entry.suite.name, self.sample.id, entry.arm.name, self.repeat)


class Outcome(NamedTuple):
    """How a trial ended, for the runner's own counts."""

    status: Status
    error: ProviderError | None = None


async def make_trial(job: Job, asker: Asker, *, stream: bool, holds_slot: bool) -> Outcome:
    """Make one trial and journal it.

    Raises:
        BudgetSpent: If the budget does not allow a request; nothing is journalled for the trial.
    """
    entry, known = job.entry, job.known
    request = make_request(
        entry.suite, job.sample, entry.arm, job.repeat,
        identity=entry.adapter.identity, stream=stream,
    )  # fmt: skip
    request_hash = request.fingerprint()
    if known.request_fingerprint != request_hash:
        known = Known()  # another prompt's attempts: this one starts anew
    stored = list(known.answers)
    number = known.attempts + 1
    answers: list[tuple[Completion, Parsed]] = []
    error: ProviderError | None = None
    wanted = entry.suite.spec.output.max_attempts
    cause: Cause = "first"
    while len(answers) < wanted:
        completion = stored.pop(0) if stored else None
        if completion is None:
            question = Question(
                job.key, request, request_hash, entry.adapter, entry.lane, entry.arm.name,
                number, cause, len(answers), "model", holds_slot,
            )  # fmt: skip
            holds_slot = False
            try:
                answer = await asker.ask(question)
            except NotRecorded as lacking:
                return _skip(job, asker, request_hash, str(lacking))
            number += len(answer.attempts)
            completion, error = answer.completion, answer.error
            if completion is None:
                break
        parsed = await _parse(entry.parser, completion)
        answers.append((completion, parsed))
        if parsed.rung == "refusal" or parsed.rung in entry.suite.spec.output.accept:
            break
        cause = "malformed"
    if holds_slot:
        entry.lane.gate.release()
    if not answers and error is not None:
        asker.journal.trial(error_line(job, asker, request_hash, str(error)))
        return Outcome("error", error)
    line = await grade_line(job, answers, request_hash, asker.journal.run_id, asker.clock.now_iso())
    asker.journal.trial(line)
    return Outcome(line.status)


async def grade_line(
    job: Job,
    answers: Sequence[tuple[Completion, Parsed]],
    request_hash: str,
    run_id: str,
    finished_at: str,
) -> TrialLine:
    """Return the trial's line for answers that came: rungs, status and scores."""
    entry, sample = job.entry, job.sample
    completion, parsed = answers[-1]
    scores = await _grade(entry.grading, sample, completion, parsed)
    recorded = completion.recorded
    mode = parse_choice(entry.arm.name).mode if recorded else entry.arm.mode
    return _line(
        job, run_id, request_hash,
        status=_status(parsed, entry),
        output_rung=parsed.rung,
        first_rung=answers[0][1].rung,
        refused_by=parsed.refused_by,
        structured_requested=mode,
        structured_honoured=structured_honoured(mode, parsed, completion),  # type: ignore[arg-type]
        parsed=parsed.value,
        scores=scores,
        reason=parsed.detail,
        recorded=recorded,
        completion_hash=completion.content_hash(),
        grading_fingerprint=grading_key(entry.grading, sample),
        finished_at=finished_at,
    )  # fmt: skip


def grading_key(grading: Grading, sample: Sample) -> str:
    """Return what decides a grade beside the output: graders, their options, the target."""
    return fingerprint([grading.fingerprint, sample.target])


def error_line(job: Job, asker: Asker, request_hash: str, reason: str) -> TrialLine:
    """Return the line of a trial that got no answer."""
    return _line(
        job, asker.journal.run_id, request_hash,
        status="error", output_rung=None, scores=(), reason=reason,
        structured_requested=job.entry.arm.mode, structured_honoured=None,
        finished_at=asker.clock.now_iso(),
    )  # fmt: skip


def skip_line(job: Job, asker: Asker, request_hash: str, reason: str) -> TrialLine:
    """Return the line of a trial that was not asked, and why."""
    return _line(
        job, asker.journal.run_id, request_hash,
        status="skipped", output_rung=None, scores=(), reason=reason,
        structured_requested=job.entry.arm.mode, structured_honoured=None,
        finished_at=asker.clock.now_iso(),
    )  # fmt: skip


def _skip(job: Job, asker: Asker, request_hash: str, reason: str) -> Outcome:
    asker.journal.trial(skip_line(job, asker, request_hash, reason))
    return Outcome("skipped")


def _line(job: Job, run_id: str, request_hash: str, **rest: object) -> TrialLine:
    entry, sample = job.entry, job.sample
    return TrialLine(
        event="trial",
        run_id=run_id,
        suite=entry.suite.name,
        sample_id=sample.id,
        arm=entry.arm.name,
        repeat=job.repeat,
        model=entry.arm.model,
        cluster=sample.cluster,
        slices=sample.slices,
        critical=sample.critical,
        request_fingerprint=request_hash,
        **rest,  # type: ignore[arg-type]
    )


def _status(parsed: Parsed, entry: Entry) -> Status:
    if parsed.rung == "refusal":
        return "refused"
    return "ok" if parsed.rung in entry.suite.spec.output.accept else "malformed"


async def _parse(parser: Parser, completion: Completion) -> Parsed:
    """Parse here where the text is short, beside the loop where it is long."""
    if len(completion.text) < _LONG_TEXT:
        return parser.parse(completion)
    return await asyncio.to_thread(parser.parse, completion)


async def _grade(
    grading: Grading, sample: Sample, completion: Completion, parsed: Parsed
) -> tuple[Score, ...]:
    if grading.is_quick and len(completion.text) < _LONG_TEXT:
        return grading.grade(sample, completion, parsed)
    return await asyncio.to_thread(grading.grade, sample, completion, parsed)
