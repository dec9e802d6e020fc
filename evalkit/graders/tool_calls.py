"""tool_calls: the right functions with the right arguments, and none where none is due.

Definitions: docs/graders/tool_calls.md. This module does not know how calls are paired
(`call_matching`), nor how they are read (`calls`).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.core.ports import GraderContext
from evalkit.core.records import Completion, Parsed, Sample, Score
from evalkit.graders.call_matching import (
    MAX_FAULTS,
    ArgumentComparer,
    DueCall,
    Matching,
    match_calls,
)
from evalkit.graders.calls import ToolTable
from evalkit.graders.matchers import read_matches
from evalkit.graders.schema import SchemaCheck
from evalkit.graders.scoring import (
    GraderOptions,
    ScoringGrader,
    document_of,
    kind_of,
    read_options,
    shown,
)

VERSION = "1"
MAX_LISTED = 20
_KEYS = ("name", "arguments", "optional")


class ToolCallsOptions(GraderOptions, frozen=True, kw_only=True):
    """Options of `tool_calls`.

    Attributes:
        match: By `function.argument`, how values are compared; default: the same JSON.
        partial: Give part of the credit: the mean agreement of the calls.
    """

    match: dict[str, Any] = {}
    partial: bool = False


class ToolCallsGrader(ScoringGrader):
    """1 where all calls that are due were made as they are due, and no other."""

    def __init__(self, context: GraderContext) -> None:
        self.options = options = read_options(context, "tool_calls", ToolCallsOptions)
        where = f"{context.where}: grader 'tool_calls'"
        if context.output.format != "tool_calls":
            raise ConfigError(
                f"{where} needs output format tool_calls, got {context.output.format!r}"
            )
        self._tools = ToolTable(context.output.tools)
        self._comparers = _comparers(options.match, self._tools, where)
        self._checks: dict[tuple[str, frozenset[str]], SchemaCheck | None] = {}
        super().__init__("tool_calls", VERSION, options, context)

    def check(self, sample: Sample) -> str | None:
        """Refuse a target of the wrong form, and one that the suite's own tools do not take."""
        if not sample.has_target:
            return "tool_calls: the sample has no target"
        due = _due_calls(sample.target)
        if isinstance(due, str):
            return f"tool_calls: {due}"
        try:
            problem = next((p for call in due if (p := self._refusal(call))), None)
        except CannotGrade as undecided:
            problem = str(undecided)
        return f"tool_calls: {problem}" if problem else None

    def grade(self, sample: Sample, completion: Completion, parsed: Parsed) -> Score:
        """Compare the calls of the answer with those of the target, in any order."""
        if (problem := self.check(sample)) is not None:
            raise CannotGrade(problem)
        due, made = _due_calls(sample.target), parsed.value
        if isinstance(due, str) or not _are_calls(made):
            raise CannotGrade(f"tool_calls: the answer is no list of calls, got {kind_of(made)}")
        found = match_calls(due, made, self._comparers)
        longest = max(len(due), len(made))
        whole = found.right == longest
        value = float(whole)
        if self.options.partial and longest:
            value = min(1.0, sum(pair.score for pair in found.pairs) / longest)
        faults = [shown(fault, 160) for fault in islice(found.faults(), MAX_FAULTS)]
        return self.score(value, "; ".join(faults), _details(found, len(due), len(made), faults))

    def _refusal(self, call: DueCall) -> str | None:
        """Return why a call of a target can never be made, else None."""
        if self._tools.names and call.name not in self._tools.names:
            known = ", ".join(sorted(self._tools.names)[:15])
            return f"the target calls {shown(repr(call.name))}, which is no tool; known: {known}"
        schema = self._tools.schema(call.name)
        for name in sorted({*call.arguments, *call.optional}):
            if not _offers(schema, name):
                known = ", ".join(sorted(_properties(schema))[:15])
                return f"{call.name} takes no argument {shown(repr(name))}; known: {known}"
        check = self._check_of(call, schema)
        if check is not None and (failure := check.failure(call.arguments)) is not None:
            return f"the target's arguments of {call.name} fail its schema: {failure}"
        comparer = self._comparers.get(call.name)
        misfit = comparer.refusal(call.arguments) if comparer else None
        return f"{call.name}.{misfit}" if misfit else None

    def _check_of(self, call: DueCall, schema: dict[str, Any] | None) -> SchemaCheck | None:
        """Return the tool's schema in which what the target calls optional is not required."""
        key = (call.name, call.optional)
        if key not in self._checks:
            required = (schema or {}).get("required")
            if schema is not None and isinstance(required, list):
                left = [name for name in required if name not in call.optional]
                schema = {**schema, "required": left}
            made = None if schema is None else SchemaCheck(schema, f"tool {call.name}")
            self._checks[key] = made
        return self._checks[key]


