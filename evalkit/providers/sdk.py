"""Moves the bytes of one call through a vendor's SDK: Azure, Bedrock, Vertex, or by choice.

Only the SDK's low-level `post` with the raw answer is used, with `max_retries=0`: a hidden retry
would falsify latency and cost, and the wire decodes what the SDK would. Sending, signing and
token refresh are the SDK's. Times are longer than over bare HTTP by what the SDK itself takes
(about 1 ms CPU). This module knows which client belongs to which cloud, and no body's meaning.
SDKs are imported on first use: 0.7-1.4 s.

`sdk` of a provider: `kind` (openai | azure | anthropic | bedrock | vertex), and for the clouds
`api_version`, `endpoint_env`, `region` or `region_env`, `endpoint: runtime` (Bedrock's
InvokeModel in place of its Messages endpoint), `project` or `project_env`, `location` or
`location_env`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from time import perf_counter
from types import ModuleType
from typing import Any, NamedTuple

import msgspec

from evalkit.core.errors import ConfigError, ProviderError
from evalkit.core.ports import ModelSpec, WireCall, WireResponse
from evalkit.providers.transport import (
    HttpTransport,
    Sink,
    Transport,
    elapsed_ms,
    is_event_stream,
    noted,
    timed_out,
)
from evalkit.providers.wire import Wire, body_bytes, mapping

_RAW = {"X-Stainless-Raw-Response": "stream"}
_OLD_VERSIONS = {"bedrock": "bedrock-2023-05-31", "vertex": "vertex-2023-10-16"}
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class _Client(NamedTuple):
    """An SDK's client, its module (for its exceptions), and what precedes the wire's paths."""

    client: Any
    module: ModuleType
    prefix: str = ""
    version_in_body: str | None = None


def sdk_transport(wire: Wire, spec: ModelSpec, key: str | None) -> Transport:
    """Return the transport that the provider's `sdk` entry asks for.

    Raises:
        ConfigError: If kind and wire do not fit, something that the kind needs is missing, or
            the SDK is not installed or refuses its arguments.
    """
    options = mapping(spec.provider_options.get("sdk"))
    kind = str(options.get("kind", "anthropic" if wire.name == "anthropic_messages" else "openai"))
    makers = {maker[1]: _MAKERS[maker] for maker in _MAKERS if maker[0] == wire.name}
    if kind not in makers:
        raise ConfigError(
            f"{spec.provider}: no SDK of this kind for wire {wire.name!r}, got {kind!r}; "
            f"allowed: {', '.join(sorted(makers))}"
        )
    try:
        return makers[kind](spec, options, key)
    except ImportError as error:
        raise ConfigError(
            f"{spec.provider}: sdk kind {kind!r} needs a package, got {error}"
        ) from error


# ------------------------------------------------------------------- the clients


def _openai(spec: ModelSpec, options: dict[str, Any], key: str | None) -> Transport:
    import openai

    base = spec.base_url or "https://api.openai.com/v1"
    client = openai.AsyncOpenAI(api_key=key or "none", base_url=base, **_common(spec))
    return SdkTransport(spec, _Client(client, openai))


def _azure(spec: ModelSpec, options: dict[str, Any], key: str | None) -> Transport:
    import openai

    endpoint = spec.base_url or _named(spec, options, "endpoint")
    version = str(options.get("api_version", "v1"))
    if version == "v1":  # the undated API is OpenAI's own below /openai/v1
        base = f"{endpoint.rstrip('/').removesuffix('/openai/v1')}/openai/v1"
        client = openai.AsyncOpenAI(
            api_key=key or _named(spec, options, "token"), base_url=base, **_common(spec)
        )
        return SdkTransport(spec, _Client(client, openai))
    azure = _made(
        spec,
        openai.OpenAIError,
        lambda: openai.AsyncAzureOpenAI(
            azure_endpoint=endpoint, api_version=version, api_key=key, **_common(spec)
        ),
    )
    return SdkTransport(spec, _Client(azure, openai))


def _anthropic(spec: ModelSpec, options: dict[str, Any], key: str | None) -> Transport:
    import anthropic

    base = (spec.base_url or "https://api.anthropic.com").rstrip("/").removesuffix("/v1")
    client = _made(
        spec,
        anthropic.AnthropicError,
        lambda: anthropic.AsyncAnthropic(api_key=key, base_url=base, **_common(spec)),
    )
    return SdkTransport(spec, _Client(client, anthropic, "/v1"))


def _bedrock(spec: ModelSpec, options: dict[str, Any], key: str | None) -> Transport:
    import anthropic

    runtime = options.get("endpoint") == "runtime"
    maker: Any = (
        anthropic.AsyncAnthropicBedrock if runtime else anthropic.AsyncAnthropicBedrockMantle
    )
    region = _named(spec, options, "region")
    client = _made(
        spec,
        anthropic.AnthropicError,
        lambda: maker(api_key=key, aws_region=region, base_url=spec.base_url, **_common(spec)),
    )
    version = "bedrock" if runtime else None
    return SdkTransport(spec, _Client(client, anthropic, "/v1", version))


def _vertex_claude(spec: ModelSpec, options: dict[str, Any], key: str | None) -> Transport:
    import anthropic

    project, location = _named(spec, options, "project"), _named(spec, options, "location")
    client = _made(
        spec,
        anthropic.AnthropicError,
        lambda: anthropic.AsyncAnthropicVertex(
            project_id=project,
            region=location,
            access_token=key,
            base_url=spec.base_url,
            **_common(spec),
        ),
    )
    return SdkTransport(spec, _Client(client, anthropic, "/v1", "vertex"))


def _vertex_gemini(spec: ModelSpec, options: dict[str, Any], key: str | None) -> Transport:
    project, location = _named(spec, options, "project"), _named(spec, options, "location")
    base = spec.base_url or f"https://{_vertex_host(location)}/v1"
    below = f"/projects/{project}/locations/{location}/publishers/google"
    return GoogleTransport(HttpTransport(spec, base.rstrip("/") + below, {}), key)


def _vertex_host(location: str) -> str:
    if location == "global":
        return "aiplatform.googleapis.com"
    if location in ("us", "eu"):
        return f"aiplatform.{location}.rep.googleapis.com"
    return f"{location}-aiplatform.googleapis.com"


_MAKERS: dict[tuple[str, str], Callable[[ModelSpec, dict[str, Any], str | None], Transport]] = {
    ("openai_chat", "openai"): _openai,
    ("openai_chat", "azure"): _azure,
    ("openai_responses", "openai"): _openai,
    ("openai_responses", "azure"): _azure,
    ("anthropic_messages", "anthropic"): _anthropic,
    ("anthropic_messages", "bedrock"): _bedrock,
    ("anthropic_messages", "vertex"): _vertex_claude,
    ("gemini", "vertex"): _vertex_gemini,
}


def _common(spec: ModelSpec) -> dict[str, Any]:
    return {"max_retries": 0, "timeout": spec.timeout_s}


def _made(spec: ModelSpec, refused: type[Exception], make: Callable[[], Any]) -> Any:
    try:
        return make()
    except (refused, ValueError, TypeError) as error:
        raise ConfigError(f"{spec.provider}: the SDK refuses its configuration: {error}") from error


def _named(spec: ModelSpec, options: dict[str, Any], name: str) -> str:
    """Return an option given as itself or as the name of an environment variable."""
    variable = options.get(f"{name}_env")
    value = options.get(name) or (os.environ.get(str(variable)) if variable else None)
    if not value:
        missing = f"{variable} is not set" if variable else f"there is no {name} or {name}_env"
        raise ConfigError(f"{spec.provider}: {missing}; this SDK needs its {name}")
    return str(value)


# ------------------------------------------------------------------- the transports


class SdkTransport:
    """One SDK client; made for one model, used by all its calls."""

    def __init__(self, spec: ModelSpec, client: _Client) -> None:
        self._spec = spec
        self._sdk = client

    async def send(self, call: WireCall, sink: Sink | None = None) -> WireResponse:
        """Send one call; see `Transport.send`."""
        import httpx2

        sdk, started = self._sdk.module, perf_counter()
        try:
            async with asyncio.timeout(self._spec.timeout_s):
                return await self._sent(call, sink, started)
        except sdk.APIStatusError as error:
            reply = error.response
            return WireResponse(
                reply.status_code, _lowered(reply), reply.content, elapsed_ms(started)
            )
        except (TimeoutError, sdk.APITimeoutError, httpx2.TimeoutException) as error:
            raise timed_out(self._spec) from error
        except (sdk.APIConnectionError, httpx2.HTTPError) as error:
            cause = error.__cause__ or error
            message = f"the connection broke, got {type(cause).__name__}: {str(cause)[:300]}"
            broken = ProviderError("connection", message)
            raise noted(broken, None, {}, elapsed_ms(started)) from error

    async def close(self) -> None:
        """Close the client's connections."""
        await self._sdk.client.close()

    async def _sent(self, call: WireCall, sink: Sink | None, started: float) -> WireResponse:
        import httpx2

        reply = await self._sdk.client.post(
            self._sdk.prefix + call.path,
            cast_to=httpx2.Response,
            body=self._body(call),
            options={"headers": {**call.headers, **_RAW}},
        )
        headers = _lowered(reply)
        try:
            if sink is None or not is_event_stream(reply.status_code, headers):
                body = await reply.aread()
            else:
                body = b""
                async for chunk in self._events(reply, headers):
                    sink(chunk, elapsed_ms(started))
        except ProviderError as error:
            raise noted(error, reply.status_code, headers, elapsed_ms(started)) from error
        finally:
            await reply.aclose()
        return WireResponse(reply.status_code, headers, body, elapsed_ms(started))

    def _body(self, call: WireCall) -> dict[str, Any]:
        body: dict[str, Any] = msgspec.json.decode(body_bytes(call.body))  # storable text, a copy
        if self._sdk.version_in_body:
            asked = call.headers.get("anthropic-version", "")
            old = _OLD_VERSIONS[self._sdk.version_in_body]
            body.setdefault("anthropic_version", old if asked.startswith("2023") else asked)
        return body

    async def _events(self, reply: Any, headers: dict[str, str]) -> AsyncIterator[bytes]:
        if "amazon.eventstream" not in headers.get("content-type", ""):
            async for chunk in reply.aiter_bytes():
                yield chunk
            return
        decoder = self._sdk.client._make_sse_decoder()
        async for event in decoder.aiter_bytes(reply.aiter_bytes()):
            yield f"event: {event.event}\ndata: {event.data}\n\n".encode()


