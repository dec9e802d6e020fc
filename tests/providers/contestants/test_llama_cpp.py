"""The embedded model: real weights, in process. Its answers are its own: forms are tested."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from evalkit.core.errors import ConfigError, ProviderError
from evalkit.core.records import Message, OutputSpec
from evalkit.providers.llama_cpp import LlamaCpp, Stream, adapter, decode, encode
from evalkit.providers.prompted_tools import with_tools

pytestmark = pytest.mark.anyio

SCHEMA = {
    "type": "object",
    "properties": {"colour": {"enum": ["red", "blue"]}, "n": {"type": "integer"}},
    "required": ["colour", "n"],
    "additionalProperties": False,
}
JSON = OutputSpec(format="json", schema=SCHEMA)
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
ASK = "Name a colour as JSON."


@pytest.fixture
async def model(kit: SimpleNamespace, smollm2: Path) -> AsyncIterator[LlamaCpp]:
    contestant = LlamaCpp(kit.spec("llama_cpp", options={"path": str(smollm2), "n_ctx": 512}))
    await contestant.open(kit.suite())
    yield contestant
    await contestant.close()


@pytest.mark.local_model
async def test_every_structured_mode_reaches_the_model(kit: SimpleNamespace, model: Any) -> None:
    """A schema is honoured in process; `json_object` gives JSON; usage and reasons are told."""
    params = {"temperature": 0, "max_tokens": 40}
    modes = ("json_schema", "json_object", "prompt")
    answers = [
        await model.complete(kit.request(JSON, ASK, mode=mode, params=params)) for mode in modes
    ]
    jsonschema.validate(json.loads(answers[0].text), SCHEMA)
    assert answers[1].text.lstrip().startswith("{")
    assert list(modes) == [answer.mode_sent for answer in answers]
    assert answers[0].finish_reason == "stop"
    assert answers[0].model_returned == "m"
    assert answers[0].usage.input > 10
    assert answers[0].usage.output > 5
    assert answers[1].usage.cache_read > 10
    assert answers[0].params_sent == {"temperature": 0, "max_tokens": 40, "seed": 0}
    assert answers[0].service_ms > 0
    assert answers[0].ttft_ms is None


@pytest.mark.local_model
async def test_a_streamed_answer_tells_its_time_to_the_first_token(
    kit: SimpleNamespace, model: Any
) -> None:
    """Streaming changes what is measured, never what is said; a cut answer ends by length."""
    request = kit.request(text="Tell a story.", params={"max_tokens": 6})
    streamed = await model.complete(
        kit.request(text="Tell a story.", params={"max_tokens": 6}, stream=True)
    )
    plain = await model.complete(request)
    assert plain.text == streamed.text
    assert 0 < streamed.ttft_ms <= streamed.service_ms
    assert (plain.finish_reason, plain.usage.output) == ("length", 6)


@pytest.mark.local_model
async def test_a_prompt_beyond_the_context_is_an_error_of_its_own_kind(
    kit: SimpleNamespace, model: Any
) -> None:
    """Too long a prompt, a schema that is none: provider errors, and the model goes on."""
    with pytest.raises(ProviderError) as long:
        await model.complete(kit.request(text="word " * 2000))
    assert long.value.kind == "context_length"
    assert long.value.service_ms is not None
    odd = OutputSpec(format="json", schema={"type": "nonsense"})
    with pytest.raises(ProviderError) as bad:
        await model.complete(kit.request(odd, ASK, mode="json_schema"))
    assert bad.value.kind == "schema_rejected"
    after = await model.complete(kit.request(text="Hello", params={"max_tokens": 2}))
    assert after.usage.output == 2


@pytest.mark.local_model
async def test_a_cancelled_answer_gives_the_worker_back(kit: SimpleNamespace, model: Any) -> None:
    """Whoever cancels does not wait for 470 tokens (6 s at best), nor does the next request."""
    task = asyncio.ensure_future(
        model.complete(kit.request(text="Tell a long story.", params={"max_tokens": 470}))
    )
    done, _ = await asyncio.wait([task], timeout=0.3)
    assert not done
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    started = time.perf_counter()
    await model.complete(kit.request(text="Hello", params={"max_tokens": 2}))
    assert time.perf_counter() - started < 4


@pytest.mark.local_model
async def test_tools_that_the_template_hides_are_told_in_the_prompt(
    kit: SimpleNamespace, model: Any
) -> None:
    """The prompt grows by the tools although the chat template knows none."""
    spec = OutputSpec(format="tool_calls", tools=(TOOL,))
    params = {"max_tokens": 2}
    told = await model.complete(kit.request(spec, "Weather in Rome?", params=params))
    plain = await model.complete(kit.request(text="Weather in Rome?", params=params))
    assert told.usage.input > plain.usage.input + 20


@pytest.mark.local_model
async def test_two_suites_share_one_copy_of_the_weights(
    kit: SimpleNamespace, model: LlamaCpp
) -> None:
    """The second contestant with the same settings loads nothing; closing one leaves the other."""
    second = LlamaCpp(model.spec)
    await second.open(kit.suite(name="other"))
    assert model._engine is second._engine
    assert model.identity == second.identity
    assert "b179c9523d0e6a0f98a3" in model.identity
    await second.close()
    answer = await model.complete(kit.request(text="Hello", params={"max_tokens": 1}))
    assert answer.usage.output == 1


@pytest.mark.local_model
def test_the_process_ends_cleanly_and_silently_even_unclosed(smollm2: Path) -> None:
    """Neither a closed nor a forgotten model aborts the interpreter, leaves threads or logs."""
    code = f"""
    import asyncio, os
    from pathlib import Path
    from evalkit.core.ports import ModelSpec, SuiteView
    from evalkit.core.records import Message, OutputSpec, Request
    from evalkit.providers.llama_cpp import LlamaCpp

    output = OutputSpec()
    spec = ModelSpec(provider="p", name="m", wire="llama_cpp", wire_name="m",
                     options={{"path": {str(smollm2)!r}, "n_ctx": 256}})
    request = Request(suite="s", sample_id="1", arm="p:m", repeat=1, provider="p", model="m",
                      messages=(Message(role="user", content="Hi"),), output=output,
                      params={{"max_tokens": 2}})

    async def main(close):
        model = LlamaCpp(spec)
        await model.open(SuiteView(name="s", folder=Path(), output=output))
        await model.complete(request)
        if close:
            await model.close()

    asyncio.run(main(True))
    print(len(os.listdir("/proc/self/task")))
    asyncio.run(main(False))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) <= 3


