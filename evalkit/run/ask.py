"""One answer from one model: slot, rate, send, journal, back off, try again.

Used for models and judges alike, so limits, budget and journal hold for both. Each attempt is in
the journal before anything looks at what it holds. It does not know samples or graders.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec

from evalkit.core.errors import EvalkitError, NotRecorded, ProviderError
from evalkit.core.ports import Adapter, Clock
from evalkit.core.records import Attempt, Cause, Completion, Request
from evalkit.run.budget import Budget
from evalkit.run.cache import AnswerCache
from evalkit.run.events import TrialKey
from evalkit.run.journal import Journal
from evalkit.run.limits import CHARS_PER_TOKEN, Gate, RateLimit
from evalkit.run.retry import RetryPolicy, cause_after

_GRACE_S = 5.0


class BudgetSpent(EvalkitError):
    """The run's budget does not allow another request."""


class Interrupted(EvalkitError):
    """The run is being ended by its user: nothing new is sent, no trial is closed for it."""


class Lane(NamedTuple):
    """What all requests to one provider share."""

    provider: str
    gate: Gate
    rate: RateLimit
    retry: RetryPolicy
    timeout_s: float
    address: str | None
    costs_nothing: bool


class Question(NamedTuple):
    """One answer that is wanted.

    Attributes:
        first_number: Number of its first attempt within the trial.
        answer: Which answer of the trial this is (a re-ask after malformed output is 1, 2, ...).
        holds_slot: The caller has already taken a slot of the lane's gate.
        subject: For a judge: the request whose answer it judges.
        refuse: Called once its slot is there, raises where it must not be sent any more.
        mark: What the journal ties its attempts to where that is not the request's own fingerprint:
            what a policy asks of several arms is one trial.
    """

    key: TrialKey
    request: Request
    fingerprint: str
    adapter: Adapter
    lane: Lane
    model: str
    first_number: int = 1
    cause: Cause = "first"
    answer: int = 0
    role: Literal["model", "judge"] = "model"
    holds_slot: bool = False
    subject: str = ""
    refuse: Callable[[], None] | None = None
    mark: str = ""

    @property
    def journal_mark(self) -> str:
        """What its attempts stand for in the journal."""
        return self.mark or self.fingerprint


class Answer(NamedTuple):
    """What came of a question: the completion, or the last error, with all attempts."""

    completion: Completion | None
    error: ProviderError | None
    attempts: tuple[Attempt, ...]


