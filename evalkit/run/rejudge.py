"""Stored outputs judged anew: every verdict is gathered first, and only then are trials graded.

A verdict that stands in the journal is not asked for again. Work that stops before its end leaves
all old grades in force: no figure mixes two judges. It does not know why a grade changed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from evalkit.core.errors import ConfigError
from evalkit.core.ports import Ask, Clock, Judged
from evalkit.core.records import Attempt
from evalkit.run.ask import Asker, BudgetSpent, Interrupted
from evalkit.run.budget import Budget
from evalkit.run.earlier import known_of
from evalkit.run.ending import InterruptHandler, first_fault, keep_synced
from evalkit.run.events import AttemptLine, TrialKey, TrialLine
from evalkit.run.journal import Index, Journal
from evalkit.run.judges import JudgeDesk, Judges, kin_of_arm, kin_refusal
from evalkit.run.progress import Progress
from evalkit.run.stored import Found, Source, attempts_of, new_line, to_grade
from evalkit.run.trial import grade

_AT_ONCE = 256


class Rejudged(NamedTuple):
    """What was done: trials judged anew, left alone, not gradable here; calls, why it stopped."""

    changed: int
    same: int
    unknown_samples: int
    judge_calls: int
    stopped: str | None
    unjudged: int


class Watch(NamedTuple):
    """Whose clock it is, and who looks on."""

    clock: Clock
    progress: Progress


class Rejudging:
    """Regrading with judges: as many trials at once as their lanes can take.

    Args:
        journal: Where verdicts and grades go.
        sources: The suites.
        judges: Who judges.
        budget: What they may cost.
        watch: Clock and progress.
        begin_grading: Called when all verdicts are there, before the first grade is written.
    """

    def __init__(
        self,
        journal: Journal,
        sources: dict[str, Source],
        judges: Judges,
        budget: Budget,
        watch: Watch,
        begin_grading: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._sources = sources
        self._budget = budget
        self._progress = watch.progress
        self._begin_grading = begin_grading
        self._changed = self._same = self._unknown = self._calls = 0
        self._gathered = self._judged = 0
        self._lost: dict[TrialKey, TrialLine] = {}
        self._last_lost: str | None = None
        self._stopped: str | None = None
        jitter = random.Random(0)  # noqa: S311 - of retries
        asker = Asker(journal, watch.clock, budget, jitter, observe=self._observe)
        self._desk = JudgeDesk(judges, asker)
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> Rejudged:
        """Judge every trial whose grade can have changed, then grade them all, or none.

        Raises:
            JournalError: If the journal cannot be written.
        """
        index = self._index()
        self._progress.begin(len(index), 0)
        syncing = asyncio.create_task(keep_synced(self._journal))
        try:
            with InterruptHandler(self._interrupt):
                await self._each(index, self._gather)
                self._stopped = self._stopped or self._why_not()
                if self._stopped is not None:
                    self._same += self._gathered
                else:
                    self._begin_grading()
                    self._same = self._unknown = 0
                    await self._each(self._index(), self._write)
        except BaseExceptionGroup as faults:
            raise first_fault(faults) from faults
        finally:
            syncing.cancel()
            self._progress.end()
        return Rejudged(
            self._changed, self._same, self._unknown, self._calls, self._stopped, len(self._lost)
        )

    def _index(self) -> Index:
        self._journal.sync()
        return Index(self._journal.path)

    async def _each(self, index: Index, work: Work) -> None:
        async with asyncio.TaskGroup() as group:
            async for found, attempts in to_judge(index, self._sources, self._leave):
                if self._stopped is not None:
                    self._same += 1
                else:
                    await self._room.acquire()
                    group.create_task(self._one(found, attempts, work))

    def _leave(self, *, is_known: bool) -> None:
        self._same += is_known
        self._unknown += not is_known

    def _why_not(self) -> str | None:
        """Return why the new grades must not replace the old ones."""
        if self._desk.given_up is not None:
            return self._desk.given_up
        if self._last_lost is not None and not self._judged:
            return f"no answer could be judged (the last: {self._last_lost})"
        return None

    def _interrupt(self) -> None:
        self._stopped = "interrupted"
        self._desk.asker.stopping = True

    def _observe(self, attempt: Attempt) -> None:
        self._calls += not attempt.cached
        self._progress.attempt(attempt, self._budget.spent_usd)

    async def _one(self, found: Found, attempts: list[AttemptLine], work: Work) -> None:
        try:
            await work(found, attempts)
        except (BudgetSpent, Interrupted) as ended:
            self._stopped = self._stopped or str(ended)
            self._same += 1
        finally:
            self._room.release()

    async def _gather(self, found: Found, attempts: list[AttemptLine]) -> None:
        """Have one trial judged: its verdicts are in the journal then, its grade is not yet."""
        line = await self._judge(found, attempts)
        judged = [score for score in line.scores if "judging" in (score.details or {})]
        self._gathered += 1
        self._judged += any(score.value is not None for score in judged)
        for score in judged:
            self._last_lost = score.failure or self._last_lost
        if any(score.pending for score in judged):  # kept: it is not asked again when written
            self._lost[_key_of(line)] = line
        self._progress.trial(line.status)

    async def _write(self, found: Found, attempts: list[AttemptLine]) -> None:
        """Write one trial's grade, by the verdicts that stand in the journal."""
        line = self._lost.get(_key_of(found.trial)) or await self._judge(found, attempts)
        self._journal.trial(line)
        self._changed += 1

    async def _judge(self, found: Found, attempts: list[AttemptLine]) -> TrialLine:
        trial, source, sample = found.trial, found.source, found.sample
        if sample is None:
            raise AssertionError("a trial that is graded has its sample")
        known = known_of(attempts, trial.request_fingerprint)
        demand = source.suite.demand(sample)
        door = self._desk.door(_key_of(trial), trial.request_fingerprint, demand, known.verdicts)
        return await judged_line(found, door)


