"""Tool calls on their rungs."""

from __future__ import annotations

import pytest

from evalkit.core.errors import ConfigError
from evalkit.core.records import Completion, OutputSpec, ToolCall
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
SPEC = OutputSpec(format="tool_calls", tools=(WEATHER, {"name": "now"}))


@pytest.mark.parametrize(
    ("calls", "rung", "value"),
    [
        ([("weather", '{"city": "Bern"}')], "valid",
         [{"name": "weather", "arguments": {"city": "Bern"}}]),
        ([("now", "")], "valid", [{"name": "now", "arguments": {}}]),
        ([("weather", '{"city": 3}')], "schema:type", None),
        ([("weather", "{}")], "schema:required", None),
        ([("weather", '{"city": "Bern"')], "not_json", None),
        ([("weather", '["Bern"]')], "schema:type", None),
        ([("wether", "{}")], "unknown_tool", None),
        ([("now", "{}"), ("weather", "{}")], "schema:required", None),
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


@pytest.mark.parametrize("tool", [{"type": "function"}, {"name": ""}, {"name": 3},
                                  {"name": "x", "parameters": {"type": "objec"}}])  # fmt: skip
def test_unusable_tools_are_refused(tool):
    """The message names the tool's place."""
    with pytest.raises(ConfigError, match=r"output\.tools\[0\]"):
        Parser(OutputSpec(format="tool_calls", tools=(tool,)))
