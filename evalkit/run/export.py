"""A run's answers written as a recording that the `replay` wire reads (CONTRACT section 9).

One line a trial: the answer that was graded, with the usage and latency that were measured, or
the error in which it ended. Nothing is re-timed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from evalkit.core.errors import ConfigError
from evalkit.core.records import Attempt, Trial
from evalkit.run.folder import Run


def export_replay(folder: Path, output: Path | None = None) -> tuple[Path, int]:
    """Write a recording.

    Args:
        folder: The run's folder.
        output: The file; by default recordings.jsonl in the run's folder.

    Returns:
        The file and the number of its lines.

    Raises:
        ConfigError: If two arms differ in their provider alone: a recording does not name it.
        JournalError: If the journal is foreign, mixed or edited.
    """
    run = Run(folder)
    _refuse_ambiguous(run)
    path = output or folder / "recordings.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    count = 0
    with draft.open("wb") as file:
        for line in _lines(run):
            file.write(msgspec.json.encode(line) + b"\n")
            count += 1
    draft.replace(path)
    return path, count


def _refuse_ambiguous(run: Run) -> None:
    seen: dict[tuple[str, str], str] = {}
    for arm in run.manifest["arms"]:
        name = arm["arm"].partition(":")[2]
        other = seen.setdefault((arm["suite"], name), arm["arm"])
        if other != arm["arm"]:
            raise ConfigError(
                f"{run.folder}: {other!r} and {arm['arm']!r} would both be recorded as {name!r}; "
                "a recording can hold one of them"
            )


def _lines(run: Run) -> Iterator[dict[str, Any]]:
    for trial in run.trials():
        attempts = [a for a in trial.attempts if a.role == "model"]
        if trial.status == "skipped" or not attempts:
            continue
        answered = [a for a in attempts if a.completion is not None]
        yield _line(trial, answered[-1] if answered else attempts[-1])


def _error(attempt: Attempt) -> str:
    """Return a failure in words that begin with its kind, as the replay wire reads it."""
    said = attempt.error or ""
    return said if said.startswith(attempt.outcome) else f"{attempt.outcome}: {said}".rstrip(": ")


def _line(trial: Trial, attempt: Attempt) -> dict[str, Any]:
    head = {
        "suite": trial.suite,
        "sample_id": trial.sample_id,
        "model": trial.arm.partition(":")[2],
        "repeat": trial.repeat,
        "http_status": attempt.http_status,
        "service_ms": attempt.service_ms,
        "recorded_at": attempt.sent_at or attempt.scheduled_at,
    }
    done = attempt.completion
    if done is None:
        rest = {"error": _error(attempt)}
    else:
        rest = msgspec.to_builtins(
            {
                "text": done.text,
                "tool_calls": done.tool_calls or None,
                "usage": done.usage,
                "finish_reason": done.finish_reason,
                "refusal": done.refusal,
                "reasoning": done.reasoning,
                "ttft_ms": done.ttft_ms,
                "model_returned": done.model_returned,
                "cost_usd": done.cost_usd,
            }
        )
        if done.recorded:
            head["recorded_at"] = done.recorded_at
    return {key: value for key, value in {**head, **rest}.items() if value is not None}
