"""Two models' outputs compared by a judge, always in both orders, each call journalled.

The comparisons of a run have a folder and a journal of their own in it: a judge that was asked
before is not asked again. It does not know rates or rankings.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.core.errors import CannotGrade, ProviderError
from evalkit.core.ports import Ask, Clock, JudgeQuestion
from evalkit.core.records import Attempt, Completion, Record, Sample, fingerprint
from evalkit.core.waiting import all_of
from evalkit.graders.judge_prompt import Unreadable, clipped
from evalkit.graders.pair_prompt import (
    PAIR_FORM,
    pair_content,
    pair_messages,
    pair_prompt_hash,
    read_preference,
    what_counts,
)
from evalkit.graders.rubric import task_shown, tools_shown
from evalkit.providers.catalogue import load_catalogue
from evalkit.run.ask import Asker, BudgetSpent, Interrupted
from evalkit.run.budget import Budget
from evalkit.run.clock import SystemClock
from evalkit.run.ending import InterruptHandler, first_fault, keep_synced
from evalkit.run.events import TrialKey, attempt_of
from evalkit.run.folder import Run
from evalkit.run.journal import NAME, Index, Journal, check
from evalkit.run.judges import JudgeDesk, Judges
from evalkit.run.opening import Opener, close_all
from evalkit.run.pair_inputs import (
    Answers,
    Output,
    PairOptions,
    answers_of,
    criteria_of,
    kin_of_arms,
    shared_suite,
)
from evalkit.run.prices import load_price_book, price_attempt
from evalkit.run.progress import Progress, Silent
from evalkit.run.setup import time_of, view_of
from evalkit.suite.loader import Suite

_AT_ONCE = 64
_MANIFEST = "pairs.json"
_PARAMS = {"temperature": 0, "max_tokens": 300}


class Comparison(Record, frozen=True, kw_only=True):
    """What became of one sample and repeat of two arms.

    Attributes:
        preference: 1 the first arm won, 0 the second, 0.5 a tie; None where no verdict was read.
        by: `judge`, or without one: `form` (only one output could be used) or `equal` texts.
        flip: The judge named the other winner once the outputs changed places.
        first_place: Of its two verdicts, how many named the output shown first, and how many
            named any.
        lengths: Characters of both outputs.
    """

    sample_id: str
    repeat: int
    cluster: str | None
    first: str
    second: str
    preference: float | None
    by: str
    flip: bool = False
    first_place: tuple[int, int] = (0, 0)
    lengths: tuple[int, int] = (0, 0)
    verdicts: tuple[dict[str, Any], ...] = ()
    error: str | None = None


class Compared(NamedTuple):
    """All comparisons, and what they took.

    Attributes:
        left_out: Samples without an answer of both, by pair.
        stopped: Why not all were made, or None.
    """

    folder: Path
    suite: str
    arms: list[str]
    comparisons: list[Comparison]
    left_out: dict[tuple[str, str], int]
    facts: dict[str, Any]
    calls: int
    spent_usd: float
    stopped: str | None


def compare_pairs(
    runs: Sequence[Run],
    options: PairOptions,
    *,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> Compared:
    """Let judges compare the outputs of every two arms.

    Raises:
        ConfigError: If there are not two arms, or a judge cannot be asked or must not see the
            samples.
        JournalError: If a journal is foreign, mixed or edited.
    """
    return asyncio.run(_compare(runs, options, progress or Silent(), clock or SystemClock()))


async def _compare(
    runs: Sequence[Run], options: PairOptions, progress: Progress, clock: Clock
) -> Compared:
    suite = shared_suite(runs, options)
    answers = answers_of(runs, suite.name, options)
    catalogue = load_catalogue(options.providers or runs[0].providers_path)
    opener = Opener(catalogue, clock)
    try:
        view = view_of(suite, allow_code=bool(runs[0].manifest["options"].get("allow_code")))
        judges = [await opener.open_judge(name, "--judge", suite, view) for name in options.judges]
        what = what_counts(criteria_of(suite))
        facts = {
            "runs": [run.run_id for run in runs],
            "suite": suite.name,
            "arms": list(answers),
            "judges": [judge.facts() for judge in judges],
            "kin": kin_of_arms(runs, judges, list(answers), options),
            "what_counts": what,
            "prompt_hash": pair_prompt_hash(what),
        }
        book, now = load_price_book(catalogue), time_of(clock)
        budget = Budget(
            options.budget_usd, lambda model, a: price_attempt(book, model, a, now).cost_usd
        )
        comparing = _Comparing(runs[0].folder, suite, options, what, facts)
        return await comparing.run(answers, opener.judges, _Watch(clock, progress, budget))
    finally:
        await close_all(opener.adapters)


class _Watch(NamedTuple):
    clock: Clock
    progress: Progress
    budget: Budget


class _Comparing:
    """All comparisons of one set of arms, in a folder of their own."""

    def __init__(
        self, home: Path, suite: Suite, options: PairOptions, what: str, facts: dict[str, Any]
    ) -> None:
        self._suite = suite
        self._options = options
        self._what = what
        self._facts = facts
        mark = fingerprint([facts["runs"], facts["suite"], facts["prompt_hash"], options.judges])
        self.folder = home / f"pairs-{mark[:8]}"
        tools = tools_shown(suite.spec.output)
        self._tools = [("tools", clipped(tools))] if tools else []
        self._calls = 0
        self._stopped: str | None = None
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def run(self, answers: Mapping[str, Answers], judges: Judges, watch: _Watch) -> Compared:
        """Compare every two arms on every sample and repeat that both have answered."""
        journal, self._known = _opened(self.folder)
        try:
            asker = Asker(
                journal, watch.clock, watch.budget, random.Random(0),  # noqa: S311 - jitter
                observe=lambda attempt: self._observe(attempt, watch),
            )  # fmt: skip
            self._desk = JudgeDesk(judges, asker)
            comparisons, left_out = await self._all(answers, watch.progress)
        finally:
            facts = {**self._facts, "run_id": self.folder.name, "journal_sha256": journal.close()}
            text = json.dumps({"schema_version": 1, **facts}, indent=2, ensure_ascii=False)
            (self.folder / _MANIFEST).write_text(text + "\n", encoding="utf-8")
        return Compared(
            self.folder, self._suite.name, list(answers), comparisons, left_out, facts,
            self._calls, watch.budget.spent_usd, self._stopped,
        )  # fmt: skip

    async def _all(
        self, answers: Mapping[str, Answers], progress: Progress
    ) -> tuple[list[Comparison], dict[tuple[str, str], int]]:
        jobs, left_out = [], {}
        for first, second in combinations(answers, 2):
            both = [key for key in answers[first] if key in answers[second]]
            left_out[first, second] = len(answers[first].keys() ^ answers[second].keys())
            jobs += [(first, second, key) for key in both]
        samples = {sample.id: sample for sample in self._suite.samples}
        progress.begin(len(jobs), 0)
        tasks = []
        syncing = asyncio.create_task(keep_synced(self._desk.asker.journal))
        try:
            with InterruptHandler(self._interrupt):
                async with asyncio.TaskGroup() as group:
                    for first, second, key in jobs:
                        await self._room.acquire()
                        pair = _Pair(first, second, key, answers[first][key], answers[second][key])
                        tasks.append(group.create_task(self._one(pair, samples, progress)))
        except BaseExceptionGroup as faults:
            raise first_fault(faults) from faults
        finally:
            syncing.cancel()
        progress.end()
        return [done for task in tasks if (done := task.result()) is not None], left_out

    def _interrupt(self) -> None:
        self._stopped = "interrupted"
        self._desk.asker.stopping = True

    def _observe(self, attempt: Attempt, watch: _Watch) -> None:
        self._calls += 1
        watch.progress.attempt(attempt, watch.budget.spent_usd)

    async def _one(
        self, pair: _Pair, samples: Mapping[str, Sample], progress: Progress
    ) -> Comparison | None:
        """Return what became of a pair; None where the budget did not allow to ask."""
        try:
            made = pair.without_a_judge()
            if made is None and self._stopped is not None:
                return None
            if made is None:
                made = await self._judged(pair, samples[pair.key[0]])
        except (BudgetSpent, Interrupted) as ended:
            self._stopped = self._stopped or str(ended)
            return None
        finally:
            self._room.release()
        progress.trial("ok" if made.preference is not None else "error")
        return made

    async def _judged(self, pair: _Pair, sample: Sample) -> Comparison:
        suite = self._suite
        key = TrialKey(suite.name, sample.id, f"{pair.first} | {pair.second}", pair.key[1])
        door = self._desk.door(key, "", suite.demand(sample), self._known)
        task = clipped(task_shown(suite.messages(sample)))
        verdicts = [await self._by_one(judge, pair, task, door) for judge in self._options.judges]
        preference = panel_preference([verdict["preference"] for verdict in verdicts])
        named = [place for verdict in verdicts for place in verdict["places"] if place != "tie"]
        errors = [verdict["error"] for verdict in verdicts if verdict["error"]]
        return pair.comparison(
            preference,
            "judge",
            flip=any(verdict["flip"] for verdict in verdicts),
            first_place=(named.count("first"), len(named)),
            verdicts=tuple(verdicts),
            error=errors[0] if errors and preference is None else None,
        )

    async def _by_one(self, judge: str, pair: _Pair, task: str, door: Ask) -> dict[str, Any]:
        """Ask one judge in both orders: where they disagree, neither output is better."""
        ahead, behind = await all_of(
            self._order(judge, task, (pair.a.text, pair.b.text), door),
            self._order(judge, task, (pair.b.text, pair.a.text), door),
        )
        found: dict[str, Any] = {"judge": judge, "preference": None, "flip": False}
        found["reasons"] = [ahead.reason, behind.reason]
        found["error"] = ahead.error or behind.error
        found["places"] = [o.place for o in (ahead, behind) if o.place is not None]
        if ahead.score is None or behind.score is None:
            return found
        mirrored = 1 - behind.score
        agrees = ahead.score == mirrored
        found["preference"] = ahead.score if agrees else 0.5
        found["flip"] = abs(ahead.score - mirrored) == 1
        return found

    async def _order(self, judge: str, task: str, texts: tuple[str, str], door: Ask) -> _Order:
        shown = [("task", task), *self._tools]
        shown += [("first", clipped(texts[0])), ("second", clipped(texts[1]))]
        told = problem = None
        for answer in range(self._options.max_attempts):
            question = JudgeQuestion(
                judge=judge,
                render=pair_messages(self._what, shown, told),
                content=pair_content(self._what, shown, told),
                output=PAIR_FORM,
                params=_PARAMS,
                answer=answer,
                inputs=dict(shown),
            )
            try:
                score, reason = read_preference(await door(question))
            except Unreadable as unread:
                problem, told = str(unread), unread.told
                continue
            except (ProviderError, CannotGrade) as error:
                return _Order(None, "", None, f"judge_error: {judge}: {error}")
            place = {1.0: "first", 0.0: "second"}.get(score, "tie")
            return _Order(score, reason, place, None)
        tries = self._options.max_attempts
        said = f"judge_error: {judge}: unreadable after {tries} answers: {problem}"
        return _Order(None, "", None, said)


class _Order(NamedTuple):
    """What a judge said of one order; 1 where the output shown first won."""

    score: float | None
    reason: str
    place: str | None
    error: str | None


class _Pair(NamedTuple):
    """Two arms' answers to one sample and repeat."""

    first: str
    second: str
    key: tuple[str, int]
    a: Output
    b: Output

    def without_a_judge(self) -> Comparison | None:
        """Return the comparison where no judge is needed: form decides, or both say the same."""
        if self.a.usable != self.b.usable:
            return self.comparison(float(self.a.usable), "form")
        if not self.a.usable:
            return self.comparison(0.5, "form")
        return self.comparison(0.5, "equal") if self.a.text == self.b.text else None

    def comparison(self, preference: float | None, by: str, **more: Any) -> Comparison:
        return Comparison(
            sample_id=self.key[0],
            repeat=self.key[1],
            cluster=self.a.cluster,
            first=self.first,
            second=self.second,
            preference=preference,
            by=by,
            lengths=(len(self.a.text), len(self.b.text)),
            **more,
        )


