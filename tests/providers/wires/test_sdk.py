"""The same wires through the vendors' SDKs: same answers, same failures, no hidden retry."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from evalkit.core.errors import ConfigError, ProviderError

pytestmark = pytest.mark.anyio

KEY = "sk-very-secret-0123456789"
CHAT = {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}], "model": "m-1"}
CHAT_EVENTS = (
    {"choices": [{"index": 0, "delta": {"content": "hi"}}], "model": "m-1"},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    "[DONE]",
)
RESPONSE = {"status": "completed", "output": [{"content": [{"text": "hi"}]}], "model": "m-1"}
RESPONSE_EVENTS = (
    {"type": "response.output_text.delta", "delta": "hi"},
    {"type": "response.completed", "response": RESPONSE},
)
BLOCK = {"type": "text", "text": "hi"}
MESSAGE = {"type": "message", "content": [BLOCK], "stop_reason": "end_turn", "model": "m-1"}
MESSAGE_EVENTS = (
    {"type": "message_start", "message": {"model": "m-1"}},
    {"type": "content_block_start", "index": 0, "content_block": BLOCK},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
    {"type": "message_stop"},
)
PARTS = {"content": {"parts": [{"text": "hi"}]}, "finishReason": "STOP"}
GEMINI = {"candidates": [PARTS], "modelVersion": "m-1"}

PLACE = {"project": "proj", "location": "europe-west4"}
BEDROCK = {"kind": "bedrock", "region": "eu-west-1"}
CLAUDE_PATH = "/projects/proj/locations/europe-west4/publishers/anthropic/models/the-model"
GEMINI_PATH = "/projects/proj/locations/europe-west4/publishers/google/models/the-model"
AZURE_OLD = "/openai/deployments/the-model/chat/completions?api-version=2024-10-21"
CASES: list[tuple[str, dict[str, Any], Any, Any, str, str]] = [
    # wire, sdk, whole answer, streamed answer, path whole, path streamed
    ("openai_chat", {"kind": "openai"}, CHAT, CHAT_EVENTS, "/chat/completions", ""),
    ("openai_responses", {"kind": "openai"}, RESPONSE, RESPONSE_EVENTS, "/responses", ""),
    ("openai_chat", {"kind": "azure"}, CHAT, CHAT_EVENTS, "/openai/v1/chat/completions", ""),
    (
        "openai_responses",
        {"kind": "azure", "api_version": "v1"},
        RESPONSE,
        RESPONSE_EVENTS,
        "/openai/v1/responses",
        "",
    ),
    (
        "openai_chat",
        {"kind": "azure", "api_version": "2024-10-21"},
        CHAT,
        CHAT_EVENTS,
        AZURE_OLD,
        "",
    ),
    ("anthropic_messages", {"kind": "anthropic"}, MESSAGE, MESSAGE_EVENTS, "/v1/messages", ""),
    ("anthropic_messages", BEDROCK, MESSAGE, MESSAGE_EVENTS, "/v1/messages", ""),
    (
        "anthropic_messages",
        {"kind": "vertex", **PLACE},
        MESSAGE,
        MESSAGE_EVENTS,
        f"{CLAUDE_PATH}:rawPredict",
        f"{CLAUDE_PATH}:streamRawPredict",
    ),
    (
        "gemini",
        {"kind": "vertex", **PLACE},
        GEMINI,
        (GEMINI,),
        f"{GEMINI_PATH}:generateContent",
        f"{GEMINI_PATH}:streamGenerateContent?alt=sse",
    ),
]
WIRES = [CASES[0], CASES[1], CASES[5]]


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)


def spec_of(kit: SimpleNamespace, wire: str, sdk: dict[str, Any], url: str, **changes: Any) -> Any:
    given = {"client": "sdk", "api_key_env": "TEST_KEY", "provider_options": {"sdk": sdk}}
    return kit.spec(wire, url, **{**given, **changes})


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("wire", "sdk", "whole", "items", "path", "stream_path"), CASES)
async def test_each_cloud_is_asked_at_its_place_and_understood(
    kit: SimpleNamespace,
    wire: str,
    sdk: dict[str, Any],
    whole: Any,
    items: Any,
    path: str,
    stream_path: str,
    stream: bool,
) -> None:
    """The path that the cloud wants, the key in a header, and the answer as over bare HTTP."""
    body = kit.events(*items, named=wire != "openai_chat")
    data = kit.http(body, kind="text/event-stream") if stream else kit.http(whole)
    async with kit.loopback(data) as server:
        completion = await kit.ask(spec_of(kit, wire, sdk, server.url), kit.request(stream=stream))
    (heard,) = server.heard
    assert (stream_path or path if stream else path) == heard.path
    assert KEY in heard.headers.get("authorization", "") + heard.headers.get("api-key", "")
    assert (
        completion.text,
        completion.finish_reason,
        completion.model_returned,
    ) == ("hi", "stop", "m-1")
    assert (completion.ttft_ms is not None) == stream
    assert completion.service_ms > 0


@pytest.mark.parametrize("case", WIRES, ids=lambda case: case[0])
async def test_the_body_is_the_same_as_over_bare_http(kit: SimpleNamespace, case: Any) -> None:
    """One `encode` for both transports."""
    wire, sdk, whole = case[:3]
    async with kit.loopback(kit.http(whole)) as server:
        for client in ("http", "sdk"):
            spec = spec_of(kit, wire, sdk, server.url, client=client)
            await kit.ask(spec, kit.request("json", mode="json_schema"))
    over_http, over_sdk = server.heard
    assert over_http.body == over_sdk.body


@pytest.mark.parametrize("case", WIRES, ids=lambda case: case[0])
@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, "auth"), (404, "not_found"), (429, "rate_limited"), (500, "server_error")],
)
async def test_an_sdks_exception_is_the_same_failure_and_nothing_is_retried(
    kit: SimpleNamespace, case: Any, status: int, kind: str
) -> None:
    """`max_retries` is 0: a hidden retry would falsify latency and cost."""
    body = {"error": {"message": f"no: {KEY}", "type": "x"}}
    headers = {"retry-after": "7", "x-request-id": "req_1"}
    async with kit.loopback(kit.http(body, status, headers)) as server:
        with pytest.raises(ProviderError) as caught:
            await kit.ask(spec_of(kit, case[0], case[1], server.url), kit.request())
    error = caught.value
    assert len(server.heard) == 1
    assert (kind, status, "req_1") == (error.kind, error.http_status, error.request_id)
    assert (7.0 if status == 429 else None) == error.retry_after_s
    assert error.params_sent == {"temperature": 0, "max_tokens": 64}
    assert KEY not in f"{error} {error.body}"
    assert "[redacted]" in (error.body or "")


@pytest.mark.parametrize("case", WIRES, ids=lambda case: case[0])
async def test_what_breaks_on_the_way_is_told_as_over_bare_http(
    kit: SimpleNamespace, case: Any
) -> None:
    """No server, a cut body, an unreadable one, a silent one."""
    wire, sdk, whole = case[:3]

    async def failed(url: str, **changes: Any) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            await kit.ask(spec_of(kit, wire, sdk, url, **changes), kit.request())
        return caught.value

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert (await failed(f"http://127.0.0.1:{taken.getsockname()[1]}")).kind == "connection"
    cut = kit.http(whole)[:-5]
    async with kit.loopback(lambda heard, w: (w.write(cut), w.close())[1]) as server:
        assert (await failed(server.url)).kind == "connection"
    async with kit.loopback(kit.http(b"<html>")) as server:
        error = await failed(server.url)
        assert (error.kind, error.body) == ("bad_body", "<html>")
    gate = asyncio.Event()

    async def hold(heard: Any, writer: Any) -> None:
        await gate.wait()

    async with kit.loopback(hold) as server:
        error = await failed(server.url, timeout_s=0.1)
        gate.set()
        assert (error.kind, error.service_ms) == ("timeout", 100.0)


@pytest.mark.parametrize("case", WIRES, ids=lambda case: case[0])
async def test_a_stream_cut_short_is_a_broken_connection(kit: SimpleNamespace, case: Any) -> None:
    """Which no SDK reports."""
    body = kit.events(*case[3][:1], named=True)
    async with kit.loopback(kit.http(body, kind="text/event-stream")) as server:
        with pytest.raises(ProviderError) as caught:
            await kit.ask(spec_of(kit, case[0], case[1], server.url), kit.request(stream=True))
    assert (caught.value.kind, caught.value.http_status) == ("connection", 200)


async def test_claude_on_vertex_gets_the_version_in_its_body(kit: SimpleNamespace) -> None:
    """The cloud's own name of the version that takes a temperature; the model is in the path."""
    sdk = {"kind": "vertex", **PLACE}
    async with kit.loopback(kit.http(MESSAGE)) as server:
        await kit.ask(spec_of(kit, "anthropic_messages", sdk, server.url), kit.request())
    body = server.heard[0].body
    assert (body["anthropic_version"], body["temperature"]) == ("vertex-2023-10-16", 0)
    assert "model" not in body


