"""The gate and the rate: how many at once, how many a minute, in which order."""

from __future__ import annotations

import asyncio
import random

import pytest
from clocks import DrivenClock
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.run.limits import Gate, RateLimit

pytestmark = pytest.mark.anyio


def take(gate: Gate, name: str, order: list[str], *, urgent: bool = False) -> asyncio.Task[None]:
    """A task that notes its name when it gets a slot."""

    async def taking() -> None:
        await gate.acquire(urgent=urgent)
        order.append(name)

    return asyncio.create_task(taking())


async def test_the_width_halves_once_for_a_burst() -> None:
    """64 answers of 429 within a second are one message, not 64."""
    clock = DrivenClock()
    gate = Gate(16, clock)
    for _ in range(64):
        gate.throttled(None)
    assert gate.width == 8
    await clock.forward(1.0)
    gate.throttled(None)
    assert gate.width == 4
    assert gate.least_seen == 4


async def test_a_burst_lasts_as_long_as_the_server_asks_to_wait() -> None:
    """Late 429s of requests that were under way at the first do not halve again."""
    clock = DrivenClock()
    gate = Gate(16, clock)
    gate.throttled(5.0)
    await clock.forward(4.9)
    gate.throttled(None)
    assert gate.width == 8


async def test_the_width_never_falls_below_one() -> None:
    """However often a provider says no, one request may go."""
    clock = DrivenClock()
    gate = Gate(3, clock)
    for _ in range(10):
        gate.throttled(None)
        await clock.forward(clock.now + 2)
    assert gate.width == 1
    await clock.drive(gate.acquire())


async def test_the_width_grows_by_one_for_a_round_of_successes_up_to_its_start() -> None:
    """Additive increase: n successes at width n give n + 1 (a little less: it grows meanwhile)."""
    clock = DrivenClock()
    gate = Gate(8, clock)
    gate.throttled(None)
    for _ in range(4):
        gate.succeeded()
    assert 4.8 < gate.width <= 5
    for _ in range(100):
        gate.succeeded()
    assert gate.width == 8
    assert gate.least_seen == 4


async def test_a_wider_gate_lets_those_who_wait_in() -> None:
    """Growth wakes as many as there are new slots."""
    clock = DrivenClock()
    gate = Gate(2, clock)
    gate.throttled(None)
    order: list[str] = []
    for name in ("a", "b", "c"):
        take(gate, name, order)
    await clock.settle()
    assert order == ["a"]
    gate.succeeded()
    await clock.settle()
    assert order == ["a", "b"]
    gate.release()
    await clock.settle()
    assert order == ["a", "b", "c"]


async def test_retries_go_before_new_requests_and_each_in_the_order_of_coming() -> None:
    """Who was refused once does not queue again behind everybody."""
    clock = DrivenClock()
    gate = Gate(1, clock)
    order: list[str] = []
    await gate.acquire()
    for name, urgent in (("new 1", False), ("new 2", False), ("old 1", True), ("old 2", True)):
        take(gate, name, order, urgent=urgent)
        await clock.settle()
    for _ in range(4):
        gate.release()
        await clock.settle()
    assert order == ["old 1", "old 2", "new 1", "new 2"]


async def test_whoever_comes_later_does_not_overtake_one_who_was_woken() -> None:
    """A slot is handed over: between waking and running nobody else can take it."""
    clock = DrivenClock()
    gate = Gate(1, clock)
    order: list[str] = []
    await gate.acquire()
    take(gate, "first", order)
    await clock.settle()
    gate.release()  # wakes `first`, which has not run yet
    late = take(gate, "late", order)
    await clock.settle()
    assert order == ["first"]
    assert gate.active == 1
    gate.release()
    await late
    assert order == ["first", "late"]


async def test_one_who_is_cancelled_after_being_woken_hands_the_slot_on() -> None:
    """Between waking and running a task may end: its slot is not lost with it."""
    clock = DrivenClock()
    gate = Gate(1, clock)
    order: list[str] = []
    await gate.acquire()
    woken, _ = take(gate, "woken", order), take(gate, "next", order)
    await clock.settle()
    gate.release()
    woken.cancel()
    await clock.settle()
    assert order == ["next"]
    assert gate.active == 1


async def test_one_who_is_cancelled_while_queued_is_passed_over() -> None:
    """A slot that comes free before it has left the queue goes to the next."""
    clock = DrivenClock()
    gate = Gate(1, clock)
    order: list[str] = []
    await gate.acquire()
    queued, _ = take(gate, "queued", order), take(gate, "next", order)
    await clock.settle()
    queued.cancel()
    gate.release()
    await clock.settle()
    assert order == ["next"]
    gate.release()
    assert gate.active == 0


async def test_one_who_is_cancelled_in_a_pause_gives_back_what_it_was_handed() -> None:
    """A slot handed over while nothing may start is not lost either."""
    clock = DrivenClock()
    gate = Gate(1, clock)
    await gate.acquire()
    waiting = take(gate, "waiting", [])
    await clock.settle()
    gate.pause(5.0)
    gate.release()
    await clock.settle()
    waiting.cancel()
    await clock.settle()
    assert gate.active == 0


