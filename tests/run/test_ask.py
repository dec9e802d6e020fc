"""One answer: slot, rate, send, journal, back off, try again; with a clock that a test drives."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from clocks import DrivenClock

from evalkit.core.errors import NotRecorded, ProviderError
from evalkit.core.records import Attempt, Completion, Message, OutputSpec, Request, Usage
from evalkit.run.ask import Answer, Asker, BudgetSpent, Interrupted, Lane, Question
from evalkit.run.budget import Budget
from evalkit.run.cache import AnswerCache
from evalkit.run.events import TrialKey, attempt_of
from evalkit.run.journal import NAME, Index, Journal
from evalkit.run.limits import Gate, RateLimit
from evalkit.run.retry import RetryPolicy

pytestmark = pytest.mark.anyio

Step = float | Exception | Completion
YES = Completion(text="yes", usage=Usage(input=10, output=5), service_ms=1000.0, http_status=200)


class Scripted:
    """An adapter that takes the next step of a sample: wait, fail or answer."""

    def __init__(self, clock: DrivenClock, script: dict[str, list[Step]]) -> None:
        self.clock = clock
        self.script = {name: iter(steps) for name, steps in script.items()}
        self.sent: list[tuple[str, float]] = []
        self.identity = ""
        self.modes: tuple[str, ...] = ()

    async def complete(self, request: Request) -> Completion:
        self.sent.append((request.sample_id, round(self.clock.now, 6)))
        for step in self.script[request.sample_id]:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, Completion):
                return step
            await self.clock.sleep(step)
        raise AssertionError("asked more often than the script foresees")

    async def open(self, suite: object) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""


class Desk:
    """An asker with everything around it."""

    def __init__(self, folder: Path, script: dict[str, list[Step]], **changes: Any) -> None:
        self.folder = folder
        self.clock = DrivenClock()
        self.adapter = Scripted(self.clock, script)
        self.journal = Journal(folder, "run-1")
        limit = changes.pop("budget_usd", None)
        price: Callable[[str, Attempt], Decimal | None] = changes.pop(
            "price", lambda model, attempt: Decimal("0.1")
        )
        self.budget = Budget(limit, price)
        self.asker = Asker(
            self.journal, self.clock, self.budget, random.Random(0),
            cache=changes.pop("cache", None),
        )  # fmt: skip
        self.lane = Lane(
            "p",
            Gate(changes.pop("width", 4), self.clock),
            RateLimit(changes.pop("rpm", None), changes.pop("tpm", None), self.clock),
            RetryPolicy(max_attempts=changes.pop("max_attempts", 3)),
            changes.pop("timeout_s", 30.0),
            "http://x",
            changes.pop("free", False),
        )
        assert not changes

    def question(self, sample_id: str, **changes: Any) -> Question:
        request = Request(
            suite="toy", sample_id=sample_id, arm="p:m", repeat=1, provider="p", model="m",
            messages=(Message(role="user", content=f"{sample_id}|" + "x" * 32),),
            output=OutputSpec(), params={"max_tokens": 10},
        )  # fmt: skip
        key = TrialKey("toy", sample_id, "p:m", 1)
        question = Question(key, request, request.fingerprint(), self.adapter, self.lane, "p:m")
        return question._replace(**changes)

    async def ask(self, *sample_ids: str) -> list[Answer]:
        work = [self.asker.ask(self.question(name)) for name in sample_ids]

        async def together() -> list[Answer]:
            return list(await asyncio.gather(*work))

        return await self.clock.drive(together())

    def journalled(self) -> dict[str, list[Attempt]]:
        groups = Index(self.folder / NAME).groups()
        return {lines[0].sample_id: [attempt_of(line) for line in lines] for lines, _ in groups}


Maker = Callable[..., Desk]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Maker]:
    made: list[Desk] = []

    def make(script: dict[str, list[Step]], **changes: Any) -> Desk:
        made.append(Desk(tmp_path, script, **changes))
        return made[-1]

    yield make
    for one in made:
        one.journal.close()


def limited(retry_after_s: float | None = None) -> ProviderError:
    return ProviderError("rate_limited", "slow down", http_status=429, retry_after_s=retry_after_s)


def broken() -> ProviderError:
    return ProviderError("server_error", "oops", http_status=500)


async def test_a_call_that_backs_off_gives_its_slot_to_another(desk: Maker) -> None:
    """Concurrency 1: while `a` waits for its next try, `b` is asked and answered."""
    here = desk({"a": [broken(), broken(), YES], "b": [YES]}, width=1)
    await here.ask("a", "b")
    (first, began), (second, then), (third, again), _ = here.adapter.sent
    assert (first, second, third) == ("a", "b", "a")
    assert began == then < again


async def test_a_retry_goes_before_new_requests(desk: Maker) -> None:
    """With one slot, the second try of `a` comes before those who have not been asked yet."""
    script: dict[str, list[Step]] = {"a": [broken(), YES]}
    script |= {f"n{number}": [1.0, YES] for number in range(5)}
    here = desk(script, width=1)
    await here.ask(*script)
    assert [name for name, _ in here.adapter.sent][:4] == ["a", "n0", "a", "n1"]


async def test_retry_after_holds_back_the_whole_provider(desk: Maker) -> None:
    """Nobody is asked before the server's time is over, not even who holds a slot."""
    here = desk({"a": [limited(5.0), YES], "b": [1.0, YES], "c": [YES]}, width=2)
    await here.ask("a", "b", "c")
    times = dict(here.adapter.sent[2:])
    assert {"a", "c"} == times.keys()
    assert min(times.values()) >= 5.0
    assert 5.0 < times["a"] <= 8.0


