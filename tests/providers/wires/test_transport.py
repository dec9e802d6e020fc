"""What can break between two machines, and what of it a ProviderError tells."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest

from evalkit.core.errors import ConfigError, ProviderError

pytestmark = pytest.mark.anyio

KEY = "sk-very-secret-0123456789"
WIRES = ("openai_chat", "openai_responses", "anthropic_messages", "gemini")
ANSWERS: dict[str, Any] = {
    "openai_chat": lambda text: {"choices": [{"message": {"content": text}}]},
    "openai_responses": lambda text: {
        "output": [{"type": "message", "content": [{"type": "output_text", "text": text}]}]
    },
    "anthropic_messages": lambda text: {"content": [{"type": "text", "text": text}]},
    "gemini": lambda text: {"candidates": [{"content": {"parts": [{"text": text}]}}]},
}


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_API_KEY", KEY)


async def failed(kit: SimpleNamespace, wire: str, url: str, **changes: Any) -> ProviderError:
    stream = changes.pop("stream", False)
    spec = kit.spec(wire, url, api_key_env="TEST_API_KEY", **changes)
    with pytest.raises(ProviderError) as caught:
        await kit.ask(spec, kit.request(stream=stream))
    assert KEY not in f"{caught.value} {caught.value.body} {caught.value.quota}"
    return caught.value


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "rejected"),
        (401, "auth"),
        (403, "auth"),
        (404, "not_found"),
        (408, "timeout"),
        (409, "rejected"),
        (422, "rejected"),
        (429, "rate_limited"),
        (500, "server_error"),
        (503, "server_error"),
        (529, "server_error"),
    ],
)
async def test_each_status_is_a_failure_of_its_kind(
    kit: SimpleNamespace, wire: str, status: int, kind: str
) -> None:
    """The status decides, and the error tells everything that the journal keeps."""
    body = {"error": {"message": f"no, {KEY} is bad", "type": "some_error"}}
    headers = {"x-request-id": "req_7", "x-ratelimit-remaining-requests": "3"}
    async with kit.loopback(kit.http(body, status, headers)) as server:
        error = await failed(kit, wire, server.url)
    assert kind == error.kind
    assert (status, "req_7") == (error.http_status, error.request_id)
    assert error.service_ms is not None
    assert error.service_ms > 0
    assert error.quota == {"x-ratelimit-remaining-requests": "3"}
    assert error.params_sent == {"temperature": 0, "max_tokens": 64}
    assert json.loads(error.body or "")["error"]["message"] == "no, [redacted] is bad"
    assert str(error).startswith("p:m: HTTP ")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_body_cut_short_is_a_broken_connection(kit: SimpleNamespace, stream: bool) -> None:
    """Fewer bytes than announced: nothing of them is an answer."""
    whole = kit.http(ANSWERS["openai_chat"]("x" * 500))
    async with kit.loopback(lambda heard, w: (w.write(whole[:-200]), w.close())[1]) as server:
        error = await failed(kit, "openai_chat", server.url, stream=stream)
    assert (error.kind, error.http_status) == ("connection", 200)


async def test_a_connection_closed_without_an_answer_is_a_broken_connection(
    kit: SimpleNamespace,
) -> None:
    """The server hangs up."""
    async with kit.loopback(lambda heard, w: w.close()) as server:
        error = await failed(kit, "openai_chat", server.url)
    assert (error.kind, error.http_status) == ("connection", None)


async def test_an_unreachable_server_is_a_broken_connection(kit: SimpleNamespace) -> None:
    """Nobody listens at the port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        error = await failed(kit, "gemini", f"http://{place}")
    assert error.kind == "connection"
    assert str(error) == f"p:m: no connection to {place}, got {os.strerror(errno.ECONNREFUSED)!r}"


async def test_a_silent_server_is_a_timeout_at_the_limit(kit: SimpleNamespace) -> None:
    """The time is censored at the limit, not measured beyond it."""
    gate = asyncio.Event()

    async def hold(heard: Any, writer: Any) -> None:
        await gate.wait()

    async with kit.loopback(hold) as server:
        error = await failed(kit, "anthropic_messages", server.url, timeout_s=0.05)
        gate.set()
    assert (error.kind, error.service_ms) == ("timeout", 50.0)


async def test_a_stalled_stream_is_a_timeout_and_keeps_what_came(kit: SimpleNamespace) -> None:
    """The limit holds to the last byte; the pieces that came stand in the body."""
    gate = asyncio.Event()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    piece = kit.events({"choices": [{"delta": {"content": "half"}}]})

    async def stall(heard: Any, writer: Any) -> None:
        writer.write(head + piece)
        await writer.drain()
        await gate.wait()

    async with kit.loopback(stall) as server:
        error = await failed(kit, "openai_chat", server.url, timeout_s=0.2, stream=True)
        gate.set()
    assert (error.kind, error.service_ms, error.http_status) == ("timeout", 200.0, 200)
    assert "half" in (error.body or "")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(kit: SimpleNamespace, status: int) -> None:
    """The key goes to the host that was named and to no other."""
    async with kit.loopback(kit.http(ANSWERS["openai_chat"]("stolen"))) as other:
        place = {"location": f"{other.url}/v1/chat/completions"}
        async with kit.loopback(kit.http("", status, place)) as server:
            error = await failed(kit, "openai_chat", server.url)
    assert other.heard == []
    assert ("rejected", status) == (error.kind, error.http_status)
    assert "correct base_url" in str(error)