def _details(found: Matching, due: int, made: int, faults: list[str]) -> dict[str, Any]:
    return {
        "due": due,
        "made": made,
        "names_right": len(found.pairs),
        "arguments_right": found.right,
        "missing": [call.name for call in found.missing[:MAX_LISTED]],
        "extra": [shown(call["name"]) for call in found.extra[:MAX_LISTED]],
        "faults": faults,
        "metrics": _metrics(found, due, made),
    }


def _metrics(found: Matching, due: int, made: int) -> dict[str, float]:
    if not due:
        return {"no_call_right": float(not made)}
    metrics = {"function_right": len(found.pairs) / max(due, made)}
    if found.pairs:
        metrics["arguments_right"] = found.right / len(found.pairs)
    return metrics


def _due_calls(target: object) -> list[DueCall] | str:
    """Return the calls of a target, or what is wrong with its form."""
    target = document_of(target)
    if not isinstance(target, list):
        return f"the target is no list of calls, got {kind_of(target)}; allowed: [] for no call"
    calls = []
    for number, item in enumerate(target):
        problem = _malformed(item)
        if problem is not None:
            return f"call {number + 1} of the target {problem}"
        optional = frozenset(item.get("optional") or ())
        calls.append(DueCall(item["name"], item.get("arguments") or {}, optional))
    return calls


def _malformed(item: object) -> str | None:
    if not isinstance(item, dict):
        return f"is no object, got {kind_of(item)}"
    unknown = [key for key in item if key not in _KEYS]
    if unknown:
        return f"has the key {shown(repr(unknown[0]))}; allowed: {', '.join(_KEYS)}"
    if not isinstance(item.get("name"), str) or not item["name"]:
        return "has no `name`"
    arguments, optional = item.get("arguments", {}), item.get("optional", [])
    if not isinstance(arguments, dict | None):
        return f"has `arguments` that are no object, got {kind_of(arguments)}"
    if not isinstance(optional, list | None) or any(
        not isinstance(name, str) for name in optional or ()
    ):
        return "has `optional` that is no list of argument names"
    return None


def _are_calls(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(call, dict)
        and isinstance(call.get("name"), str)
        and isinstance(call.get("arguments"), dict)
        for call in value
    )


def _comparers(
    match: Mapping[str, Any], tools: ToolTable, where: str
) -> dict[str, ArgumentComparer]:
    """Return what compares the arguments of each function that a match names."""
    read = read_matches(match, where)
    paths: dict[str, dict[str, Any]] = {}
    for path, found in read.items():
        name, argument = _split(path, tools, where)
        paths.setdefault(name, {})[argument] = found
    return {name: ArgumentComparer(matches, {}) for name, matches in paths.items()}


def _split(path: str, tools: ToolTable, where: str) -> tuple[str, str]:
    """Split `function.argument`; names of functions may hold points themselves."""
    names = [name for name in tools.names if path.startswith(f"{name}.")]
    if not names:
        known = ", ".join(sorted(tools.names)[:15])
        raise ConfigError(
            f"{where}: match of {path!r}: no tool of that name; allowed: function.argument, "
            f"functions: {known}"
        )
    name = max(names, key=len)
    argument = path[len(name) + 1 :]
    schema, first = tools.schema(name), argument.split(".")[0].split("[")[0]
    if not _offers(schema, first):
        known = ", ".join(sorted(_properties(schema))[:15])
        raise ConfigError(f"{where}: match of {path!r}: no argument {first!r}; known: {known}")
    return name, argument


def _properties(schema: dict[str, Any] | None) -> dict[str, Any]:
    properties = (schema or {}).get("properties")
    return properties if isinstance(properties, dict) else {}


def _offers(schema: dict[str, Any] | None, argument: str) -> bool:
    """Return whether a tool's schema speaks of an argument; one without properties may take any."""
    if schema is None:
        return False
    if "patternProperties" in schema or schema.get("additionalProperties", False) is not False:
        return True
    return argument in _properties(schema) or not isinstance(schema.get("properties"), dict)


def grader(context: GraderContext) -> ToolCallsGrader:
    """Build the grader from its options."""
    return ToolCallsGrader(context)