def panel_preference(votes: Sequence[float | None]) -> float | None:
    """Return what a panel prefers: who has more votes; None where a lost vote could change it.

    >>> panel_preference([1.0, 1.0, None]), panel_preference([1.0, None]), panel_preference([1, 0])
    (1.0, None, 0.5)
    """
    read = [vote for vote in votes if vote is not None]
    lead = sum(read) - sum(1 - vote for vote in read)
    missing = len(votes) - len(read)
    if not read or (missing and abs(lead) <= missing):
        return None
    return 0.5 if lead == 0 else float(lead > 0)


def _opened(folder: Path) -> tuple[Journal, dict[str, Completion]]:
    """Open the journal of comparisons; return what judges have said in it."""
    manifest = folder / _MANIFEST
    if not (folder / NAME).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        return Journal(folder, folder.name), {}
    sha256 = json.loads(manifest.read_bytes())["journal_sha256"] if manifest.is_file() else None
    tail = check(folder, folder.name, sha256)
    manifest.unlink(missing_ok=True)  # a kill from here on must not leave another hash
    known = {
        line.request_fingerprint: done
        for attempts, _ in Index(folder / NAME).groups()
        for line in attempts
        if (done := attempt_of(line).completion) is not None
    }
    return Journal(folder, folder.name, tail), known