async def to_judge(
    index: Index,
    sources: Mapping[str, Source],
    leave: Callable[..., None] = lambda *, is_known: None,
) -> AsyncIterator[tuple[Found, list[AttemptLine]]]:
    """Iterate over the trials whose grade can have changed, each with its attempts.

    Args:
        index: The journal.
        sources: The suites; trials of others are passed over.
        leave: Told of every other trial of these, and whether its sample is known.
    """
    for attempts, trial in index.groups():
        if trial is None or trial.suite not in sources:
            continue
        source, own = sources[trial.suite], attempts_of(attempts, trial)
        found = (
            to_grade(own, trial, source)
            if source.parser.is_quick
            else await asyncio.to_thread(to_grade, own, trial, source)
        )
        if found is None or not found.answers:
            leave(is_known=found is not None)
        else:
            yield found, attempts


async def judged_line(found: Found, door: Ask) -> TrialLine:
    """Grade one stored trial, asking its judges through a door."""
    source, sample = found.source, found.sample
    if sample is None:
        raise AssertionError("a trial that is graded has its sample")
    scores = await grade(source.grading, sample, *found.answers[-1])
    judged = Judged(sample, source.suite.messages(sample), *found.answers[-1])
    return new_line(found, await source.grading.judge(judged, scores, door))


Work = Callable[[Found, list[AttemptLine]], Awaitable[None]]


def _key_of(line: TrialLine) -> TrialKey:
    return TrialKey(line.suite, line.sample_id, line.arm, line.repeat)


Kin = dict[tuple[str, str], dict[str, str]]


def kin_of_arms(manifest: Mapping[str, Any], sources: Mapping[str, Source], judges: Judges) -> Kin:
    """Return why judges are kin to the arms of a run, by suite and arm.

    Raises:
        ConfigError: If a rubric asks for independent judges and one is not.
    """
    kin: Kin = {}
    for arm in manifest["arms"]:
        source = sources.get(arm["suite"])
        if source is None:
            continue
        own = [judges[arm["suite"], name] for name in source.grading.judges]
        found = kin_of_arm(arm, own)
        refused = kin_refusal(found, source.grading)
        if refused:
            raise ConfigError(f"{arm['suite']} {arm['arm']}: {refused}")
        kin[arm["suite"], arm["arm"]] = found
    return kin
