"""Whatever a server sends, a wire gives a Completion or a ProviderError, never anything else."""

from __future__ import annotations

import json
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalkit.core.errors import ProviderError
from evalkit.core.ports import WireResponse
from evalkit.core.records import Completion
from evalkit.providers import anthropic_messages, gemini, openai_chat, openai_responses
from evalkit.providers.sse import SseParser
from evalkit.providers.wire import StreamDecoder, Wire, decode

WIRES = [openai_chat.WIRE, openai_responses.WIRE, anthropic_messages.WIRE, gemini.WIRE]
# The names that mean something on some wire, so that the fuzz gets past the front door.
NAMES = [
    *("choices", "message", "delta", "content", "tool_calls", "function", "arguments", "name"),
    *("text", "type", "usage", "prompt_tokens", "error", "code", "finish_reason", "index", "id"),
    *("output", "status", "item", "response", "input", "stop_reason", "content_block", "role"),
    *("candidates", "parts", "finishReason", "promptFeedback", "blockReason", "usageMetadata"),
    *(
        "functionCall",
        "args",
        "thought",
        "thinking",
        "refusal",
        "partial_json",
        "incomplete_details",
    ),
]
WORDS = ["text", "message", "tool_use", "function_call", "reasoning", "completed", "STOP", "0"]
EVENT_TYPES = [
    *("message_start", "content_block_start", "content_block_delta", "message_delta", "error"),
    *("message_stop", "response.output_item.done", "response.completed", "response.failed"),
    *("response.output_text.delta", "response.incomplete", "ping"),
]
texts = st.one_of(st.sampled_from(WORDS + EVENT_TYPES), st.text(max_size=5), st.just("\ud800"))
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=3)), inner, max_size=5),
    ),
    max_leaves=12,
)


