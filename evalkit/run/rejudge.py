"""Stored outputs judged anew: opened first, then as many trials at once as the lanes can take.

A verdict that stands in the journal is not asked for again. It does not know why a grade changed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from typing import Any, NamedTuple

from evalkit.core.errors import ConfigError
from evalkit.core.ports import Clock, Judged
from evalkit.core.records import Attempt
from evalkit.run.ask import Asker, BudgetSpent, Interrupted
from evalkit.run.budget import Budget
from evalkit.run.earlier import known_of
from evalkit.run.ending import InterruptHandler, first_fault, keep_synced
from evalkit.run.events import AttemptLine, TrialKey, TrialLine
from evalkit.run.journal import Index, Journal
from evalkit.run.judges import JudgeDesk, Judges, entry_of, kin_of, kin_refusal
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
    """Regrading with judges: as many trials at once as their lanes can take."""

    def __init__(
        self,
        journal: Journal,
        sources: dict[str, Source],
        judges: Judges,
        budget: Budget,
        watch: Watch,
    ) -> None:
        self._journal = journal
        self._sources = sources
        self._budget = budget
        self._progress = watch.progress
        self._changed = self._same = self._unknown = self._calls = self._unjudged = 0
        self._stopped: str | None = None
        jitter = random.Random(0)  # noqa: S311 - of retries
        asker = Asker(journal, watch.clock, budget, jitter, observe=self._observe)
        self._desk = JudgeDesk(judges, asker)
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> Rejudged:
        """Judge every trial whose grade can have changed.

        Raises:
            JournalError: If the journal cannot be written.
        """
        index = Index(self._journal.path)
        self._progress.begin(len(index), 0)
        syncing = asyncio.create_task(keep_synced(self._journal))
        try:
            with InterruptHandler(self._interrupt):
                async with asyncio.TaskGroup() as group:
                    await self._feed(index, group)
        except BaseExceptionGroup as faults:
            raise first_fault(faults) from faults
        finally:
            syncing.cancel()
            self._progress.end()
        return Rejudged(
            self._changed, self._same, self._unknown, self._calls, self._stopped, self._unjudged
        )

    async def _feed(self, index: Index, group: asyncio.TaskGroup) -> None:
        for attempts, trial in index.groups():
            if trial is None or trial.suite not in self._sources:
                continue
            source, own = self._sources[trial.suite], attempts_of(attempts, trial)
            found = (
                to_grade(own, trial, source)
                if source.parser.is_quick
                else await asyncio.to_thread(to_grade, own, trial, source)
            )
            if found is None:
                self._unknown += 1
            elif not found.answers or self._stopped is not None:
                self._same += 1
            else:
                await self._room.acquire()
                group.create_task(self._one(found, attempts))

    def _interrupt(self) -> None:
        self._stopped = "interrupted"
        self._desk.asker.stopping = True

    def _observe(self, attempt: Attempt) -> None:
        self._calls += not attempt.cached
        self._progress.attempt(attempt, self._budget.spent_usd)

    async def _one(self, found: Found, attempts: list[AttemptLine]) -> None:
        """Judge one trial; where that cannot be done its old grade stands."""
        try:
            line = await self._judge(found, attempts)
        except (BudgetSpent, Interrupted) as ended:
            self._stopped = self._stopped or str(ended)
            self._same += 1
            return
        finally:
            self._room.release()
        if any(score.pending for score in line.scores):
            self._unjudged += 1
            self._same += 1
        else:
            self._journal.trial(line)
            self._changed += 1
        self._progress.trial(line.status)

    async def _judge(self, found: Found, attempts: list[AttemptLine]) -> TrialLine:
        trial, source, sample = found.trial, found.source, found.sample
        if sample is None:
            raise AssertionError("a trial that is graded has its sample")
        scores = await grade(source.grading, sample, *found.answers[-1])
        known = known_of(attempts, trial.request_fingerprint)
        key = TrialKey(trial.suite, trial.sample_id, trial.arm, trial.repeat)
        demand = source.suite.demand(sample)
        door = self._desk.door(key, trial.request_fingerprint, demand, known.verdicts)
        judged = Judged(sample, source.suite.messages(sample), *found.answers[-1])
        return new_line(found, await source.grading.judge(judged, scores, door))


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
        found = kin_of(*entry_of(arm), own)
        refused = kin_refusal(found, source.grading)
        if refused:
            raise ConfigError(f"{arm['suite']} {arm['arm']}: {refused}")
        kin[arm["suite"], arm["arm"]] = found
    return kin
