"""What every remote wire shares: its shape, and the pure steps between bytes and a Completion.

A wire is two pure functions and a fold: `encode` turns a Request into a WireCall, `interpret`
turns the decoded document of an answer into a Completion, and a `Fold` gathers the events of a
streamed answer into the document that the unstreamed one would have been. So a streamed and an
unstreamed answer are read by the same code. Nothing here does I/O or knows a vendor.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn, Protocol
from urllib.parse import urlsplit

import msgspec

from evalkit.core.errors import ProviderError
from evalkit.core.ports import ModelSpec, WireCall, WireResponse
from evalkit.core.records import (
    MODES,
    Completion,
    FinishReason,
    Mode,
    Request,
    ToolCall,
    canonical_json,
    without_lone_surrogates,
)
from evalkit.providers.sse import SseEvent, SseParser

BODY_KEPT = 64 * 1024  # bytes of an unreadable answer that go to the journal
LENGTH_PARAMS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_QUOTA_PREFIXES = ("x-ratelimit-", "ratelimit", "anthropic-ratelimit-", "retry-after", "x-ms-rate")
_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "apim-request-id", "x-amzn-requestid")
_UNSTRICT = frozenset(
    {"allOf", "oneOf", "not", "if", "then", "else", "patternProperties", "propertyNames"}
    | {"dependentRequired", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems"}
    | {"prefixItems", "contains"}
)

# A suite has one schema and asks with it thousands of times: walking it costs more than all the
# rest of an encoding. Each entry holds its schema, so an id cannot come to mean another one.
_judged: dict[int, tuple[dict[str, Any], bool]] = {}
_MOST_JUDGED = 256


class Fold(Protocol):
    """Gathers the events of one streamed answer.

    Attributes:
        started: The first non-empty content (text, reasoning, refusal, tool call) has come.
        finished: The answer is whole: its terminal event has come.
    """

    started: bool
    finished: bool

    def feed(self, event: SseEvent) -> None:
        """Take one event.

        Raises:
            ProviderError: If it cannot be read, or is the provider's report of a failure.
        """
        ...

    def document(self) -> Any:
        """Return the document of the whole answer, as `interpret` takes it."""
        ...


@dataclass(frozen=True, slots=True)
class Wire:
    """One vendor's protocol as pure functions.

    Attributes:
        modes: The structured modes that can be asked for on this wire.
        base_url: Where calls go when the catalogue names no address.
        version_path: Appended to a base address that holds no version, such as `/v1`.
        encode: Request → path, body, headers; and the parameters and mode that go out.
        decoder: Reads an unstreamed body into the wire's document type.
        interpret: Document → Completion, without what only the headers and clock know.
        fold: Makes a Fold for one streamed answer.
        auth_headers: The headers that carry a key.
    """

    name: str
    modes: tuple[str, ...]
    base_url: str
    version_path: str
    encode: Callable[[Request, ModelSpec], WireCall]
    decoder: msgspec.json.Decoder[Any]
    interpret: Callable[[Any], Completion]
    fold: Callable[[], Fold]
    auth_headers: Callable[[str, ModelSpec], dict[str, str]]

    def base_of(self, spec: ModelSpec) -> str:
        """Return the address, its version included, under which this model's calls go."""
        base = (spec.base_url or self.base_url).rstrip("/")
        if self.version_path and not re.search(r"/v\d\w*(/|$)", urlsplit(base).path):
            base += self.version_path
        return base


