"""When a failed attempt is tried again, and how long to wait before.

Waits double from half a second to thirty, with full jitter from the generator that is handed in;
what the server asks for (Retry-After) is honoured to the end. It does not know the wire.
"""

from __future__ import annotations

import random

from evalkit.core.errors import ProviderError
from evalkit.core.records import Cause, Record

_CAUSES: dict[str, Cause] = {
    "rate_limited": "rate_limited",
    "server_error": "server_error",
    "bad_body": "server_error",
    "timeout": "timeout",
    "connection": "connection",
}


class RetryPolicy(Record, frozen=True, kw_only=True):
    """How often and how long.

    Attributes:
        max_attempts: Tries on the wire for one answer, the first included.
        longest_s: A server that asks for more than this is not waited for.
    """

    max_attempts: int = 8
    first_s: float = 0.5
    most_s: float = 30.0
    longest_s: float = 600.0

    def wait_s(self, error: ProviderError, tries: int, generator: random.Random) -> float | None:
        """Return seconds to wait before trying again, or None to give up.

        Args:
            error: What went wrong.
            tries: How many tries there were, this one included.
            generator: Source of the jitter.
        """
        if not error.may_retry or tries >= self.max_attempts:
            return None
        ceiling: float = min(self.most_s, self.first_s * 2 ** (tries - 1))
        jitter = ceiling * (0.5 + 0.5 * generator.random())
        if error.retry_after_s is None:
            return jitter
        if error.retry_after_s > self.longest_s:
            return None
        return error.retry_after_s + 0.1 * jitter


def cause_after(outcome: str) -> Cause:
    """Return the cause that the attempt after such an outcome names.

    `first` where asking again was never due to the outcome: a failure that is not retried.
    """
    return _CAUSES.get(outcome, "first")
