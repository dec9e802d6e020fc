"""What goes out: names of parameters, modes, tools, and what is left out and recorded so."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from evalkit.core.ports import adapter_factory
from evalkit.core.records import MODES, Message, OutputSpec
from evalkit.providers import anthropic_messages, gemini, openai_chat, openai_responses
from evalkit.providers.wire import strict_compatible

ENCODE = {
    "openai_chat": openai_chat.encode,
    "openai_responses": openai_responses.encode,
    "anthropic_messages": anthropic_messages.encode,
    "gemini": gemini.encode,
}


@pytest.mark.parametrize("wire", ENCODE)
@pytest.mark.parametrize("output", ["text", "label", "tool_calls"])
@pytest.mark.parametrize("mode", [None, *MODES])
def test_only_json_answers_are_constrained(
    kit: SimpleNamespace, wire: str, output: str, mode: Any
) -> None:
    """A label or a text is plain text: no response format goes out, and `prompt` is recorded."""
    sent = ENCODE[wire](kit.request(output, mode=mode), kit.spec(wire))
    assert sent.mode_sent == "prompt"
    assert not {"response_format", "text", "output_config"} & set(sent.body)
    assert "responseMimeType" not in sent.body.get("generationConfig", {})


@pytest.mark.parametrize("wire", ENCODE)
@pytest.mark.parametrize("mode", MODES)
def test_the_mode_that_went_out_is_recorded(kit: SimpleNamespace, wire: str, mode: str) -> None:
    """Anthropic has no form for any JSON: the prompt alone asks for it, and the record says so."""
    sent = ENCODE[wire](kit.request("json", mode=mode), kit.spec(wire))
    weaker = wire == "anthropic_messages" and mode == "json_object"
    assert ("prompt" if weaker else mode) == sent.mode_sent
    assert adapter_factory(wire, "")(kit.spec(wire)).modes == (
        ("prompt", "json_schema") if wire == "anthropic_messages" else MODES
    )


@pytest.mark.parametrize("wire", ENCODE)
def test_a_schema_mode_without_a_schema_asks_for_any_json(kit: SimpleNamespace, wire: str) -> None:
    """There is nothing to enforce."""
    sent = ENCODE[wire](kit.request(OutputSpec(format="json"), mode="json_schema"), kit.spec(wire))
    assert ("prompt" if wire == "anthropic_messages" else "json_object") == sent.mode_sent


@pytest.mark.parametrize("wire", ENCODE)
def test_what_the_catalogue_says_a_model_does_not_take_is_not_sent(
    kit: SimpleNamespace, wire: str
) -> None:
    """And is absent from what is recorded as sent."""
    sent = ENCODE[wire](kit.request(), kit.spec(wire, unsupported_params=("temperature",)))
    assert "temperature" not in str(sent.body)
    assert sent.params_sent == {"max_tokens": 64}


@pytest.mark.parametrize(
    ("base_url", "options", "name"),
    [
        (None, {}, "max_completion_tokens"),
        ("https://api.openai.com/v1", {}, "max_completion_tokens"),
        ("https://x.openai.azure.com/openai/v1", {}, "max_completion_tokens"),
        ("http://127.0.0.1:8000/v1", {}, "max_tokens"),
        ("https://api.groq.com/openai/v1", {}, "max_tokens"),
        (
            "http://gateway/v1",
            {"max_tokens_param": "max_completion_tokens"},
            "max_completion_tokens",
        ),
    ],
)
def test_the_length_limit_goes_out_under_the_servers_name(
    kit: SimpleNamespace, base_url: str | None, options: dict[str, Any], name: str
) -> None:
    """OpenAI's own models take only the new name, many servers only the old one."""
    spec = kit.spec("openai_chat", base_url, options=options)
    for given in ("max_tokens", "max_completion_tokens", "max_output_tokens"):
        sent = openai_chat.encode(kit.request(params={given: 9}), spec)
        assert sent.body[name] == 9
        assert sent.params_sent == {"max_tokens": 9}


def test_mistrals_dialect_is_spoken_to_mistral(kit: SimpleNamespace) -> None:
    """Another name for the seed, and no stream options: it refuses what it does not know."""
    spec = kit.spec("openai_chat", "https://api.mistral.ai/v1")
    sent = openai_chat.encode(kit.request(params={"seed": 1}, stream=True), spec)
    assert {name: sent.body[name] for name in sent.body if name not in ("model", "messages")} == {
        "random_seed": 1,
        "stream": True,
    }


