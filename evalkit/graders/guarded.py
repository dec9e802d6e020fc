"""Checks that might run for ever, made in a process of their own that can be stopped.

Regular expressions of a suite, recursive schemas and a suite's own code run where no thread can
interrupt them. `guarded_worker` runs them within a limit of time; one that passes it ends with its
process, and the next check starts another. This module does not know what is checked.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import weakref
from contextlib import suppress
from functools import lru_cache
from typing import Any, BinaryIO, NamedTuple, cast

from evalkit.core.errors import CannotGrade

_WORKER = "evalkit.graders.guarded_worker"
_START_S = 60.0


class Limits(NamedTuple):
    """How long one check may take, and how many may be under way.

    Attributes:
        cpu_s: Processor time: by default a thousand times what an ordinary check takes.
        wall_s: Time by the clock, where the system knows no limit of processor time.
        width: Processes side by side.
    """

    cpu_s: float = 1.0
    wall_s: float = 60.0
    width: int = 1

    def __str__(self) -> str:
        """Return the limit that is met first."""
        return (
            f"{self.wall_s:g} s"
            if self.wall_s <= self.cpu_s
            else f"{self.cpu_s:g} s of processor time"
        )


_ORDINARY = Limits()


class _Process:
    """A running worker, with a thread that hands on its replies."""

    def __init__(self) -> None:
        paths = os.pathsep.join(path for path in sys.path if path)
        process = self._process = subprocess.Popen(  # noqa: S603 - this interpreter, a module of this package
            [sys.executable, "-m", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths},
            start_new_session=True,  # an interruption of the run is not meant for it
        )
        self._requests, self._answers = (
            cast("BinaryIO", process.stdin),
            cast("BinaryIO", process.stdout),
        )
        self._replies: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        reader = threading.Thread(target=_pump, args=(self._answers, self._replies), daemon=True)
        reader.start()

    def ask(self, line: bytes, wall_s: float) -> Any:
        """Return the reply to one line.

        Raises:
            CannotGrade: If the worker could not do it.
            TimeoutError: If it ended, or did not answer in time.
        """
        try:
            self._requests.write(line + b"\n")
            self._requests.flush()
            reply = self._replies.get(timeout=wall_s)
        except (OSError, queue.Empty):
            raise TimeoutError from None
        if not reply:
            raise TimeoutError
        said = json.loads(reply)
        if "error" in said:
            raise CannotGrade(said["error"])
        return said["result"]

    def stop(self) -> None:
        """End the worker and give its pipes back."""
        self._process.kill()
        self._process.wait()
        with suppress(OSError):  # what it did not read any more
            self._requests.close()
        self._answers.close()


class Guarded:
    """A check that is made elsewhere; may be asked by several threads at once.

    Args:
        kind: One of `guarded_worker.JOBS`.
        setup: What the job is made of, as JSON.
        limits: How long it may take.
    """

    def __init__(self, kind: str, setup: str, limits: Limits = _ORDINARY) -> None:
        asked = {"kind": kind, "setup": json.loads(setup), "cpu_s": limits.cpu_s}
        self._setup = json.dumps(asked).encode()
        self._limits = limits
        self._free: queue.LifoQueue[_Process | None] = queue.LifoQueue()  # a warm one first
        for _ in range(limits.width):
            self._free.put(None)
        self._running: list[_Process] = []
        weakref.finalize(self, _stop_all, self._running)

    def __call__(self, value: object) -> Any:
        """Return what the job makes of a JSON value.

        Raises:
            CannotGrade: If it was stopped at the limit, or refused.
        """
        process = self._free.get()
        try:
            if process is None:
                process = self._started()
            result = process.ask(json.dumps(value, default=str).encode(), self._limits.wall_s)
        except CannotGrade:  # it has answered, and is ready for the next
            self._free.put(process)
            raise
        except BaseException as fault:  # its reply may still come: nobody else may read it
            self._drop(process)
            self._free.put(None)
            if isinstance(fault, TimeoutError):
                raise CannotGrade(
                    f"stopped after {self._limits}, or it ended its process"
                ) from None
            raise
        self._free.put(process)
        return result

    def _drop(self, process: _Process | None) -> None:
        if process is not None:
            self._running.remove(process)
            process.stop()

    def _started(self) -> _Process:
        """Start a process and wait until it is ready."""
        process = _Process()
        self._running.append(process)
        try:
            process.ask(self._setup, _START_S)
        except BaseException:
            self._drop(process)
            raise
        return process


@lru_cache(maxsize=32)
def guarded(kind: str, setup: str, limits: Limits = _ORDINARY) -> Guarded:
    """Return the guarded check of a kind; equal ones share their processes."""
    return Guarded(kind, setup, limits)


def _stop_all(running: list[_Process]) -> None:
    while running:
        running.pop().stop()


def _pump(pipe: BinaryIO, replies: queue.SimpleQueue[bytes]) -> None:
    """Hand on lines until the worker ends; then nothing, once."""
    try:
        for line in pipe:
            replies.put(line)
    except (OSError, ValueError):  # the pipe was closed
        replies.put(b"")
        return
    replies.put(b"")
