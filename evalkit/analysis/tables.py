"""Tidy Parquet tables of a run: trials, attempts and scores, derived from its journal.

Rows are written in groups while trials stream by, in the order in which they come: the same
journal and prices give the same content. Prices are handed in; nothing here knows a run's folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from evalkit.analysis.cost import PriceAttempt, bill, price_of, timing
from evalkit.core.records import Attempt, Score, Trial, canonical_json, without_lone_surrogates

ROWS_PER_GROUP = 5_000
SCHEMA_VERSION = "1"
KEY = {"run_id": "text", "suite": "text", "sample_id": "text", "arm": "text", "repeat": "int"}
TRIALS = {
    **KEY,
    "cluster": "text",
    "slices": "map",
    "critical": "bool",
    "model": "text",
    "structured_requested": "text",
    "structured_honoured": "text",
    "status": "text",
    "output_rung": "text",
    "first_rung": "text",
    "refused_by": "text",
    "text": "text",
    "parsed": "text",
    "reason": "text",
    "recorded": "bool",
    "n_attempts": "int",
    "cost_usd": "float",
    "judge_cost_usd": "float",
    "latency_ms": "float",
    "latency_censored": "bool",
    "ttft_ms": "float",
    "request_fingerprint": "text",
    "completion_hash": "text",
    "grading_fingerprint": "text",
    "finished_at": "text",
}
ATTEMPTS = {
    **KEY,
    "number": "int",
    "role": "text",
    "model": "text",
    "cause": "text",
    "outcome": "text",
    "http_status": "int",
    "model_returned": "text",
    "system_fingerprint": "text",
    "service_tier": "text",
    "finish_reason": "text",
    "usage_input": "int",
    "usage_output": "int",
    "usage_cache_read": "int",
    "usage_cache_write": "int",
    "usage_reasoning": "int",
    "cached": "bool",
    "recorded": "bool",
    "scheduled_at": "text",
    "sent_at": "text",
    "queue_ms": "float",
    "rate_wait_ms": "float",
    "ttft_ms": "float",
    "service_ms": "float",
    "backoff_ms": "float",
    "loop_lag_ms": "float",
    "request_id": "text",
    "params_sent": "text",
    "mode_sent": "text",
    "text": "text",
    "tool_calls": "text",
    "refusal": "text",
    "error": "text",
    "body": "text",
    "unit_prices": "text",
    "price_source": "text",
    "cost_usd": "float",
}
SCORES = {
    **KEY,
    "grader": "text",
    "version": "text",
    "value": "float",
    "passed": "bool",
    "reason": "text",
    "details": "text",
    "failure": "text",
}
_OF_TRIAL = tuple(n for n in TRIALS if n in Trial.__struct_fields__ and n not in KEY)
_OF_ATTEMPT = tuple(n for n in ATTEMPTS if n in Attempt.__struct_fields__ and n not in KEY)
TABLES: dict[str, Mapping[str, str]] = {"trials": TRIALS, "attempts": ATTEMPTS, "scores": SCORES}


def write_tables(
    trials: Iterable[Trial],
    folder: Path,
    price: PriceAttempt,
    *,
    rows_per_group: int = ROWS_PER_GROUP,
) -> tuple[Path, ...]:
    """Write trials.parquet, attempts.parquet and scores.parquet.

    An existing file is replaced only when the new ones are whole.

    Args:
        trials: Each trial once.
        folder: Where the files go.
        price: Prices one attempt.
        rows_per_group: Rows held in memory before they are written.

    Returns:
        The three paths.
    """
    drafts = [folder / f".{name}.parquet.draft" for name in TABLES]
    try:
        with ExitStack() as stack:
            tables = [
                stack.enter_context(_Table(path, columns, rows_per_group))
                for path, columns in zip(drafts, TABLES.values(), strict=True)
            ]
            for trial in trials:
                _add(trial, tables, price)
        paths = tuple(folder / f"{name}.parquet" for name in TABLES)
        for draft, path in zip(drafts, paths, strict=True):
            draft.replace(path)
        return paths
    finally:
        for draft in drafts:
            draft.unlink(missing_ok=True)


class _Table:
    """One Parquet file that is written in row groups."""

    def __init__(self, path: Path, columns: Mapping[str, str], rows_per_group: int) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        kinds = {
            "text": pa.string(),
            "int": pa.int64(),
            "float": pa.float64(),
            "bool": pa.bool_(),
            "map": pa.map_(pa.string(), pa.string()),
        }
        self._schema = pa.schema(
            [(name, kinds[kind]) for name, kind in columns.items()],
            metadata={"evalkit_schema_version": SCHEMA_VERSION},
        )
        self._writer = parquet.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []
        self._limit = rows_per_group

    def __enter__(self) -> _Table:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def add(self, row: dict[str, Any]) -> None:
        """Take one row."""
        self._rows.append(row)
        if len(self._rows) >= self._limit:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
            self._rows = []


def _add(trial: Trial, tables: list[_Table], price: PriceAttempt) -> None:
    key = {
        "run_id": trial.run_id,
        "suite": trial.suite,
        "sample_id": trial.sample_id,
        "arm": trial.arm,
        "repeat": trial.repeat,
    }
    tables[0].add(_clean({**key, **_trial_row(trial, price)}))
    for attempt in trial.attempts:
        tables[1].add(_clean({**key, **_attempt_row(trial, attempt, price)}))
    for score in trial.scores:
        tables[2].add(_clean({**key, **_score_row(score)}))


def _trial_row(trial: Trial, price: PriceAttempt) -> dict[str, Any]:
    bought, took = bill(trial, price), timing(trial)
    return {
        **{name: getattr(trial, name) for name in _OF_TRIAL},
        "slices": sorted(trial.slices.items()),
        "parsed": _json(trial.parsed),
        "n_attempts": sum(attempt.role == "model" for attempt in trial.attempts),
        "cost_usd": _float(bought.cost_usd),
        "judge_cost_usd": _float(bought.judge_cost_usd),
        "latency_ms": took.latency_ms,
        "latency_censored": took.censored,
        "ttft_ms": took.ttft_ms,
    }


def _attempt_row(trial: Trial, attempt: Attempt, price: PriceAttempt) -> dict[str, Any]:
    priced = None if attempt.cached else price_of(trial, attempt, price)
    return {
        **{name: getattr(attempt, name) for name in _OF_ATTEMPT},
        **_completion_row(attempt),
        "model": attempt.model or trial.model,
        "params_sent": _json(attempt.params_sent),
        "unit_prices": _json(priced.unit_prices) if priced and priced.unit_prices else None,
        "price_source": "cached" if priced is None else priced.source,
        "cost_usd": None if priced is None else _float(priced.cost_usd),
    }


def _completion_row(attempt: Attempt) -> dict[str, Any]:
    done = attempt.completion
    if done is None:
        return {}
    usage = done.usage
    return {
        "model_returned": done.model_returned,
        "system_fingerprint": done.system_fingerprint,
        "service_tier": done.service_tier,
        "finish_reason": done.finish_reason,
        "ttft_ms": done.ttft_ms,
        "service_ms": attempt.service_ms if done.service_ms is None else done.service_ms,
        "mode_sent": done.mode_sent,
        "text": done.text,
        "tool_calls": _json(done.tool_calls) if done.tool_calls else None,
        "refusal": done.refusal,
        **{
            f"usage_{kind}": None if usage is None else getattr(usage, kind)
            for kind in ("input", "output", "cache_read", "cache_write", "reasoning")
        },
    }


def _score_row(score: Score) -> dict[str, Any]:
    return {
        "grader": score.grader,
        "version": score.version,
        "value": score.value,
        "passed": score.passed,
        "reason": score.reason,
        "details": _json(score.details),
        "failure": score.failure,
    }


def _clean(row: dict[str, Any]) -> dict[str, Any]:
    """Parquet text is UTF-8: lone surrogates cannot be stored."""
    for name, value in row.items():
        if isinstance(value, str) and not value.isascii():
            row[name] = without_lone_surrogates(value)
    return row


def _json(value: Any) -> str | None:
    return None if value is None else canonical_json(value).decode()


def _float(money: Any) -> float | None:
    return None if money is None else float(money)