@pytest.mark.parametrize("wire", WIRES)
async def test_an_answer_of_a_megabyte_comes_whole(kit: SimpleNamespace, wire: str) -> None:
    """Long answers are no failure."""
    text = "é" * 500_000
    async with kit.loopback(kit.http(ANSWERS[wire](text))) as server:
        completion = await kit.ask(kit.spec(wire, server.url), kit.request())
    assert text == completion.text


@pytest.mark.parametrize("wire", WIRES)
async def test_a_lone_surrogate_becomes_storable_text(kit: SimpleNamespace, wire: str) -> None:
    """Half a pair is U+FFFD; a whole pair is its character."""
    async with kit.loopback(kit.http(json.dumps(ANSWERS[wire]("a\ud800b\U0001f600")))) as server:
        completion = await kit.ask(kit.spec(wire, server.url), kit.request())
    assert completion.text == "a\ufffdb\U0001f600"


async def test_a_surrogate_in_a_prompt_goes_out_as_text(kit: SimpleNamespace) -> None:
    """A sample that holds half a pair is asked, not crashed on."""
    from evalkit.core.records import Message

    messages = (Message(role="user", content="a\ud800b"),)
    async with kit.loopback(kit.http(ANSWERS["openai_chat"]("ok"))) as server:
        await kit.ask(kit.spec("openai_chat", server.url), kit.request(messages=messages))
    assert server.heard[0].body["messages"][0]["content"] == "a\ufffdb"


async def test_a_pair_split_over_two_events_is_one_character(kit: SimpleNamespace) -> None:
    """Halves are joined before anything replaces them."""
    halves = [{"choices": [{"delta": {"content": half}}]} for half in ("\ud83d", "\ude00")]
    body = kit.events(*halves, "[DONE]")
    async with kit.loopback(kit.http(body, kind="text/event-stream")) as server:
        completion = await kit.ask(kit.spec("openai_chat", server.url), kit.request(stream=True))
    assert completion.text == "\U0001f600"


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("body", [b"", b"<html>busy</html>", b"[]", b"{}", b'"text"', b"\xff\xfe"])
async def test_an_unreadable_200_is_a_bad_body_that_is_kept(
    kit: SimpleNamespace, wire: str, body: bytes
) -> None:
    """Not JSON, or JSON of no known shape: an outcome of its own, with the body for the journal."""
    async with kit.loopback(kit.http(body)) as server:
        error = await failed(kit, wire, server.url)
    assert (error.kind, error.http_status) == ("bad_body", 200)
    assert body.decode("utf-8", "replace") == (error.body or "")


async def test_a_kept_body_is_at_most_64_kib(kit: SimpleNamespace) -> None:
    """A journal line stays a line."""
    async with kit.loopback(kit.http(b"x" * 200_000)) as server:
        error = await failed(kit, "openai_chat", server.url)
    assert len(error.body or "") == 64 * 1024


async def test_a_key_in_an_answer_is_redacted(kit: SimpleNamespace) -> None:
    """A server that echoes the key gets it into no journal."""
    async with kit.loopback(kit.http(ANSWERS["openai_chat"](f"your key is {KEY}"))) as server:
        spec = kit.spec("openai_chat", server.url, api_key_env="TEST_API_KEY")
        completion = await kit.ask(spec, kit.request())
    assert f"Bearer {KEY}" == server.heard[0].headers["authorization"]
    assert completion.text == "your key is [redacted]"


@pytest.mark.parametrize("key", ["abcd", 'se"cr\\et/1', 'it\'s "k"', "a+b/c=d&e"])
@pytest.mark.parametrize("status", [200, 400])
async def test_a_key_is_redacted_in_every_spelling(
    kit: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, key: str, status: int
) -> None:
    """Short ones too: plain, escaped once and twice as JSON, as Python shows it, URL-quoted."""
    monkeypatch.setenv("TEST_API_KEY", key)
    once = json.dumps(key)[1:-1]
    forms = [key, once, json.dumps(once)[1:-1], quote(key), quote(key, safe=""), repr(key)[1:-1]]
    text = " ".join(f"<{form}>" for form in forms)
    body = ANSWERS["openai_chat"](text) if status == 200 else {"error": {"message": text}}
    async with kit.loopback(kit.http(body, status)) as server:
        spec = kit.spec("openai_chat", server.url, api_key_env="TEST_API_KEY")
        if status == 200:
            told = (await kit.ask(spec, kit.request())).text
            assert told == " ".join(["<[redacted]>"] * len(forms))
        else:
            with pytest.raises(ProviderError) as caught:
                await kit.ask(spec, kit.request())
            told = f"{caught.value} {caught.value.body}"
    assert told.count("[redacted]") >= len(forms)
    assert [form for form in forms if form in told] == []


