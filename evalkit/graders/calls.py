"""Tool calls as a model wrote them: read, and checked against the tools' own schemas.

This module does not know which call was due.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from evalkit.core.errors import ConfigError
from evalkit.core.records import ToolCall, without_lone_surrogates
from evalkit.graders.arguments import read_arguments
from evalkit.graders.schema import SchemaCheck
from evalkit.graders.written_calls import written_calls

_LADDER = ("valid", "fenced", "embedded", "repaired")


class CallsRead(NamedTuple):
    """Calls on their rung.

    Attributes:
        value: The calls as `{name, arguments}`; None where one of them cannot be used.
        rung: Of the first call that cannot be used; else of the one furthest down from `valid`.
        detail: What failed, for a reader.
    """

    value: list[dict[str, Any]] | None
    rung: str
    detail: str | None = None


class ToolTable:
    """The tools of a suite by name, their parameter schemas compiled.

    Args:
        tools: In the OpenAI function form: `{type: function, function: {name, parameters}}`, or
            the inner object alone.

    Raises:
        ConfigError: If a tool has no name, or a parameter schema that cannot be used.
    """

    def __init__(self, tools: Iterable[Mapping[str, Any]]) -> None:
        self._checks: dict[str, SchemaCheck | None] = {}
        for number, tool in enumerate(tools):
            function = tool.get("function", tool)
            name = function.get("name") if isinstance(function, Mapping) else None
            if not isinstance(name, str) or not name:
                raise ConfigError(f"output.tools[{number}]: a tool has no name; allowed: a string")
            schema = function.get("parameters")
            where = f"output.tools[{number}] ({name})"
            self._checks[name] = SchemaCheck(schema, where) if schema is not None else None

    @property
    def names(self) -> tuple[str, ...]:
        """The tools that are offered."""
        return tuple(self._checks)

    def schema(self, name: str) -> dict[str, Any] | None:
        """Return a tool's parameter schema, None where it has none."""
        check = self._checks.get(name)
        return None if check is None else check.schema

    @property
    def is_guarded(self) -> bool:
        """Whether a check may be waited for: some tool's schema is checked in another process."""
        return any(check is not None and check.is_guarded for check in self._checks.values())

    def read(self, calls: Iterable[ToolCall]) -> CallsRead:
        """Return the calls on their rung.

        `unknown_tool` stands for a name that the suite does not offer.
        """
        usable, worst, said = [], 0, None
        for call in calls:
            one = self._read_one(call)
            if one.value is None:
                return one
            usable += one.value
            if _LADDER.index(one.rung) > worst:
                worst, said = _LADDER.index(one.rung), one.detail
        return CallsRead(usable, _LADDER[worst], said)

    def read_text(self, text: str) -> CallsRead | None:
        """Return the calls that stand in a text, None where it is an answer without a call."""
        written = written_calls(text, self._checks)
        if written is None:
            return None
        if not written.calls:
            return CallsRead(None, written.rung, written.detail)
        calls = self.read(written.calls)
        if calls.value is None or calls.rung == "repaired":
            return calls
        return CallsRead(calls.value, written.rung, "a call in the text, not made as one")

    def _read_one(self, call: ToolCall) -> CallsRead:
        name = without_lone_surrogates(call.name)
        if self._checks and name not in self._checks:
            return CallsRead(None, "unknown_tool", f"no tool is named {name[:60]!r}")
        arguments = read_arguments(without_lone_surrogates(call.arguments))
        if arguments.value is None:
            detail = f"arguments of {name}: {arguments.detail}"
            return CallsRead(None, arguments.rung, detail)
        check = self._checks.get(name)
        if check is not None and (failure := check.failure(arguments.value)):
            detail = f"arguments of {name}: {failure}"
            return CallsRead(None, f"schema:{failure.keyword}", detail)
        said = None if arguments.rung == "valid" else f"arguments of {name}: {arguments.rung}"
        return CallsRead([{"name": name, "arguments": arguments.value}], arguments.rung, said)