class GoogleTransport:
    """Our own HTTP with a token of google-auth: what the vendor's SDK does for Vertex.

    Args:
        http: Carries the calls.
        token: A token given by name in the catalogue; without it application default
            credentials are read and refreshed.
    """

    def __init__(self, http: HttpTransport, token: str | None) -> None:
        self._http = http
        self._given = token
        self._credentials: Any = None

    async def send(self, call: WireCall, sink: Sink | None = None) -> WireResponse:
        """Send one call; see `Transport.send`. Getting a token is no part of its time."""
        token = self._given or await asyncio.to_thread(self._fresh_token)
        headers = {**call.headers, "Authorization": f"Bearer {token}"}
        return await self._http.send(call._replace(headers=headers), sink)

    async def close(self) -> None:
        """Close the pool."""
        await self._http.close()

    def _fresh_token(self) -> str:
        import google.auth
        import google.auth.exceptions
        from google.auth.transport.requests import Request

        try:
            if self._credentials is None:
                self._credentials, _ = google.auth.default(scopes=[_SCOPE])
            if not self._credentials.valid:
                self._credentials.refresh(Request())
        except google.auth.exceptions.GoogleAuthError as error:
            raise ProviderError("auth", f"no Google credentials, got {error}") from error
        return str(self._credentials.token)


def _lowered(reply: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in reply.headers.items()}
