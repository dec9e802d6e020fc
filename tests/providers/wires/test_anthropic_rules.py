"""Anthropic's newest rules, by a strict handler, since no mock checks them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from evalkit.core.errors import ProviderError

pytestmark = pytest.mark.anyio

VERSIONS = ("2023-01-01", "2023-06-01", "2026-10-21")
KNOWN = {
    *("model", "messages", "max_tokens", "system", "stream", "stop_sequences", "temperature"),
    *("top_p", "top_k", "tools", "tool_choice", "output_config", "thinking", "metadata"),
}
KEY = "sk-ant-0123456789"


def rule_broken(heard: Any) -> tuple[int, str, str] | None:
    """The first of Anthropic's documented rules that a request breaks: status, type, message."""
    body, headers = heard.body, heard.headers
    bearer = headers.get("authorization") == f"Bearer {KEY}"
    if not bearer and headers.get("x-api-key") != KEY:
        return 401, "authentication_error", "invalid x-api-key"
    if heard.path != "/v1/messages":
        return 404, "not_found_error", "Not found"
    version = headers.get("anthropic-version")
    if version not in VERSIONS:
        return 400, "invalid_request_error", "anthropic-version: header is required"
    for name in sorted({"model", "max_tokens", "messages"} - set(body)):
        return 400, "invalid_request_error", f"{name}: Field required"
    for name in sorted(set(body) - KNOWN):
        return 400, "invalid_request_error", f"{name}: Extra inputs are not permitted"
    if version == "2026-10-21":
        for name in sorted({"temperature", "top_p", "top_k"} & set(body)):
            return 400, "invalid_request_error", f"{name}: Extra inputs are not permitted"
    if any(turn["role"] not in ("user", "assistant") for turn in body["messages"]):
        return 400, "invalid_request_error", "messages: Unexpected role"
    form = body.get("output_config", {}).get("format")
    if form and form["schema"].get("additionalProperties") is not False:
        why = "output_config.format.schema: For 'object' type, 'additionalProperties' must be false"
        return 400, "invalid_request_error", why
    return None


@pytest.fixture
def strict(kit: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TEST_API_KEY", KEY)

    def script(heard: Any, writer: asyncio.StreamWriter) -> None:
        broken = rule_broken(heard)
        if broken is None:
            block = {"type": "text", "text": "ok"}
            writer.write(
                kit.http({"type": "message", "content": [block], "stop_reason": "end_turn"})
            )
        else:
            status, kind, message = broken
            error = {"type": "error", "error": {"type": kind, "message": message}}
            writer.write(kit.http(error, status, {"request-id": "req_9"}))

    async def ask(spec: dict[str, Any], **changes: Any) -> Any:
        output = changes.pop("output", "text")
        async with kit.loopback(script) as server:
            given = {"api_key_env": "TEST_API_KEY", **spec}
            entry = kit.spec("anthropic_messages", server.url, **given)
            return await kit.ask(entry, kit.request(output, **changes))

    return ask


async def test_temperature_is_taken_by_the_version_that_is_asked_for(strict: Any) -> None:
    """2023-06-01 by default: an evaluation asks for temperature 0 where a model takes it."""
    completion = await strict({})
    assert (completion.text, completion.params_sent) == ("ok", {"temperature": 0, "max_tokens": 64})


@pytest.mark.parametrize("place", ["options", "provider_options"])
async def test_the_later_version_gets_no_sampling_parameters(strict: Any, place: str) -> None:
    """And the record says that none went out."""
    completion = await strict(
        {place: {"anthropic_version": "2026-10-21"}},
        params={"temperature": 0, "top_p": 1, "top_k": 1, "max_tokens": 64},
    )
    assert (completion.text, completion.params_sent) == ("ok", {"max_tokens": 64})


async def test_a_temperature_forced_on_the_later_version_is_a_failure(strict: Any) -> None:
    """Which no retry heals; the request's id is kept."""
    options = {"anthropic_version": "2026-10-21", "extra_body": {"temperature": 0}}
    with pytest.raises(ProviderError, match="temperature: Extra inputs") as caught:
        await strict({"options": options})
    error = caught.value
    assert (error.kind, error.http_status, error.request_id) == ("rejected", 400, "req_9")
    assert error.params_sent["temperature"] == 0


async def test_the_demanded_limit_is_there_without_one_in_the_suite(strict: Any) -> None:
    """1024, and recorded."""
    completion = await strict({}, params={})
    assert completion.params_sent == {"max_tokens": 1024}


@pytest.mark.parametrize("auth", [None, "bearer"])
async def test_the_key_goes_in_the_header_that_is_wanted(strict: Any, auth: str | None) -> None:
    """Both are taken; the SDK 2.x sends the second."""
    assert (await strict({"provider_options": {"auth": auth}})).text == "ok"


async def test_a_wrong_key_is_a_failure_of_auth_that_names_the_variable(
    strict: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable, never the key."""
    monkeypatch.setenv("TEST_API_KEY", "sk-ant-wrong-wrong")
    with pytest.raises(ProviderError, match="check TEST_API_KEY") as caught:
        await strict({})
    assert caught.value.kind == "auth"
    assert "wrong-wrong" not in str(caught.value)


@pytest.mark.parametrize("mode", ["prompt", "json_object", "json_schema"])
async def test_every_mode_obeys_the_rules(strict: Any, mode: str) -> None:
    """Also the one that this vendor has no form for."""
    assert (await strict({}, output="json", mode=mode)).text == "ok"


async def test_a_schema_that_is_refused_is_a_failure_of_its_own(strict: Any, kit: Any) -> None:
    """Not a malformed answer: nothing was answered."""
    from evalkit.core.records import OutputSpec

    loose = OutputSpec(format="json", schema={"type": "object", "properties": {}})
    with pytest.raises(ProviderError) as caught:
        await strict({}, output=loose, mode="json_schema")
    assert caught.value.kind == "schema_rejected"


async def test_tools_obey_the_rules(strict: Any) -> None:
    """Name, description, input schema."""
    assert (await strict({}, output="tool_calls")).text == "ok"
