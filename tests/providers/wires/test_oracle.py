"""The vendor's SDK as oracle: the same request body goes out, the same answer is understood."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.anyio

RECORDED = json.loads((Path(__file__).parent / "recorded.json").read_text())
CHAT, CHAT_STREAM = RECORDED["chat"], RECORDED["chat_stream"]
RESPONSE, RESPONSE_STREAM = RECORDED["response"], RECORDED["response_stream"]
MESSAGE, MESSAGE_STREAM = RECORDED["message"], RECORDED["message_stream"]
GEMINI, GEMINI_STREAM = RECORDED["gemini"], RECORDED["gemini_stream"]

# What each recorded answer says, whoever reads it: text, reasoning, calls, finish reason, tokens.
CALLS = [("get_weather", {"city": "Ulm"})]
TOKENS = (20, 9, 8, 3)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_API_KEY", "sk-test-0123456789")


def ours(completion: Any) -> tuple[Any, ...]:
    """The same figures of our completion as `*_says` takes from an SDK's object."""
    usage = completion.usage
    return (
        completion.text,
        [(call.name, json.loads(call.arguments)) for call in completion.tool_calls],
        completion.finish_reason_raw,
        completion.model_returned,
        (usage.input, usage.output, usage.cache_read, usage.reasoning),
    )


def chat_says(answer: Any) -> tuple[Any, ...]:
    choice, usage = answer.choices[0], answer.usage
    called = [
        (c.function.name, json.loads(c.function.arguments)) for c in choice.message.tool_calls
    ]
    tokens = (
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.prompt_tokens_details.cached_tokens,
        usage.completion_tokens_details.reasoning_tokens,
    )
    return (choice.message.content, called, choice.finish_reason, answer.model, tokens)


def response_says(answer: Any) -> tuple[Any, ...]:
    usage = answer.usage
    called = [
        (item.name, json.loads(item.arguments))
        for item in answer.output
        if item.type == "function_call"
    ]
    tokens = (
        usage.input_tokens,
        usage.output_tokens,
        usage.input_tokens_details.cached_tokens,
        usage.output_tokens_details.reasoning_tokens,
    )
    return (answer.output_text, called, answer.status, answer.model, tokens)


def message_says(answer: Any) -> tuple[Any, ...]:
    usage = answer.usage
    text = "".join(block.text for block in answer.content if block.type == "text")
    called = [(block.name, block.input) for block in answer.content if block.type == "tool_use"]
    # The SDK's own docstring: total input is the sum of these three.
    everything = (
        usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens
    )
    thought = usage.output_tokens_details.thinking_tokens
    tokens = (everything, usage.output_tokens, usage.cache_read_input_tokens, thought)
    return (text, called, answer.stop_reason, answer.model, tokens)


def gemini_says(answer: Any) -> tuple[Any, ...]:
    usage = answer.usage_metadata
    parts = answer.candidates[0].content.parts
    text = "".join(part.text for part in parts if part.text and not part.thought)
    called = [
        (part.function_call.name, part.function_call.args) for part in parts if part.function_call
    ]
    output = usage.candidates_token_count + usage.thoughts_token_count
    assert usage.total_token_count == usage.prompt_token_count + output
    tokens = (
        usage.prompt_token_count,
        output,
        usage.cached_content_token_count,
        usage.thoughts_token_count,
    )
    return (
        text,
        called,
        answer.candidates[0].finish_reason.value,
        answer.model_version,
        tokens,
    )


def chat_arguments(request: Any, schema: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        "temperature": 0,
        "max_tokens": 64,
    }
    if request.output.format == "tool_calls":
        given["tools"] = list(request.output.tools)
    if request.mode == "json_object":
        given["response_format"] = {"type": "json_object"}
    if request.mode == "json_schema":
        named = {"name": "invoices", "strict": True, "schema": schema}
        given["response_format"] = {"type": "json_schema", "json_schema": named}
    return given


def response_arguments(request: Any, schema: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "model": request.model,
        "input": [{"role": m.role, "content": m.content} for m in request.messages],
        "temperature": 0,
        "max_output_tokens": 64,
        "store": False,
    }
    if request.output.format == "tool_calls":
        function = request.output.tools[0]["function"]
        given["tools"] = [{"type": "function", "strict": False, **function}]
    if request.mode == "json_object":
        given["text"] = {"format": {"type": "json_object"}}
    if request.mode == "json_schema":
        form = {"type": "json_schema", "name": "invoices", "strict": True, "schema": schema}
        given["text"] = {"format": form}
    return given


