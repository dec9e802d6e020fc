"""The process behind `guarded`: one job, one JSON line in, one JSON line out.

The system ends it where one check takes more processor time than allowed: no code of its own has
to run for that. It does not know samples or scores.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from evalkit.core.errors import CannotGrade
from evalkit.graders.patterns import matched_last
from evalkit.graders.schema import SchemaCheck
from evalkit.graders.suite_code import load_function, verdict_of

Job = Callable[[Any], Any]


def schema_job(setup: Any) -> Job:
    """Return what finds the failure of a document."""
    check = SchemaCheck(setup["schema"], setup["where"], guard=False)
    return check.failure


def pattern_job(setup: Any) -> Job:
    """Return what finds the last match of a pattern."""
    source, flags = setup
    return partial(matched_last, re.compile(source, flags))


def code_job(setup: Any) -> Job:
    """Return what calls a suite's own function and reads its verdict."""
    path, name, where, _ = setup
    function = load_function(Path(path), name, where)

    def job(value: Any) -> dict[str, Any]:
        sample, output, parsed = value
        return verdict_of(function, Path(path), sample, output, parsed)

    return job


JOBS: dict[str, Callable[[Any], Job]] = {
    "schema": schema_job,
    "pattern": pattern_job,
    "code": code_job,
}


def main() -> None:
    """Serve until the other side closes; what a suite's code prints goes to stderr."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    request = json.loads(sys.stdin.buffer.readline())
    job = JOBS[request["kind"]](request["setup"])
    _reply(replies, {"result": None})
    for line in sys.stdin.buffer:
        value = json.loads(line)
        _limit(request["cpu_s"])
        try:
            said = {"result": job(value)}
        except CannotGrade as refusal:
            said = {"error": str(refusal)}
        _limit(0)
        _reply(replies, said)


def _limit(seconds: float) -> None:
    if hasattr(signal, "setitimer"):  # SIGPROF ends a process that does not handle it
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _reply(replies: BinaryIO, said: dict[str, Any]) -> None:
    replies.write(json.dumps(said).encode() + b"\n")
    replies.flush()


if __name__ == "__main__":
    main()