@pytest.mark.parametrize(("asked", "sent"), [(None, True), (True, True), (False, False)])
def test_usage_in_a_stream_is_asked_for_unless_told_not_to(
    kit: SimpleNamespace, asked: bool | None, sent: bool
) -> None:
    """`include_usage: false` is for servers that refuse the option."""
    options = {} if asked is None else {"include_usage": asked}
    body = openai_chat.encode(
        kit.request(stream=True), kit.spec("openai_chat", options=options)
    ).body
    assert sent == ("stream_options" in body)


LOOSE = {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (LOOSE, False),
        ({**LOOSE, "additionalProperties": False}, False),
        ({**LOOSE, "additionalProperties": False, "required": ["a"]}, True),
        ({"type": "array", "items": {"type": "string"}}, False),
        ({"type": "object", "properties": {}, "additionalProperties": False}, True),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "array", "items": LOOSE}},
                "required": ["a"],
                "additionalProperties": False,
            },
            False,
        ),
        (
            {
                "type": "object",
                "properties": {"a": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/x"}]}},
                "required": ["a"],
                "additionalProperties": False,
                "$defs": {"x": LOOSE},
            },
            False,
        ),
        (
            {
                "type": "object",
                "properties": {"a": {"allOf": [{"type": "string"}]}},
                "required": ["a"],
                "additionalProperties": False,
            },
            False,
        ),
        (
            {
                "type": "object",
                "properties": {"a": {"type": ["object", "null"]}},
                "required": ["a"],
                "additionalProperties": False,
            },
            False,
        ),
        (None, False),
    ],
)
def test_strict_is_asked_for_only_where_the_schema_allows_it(
    kit: SimpleNamespace, schema: Any, strict: bool
) -> None:
    """Closed objects with all properties required, at every depth; else strict mode answers 400."""
    assert strict == strict_compatible(schema)
    if schema is not None:
        request = kit.request(OutputSpec(format="json", schema=schema), mode="json_schema")
        chat = openai_chat.encode(request, kit.spec("openai_chat"))
        assert strict == chat.body["response_format"]["json_schema"]["strict"]
        responses = openai_responses.encode(request, kit.spec("openai_responses"))
        assert strict == responses.body["text"]["format"]["strict"]
        off = kit.spec("openai_chat", options={"strict_schema": False})
        sent = openai_chat.encode(request, off).body
        assert sent["response_format"]["json_schema"]["strict"] is False


def test_the_schemas_name_is_one_that_vendors_allow(kit: SimpleNamespace) -> None:
    """Letters, digits, underscore and hyphen, at most 64."""
    request = kit.request("json", mode="json_schema", suite="Rechnungen (ü) " + "x" * 80)
    name = openai_chat.encode(request, kit.spec("openai_chat")).body["response_format"]
    assert name["json_schema"]["name"] == "Rechnungen_____" + "x" * 49


PARAMS = {
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 5,
    "stop": "END",
    "seed": 1,
    "reasoning_effort": "low",
    "tool_choice": "required",
    "frequency_penalty": None,
}


def test_anthropic_gets_its_own_forms(kit: SimpleNamespace) -> None:
    """And its demanded limit; a seed it has no word for, and that is recorded."""
    sent = anthropic_messages.encode(kit.request(params=PARAMS), kit.spec("anthropic_messages"))
    assert sent.body == {
        "model": "the-model",
        "messages": [{"role": "user", "content": "What is the total?"}],
        "system": "You read invoices.",
        "max_tokens": 1024,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 5,
        "stop_sequences": ["END"],
        "tool_choice": {"type": "any"},
        "output_config": {"effort": "low"},
    }
    assert "seed" not in sent.params_sent
    assert (sent.params_sent["max_tokens"], sent.params_sent["stop"]) == (1024, "END")


def test_gemini_gets_its_own_forms(kit: SimpleNamespace) -> None:
    """Camel case inside `generationConfig`, the model's name inside the path."""
    sent = gemini.encode(kit.request(params=PARAMS, model="a b?c"), kit.spec("gemini"))
    assert sent.path == "/models/a%20b%3Fc:generateContent"
    assert sent.body["generationConfig"] == {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 5,
        "stopSequences": ["END"],
        "seed": 1,
        "thinkingConfig": {"thinkingLevel": "low"},
    }
    assert sent.body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY"}}


