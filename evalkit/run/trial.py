"""One trial: ask, put the answer on its rung, ask again where allowed, grade, journal.

The three outcomes are kept apart here: the provider failed (`error`), the output cannot be used
(`malformed`, `refused`), the answer was graded (`ok` with scores). It does not know how many
trials there are or in which order they come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from evalkit.core.errors import NotRecorded, ProviderError
from evalkit.core.ports import Adapter, Judged
from evalkit.core.records import (
    Cause,
    Completion,
    Mode,
    OutputSpec,
    Parsed,
    Request,
    Sample,
    Score,
    Status,
    fingerprint,
)
from evalkit.graders.grading import Grading, status_of
from evalkit.graders.parse import Parser, structured_honoured
from evalkit.run.answers import (
    LONG_TEXT,
    Answered,
    Asking,
    Hop,
    Next,
    Route,
    Said,
    Stored,
    ask_arm,
    ask_route,
    size_of,
)
from evalkit.run.ask import Asker, Lane
from evalkit.run.events import TrialKey, TrialLine
from evalkit.run.judges import JudgeDesk
from evalkit.run.plan import Arm, make_request, parse_choice
from evalkit.suite.loader import Suite


class Entry(NamedTuple):
    """One arm on one suite, ready to be asked.

    Attributes:
        route: Whom the arm asks where it is a policy; `adapter` is then that of the first of them,
            and `lane` bounds how many trials are under way.
    """

    suite: Suite
    arm: Arm
    adapter: Adapter
    lane: Lane
    parser: Parser
    grading: Grading
    route: Route | None = None

    @property
    def hops(self) -> tuple[Hop, ...]:
        """Every arm that may be asked: itself, or those of its policy."""
        if self.route is None:
            return (Hop(self.arm, self.adapter, self.lane),)
        return self.route.all_hops

    @property
    def answers_wanted(self) -> int:
        """How many answers a trial may have at most."""
        return sum(hop.answers_wanted(self.suite.spec.output) for hop in self.hops)

    @property
    def identity(self) -> str:
        """What decides its answers beside the request."""
        return self.adapter.identity if self.route is None else self.route.identity

    @property
    def is_local(self) -> bool:
        """True where something of it runs in this process."""
        return any(hop.arm.provider.is_local for hop in self.hops)

    def requests(self, sample: Sample, repeat: int, *, stream: bool) -> tuple[Request, ...]:
        """Return what is asked of each hop for one sample.

        Raises:
            ConfigError: If the prompt cannot be rendered.
        """
        return tuple(
            make_request(
                self.suite, sample, hop.arm, repeat, identity=hop.adapter.identity, stream=stream
            )
            for hop in self.hops
        )

    def mark(self, requests: Sequence[Request]) -> str:
        """Return what stands for a trial in the journal: its request, or its policy's."""
        return requests[0].fingerprint() if self.route is None else self.route.mark(requests)


class Known(NamedTuple):
    """What an earlier part of the run left of a trial.

    Attributes:
        attempts: How many attempts stand in the journal for this request.
        answers: Completions that were paid for, in order.
        request_fingerprint: The request that they answer; another one gets none of them.
        cause: What the next attempt names as its cause.
        was_graded: The trial was finished: its answers are graded anew, no model is asked.
        verdicts: What judges said of its answers, by the fingerprint of their request.
        answered_by: The arm that gave each answer.
    """

    attempts: int = 0
    answers: tuple[Completion, ...] = ()
    request_fingerprint: str = ""
    cause: Cause = "first"
    was_graded: bool = False
    verdicts: Mapping[str, Completion] = {}
    answered_by: tuple[str, ...] = ()


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
    """How a trial ended, for the runner's own counts; `unjudged` says why a judge gave no score.

    `line` is the trial as it was journalled.
    """

    status: Status
    error: ProviderError | None = None
    unjudged: str | None = None
    line: TrialLine | None = None


async def make_trial(job: Job, desk: JudgeDesk, *, stream: bool, holds_slot: bool) -> Outcome:
    """Make one trial and journal it.

    Raises:
        BudgetSpent: If the budget does not allow a request; nothing is journalled for the trial.
        Interrupted: If the run is being ended before the trial has its answer; likewise.
    """
    entry, known, asker = job.entry, job.known, desk.asker
    requests = entry.requests(job.sample, job.repeat, stream=stream)
    request_hash = entry.mark(requests)
    if known.request_fingerprint != request_hash:
        known = Known()  # another prompt's attempts: this one starts anew
    asked = _Asked(requests, request_hash, known)
    try:
        said = await _answers(job, asker, asked, holds_slot=holds_slot)
    except NotRecorded as lacking:
        return _skip(job, asker, request_hash, str(lacking))
    if not said.answers:
        failed = error_line(job, asker, request_hash, str(said.error))
        asker.journal.trial(failed)
        return Outcome("error", said.error, line=failed)
    scores = await _scores(job, desk, asked, *said.answers[-1])
    line = graded_line(
        _line(job, asker, request_hash, "ok", None),
        said.answers,
        scores,
        GradeBy(job.sample, entry.grading, entry.suite.spec.output, _mode(said.arm)),
        finished_at=asker.clock.now_iso(),
        regraded=known.was_graded,
    )
    asker.journal.trial(line)
    return Outcome(line.status, unjudged=_unjudged(scores), line=line)


class _Asked(NamedTuple):
    """What one trial asks of each hop, what stands for it, and what is known of it."""

    requests: tuple[Request, ...]
    request_hash: str
    known: Known


