"""What a trial took in money and time: derived from its attempts, never stored in the journal.

Attempts served from the local cache were neither paid for nor waited for now, so they count in
neither. It does not know how prices are found: pricing an attempt is handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from evalkit.core.records import Attempt, Trial
from evalkit.providers.pricing import Priced
from evalkit.run.prices import payee

_ANSWERED = ("ok", "malformed", "refused")
PriceAttempt = Callable[[str, Attempt], Priced]


class Bill(NamedTuple):
    """What the attempts of one trial cost.

    Attributes:
        cost_usd: Sum of the model's priced attempts, errored and repeated ones too; None where
            none is priced.
        judge_cost_usd: The same of its judges.
        answered: The model's attempts that brought a completion and were not cached.
        priced: How many of these have a price.
        judge_answered: Judges' attempts that brought a completion and were not cached.
        judge_priced: How many of these have a price.
    """

    cost_usd: Decimal | None
    judge_cost_usd: Decimal | None
    answered: int
    priced: int
    judge_answered: int
    judge_priced: int

    @property
    def is_complete(self) -> bool:
        """True where the trial cost something and every answer of the model is priced."""
        return self.cost_usd is not None and self.answered == self.priced


class Timing(NamedTuple):
    """How long one trial took, in milliseconds; None where it is not known.

    Attributes:
        latency_ms: Service and backoff over the model's attempts: no queue, no rate wait.
        censored: The last attempt ran into its time limit, so the latency is at least this.
        ttft_ms: Time to the first content of the last answer, where it was streamed.
    """

    latency_ms: float | None
    censored: bool
    ttft_ms: float | None


def bill(trial: Trial, price: PriceAttempt) -> Bill:
    """Add up what a trial's attempts cost."""
    cost: Decimal | None = None
    judge_cost: Decimal | None = None
    answered = priced = judge_answered = judge_priced = 0
    for attempt in trial.attempts:
        if attempt.cached:
            continue
        came = attempt.completion is not None
        paid = price_of(trial, attempt, price).cost_usd
        known = came and paid is not None  # of a failed attempt only a recording tells
        if attempt.role == "model":
            answered += came
            priced += known
            if paid is not None:
                cost = paid if cost is None else cost + paid
        else:
            judge_answered += came
            judge_priced += known
            if paid is not None:
                judge_cost = paid if judge_cost is None else judge_cost + paid
    return Bill(cost, judge_cost, answered, priced, judge_answered, judge_priced)


def price_of(trial: Trial, attempt: Attempt, price: PriceAttempt) -> Priced:
    """Price one attempt as its own model's: the trial's, the policy's arm's, or the judge's."""
    return price(payee(trial, attempt), attempt)


def timing(trial: Trial) -> Timing:
    """Return how long a trial took; nothing for trials without an answer that did not time out."""
    own = [attempt for attempt in trial.attempts if attempt.role == "model"]
    censored = trial.status == "error" and bool(own) and own[-1].outcome == "timeout"
    if not own or not (censored or trial.status in _ANSWERED):
        return Timing(None, False, None)
    total: float | None = 0.0
    for attempt in own:
        if attempt.cached:
            return Timing(None, False, None)
        service = service_ms(attempt)
        if service is None and (attempt.completion is not None or attempt.outcome == "timeout"):
            total = None
        elif total is not None:
            total += (service or 0.0) + attempt.backoff_ms
    return Timing(total, censored and total is not None, ttft_ms(own))


def service_ms(attempt: Attempt) -> float | None:
    """Return how long the provider took; of a recording, what was recorded."""
    done = attempt.completion
    return attempt.service_ms if done is None or done.service_ms is None else done.service_ms


def ttft_ms(attempts: list[Attempt]) -> float | None:
    """Return the time to the first content of the last answer."""
    for attempt in reversed(attempts):
        if attempt.completion is not None:
            return None if attempt.cached else attempt.completion.ttft_ms
    return None