class StreamDecoder:
    """Turns the bytes of one event stream into a Completion; no I/O.

    Attributes:
        started_ms: When the first content came, on the caller's clock; None before.
        head: The first 64 KiB as received, for the journal.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._parser = SseParser()
        self._fold = wire.fold()
        self.started_ms: float | None = None
        self.head = bytearray()

    def feed(self, chunk: bytes, elapsed_ms: float = 0.0) -> None:
        """Take some bytes that came `elapsed_ms` after the request was sent.

        Raises:
            ProviderError: As `Fold.feed` does.
        """
        if len(self.head) < BODY_KEPT:
            self.head += chunk[: BODY_KEPT - len(self.head)]
        for event in self._parser.feed(chunk):
            self._fold.feed(event)
            if self.started_ms is None and self._fold.started:
                self.started_ms = elapsed_ms

    def completion(self, response: WireResponse) -> Completion:
        """Return the answer of a stream that has ended.

        Raises:
            ProviderError: `connection` if the stream ended before its terminal event.
        """
        self._flush()
        if not self._fold.finished:
            raise ProviderError("connection", "the stream ended before its terminal event")
        return stamped(self._wire.interpret(self._fold.document()), response, self.started_ms)

    def _flush(self) -> None:
        for event in self._parser.flush():
            try:
                self._fold.feed(event)
            except ProviderError as error:
                if error.kind != "bad_body":  # half an event at a cut is a cut, not a bad body
                    raise


def decode(wire: Wire, response: WireResponse) -> Completion:
    """Return the Completion of an unstreamed answer with status 200.

    Raises:
        ProviderError: `bad_body` where the body is no JSON of the wire's shape; another kind
            where it is the provider's report of a failure under status 200.
    """
    return stamped(wire.interpret(parse(response.body, wire.decoder)), response)


def stamped(
    completion: Completion, response: WireResponse, ttft_ms: float | None = None
) -> Completion:
    """Return a completion with what headers and clock know, and with storable text throughout."""
    return msgspec.structs.replace(
        completion,
        text=without_lone_surrogates(completion.text),
        tool_calls=tuple(_storable(call) for call in completion.tool_calls),
        reasoning=_clean(completion.reasoning),
        refusal=_clean(completion.refusal),
        finish_reason_raw=_clean(completion.finish_reason_raw),
        model_returned=_clean(completion.model_returned),
        system_fingerprint=_clean(completion.system_fingerprint),
        service_tier=_clean(completion.service_tier),
        request_id=_clean(request_id(response.headers) or completion.request_id),
        http_status=response.status,
        ttft_ms=ttft_ms,
        service_ms=response.service_ms,
        quota=quota(response.headers),
    )


def _storable(call: ToolCall) -> ToolCall:
    name, arguments = without_lone_surrogates(call.name), without_lone_surrogates(call.arguments)
    return ToolCall(name=name, arguments=arguments, id=_clean(call.id))


def _clean(value: str | None) -> str | None:
    return None if value is None else without_lone_surrogates(value)


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the server's id of a request from its headers (lower-case names)."""
    for name in _REQUEST_ID_HEADERS:
        if name in headers:
            return without_lone_surrogates(headers[name])
    return None


