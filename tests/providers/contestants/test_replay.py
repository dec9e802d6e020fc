"""Recorded answers: replayed as recorded, refused where a line is bad, skipped where one lacks."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evalkit.core.errors import ConfigError, NotRecorded, ProviderError
from evalkit.core.records import OutputSpec, ToolCall, Usage
from evalkit.core.schemas import schema_of
from evalkit.providers import recording
from evalkit.providers.recording import open_recording
from evalkit.providers.replay import Replay, recorded_models

pytestmark = pytest.mark.anyio

LINE = {"sample_id": "1", "model": "m", "text": "yes"}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def writing(*lines: Any) -> Path:
        path = tmp_path / "recordings.jsonl"
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        path.write_text("\n".join(texts) + "\n")
        return path

    return writing


@pytest.fixture
def replay(kit: SimpleNamespace, write: Write) -> Callable[..., Any]:
    async def opened(*lines: Any) -> Replay:
        contestant = Replay(kit.spec("replay", provider_options={"path": str(write(*lines))}))
        await contestant.open(kit.suite())
        return contestant

    return opened


async def test_an_answer_carries_what_was_recorded_and_nothing_else(
    kit: SimpleNamespace, replay: Any
) -> None:
    """Latency, usage and cost are the recording's; what it does not say stays unknown."""
    full = {
        **LINE,
        "usage": {"input": 10, "output": 2},
        "finish_reason": "end_turn",
        "service_ms": 812.5,
        "ttft_ms": 90,
        "http_status": 200,
        "model_returned": "m-2026",
        "recorded_at": "2026-05-01T10:00:00Z",
        "cost_usd": 0.002,
        "structured_honoured": "json_schema",
        "somebody_elses_key": {"is": "ignored"},
    }
    contestant = await replay(full, {"sample_id": 2, "model": "m", "refusal": "no"})
    answer = await contestant.complete(kit.request())
    assert (
        answer.text,
        answer.recorded,
        answer.finish_reason,
        answer.finish_reason_raw,
    ) == ("yes", True, "stop", "end_turn")
    assert Usage(input=10, output=2) == answer.usage
    assert (answer.service_ms, answer.ttft_ms, answer.cost_usd) == (812.5, 90, 0.002)
    assert (answer.model_returned, answer.recorded_at) == ("m-2026", "2026-05-01T10:00:00Z")
    assert answer.mode_sent == "json_schema"
    bare = await contestant.complete(kit.request(sample_id="2"))
    assert (
        bare.text,
        bare.refusal,
        bare.service_ms,
        bare.usage,
        bare.cost_usd,
    ) == ("", "no", None, None, None)


async def test_what_was_not_recorded_is_said_to_be_so(kit: SimpleNamespace, replay: Any) -> None:
    """Another sample, another repeat: skipped, never wrong."""
    contestant = await replay(LINE)
    for change in ({"sample_id": "9"}, {"repeat": 2}):
        with pytest.raises(NotRecorded):
            await contestant.complete(kit.request(**change))


async def test_a_line_for_this_suite_goes_before_one_for_any(
    kit: SimpleNamespace, replay: Any
) -> None:
    """`suite` narrows; a line without it serves all suites; another suite's line serves none."""
    contestant = await replay(
        {**LINE, "text": "any"},
        {**LINE, "suite": "s", "text": "own"},
        {**LINE, "suite": "t", "sample_id": "2"},
        {**LINE, "repeat": 2, "text": "second"},
    )
    asked = [{"suite": "s"}, {"suite": "x"}, {"suite": "x", "repeat": 2}]
    answers = [(await contestant.complete(kit.request(**a))).text for a in asked]
    assert answers == ["own", "any", "second"]
    with pytest.raises(NotRecorded):
        await contestant.complete(kit.request(sample_id="2"))


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        ({"http_status": 429}, "rate_limited"),
        ({"http_status": 503}, "server_error"),
        ({"http_status": 408}, "timeout"),
        ({"http_status": 401}, "auth"),
        ({"http_status": 422}, "rejected"),
        ({"error": "Request timed out."}, "timeout"),
        ({"error": "Connection reset by peer"}, "connection"),
        ({"error": "context_length: too long", "http_status": 400}, "context_length"),
        ({"error": {"type": "overloaded"}}, "server_error"),
    ],
)
async def test_a_recorded_failure_is_one_and_is_not_tried_again(
    kit: SimpleNamespace, replay: Any, failure: dict[str, Any], kind: str
) -> None:
    """Its time is the recording's."""
    contestant = await replay({"sample_id": "1", "model": "m", "service_ms": 77, **failure})
    with pytest.raises(ProviderError) as failed:
        await contestant.complete(kit.request())
    assert (kind, 77) == (failed.value.kind, failed.value.service_ms)
    assert (failed.value.recorded, failed.value.may_retry) == (True, False)


