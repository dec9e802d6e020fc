"""The chat wire against a real server with a real model: llama.cpp's own, on loopback.

The model is small and its answers are its own, so these tests look at forms and counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from evalkit.core.errors import ProviderError
from evalkit.core.records import Message, OutputSpec

pytestmark = [pytest.mark.anyio, pytest.mark.local_model]

SCHEMA = {
    "type": "object",
    "properties": {"colour": {"type": "string", "enum": ["red", "blue"]}},
    "required": ["colour"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def llama_url() -> Iterator[str]:
    """The address of a server in this process, on one thread."""
    xllamacpp = pytest.importorskip("xllamacpp", reason="the llama.cpp runtime is not installed")
    from evalkit.providers.weights import find

    weights = find("smollm2")
    if weights is None:
        pytest.skip("the weights are not here: evalkit models pull smollm2")
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.n_ctx, params.n_parallel, params.port = 1024, 1, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.verbosity = -1
    server = xllamacpp.Server(params)
    yield server.listening_address + "/v1"
    del server


@pytest.fixture
def ask(kit: SimpleNamespace, llama_url: str) -> Any:
    async def asked(output: Any = "text", text: str = "Name a colour.", **changes: Any) -> Any:
        messages = (Message(role="user", content=text),)
        spec = kit.spec("openai_chat", llama_url, timeout_s=60.0)
        given = {"params": {"temperature": 0, "max_tokens": 12}, "messages": messages, **changes}
        return await kit.ask(spec, kit.request(output, **given))

    return asked


async def test_streamed_and_unstreamed_answers_of_a_real_model_agree(ask: Any) -> None:
    """Greedy decoding gives the same text either way, with the same counts."""
    whole, streamed = await ask(), await ask(stream=True)
    assert whole.text
    assert whole.text == streamed.text
    assert whole.finish_reason == streamed.finish_reason
    assert (whole.usage.input, whole.usage.output) == (streamed.usage.input, streamed.usage.output)
    assert 0 < whole.usage.output <= 12
    assert 0 < streamed.ttft_ms < streamed.service_ms
    assert whole.model_returned


async def test_a_schema_is_enforced_by_a_real_server(ask: Any) -> None:
    """The grammar holds the model to the schema."""
    output = OutputSpec(format="json", schema=SCHEMA)
    answer = await ask(output, mode="json_schema", params={"temperature": 0, "max_tokens": 40})
    jsonschema.validate(json.loads(answer.text), SCHEMA)


async def test_a_length_stop_of_a_real_model_is_understood(ask: Any) -> None:
    """Cut after two tokens."""
    answer = await ask(text="Tell a long story.", params={"temperature": 0, "max_tokens": 2})
    assert (answer.finish_reason, answer.usage.output) == ("length", 2)


async def test_a_prompt_over_the_context_of_a_real_server_is_its_own_kind(ask: Any) -> None:
    """The server's own words for it."""
    with pytest.raises(ProviderError) as caught:
        await ask(text="word " * 3000)
    assert caught.value.kind == "context_length"
