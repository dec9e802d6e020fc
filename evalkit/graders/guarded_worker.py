"""The process behind `guarded`: one job, one JSON line in, one JSON line out.

The system ends it where one check takes more processor time than allowed: no code of its own has
to run for that. It does not know samples or scores.
"""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from evalkit.core.errors import CannotGrade
from evalkit.graders.guarded import CPU_SECONDS
from evalkit.graders.patterns import matched_last
from evalkit.graders.schema import SchemaCheck

Job = Callable[[Any], Any]


def schema_job(setup: Any) -> Job:
    """Return what finds the failure of a document."""
    check = SchemaCheck(setup["schema"], setup["where"], guard=False)
    return check.failure


def pattern_job(setup: Any) -> Job:
    """Return what finds the last match of a pattern."""
    source, flags = setup
    return partial(matched_last, re.compile(source, flags))


JOBS: dict[str, Callable[[Any], Job]] = {"schema": schema_job, "pattern": pattern_job}


def main() -> None:
    """Serve until the other side closes."""
    request = json.loads(sys.stdin.buffer.readline())
    job = JOBS[request["kind"]](request["setup"])
    _reply({"result": None})
    for line in sys.stdin.buffer:
        value = json.loads(line)
        _limit(CPU_SECONDS)
        try:
            said = {"result": job(value)}
        except CannotGrade as refusal:
            said = {"error": str(refusal)}
        _limit(0)
        _reply(said)


def _limit(seconds: float) -> None:
    if hasattr(signal, "setitimer"):  # SIGPROF ends a process that does not handle it
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _reply(said: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(said).encode() + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
