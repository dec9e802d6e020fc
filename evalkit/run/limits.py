"""How many requests may be under way, and how many may start per minute.

A `Gate` bounds the requests of one provider that are on the wire at once: its width falls by half
on a 429 and grows by one per full round of successes. A `RateLimit` spaces requests and tokens
per minute. Neither knows what is asked.

Source: additive increase, multiplicative decrease: D.-M. Chiu and R. Jain (1989), Computer
Networks and ISDN Systems 17(1), 1-14. https://doi.org/10.1016/0169-7552(89)90019-6
"""

from __future__ import annotations

import asyncio
from collections import deque

from evalkit.core.ports import Clock

CHARS_PER_TOKEN = 3.5
"""A guess where tokens must be known before a request: for rates and estimates, never a figure."""


class Gate:
    """A semaphore whose width follows the provider's answers.

    Args:
        width: The configured concurrency: the start and the most.
        clock: Time.
        cooldown_s: One burst of 429s counts once within this time.
    """

    def __init__(self, width: int, clock: Clock, *, cooldown_s: float = 1.0) -> None:
        self.most = width
        self.width = float(width)
        self.least_seen = width
        self.active = 0
        self._clock = clock
        self._cooldown_s = cooldown_s
        self._calm_until = 0.0
        self._pause_until = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._urgent: deque[asyncio.Future[None]] = deque()

    async def acquire(self, *, urgent: bool = False) -> None:
        """Wait for a slot; a retry is urgent and goes before new requests.

        Slots are handed over in order: whoever comes later never overtakes one who waits.
        """
        await self.calm()
        if self._is_free():  # then nobody waits: a free slot is handed over at once
            self.active += 1
            return
        await self._turn(self._urgent if urgent else self._waiting)
        try:
            await self.calm()  # a pause may have begun meanwhile
        except asyncio.CancelledError:
            self.release()
            raise

    def release(self) -> None:
        """Give a slot back."""
        self.active -= 1
        self._wake()

    def succeeded(self) -> None:
        """Widen by one per round of successes."""
        if self.width < self.most:
            self.width = min(float(self.most), self.width + 1 / max(1.0, self.width))
            self._wake()

    def throttled(self, retry_after_s: float | None) -> None:
        """Halve the width once per burst, and hold everything back as long as the server asks."""
        now = self._clock.monotonic()
        if now >= self._calm_until:
            self.width = max(1.0, self.width / 2)
            self.least_seen = min(self.least_seen, int(self.width))
            self._calm_until = now + max(self._cooldown_s, retry_after_s or 0.0)
        if retry_after_s:
            self.pause(retry_after_s)

    def pause(self, seconds: float) -> None:
        """Let nothing start for some seconds."""
        self._pause_until = max(self._pause_until, self._clock.monotonic() + seconds)

    @property
    def is_paused(self) -> bool:
        """True while nothing may start."""
        return self._pause_until > self._clock.monotonic()

    async def calm(self) -> None:
        """Wait until nothing holds everything back."""
        while (wait := self._pause_until - self._clock.monotonic()) > 0:
            await self._clock.sleep(wait)

    async def _turn(self, queue: deque[asyncio.Future[None]]) -> None:
        """Wait in a queue until a slot is handed over; it is counted by who hands it over."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(future)
        try:
            await future
        except asyncio.CancelledError:
            if not future.cancelled():
                self.release()
            elif future in queue:
                queue.remove(future)
            raise

    def _is_free(self) -> bool:
        return self.active < max(1, int(self.width))

    def _wake(self) -> None:
        while self._is_free() and (queue := self._urgent or self._waiting):
            future = queue.popleft()
            if not future.done():  # one that was cancelled has not left the queue yet
                self.active += 1
                future.set_result(None)


class RateLimit:
    """Requests and tokens per minute, evenly spaced: no burst ever passes the limit.

    Args:
        rpm: Requests per minute, or None for no limit.
        tpm: Tokens per minute, or None for no limit.
        clock: Time.
    """

    def __init__(self, rpm: float | None, tpm: float | None, clock: Clock) -> None:
        self._request_s = 60.0 / rpm if rpm else 0.0
        self._token_s = 60.0 / tpm if tpm else 0.0
        self._clock = clock
        self._next_request = 0.0
        self._next_token = 0.0

    @property
    def is_open(self) -> bool:
        """True where nothing is ever held back."""
        return not self._request_s and not self._token_s

    async def acquire(self, tokens: int) -> float:
        """Wait until one request of about so many tokens may start.

        Returns:
            Seconds waited.
        """
        if self.is_open:
            return 0.0
        now = self._clock.monotonic()
        start = max(now, self._next_request, self._next_token)
        self._next_request = start + self._request_s
        self._next_token = start + self._token_s * tokens
        if start > now:
            await self._clock.sleep(start - now)
        return start - now

    def correct(self, estimated: int, used: int) -> None:
        """Book the tokens that a request really used instead of the estimate."""
        self._next_token += self._token_s * (used - estimated)