@pytest.mark.local_model
def test_the_loopback_server_answers_over_http(serve: Callable[..., Any], smollm2: Path) -> None:
    """What tests and demos may use as a self-hosted server lists its model."""
    with serve(smollm2, n_ctx=256) as url, urllib.request.urlopen(f"{url}/models") as answer:  # noqa: S310
        listed = json.load(answer)
    assert listed["data"][0]["id"] == "smollm2"


@pytest.mark.parametrize(
    ("options", "telling"),
    [
        ({"path": "nowhere.gguf"}, "no such file of weights"),
        ({"n_ctx": 0}, "'n_ctx' must be a whole number >= 1, got 0"),
        ({"context": 1}, "unknown option 'context'; allowed: 'path'"),
        ({}, "it names no weights"),
    ],
)
async def test_a_wrong_entry_is_told_before_anything_is_loaded(
    kit: SimpleNamespace, options: dict[str, Any], telling: str
) -> None:
    """Every slip of a model entry is a configuration error that names what is allowed."""
    pytest.importorskip("xllamacpp", reason="the llama.cpp runtime is not installed")
    with pytest.raises(ConfigError, match=telling):
        await adapter(kit.spec("llama_cpp", options=options)).open(kit.suite())


async def test_missing_weights_say_how_to_pull_them(kit: SimpleNamespace) -> None:
    """The message is the command."""
    pytest.importorskip("xllamacpp", reason="the llama.cpp runtime is not installed")
    with pytest.raises(ConfigError, match="evalkit models pull smollm2"):
        await adapter(kit.spec("llama_cpp", "smollm2")).open(kit.suite())


async def test_a_file_that_is_no_model_is_refused(kit: SimpleNamespace, tmp_path: Path) -> None:
    """The runtime's failure to load is a configuration error, not a crash."""
    pytest.importorskip("xllamacpp", reason="the llama.cpp runtime is not installed")
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + b"\0" * 200)
    with pytest.raises(ConfigError, match="cannot load it"):
        await adapter(kit.spec("llama_cpp", options={"path": str(bad)})).open(kit.suite())


def test_repeats_are_separate_draws_and_only_known_parameters_are_sent(
    kit: SimpleNamespace,
) -> None:
    """The seed moves with the repeat; what llama.cpp does not know, or must not get, stays home."""
    params = {"temperature": 0.7, "seed": 5, "reasoning_effort": "low", "top_p": 0.9}
    request = kit.request(text="x", repeat=3, params=params)
    _, sent, mode = encode(request, unsupported=("top_p",))
    assert sent == {"temperature": 0.7, "seed": 7, "max_tokens": 512}
    assert mode == "prompt"


def test_streamed_pieces_of_a_tool_call_are_joined(kit: SimpleNamespace) -> None:
    """Names and arguments arrive in pieces by index."""
    stream = Stream(0.0)
    for piece in (
        {"name": "weather", "arguments": ""},
        {"arguments": '{"city": '},
        {"arguments": '"Rome"}'},
    ):
        stream(
            {"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "c1", "function": piece}]}}]}
        )
    stream({"choices": [{"delta": {}, "finish_reason": "tool_calls"}], "model": "m"})
    spec = OutputSpec(format="tool_calls", tools=(TOOL,))
    answer = decode(kit.request(spec), stream, service_ms=1.0, params={}, mode="prompt")
    assert [(c.name, c.arguments) for c in answer.tool_calls] == [("weather", '{"city": "Rome"}')]
    assert answer.finish_reason == "tool_calls"


def test_an_answer_that_breaks_off_is_no_completion(kit: SimpleNamespace) -> None:
    """Without a finish reason nothing says that the text is whole."""
    stream = Stream(0.0)
    stream({"choices": [{"delta": {"content": "half an"}}]})
    with pytest.raises(ProviderError) as broken:
        decode(kit.request(), stream, service_ms=1.0, params={}, mode="prompt")
    assert broken.value.kind == "bad_body"


def test_tools_join_the_system_message() -> None:
    """There is one system message, wherever the suite's own stands."""
    own = (Message(role="system", content="Be brief."), Message(role="user", content="?"))
    assert [m.role for m in with_tools(own, [TOOL])] == ["system", "user"]
    assert with_tools(own, [TOOL])[0].content.startswith("Be brief.")
    assert [m.role for m in with_tools(own[1:], [TOOL])] == ["system", "user"]
    assert '"name": "weather"' in with_tools(own[1:], [TOOL])[0].content
