"""A contestant behind a remote API: one wire joined with one transport.

It opens the transport that the catalogue asks for, turns every failure into a ProviderError that
carries what was sent, and sees to it that a key stands in none. It knows no vendor's format.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from urllib.parse import quote

import msgspec

from evalkit.core.errors import ConfigError, ProviderError
from evalkit.core.ports import ModelSpec, SuiteView, WireCall, WireResponse
from evalkit.core.records import Completion, Request, ToolCall, without_lone_surrogates
from evalkit.providers.failures import failure, filtered
from evalkit.providers.transport import HttpTransport, Transport, noted
from evalkit.providers.wire import BODY_KEPT, StreamDecoder, Wire, decode, mapping

REDACTED = "[redacted]"
_SHORTEST_SECRET = 4  # shorter values would cut holes into honest text
_SECRET_NAME = re.compile(r"auth|key|token|secret|cookie|password", re.IGNORECASE)


class HttpAdapter:
    """One model on one remote wire.

    Attributes:
        identity: Empty: what decides a remote answer stands in the request.
        modes: The structured modes that the wire can ask for.
    """

    def __init__(self, wire: Wire, spec: ModelSpec) -> None:
        self.identity = ""
        self.modes = wire.modes
        self.wire = wire
        self.spec = spec
        self._where = f"{spec.provider}:{spec.name}"
        self._secrets: tuple[str, ...] = ()
        self._transport: Transport | None = None

    async def open(self, suite: SuiteView) -> None:
        """Read the key and make the transport; nothing is sent.

        Raises:
            ConfigError: If the key's variable is not set or the address is no address.
        """
        transport = self._transport or self._ready()
        if isinstance(transport, HttpTransport):
            await transport.prepare()

    async def complete(self, request: Request) -> Completion:
        """Answer one request; one try.

        Raises:
            ProviderError: If no completion came.
        """
        transport = self._transport or self._ready()
        call = self.wire.encode(request, self.spec)
        decoder = StreamDecoder(self.wire) if request.stream else None
        try:
            response = await transport.send(call, decoder.feed if decoder else None)
            completion = self._completion(response, decoder)
        except ProviderError as error:
            raise self._told(error, call, decoder) from None
        return self._safe(completion, call)

    async def close(self) -> None:
        """Close the transport."""
        if self._transport is not None:
            await self._transport.close()
            self._transport = None

    def _ready(self) -> Transport:
        spec = self.spec
        key = _key(spec)
        headers = mapping(spec.provider_options.get("headers"))
        named = [str(value) for name, value in headers.items() if _SECRET_NAME.search(name)]
        self._secrets = _forms([key or "", *named])
        if spec.client == "sdk":
            from evalkit.providers.sdk import sdk_transport

            self._transport = sdk_transport(self.wire, spec, key)
        else:
            sent = self.wire.auth_headers(key, spec) if key else {}
            self._transport = HttpTransport(spec, self.wire.base_of(spec), sent)
        return self._transport

    def _completion(self, response: WireResponse, decoder: StreamDecoder | None) -> Completion:
        if not 200 <= response.status < 300:
            refusal = filtered(response)
            if refusal is None:
                raise failure(response)
            return refusal
        try:
            if decoder is not None and not response.body:
                return decoder.completion(response)
            return decode(self.wire, response)
        except ProviderError as error:
            if response.body:
                error.body = response.body[:BODY_KEPT].decode("utf-8", "replace")
            raise noted(error, response.status, response.headers, response.service_ms) from None

    def _safe(self, completion: Completion, call: WireCall) -> Completion:
        completion = msgspec.structs.replace(
            completion, params_sent=call.params_sent, mode_sent=call.mode_sent
        )
        return self._without_secrets(completion) if self._repeats_secret(completion) else completion

    def _repeats_secret(self, completion: Completion) -> bool:
        if not self._secrets:
            return False
        texts = [completion.text, completion.reasoning or "", completion.refusal or ""]
        texts += [completion.model_returned or "", completion.request_id or ""]
        texts += [f"{c.name} {c.arguments} {c.id or ''}" for c in completion.tool_calls]
        texts.append(completion.finish_reason_raw or "")
        texts += completion.quota.values()
        return any(secret in text for secret in self._secrets for text in texts)

    def _without_secrets(self, completion: Completion) -> Completion:
        """Return an answer that repeats a key without the key."""
        calls = tuple(
            ToolCall(
                name=self._hidden(c.name),
                arguments=self._hidden(c.arguments),
                id=c.id and self._hidden(c.id),
            )
            for c in completion.tool_calls
        )
        values = {name: getattr(completion, name) for name in _TEXTS}
        hidden = {name: value and self._hidden(value) for name, value in values.items()}
        quota = {name: self._hidden(value) for name, value in completion.quota.items()}
        return msgspec.structs.replace(completion, **hidden, tool_calls=calls, quota=quota)

    def _told(
        self, error: ProviderError, call: WireCall, decoder: StreamDecoder | None
    ) -> ProviderError:
        """Return a failure that says whose it is, what was sent, and no key."""
        if error.body is None and decoder is not None and decoder.head:
            error.body = decoder.head.decode("utf-8", "replace")
        if error.body is not None:
            error.body = without_lone_surrogates(self._hidden(error.body))
        hint = _HINTS.get(error.kind, "")
        if error.kind == "auth" and self.spec.api_key_env:
            hint = f"; check {self.spec.api_key_env}"
        error.args = (without_lone_surrogates(self._hidden(f"{self._where}: {error}{hint}")),)
        error.request_id = error.request_id and self._hidden(error.request_id)
        error.quota = {name: self._hidden(value) for name, value in error.quota.items()}
        error.params_sent = dict(call.params_sent)
        return error

    def _hidden(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return text


_TEXTS = ("text", "reasoning", "refusal", "model_returned", "request_id", "finish_reason_raw")
_HINTS = {
    "not_found": "; check the model's name and base_url",
    "schema_rejected": "; the provider does not take this schema or mode: try structured: prompt",
    "context_length": "; shorten the prompt or choose a model with a longer context",
}


def _forms(values: Iterable[str]) -> tuple[str, ...]:
    """Return all spellings under which a server may repeat a secret, the longest first.

    As it is, without its scheme (`Bearer ...`), escaped as in a JSON text, in a JSON text inside
    one and in Python's notation, and quoted as in a URL.
    """
    forms: set[str] = set()
    for value in values:
        for secret in {value, value.strip().partition(" ")[2].strip()}:
            if len(secret) < _SHORTEST_SECRET:
                continue
            escaped = json.dumps(secret)[1:-1]
            forms |= {secret, escaped, escaped.replace("/", "\\/"), json.dumps(escaped)[1:-1]}
            forms |= {repr(secret)[1:-1], quote(secret), quote(secret, safe="")}
    return tuple(sorted(forms, key=len, reverse=True))


def _key(spec: ModelSpec) -> str | None:
    if spec.api_key_env is None:
        return None
    key = os.environ.get(spec.api_key_env, "").strip()
    if not key:
        raise ConfigError(f"{spec.api_key_env} is not set; provider {spec.provider!r} needs it")
    if not key.isascii() or not key.isprintable():
        raise ConfigError(
            f"{spec.api_key_env} holds characters that no HTTP header may; "
            f"provider {spec.provider!r} needs a key of printable ASCII"
        )
    return key