async def test_nothing_starts_while_the_server_asked_to_wait() -> None:
    """Retry-After holds back those who come and those who already wait."""
    clock = DrivenClock()
    gate = Gate(2, clock)
    order: list[str] = []
    await gate.acquire()
    await gate.acquire()
    take(gate, "waiting", order)
    await clock.settle()
    gate.throttled(5.0)
    gate.release()
    gate.release()
    take(gate, "new", order)
    await clock.forward(4.999)
    assert order == []
    assert gate.is_paused
    await clock.forward(5.0)
    assert "waiting" in order
    assert not gate.is_paused


async def test_a_longer_wait_wins_over_a_shorter_one() -> None:
    """A later answer cannot shorten what an earlier one asked for."""
    clock = DrivenClock()
    gate = Gate(4, clock)
    gate.throttled(10.0)
    gate.throttled(1.0)
    await clock.drive(gate.calm())
    assert clock.now == 10.0


async def test_everybody_gets_a_slot_in_the_end() -> None:
    """No starvation: with retries coming all the time the first new request still gets through."""
    clock = DrivenClock()
    gate = Gate(2, clock)
    done: list[str] = []

    async def work(name: str, urgent: bool, tries: int) -> None:
        for _ in range(tries):
            await gate.acquire(urgent=urgent)
            await clock.sleep(1.0)
            gate.release()
            urgent = True
        done.append(name)

    async def all_of_them() -> None:
        await asyncio.gather(*(work(f"t{n}", False, 1 + n % 3) for n in range(30)))

    await clock.drive(all_of_them())
    assert len(done) == 30
    assert gate.active == 0


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 10_000), width=st.integers(1, 4))
def test_cancellation_at_any_moment_loses_no_slot(seed: int, width: int) -> None:
    """Tasks cancelled while queued, woken, paused or working leave the gate whole."""
    generator = random.Random(seed)

    async def story() -> None:
        clock = DrivenClock()
        gate = Gate(width, clock)

        async def work() -> None:
            await gate.acquire(urgent=generator.random() < 0.3)
            try:
                assert gate.active <= width
                await clock.sleep(generator.random())
            finally:
                gate.release()

        tasks = []
        for _ in range(20):
            tasks.append(asyncio.ensure_future(work()))
            for _ in range(generator.randrange(4)):
                await asyncio.sleep(0)
            if generator.random() < 0.4:
                generator.choice(tasks).cancel()
            if generator.random() < 0.2:
                gate.throttled(generator.random())
            if generator.random() < 0.3:
                await clock.forward(clock.now + generator.random())
        await clock.drive(asyncio.wait(tasks))
        assert gate.active == 0
        await clock.drive(gate.acquire())
        assert all(task.cancelled() or task.exception() is None for task in tasks)

    asyncio.run(story())


async def starts(rate: RateLimit, clock: DrivenClock, tokens: list[int]) -> list[float]:
    """When requests of so many tokens start that all come at once."""
    found: list[float] = []

    async def one(count: int) -> None:
        await rate.acquire(count)
        found.append(round(clock.now, 6))

    async def together() -> None:
        await asyncio.gather(*(one(count) for count in tokens))

    await clock.drive(together())
    return found


async def test_requests_a_minute_are_spaced_exactly() -> None:
    """rpm 120: one every half second, the first at once."""
    clock = DrivenClock()
    rate = RateLimit(120, None, clock)
    assert await starts(rate, clock, [1, 1, 1, 1]) == [0.0, 0.5, 1.0, 1.5]


async def test_tokens_a_minute_are_spaced_by_what_each_request_needs() -> None:
    """tpm 600: ten tokens a second, so the next waits for the tokens of the one before."""
    clock = DrivenClock()
    rate = RateLimit(None, 600, clock)
    assert await starts(rate, clock, [20, 10, 50, 1]) == [0.0, 2.0, 3.0, 8.0]


async def test_the_stricter_of_both_rates_holds() -> None:
    """A request waits for its own turn and for the tokens before it."""
    clock = DrivenClock()
    rate = RateLimit(60, 600, clock)
    assert await starts(rate, clock, [20, 1, 1]) == [0.0, 2.0, 3.0]


async def test_tokens_that_were_not_used_are_given_back() -> None:
    """The estimate is replaced by what the provider billed."""
    clock = DrivenClock()
    rate = RateLimit(None, 600, clock)
    await starts(rate, clock, [100])
    rate.correct(100, 10)
    assert await starts(rate, clock, [10]) == [1.0]
    rate.correct(10, 40)
    assert await starts(rate, clock, [10]) == [5.0]


async def test_time_that_passed_unused_is_no_credit() -> None:
    """After a pause requests do not come in a burst."""
    clock = DrivenClock()
    rate = RateLimit(60, None, clock)
    await starts(rate, clock, [1])
    await clock.forward(100.0)
    assert await starts(rate, clock, [1, 1, 1]) == [100.0, 101.0, 102.0]


async def test_without_limits_nobody_waits() -> None:
    """An open rate neither waits nor counts."""
    clock = DrivenClock()
    rate = RateLimit(None, None, clock)
    assert rate.is_open
    assert await starts(rate, clock, [1000] * 5) == [0.0] * 5


async def test_the_wait_for_the_rate_is_told() -> None:
    """`acquire` returns the seconds that it waited."""
    clock = DrivenClock()
    rate = RateLimit(60, None, clock)
    assert await clock.drive(rate.acquire(1)) == 0.0
    assert await clock.drive(rate.acquire(1)) == 1.0
