"""A run's answers written as a recording that the `replay` wire reads (CONTRACT section 9).

One line a trial: the answer that was graded, or the error in which it ended, with the usage,
cost and latency (backoff included) of all its attempts together. That an earlier answer was
malformed is not in a recording. Nothing is re-timed.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from evalkit.core.errors import ConfigError
from evalkit.core.records import Attempt, Trial, Usage
from evalkit.providers.catalogue import load_catalogue
from evalkit.run.folder import Run
from evalkit.run.prices import load_price_book, payee, price_attempt


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
    price = _price(run)
    for trial in run.trials():
        attempts = [a for a in trial.attempts if a.role == "model"]
        if trial.status == "skipped" or not attempts:
            continue
        answered = [a for a in attempts if a.completion is not None]
        last = answered[-1] if answered else attempts[-1]
        line = {**_line(trial, last), **_totals(trial, attempts, price)}
        yield {key: value for key, value in line.items() if value is not None}


def _price(run: Run) -> Callable[[str, Attempt], Decimal | None]:
    """Return what prices an attempt by the run's own providers file; nothing where it is gone."""
    now = dt.datetime.fromisoformat(run.manifest["started_at"])
    named = run.manifest.get("providers_path") or run.manifest["providers_file"]
    try:
        book = load_price_book(load_catalogue(Path(named)))
    except ConfigError:
        return lambda model, attempt: None
    return lambda model, attempt: price_attempt(book, model, attempt, now).cost_usd


def _totals(
    trial: Trial, attempts: list[Attempt], price: Callable[[str, Attempt], Decimal | None]
) -> dict[str, Any]:
    """Return usage, cost and latency of all attempts; None where a part of it is not known."""
    times = [a.completion.service_ms if a.completion else a.service_ms for a in attempts]
    known = [time for time in times if time is not None]
    waited = sum(a.backoff_ms for a in attempts)
    costs = [price(payee(trial, a), a) for a in attempts if _is_billed(a)]
    cost = None if not costs or None in costs else float(sum(c for c in costs if c is not None))
    return {
        "service_ms": sum(known) + waited if known else None,
        "usage": _usage([a.usage for a in attempts if a.usage is not None]),
        "cost_usd": cost,
    }


def _is_billed(attempt: Attempt) -> bool:
    """True where an attempt brought an answer, or a recording says that it cost something."""
    told = attempt.failed_cost_usd is not None or attempt.failed_usage is not None
    return told or attempt.completion is not None


def _usage(parts: list[Usage]) -> dict[str, int] | None:
    total: dict[str, int] = {}
    for part in parts:
        for kind in Usage.__struct_fields__:
            count = getattr(part, kind)
            if count is not None:
                total[kind] = total.get(kind, 0) + count
    return total or None


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
        "recorded_at": attempt.failed_recorded_at or attempt.sent_at or attempt.scheduled_at,
    }
    done = attempt.completion
    if done is None:
        rest = {"error": _error(attempt)}
    else:
        rest = msgspec.to_builtins(
            {
                "text": done.text,
                "tool_calls": done.tool_calls or None,
                "finish_reason": done.finish_reason,
                "refusal": done.refusal,
                "reasoning": done.reasoning,
                "ttft_ms": done.ttft_ms,
                "model_returned": done.model_returned,
            }
        )
        if done.recorded:
            head["recorded_at"] = done.recorded_at
    return {**head, **rest}