class Asker:
    """Asks questions on behalf of one run.

    `stopping` is set when the run is interrupted: nothing is tried again from then on.

    Args:
        journal: Where every attempt goes first.
        clock: Time.
        budget: What may be spent.
        generator: Source of the jitter between retries.
        cache: Stored answers, or None.
        observe: Told of each attempt (progress).
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        budget: Budget,
        generator: random.Random,
        *,
        cache: AnswerCache | None = None,
        observe: Callable[[Attempt], None] = lambda attempt: None,
    ) -> None:
        self.journal = journal
        self.clock = clock
        self.budget = budget
        self.cache = cache
        self.lag_ms = 0.0
        self.stopping = False
        self._generator = generator
        self._observe = observe

    async def ask(self, question: Question) -> Answer:
        """Ask until an answer came or the policy gives up.

        Raises:
            BudgetSpent: Before a request that the budget does not allow.
            Interrupted: Before a request that would be sent after an interruption.
            NotRecorded: If a recording lacks this sample.
            ProviderError: If the question refuses itself.
        """
        if self.cache and not question.lane.costs_nothing:
            stored = self.cache.get(question.fingerprint, question.lane.address, question.answer)
            if stored is not None:
                return self._from_cache(question, stored)
        attempts: list[Attempt] = []
        cause, backoff_s, holds = question.cause, 0.0, question.holds_slot
        while True:
            number = question.first_number + len(attempts)
            attempt, error = await self._once(question, number, cause, backoff_s, holds=holds)
            attempts.append(attempt)
            holds = False
            if error is None:
                return Answer(attempt.completion, None, tuple(attempts))
            wait = question.lane.retry.wait_s(error, len(attempts), self._generator)
            if wait is None:
                return Answer(None, error, tuple(attempts))
            self._refuse_new()
            await self.clock.sleep(wait)
            cause, backoff_s = cause_after(error.kind), wait

    async def _once(
        self, question: Question, number: int, cause: Cause, backoff_s: float, *, holds: bool
    ) -> tuple[Attempt, ProviderError | None]:
        """One try on the wire, journalled before it is looked at."""
        lane, clock = question.lane, self.clock
        scheduled_at, wanted = clock.now_iso(), clock.monotonic()
        if not holds:
            urgent = (
                cause != "first" or question.role == "judge"
            )  # trials end before new ones begin
            await lane.gate.acquire(urgent=urgent)
        reserved = None
        try:
            queue_s = clock.monotonic() - wanted
            self._refuse(question)
            reserved = await self._reserve(question)
            tokens = 0 if lane.rate.is_open else _estimate(question.request)
            rate_wait_s = await _rate_wait(lane, tokens, clock)
            self._refuse(question)
            sent_at = clock.now_iso()
            completion, error = await self._send(question, tokens)
        finally:
            lane.gate.release()
            if reserved is not None:
                self.budget.settle(question.model, reserved)
        attempt = _attempt(question, completion, error)
        attempt = msgspec.structs.replace(
            attempt,
            number=number,
            cause=cause,
            scheduled_at=scheduled_at,
            sent_at=sent_at,
            queue_ms=round(queue_s * 1000, 3),
            rate_wait_ms=round(rate_wait_s * 1000, 3),
            backoff_ms=round(backoff_s * 1000, 3),
            loop_lag_ms=self.lag_ms if self.lag_ms > 10 else None,
        )
        return self._keep(question, attempt), error

    async def _send(
        self, question: Question, tokens: int
    ) -> tuple[Completion | None, ProviderError | None]:
        lane = question.lane
        started = self.clock.monotonic()
        error: ProviderError
        try:
            async with asyncio.timeout(lane.timeout_s + _GRACE_S):
                completion = await question.adapter.complete(question.request)
        except ProviderError as failed:
            error = failed
        except NotRecorded:
            raise
        except TimeoutError:
            error = ProviderError("timeout", f"no answer within {lane.timeout_s:g} s")
            error.service_ms = lane.timeout_s * 1000
        except Exception as failed:  # noqa: BLE001 - the edge: an adapter's fault is recorded
            error = ProviderError("adapter", f"{type(failed).__name__}: {failed}")
            error.service_ms = (self.clock.monotonic() - started) * 1000
        else:
            lane.gate.succeeded()
            if tokens and completion.usage is not None:
                used = (completion.usage.input or 0) + (completion.usage.output or 0)
                lane.rate.correct(tokens, used or tokens)
            return completion, None
        if error.kind == "rate_limited" and not error.recorded:
            lane.gate.throttled(error.retry_after_s)
        return None, error

    def _refuse_new(self) -> None:
        if self.stopping:
            raise Interrupted("interrupted: nothing new is sent")

    def _refuse(self, question: Question) -> None:
        """Raise for what must not be sent any more; it may have waited long for its turn."""
        self._refuse_new()
        if question.refuse is not None:
            question.refuse()

    async def _reserve(self, question: Question) -> Decimal | None:
        if question.lane.costs_nothing:
            return None
        reserved = await self.budget.reserve(question.model)
        if reserved is None:
            raise BudgetSpent(
                f"the budget of ${self.budget.limit_usd:g} allows no further request: "
                f"${self.budget.spent_usd:.4f} is spent"
            )
        return reserved

    def _keep(self, question: Question, attempt: Attempt) -> Attempt:
        attempt = self.journal.attempt(question.key, attempt)
        if not question.lane.costs_nothing:
            self.budget.charge(question.model, attempt)
        self._observe(attempt)
        done = attempt.completion
        if self.cache and done is not None and not question.lane.costs_nothing:
            self.cache.put(question.fingerprint, question.lane.address, question.answer, done)
        return attempt

    def _from_cache(self, question: Question, stored: Completion) -> Answer:
        if question.holds_slot:
            question.lane.gate.release()
        attempt = Attempt(
            number=question.first_number,
            cause=question.cause,
            outcome="answered",
            role=question.role,
            model=question.model,
            request_fingerprint=question.journal_mark,
            subject=question.subject,
            scheduled_at=self.clock.now_iso(),
            cached=True,
            completion=stored,
            http_status=stored.http_status,
            request_id=stored.request_id,
            service_ms=stored.service_ms,
            params_sent=stored.params_sent,
        )
        self.journal.attempt(question.key, attempt)
        self._observe(attempt)
        return Answer(stored, None, (attempt,))


def _attempt(
    question: Question, completion: Completion | None, error: ProviderError | None
) -> Attempt:
    """Return what came of one try, without its place and times."""
    came = completion or error
    if came is None:
        raise AssertionError("an attempt has a completion or an error")
    return Attempt(
        number=0,
        cause="first",
        outcome="answered" if error is None else error.kind,
        role=question.role,
        model=question.model,
        request_fingerprint=question.journal_mark,
        subject=question.subject,
        completion=completion,
        error=None if error is None else str(error),
        http_status=came.http_status,
        request_id=came.request_id,
        service_ms=came.service_ms,
        body=None if error is None else error.body,
        params_sent=came.params_sent,
        recorded=came.recorded,
        failed_usage=None if error is None else error.usage,
        failed_cost_usd=None if error is None else error.cost_usd,
        failed_recorded_at=None if error is None else error.recorded_at,
    )


async def _rate_wait(lane: Lane, tokens: int, clock: Clock) -> float:
    """Wait for the provider's rate; return the seconds.

    Who waits through a pause that the server asked for books anew: else all would start at once
    when it ends.
    """
    began = clock.monotonic()
    await lane.rate.acquire(tokens)
    while lane.gate.is_paused:
        await lane.gate.calm()
        await lane.rate.acquire(tokens)
    return clock.monotonic() - began


def _estimate(request: Request) -> int:
    """Tokens that a request will about use: its text, and the most that it may answer."""
    chars = sum(len(message.content) for message in request.messages)
    return int(chars / CHARS_PER_TOKEN) + int(request.params.get("max_tokens") or 256)