async def test_who_waits_for_its_turn_in_the_rate_waits_out_a_pause_as_well(desk: Maker) -> None:
    """rpm 60 and Retry-After 10: those booked for seconds 1 to 3 start from 10, still spaced."""
    script: dict[str, list[Step]] = {"a": [0.5, limited(9.5), YES]}
    script |= {name: [YES] for name in "bcd"}
    here = desk(script, rpm=60, width=8)
    await here.ask(*"abcd")
    times = [at for _, at in here.adapter.sent]
    assert times[0] == 0.0
    assert times[1] >= 10.0
    assert all(later - earlier >= 0.999 for earlier, later in pairwise(times[1:]))


async def test_waits_are_recorded_where_they_belong(desk: Maker) -> None:
    """queue_ms: for a slot; rate_wait_ms: for the rate; backoff_ms: before this try."""
    here = desk({"a": [2.0, YES], "b": [broken(), YES]}, width=1, rpm=20)
    await here.ask("a", "b")
    (first,) = here.journalled()["a"]
    failed, second = here.journalled()["b"]
    assert (first.queue_ms, first.rate_wait_ms, first.backoff_ms) == (0.0, 0.0, 0.0)
    assert (failed.queue_ms, failed.rate_wait_ms, failed.backoff_ms) == (2000.0, 1000.0, 0.0)
    assert 250 <= second.backoff_ms <= 500
    assert pytest.approx(3000.0 - second.backoff_ms) == second.rate_wait_ms


async def test_attempts_count_up_and_name_their_causes(desk: Maker) -> None:
    """1 first, 2 rate_limited, 3 server_error, ...: each names what failed before it."""
    steps: list[Step] = [
        limited(), broken(), ProviderError("timeout", "late"),
        ProviderError("connection", "reset"), ProviderError("bad_body", "cut"), YES,
    ]  # fmt: skip
    here = desk({"a": steps}, max_attempts=6)
    (answer,) = await here.ask("a")
    found = [(a.number, a.cause, a.outcome) for a in here.journalled()["a"]]
    assert found == [
        (1, "first", "rate_limited"),
        (2, "rate_limited", "server_error"),
        (3, "server_error", "timeout"),
        (4, "timeout", "connection"),
        (5, "connection", "bad_body"),
        (6, "server_error", "answered"),
    ]
    assert answer.completion == YES


async def test_an_adapter_that_crashes_is_an_error_of_its_own_kind(desk: Maker) -> None:
    """The type of the crash is recorded; it is not tried again."""
    here = desk({"a": [KeyError("choices")]})
    (answer,) = await here.ask("a")
    assert answer.error is not None
    assert answer.error.kind == "adapter"
    (attempt,) = here.journalled()["a"]
    assert (attempt.outcome, attempt.error) == ("adapter", "KeyError: 'choices'")


