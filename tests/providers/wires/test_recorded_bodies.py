"""Bodies in the shapes that vendors and servers document, and what each of them says."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from evalkit.core.errors import ProviderError
from evalkit.core.ports import WireResponse
from evalkit.core.records import Completion, ToolCall, Usage
from evalkit.providers import anthropic_messages, gemini, openai_chat, openai_responses
from evalkit.providers.wire import StreamDecoder, Wire, decode

HEADERS = {
    "x-request-id": "req_1",
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-remaining-tokens": "900",
    "content-type": "application/json",
}
CHAT, RESPONSES = openai_chat.WIRE, openai_responses.WIRE
MESSAGES, GEMINI = anthropic_messages.WIRE, gemini.WIRE


def read(wire: Wire, body: Any) -> Completion:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return decode(wire, WireResponse(200, HEADERS, data, 12.5))


def streamed(wire: Wire, kit: SimpleNamespace, *items: Any) -> Completion:
    decoder = StreamDecoder(wire)
    decoder.feed(kit.events(*items), 3.0)
    return decoder.completion(WireResponse(200, HEADERS, b"", 12.5))


def chat(message: dict[str, Any], finish: Any = "stop", **outer: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}], **outer}


def candidate(*parts: dict[str, Any], finish: str | None = "STOP", **outer: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": finish}], **outer}


def message(*blocks: dict[str, Any], stop: str = "end_turn", **outer: Any) -> dict[str, Any]:
    return {"type": "message", "content": list(blocks), "stop_reason": stop, **outer}


def item(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "content": list(parts)}


# (wire, body, what the completion says in the named fields)
TABLE: list[tuple[Wire, dict[str, Any], dict[str, Any]]] = [
    # OpenAI chat completions and those who imitate it
    (CHAT, chat({"content": "hi"}), {"text": "hi", "finish_reason": "stop", "refusal": None}),
    (CHAT, chat({"content": None}), {"text": "", "reasoning": None}),
    (CHAT, chat({}), {"text": ""}),
    (CHAT, chat({"content": "cut"}, "length"), {"finish_reason": "length"}),
    (CHAT, chat({"content": "x"}, "eos_token"), {"finish_reason": "other"}),
    (CHAT, chat({"content": "x"}, None), {"finish_reason": None, "finish_reason_raw": None}),
    (
        CHAT,
        chat({"content": None, "refusal": "I can't help with that."}),
        {"refusal": "I can't help with that.", "text": "", "finish_reason": "stop"},
    ),
    (
        CHAT,
        chat({"content": "half"}, "content_filter"),
        {"refusal": "content_filter", "finish_reason": "content_filter", "text": "half"},
    ),
    (
        CHAT,  # DeepSeek, older vLLM
        chat({"content": "4", "reasoning_content": "2+2"}),
        {"text": "4", "reasoning": "2+2"},
    ),
    (CHAT, chat({"content": "4", "reasoning": "2+2"}), {"text": "4", "reasoning": "2+2"}),
    (CHAT, chat({"content": "<think>2+2</think>4"}), {"text": "<think>2+2</think>4"}),
    (
        CHAT,  # Mistral's reasoning models
        chat(
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "2+2"}]},
                    {"type": "text", "text": "4"},
                    {"type": "text", "text": "."},
                ]
            }
        ),
        {"text": "4.", "reasoning": "2+2"},
    ),
    (
        CHAT,
        chat({"content": [{"type": "refusal", "refusal": "no"}]}),
        {"text": "", "refusal": "no"},
    ),
    (
        CHAT,
        chat({"function_call": {"name": "f", "arguments": "{}"}}, "function_call"),
        {
            "tool_calls": (ToolCall(name="f", arguments="{}"),),
            "finish_reason": "tool_calls",
        },
    ),
    (
        CHAT,  # arguments as an object, and as broken text: both are kept as text
        chat(
            {
                "tool_calls": [
                    {"id": "1", "function": {"name": "f", "arguments": {"b": 1, "a": 2}}},
                    {"id": "2", "function": {"name": "g", "arguments": '{"a": '}},
                ]
            }
        ),
        {
            "tool_calls": (
                ToolCall(name="f", arguments='{"a":2,"b":1}', id="1"),
                ToolCall(name="g", arguments='{"a": ', id="2"),
            )
        },
    ),
    (
        CHAT,  # DeepSeek's cache
        chat(
            {"content": "x"},
            usage={
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_cache_hit_tokens": 6,
                "prompt_cache_miss_tokens": 4,
            },
        ),
        {"usage": Usage(input=10, output=5, cache_read=6)},
    ),
    (
        CHAT,  # a server whose completion tokens leave reasoning out: the total shows it
        chat(
            {"content": "x"},
            usage={
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 22,
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
        ),
        {"usage": Usage(input=10, output=12, reasoning=7)},
    ),
    (
        CHAT,  # odd numbers are no counts
        chat({"content": "x"}, usage={"prompt_tokens": -1, "completion_tokens": "5"}),
        {"usage": Usage()},
    ),
    (CHAT, chat({"content": "x"}, usage=None), {"usage": None}),
    (
        CHAT,
        chat({"content": "x"}, model="m-1", service_tier="flex", system_fingerprint="fp"),
        {"model_returned": "m-1", "service_tier": "flex", "system_fingerprint": "fp"},
    ),
    # OpenAI responses
    (
        RESPONSES,
        {"status": "completed", "output": [item({"type": "output_text", "text": "hi"})]},
        {"text": "hi", "finish_reason": "stop"},
    ),
    (
        RESPONSES,
        {"status": "completed", "output": [item({"type": "refusal", "refusal": "no"})]},
        {"text": "", "refusal": "no"},
    ),
    (
        RESPONSES,
        {
            "status": "incomplete",
            "incomplete_details": {"reason": "max_output_tokens"},
            "output": [item({"text": "cut"})],
        },
        {"text": "cut", "finish_reason": "length", "finish_reason_raw": "max_output_tokens"},
    ),
    (
        RESPONSES,
        {
            "status": "incomplete",
            "incomplete_details": {"reason": "content_filter"},
            "output": [],
        },
        {"refusal": "content_filter", "finish_reason": "content_filter"},
    ),
    # Anthropic messages
    (MESSAGES, message({"type": "text", "text": "hi"}), {"text": "hi", "finish_reason": "stop"}),
    (MESSAGES, message(stop="max_tokens"), {"text": "", "finish_reason": "length"}),
    (MESSAGES, message(stop="model_context_window_exceeded"), {"finish_reason": "length"}),
    (MESSAGES, message(stop="pause_turn"), {"finish_reason": "other"}),
    (
        MESSAGES,
        message(stop="refusal", stop_details={"type": "refusal", "category": "bio"}),
        {"refusal": "bio", "finish_reason": "refusal"},
    ),
    (MESSAGES, message(stop="refusal"), {"refusal": "refusal", "finish_reason": "refusal"}),
    (
        MESSAGES,
        message(
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "redacted_thinking", "data": "abc"},
            {"type": "text", "text": "4"},
        ),
        {"text": "4", "reasoning": "hm"},
    ),
    (
        MESSAGES,
        message(
            usage={
                "input_tokens": 5,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 20,
                "output_tokens": 7,
            }
        ),
        {"usage": Usage(input=125, output=7, cache_read=100, cache_write=20)},
    ),
    (
        MESSAGES,
        message(usage={"input_tokens": 5, "output_tokens": 7}),
        {"usage": Usage(input=5, output=7)},
    ),
    # Gemini
    (GEMINI, candidate({"text": "hi"}), {"text": "hi", "finish_reason": "stop"}),
    (GEMINI, candidate(finish="MAX_TOKENS"), {"text": "", "finish_reason": "length"}),
    (GEMINI, candidate(finish="MALFORMED_FUNCTION_CALL"), {"finish_reason": "other"}),
    (
        GEMINI,
        candidate(finish="SAFETY"),
        {"refusal": "SAFETY", "finish_reason": "content_filter"},
    ),
    (GEMINI, candidate(finish="PROHIBITED_CONTENT"), {"refusal": "PROHIBITED_CONTENT"}),
    (
        GEMINI,
        {"promptFeedback": {"blockReason": "BLOCKLIST"}, "usageMetadata": {"promptTokenCount": 4}},
        {"refusal": "BLOCKLIST", "text": "", "usage": Usage(input=4)},
    ),
    (
        GEMINI,
        candidate({"text": "hm", "thought": True}, {"text": "4"}),
        {"text": "4", "reasoning": "hm"},
    ),
    (
        GEMINI,
        candidate({"functionCall": {"name": "now"}}),
        {"tool_calls": (ToolCall(name="now", arguments="{}"),), "finish_reason": "tool_calls"},
    ),
    (
        GEMINI,  # zeros are left out on this wire; the total tells
        candidate(usageMetadata={"promptTokenCount": 4, "totalTokenCount": 4}),
        {"usage": Usage(input=4, output=0)},
    ),
    (
        GEMINI,
        candidate(
            usageMetadata={
                "promptTokenCount": 10,
                "cachedContentTokenCount": 6,
                "toolUsePromptTokenCount": 2,
                "candidatesTokenCount": 3,
                "thoughtsTokenCount": 4,
                "totalTokenCount": 19,
            }
        ),
        {"usage": Usage(input=12, output=7, cache_read=6, reasoning=4)},
    ),
]


@pytest.mark.parametrize(("wire", "body", "said"), TABLE)
def test_a_documented_body_says_what_it_says(
    wire: Wire, body: dict[str, Any], said: dict[str, Any]
) -> None:
    """Text, reasoning, refusal, calls, finish reason and tokens, normalised."""
    completion = read(wire, body)
    assert said == {name: getattr(completion, name) for name in said}


@pytest.mark.parametrize("wire", [CHAT, RESPONSES, MESSAGES, GEMINI], ids=lambda wire: wire.name)
def test_headers_give_request_id_quota_and_time(wire: Wire) -> None:
    """Lower-case names, only those that speak of quotas."""
    bodies = {
        "openai_chat": chat({"content": "x"}),
        "openai_responses": {"output": []},
        "anthropic_messages": message(),
        "gemini": candidate({"text": "x"}),
    }
    completion = read(wire, bodies[wire.name])
    assert (
        completion.request_id,
        completion.http_status,
        completion.service_ms,
        completion.ttft_ms,
    ) == ("req_1", 200, 12.5, None)
    assert completion.quota == {
        "x-ratelimit-limit-requests": "500",
        "x-ratelimit-remaining-tokens": "900",
    }


@pytest.mark.parametrize(
    ("wire", "body", "kind"),
    [
        (CHAT, {"error": {"code": 502, "message": "Provider returned error"}}, "server_error"),
        (CHAT, {"choices": [{"error": {"code": 429, "message": "slow"}}]}, "rate_limited"),
        (CHAT, {"choices": []}, "bad_body"),
        (CHAT, {"choices": [{"index": 0}]}, "bad_body"),
        (RESPONSES, {"status": "failed", "error": {"code": "server_error"}}, "server_error"),
        (RESPONSES, {"status": "failed", "error": {"code": "rate_limit_exceeded"}}, "rate_limited"),
        (RESPONSES, {"status": "in_progress", "output": []}, "bad_body"),
        (RESPONSES, {"status": "completed"}, "bad_body"),
        (MESSAGES, {"type": "error", "error": {"type": "overloaded_error"}}, "server_error"),
        (MESSAGES, {"type": "message"}, "bad_body"),
        (GEMINI, {"error": {"code": 503, "status": "UNAVAILABLE"}}, "server_error"),
        (GEMINI, {"usageMetadata": {}}, "bad_body"),
    ],
)
def test_a_200_without_an_answer_is_a_failure_of_its_kind(
    wire: Wire, body: dict[str, Any], kind: str
) -> None:
    """Reported failures keep their kind; what is no answer at all is a bad body."""
    with pytest.raises(ProviderError) as caught:
        read(wire, body)
    assert kind == caught.value.kind


@pytest.mark.parametrize(
    ("wire", "item_"),
    [
        (CHAT, {"error": {"message": "Rate limit", "code": "rate_limit_exceeded"}}),
        (RESPONSES, {"type": "error", "code": "rate_limit_exceeded", "message": "slow down"}),
        (MESSAGES, {"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}),
        (GEMINI, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "slow"}}),
    ],
)
def test_a_failure_inside_a_stream_has_its_kind(
    wire: Wire, item_: dict[str, Any], kit: SimpleNamespace
) -> None:
    """After 200 and half an answer the provider may still give up."""
    with pytest.raises(ProviderError) as caught:
        streamed(wire, kit, item_)
    assert caught.value.kind == "rate_limited"


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields}]}


def test_interleaved_tool_calls_are_merged_by_index(kit: SimpleNamespace) -> None:
    """Two calls whose pieces alternate."""

    def piece(index: int, arguments: str, **first: Any) -> dict[str, Any]:
        function = {"arguments": arguments, **({"name": first["name"]} if first else {})}
        return {"index": index, "function": function, **({"id": first["id"]} if first else {})}

    completion = streamed(
        CHAT,
        kit,
        delta(tool_calls=[piece(0, "", name="f", id="a"), piece(1, "", name="g", id="b")]),
        delta(tool_calls=[piece(1, '{"y"')]),
        delta(tool_calls=[piece(0, '{"x": 1}')]),
        delta(tool_calls=[piece(1, ": 2}")]),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
    )
    assert (
        ToolCall(name="f", arguments='{"x": 1}', id="a"),
        ToolCall(name="g", arguments='{"y": 2}', id="b"),
    ) == completion.tool_calls


def test_tool_calls_without_an_index_are_told_apart_by_id(kit: SimpleNamespace) -> None:
    """Some servers send each call whole and leave the index out."""
    completion = streamed(
        CHAT,
        kit,
        delta(tool_calls=[{"id": "a", "function": {"name": "f", "arguments": "{}"}}]),
        delta(tool_calls=[{"id": "b", "function": {"name": "g", "arguments": "{}"}}]),
        "[DONE]",
    )
    assert [called.name for called in completion.tool_calls] == ["f", "g"]


def test_streamed_reasoning_starts_the_clock_and_stands_apart(kit: SimpleNamespace) -> None:
    """The first token of a reasoning model is a reasoning token; an empty role delta is none."""
    decoder = StreamDecoder(CHAT)
    decoder.feed(kit.events(delta(role="assistant", content="")), 1.0)
    decoder.feed(kit.events(delta(reasoning_content="2+2")), 2.0)
    decoder.feed(kit.events(delta(content="4"), "[DONE]"), 3.0)
    completion = decoder.completion(WireResponse(200, {}, b"", 4.0))
    assert (
        completion.text,
        completion.reasoning,
        completion.ttft_ms,
        completion.service_ms,
    ) == ("4", "2+2", 2.0, 4.0)


def test_keep_alive_comments_are_no_content(kit: SimpleNamespace) -> None:
    """OpenRouter sends comment lines while it waits for a provider."""
    decoder = StreamDecoder(CHAT)
    decoder.feed(b": OPENROUTER PROCESSING\n\n", 1.0)
    decoder.feed(kit.events(delta(content="x"), "[DONE]"), 2.0)
    assert decoder.completion(WireResponse(200, {}, b"", 3.0)).ttft_ms == 2.0


def test_a_response_whose_last_event_holds_no_items_is_read_from_the_items(
    kit: SimpleNamespace,
) -> None:
    """The items came one by one; the last event of some servers repeats none."""
    completion = streamed(
        RESPONSES,
        kit,
        {"type": "response.output_item.done", "item": item({"text": "hi"})},
        {"type": "response.completed", "response": {"status": "completed", "output": []}},
    )
    assert completion.text == "hi"


def test_cut_tool_arguments_of_a_message_stay_raw(kit: SimpleNamespace) -> None:
    """Stopped by length in the middle of its arguments: the grader sees what there is."""
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    completion = streamed(
        MESSAGES,
        kit,
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": {"partial_json": '{"city": "U'}},
        {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}},
        {"type": "message_stop"},
    )
    assert completion.tool_calls[0].arguments == '{"city": "U'
    assert completion.finish_reason == "length"


def test_a_blocked_gemini_stream_is_a_refusal(kit: SimpleNamespace) -> None:
    """The only chunk holds the reason."""
    completion = streamed(GEMINI, kit, {"promptFeedback": {"blockReason": "SAFETY"}})
    assert completion.refusal == "SAFETY"
