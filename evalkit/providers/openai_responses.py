"""The OpenAI Responses wire.

Usage needs no conversion: `input_tokens` include cached ones and `output_tokens` include
reasoning. `store: false` is sent, since the service keeps answers for 30 days where a request
does not say so, and an evaluation's samples are not its to keep; `extra_body` may override it.
This module does no I/O.

Source: https://developers.openai.com/api/reference/resources/responses
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
    bearer,
    call,
    count,
    finish,
    functions,
    mapping,
    option,
    parse,
    renamed,
    schema_name,
    strict_compatible,
    text_of,
    wanted_mode,
    wanted_params,
    without,
)

FINISH: dict[str, FinishReason] = {
    "completed": "stop",
    "max_output_tokens": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
}
NO_WORD_FOR = ("stop", "seed", "top_k", "frequency_penalty", "presence_penalty", "logit_bias", "n")
_CONTENT_DELTAS = (
    "response.output_text.delta",
    "response.refusal.delta",
    "response.reasoning_text.delta",
    "response.reasoning_summary_text.delta",
    "response.function_call_arguments.delta",
)
_TERMINAL = ("response.completed", "response.incomplete", "response.failed")


class Document(msgspec.Struct):
    """A response object."""

    output: list[dict[str, Any]] | None = None
    status: Any = None
    error: Any = None
    incomplete_details: Any = None
    usage: Any = None
    model: Any = None
    id: Any = None
    service_tier: Any = None


class _Event(msgspec.Struct):
    type: Any = None
    delta: Any = None
    item: Any = None
    response: Any = None
    error: Any = None
    code: Any = None
    message: Any = None


_decoder = msgspec.json.Decoder(Document)
_event_decoder = msgspec.json.Decoder(_Event)


def encode(request: Request, spec: ModelSpec) -> WireCall:
    """Return the call for one request."""
    mode = wanted_mode(request, WIRE.modes)
    params = without(wanted_params(request, spec), NO_WORD_FOR)
    body: dict[str, Any] = {
        "model": request.model,
        "input": [{"role": m.role, "content": m.content} for m in request.messages],
        **renamed(params, {"max_tokens": "max_output_tokens"}),
        "store": False,
    }
    if "reasoning_effort" in body:
        body["reasoning"] = {"effort": body.pop("reasoning_effort")}
    if mode != "prompt":
        body["text"] = {"format": _format(request, spec, mode)}
    if tools := functions(request):
        # Without a word on it this API takes a tool's schema as strict, unlike chat completions.
        body["tools"] = [{"type": "function", "strict": False, **tool} for tool in tools]
    if request.stream:
        body["stream"] = True
    return call("/responses", body, spec, (params, mode))


def _format(request: Request, spec: ModelSpec, mode: str) -> dict[str, Any]:
    if mode == "json_object":
        return {"type": "json_object"}
    schema = request.output.schema
    strict = bool(option(spec, "strict_schema", True)) and strict_compatible(schema)
    name = schema_name(request.suite)
    return {"type": "json_schema", "name": name, "strict": strict, "schema": schema}


def interpret(document: Document) -> Completion:
    """Return the completion that a response object holds.

    Raises:
        ProviderError: `bad_body` without output; another kind where it reports a failure.
    """
    if document.error or document.status == "failed":
        raise reported({"error": document.error or "status failed"})
    if document.output is None:
        bad_body("there is no output")
    if document.status not in (None, "completed", "incomplete"):
        bad_body(f"the response is not finished, status {str(document.status)[:80]!r}")
    parts = [mapping(part) for item in document.output for part in _contents(item)]
    calls = tuple(_call(item) for item in document.output if item.get("type") == "function_call")
    raw = text_of(mapping(document.incomplete_details).get("reason")) or text_of(document.status)
    reason = "tool_calls" if calls and raw in (None, "completed") else finish(raw, FINISH)
    refusal = _joined(parts, "refusal")
    if not refusal and reason == "content_filter":
        refusal = "content_filter"
    return Completion(
        text=_joined(parts, "text"),
        tool_calls=calls,
        reasoning=_reasoning(document.output),
        refusal=refusal or None,
        finish_reason=reason,
        finish_reason_raw=raw,
        usage=_usage(document.usage),
        model_returned=text_of(document.model),
        service_tier=text_of(document.service_tier),
        request_id=text_of(document.id),
    )


def _contents(item: dict[str, Any]) -> list[Any]:
    content = item.get("content") if item.get("type", "message") == "message" else None
    return content if isinstance(content, list) else []


def _joined(parts: list[dict[str, Any]], key: str) -> str:
    return "".join(text_of(part.get(key)) or "" for part in parts)


def _reasoning(output: list[dict[str, Any]]) -> str | None:
    texts = []
    for item in output:
        if item.get("type") == "reasoning":
            parts = item.get("content") or item.get("summary")
            parts = parts if isinstance(parts, list) else []
            texts += [text_of(mapping(part).get("text")) or "" for part in parts]
    return "\n".join(text for text in texts if text) or None


def _call(item: dict[str, Any]) -> ToolCall:
    return ToolCall(
        name=text_of(item.get("name")) or "",
        arguments=arguments_text(item.get("arguments")),
        id=text_of(item.get("call_id")) or text_of(item.get("id")),
    )


def _usage(value: object) -> Usage | None:
    usage = mapping(value)
    if not usage:
        return None
    details = mapping(usage.get("input_tokens_details"))
    return Usage(
        input=count(usage.get("input_tokens")),
        output=count(usage.get("output_tokens")),
        cache_read=count(details.get("cached_tokens")),
        cache_write=count(details.get("cache_write_tokens")),
        reasoning=count(mapping(usage.get("output_tokens_details")).get("reasoning_tokens")),
    )


class Stream:
    """Waits for the event that holds the whole response; keeps the items in case it holds none."""

    def __init__(self) -> None:
        self.started = False
        self.finished = False
        self._items: list[dict[str, Any]] = []
        self._whole = Document()

    def feed(self, event: SseEvent) -> None:
        """Take one event; see `Fold.feed`."""
        if event.data == b"[DONE]":
            return
        told: _Event = parse(event.data, _event_decoder)
        kind = text_of(told.type) or event.name
        if kind == "error" or (told.error and told.response is None):
            raise reported({"error": told.error or {"code": told.code, "message": told.message}})
        if kind in _CONTENT_DELTAS and told.delta:
            self.started = True
        elif kind == "response.output_item.done":
            self._items.append(mapping(told.item))
        elif kind in _TERMINAL:
            self._end(told.response)

    def document(self) -> Document:
        """Return the whole; see `Fold.document`."""
        return self._whole

    def _end(self, response: object) -> None:
        try:
            self._whole = msgspec.convert(response, Document)
        except msgspec.ValidationError as error:
            bad_body(str(error))
        self._whole.output = self._whole.output or self._items
        self.finished = True


WIRE = Wire(
    name="openai_responses",
    modes=("prompt", "json_object", "json_schema"),
    base_url="https://api.openai.com/v1",
    version_path="",
    encode=encode,
    decoder=_decoder,
    interpret=interpret,
    fold=Stream,
    auth_headers=bearer,
)


def adapter(spec: ModelSpec) -> Adapter:
    """Return the adapter of one model on this wire."""
    return HttpAdapter(WIRE, spec)
