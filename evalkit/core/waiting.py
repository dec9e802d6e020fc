"""Waiting for several things at once, so that none of them is left behind.

It does not know what is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def all_of(*work: Awaitable[T]) -> list[T]:
    """Wait until all have ended, then return their results, or raise the first fault.

    `asyncio.gather` raises at once and leaves the others running: an answer that was paid for
    could then come after its journal was closed.
    """
    results = await asyncio.gather(*work, return_exceptions=True)
    done: list[T] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        done.append(result)
    return done
