"""The Gemini wire: `generateContent`, streamed and not.

Usage is converted: Gemini's `candidatesTokenCount` leaves thoughts out, so `thoughtsTokenCount` is
added; `promptTokenCount` includes cached tokens, and tokens of tool results are added to it. A
blocked prompt and a candidate stopped by a filter are refusals. This module does no I/O.

Source: https://ai.google.dev/api/generate-content
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

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
    parse,
    renamed,
    text_of,
    total,
    wanted_mode,
    wanted_params,
    without,
)

NAMES = {
    "max_tokens": "maxOutputTokens",
    "top_p": "topP",
    "top_k": "topK",
    "stop": "stopSequences",
    "n": "candidateCount",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
}
NO_WORD_FOR = ("logit_bias", "service_tier", "user", "store", "metadata")
FILTERED = (
    *("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE"),
    *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
    *("ESCALATION", "MODEL_ARMOR", "PUP_LIMITED_DISABLED"),
)
FINISH: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "FUNCTION_CALL": "tool_calls",  # not Google's word, but of a server that imitates it
    **dict.fromkeys(FILTERED, "content_filter"),
}
_TOOL_CHOICE = {"auto": "AUTO", "required": "ANY", "any": "ANY", "none": "NONE"}
_PATH_SAFE = "/:@-._~"


class _Candidate(msgspec.Struct, rename="camel"):
    content: Any = None
    finish_reason: Any = None
    index: Any = 0


class Document(msgspec.Struct, rename="camel"):
    """A generated content response, or a chunk of one."""

    candidates: list[_Candidate] | None = None
    prompt_feedback: Any = None
    usage_metadata: Any = None
    model_version: Any = None
    response_id: Any = None
    error: Any = None


_decoder = msgspec.json.Decoder(Document)


def encode(request: Request, spec: ModelSpec) -> WireCall:
    """Return the call for one request."""
    mode = wanted_mode(request, WIRE.modes)
    params = without(wanted_params(request, spec), NO_WORD_FOR)
    system = "\n\n".join(m.content for m in request.messages if m.role == "system")
    body: dict[str, Any] = {
        "contents": [
            {"role": "model" if m.role == "assistant" else "user", "parts": [{"text": m.content}]}
            for m in request.messages
            if m.role != "system"
        ]
    }
    if system:
        body["systemInstruction"] = {"role": "user", "parts": [{"text": system}]}
    if tools := functions(request):
        body["tools"] = [{"functionDeclarations": [_declaration(tool) for tool in tools]}]
    config = _config(request, params, mode)
    if choice := config.pop("tool_choice", None):
        called = {"mode": _TOOL_CHOICE.get(str(choice), str(choice))}
        body["toolConfig"] = {"functionCallingConfig": called}
    if config:
        body["generationConfig"] = config
    return call(path(request), body, spec, (params, mode))


def path(request: Request) -> str:
    """Return the path below the API's version: the model and the method stand in it."""
    model = request.model if "/" in request.model else f"models/{request.model}"
    method = "streamGenerateContent?alt=sse" if request.stream else "generateContent"
    return f"/{quote(model, safe=_PATH_SAFE)}:{method}"


def _config(request: Request, params: dict[str, Any], mode: str) -> dict[str, Any]:
    config = renamed(params, NAMES)
    if isinstance(config.get("stopSequences"), str):
        config["stopSequences"] = [config["stopSequences"]]
    if "reasoning_effort" in config:
        config["thinkingConfig"] = {"thinkingLevel": config.pop("reasoning_effort")}
    if mode != "prompt":
        config["responseMimeType"] = "application/json"
    if mode == "json_schema":
        config["responseJsonSchema"] = request.output.schema
    return config


