"""Two clocks without waiting: one that a test drives, one that skips every sleep."""

from __future__ import annotations

import asyncio
import datetime as dt
import heapq
import time
from collections.abc import Coroutine
from itertools import count
from typing import Any, TypeVar

T = TypeVar("T")
_START = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


class DrivenClock:
    """Time that stands still until everybody sleeps, then jumps to the first who wakes."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = count()

    def monotonic(self) -> float:
        return self.now

    def now_iso(self) -> str:
        return (_START + dt.timedelta(seconds=self.now)).isoformat(timespec="microseconds")

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._count), future))
        await future

    async def settle(self) -> None:
        """Let everybody run who can run without time going on."""
        for _ in range(50):
            await asyncio.sleep(0)

    async def forward(self, until: float) -> None:
        """Go on to a moment, waking sleepers in their order."""
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            self.now, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)
            await self.settle()
        self.now = until

    async def drive(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something to its end, jumping over every sleep."""
        task = asyncio.ensure_future(work)
        await self.settle()
        while not task.done():
            if not self._sleepers:
                task.cancel()
                raise AssertionError("nobody sleeps and nothing goes on: it would wait for ever")
            await self.forward(self._sleepers[0][0])
        return await task


class SkippingClock:
    """Real time plus all that was slept, which takes no time."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._skipped = 0.0

    def monotonic(self) -> float:
        return time.perf_counter() + self._skipped

    def now_iso(self) -> str:
        now = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self._skipped)
        return now.isoformat(timespec="microseconds")

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._skipped += seconds
        await asyncio.sleep(0)