async def test_a_recorded_failure_keeps_what_it_cost(kit: SimpleNamespace, replay: Any) -> None:
    """A failed call may have been billed; what the line does not say stays unknown."""
    billed = {
        "usage": {"input": 10, "output": 0},
        "cost_usd": 0.002,
        "recorded_at": "2026-05-01T10:00:00Z",
        "model_returned": "m-2026",
    }
    contestant = await replay(
        {"sample_id": "1", "model": "m", "error": "boom", **billed},
        {"sample_id": "2", "model": "m", "http_status": 500},
    )
    with pytest.raises(ProviderError) as caught:
        await contestant.complete(kit.request())
    error = caught.value
    assert (Usage(input=10, output=0), 0.002) == (error.usage, error.cost_usd)
    assert (error.recorded_at, error.model_returned) == ("2026-05-01T10:00:00Z", "m-2026")
    with pytest.raises(ProviderError) as caught:
        await contestant.complete(kit.request(sample_id="2"))
    assert (caught.value.usage, caught.value.cost_usd) == (None, None)
    assert (caught.value.recorded_at, caught.value.model_returned) == (None, None)


@pytest.mark.parametrize(
    ("recorded", "kind", "told"),
    [
        ("boom", "server_error", "recorded: boom"),
        ("server_error: recorded: boom", "server_error", "recorded: boom"),
        ("timeout: recorded: server_error: recorded: boom", "timeout", "recorded: boom"),
        ("recorded: auth: p:m: HTTP 401", "auth", "recorded: p:m: HTTP 401"),
        ("timeout", "timeout", "recorded: timeout"),
        ("authority: gone", "server_error", "recorded: authority: gone"),
    ],
)
async def test_an_error_text_does_not_grow_when_it_is_exported_and_replayed(
    kit: SimpleNamespace, replay: Any, recorded: str, kind: str, told: str
) -> None:
    """The kind is read off, once, and what export and replay put before a text is taken off."""
    contestant = await replay({"sample_id": "1", "model": "m", "error": recorded})
    with pytest.raises(ProviderError) as caught:
        await contestant.complete(kit.request())
    assert (kind, told) == (caught.value.kind, str(caught.value))


@pytest.mark.parametrize(
    "name", ["serivce_ms", "service-ms", "ServiceMs", "service_m", "cost_used"]
)
def test_a_misspelled_key_is_refused_with_the_one_meant(write: Write, name: str) -> None:
    """Its figure would be missing without a word."""
    path = write(LINE, {**LINE, "sample_id": "2", name: 5})
    with pytest.raises(ConfigError) as refused:
        recorded_models(path)
    meant = "cost_usd" if name.startswith("cost") else "service_ms"
    telling = f"{path}:2: unknown key {name!r}; did you mean {meant!r}?"
    assert str(refused.value).startswith(telling)


def test_keys_of_other_tools_are_ignored(write: Write) -> None:
    """Also where they begin like a known key, or stand beside the one that they resemble."""
    others = ("finish_reason_raw", "recorded_by", "latency", "models", "created_at", "id", "prompt")
    assert recorded_models(write({**LINE, **dict.fromkeys(others, 1)})) == ("m",)


def test_every_key_of_the_format_is_known() -> None:
    """The schema that documents a line and the reader name the same keys."""
    assert set(schema_of("recording")["properties"]) == recording._KNOWN


async def test_tool_calls_are_read_in_both_forms(kit: SimpleNamespace, replay: Any) -> None:
    """Plain and as OpenAI writes them; arguments as text or object."""
    calls = [
        {"name": "f", "arguments": {"x": 1}},
        {"name": "f", "arguments": "{bad"},
        {"id": "c1", "type": "function", "function": {"name": "g", "arguments": '{"y": 2}'}},
    ]
    contestant = await replay({"sample_id": "1", "model": "m", "tool_calls": calls})
    answer = await contestant.complete(kit.request())
    assert (
        ToolCall(name="f", arguments='{"x": 1}'),
        ToolCall(name="f", arguments="{bad"),
        ToolCall(name="g", arguments='{"y": 2}', id="c1"),
    ) == answer.tool_calls


