"""The Anthropic Messages wire.

Usage is converted: Anthropic's `input_tokens` leave out what was read from or written to the
cache, so both are added; `output_tokens` include thinking. Version 2023-06-01 is asked for by
default, since the later one refuses `temperature`, which an evaluation needs where a model still
takes it; with `anthropic_version: 2026-10-21` sampling parameters are left out and recorded so.
The key goes in `x-api-key`, the header of that version, which the API and the servers that imitate
it take; the vendor's SDK 2.x sends it as a bearer token instead (`auth: bearer` does the same).
This module does no I/O.

Options, of the model or its provider: `anthropic_version`, `auth`, `extra_body`.

Source: https://platform.claude.com/docs/en/api/messages, .../api/versioning
"""

from __future__ import annotations

from typing import Any

import msgspec

from evalkit.core.ports import Adapter, ModelSpec, WireCall
from evalkit.core.records import Completion, FinishReason, Request, ToolCall, Usage
from evalkit.providers.failures import reported
from evalkit.providers.remote import HttpAdapter
from evalkit.providers.sse import SseEvent
from evalkit.providers.wire import (
    Wire,
    arguments_text,
    bad_body,
    call,
    count,
    finish,
    functions,
    mapping,
    option,
    parse,
    renamed,
    text_of,
    total,
    wanted_mode,
    wanted_params,
    without,
)

DEFAULT_VERSION = "2023-06-01"
DEFAULT_MAX_TOKENS = 1024  # the API demands a number; recorded in params_sent
NO_WORD_FOR = ("seed", "frequency_penalty", "presence_penalty", "logit_bias", "n")
NO_WORD_SINCE_2026 = ("temperature", "top_p", "top_k")
FINISH: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
}
_TOOL_CHOICE = {"auto": "auto", "required": "any", "any": "any", "none": "none"}


class Document(msgspec.Struct):
    """A message object."""

    content: list[dict[str, Any]] | None = None
    stop_reason: Any = None
    stop_details: Any = None
    usage: Any = None
    model: Any = None
    id: Any = None
    error: Any = None


class _Event(msgspec.Struct):
    type: Any = None
    index: Any = None
    message: Any = None
    content_block: Any = None
    delta: Any = None
    usage: Any = None
    error: Any = None


_decoder = msgspec.json.Decoder(Document)
_event_decoder = msgspec.json.Decoder(_Event)


def version(spec: ModelSpec) -> str:
    """Return the API version to ask for."""
    return str(option(spec, "anthropic_version") or DEFAULT_VERSION)


def encode(request: Request, spec: ModelSpec) -> WireCall:
    """Return the call for one request."""
    mode = wanted_mode(request, WIRE.modes)
    params = without(wanted_params(request, spec), NO_WORD_FOR)
    if version(spec) >= "2026":
        params = without(params, NO_WORD_SINCE_2026)
    params.setdefault("max_tokens", DEFAULT_MAX_TOKENS)
    system = "\n\n".join(m.content for m in request.messages if m.role == "system")
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [
            {"role": m.role, "content": m.content} for m in request.messages if m.role != "system"
        ],
        **renamed(params, {"stop": "stop_sequences"}),
    }
    if system:
        body["system"] = system
    _translate(body)
    if mode == "json_schema":
        wanted = {"type": "json_schema", "schema": request.output.schema}
        body["output_config"] = {**mapping(body.get("output_config")), "format": wanted}
    if tools := functions(request):
        body["tools"] = [_tool(tool) for tool in tools]
    if request.stream:
        body["stream"] = True
    made = call("/messages", body, spec, (params, mode))
    return made._replace(headers={"anthropic-version": version(spec), **made.headers})


def _translate(body: dict[str, Any]) -> None:
    """Put the suite's values into the forms that this API takes."""
    if isinstance(body.get("stop_sequences"), str):
        body["stop_sequences"] = [body["stop_sequences"]]
    if isinstance(body.get("tool_choice"), str):
        choice = body["tool_choice"]
        body["tool_choice"] = {"type": _TOOL_CHOICE.get(choice, choice)}
    if "reasoning_effort" in body:
        body["output_config"] = {"effort": body.pop("reasoning_effort")}


def _tool(function: dict[str, Any]) -> dict[str, Any]:
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    kept: dict[str, Any] = {
        key: function[key] for key in ("name", "description", "strict") if key in function
    }
    return {**kept, "input_schema": schema}


def interpret(document: Document) -> Completion:
    """Return the completion that a message object holds.

    Raises:
        ProviderError: `bad_body` without content; another kind where it reports a failure.
    """
    if document.error:
        raise reported({"error": document.error})
    if document.content is None:
        bad_body("there is no content")
    raw = text_of(document.stop_reason)
    thoughts = [text for block in document.content if (text := text_of(block.get("thinking")))]
    usage = mapping(document.usage)
    return Completion(
        text="".join(text_of(b.get("text")) or "" for b in _of_type(document, "text")),
        tool_calls=tuple(_call(block) for block in _of_type(document, "tool_use")),
        reasoning="\n".join(thoughts) or None,
        refusal=_refusal(document) if raw == "refusal" else None,
        finish_reason=finish(raw, FINISH),
        finish_reason_raw=raw,
        usage=_usage(usage) if usage else None,
        model_returned=text_of(document.model),
        service_tier=text_of(usage.get("service_tier")),
        request_id=text_of(document.id),
    )


