"""Checks that might run for ever, made in a process of their own that can be stopped.

Regular expressions of a suite and recursive schemas run in native code that no thread can
interrupt. `guarded_worker` runs them within a limit of processor time; one that passes it ends
with its process, and the next check starts another. This module does not know what is checked.
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
from typing import Any, BinaryIO, cast

from evalkit.core.errors import CannotGrade

CPU_SECONDS = 1.0
"""Of one check: a thousand times what an ordinary one takes."""
WALL_SECONDS = 60.0
"""Where the system knows no limit of processor time, or is very busy."""
_WORKER = "evalkit.graders.guarded_worker"


class _Process:
    """A running worker, with a thread that hands on its replies."""

    def __init__(self) -> None:
        paths = os.pathsep.join(path for path in sys.path if path)
        kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
        process = self._process = subprocess.Popen(  # noqa: S603 - this interpreter, a module of this package
            [sys.executable, "-m", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**kept, "PYTHONPATH": paths},
            start_new_session=True,  # an interruption of the run is not meant for it
        )
        self._requests, self._answers = (
            cast("BinaryIO", process.stdin),
            cast("BinaryIO", process.stdout),
        )
        self._replies: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        reader = threading.Thread(target=_pump, args=(self._answers, self._replies), daemon=True)
        reader.start()

    def ask(self, line: bytes) -> Any:
        """Return the reply to one line.

        Raises:
            CannotGrade: If the worker could not do it.
            TimeoutError: If it ended, or did not answer in time.
        """
        try:
            self._requests.write(line + b"\n")
            self._requests.flush()
            reply = self._replies.get(timeout=WALL_SECONDS)
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
    """A check that is made elsewhere.

    Args:
        kind: One of `guarded_worker.JOBS`.
        setup: What the job is made of, as JSON.
    """

    def __init__(self, kind: str, setup: str) -> None:
        self._setup = json.dumps({"kind": kind, "setup": json.loads(setup)}).encode()
        self._lock = threading.Lock()
        self._running: list[_Process] = []
        weakref.finalize(self, _stop_all, self._running)

    def __call__(self, value: object) -> Any:
        """Return what the job makes of a JSON value.

        Raises:
            CannotGrade: If it was stopped at the limit, or refused.
        """
        with self._lock:
            try:
                if not self._running:
                    self._running.append(_Process())
                    self._running[0].ask(self._setup)
                return self._running[0].ask(json.dumps(value).encode())
            except TimeoutError:
                _stop_all(self._running)
        raise CannotGrade(f"stopped after {CPU_SECONDS:g} s of processor time")


@lru_cache(maxsize=32)
def guarded(kind: str, setup: str) -> Guarded:
    """Return the guarded check of a kind; equal ones share a process."""
    return Guarded(kind, setup)


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
