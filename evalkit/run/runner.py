"""The loop: every trial of every arm, concurrently, each journalled as it ends.

Per provider a lane with its own gate and rate limit; its trials come in a seeded random order
over models, samples and repeats, so that the hour of the day is no model's advantage, and are
pulled lazily, so that memory does not grow with the suite. It knows neither files of a suite nor
what a summary is.
"""

from __future__ import annotations

import asyncio
import random
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from evalkit.core.records import Record
from evalkit.run.ask import BudgetSpent, Interrupted, Lane
from evalkit.run.earlier import Earlier
from evalkit.run.early import EarlyStop
from evalkit.run.ending import InterruptHandler, first_fault, keep_synced
from evalkit.run.events import TrialLine
from evalkit.run.judges import JudgeDesk, not_allowed
from evalkit.run.outage import Outages
from evalkit.run.plan import skip_reason
from evalkit.run.progress import Progress
from evalkit.run.trial import Entry, Job, Outcome, error_line, grading_key, make_trial, skip_line

State = Literal["complete", "incomplete", "interrupted"]
ERROR_BUDGET = 0.02
_PROBE_S = 0.02
_BREATH = 100


class LoopOptions(Record, frozen=True, kw_only=True):
    """How the loop runs."""

    repeats: int = 1
    seed: int = 0
    stream: bool = False


class Outlook(NamedTuple):
    """What the loop came to.

    Attributes:
        counts: Trials by status made in this part of the run.
        reason: Why it is not complete, in words.
        loop_lag_p99_ms: How late the loop was; above 50 ms its latencies are flagged.
    """

    state: State
    reason: str | None
    counts: Mapping[str, int]
    loop_lag_p99_ms: float


