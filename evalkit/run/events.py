"""The events of a journal: an attempt and a trial as flat lines, and back to records.

What stands at the top level of a line, and nothing else; it does not know files.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

from evalkit.core.records import (
    Attempt,
    Cause,
    Completion,
    FinishReason,
    Mode,
    Score,
    Status,
    ToolCall,
    Trial,
    Usage,
    without_lone_surrogates,
)


class TrialKey(NamedTuple):
    """What identifies a trial inside a run."""

    suite: str
    sample_id: str
    arm: str
    repeat: int


class AttemptLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An `attempt` event: one try as it stands in the journal, flat."""

    event: Literal["attempt"]
    run_id: str
    suite: str
    sample_id: str
    arm: str
    repeat: int
    number: int
    cause: Cause
    outcome: str
    http_status: int | None
    model_returned: str | None
    system_fingerprint: str | None
    finish_reason: FinishReason | None
    usage: Usage | None
    cached: bool
    scheduled_at: str | None
    queue_ms: float
    rate_wait_ms: float
    ttft_ms: float | None
    service_ms: float | None
    backoff_ms: float
    request_id: str | None
    params: dict[str, Any]
    text: str | None
    tool_calls: tuple[ToolCall, ...]
    role: Literal["model", "judge"] = "model"
    model: str = ""
    request_fingerprint: str = ""
    subject: str = ""
    sent_at: str | None = None
    finish_reason_raw: str | None = None
    service_tier: str | None = None
    mode_sent: Mode | None = None
    reasoning: str | None = None
    refusal: str | None = None
    quota: dict[str, str] = {}
    recorded: bool = False
    recorded_at: str | None = None
    cost_usd: float | None = None
    error: str | None = None
    body: str | None = None
    loop_lag_ms: float | None = None


class TrialLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A `trial` event: what became of one sample × arm × repeat. The last one of a key counts."""

    event: Literal["trial"]
    run_id: str
    suite: str
    sample_id: str
    arm: str
    repeat: int
    status: Status
    output_rung: str | None
    scores: tuple[Score, ...]
    model: str
    finished_at: str | None
    structured_requested: Mode | None
    structured_honoured: Mode | None
    first_rung: str | None = None
    refused_by: str | None = None
    cluster: str | None = None
    slices: dict[str, str] = {}
    critical: bool = False
    parsed: Any = None
    reason: str | None = None
    recorded: bool = False
    request_fingerprint: str = ""
    completion_hash: str | None = None
    grading_fingerprint: str = ""
    regraded: bool = False


_Line = TypeVar("_Line", Attempt, TrialLine)


def attempt_line(run_id: str, key: TrialKey, attempt: Attempt) -> AttemptLine:
    """Return an attempt as its journal line."""
    done = attempt.completion or _NOTHING
    return AttemptLine(
        event="attempt",
        run_id=run_id,
        suite=key.suite,
        sample_id=key.sample_id,
        arm=key.arm,
        repeat=key.repeat,
        number=attempt.number,
        cause=attempt.cause,
        outcome=attempt.outcome,
        http_status=attempt.http_status,
        model_returned=done.model_returned,
        system_fingerprint=done.system_fingerprint,
        finish_reason=done.finish_reason,
        usage=done.usage or attempt.failed_usage,
        cached=attempt.cached,
        scheduled_at=attempt.scheduled_at,
        queue_ms=attempt.queue_ms,
        rate_wait_ms=attempt.rate_wait_ms,
        ttft_ms=done.ttft_ms,
        service_ms=attempt.service_ms,
        backoff_ms=attempt.backoff_ms,
        request_id=attempt.request_id,
        params=attempt.params_sent,
        text=None if attempt.completion is None else done.text,
        tool_calls=done.tool_calls,
        role=attempt.role,
        model=attempt.model,
        request_fingerprint=attempt.request_fingerprint,
        subject=attempt.subject,
        sent_at=attempt.sent_at,
        finish_reason_raw=done.finish_reason_raw,
        service_tier=done.service_tier,
        mode_sent=done.mode_sent,
        reasoning=done.reasoning,
        refusal=done.refusal,
        quota=done.quota,
        recorded=attempt.recorded or done.recorded,
        recorded_at=done.recorded_at or attempt.failed_recorded_at,
        cost_usd=done.cost_usd if done.cost_usd is not None else attempt.failed_cost_usd,
        error=attempt.error,
        body=attempt.body,
        loop_lag_ms=attempt.loop_lag_ms,
    )


def attempt_of(line: AttemptLine) -> Attempt:
    """Return a journal line as the attempt it came from."""
    return Attempt(
        number=line.number,
        cause=line.cause,
        outcome=line.outcome,
        role=line.role,
        model=line.model,
        request_fingerprint=line.request_fingerprint,
        subject=line.subject,
        scheduled_at=line.scheduled_at,
        sent_at=line.sent_at,
        queue_ms=line.queue_ms,
        rate_wait_ms=line.rate_wait_ms,
        backoff_ms=line.backoff_ms,
        cached=line.cached,
        completion=None if line.text is None else _completion(line),
        error=line.error,
        http_status=line.http_status,
        request_id=line.request_id,
        service_ms=line.service_ms,
        body=line.body,
        params_sent=line.params,
        recorded=line.recorded,
        failed_usage=None if line.text is not None else line.usage,
        failed_cost_usd=None if line.text is not None else line.cost_usd,
        failed_recorded_at=None if line.text is not None else line.recorded_at,
        loop_lag_ms=line.loop_lag_ms,
    )


def belongs(line: AttemptLine, request_fingerprint: str) -> bool:
    """Return whether an attempt answered this request, or judged an answer to it."""
    own = line.subject if line.role == "judge" else line.request_fingerprint
    return own == request_fingerprint


def trial_of(line: TrialLine, attempts: tuple[Attempt, ...]) -> Trial:
    """Return a trial's line with its attempts as the record that analysis reads."""
    answered = [a for a in attempts if a.completion is not None and a.role == "model"]
    return Trial(
        run_id=line.run_id,
        suite=line.suite,
        sample_id=line.sample_id,
        arm=line.arm,
        model=line.model,
        repeat=line.repeat,
        status=line.status,
        output_rung=line.output_rung,
        first_rung=line.first_rung,
        refused_by=line.refused_by,
        cluster=line.cluster,
        slices=line.slices,
        critical=line.critical,
        structured_requested=line.structured_requested,
        structured_honoured=line.structured_honoured,
        text=answered[-1].text if answered else None,
        parsed=line.parsed,
        scores=line.scores,
        reason=line.reason,
        recorded=line.recorded,
        request_fingerprint=line.request_fingerprint,
        completion_hash=line.completion_hash,
        grading_fingerprint=line.grading_fingerprint,
        finished_at=line.finished_at,
        attempts=attempts,
    )


def key_hash(suite: str, sample_id: str, arm: str, repeat: int) -> int:
    """Return 64 bits that stand for a trial's key."""
    text = f"{suite}\0{sample_id}\0{arm}\0{repeat}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def storable(record: _Line) -> _Line:
    """Return a record whose texts can be written as UTF-8."""
    return msgspec.convert(_sound(msgspec.to_builtins(record)), type(record))


def _sound(value: Any) -> Any:
    if isinstance(value, str):
        return without_lone_surrogates(value)
    if isinstance(value, dict):
        return {_sound(key): _sound(item) for key, item in value.items()}
    return [_sound(item) for item in value] if isinstance(value, list | tuple) else value


def _completion(line: AttemptLine) -> Completion:
    return Completion(
        text=line.text or "",
        tool_calls=line.tool_calls,
        reasoning=line.reasoning,
        refusal=line.refusal,
        finish_reason=line.finish_reason,
        finish_reason_raw=line.finish_reason_raw,
        usage=line.usage,
        model_returned=line.model_returned,
        system_fingerprint=line.system_fingerprint,
        service_tier=line.service_tier,
        request_id=line.request_id,
        http_status=line.http_status,
        ttft_ms=line.ttft_ms,
        service_ms=line.service_ms,
        mode_sent=line.mode_sent,
        params_sent=line.params,
        quota=line.quota,
        recorded=line.recorded,
        recorded_at=line.recorded_at,
        cost_usd=line.cost_usd,
    )


_NOTHING = Completion()