def _declaration(function: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {
        key: function[key] for key in ("name", "description") if key in function
    }
    schema = function.get("parameters")
    return {**kept, "parametersJsonSchema": schema} if schema else kept


def interpret(document: Document) -> Completion:
    """Return the completion that a response holds.

    Raises:
        ProviderError: `bad_body` with neither a candidate nor a reason why there is none; another
            kind where it reports a failure.
    """
    if document.error:
        raise reported({"error": document.error})
    blocked = text_of(mapping(document.prompt_feedback).get("blockReason"))
    candidate = document.candidates[0] if document.candidates else None
    if candidate is None and blocked is None:
        bad_body("there is no candidate and no promptFeedback.blockReason")
    parts = _parts(candidate.content) if candidate else []
    calls = tuple(_call(mapping(p["functionCall"])) for p in parts if p.get("functionCall"))
    raw = blocked or text_of(candidate.finish_reason if candidate else None)
    reason: FinishReason | None = "content_filter" if blocked else finish(raw, FINISH)
    return Completion(
        text=_joined(parts, thoughts=False),
        tool_calls=calls,
        reasoning=_joined(parts, thoughts=True) or None,
        refusal=raw if reason == "content_filter" else None,
        finish_reason="tool_calls" if calls and reason == "stop" else reason,
        finish_reason_raw=raw,
        usage=_usage(document.usage_metadata),
        model_returned=text_of(document.model_version),
        request_id=text_of(document.response_id),
    )


def _parts(content: object) -> list[dict[str, Any]]:
    parts = mapping(content).get("parts")
    return [mapping(part) for part in parts] if isinstance(parts, list) else []


def _joined(parts: list[dict[str, Any]], *, thoughts: bool) -> str:
    chosen = [part for part in parts if bool(part.get("thought")) == thoughts]
    return "".join(text_of(part.get("text")) or "" for part in chosen)


def _call(function: dict[str, Any]) -> ToolCall:
    return ToolCall(
        name=text_of(function.get("name")) or "",
        arguments=arguments_text(function.get("args") or {}),
        id=text_of(function.get("id")),
    )


def _usage(value: object) -> Usage | None:
    usage = mapping(value)
    if not usage:
        return None
    prompt, thoughts = count(usage.get("promptTokenCount")), count(usage.get("thoughtsTokenCount"))
    used = total(prompt, count(usage.get("toolUsePromptTokenCount")))
    output = total(count(usage.get("candidatesTokenCount")), thoughts)
    everything = count(usage.get("totalTokenCount"))
    if output is None and used is not None and everything is not None and everything >= used:
        output = everything - used  # a zero is left out on this wire: the total tells
    return Usage(
        input=used,
        output=output,
        cache_read=count(usage.get("cachedContentTokenCount")),
        reasoning=thoughts,
    )


class Stream:
    """Gathers chunks into the document of an unstreamed answer."""

    def __init__(self) -> None:
        self.started = False
        self.finished = False
        self._whole = Document()
        self._parts: list[dict[str, Any]] = []
        self._reason: Any = None

    def feed(self, event: SseEvent) -> None:
        """Take one event; see `Fold.feed`."""
        if event.data == b"[DONE]":
            return
        chunk: Document = parse(event.data, _decoder)
        if chunk.error:
            raise reported({"error": chunk.error})
        whole = self._whole
        whole.usage_metadata = chunk.usage_metadata or whole.usage_metadata
        whole.model_version = chunk.model_version or whole.model_version
        whole.response_id = chunk.response_id or whole.response_id
        whole.prompt_feedback = chunk.prompt_feedback or whole.prompt_feedback
        if text_of(mapping(chunk.prompt_feedback).get("blockReason")):
            self.finished = True
        for candidate in chunk.candidates or ():
            if candidate.index in (0, None):
                self._add(candidate)

    def document(self) -> Document:
        """Return the whole; see `Fold.document`."""
        if self._parts or self._reason:
            content = {"parts": self._parts}
            self._whole.candidates = [_Candidate(content=content, finish_reason=self._reason)]
        return self._whole

    def _add(self, candidate: _Candidate) -> None:
        parts = _parts(candidate.content)
        self._parts += parts
        self.started |= any(part.get("text") or part.get("functionCall") for part in parts)
        if text_of(candidate.finish_reason):
            self._reason = candidate.finish_reason
            self.finished = True


def _auth_headers(key: str, spec: ModelSpec) -> dict[str, str]:
    return {"x-goog-api-key": key}


WIRE = Wire(
    name="gemini",
    modes=("prompt", "json_object", "json_schema"),
    base_url="https://generativelanguage.googleapis.com",
    version_path="/v1beta",
    encode=encode,
    decoder=_decoder,
    interpret=interpret,
    fold=Stream,
    auth_headers=_auth_headers,
)


def adapter(spec: ModelSpec) -> Adapter:
    """Return the adapter of one model on this wire."""
    return HttpAdapter(WIRE, spec)
