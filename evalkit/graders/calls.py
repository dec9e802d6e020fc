"""Tool calls as a model wrote them: read, and checked against the tools' own schemas.

This module does not know which call was due.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from evalkit.core.errors import ConfigError
from evalkit.core.records import ToolCall, without_lone_surrogates
from evalkit.graders.json_text import NotJson, read_json
from evalkit.graders.schema import SchemaCheck


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

    def read(self, calls: Iterable[ToolCall]) -> tuple[list[dict[str, Any]] | None, str, str]:
        """Return the calls as `{name, arguments}`, their rung, and what failed.

        The rung is that of the first call that cannot be used: `not_json`, `schema:<keyword>`,
        or `unknown_tool` for a name that the suite does not offer.
        """
        usable = []
        for call in calls:
            if self._checks and call.name not in self._checks:
                return None, "unknown_tool", f"no tool is named {call.name[:60]!r}"
            try:
                arguments = read_json(without_lone_surrogates(call.arguments) or "{}")
            except NotJson as error:
                return None, "not_json", f"arguments of {call.name}: {error}"
            if not isinstance(arguments, dict):
                return None, "schema:type", f"arguments of {call.name} are no object"
            check = self._checks.get(call.name)
            if check is not None and (failure := check.failure(arguments)):
                return None, f"schema:{failure.keyword}", f"arguments of {call.name}: {failure}"
            usable.append({"name": call.name, "arguments": arguments})
        return usable, "valid", ""
