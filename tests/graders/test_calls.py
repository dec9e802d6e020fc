"""Tool calls on their rungs."""

from __future__ import annotations

import pytest
from making import build

from evalkit.core.errors import ConfigError
from evalkit.core.records import Completion, OutputSpec, ToolCall
from evalkit.graders.grading import Grading
from evalkit.graders.parse import Parser

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
BERN = {"name": "weather", "arguments": {"city": "Bern"}}
SPEC = OutputSpec(format="tool_calls", tools=(WEATHER, {"name": "now"}))


@pytest.mark.parametrize(
    ("calls", "rung", "value"),
    [
        ([("weather", '{"city": "Bern"}')], "valid", [BERN]),
        ([("now", "")], "valid", [{"name": "now", "arguments": {}}]),
        ([("weather", '{"city": 3}')], "schema:type", None),
        ([("weather", "{}")], "schema:required", None),
        ([("weather", '{"city": "Bern"')], "truncated", None),
        ([("weather", '{"city": Bern}')], "not_json", None),
        ([("weather", '```json\n{"city": "Bern"}\n```')], "fenced", [BERN]),
        ([("weather", 'Here: {"city": "Bern"}')], "embedded", [BERN]),
        ([("weather", "{'city': 'Bern',}")], "repaired", [BERN]),
        ([("weather", "{'city': 3,}")], "schema:type", None),
        ([("weather", '"{\\"city\\": \\"Bern\\"}"')], "schema:type", None),
        ([("weather", '["Bern"]')], "schema:type", None),
        ([("wether", "{}")], "unknown_tool", None),
        ([("now", "{}"), ("weather", "{}")], "schema:required", None),
        ([("weather", "{'city': 'Bern'}"), ("weather", '```\n{"city": "Bern"}\n```')],
         "repaired", [BERN, BERN]),
        ([("weather", "{'city': 'Bern'}"), ("weather", "{}"), ("wether", "{}")],
         "schema:required", None),
        ([], "valid", []),
    ],
)  # fmt: skip
def test_calls_are_read_and_checked_against_their_tools(calls, rung, value):
    """Text without a call says that no call is due."""
    made = tuple(ToolCall(name=name, arguments=arguments) for name, arguments in calls)
    parsed = Parser(SPEC).parse(Completion(text="" if calls else "Hello", tool_calls=made))
    assert (rung, value) == (parsed.rung, parsed.value)


def test_a_cut_call_is_truncated_and_nothing_at_all_is_empty():
    """As for the other formats."""
    cut = Completion(
        tool_calls=(ToolCall(name="weather", arguments='{"ci'),), finish_reason="length"
    )
    assert Parser(SPEC).parse(cut).rung == "truncated"
    assert Parser(SPEC).parse(Completion()).rung == "empty"


def test_a_fault_is_named_with_its_function():
    """So that a reader finds the call among several."""
    call = ToolCall(name="weather", arguments="{city: Bern}")
    detail = Parser(SPEC).parse(Completion(tool_calls=(call,))).detail
    assert detail == "arguments of weather: bare word Bern"


def test_the_accepted_rungs_hold_for_calls_too():
    """Fenced is accepted by default, repaired only where the suite says so."""
    made = {rung: Completion(tool_calls=(ToolCall(name="weather", arguments=text),))
            for rung, text in (("fenced", '```\n{"city": "Bern"}\n```'),
                               ("repaired", "{'city': 'Bern'}"))}  # fmt: skip
    for accept, rungs in ((SPEC.accept, {"fenced"}), (("valid", "repaired"), {"repaired"})):
        spec = OutputSpec(format="tool_calls", tools=SPEC.tools, accept=accept)
        grading = Grading(spec, [build("exact", spec)], "exact")
        accepted = {r for r, c in made.items() if grading.accepts(Parser(spec).parse(c))}
        assert accepted == rungs


@pytest.mark.parametrize("tool", [{"type": "function"}, {"name": ""}, {"name": 3},
                                  {"name": "x", "parameters": {"type": "objec"}}])  # fmt: skip
def test_unusable_tools_are_refused(tool):
    """The message names the tool's place."""
    with pytest.raises(ConfigError, match=r"output\.tools\[0\]"):
        Parser(OutputSpec(format="tool_calls", tools=(tool,)))