async def test_a_recording_without_a_call_is_an_answer_where_calls_are_asked_for(
    kit: SimpleNamespace, replay: Any
) -> None:
    """`[]` says that no call was made; an empty text beside it says that nothing came."""
    asked = kit.request(output=OutputSpec(format="tool_calls"))
    line = {"sample_id": "1", "model": "m", "tool_calls": []}
    assert (await (await replay(line)).complete(asked)).text == "[]"
    assert (await (await replay({**line, "text": ""})).complete(asked)).text == ""
    assert (await (await replay(line)).complete(kit.request())).text == ""


@pytest.mark.parametrize(
    ("bad", "telling"),
    [
        ("{", "the line is not JSON"),
        ("[1]", "a line must be a JSON object, got [1]"),
        ({**LINE, "sample_id": ""}, "`sample_id` must be a text, got ''"),
        ({"sample_id": "2", "text": "x"}, "`model` must be a text, got None"),
        ({**LINE, "repeat": 0}, "`repeat` must be a whole number >= 1, got 0"),
        ({**LINE, "suite": 3}, "`suite` must be a text or absent, got 3"),
        ({"sample_id": "2", "model": "m"}, "it holds no answer, got model, repeat, sample_id"),
        ({**LINE, "text": {"a": 1}}, "`text` must be a text"),
        ({**LINE, "tool_calls": [{"arguments": {}}]}, "`tool_calls` must be a list of"),
        ({**LINE, "usage": {"prompt_tokens": 3}}, "`usage` has 'prompt_tokens'; allowed: input"),
        ({**LINE, "usage": {"input": -3}}, "`usage.input` must be a whole number >= 0, got -3"),
        ({**LINE, "usage": {"input": 1.5}}, "`usage.input` must be a whole number >= 0, got 1.5"),
        ({**LINE, "usage": {"input": 3, "cache_read": 4}}, "got 4 of 3; allowed: at most"),
        ({**LINE, "service_ms": "12"}, "`service_ms` must be a number >= 0, got '12'"),
        ({**LINE, "cost_usd": -1}, "`cost_usd` must be a number >= 0, got -1"),
        ({**LINE, "recorded_at": "yesterday"}, "`recorded_at` must be ISO 8601"),
        ({**LINE, "http_status": 99}, "`http_status` must be from 100 to 599, got 99"),
        ('{"sample_id": "2", "model": "m", "text": "x", "service_ms": NaN}', "not JSON"),
        (LINE, "a trial is recorded twice, got sample '1', model 'm', repeat 1 again"),
    ],
)
def test_a_bad_line_is_refused_with_its_place(write: Write, bad: Any, telling: str) -> None:
    """`file:line: what, got; allowed`, before anything is replayed; blank lines count."""
    path = write(LINE, "", bad)
    with pytest.raises(ConfigError) as refused:
        recorded_models(path)
    assert f"{path}:3: " in str(refused.value)
    assert telling in str(refused.value)


def test_models_stand_in_the_order_of_the_file(write: Write, tmp_path: Path) -> None:
    """For whoever lists what a recording holds."""
    path = write(*({**LINE, "model": name} for name in ("zeta", "alpha@json_schema", "mid")))
    assert recorded_models(path) == ("zeta", "alpha@json_schema", "mid")
    assert recorded_models(write()) == ()
    with pytest.raises(ConfigError, match="no such file"):
        recorded_models(tmp_path / "none.jsonl")


async def test_a_model_that_was_not_recorded_is_refused_at_once(
    kit: SimpleNamespace, write: Write
) -> None:
    """With the names that are there."""
    spec = kit.spec("replay", "other", provider_options={"path": str(write(LINE))})
    with pytest.raises(ConfigError, match="holds no model 'other'; it has: m"):
        await Replay(spec).open(kit.suite())


async def test_identity_is_the_file_and_there_are_no_modes(
    kit: SimpleNamespace, replay: Any
) -> None:
    """Another recording, another identity."""
    first = (await replay(LINE)).identity
    second = await replay({**LINE, "text": "no"})
    assert first != second.identity
    assert second.modes == ()


def test_a_large_recording_is_not_held_in_memory(tmp_path: Path) -> None:
    """20 MB of texts cost less than 2 MB once they are indexed, and each line is found."""
    path = tmp_path / "big.jsonl"
    text = "x" * 10_000
    with path.open("w") as file:
        for i in range(2000):
            file.write(
                json.dumps({"sample_id": str(i), "model": "m", "text": text + str(i)}) + "\n"
            )
    tracemalloc.start()
    recording = open_recording(path)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    line = recording.find("s", "1234", "m", 1)
    assert line is not None
    assert text + "1234" == line["text"]
    assert held < 2_000_000
