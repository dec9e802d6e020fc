"""Calls that stand in the text of an answer instead of being made."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.core.records import Completion, OutputSpec, canonical_json
from evalkit.graders.parse import Parser
from evalkit.graders.written_calls import written_calls

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
SPEC = OutputSpec(format="tool_calls", tools=(WEATHER, {"name": "now"}))
CALL = '{"name": "weather", "arguments": {"city": "Bern"}}'
BERN = {"name": "weather", "arguments": {"city": "Bern"}}
NOW = {"name": "now", "arguments": {}}

# (text, rung, value)
TEXTS = [
    (f"<tool_call>\n{CALL}\n</tool_call>", "embedded", [BERN]),
    (f"<tool_call>\n{CALL}", "embedded", [BERN]),
    (f"I look.\n<tool_call>{CALL}</tool_call>\n<tool_call>{{\"name\": \"now\"}}</tool_call>",
     "embedded", [BERN, NOW]),
    (f"```json\n{CALL}\n```", "embedded", [BERN]),
    (CALL, "embedded", [BERN]),
    (f"[{CALL}]", "embedded", [BERN]),
    (f"{CALL}\n{CALL}", "embedded", [BERN, BERN]),
    (f"Sure, I call {CALL} for you.", "embedded", [BERN]),
    (f"[TOOL_CALLS] [{CALL}]", "embedded", [BERN]),
    ('<|python_tag|>{"name": "weather", "parameters": {"city": "Bern"}}', "embedded", [BERN]),
    ('{"function": "weather", "arguments": {"city": "Bern"}}', "embedded", [BERN]),
    ('{"name": "weather", "arguments": "{\\"city\\": \\"Bern\\"}"}', "embedded", [BERN]),
    ('{"tool_calls": [{"type": "function", "function": ' + CALL + "}]}", "embedded", [BERN]),
    ("<tool_call>{'name': 'weather', 'arguments': {'city': 'Bern'}}</tool_call>", "repaired",
     [BERN]),
    (f"{CALL[:-1]},}}", "repaired", [BERN]),
    ('{"name": "wether", "arguments": {"city": "Bern"}}', "unknown_tool", None),
    ('{"name": "weather", "arguments": {"city": 3}}', "schema:type", None),
    ('{"name": "weather", "arguments": {}}', "schema:required", None),
    ('{"name": "weather", "arguments": [1]}', "schema:type", None),
    (f"<tool_call>\n{CALL[:-9]}", "truncated", None),
    (CALL[:-1], "truncated", None),
    ('<tool_call>{"name": "weather", "arguments": {"city": Bern}}</tool_call>', "not_json", None),
    ('[weather(city="Bern")]', "not_json", None),
    ('weather(city="Bern")', "not_json", None),
    ('```python\nresult = weather(city="Bern")\n```', "not_json", None),
    ('```tool_code\nprint(weather(city="Bern"))\n```', "not_json", None),
    ('<function=weather>{"city": "Bern"}</function>', "not_json", None),
    ('<function_calls><invoke name="weather"></invoke></function_calls>', "not_json", None),
    ("<tool_call>weather\n<arg_key>city</arg_key></tool_call>", "not_json", None),
    ('Action: weather\nAction Input: {"city": "Bern"}', "not_json", None),
    ('{"action": "weather", "action_input": {"city": "Bern"}}', "not_json", None),
    ('{"weather": {"city": "Bern"}}', "not_json", None),
    ("Hello", "valid", []),
    ("[]", "valid", []),
    ("The weather in Bern (Switzerland) is fine: see [1].", "valid", []),
    ("weather(city) is a function that I know.", "valid", []),
    ('You could write weather(city="Bern").', "valid", []),
    ('{"name": "Anna", "age": 3}', "valid", []),
    ("Dear {name}, {x, y} is a set.", "valid", []),
    ("Some models use the <tool_call> tag.", "valid", []),
    ('I know {"name": "weather", "description": "tells it", "parameters": '
     '{"type": "object", "properties": {"city": {}}}}', "valid", []),
    ('{"name": "weather", "parameters": {"properties": {"city": {}}}}', "valid", []),
    ('{"name": "Anna", "arguments": [1]}', "valid", []),
    ('{"name": "Anna", "arguments": {"pro": 1}, "age": 3}', "valid", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "rung", "value"), TEXTS, ids=lambda x: str(x)[:36])
def test_a_call_in_the_text_is_no_answer_without_a_call(text, rung, value):
    """It is read, or named; what only speaks of tools is an answer in words."""
    parsed = Parser(SPEC).parse(Completion(text=text, finish_reason="stop"))
    assert (rung, value) == (parsed.rung, parsed.value)


def test_calls_that_were_made_go_before_calls_in_the_text():
    """What the wire says is what the model did."""
    from evalkit.core.records import ToolCall

    made = Completion(text=CALL, tool_calls=(ToolCall(name="now", arguments="{}"),))
    parsed = Parser(SPEC).parse(made)
    assert ("valid", [NOW]) == (parsed.rung, parsed.value)


def test_a_call_in_a_text_that_was_stopped_by_length_is_truncated():
    """More of it may be missing."""
    cut = Completion(text=f"<tool_call>{CALL}</tool_call>", finish_reason="length")
    assert Parser(SPEC).parse(cut).rung == "truncated"


@given(st.text() | st.text("{}[]\"':,\\ \n`<>()=_.nameargutswh"))
def test_any_text_gets_a_rung(text):
    """Nothing raises, and what is read can be stored."""
    parsed = Parser(SPEC).parse(Completion(text=text, finish_reason="stop"))
    assert parsed.rung
    canonical_json(parsed.value)


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>" * 90_000,
        "<tool_call>{a: 1}</tool_call>" * 35_000,
        "<tool_call>{" * 80_000,
        f"{CALL} " * 18_000,
        '{"name": "weather", ' * 50_000,
        "weather(" * 125_000 + ")",
        "Action: " * 125_000 + "Action Input",
        "[[[" * 333_000,
        "<tool_call>" + " " * 1_000_000,
        "<tool_call>" + "a" * 1_000_000,
    ],
    ids=lambda x: x[:24],
)
def test_a_megabyte_takes_seconds_at_most(text):
    """Whatever stands in it."""
    started = time.perf_counter()
    written_calls(text, {"weather", "now"})
    assert time.perf_counter() - started < 5