class Runner:
    """Runs entries to their end, a spent budget, an interruption or an outage.

    Args:
        entries: Arms on suites, each with the numbers of the samples to ask.
        desk: Asks judges; its asker asks everybody and journals.
        options: Order and repeats.
        progress: Told of every attempt and trial.
        earlier: What stands in the journal from an earlier part of the run.
        early: Orders the samples and ends suites that are decided.
    """

    def __init__(
        self,
        entries: Sequence[tuple[Entry, array[int]]],
        desk: JudgeDesk,
        options: LoopOptions,
        progress: Progress,
        *,
        earlier: Earlier | None = None,
        early: EarlyStop | None = None,
    ) -> None:
        self._entries = entries
        self._desk = desk
        self._asker = desk.asker
        self._options = options
        self._progress = progress
        self._earlier = earlier or Earlier()
        self._early = early
        self._stop: str | None = None
        self._interrupted = False
        self._counts: Counter[str] = Counter()
        self._arm_counts: dict[str, Counter[str]] = {}
        self._outages: Outages[tuple[str, str]] = Outages()
        self._last_errors: dict[str, str] = {}
        self._unjudged: Counter[str] = Counter()
        self._last_unjudged: dict[str, str] = {}
        self._lags = _LagHistogram()

    async def run(self) -> Outlook:
        """Make every trial that is not finished.

        Raises:
            JournalError: If the journal cannot be written.
        """
        total = sum(len(numbers) for _, numbers in self._entries) * self._options.repeats
        self._progress.begin(total, self._earlier.finished)
        background = [
            asyncio.create_task(keep_synced(self._asker.journal)),
            asyncio.create_task(self._probe()),
        ]
        lanes: dict[str, list[tuple[Entry, array[int]]]] = {}
        for entry, numbers in self._entries:
            lanes.setdefault(entry.lane.provider, []).append((entry, numbers))
        try:
            with InterruptHandler(self.interrupt):
                await self._lanes(list(lanes.values()))
            if self._stop is None:
                self._set_aside_the_rest()
        except asyncio.CancelledError:
            if not self._interrupted:
                raise
        except BaseExceptionGroup as group:
            raise first_fault(group) from group
        finally:
            for task in background:
                task.cancel()
            self._progress.end()
        return self._outlook()

    async def _lanes(self, lanes: Sequence[Sequence[tuple[Entry, array[int]]]]) -> None:
        """Run all remote lanes at once, then those in process one after another.

        What runs in process takes the processor away from everything else: side by side it would
        lengthen its own latencies and everybody's. A run that may end early asks all arms of a
        sample before the next sample, so there those in process share one lane beside the others.
        """
        remote = [own for own in lanes if not own[0][0].is_local]
        local = [own for own in lanes if own[0][0].is_local]
        if self._early is not None and local:
            remote.append([pair for own in local for pair in own])
            local = []
        async with asyncio.TaskGroup() as group:
            for own in remote:
                group.create_task(self._lane(own))
        for own in local:
            await self._lane(own)

    def interrupt(self) -> None:
        """Send nothing new; what is under way may end."""
        self._interrupted = True
        self._asker.stopping = True
        self._end("interrupted")

    def _end(self, reason: str) -> None:
        """Ask for nothing more that costs anything."""
        self._stop = self._stop or reason
        if self._early is not None:
            self._early.wake()

    async def _lane(self, own: Sequence[tuple[Entry, array[int]]]) -> None:
        """Feed one provider: a slot first, then the next trial."""
        pending = asyncio.Semaphore(4 * max(entry.lane.gate.most for entry, _ in own) + 16)
        async with asyncio.TaskGroup() as group:
            for count, drawn in enumerate(self._jobs(own)):
                lane = drawn.entry.lane
                if count % _BREATH == 0:
                    await asyncio.sleep(0)  # what is settled must not hold up other lanes
                if self._is_stopped(lane):
                    return
                if self._early and not await self._early.admit(drawn, lambda: bool(self._stop)):
                    continue
                job = self._to_make(drawn)
                if job is None or self._is_given_up(job):
                    continue
                await pending.acquire()
                await lane.gate.acquire()
                if self._is_stopped(lane):
                    lane.gate.release()
                    return
                if self._is_given_up(job):  # while it waited for the slot
                    lane.gate.release()
                    pending.release()
                    continue
                task = group.create_task(self._trial(job))
                task.add_done_callback(lambda _: pending.release())

    def _is_stopped(self, lane: Lane) -> bool:
        """True where nothing more may be asked; a spent budget does not stop what costs nothing."""
        return self._interrupted or (self._stop is not None and not lane.costs_nothing)

    async def _trial(self, job: Job) -> None:
        try:
            outcome = await make_trial(
                job, self._desk, stream=self._options.stream, holds_slot=True
            )
        except BudgetSpent as spent:
            self._end(str(spent))
            return
        except Interrupted:
            return
        self._note(job, outcome)

    def _jobs(self, own: Sequence[tuple[Entry, array[int]]]) -> Iterator[Job]:
        """Yield a lane's trials in seeded random order; in process, one suite after another.

        A model in process keeps the prompt's common beginning in its cache, and nothing but this
        process decides its speed.
        """
        if not own[0][0].is_local or self._early is not None:
            yield from self._shuffled(own)
            return
        suites = dict.fromkeys(entry.suite.name for entry, _ in own)
        for suite in suites:
            yield from self._shuffled([e for e in own if e[0].suite.name == suite])

    def _shuffled(self, own: Sequence[tuple[Entry, array[int]]]) -> Iterator[Job]:
        repeats = self._options.repeats
        ends = [0]
        for _, numbers in own:
            ends.append(ends[-1] + len(numbers) * repeats)
        order = array("L", range(ends[-1]))
        random.Random(self._options.seed).shuffle(order)  # noqa: S311

        def find(position: int) -> tuple[Entry, int, int]:
            which = bisect_right(ends, position) - 1
            entry, numbers = own[which]
            number, repeat = divmod(position - ends[which], repeats)
            return entry, numbers[number], repeat + 1

        if self._early is not None:
            early = self._early
            order = array("L", sorted(order, key=lambda at: early.rank(*find(at)[:2])))
        for position in order:
            entry, number, repeat = find(position)
            yield Job(entry, entry.suite.samples[number], repeat)

    def _to_make(self, job: Job) -> Job | None:
        """Return the trial with what is known of it, or None where it needs no request.

        No request need those that are finished or not allowed. One that is finished but was
        graded by other graders or another target comes back with its answers.
        """
        finished, known = self._earlier.take(job.key)
        if finished and finished.request_fingerprint == self._request_hash(job):
            same = finished.grading_fingerprint == grading_key(job.entry.grading, job.sample)
            if same and not finished.pending:
                self._count(job, "finished")
                if self._early is not None:
                    self._early.take(job, self._earlier.line(finished))
                return None
            return job._replace(known=self._earlier.reread(finished))
        if known:
            job = job._replace(known=known)
        entry = job.entry
        reason = skip_reason(entry.suite, job.sample, entry.arm) or self._unseen_by_judges(job)
        if reason:
            line = skip_line(job, self._asker, self._mark(job), f"not allowed: {reason}")
            self._asker.journal.trial(line)
            self._note(job, Outcome("skipped", line=line))
            return None
        return job

    def _unseen_by_judges(self, job: Job) -> str | None:
        """Return why no quality can come of this trial: its judges must not see the sample."""
        grading, sample = job.entry.grading, job.sample
        own = [grader for grader in grading.judging if grader.name == grading.primary]
        if not own or (sample.sensitivity is None and sample.require is None):
            return None  # what the whole suite demands was checked when the run was planned
        judges = [self._desk.judges[job.entry.suite.name, name] for name in own[0].judges]
        return not_allowed(judges, job.entry.suite.demand(sample))

    def _is_given_up(self, job: Job) -> bool:
        """Journal a trial of an arm that is not asked any more; True where it is one."""
        stopped = self._outages.given_up.get((job.entry.suite.name, job.entry.arm.name))
        if not stopped or job.known.answers:
            return False
        line = error_line(job, self._asker, self._mark(job), f"not sent: {stopped.said}")
        self._asker.journal.trial(line)
        self._note(job, Outcome("error", line=line))
        return True

    def _request_hash(self, job: Job) -> str:
        entry = job.entry
        return entry.mark(entry.requests(job.sample, job.repeat, stream=self._options.stream))

    def _mark(self, job: Job) -> str:
        """Return what ties a trial that was not sent to earlier attempts, which were paid for."""
        return self._request_hash(job) if job.known.attempts else ""

    def _set_aside_the_rest(self) -> None:
        """Journal as skipped what the suite no longer holds: old figures must not count."""
        arms = {(entry.suite.name, entry.arm.name) for entry, _ in self._entries}
        for trial in self._earlier.left():
            undecided = self._early is None or not self._early.knows(trial.suite, trial.sample_id)
            if (trial.suite, trial.arm) in arms and undecided:
                self._asker.journal.trial(_set_aside(trial, self._asker.clock.now_iso()))

    def _note(self, job: Job, outcome: Outcome) -> None:
        arm = (job.entry.suite.name, job.entry.arm.name)
        self._counts[outcome.status] += 1
        if self._early is not None:
            self._early.take(job, outcome.line)
        self._count(job, outcome.status)
        self._progress.trial(outcome.status)
        if outcome.status == "error":
            if outcome.error is not None:
                self._last_errors[" ".join(arm)] = f"{outcome.error.kind}: {outcome.error}"
                self._outages.note(arm, outcome.error)
                if self._early is not None and arm in self._outages.given_up:
                    self._early.give_up(*arm)
        elif outcome.status != "skipped":
            self._outages.note(arm, None)
            if outcome.unjudged is not None:
                self._unjudged[" ".join(arm)] += 1
                self._last_unjudged[" ".join(arm)] = outcome.unjudged

    def _count(self, job: Job, what: str) -> None:
        name = f"{job.entry.suite.name} {job.entry.arm.name}"
        self._arm_counts.setdefault(name, Counter())[what] += 1

    def _outlook(self) -> Outlook:
        state: State = "complete"
        reason = self._stop
        if self._interrupted:
            state = "interrupted"
        elif reason:
            state = "incomplete"
        else:
            reason = self._too_many_errors() or self._too_few_verdicts()
            state = "incomplete" if reason else "complete"
        return Outlook(state, reason, dict(self._counts), self._lags.quantile(0.99))

    def _too_many_errors(self) -> str | None:
        """Say which arms got no answer for more than the error budget of their trials."""
        worst = []
        for arm, counts in self._arm_counts.items():
            asked = sum(counts.values()) - counts["skipped"]
            if asked and counts["error"] / asked > ERROR_BUDGET:
                last = self._last_errors.get(arm)
                worst.append(
                    f"{arm}: {counts['error']} of {asked} trials got no answer"
                    + (f" (the last: {last})" if last else "")
                )
        return "; ".join(worst) or None

    def _too_few_verdicts(self) -> str | None:
        """Say which arms' answers a judge could not be asked about, above the error budget."""
        worst = []
        for arm, lost in self._unjudged.items():
            asked = sum(self._arm_counts[arm].values()) - self._arm_counts[arm]["skipped"]
            if lost / asked > ERROR_BUDGET:
                last = self._last_unjudged[arm]
                worst.append(f"{arm}: {lost} of {asked} answers were not judged (the last: {last})")
        return "; ".join(worst) or None

    async def _probe(self) -> None:
        """Measure how late the loop comes back: what it adds to every latency."""
        clock = self._asker.clock
        while True:
            before = clock.monotonic()
            await asyncio.sleep(_PROBE_S)
            lag_ms = max(0.0, (clock.monotonic() - before - _PROBE_S) * 1000)
            self._asker.lag_ms = round(lag_ms, 1)
            self._lags.add(lag_ms)


def _set_aside(trial: TrialLine, finished_at: str) -> TrialLine:
    return msgspec.structs.replace(
        trial,
        status="skipped",
        reason="not among the samples that the run asks any more",
        output_rung=None,
        first_rung=None,
        refused_by=None,
        parsed=None,
        scores=(),
        structured_honoured=None,
        finished_at=finished_at,
    )


class _LagHistogram:
    """Loop lags in 1 ms bins up to 10 s: constant memory."""

    def __init__(self) -> None:
        self._bins = array("L", [0] * 10_001)
        self._n = 0

    def add(self, lag_ms: float) -> None:
        self._bins[min(10_000, int(lag_ms))] += 1
        self._n += 1

    def quantile(self, q: float) -> float:
        seen = 0
        for milliseconds, count in enumerate(self._bins):
            seen += count
            if seen >= q * self._n:
                return float(milliseconds)
        return 0.0
