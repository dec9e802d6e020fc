"""How work on a journal ends: interrupted, by a fault, or simply later; nothing paid for is lost.

It does not know what the work is.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from evalkit.run.journal import Journal

_DRAIN_S = 10.0
_SYNC_S = 1.0


class InterruptHandler:
    """Turns the first SIGINT or SIGTERM into a call, the second into an end at once.

    Args:
        interrupt: Lets nothing new begin; what is under way may end.
    """

    def __init__(self, interrupt: Callable[[], None]) -> None:
        self._interrupt = interrupt
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._calls = 0

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._loop.add_signal_handler(number, self._signalled)
            except (ValueError, NotImplementedError, RuntimeError):
                return  # not the main thread: a notebook or a test keeps its own handling

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._loop.remove_signal_handler(number)
            except (ValueError, NotImplementedError, RuntimeError):
                return

    def _signalled(self) -> None:
        self._calls += 1
        self._interrupt()
        if self._task is None:
            return
        if self._calls == 1:
            self._loop.call_later(_DRAIN_S, self._task.cancel)
        else:
            self._task.cancel()


def first_fault(error: BaseException) -> BaseException:
    """Return the first fault of a group of groups: the one that ended the others."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def keep_synced(journal: Journal) -> None:
    """Force what is written to the disk about once a second, until cancelled."""
    while True:
        await asyncio.sleep(_SYNC_S)
        await asyncio.to_thread(journal.sync)