def test_responses_gets_its_own_forms(kit: SimpleNamespace) -> None:
    """No stop, no seed, no top_k on this wire; nothing is stored unless asked."""
    sent = openai_responses.encode(kit.request(params=PARAMS), kit.spec("openai_responses"))
    assert {"temperature", "top_p", "reasoning_effort", "tool_choice"} == set(sent.params_sent)
    assert (sent.body["reasoning"], sent.body["store"]) == ({"effort": "low"}, False)


def test_extra_body_is_merged_at_every_depth(kit: SimpleNamespace) -> None:
    """A vendor's own switch does not push out what stands beside it."""
    extra = {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}
    sent = gemini.encode(
        kit.request("json", mode="json_schema"), kit.spec("gemini", options={"extra_body": extra})
    )
    config = sent.body["generationConfig"]
    assert (config["thinkingConfig"], config["maxOutputTokens"]) == ({"thinkingBudget": 0}, 64)


def test_a_models_option_stands_over_its_providers(kit: SimpleNamespace) -> None:
    """What holds for all models of a provider is written once."""
    provider = {
        "max_tokens_param": "a",
        "include_usage": False,
        "extra_body": {"x": {"p": 1, "q": 1}},
    }
    model = {"max_tokens_param": "b", "extra_body": {"x": {"q": 2}}}
    general = kit.spec("openai_chat", provider_options=provider)
    special = kit.spec("openai_chat", provider_options=provider, options=model)
    request = kit.request(stream=True, params={"max_tokens": 9})
    first, second = (openai_chat.encode(request, spec).body for spec in (general, special))
    assert (first["a"], first["x"], "stream_options" in first) == (9, {"p": 1, "q": 1}, False)
    assert (second["b"], second["x"], "a" in second) == (9, {"p": 1, "q": 2}, False)


def test_an_organization_is_named_in_its_header(kit: SimpleNamespace) -> None:
    """Beside the key; Azure has a header of its own for the key."""
    spec = kit.spec("openai_chat", provider_options={"organization": "org-1"})
    assert openai_chat.WIRE.auth_headers("k", spec) == {
        "Authorization": "Bearer k",
        "OpenAI-Organization": "org-1",
    }
    azure = kit.spec("openai_chat", "https://r.openai.azure.com/openai/v1")
    assert openai_chat.WIRE.auth_headers("k", azure) == {"api-key": "k"}


@pytest.mark.parametrize(
    ("wire", "given", "address"),
    [
        ("anthropic_messages", None, "https://api.anthropic.com/v1"),
        ("anthropic_messages", "http://h/anthropic", "http://h/anthropic/v1"),
        ("anthropic_messages", "http://h/v1/", "http://h/v1"),
        ("gemini", None, "https://generativelanguage.googleapis.com/v1beta"),
        ("gemini", "http://h/v1beta", "http://h/v1beta"),
        ("gemini", "http://h/gemini", "http://h/gemini/v1beta"),
        ("openai_chat", None, "https://api.openai.com/v1"),
        ("openai_chat", "https://api.deepseek.com", "https://api.deepseek.com"),
        ("openai_responses", None, "https://api.openai.com/v1"),
    ],
)
def test_an_address_gets_its_version_once(
    kit: SimpleNamespace, wire: str, given: str | None, address: str
) -> None:
    """With or without the version in the catalogue."""
    modules = (openai_chat, openai_responses, anthropic_messages, gemini)
    wires = {module.WIRE.name: module.WIRE for module in modules}
    assert address == wires[wire].base_of(kit.spec(wire, given))


def test_assistant_turns_keep_their_places(kit: SimpleNamespace) -> None:
    """Few-shot examples as turns; Gemini calls the assistant `model`."""
    turns = [("user", "1"), ("assistant", "one"), ("user", "2")]
    messages = tuple(Message(role=role, content=text) for role, text in turns)  # type: ignore[arg-type]
    request = kit.request(messages=messages)
    sent = anthropic_messages.encode(request, kit.spec("anthropic_messages"))
    assert turns == [(m["role"], m["content"]) for m in sent.body["messages"]]
    roles = [c["role"] for c in gemini.encode(request, kit.spec("gemini")).body["contents"]]
    assert roles == ["user", "model", "user"]