def quota(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that speak of quotas and waiting (lower-case names)."""
    return {
        name: without_lone_surrogates(value)
        for name, value in headers.items()
        if name.startswith(_QUOTA_PREFIXES)
    }


# ------------------------------------------------------------------- reading


def bad_body(problem: str) -> NoReturn:
    """Raise the failure of an answer that came whole but cannot be read."""
    raise ProviderError("bad_body", f"the answer cannot be read: {problem}")


def parse(body: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    """Decode JSON into the decoder's type.

    Lone surrogates, which msgspec refuses and some servers send, survive until the text is whole:
    two halves of a pair may come in two events.

    Raises:
        ProviderError: `bad_body`.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        bad_body(str(error))
    except (ValueError, RecursionError):
        return _parse_slowly(body, decoder.type)


def _parse_slowly(body: bytes, target: type[Any]) -> Any:
    try:
        value = json.loads(body, parse_constant=_no_constant)
        return msgspec.convert(value, target)
    except (ValueError, RecursionError) as error:
        bad_body(f"{type(error).__name__}: {error}")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def mapping(value: object) -> dict[str, Any]:
    """Return a decoded value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def text_of(value: object) -> str | None:
    """Return a decoded value if it is a non-empty text, else None."""
    return value if isinstance(value, str) and value else None


def count(value: object) -> int | None:
    """Return a token count; None for whatever is not one: no data is never 0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        return None
    return value


def total(*parts: int | None) -> int | None:
    """Return the sum of the counts that are known, None where none is."""
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def arguments_text(value: object) -> str:
    """Return tool arguments as text: a string as it came, anything else as canonical JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return canonical_json(value).decode()
    except UnicodeEncodeError:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def finish(raw: object, words: Mapping[str, FinishReason]) -> FinishReason | None:
    """Return the normalised finish reason of a provider's word; None where it said none."""
    word = text_of(raw)
    return None if word is None else words.get(word, "other")


# ------------------------------------------------------------------- writing


def wanted_mode(request: Request, modes: tuple[str, ...]) -> Mode:
    """Return the structured mode that can really go out for a request.

    Only JSON answers are constrained: labels and texts are plain text. A schema mode without a
    schema asks for any JSON; a mode that the wire lacks falls back to the next weaker one.
    """
    if request.output.format != "json" or request.mode is None:
        return "prompt"
    rank = MODES.index(request.mode)
    if request.mode == "json_schema" and request.output.schema is None:
        rank -= 1
    return next(mode for mode in reversed(MODES[: rank + 1]) if mode in modes)


def wanted_params(request: Request, spec: ModelSpec) -> dict[str, Any]:
    """Return the parameters to send under the suite's names, the length limit as `max_tokens`.

    Left out: what the catalogue says the model does not take, and what is None.
    """
    params = {
        name: value
        for name, value in request.params.items()
        if value is not None and name not in spec.unsupported_params
    }
    for name in LENGTH_PARAMS[1:]:
        if name in params:
            params.setdefault("max_tokens", params[name])
            del params[name]
    return params


def bearer(key: str, spec: ModelSpec) -> dict[str, str]:
    """Return the headers of OpenAI and those who imitate it."""
    headers = {"Authorization": f"Bearer {key}"}
    if organization := option(spec, "organization"):
        headers["OpenAI-Organization"] = str(organization)
    return headers


def option(spec: ModelSpec, name: str, default: Any = None) -> Any:
    """Return an option of the model's entry, else of its provider's."""
    if name in spec.options:
        return spec.options[name]
    return spec.provider_options.get(name, default)


def without(params: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return parameters without those that the wire has no word for."""
    return {name: value for name, value in params.items() if name not in names}


def renamed(params: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return parameters under the wire's names."""
    return {names.get(name, name): value for name, value in params.items()}


def call(
    path: str, body: dict[str, Any], spec: ModelSpec, sent: tuple[dict[str, Any], str]
) -> WireCall:
    """Return the finished call: the catalogue's `extra_body` merged in, and recorded as sent.

    Args:
        path: Below the address of the API's version.
        body: The request's body.
        spec: The model's entry; `extra_body` (the model's over the provider's) and the provider's
            `headers` are read.
        sent: The parameters (under the suite's names) and the structured mode that go out.
    """
    general = mapping(spec.provider_options.get("extra_body"))
    extra = merged(general, mapping(spec.options.get("extra_body")))
    headers = {str(k): str(v) for k, v in mapping(spec.provider_options.get("headers")).items()}
    params, mode = sent
    return WireCall(path, merged(body, extra), headers, {**params, **extra}, mode)


def merged(body: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body with extra keys laid over it, mapping into mapping."""
    out = dict(body)
    for key, value in extra.items():
        inner = out.get(key)
        if isinstance(inner, dict) and isinstance(value, dict):
            value = merged(inner, value)
        out[key] = value
    return out


def body_bytes(body: dict[str, Any]) -> bytes:
    """Return a body as JSON bytes; lone surrogates in a prompt go out as U+FFFD."""
    try:
        return msgspec.json.encode(body)
    except (UnicodeEncodeError, OverflowError):
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        return without_lone_surrogates(text).encode()


def functions(request: Request) -> list[dict[str, Any]]:
    """Return the suite's tools, given in the OpenAI function form, as bare functions."""
    if request.output.format != "tool_calls":
        return []
    return [mapping(tool.get("function")) or dict(tool) for tool in request.output.tools]


@lru_cache(maxsize=256)
def schema_name(suite: str) -> str:
    """Return a suite's name as vendors allow names of schemas."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", suite)[:64] or "output"


def strict_compatible(schema: object) -> bool:
    """Tell whether a schema meets the rules of strict structured output.

    Every object closed (`additionalProperties: false`) and with all properties required; no
    keyword that strict mode refuses.

    Source: https://developers.openai.com/api/docs/guides/structured-outputs (supported schemas)
    """
    if not isinstance(schema, dict):
        return False
    known = _judged.get(id(schema))
    if known is None or known[0] is not schema:
        if len(_judged) >= _MOST_JUDGED:
            _judged.clear()
        known = schema, schema.get("type") == "object" and _strict(schema)
        _judged[id(schema)] = known
    return known[1]


def _strict(schema: object) -> bool:
    if isinstance(schema, bool):
        return False
    if not isinstance(schema, dict):
        return True
    if not _UNSTRICT.isdisjoint(schema):
        return False
    properties = mapping(schema.get("properties"))
    is_object = "properties" in schema or "object" in _types(schema)
    if is_object and schema.get("additionalProperties") is not False:
        return False
    if is_object and set(schema.get("required", ())) != set(properties):
        return False
    inner = [*properties.values(), schema.get("items"), *_list(schema.get("anyOf"))]
    inner += [*mapping(schema.get("$defs")).values(), *mapping(schema.get("definitions")).values()]
    return all(_strict(part) for part in inner)


def _types(schema: dict[str, Any]) -> list[Any]:
    kind = schema.get("type")
    return kind if isinstance(kind, list) else [kind]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
