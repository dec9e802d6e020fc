"""Presence: what is here without a key, from servers on loopback; one that is slow is not here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from evalkit.providers import presence
from evalkit.providers.catalogue import Model, Provider
from evalkit.providers.presence import absent_models, served_models

pytestmark = pytest.mark.anyio
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/v1/models", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        await runner.cleanup()


def listing(*names: str) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        assert "authorization" not in request.headers
        return web.json_response({"data": [{"id": name} for name in names]})

    return handler


def provider(base_url: str | None, *names: str, wire: str = "openai_chat", **keys) -> Provider:
    models = {name: Model(name=name, wire_name=name, where="p.yaml:3") for name in names}
    return Provider(name="p", wire=wire, where="p.yaml:1", base_url=base_url, models=models, **keys)


async def test_a_server_says_which_models_it_serves() -> None:
    """Others are named with the server that lacks them."""
    async with server(listing("a", "b")) as url:
        assert await served_models(url) == {"a", "b"}
        assert await absent_models(provider(url, "a", "c")) == {
            "a": None,
            "c": f"{url} does not serve 'c'",
        }


async def test_a_lone_model_goes_by_any_name() -> None:
    """llama.cpp and vLLM call what they serve as they like."""
    async with server(listing("/models/some.gguf")) as url:
        assert await absent_models(provider(url, "mine")) == {"mine": None}


async def test_a_server_that_serves_nothing_has_no_model() -> None:
    """An Ollama without a pulled model."""
    async with server(listing()) as url:
        assert await absent_models(provider(url, "m")) == {"m": f"{url} does not serve 'm'"}


@pytest.mark.parametrize(
    "body", [b"", b"no", b"[]", b"7", b"{}", b'{"data": 1}', b'{"data": [1]}', b'{"data": [{}]}',
             b"\xff", b"[" * 100_000],
    ids=lambda body: body[:14].decode("latin-1"),
)  # fmt: skip
async def test_a_server_of_another_kind_gives_no_list(body: bytes) -> None:
    """Whatever else listens on that port."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=body)

    async with server(handler) as url:
        assert await served_models(url) == f"{url}/models gives no list of models"


async def test_a_server_that_does_not_answer_in_time_is_not_there(monkeypatch) -> None:
    """The patience is one second; a tenth here."""
    monkeypatch.setattr(presence, "_PATIENCE_S", 0.1)
    never = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        await never.wait()
        return web.Response()

    async with server(handler) as url:
        assert await served_models(url) == f"{url}/models gives no list of models"
        never.set()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "http://127.0.0.1:9/v1"])
async def test_a_port_without_a_server_is_said_so(url: str) -> None:
    """Refused at once."""
    assert await served_models(url) == f"no server answers at {url}"


async def test_a_name_that_is_no_host_is_no_server(monkeypatch) -> None:
    """A label longer than DNS allows is a UnicodeError, not an OSError."""
    url = f"http://{'x' * 70}.invalid/v1"
    assert await served_models(url) == f"no server answers at {url}"


async def test_only_servers_without_a_key_are_looked_at() -> None:
    """A key that is set is enough; recordings and rules have no server."""
    url = "http://127.0.0.1:1/v1"
    assert await absent_models(provider(url, "m", api_key_env="X_API_KEY")) == {}
    assert await absent_models(provider(None, "m")) == {}
    assert await absent_models(provider(None, "m", wire="python")) == {}


async def test_weights_that_are_not_here_are_named(monkeypatch, tmp_path) -> None:
    """With what brings them."""
    monkeypatch.setenv("HOME", str(tmp_path))
    missing = Model(
        name="m", wire_name="m", where="p.yaml:3", options={"path": str(tmp_path / "no.gguf")}
    )
    one = Provider(name="p", wire="llama_cpp", where="p.yaml:1", models={"m": missing})
    reasons = await absent_models(one)
    assert set(reasons) == {"m"}
    assert "no.gguf" in json.dumps(reasons)
