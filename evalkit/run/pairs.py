"""Two models' outputs compared by a judge, always in both orders, each call journalled.

The comparisons of a run have a folder and a journal of their own in it: a judge that was asked
before is not asked again. It does not know rates or rankings.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.core.errors import CannotGrade, ProviderError
from evalkit.core.ports import Ask, Clock, JudgeQuestion
from evalkit.core.records import Attempt, Completion, Record, Sample
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
    folder_of,
    kin_of_arms,
    shared_suite,
)
from evalkit.run.prices import load_price_book, price_attempt
from evalkit.run.progress import Progress, Silent
from evalkit.run.setup import time_of, view_of
from evalkit.suite.loader import Suite

_AT_ONCE = 64
_MANIFEST = "pairs.json"
MOST_TOKENS = 300
_PARAMS = {"temperature": 0, "max_tokens": MOST_TOKENS}


class Comparison(Record, frozen=True, kw_only=True):
    """What became of one sample and repeat of two arms.

    Attributes:
        preference: 1 the first arm won, 0 the second, 0.5 a tie; None where no verdict was read.
        by: `judge`, or without one: `form` (only one output could be used) or `equal` texts.
        flip: Some judge named the other winner once the outputs changed places.
        lengths: Characters of both outputs.
        verdicts: What each judge said in both orders; `pending` where it did not answer.
    """

    sample_id: str
    repeat: int
    cluster: str | None
    first: str
    second: str
    preference: float | None
    by: str
    flip: bool = False
    lengths: tuple[int, int] = (0, 0)
    verdicts: tuple[dict[str, Any], ...] = ()
    error: str | None = None

    @property
    def failed(self) -> bool:
        """Whether there is no verdict because a judge did not answer."""
        return self.preference is None and any(verdict["pending"] for verdict in self.verdicts)


class Compared(NamedTuple):
    """All comparisons, and what they took.

    Attributes:
        left_out: Samples without an answer of both, by pair.
        not_made: Comparisons that were due and were not begun, by pair.
        spent_usd: What the calls cost; None where none of them has a price.
        unpriced: Answers without a price, which the cost leaves out.
        stopped: Why not all were made, or None.
    """

    folder: Path
    suite: str
    arms: list[str]
    comparisons: list[Comparison]
    left_out: dict[tuple[str, str], int]
    not_made: dict[tuple[str, str], int]
    facts: dict[str, Any]
    calls: int
    spent_usd: float | None
    unpriced: int
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
            "kin": kin_of_arms(runs, judges, list(answers), suite.name, options),
            "what_counts": what,
            "prompt_hash": pair_prompt_hash(what),
        }
        book, now = load_price_book(catalogue), time_of(clock)
        budget = Budget(
            options.budget_usd, lambda model, a: price_attempt(book, model, a, now).cost_usd
        )
        folder = folder_of(runs, suite.name, pair_prompt_hash(what), options)
        comparing = _Comparing(folder, suite, options, what, facts)
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
        self, folder: Path, suite: Suite, options: PairOptions, what: str, facts: dict[str, Any]
    ) -> None:
        self._suite = suite
        self._options = options
        self._what = what
        self._facts = facts
        self.folder = folder
        self._calls = self._answered = 0
        self._stopped: str | None = None
        self._down: dict[str, str] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def run(self, answers: Mapping[str, Answers], judges: Judges, watch: _Watch) -> Compared:
        """Compare every two arms on every sample and repeat that both have answered."""
        journal, self._known = _opened(self.folder)
        try:
            self._judges = judges
            self._desks = {
                name: JudgeDesk(judges, self._asker(journal, watch))
                for name in self._options.judges
            }
            pairs, left_out = pairs_of(answers)
            comparisons = await self._all(pairs, journal, watch.progress)
        finally:
            facts = {**self._facts, "run_id": self.folder.name, "journal_sha256": journal.close()}
            text = json.dumps({"schema_version": 1, **facts}, indent=2, ensure_ascii=False)
            (self.folder / _MANIFEST).write_text(text + "\n", encoding="utf-8")
        due = Counter((pair.first, pair.second) for pair in pairs)
        due.subtract((made.first, made.second) for made in comparisons)
        unpriced = watch.budget.unpriced
        return Compared(
            self.folder, self._suite.name, list(answers), comparisons, left_out, dict(due), facts,
            self._calls, watch.budget.spent_usd if self._answered > unpriced else None, unpriced,
            self._stopped or self._outage(comparisons),
        )  # fmt: skip

    def _asker(self, journal: Journal, watch: _Watch) -> Asker:
        """One for each judge: what waits for a judge that is down must not be sent."""
        return Asker(
            journal, watch.clock, watch.budget, random.Random(0),  # noqa: S311 - jitter
            observe=lambda attempt: self._observe(attempt, watch),
        )  # fmt: skip

    def _outage(self, comparisons: Sequence[Comparison]) -> str | None:
        """Say which judge was given up, or what failed; None where all who were asked answered."""
        if self._down:
            return "; ".join(f"judge {name}: {said}" for name, said in self._down.items())
        lost = [c for c in comparisons if c.failed]
        return f"{len(lost)} without a verdict, the first: {lost[0].error}" if lost else None

    async def _all(
        self, pairs: Sequence[Pair], journal: Journal, progress: Progress
    ) -> list[Comparison]:
        samples = {sample.id: sample for sample in self._suite.samples}
        progress.begin(len(pairs), 0)
        tasks = []
        syncing = asyncio.create_task(keep_synced(journal))
        try:
            with InterruptHandler(self._interrupt):
                async with asyncio.TaskGroup() as group:
                    for pair in pairs:
                        await self._room.acquire()
                        tasks.append(group.create_task(self._one(pair, samples, progress)))
        except BaseExceptionGroup as faults:
            raise first_fault(faults) from faults
        finally:
            syncing.cancel()
        progress.end()
        return [done for task in tasks if (done := task.result()) is not None]

    def _interrupt(self) -> None:
        self._stopped = "interrupted"
        for desk in self._desks.values():
            desk.asker.stopping = True

    def _observe(self, attempt: Attempt, watch: _Watch) -> None:
        self._calls += 1
        free = self._judges[self._suite.name, attempt.model].lane.costs_nothing
        self._answered += attempt.completion is not None and not free
        watch.progress.attempt(attempt, watch.budget.spent_usd)

    async def _one(
        self, pair: Pair, samples: Mapping[str, Sample], progress: Progress
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

    async def _judged(self, pair: Pair, sample: Sample) -> Comparison:
        suite = self._suite
        key = TrialKey(suite.name, sample.id, f"{pair.first} | {pair.second}", pair.key[1])
        verdicts = []
        for judge, desk in self._desks.items():
            door = desk.door(key, "", suite.demand(sample), self._known)
            verdicts.append(await self._by_one(judge, pair, sample, door))
        preference = panel_preference([verdict["preference"] for verdict in verdicts])
        errors = [verdict["error"] for verdict in verdicts if verdict["error"]]
        return pair.comparison(
            preference,
            "judge",
            flip=any(verdict["flip"] for verdict in verdicts),
            verdicts=tuple(verdicts),
            error=errors[0] if errors and preference is None else None,
        )

    async def _by_one(self, judge: str, pair: Pair, sample: Sample, door: Ask) -> dict[str, Any]:
        """Ask one judge in both orders: where they disagree, neither output is better."""
        ahead, behind = await all_of(
            self._order(judge, pair.shown(self._suite, sample), door),
            self._order(judge, pair.shown(self._suite, sample, turned=True), door),
        )
        found: dict[str, Any] = {"judge": judge, "preference": None, "flip": False}
        found["reasons"] = [ahead.reason, behind.reason]
        found["error"] = ahead.error or behind.error
        found["pending"] = ahead.pending or behind.pending
        found["places"] = [o.place for o in (ahead, behind) if o.place is not None]
        if ahead.score is None or behind.score is None:
            return found
        mirrored = 1 - behind.score
        agrees = ahead.score == mirrored
        found["preference"] = ahead.score if agrees else 0.5
        found["flip"] = abs(ahead.score - mirrored) == 1
        return found

    async def _order(self, judge: str, shown: list[tuple[str, str]], door: Ask) -> _Order:
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
                return self._failed(judge, error)
            except Interrupted:
                if self._stopped is not None or judge not in self._down:
                    raise
                return _Order(None, "", None, f"judge_error: {judge}: {self._down[judge]}", True)
            place = {1.0: "first", 0.0: "second"}.get(score, "tie")
            return _Order(score, reason, place, None)
        tries = self._options.max_attempts
        said = f"judge_error: {judge}: unreadable after {tries} answers: {problem}"
        return _Order(None, "", None, said)

    def _failed(self, judge: str, error: ProviderError | CannotGrade) -> _Order:
        """Note that no answer came; what waits for a judge that was given up is not sent."""
        desk = self._desks[judge]
        try:
            desk.refuse_given_up(judge)
        except ProviderError as given_up:
            self._down.setdefault(judge, str(given_up).removeprefix("not sent: "))
            desk.asker.stopping = True
        pending = isinstance(error, ProviderError) and not error.recorded
        return _Order(None, "", None, f"judge_error: {judge}: {error}", pending)


class _Order(NamedTuple):
    """What a judge said of one order; 1 where the output shown first won.

    Attributes:
        pending: It did not answer, so asking again may bring a verdict.
    """

    score: float | None
    reason: str
    place: str | None
    error: str | None
    pending: bool = False


class Pair(NamedTuple):
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

    def shown(self, suite: Suite, sample: Sample, *, turned: bool = False) -> list[tuple[str, str]]:
        """Return name and text of what a judge is shown, the second arm first where turned."""
        texts = (self.b.text, self.a.text) if turned else (self.a.text, self.b.text)
        shown = [("task", clipped(task_shown(suite.messages(sample))))]
        tools = tools_shown(suite.spec.output)
        if tools:
            shown.append(("tools", clipped(tools)))
        return [*shown, ("first", clipped(texts[0])), ("second", clipped(texts[1]))]

    def comparison(self, preference: float | None, by: str, **more: Any) -> Comparison:
        """Return what became of the pair."""
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


def pairs_of(
    answers: Mapping[str, Answers],
) -> tuple[list[Pair], dict[tuple[str, str], int]]:
    """Return every two arms' answers, and how many samples only one of them answered."""
    pairs, left_out = [], {}
    for first, second in combinations(answers, 2):
        a, b = answers[first], answers[second]
        left_out[first, second] = len(a.keys() ^ b.keys())
        pairs += [Pair(first, second, key, a[key], b[key]) for key in a if key in b]
    return pairs, left_out


def panel_preference(votes: Sequence[float | None]) -> float | None:
    """Return the word that most judges of a panel say: 1 first, 0 second, 0.5 tie.

    As many votes for one word as for another are a tie. A missing vote leaves it open unless the
    winner leads by more than are missing, as for the criteria of a rubric.

    >>> panel_preference([1.0, 1.0, None]), panel_preference([1.0, None]), panel_preference([1, 0])
    (1.0, None, 0.5)
    >>> panel_preference([0.0, 0.5, 0.5])
    0.5
    """
    counts = Counter(vote for vote in votes if vote is not None).most_common()
    lead = counts[0][1] - (counts[1][1] if len(counts) > 1 else 0) if counts else 0
    missing = sum(vote is None for vote in votes)
    if not counts or (missing and lead <= missing):
        return None
    return float(counts[0][0]) if lead else 0.5


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
