"""The chat completions wire: OpenAI, Azure, vLLM, llama.cpp, Ollama, Mistral, Groq, DeepSeek, ...

Differences between those servers are read leniently and written by the few switches of `_Dialect`.
Usage needs no conversion but one: where a server's total shows that completion tokens leave
reasoning out, reasoning is added, so that `output` holds all generated tokens. Text inside
`<think>` stays in the text: the parser strips it. This module does no I/O.

Options of a model or its provider: `max_tokens_param`, `strict_schema`, `include_usage` (false: do
not ask for usage in streams), `extra_body`; of a provider: `organization`.

Source: https://developers.openai.com/api/reference/resources/chat
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urlsplit

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
)

FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}


class _Function(msgspec.Struct):
    name: Any = None
    arguments: Any = None


class _Call(msgspec.Struct):
    index: Any = None
    id: Any = None
    function: _Function | None = None


class Message(msgspec.Struct):
    """An assistant's message, or a delta of one."""

    content: Any = None
    refusal: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    tool_calls: list[_Call] | None = None
    function_call: _Function | None = None


class _Choice(msgspec.Struct):
    message: Message | None = None
    delta: Message | None = None
    finish_reason: Any = None
    index: Any = 0
    error: Any = None


class Document(msgspec.Struct):
    """A chat completion, or a chunk of one."""

    choices: list[_Choice] | None = None
    usage: Any = None
    model: Any = None
    id: Any = None
    system_fingerprint: Any = None
    service_tier: Any = None
    error: Any = None
    x_groq: Any = None


class _Dialect(NamedTuple):
    names: dict[str, str]
    stream_options: bool = True


_decoder = msgspec.json.Decoder(Document)


def _dialect(spec: ModelSpec) -> _Dialect:
    host = urlsplit(spec.base_url or "https://api.openai.com").hostname or ""
    newer = host == "api.openai.com" or host.endswith(".azure.com")
    length = "max_completion_tokens" if newer else "max_tokens"
    names = {"max_tokens": option(spec, "max_tokens_param", length)}
    if host.endswith("mistral.ai"):
        return _Dialect({**names, "seed": "random_seed"}, stream_options=False)
    return _Dialect(names)


def encode(request: Request, spec: ModelSpec) -> WireCall:
    """Return the call for one request."""
    dialect, mode = _dialect(spec), wanted_mode(request, WIRE.modes)
    params = wanted_params(request, spec)
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        **renamed(params, dialect.names),
    }
    if mode != "prompt":
        body["response_format"] = _response_format(request, spec, mode)
    if tools := functions(request):
        body["tools"] = [{"type": "function", "function": tool} for tool in tools]
    if request.stream:
        body["stream"] = True
        if option(spec, "include_usage", dialect.stream_options):
            body["stream_options"] = {"include_usage": True}
    return call("/chat/completions", body, spec, (params, mode))


def _response_format(request: Request, spec: ModelSpec, mode: str) -> dict[str, Any]:
    if mode == "json_object":
        return {"type": "json_object"}
    schema = request.output.schema
    strict = bool(option(spec, "strict_schema", True)) and strict_compatible(schema)
    named = {"name": schema_name(request.suite), "strict": strict, "schema": schema}
    return {"type": "json_schema", "json_schema": named}


def interpret(document: Document) -> Completion:
    """Return the completion that a document holds.

    Raises:
        ProviderError: `bad_body` without a message; another kind where it reports a failure.
    """
    if document.error:
        raise reported({"error": document.error})
    choice = document.choices[0] if document.choices else None
    if choice is not None and choice.error:
        raise reported({"error": choice.error})
    message = choice.message if choice else None
    if choice is None or message is None:
        bad_body("there is no choices[0].message")
    text, thought, declined = _contents(message.content)
    calls = _calls(message)
    refusal = text_of(message.refusal) or declined
    if refusal is None and choice.finish_reason == "content_filter":
        refusal = "content_filter"
    return Completion(
        text=text,
        tool_calls=calls,
        reasoning=text_of(message.reasoning_content) or text_of(message.reasoning) or thought,
        refusal=refusal,
        finish_reason=finish(choice.finish_reason, FINISH),
        finish_reason_raw=text_of(choice.finish_reason),
        usage=_usage(document.usage),
        model_returned=text_of(document.model),
        system_fingerprint=text_of(document.system_fingerprint),
        service_tier=text_of(document.service_tier),
        request_id=text_of(document.id),
    )


def _contents(content: object) -> tuple[str, str | None, str | None]:
    """Return the text, the reasoning and the refusal of a content: a string or a list of parts."""
    if isinstance(content, str):
        return content, None, None
    found: dict[str, list[str]] = {"text": [], "thinking": [], "refusal": []}
    for part in content if isinstance(content, list) else ():
        for kind, pieces in found.items():
            value = mapping(part).get(kind)
            value = _contents(value)[0] if isinstance(value, list) else value
            if isinstance(value, str):
                pieces.append(value)
    text, thought, declined = ("".join(pieces) for pieces in found.values())
    return text, thought or None, declined or None