async def test_an_adapter_that_never_returns_is_a_timeout(
    desk: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adapter without a time limit of its own is cut off; the time is censored at the limit."""
    monkeypatch.setattr("evalkit.run.ask._GRACE_S", 0.0)
    here = desk({"a": [1e9]}, timeout_s=0.01, max_attempts=1)
    answer = await here.asker.ask(here.question("a"))
    assert answer.error is not None
    assert (answer.error.kind, answer.error.service_ms) == ("timeout", 10.0)


async def test_a_recording_without_the_sample_leaves_no_attempt(desk: Maker) -> None:
    """NotRecorded is no failure of a provider: the slot is free again, nothing is journalled."""
    here = desk({"a": [NotRecorded("nothing here")]}, width=1)
    with pytest.raises(NotRecorded):
        await here.clock.drive(here.asker.ask(here.question("a")))
    assert here.journalled() == {}
    assert here.lane.gate.active == 0


async def test_after_an_interruption_nothing_is_tried_again(desk: Maker) -> None:
    """Who backs off or waits for the rate when the user interrupts sends nothing more."""
    here = desk({"a": [broken(), YES], "b": [YES]}, rpm=1)
    asks = [asyncio.ensure_future(here.asker.ask(here.question(name))) for name in "ab"]
    await here.clock.settle()
    here.asker.stopping = True
    await here.clock.forward(200.0)
    for ask in asks:
        with pytest.raises(Interrupted):
            await ask
    assert here.adapter.sent == [("a", 0.0)]
    assert here.lane.gate.active == 0


async def test_the_budget_stops_before_it_is_overspent(desk: Maker) -> None:
    """Ten requests at $0.10 and $0.35 to spend: three are asked, whoever is under way at once."""
    names = [f"s{number}" for number in range(10)]
    here = desk({name: [1.0, YES] for name in names}, width=10, budget_usd=0.35)
    work = [here.asker.ask(here.question(name)) for name in names]

    async def together() -> list[Any]:
        return list(await asyncio.gather(*work, return_exceptions=True))

    found = await here.clock.drive(together())
    assert len(here.adapter.sent) == 3
    assert sum(isinstance(one, BudgetSpent) for one in found) == 7
    assert pytest.approx(0.3) == here.budget.spent_usd
    assert here.lane.gate.active == 0


async def test_a_budget_that_fits_exactly_is_spent_to_the_end(desk: Maker) -> None:
    """Money is decimal: ten times $0.10 are $1.00 and no more."""
    names = [f"s{number}" for number in range(10)]
    here = desk({name: [1.0, YES] for name in names}, width=10, budget_usd=1.0)
    await here.ask(*names)
    assert len(here.adapter.sent) == 10
    assert here.budget.spent_usd == 1.0


async def test_without_a_limit_nobody_waits_for_the_budget(desk: Maker) -> None:
    """All go at once, and what they cost is added up."""
    names = [f"s{number}" for number in range(4)]
    here = desk({name: [1.0, YES] for name in names}, width=4)
    await here.ask(*names)
    assert {0.0} == {at for _, at in here.adapter.sent}
    assert pytest.approx(0.4) == here.budget.spent_usd


async def test_answers_without_a_price_are_counted_not_guessed(desk: Maker) -> None:
    """A budget cannot see them; failures, which nobody bills, are not among them."""
    here = desk(
        {"a": [broken(), YES], "b": [YES]}, budget_usd=0.01, price=lambda model, attempt: None
    )
    await here.ask("a", "b")
    assert here.budget.unpriced == 2
    assert here.budget.spent_usd == 0.0


async def test_contestants_that_cost_nothing_never_touch_the_budget(desk: Maker) -> None:
    """In process or recorded: what a recording once cost is not spent again."""
    here = desk({"a": [YES], "b": [YES]}, budget_usd=0.05, free=True)
    await here.ask("a", "b")
    assert (here.budget.spent_usd, here.budget.unpriced) == (0.0, 0)


async def test_a_cached_answer_is_marked_and_costs_nothing(desk: Maker, tmp_path: Path) -> None:
    """It keeps its own latency, takes no slot and sends nothing."""
    cache = AnswerCache(tmp_path / "cache")
    here = desk({"a": [YES]}, cache=cache, width=1)
    await here.ask("a")
    await here.lane.gate.acquire()
    again = await here.clock.drive(here.asker.ask(here.question("a", holds_slot=True)))
    assert len(here.adapter.sent) == 1
    (attempt,) = again.attempts
    assert (attempt.cached, attempt.service_ms, attempt.text) == (True, 1000.0, "yes")
    assert (0, pytest.approx(0.1)) == (here.lane.gate.active, here.budget.spent_usd)


async def test_failures_are_never_cached(desk: Maker, tmp_path: Path) -> None:
    """The next run asks again."""
    cache = AnswerCache(tmp_path / "cache")
    here = desk({"a": [broken(), YES]}, cache=cache, max_attempts=1)
    await here.ask("a")
    assert not list((tmp_path / "cache").rglob("*.json"))
    (answer,) = await here.ask("a")
    assert answer.completion == YES


@pytest.mark.parametrize("content", [b"", b"{", b'{"text": "\xff"}', b"[]", b'{"text": 7}'])
def test_an_unreadable_cached_answer_counts_as_none(tmp_path: Path, content: bytes) -> None:
    """A damaged file costs one request, never a run."""
    cache = AnswerCache(tmp_path)
    cache.put("f", None, 0, YES)
    (path,) = tmp_path.rglob("*.json")
    path.write_bytes(content)
    assert cache.get("f", None, 0) is None


def test_a_cached_answer_belongs_to_its_request_address_and_place(tmp_path: Path) -> None:
    """Another server, another repeat's request or a second answer of one trial is another entry."""
    cache = AnswerCache(tmp_path)
    cache.put("f", "http://a", 0, YES)
    assert cache.get("f", "http://a", 0) == YES
    for other in (("g", "http://a", 0), ("f", "http://b", 0), ("f", "http://a", 1)):
        assert cache.get(*other) is None


async def test_a_text_that_cannot_be_stored_is_graded_as_it_was_stored(desk: Maker) -> None:
    """A lone surrogate from an in-process contestant neither ends the run nor splits the truth."""
    here = desk({"a": [Completion(text="a\ud800b")]})
    (answer,) = await here.ask("a")
    assert answer.completion is not None
    assert answer.completion.text == "a�b"
    assert here.journalled()["a"][0].text == "a�b"
