"""The real clock. Tests hand in their own (`evalkit.core.ports.Clock`)."""

from __future__ import annotations

import asyncio
import datetime as dt
import time


class SystemClock:
    """Time of this machine: `time.perf_counter`, UTC, and asyncio's sleep."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.perf_counter()

    def now_iso(self) -> str:
        """Return the UTC time as ISO 8601 with microseconds."""
        return dt.datetime.now(dt.UTC).isoformat(timespec="microseconds")

    async def sleep(self, seconds: float) -> None:
        """Wait without holding anything up."""
        await asyncio.sleep(seconds)
