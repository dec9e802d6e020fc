"""A run that may end early: samples in an order fixed beforehand, all arms in step.

Samples come by their places (`core/ordering.py`), and no arm runs far ahead of the slowest, or
what it was asked would be paid for in vain. When a suite is decided its remaining samples are not
asked. Which figures decide is the rule's matter.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from evalkit.core.ordering import place_of
from evalkit.core.ports import StopRule
from evalkit.core.records import Trial, hash64
from evalkit.run.events import TrialLine, trial_of
from evalkit.run.trial import Entry, Job

_AHEAD = 16


class _Course:
    """One suite's samples in their order, and how far all watched arms have come."""

    def __init__(self, entries: Sequence[tuple[Entry, array[int]]], seed: int, wanted: int) -> None:
        hashes = entries[0][0].suite.samples.id_hashes
        numbers = sorted({n for _, own in entries for n in own})
        placed = sorted((place_of(hashes[n], seed), n) for n in numbers)
        self.places = [place for place, _ in placed]
        self.rank = {number: rank for rank, (_, number) in enumerate(placed)}
        self.by_id = {hashes[number]: rank for number, rank in self.rank.items()}
        self.wanted = wanted
        self.done = 0
        self.asked = 0
        self._trials: dict[int, list[Trial]] = {}

    def take(self, rank: int, trial: Trial) -> list[list[Trial]]:
        """Take a trial; return the trials of each sample that is next in the order and whole."""
        self._trials.setdefault(rank, []).append(trial)
        ready = []
        while len(self._trials.get(self.done, ())) >= self.wanted:
            ready.append(self._trials.pop(self.done))
            self.done += 1
        return ready


class EarlyStop:
    """Feeds a stop rule in order, and keeps the arms in step.

    Args:
        rule: Decides.
        entries: Arms on suites, each with the numbers of its samples.
        repeats: How often each sample is asked.
        seed: Fixes the order.
    """

    def __init__(
        self,
        rule: StopRule,
        entries: Sequence[tuple[Entry, array[int]]],
        *,
        repeats: int,
        seed: int,
    ) -> None:
        self._rule = rule
        self._seed = seed
        self._moved = asyncio.Event()
        self._lost: set[str] = set()
        self._window = _AHEAD + 2 * max(
            (entry.lane.gate.most for entry, _ in entries if not entry.lane.costs_nothing),
            default=1,
        )
        self._courses: dict[str, _Course] = {}
        for suite in dict.fromkeys(entry.suite.name for entry, _ in entries):
            own = [pair for pair in entries if pair[0].suite.name == suite]
            watched = sum(entry.arm.name in rule.arms for entry, _ in own)
            self._courses[suite] = _Course(own, seed, watched * repeats)

    def rank(self, entry: Entry, number: int) -> int:
        """Return where a sample comes in its suite's order."""
        return self._courses[entry.suite.name].rank[number]

    def give_up(self, suite: str, arm: str) -> None:
        """Ask nothing more on a suite of which a watched arm is given up: it cannot be decided."""
        if arm in self._rule.arms:
            self._lost.add(suite)
            self.wake()

    def is_needed(self, job: Job) -> bool:
        """Return whether a trial can still change anything."""
        if job.entry.suite.name in self._lost:
            return False
        if self._rule.verdict(job.entry.suite.name) is None:
            return True
        return self._rule.asks_critical and job.sample.critical

    async def admit(self, job: Job, is_stopped: Callable[[], bool]) -> bool:
        """Wait until the slowest arm is near; return whether the trial is still needed.

        Args:
            job: The trial.
            is_stopped: The run is being ended for another reason: nobody waits for anybody.
        """
        suite = job.entry.suite.name
        course, rank = self._courses[suite], self._rank(job)
        while rank > course.done + self._window:
            if is_stopped() or suite in self._lost or self._rule.verdict(suite) is not None:
                break
            self._moved.clear()
            await self._moved.wait()
        return self.is_needed(job)

    def take(self, job: Job, line: TrialLine | None) -> None:
        """Note how a trial ended; None where it is as good as never asked."""
        suite = job.entry.suite.name
        if line is None or job.entry.arm.name not in self._rule.arms:
            return
        course = self._courses[suite]
        for trials in course.take(self._rank(job), trial_of(line, ())):
            if self._rule.verdict(suite) is None:
                course.asked += 1
                self._rule.take(suite, trials)
        self.wake()

    def knows(self, suite: str, sample_id: str) -> bool:
        """Return whether a suite has this sample, asked or not."""
        course = self._courses.get(suite)
        return course is not None and hash64(sample_id) in course.by_id

    def wake(self) -> None:
        """Let those who wait look again."""
        self._moved.set()

    def facts(self) -> dict[str, Any]:
        """Return what run.json keeps: the order, and how far it was gone through."""
        last = {
            name: f"{course.places[course.asked - 1]:016x}" if course.asked else "0"
            for name, course in self._courses.items()
        }
        return {
            **self._rule.facts(),
            "seed": self._seed,
            "cap": {name: len(course.places) for name, course in self._courses.items()},
            "asked": {name: course.asked for name, course in self._courses.items()},
            "last_place": last,
            "verdicts": {name: self._rule.verdict(name) for name in self._courses},
        }

    def _rank(self, job: Job) -> int:
        return self._courses[job.entry.suite.name].by_id[hash64(job.sample.id)]