def message_arguments(request: Any, schema: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "model": request.model,
        "system": "You read invoices.",
        "messages": [{"role": "user", "content": "What is the total?"}],
        "max_tokens": 64,
        "extra_body": {"temperature": 0},  # the SDK has no such argument any more
        "extra_headers": {"anthropic-version": "2023-06-01"},
    }
    if request.output.format == "tool_calls":
        function = request.output.tools[0]["function"]
        named = {key: function[key] for key in ("name", "description")}
        given["tools"] = [{**named, "input_schema": function["parameters"]}]
    if request.mode == "json_schema":
        given["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    return given


KINDS = [
    ("text", "prompt"),
    ("label", "json_schema"),
    ("json", "prompt"),
    ("json", "json_object"),
    ("json", "json_schema"),
    ("tool_calls", "prompt"),
]
STREAMED = [False, True]


def local_spec(kit: SimpleNamespace, wire: str, url: str) -> Any:
    return kit.spec(wire, url, api_key_env="TEST_API_KEY")


def sdk_mode(request: Any) -> Any:
    """The request as the oracle is asked: a label is plain text whatever the mode."""
    import msgspec

    plain = request.output.format != "json"
    return msgspec.structs.replace(request, mode="prompt") if plain else request


@pytest.mark.parametrize(("output", "mode"), KINDS)
@pytest.mark.parametrize("stream", STREAMED)
async def test_chat_completions_goes_out_and_comes_back_as_with_the_sdk(
    kit: SimpleNamespace, output: str, mode: str, stream: bool
) -> None:
    """The openai SDK sends the same JSON and reads the same completion."""
    import openai

    data = (
        kit.http(kit.events(*CHAT_STREAM), kind="text/event-stream") if stream else kit.http(CHAT)
    )
    request = kit.request(output, mode=mode, stream=stream)
    async with kit.loopback(data) as server:
        completion = await kit.ask(local_spec(kit, "openai_chat", f"{server.url}/v1"), request)
        async with openai.AsyncOpenAI(
            api_key="sk-test-0123456789", base_url=f"{server.url}/v1", max_retries=0
        ) as client:
            given = chat_arguments(sdk_mode(request), kit.schema)
            if stream:
                given["stream_options"] = {"include_usage": True}
                stream_ = await client.chat.completions.create(**given, stream=True)
                chunks = [chunk async for chunk in stream_]
                answer = folded(chunks)
            else:
                answer = await client.chat.completions.create(**given)
    mine, theirs = server.heard
    assert theirs.body == mine.body
    assert theirs.path == mine.path
    assert theirs.headers["authorization"] == mine.headers["authorization"]
    assert chat_says(answer) == ours(completion)
    assert ours(completion) == ("Let me look.", CALLS, "tool_calls", "gpt-x-2026-01-01", TOKENS)
    assert (completion.system_fingerprint, completion.usage.cache_write) == ("fp_1", 4)
    assert (completion.ttft_ms is not None) == stream


def folded(chunks: list[Any]) -> Any:
    """A whole completion from the SDK's typed chunks, folded by the SDK's own accumulator."""
    from openai.lib.streaming.chat import ChatCompletionStreamState

    state: Any = ChatCompletionStreamState()
    for chunk in chunks:
        state.handle_chunk(chunk)
    return state.current_completion_snapshot


@pytest.mark.parametrize(("output", "mode"), KINDS)
@pytest.mark.parametrize("stream", STREAMED)
async def test_responses_goes_out_and_comes_back_as_with_the_sdk(
    kit: SimpleNamespace, output: str, mode: str, stream: bool
) -> None:
    """The openai SDK sends the same JSON and reads the same completion."""
    import openai

    body = kit.events(*RESPONSE_STREAM, named=True)
    data = kit.http(body, kind="text/event-stream") if stream else kit.http(RESPONSE)
    request = kit.request(output, mode=mode, stream=stream)
    async with kit.loopback(data) as server:
        completion = await kit.ask(local_spec(kit, "openai_responses", f"{server.url}/v1"), request)
        async with openai.AsyncOpenAI(
            api_key="sk-test-0123456789", base_url=f"{server.url}/v1", max_retries=0
        ) as client:
            given = response_arguments(sdk_mode(request), kit.schema)
            if stream:
                stream_ = await client.responses.create(**given, stream=True)
                answer = [event async for event in stream_][-1].response
            else:
                answer = await client.responses.create(**given)
    mine, theirs = server.heard
    assert theirs.body == mine.body
    assert theirs.path == mine.path
    assert response_says(answer) == ours(completion)
    assert ours(completion) == ("Let me look.", CALLS, "completed", "gpt-x-2026-01-01", TOKENS)
    assert (completion.reasoning, completion.finish_reason) == ("The city is Ulm.", "tool_calls")
    assert (completion.ttft_ms is not None) == stream


@pytest.mark.parametrize(("output", "mode"), KINDS)
@pytest.mark.parametrize("stream", STREAMED)
async def test_messages_goes_out_and_comes_back_as_with_the_sdk(
    kit: SimpleNamespace, output: str, mode: str, stream: bool
) -> None:
    """The anthropic SDK sends the same JSON and reads the same completion."""
    import anthropic

    body = kit.events(*MESSAGE_STREAM, named=True)
    data = kit.http(body, kind="text/event-stream") if stream else kit.http(MESSAGE)
    request = kit.request(output, mode=mode, stream=stream)
    async with kit.loopback(data) as server:
        completion = await kit.ask(local_spec(kit, "anthropic_messages", server.url), request)
        async with anthropic.AsyncAnthropic(
            api_key="sk-test-0123456789", base_url=server.url, max_retries=0
        ) as client:
            given = message_arguments(sdk_mode(request), kit.schema)
            if stream:
                async with client.messages.stream(**given) as stream_:
                    answer = await stream_.get_final_message()
            else:
                answer = await client.messages.create(**given)
    mine, theirs = server.heard
    assert theirs.body == mine.body
    assert theirs.path == mine.path
    assert theirs.headers["anthropic-version"] == mine.headers["anthropic-version"]
    assert message_says(answer) == ours(completion)
    assert ours(completion) == ("Let me look.", CALLS, "tool_use", "claude-x-2026-01-01", TOKENS)
    assert (completion.reasoning, completion.usage.cache_write) == ("The city is Ulm.", 4)
    assert ("prompt" if mode != "json_schema" or output != "json" else mode) == completion.mode_sent
    assert (completion.ttft_ms is not None) == stream


@pytest.mark.parametrize(("output", "mode"), KINDS)
@pytest.mark.parametrize("stream", STREAMED)
@pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")  # inside google-genai
async def test_gemini_goes_out_and_comes_back_as_with_the_sdk(
    kit: SimpleNamespace, output: str, mode: str, stream: bool
) -> None:
    """The google-genai SDK sends the same JSON and reads the same completion."""
    from google import genai
    from google.genai import types

    body = kit.events(*GEMINI_STREAM)
    data = kit.http(body, kind="text/event-stream") if stream else kit.http(GEMINI)
    request = kit.request(output, mode=mode, stream=stream)
    async with kit.loopback(data) as server:
        completion = await kit.ask(local_spec(kit, "gemini", server.url), request)
        options = types.HttpOptions(base_url=server.url, api_version="v1beta")
        client = genai.Client(api_key="sk-test-0123456789", http_options=options)
        config = gemini_config(types, sdk_mode(request), kit.schema)
        given = {"model": "the-model", "contents": "What is the total?", "config": config}
        if stream:
            stream_ = await client.aio.models.generate_content_stream(**given)
            chunks = [chunk async for chunk in stream_]
            answer = chunks[-1]
            whole = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
            answer.candidates[0].content.parts = whole
        else:
            answer = await client.aio.models.generate_content(**given)
        await client.aio.aclose()
        client.close()
    mine, theirs = server.heard
    # The SDK writes this one name as in the proto file; JSON for protobuf takes both spellings.
    assert (
        json.loads(theirs.raw.replace(b"parameters_json_schema", b"parametersJsonSchema"))
        == mine.body
    )
    assert theirs.path == mine.path
    assert theirs.headers["x-goog-api-key"] == mine.headers["x-goog-api-key"]
    assert gemini_says(answer) == ours(completion)
    assert ours(completion) == ("Let me look.", CALLS, "STOP", "gemini-x-001", TOKENS)
    assert (completion.reasoning, completion.finish_reason) == ("The city is Ulm.", "tool_calls")
    assert (completion.ttft_ms is not None) == stream


def gemini_config(types: Any, request: Any, schema: Any) -> Any:
    given: dict[str, Any] = {
        "system_instruction": "You read invoices.",
        "temperature": 0,
        "max_output_tokens": 64,
    }
    if request.output.format == "tool_calls":
        function = request.output.tools[0]["function"]
        declared = types.FunctionDeclaration(
            name=function["name"],
            description=function["description"],
            parameters_json_schema=function["parameters"],
        )
        given["tools"] = [types.Tool(function_declarations=[declared])]
        given["automatic_function_calling"] = {"disable": True}
    if request.mode != "prompt":
        given["response_mime_type"] = "application/json"
    if request.mode == "json_schema":
        given["response_json_schema"] = schema
    return types.GenerateContentConfig(**given)