def shaped(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Documents with the outer shape of an answer and anything inside."""
    part = st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    choice = st.fixed_dictionaries({"message": part}, optional={"delta": part, "index": inner})
    return st.one_of(
        st.fixed_dictionaries({"choices": st.lists(choice, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"output": st.lists(part, max_size=2)}, optional={"status": inner}),
        st.fixed_dictionaries({"content": st.lists(part, max_size=2)}, optional={"usage": part}),
        st.fixed_dictionaries(
            {"candidates": st.lists(st.fixed_dictionaries({"content": part}), max_size=2)}
        ),
        st.fixed_dictionaries({"type": st.sampled_from(EVENT_TYPES)}, optional={"delta": part}),
    )


documents = st.one_of(values, shaped(values)).map(lambda value: json.dumps(value).encode())
calm = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def response(body: bytes) -> WireResponse:
    return WireResponse(200, {"x-request-id": "r\udc80"}, body, 1.0)


def storable(completion: Completion) -> None:
    """A completion that the journal can write and read again."""
    line = msgspec.json.encode(completion)
    assert completion == msgspec.json.decode(line, type=Completion)


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
@calm
@given(body=st.one_of(documents, st.binary(max_size=60)))
def test_any_body_is_a_completion_or_a_provider_error(wire: Wire, body: bytes) -> None:
    """Arbitrary JSON and arbitrary bytes."""
    with suppress(ProviderError):
        storable(decode(wire, response(body)))


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
@calm
@given(bodies=st.lists(documents, max_size=4), noise=st.binary(max_size=20))
def test_any_stream_is_a_completion_or_a_provider_error(
    wire: Wire, bodies: list[bytes], noise: bytes
) -> None:
    """Arbitrary events, with arbitrary bytes among them."""
    decoder = StreamDecoder(wire)
    with suppress(ProviderError):
        for body in bodies:
            decoder.feed(b"data: " + body + b"\n\n" + noise)
        storable(decoder.completion(response(b"")))


@pytest.mark.parametrize("depth", [2_000, 200_000])
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_deep_nesting_is_a_bad_body(wire: Wire, depth: int) -> None:
    """No recursion error escapes."""
    with pytest.raises(ProviderError) as caught:
        decode(wire, response(b'{"error": ' * depth + b"1" + b"}" * depth))
    assert caught.value.kind == "bad_body"


STREAMS = {
    "openai_chat": [
        {"model": "m", "choices": [{"index": 0, "delta": {"content": "Grüße, "}}]},
        {"choices": [{"index": 0, "delta": {"content": "Welt 😀"}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
        "[DONE]",
    ],
    "openai_responses": [
        {"type": "response.output_text.delta", "delta": "Grüße"},
        {
            "type": "response.completed",
            "response": {"status": "completed", "output": [{"content": [{"text": "Grüße 😀"}]}]},
        },
    ],
    "anthropic_messages": [
        {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 3}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"text": "Grüße 😀"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    ],
    "gemini": [
        {"candidates": [{"content": {"parts": [{"text": "Grüße "}]}}]},
        {"candidates": [{"content": {"parts": [{"text": "😀"}]}, "finishReason": "STOP"}]},
    ],
}


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_stream_split_anywhere_is_the_same_answer(
    wire: Wire, kit: SimpleNamespace, data: st.DataObject
) -> None:
    """Chunk boundaries are the network's, and mean nothing; line ends may be any of three."""
    body = kit.events(*STREAMS[wire.name], named=data.draw(st.booleans()))
    body = body.replace(b"\n", data.draw(st.sampled_from([b"\n", b"\r\n", b"\r"])))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(body)), max_size=12)))
    pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    whole, split = StreamDecoder(wire), StreamDecoder(wire)
    whole.feed(body)
    for piece in pieces:
        split.feed(piece)
    expected = whole.completion(response(b""))
    assert expected == split.completion(response(b""))
    assert expected.text.startswith("Grüße")


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_a_stream_cut_before_its_end_is_a_broken_connection(
    wire: Wire, kit: SimpleNamespace
) -> None:
    """Wherever it is cut: no SDK says so, and half an answer must not be graded as one."""
    ended = {"openai_chat": 2, "anthropic_messages": 4}  # events after these add nothing but usage
    items = STREAMS[wire.name]
    last = len(kit.events(*items[: ended.get(wire.name, len(items))])) - 3
    body = kit.events(*items)
    for cut in range(last):
        decoder = StreamDecoder(wire)
        decoder.feed(body[:cut])
        with pytest.raises(ProviderError) as caught:
            decoder.completion(response(b""))
        assert caught.value.kind == "connection"


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=80), cut=st.integers(0, 80))
def test_the_parser_takes_any_bytes_at_any_boundary(body: bytes, cut: int) -> None:
    """The same events, however the bytes come."""
    one, two = SseParser(), SseParser()
    expected = [*one.feed(body), *one.flush()]
    assert expected == [*two.feed(body[:cut]), *two.feed(body[cut:]), *two.flush()]


@pytest.mark.parametrize(
    ("pieces", "events"),
    [
        ([b"data: a\r", b"data: b"], [("message", b"a\nb")]),
        ([b"data: a\r", b"\ndata: b\n\n"], [("message", b"a\nb")]),
        ([b"\xef\xbb", b"\xbfdata:a\n\n"], [("message", b"a")]),
        ([b"event: x\nid: 1\nretry: 5\ndata: a\n\n"], [("x", b"a")]),
        ([b": comment\n\nevent: x\n\ndata:  a\n\n"], [("message", b" a")]),
        ([b"data\n\n"], [("message", b"")]),
        ([b"data: a"], [("message", b"a")]),
    ],
)
def test_the_parser_reads_the_format_as_it_is_defined(
    pieces: list[bytes], events: list[tuple[str, bytes]]
) -> None:
    """Line ends cut in two, a byte order mark, comments, other fields, an end without a blank."""
    parser = SseParser()
    found = [event for piece in pieces for event in parser.feed(piece)]
    assert events == [*found, *parser.flush()]
