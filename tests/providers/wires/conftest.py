"""What the wire tests share: requests, specs, one question to one adapter, a loopback server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evalkit.core.ports import ModelSpec, SuiteView, adapter_factory
from evalkit.core.records import Completion, Message, OutputSpec, Request

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"total": {"type": "number"}, "vendor": {"type": "string"}},
    "required": ["total", "vendor"],
    "additionalProperties": False,
}
TOOLS: tuple[dict[str, Any], ...] = (
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather in a city",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
                "additionalProperties": False,
            },
        },
    },
)
MESSAGES = (
    Message(role="system", content="You read invoices."),
    Message(role="user", content="What is the total?"),
)
OUTPUTS = {
    "text": OutputSpec(format="text"),
    "label": OutputSpec(format="label", labels=("a", "b"), schema=SCHEMA),
    "json": OutputSpec(format="json", schema=SCHEMA),
    "tool_calls": OutputSpec(format="tool_calls", tools=TOOLS),
}


def make_request(output: str | OutputSpec = "text", **changes: Any) -> Request:
    spec = OUTPUTS[output] if isinstance(output, str) else output
    given: dict[str, Any] = {
        "suite": "invoices",
        "sample_id": "s1",
        "arm": "p:m",
        "repeat": 1,
        "provider": "p",
        "model": "the-model",
        "messages": MESSAGES,
        "output": spec,
        "mode": "prompt",
        "params": {"temperature": 0, "max_tokens": 64},
    }
    return Request(**{**given, **changes})


def make_spec(wire: str, base_url: str | None = None, **changes: Any) -> ModelSpec:
    given: dict[str, Any] = {
        "provider": "p",
        "name": "m",
        "wire": wire,
        "wire_name": "the-model",
        "base_url": base_url,
        "timeout_s": 20.0,
    }
    return ModelSpec(**{**given, **changes})


async def ask(spec: ModelSpec, request: Request) -> Completion:
    """One question to a fresh adapter, which is closed whatever happens."""
    adapter = adapter_factory(spec.wire, "test")(spec)
    await adapter.open(SuiteView(name="invoices", folder=Path(), output=request.output))
    try:
        return await adapter.complete(request)
    finally:
        await adapter.close()


class Heard:
    """One request as the loopback server heard it."""

    def __init__(self, line: str, headers: dict[str, str], body: bytes) -> None:
        self.method, self.path, _ = line.split(" ", 2)
        self.headers = headers
        self.raw = body

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


Script = Callable[[Heard, asyncio.StreamWriter], Awaitable[None] | None]


class Loopback:
    """A server on 127.0.0.1 whose bytes a test writes itself."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.heard: list[Heard] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not reader.at_eof() and not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                pairs = (line.split(": ", 1) for line in head[1:] if line)
                headers = {name.lower(): value for name, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.heard.append(Heard(head[0], headers, body))
                waiting = self._script(self.heard[-1], writer)
                if waiting is not None:
                    await waiting
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def http(
    body: bytes | str | dict[str, Any] | list[Any],
    status: int = 200,
    headers: dict[str, str] | None = None,
    kind: str = "application/json",
) -> bytes:
    """The bytes of one whole HTTP answer."""
    if isinstance(body, dict | list):
        body = json.dumps(body)
    data = body.encode() if isinstance(body, str) else body
    given = {"content-type": kind, "content-length": str(len(data)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + data


def events(*items: dict[str, Any] | str, named: bool = False) -> bytes:
    """The bytes of an event stream; `named` writes each item's type as the event's name."""
    out = b""
    for item in items:
        data = item if isinstance(item, str) else json.dumps(item)
        name = (
            f"event: {item['type']}\n"
            if named and isinstance(item, dict) and "type" in item
            else ""
        )
        out += f"{name}data: {data}\n\n".encode()
    return out


@asynccontextmanager
async def loopback(answer: bytes | Script) -> AsyncIterator[Loopback]:
    """Serve the same bytes to each request, or whatever a script writes."""
    script = answer if callable(answer) else (lambda heard, writer: writer.write(answer))
    served = Loopback(script)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield served
    finally:
        server.close()


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    """The functions above, for test modules that cannot import each other."""
    return SimpleNamespace(
        request=make_request,
        spec=make_spec,
        ask=ask,
        loopback=loopback,
        http=http,
        events=events,
        schema=SCHEMA,
        tools=TOOLS,
        outputs=OUTPUTS,
    )