def _calls(message: Message) -> tuple[ToolCall, ...]:
    asked = [(c.id, c.function) for c in message.tool_calls or () if c.function is not None]
    if not asked and message.function_call is not None:
        asked = [(None, message.function_call)]
    return tuple(
        ToolCall(
            name=text_of(function.name) or "",
            arguments=arguments_text(function.arguments),
            id=text_of(identifier),
        )
        for identifier, function in asked
    )


def _usage(value: object) -> Usage | None:
    usage = mapping(value)
    if not usage:
        return None
    prompt, completion = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    details = mapping(usage.get("prompt_tokens_details"))
    reasoning = count(mapping(usage.get("completion_tokens_details")).get("reasoning_tokens"))
    all_tokens = count(usage.get("total_tokens"))
    if reasoning and None not in (prompt, completion, all_tokens):
        left_out = all_tokens == prompt + completion + reasoning  # type: ignore[operator]
        completion = completion + reasoning if left_out else completion  # type: ignore[operator]
    cached = count(details.get("cached_tokens"))
    return Usage(
        input=prompt,
        output=completion,
        cache_read=count(usage.get("prompt_cache_hit_tokens")) if cached is None else cached,
        cache_write=count(details.get("cache_write_tokens")),
        reasoning=reasoning,
    )


class Stream:
    """Gathers chunks into the document of a whole chat completion."""

    def __init__(self) -> None:
        self.started = False
        self.finished = False
        self._whole = Document()
        self._reason: str | None = None
        self._pieces: dict[str, list[str]] = {"content": [], "refusal": [], "reasoning": []}
        self._calls: dict[str, _Call] = {}

    def feed(self, event: SseEvent) -> None:
        """Take one event; see `Fold.feed`."""
        if event.data == b"[DONE]":
            self.finished = True
            return
        chunk: Document = parse(event.data, _decoder)
        if chunk.error:
            raise reported({"error": chunk.error})
        self._note(chunk)
        for choice in chunk.choices or ():
            if choice.index in (0, None):
                self._add(choice)

    def document(self) -> Document:
        """Return the whole; see `Fold.document`."""
        joined: dict[str, Any] = {name: "".join(pieces) for name, pieces in self._pieces.items()}
        message = Message(**joined, tool_calls=list(self._calls.values()))
        self._whole.choices = [_Choice(message=message, finish_reason=self._reason)]
        return self._whole

    def _note(self, chunk: Document) -> None:
        whole = self._whole
        whole.usage = chunk.usage or mapping(chunk.x_groq).get("usage") or whole.usage
        whole.model = chunk.model or whole.model
        whole.id = chunk.id or whole.id
        whole.system_fingerprint = chunk.system_fingerprint or whole.system_fingerprint
        whole.service_tier = chunk.service_tier or whole.service_tier

    def _add(self, choice: _Choice) -> None:
        if choice.error:
            raise reported({"error": choice.error})
        if reason := text_of(choice.finish_reason):
            self._reason = reason
            self.finished = True
        delta = choice.delta or choice.message
        if delta is not None:
            text, thought, declined = _contents(delta.content)
            thought = text_of(delta.reasoning_content) or text_of(delta.reasoning) or thought
            self._take("content", text)
            self._take("reasoning", thought)
            self._take("refusal", text_of(delta.refusal) or declined)
            self._merge_calls(delta)

    def _take(self, name: str, piece: str | None) -> None:
        if piece:
            self._pieces[name].append(piece)
            self.started = True

    def _merge_calls(self, delta: Message) -> None:
        older = [_Call(index="function_call", function=delta.function_call)]
        for piece in delta.tool_calls or (older if delta.function_call else ()):
            whole = self._calls.setdefault(
                self._key(piece), _Call(function=_Function(arguments=""))
            )
            whole.id = whole.id or piece.id
            if piece.function is not None and whole.function is not None:
                whole.function.name = whole.function.name or piece.function.name
                whole.function.arguments += arguments_text(piece.function.arguments)
            self.started = True

    def _key(self, piece: _Call) -> str:
        """Return which call a piece belongs to: by index, else by id, else the latest."""
        if piece.index is not None:
            return str(piece.index)
        return text_of(piece.id) or next(reversed(self._calls), "0")


def _auth_headers(key: str, spec: ModelSpec) -> dict[str, str]:
    host = urlsplit(spec.base_url or "").hostname or ""
    if host.endswith(".azure.com"):
        return {"api-key": key}
    return bearer(key, spec)


WIRE = Wire(
    name="openai_chat",
    modes=("prompt", "json_object", "json_schema"),
    base_url="https://api.openai.com/v1",
    version_path="",
    encode=encode,
    decoder=_decoder,
    interpret=interpret,
    fold=Stream,
    auth_headers=_auth_headers,
)


def adapter(spec: ModelSpec) -> Adapter:
    """Return the adapter of one model on this wire."""
    return HttpAdapter(WIRE, spec)
