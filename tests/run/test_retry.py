"""When a failure is tried again, and how long to wait before."""

from __future__ import annotations

import random
from typing import get_args

import pytest

from evalkit.core.errors import RETRYABLE, FailureKind, ProviderError
from evalkit.core.records import Cause
from evalkit.run.retry import RetryPolicy, cause_after

KINDS = get_args(FailureKind)


@pytest.mark.parametrize("kind", KINDS)
def test_only_failures_that_can_pass_are_tried_again(kind: FailureKind) -> None:
    """A wrong key or a rejected schema fails at once; a 429, a 5xx or a broken line may pass."""
    wait = RetryPolicy().wait_s(ProviderError(kind, "x"), 1, random.Random(0))
    assert (kind in RETRYABLE) == (wait is not None)


def test_the_last_try_is_not_waited_for() -> None:
    """max_attempts counts the first try."""
    error = ProviderError("server_error", "x")
    policy = RetryPolicy(max_attempts=3)
    waits = [policy.wait_s(error, tries, random.Random(0)) for tries in (1, 2, 3, 4)]
    assert [wait is not None for wait in waits] == [True, True, False, False]


@pytest.mark.parametrize("tries", range(1, 12))
def test_waits_double_up_to_the_longest_with_jitter(tries: int) -> None:
    """Between half and all of 0.5 s · 2^(tries - 1), at most 30 s; never the same for all."""
    policy = RetryPolicy(max_attempts=100)
    error = ProviderError("server_error", "x")
    waits = [policy.wait_s(error, tries, random.Random(seed)) or 0 for seed in range(50)]
    ceiling = min(30.0, 0.5 * 2 ** (tries - 1))
    assert ceiling / 2 <= min(waits) < max(waits) <= ceiling
    assert len(set(waits)) > 40


@pytest.mark.parametrize("asked", [0.0, 0.25, 3.0, 59.0, 600.0])
def test_what_the_server_asks_is_waited_out_and_a_little_more(asked: float) -> None:
    """Never shorter than Retry-After; the little more spreads those who come back."""
    error = ProviderError("rate_limited", "x", retry_after_s=asked)
    wait = RetryPolicy().wait_s(error, 1, random.Random(1))
    assert wait is not None
    assert asked < wait <= asked + 3


def test_a_server_that_asks_for_hours_is_not_waited_for() -> None:
    """A spent daily quota ends the trial as an error; `resume` asks it again."""
    error = ProviderError("rate_limited", "x", retry_after_s=3600.0)
    assert RetryPolicy().wait_s(error, 1, random.Random(0)) is None


@pytest.mark.parametrize("kind", sorted(RETRYABLE))
def test_a_recorded_failure_is_never_tried_again(kind: FailureKind) -> None:
    """Asking a recording twice brings the same."""
    error = ProviderError(kind, "x")
    error.recorded = True
    assert RetryPolicy().wait_s(error, 1, random.Random(0)) is None


@pytest.mark.parametrize(
    ("outcome", "cause"),
    [
        ("rate_limited", "rate_limited"),
        ("server_error", "server_error"),
        ("bad_body", "server_error"),
        ("timeout", "timeout"),
        ("connection", "connection"),
        ("auth", "first"),
        ("answered", "first"),
    ],
)
def test_the_next_attempt_names_what_failed_in_the_words_of_the_contract(
    outcome: str, cause: str
) -> None:
    """Causes are those of CONTRACT section 4, whatever kinds of failure there are."""
    assert cause == cause_after(outcome)
    assert cause_after(outcome) in get_args(Cause)
