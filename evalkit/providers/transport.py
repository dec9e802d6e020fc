"""Moves the bytes of one call over HTTP with aiohttp; no retry, no redirect, no cookie.

It knows addresses, time limits and what can break between two machines, and nothing of what the
bodies mean. aiohttp is imported on first use: that costs 0.2 s.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from evalkit.core.errors import ConfigError, ProviderError
from evalkit.core.ports import ModelSpec, WireCall, WireResponse
from evalkit.providers.wire import body_bytes, option, quota, request_id

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

Sink = Callable[[bytes, float], None]  # a piece of an event stream, milliseconds since sending


class Transport(Protocol):
    """Moves bytes there and back, once."""

    async def send(self, call: WireCall, sink: Sink | None = None) -> WireResponse:
        """Send one call and return its answer, whatever its status.

        Args:
            call: What the wire encoded.
            sink: Where the pieces of an event stream go as they come; the body is then empty.

        Raises:
            ProviderError: `timeout` or `connection`, or what the sink raises.
        """
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...


class HttpTransport:
    """One keep-alive pool to one address, made in the loop that first uses it.

    Args:
        spec: The model's entry: time limit, concurrency; option `trust_env` uses the
            environment's proxies.
        base_url: The address, its version included.
        headers: Sent with each call; they carry the key.
    """

    def __init__(self, spec: ModelSpec, base_url: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(
                f"{spec.provider}: base_url is no address, got {base_url!r}; "
                "it must begin with http:// or https:// and name a host"
            )
        self._spec = spec
        self._base_url = base_url
        self._headers = {"Content-Type": "application/json", **headers}
        self._urls: dict[str, URL] = {}
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._broken: tuple[type[Exception], ...] = (OSError,)

    async def send(self, call: WireCall, sink: Sink | None = None) -> WireResponse:
        """Send one call; see `Transport.send`.

        `service_ms` runs from the start of the call, connection set-up included where no idle
        connection was left, to the last byte of the answer.
        """
        session = await self._connected()
        data, url = body_bytes(call.body), self._url(call.path)
        headers: dict[str, str] = {}
        status: int | None = None
        started = perf_counter()
        try:
            async with session.post(
                url, data=data, headers=call.headers or None, allow_redirects=False
            ) as reply:
                headers = {name.lower(): value for name, value in reply.headers.items()}
                status = reply.status
                if sink is not None and is_event_stream(status, headers):
                    body = await _drained(reply, sink, started)
                else:
                    body = await reply.read()
        except TimeoutError as error:
            raise noted(timed_out(self._spec), status, headers, None) from error
        except self._broken as error:
            broken = _broken_by(error, answered=status is not None)
            raise noted(broken, status, headers, elapsed_ms(started)) from error
        except ProviderError as error:
            raise noted(error, status, headers, elapsed_ms(started)) from error
        return WireResponse(status, headers, body, elapsed_ms(started))

    async def close(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _url(self, path: str) -> URL:
        url = self._urls.get(path)
        if url is None:
            from yarl import URL

            url = self._urls[path] = URL(self._base_url + path, encoded=True)
        return url

    async def prepare(self) -> None:
        """Make the pool now: what importing the library takes is in no latency then."""
        await self._connected()

    async def _connected(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is not None and self._loop is loop and not self._session.closed:
            return self._session
        import aiohttp

        self._broken = (aiohttp.ClientError, OSError)
        self._loop = loop
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=max(self._spec.concurrency, 1)),
            timeout=aiohttp.ClientTimeout(total=self._spec.timeout_s),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=bool(option(self._spec, "trust_env", False)),
        )
        return self._session


async def _drained(reply: aiohttp.ClientResponse, sink: Sink, started: float) -> bytes:
    async for chunk in reply.content.iter_any():
        sink(chunk, elapsed_ms(started))
    return b""


def is_event_stream(status: int, headers: Mapping[str, str]) -> bool:
    """Tell whether an answer is a stream: a server may ignore the wish for one."""
    kind = headers.get("content-type", "")
    return status == 200 and not kind.startswith(("application/json", "text/html"))


def elapsed_ms(started: float) -> float:
    """Return milliseconds since a `perf_counter` reading."""
    return (perf_counter() - started) * 1000


def timed_out(spec: ModelSpec) -> ProviderError:
    """Return the failure of a call over its limit; its time is censored at the limit."""
    error = ProviderError("timeout", f"no whole answer within timeout_s = {spec.timeout_s:g}")
    error.service_ms = spec.timeout_s * 1000
    return error


def noted(
    error: ProviderError,
    status: int | None,
    headers: Mapping[str, str],
    service_ms: float | None,
) -> ProviderError:
    """Return a failure with what is known of its answer."""
    error.http_status = error.http_status if status is None else status
    error.request_id = error.request_id or request_id(headers)
    error.quota = quota(headers)
    error.service_ms = service_ms if error.service_ms is None else error.service_ms
    return error


def _broken_by(error: Exception, *, answered: bool) -> ProviderError:
    what = "the answer broke off" if answered else "no connection or no answer"
    host, port = getattr(error, "host", None), getattr(error, "port", None)
    if isinstance(host, str):
        told = f"no connection to {host}:{port}, got {_reason(error)[:300]!r}"
    else:
        told = f"{what}, got {type(error).__name__}: {str(error)[:300]}"
    return ProviderError("connection", told)


def _reason(error: Exception) -> str:
    """Return why the system made no connection, without the library's own words around it."""
    import socket
    import ssl

    cause = getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error
    number = getattr(cause, "errno", None)
    if number and not isinstance(cause, socket.gaierror | ssl.SSLError):
        return os.strerror(number)
    return str(getattr(cause, "strerror", None) or cause)
