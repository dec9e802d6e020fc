"""Recorded answers as a contestant: old logs or another tool's, graded and compared like any arm.

A replayed answer carries what was recorded of latency, usage and cost, and never the replay's
own. A sample that was not recorded is skipped, not wrong. It sends nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec

from evalkit.core.errors import ConfigError, FailureKind, NotRecorded, ProviderError
from evalkit.core.ports import Adapter, ModelSpec, SuiteView
from evalkit.core.records import (
    MODES,
    Completion,
    FinishReason,
    Mode,
    Request,
    ToolCall,
    Usage,
)
from evalkit.providers.recording import Recording, function_of, has_failed, open_recording

_FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "completed": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_context_window_exceeded": "length",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "refusal": "refusal",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
}
_STATUS_KINDS: dict[int, FailureKind] = {
    401: "auth",
    403: "auth",
    404: "not_found",
    408: "timeout",
    413: "context_length",
    429: "rate_limited",
}
_RECORDED = "recorded: "
_KINDS: tuple[FailureKind, ...] = get_args(FailureKind)


class Replay:
    """One model of a recording as a contestant."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.identity = ""
        self.modes: tuple[str, ...] = ()
        self._recording: Recording | None = None

    async def open(self, suite: SuiteView) -> None:
        """Read and check the recording.

        Raises:
            ConfigError: If the file is missing, a line is bad, or it lacks this model.
        """
        where = f"{self.spec.provider}:{self.spec.name}"
        path = self.spec.provider_options.get("path")
        if not isinstance(path, str):
            raise ConfigError(f"{where}: a replay provider needs `path`, got {path!r}")
        recording = open_recording(Path(path))
        if self.spec.wire_name not in recording.models:
            there = ", ".join(recording.models) or "no model at all"
            raise ConfigError(
                f"{where}: {path} holds no model {self.spec.wire_name!r}; it has: {there}"
            )
        self._recording = recording
        self.identity = f"sha256:{recording.sha256}"

    async def complete(self, request: Request) -> Completion:
        """Return the recorded answer of one trial.

        Raises:
            NotRecorded: If the recording holds none.
            ProviderError: If a failure was recorded; never worth a retry.
        """
        if self._recording is None:
            raise ProviderError("adapter", f"{request.arm}: the recording is not open")
        line = self._recording.find(
            request.suite, request.sample_id, self.spec.wire_name, request.repeat
        )
        if line is None:
            raise NotRecorded(
                f"{self._recording.path}: no answer of {self.spec.wire_name!r} to sample "
                f"{request.sample_id!r}, repeat {request.repeat}"
            )
        if has_failed(line):
            raise _failure(line)
        answer = _completion(line)
        if request.output.format == "tool_calls" and _made_no_call(line):
            return msgspec.structs.replace(answer, text="[]")
        return answer

    async def close(self) -> None:
        """Forget the recording."""
        self._recording = None


def adapter(spec: ModelSpec) -> Adapter:
    """Return the contestant that answers from a recording."""
    return Replay(spec)


def recorded_models(path: Path) -> tuple[str, ...]:
    """Return all model names of a recording, in the order of their first line.

    Raises:
        ConfigError: If the file is missing or a line cannot be replayed.
    """
    return open_recording(path).models


def _made_no_call(line: Mapping[str, Any]) -> bool:
    """Return whether a recording tells that no call was made, and nothing was said instead."""
    return line.get("tool_calls") == [] and line.get("text") is None and not line.get("refusal")


def _completion(line: Mapping[str, Any]) -> Completion:
    raw = line.get("finish_reason")
    return Completion(
        text=line.get("text") or "",
        tool_calls=tuple(_tool_call(call) for call in line.get("tool_calls") or ()),
        reasoning=line.get("reasoning"),
        refusal=line.get("refusal"),
        finish_reason=None if raw is None else _FINISH.get(raw.lower(), "other"),
        finish_reason_raw=raw,
        usage=_usage(line),
        model_returned=line.get("model_returned"),
        request_id=line.get("request_id"),
        http_status=line.get("http_status"),
        ttft_ms=line.get("ttft_ms"),
        service_ms=line.get("service_ms"),
        mode_sent=_mode(line),
        recorded=True,
        recorded_at=line.get("recorded_at"),
        cost_usd=line.get("cost_usd"),
    )


def _usage(line: Mapping[str, Any]) -> Usage | None:
    usage = line.get("usage")
    return None if usage is None else msgspec.convert(usage, Usage)


def _tool_call(call: Mapping[str, Any]) -> ToolCall:
    function = function_of(call)
    arguments = function.get("arguments")
    text = (
        arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
    )
    call_id = call.get("id")
    return ToolCall(
        name=function["name"], arguments=text, id=call_id if isinstance(call_id, str) else None
    )


def _mode(line: Mapping[str, Any]) -> Mode | None:
    """Return the structured mode that the recording says was honoured, else requested."""
    for name in ("structured_honoured", "structured_requested"):
        for mode in MODES:
            if line.get(name) == mode:
                return mode
    return None


def _failure(line: Mapping[str, Any]) -> ProviderError:
    said = line.get("error")
    text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    status = line.get("http_status")
    kind, message = _told(text if said else "")
    error = ProviderError(
        kind or _kind(message, status),
        f"{_RECORDED}{message or (f'status {status}' if status else kind)}",
        http_status=status,
        request_id=line.get("request_id"),
    )
    error.service_ms = line.get("service_ms")
    error.recorded = True
    error.usage = _usage(line)
    error.cost_usd = line.get("cost_usd")
    error.recorded_at = line.get("recorded_at")
    error.model_returned = line.get("model_returned")
    return error


def _told(message: str) -> tuple[FailureKind | None, str]:
    """Return the kind that a message begins with, and the message without our own prefixes.

    An export puts the kind before the text, a replay `recorded:`; without this a text would grow
    on every way through both.
    """
    told: FailureKind | None = None
    while True:
        message = message.strip().removeprefix(_RECORDED).lstrip()
        kind = next((k for k in _KINDS if message == k or message.startswith(f"{k}:")), None)
        if kind is None:
            return told, message
        told = told or kind
        message = message[len(kind) + 1 :]


def _kind(message: str, status: int | None) -> FailureKind:
    """Return what failed, by status, else by the text."""
    if status is not None and status >= 400:
        fallback: FailureKind = "server_error" if status >= 500 else "rejected"
        return _STATUS_KINDS.get(status, fallback)
    lowered = message.lower()
    if "timeout" in lowered or "timed out" in lowered:
        return "timeout"
    if "rate limit" in lowered:
        return "rate_limited"
    return "connection" if "connect" in lowered else "server_error"
