"""All wires against llmock, a server that this project did not write, whole and broken."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from evalkit.core.errors import ProviderError

pytestmark = pytest.mark.anyio

# wire → the llmock provider whose base address it talks to
SERVED = {
    "openai_chat": "openai",
    "openai_responses": "openai",
    "anthropic_messages": "anthropic",
    "gemini": "gemini",
}
STREAMED = [False, True]


@pytest.fixture
def ask_mock(kit: SimpleNamespace, llmock: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TEST_API_KEY", "sk-test-0123456789")

    async def ask(wire: str, output: str = "text", spec: Any = None, **changes: Any) -> Any:
        url = llmock.base_url(SERVED[wire])
        entry = kit.spec(wire, url, api_key_env="TEST_API_KEY", **(spec or {}))
        return await kit.ask(entry, kit.request(output, **changes))

    return ask


@pytest.mark.parametrize("stream", STREAMED)
@pytest.mark.parametrize("wire", SERVED)
async def test_a_text_comes_with_its_usage(
    wire: str, stream: bool, ask_mock: Any, llmock: Any
) -> None:
    """What the mock was told to say, its tokens, how it ended, and when it began."""
    llmock.reply("The total is 42 EUR.")
    completion = await ask_mock(wire, stream=stream)
    assert (
        completion.text,
        completion.finish_reason,
        completion.refusal,
    ) == ("The total is 42 EUR.", "stop", None)
    assert completion.usage.input > 0
    assert completion.usage.output > 0
    assert completion.service_ms > 0
    assert (completion.ttft_ms is not None) == stream
    assert not stream or completion.ttft_ms <= completion.service_ms
    unnamed = wire == "gemini" and not stream  # the mock leaves modelVersion out there
    assert (None if unnamed else "the-model") == completion.model_returned


@pytest.mark.parametrize("stream", STREAMED)
@pytest.mark.parametrize("wire", ["openai_chat", "openai_responses", "gemini"])
async def test_a_schema_is_understood_by_the_server(
    wire: str, stream: bool, ask_mock: Any, kit: SimpleNamespace
) -> None:
    """The mock makes an instance of the schema only where it finds it in the vendor's place."""
    completion = await ask_mock(wire, "json", mode="json_schema", stream=stream)
    jsonschema.validate(json.loads(completion.text), kit.schema)
    assert completion.mode_sent == "json_schema"


@pytest.mark.parametrize("wire", ["openai_chat", "openai_responses", "gemini"])
async def test_json_object_mode_is_understood_by_the_server(wire: str, ask_mock: Any) -> None:
    """The mock answers with an object."""
    completion = await ask_mock(wire, "json", mode="json_object")
    assert isinstance(json.loads(completion.text), dict)
    assert completion.mode_sent == "json_object"


@pytest.mark.parametrize("stream", STREAMED)
@pytest.mark.parametrize("wire", SERVED)
async def test_offered_tools_are_called(wire: str, stream: bool, ask_mock: Any) -> None:
    """The mock reads the offered tool and calls it with arguments valid by its schema."""
    completion = await ask_mock(wire, "tool_calls", stream=stream)
    (called,) = completion.tool_calls
    assert ("get_weather", {"city"}) == (called.name, set(json.loads(called.arguments)))
    assert completion.finish_reason == "tool_calls"


@pytest.mark.parametrize("wire", ["openai_chat", "openai_responses"])
async def test_malformed_tool_arguments_come_as_they_are(
    wire: str, ask_mock: Any, llmock: Any
) -> None:
    """The grader decides what broken arguments mean."""
    llmock.break_tool_call("malformed_arguments")
    completion = await ask_mock(wire, "tool_calls")
    with pytest.raises(json.JSONDecodeError):
        json.loads(completion.tool_calls[0].arguments)


@pytest.mark.parametrize("stream", STREAMED)
@pytest.mark.parametrize("wire", SERVED)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, "auth"),
        (404, "not_found"),
        (429, "rate_limited"),
        (500, "server_error"),
        (503, "server_error"),
        (529, "server_error"),
    ],
)
async def test_an_error_answer_is_a_failure_of_its_kind(
    wire: str, stream: bool, status: int, kind: str, ask_mock: Any, llmock: Any
) -> None:
    """In each provider's own error shape, which the mock imitates."""
    llmock.fail(status, retry_after=2.5 if status == 429 else None, message="not today")
    with pytest.raises(ProviderError, match="not today") as caught:
        await ask_mock(wire, stream=stream)
    assert (kind, status) == (caught.value.kind, caught.value.http_status)
    if status == 429:
        assert caught.value.retry_after_s == 2.5


@pytest.mark.parametrize("wire", SERVED)
async def test_a_prompt_too_long_is_its_own_kind(wire: str, ask_mock: Any, llmock: Any) -> None:
    """No retry helps: a shorter prompt does."""
    llmock.context_overflow()
    with pytest.raises(ProviderError) as caught:
        await ask_mock(wire)
    assert caught.value.kind == "context_length"


@pytest.mark.parametrize("wire", SERVED)
@pytest.mark.parametrize(
    ("fault", "kind"),
    [("disconnect", "connection"), ("truncate", "connection"), ("corrupt", "bad_body")],
)
async def test_a_broken_stream_is_never_an_answer(
    wire: str, fault: str, kind: str, ask_mock: Any, llmock: Any
) -> None:
    """Dropped, silently short, or holding what is no JSON: the SDKs notice only some of it."""
    llmock.reply("one two three four five six seven")
    getattr(llmock, fault)(after_chunks=2)
    with pytest.raises(ProviderError) as caught:
        await ask_mock(wire, stream=True)
    assert (kind, 200) == (caught.value.kind, caught.value.http_status)
    assert caught.value.body


@pytest.mark.parametrize("wire", SERVED)
async def test_a_stalled_stream_is_a_timeout(wire: str, ask_mock: Any, llmock: Any) -> None:
    """The limit holds to the last byte."""
    llmock.reply("one two three").stall(after_chunks=1, seconds=1.0)
    with pytest.raises(ProviderError) as caught:
        await ask_mock(wire, spec={"timeout_s": 0.3}, stream=True)
    assert (caught.value.kind, caught.value.service_ms) == ("timeout", 300.0)


@pytest.mark.parametrize("wire", ["openai_chat", "openai_responses", "anthropic_messages"])
async def test_quota_headers_are_kept(wire: str, ask_mock: Any, llmock: Any) -> None:
    """On an answer, and on the refusal for want of quota with the wait that it asks for."""
    llmock.limits(rpm=1)
    completion = await ask_mock(wire)
    assert any("remaining" in name for name in completion.quota)
    with pytest.raises(ProviderError) as caught:
        await ask_mock(wire)
    assert caught.value.kind == "rate_limited"
    assert caught.value.retry_after_s > 0
    assert any("remaining" in name for name in caught.value.quota)


async def test_the_client_is_judged_well_behaved(ask_mock: Any, llmock: Any) -> None:
    """The mock's own verdict: no hidden retry behind one `complete`."""
    llmock.fail(500)
    with pytest.raises(ProviderError):
        await ask_mock("openai_chat")
    assert len(llmock.requests) == 1