async def _answers(job: Job, asker: Asker, asked: _Asked, *, holds_slot: bool) -> Said:
    """Return the answers of a trial, stored ones first; the last error where there is none.

    Raises:
        NotRecorded: If a recording lacks this sample.
    """
    entry, known = job.entry, asked.known
    asking = Asking(
        job.key, asked.request_hash, entry.parser, entry.suite.spec.output, asker,
        passes=partial(_passes, entry.grading, job.sample),
    )  # fmt: skip
    stored = Stored(known.answers, known.answered_by, known.was_graded)
    then = Next(known.attempts + 1, known.cause)
    if entry.route is None:
        (hop,), (request,) = entry.hops, asked.requests
        return await ask_arm(asking, hop, request, stored, then, holds_slot=holds_slot)
    try:
        return await ask_route(asking, entry.route, asked.requests, stored, then)
    finally:
        if holds_slot:
            entry.lane.gate.release()


async def _passes(grading: Grading, sample: Sample, name: str, answer: Answered) -> bool:
    """Say whether a grader gives an answer full marks where nobody has a target."""
    blind = msgspec.structs.replace(sample, target=None, has_target=False)
    own = grading.only(name)
    (score,) = await grade(own, blind, *answer)
    return score.value == 1.0


async def _scores(
    job: Job, desk: JudgeDesk, asked: _Asked, completion: Completion, parsed: Parsed
) -> tuple[Score, ...]:
    """Grade an answer, and ask the judges where the suite has any."""
    grading, sample = job.entry.grading, job.sample
    scores = await grade(grading, sample, completion, parsed)
    if not grading.judging:
        return scores
    demand = job.entry.suite.demand(sample)
    door = desk.door(job.key, asked.request_hash, demand, asked.known.verdicts)
    judged = Judged(sample, asked.requests[0].messages, completion, parsed)
    return await grading.judge(judged, scores, door)


def _unjudged(scores: Sequence[Score]) -> str | None:
    """Return why a judge that may be asked again gave no verdict."""
    return next((score.failure for score in scores if score.pending), None)


class GradeBy(NamedTuple):
    """By what an answer is graded: sample, graders, the asked form, the requested mode.

    Attributes:
        key: `grading_key` of these, where it is known.
    """

    sample: Sample
    grading: Grading
    output: OutputSpec
    mode: Mode | None
    key: str = ""


def graded_line(
    line: TrialLine,
    answers: Sequence[tuple[Completion, Parsed]],
    scores: tuple[Score, ...],
    by: GradeBy,
    *,
    finished_at: str,
    regraded: bool = False,
) -> TrialLine:
    """Return a trial's line with rungs, status and scores for the answers that came.

    Args:
        line: The line as far as it is known, or an older one of the same trial.
        answers: Each answer with its rung, in order.
        scores: The graders' verdicts on the last of them.
        by: What graded.
        finished_at: UTC time, ISO 8601.
        regraded: No model was asked for this line.
    """
    completion, parsed = answers[-1]
    sample = by.sample
    return msgspec.structs.replace(
        line,
        status=status_of(parsed, by.output),
        output_rung=parsed.rung,
        first_rung=answers[0][1].rung,
        refused_by=parsed.refused_by,
        structured_requested=by.mode,
        structured_honoured=structured_honoured(by.mode, parsed, completion),
        cluster=sample.cluster,
        slices=sample.slices,
        critical=sample.critical,
        parsed=parsed.value,
        scores=scores,
        reason=parsed.detail,
        recorded=completion.recorded,
        completion_hash=line.completion_hash or completion.content_hash(),
        grading_fingerprint=by.key or grading_key(by.grading, sample),
        finished_at=finished_at,
        regraded=regraded,
    )


def grading_key(grading: Grading, sample: Sample) -> str:
    """Return what decides a grade beside the output: graders, options, judges, the target."""
    decides = [grading.fingerprint, sample.target]
    return fingerprint([*decides, grading.judged_by] if grading.judged_by else decides)


def error_line(job: Job, asker: Asker, request_hash: str, reason: str) -> TrialLine:
    """Return the line of a trial that got no answer."""
    return _line(job, asker, request_hash, "error", reason)


def skip_line(job: Job, asker: Asker, request_hash: str, reason: str) -> TrialLine:
    """Return the line of a trial that was not asked, and why."""
    return _line(job, asker, request_hash, "skipped", reason)


def _skip(job: Job, asker: Asker, request_hash: str, reason: str) -> Outcome:
    line = skip_line(job, asker, request_hash, reason)
    asker.journal.trial(line)
    return Outcome("skipped", line=line)


def _line(
    job: Job, asker: Asker, request_hash: str, status: Status, reason: str | None
) -> TrialLine:
    """Return a line without an answer."""
    entry, sample = job.entry, job.sample
    return TrialLine(
        event="trial",
        run_id=asker.journal.run_id,
        suite=entry.suite.name,
        sample_id=sample.id,
        arm=entry.arm.name,
        repeat=job.repeat,
        status=status,
        output_rung=None,
        scores=(),
        model=entry.arm.model,
        finished_at=asker.clock.now_iso(),
        structured_requested=_mode(entry.arm),
        structured_honoured=None,
        cluster=sample.cluster,
        slices=sample.slices,
        critical=sample.critical,
        reason=reason,
        request_fingerprint=request_hash,
    )


def _mode(arm: Arm) -> Mode | None:
    """Return the mode that was requested; a recording tells it in the arm's name."""
    mode = parse_choice(arm.name).mode if arm.provider.wire == "replay" else arm.mode
    return mode  # type: ignore[return-value]


async def grade(
    grading: Grading, sample: Sample, completion: Completion, parsed: Parsed
) -> tuple[Score, ...]:
    """Grade here what is quick, beside the loop what is not; judges are asked elsewhere."""
    if grading.is_quick and size_of(completion) < LONG_TEXT:
        return grading.grade(sample, completion, parsed)
    return await asyncio.to_thread(grading.grade, sample, completion, parsed)