def _of_type(document: Document, kind: str) -> list[dict[str, Any]]:
    return [block for block in document.content or () if block.get("type") == kind]


def _call(block: dict[str, Any]) -> ToolCall:
    return ToolCall(
        name=text_of(block.get("name")) or "",
        arguments=arguments_text(block.get("input")),
        id=text_of(block.get("id")),
    )


def _refusal(document: Document) -> str:
    details = mapping(document.stop_details)
    return text_of(details.get("explanation")) or text_of(details.get("category")) or "refusal"


def _usage(usage: dict[str, Any]) -> Usage:
    read = count(usage.get("cache_read_input_tokens"))
    write = count(usage.get("cache_creation_input_tokens"))
    fresh = count(usage.get("input_tokens"))
    return Usage(
        input=None if fresh is None else total(fresh, read, write),
        output=count(usage.get("output_tokens")),
        cache_read=read,
        cache_write=write,
        reasoning=count(mapping(usage.get("output_tokens_details")).get("thinking_tokens")),
    )


class Stream:
    """Gathers message events into the message object of an unstreamed answer."""

    def __init__(self) -> None:
        self.started = False
        self.finished = False
        self._whole = Document(content=[])
        self._blocks: dict[str, dict[str, Any]] = {}
        self._pieces: dict[str, list[str]] = {}

    def feed(self, event: SseEvent) -> None:
        """Take one event; see `Fold.feed`."""
        told: _Event = parse(event.data, _event_decoder)
        kind = text_of(told.type) or event.name
        if kind == "error" or told.error:
            raise reported({"error": told.error or "an error event"})
        if kind == "message_start":
            self._start(mapping(told.message))
        elif kind == "content_block_start":
            self._blocks[str(told.index)] = dict(mapping(told.content_block))
            self._open(mapping(told.content_block))
        elif kind == "content_block_delta":
            self._grow(str(told.index), mapping(told.delta))
        elif kind == "message_delta":
            self._end(mapping(told.delta), mapping(told.usage))
        elif kind == "message_stop":
            self.finished = True

    def document(self) -> Document:
        """Return the whole; see `Fold.document`."""
        for index, block in self._blocks.items():
            pieces = "".join(self._pieces.get(index, ()))
            if pieces and block.get("type") == "tool_use":
                block["input"] = _input(pieces)
        self._whole.content = list(self._blocks.values())
        return self._whole

    def _start(self, message: dict[str, Any]) -> None:
        self._whole.model, self._whole.id = message.get("model"), message.get("id")
        self._whole.usage = dict(mapping(message.get("usage")))

    def _open(self, block: dict[str, Any]) -> None:
        if block.get("type") == "tool_use" or block.get("text") or block.get("thinking"):
            self.started = True

    def _grow(self, index: str, delta: dict[str, Any]) -> None:
        for key in ("text", "thinking"):
            if piece := text_of(delta.get(key)):
                block = self._blocks.setdefault(index, {"type": key})
                block[key] = (text_of(block.get(key)) or "") + piece
                self.started = True
        if piece := text_of(delta.get("partial_json")):
            self._pieces.setdefault(index, []).append(piece)
            self.started = True

    def _end(self, delta: dict[str, Any], usage: dict[str, Any]) -> None:
        known = {name: value for name, value in usage.items() if value is not None}
        self._whole.usage = {**mapping(self._whole.usage), **known}
        self._whole.stop_details = delta.get("stop_details") or self._whole.stop_details
        if reason := text_of(delta.get("stop_reason")):
            self._whole.stop_reason = reason
            self.finished = True


def _input(pieces: str) -> object:
    """Return streamed arguments as the value that an unstreamed answer holds; raw if cut."""
    try:
        return msgspec.json.decode(pieces)
    except (ValueError, RecursionError):
        return pieces


def _auth_headers(key: str, spec: ModelSpec) -> dict[str, str]:
    if option(spec, "auth") == "bearer":
        return {"Authorization": f"Bearer {key}"}
    return {"x-api-key": key}


WIRE = Wire(
    name="anthropic_messages",
    modes=("prompt", "json_schema"),
    base_url="https://api.anthropic.com",
    version_path="/v1",
    encode=encode,
    decoder=_decoder,
    interpret=interpret,
    fold=Stream,
    auth_headers=_auth_headers,
)


def adapter(spec: ModelSpec) -> Adapter:
    """Return the adapter of one model on this wire."""
    return HttpAdapter(WIRE, spec)