async def test_a_bearer_token_in_a_header_is_redacted_without_its_scheme(
    kit: SimpleNamespace,
) -> None:
    """A server may repeat the token alone."""
    headers = {"X-Gateway-Auth": "Bearer gw-12"}
    async with kit.loopback(kit.http(ANSWERS["openai_chat"]("token gw-12"))) as server:
        spec = kit.spec("openai_chat", server.url, provider_options={"headers": headers})
        assert (await kit.ask(spec, kit.request())).text == "token [redacted]"


async def test_a_value_of_three_characters_is_not_redacted(
    kit: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`abc` is a placeholder, and would cut holes into honest text."""
    monkeypatch.setenv("TEST_API_KEY", "abc")
    async with kit.loopback(kit.http(ANSWERS["openai_chat"]("the abc"))) as server:
        spec = kit.spec("openai_chat", server.url, api_key_env="TEST_API_KEY")
        assert (await kit.ask(spec, kit.request())).text == "the abc"


async def test_a_missing_key_is_named_before_anything_is_sent(
    kit: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable and the provider stand in the message."""
    monkeypatch.delenv("TEST_API_KEY")
    with pytest.raises(ConfigError, match="TEST_API_KEY is not set; provider 'p' needs it"):
        await kit.ask(kit.spec("openai_chat", api_key_env="TEST_API_KEY"), kit.request())


async def test_a_key_that_no_header_may_hold_is_refused_unseen(
    kit: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line break in a key is a mistake, and the key is not shown for it."""
    monkeypatch.setenv("TEST_API_KEY", "sk-secret\nX-Evil: 1")
    with pytest.raises(ConfigError, match="printable ASCII") as caught:
        await kit.ask(kit.spec("openai_chat", api_key_env="TEST_API_KEY"), kit.request())
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host/v1", "http://", "nonsense"])
async def test_an_address_that_is_none_is_refused(kit: SimpleNamespace, url: str) -> None:
    """Before anything is sent, with what an address looks like."""
    with pytest.raises(ConfigError, match="base_url is no address"):
        await kit.ask(kit.spec("openai_chat", url), kit.request())


async def test_one_adapter_keeps_its_connection_and_serves_many_at_once(
    kit: SimpleNamespace,
) -> None:
    """Twenty calls over at most `concurrency` connections, each with its own answer."""
    from pathlib import Path

    from evalkit.core.ports import SuiteView
    from evalkit.core.records import Message
    from evalkit.providers.openai_chat import adapter

    peers = set()

    def echo(heard: Any, writer: Any) -> None:
        peers.add(writer.get_extra_info("peername"))
        writer.write(kit.http(ANSWERS["openai_chat"](heard.body["messages"][0]["content"])))

    async with kit.loopback(echo) as server:
        one = adapter(kit.spec("openai_chat", server.url, concurrency=3))
        request = kit.request()
        await one.open(SuiteView(name="s", folder=Path(), output=request.output))
        asked = [
            kit.request(messages=(Message(role="user", content=str(i)),), stream=False)
            for i in range(20)
        ]
        answers = await asyncio.gather(*(one.complete(request) for request in asked))
        await one.close()
    assert [str(i) for i in range(20)] == [answer.text for answer in answers]
    assert 1 <= len(peers) <= 3


async def test_a_server_that_ignores_stream_is_still_understood(kit: SimpleNamespace) -> None:
    """A whole JSON answer to a streamed request is an answer without a first-token time."""
    async with kit.loopback(kit.http(ANSWERS["openai_chat"]("whole"))) as server:
        completion = await kit.ask(kit.spec("openai_chat", server.url), kit.request(stream=True))
    assert (completion.text, completion.ttft_ms) == ("whole", None)


async def test_headers_and_extra_body_of_the_catalogue_go_out(kit: SimpleNamespace) -> None:
    """A gateway's header and a vendor's own parameter need no code; both secrets stay hidden."""
    spec = {
        "options": {"extra_body": {"reasoning": {"effort": "low"}}},
        "provider_options": {"headers": {"X-Gateway-Token": "gw-secret-123456"}},
    }
    echo = kit.http({"error": {"message": "bad token gw-secret-123456"}}, 401)
    async with kit.loopback(echo) as server:
        error = await failed(kit, "openai_chat", server.url, **spec)
    heard = server.heard[0]
    assert heard.headers["x-gateway-token"] == "gw-secret-123456"
    assert {"effort": "low"} == heard.body["reasoning"] == error.params_sent["reasoning"]
    assert "gw-secret" not in f"{error} {error.body}"