@pytest.mark.parametrize(
    ("wire", "sdk", "problem"),
    [
        ("gemini", {"kind": "openai"}, "no SDK of this kind for wire 'gemini', got 'openai'"),
        ("openai_chat", {"kind": "bedrock"}, "allowed: azure, openai"),
        ("anthropic_messages", {"kind": "bedrock"}, "there is no region or region_env"),
        ("gemini", {"kind": "vertex", "project_env": "NO_SUCH"}, "NO_SUCH is not set"),
    ],
)
async def test_what_an_sdk_lacks_is_told_before_anything_is_sent(
    kit: SimpleNamespace, wire: str, sdk: dict[str, Any], problem: str
) -> None:
    """By name, with what is allowed."""
    with pytest.raises(ConfigError, match=problem):
        await kit.ask(spec_of(kit, wire, sdk, "http://127.0.0.1:1"), kit.request())


async def test_bedrocks_runtime_is_asked_by_its_own_path(kit: SimpleNamespace) -> None:
    """`endpoint: runtime` is InvokeModel: the model in the path, the version in the body."""
    sdk = {**BEDROCK, "endpoint": "runtime"}
    async with kit.loopback(kit.http(MESSAGE)) as server:
        answer = await kit.ask(spec_of(kit, "anthropic_messages", sdk, server.url), kit.request())
    heard = server.heard[0]
    assert (answer.text, heard.path) == ("hi", "/model/the-model/invoke")
    assert heard.body["anthropic_version"] == "bedrock-2023-05-31"
