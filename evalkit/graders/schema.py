"""JSON Schema checks, compiled once and named by their first failing keyword.

Drafts 4 to 2020-12 by `$schema` (default 2020-12). `format` is an annotation in every draft,
nothing is ever fetched. Patterns are matched with a bounded number of steps, and a schema that may
run away is checked in a process that can be stopped: what is not decided within the bounds is
`CannotGrade`, never a failure of the document. This module does not know rungs or models.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.graders.guarded import Guarded, guarded
from evalkit.graders.schema_shape import may_run_away

if TYPE_CHECKING:
    import jsonschema_rs

PRECEDENCE = ("required", "type", "enum", "additionalProperties")
MAX_FAILURES = 1000  # of one document; beyond, the rest cannot change a report
MAX_LISTED_VALUES = 20_000
"""Of a document with more values the first failure is named: listing all takes 10 µs each."""
_FALSE_AT = ("additionalProperties", "unevaluatedProperties", "items", "additionalItems",
             "unevaluatedItems", "propertyNames", "contains")  # fmt: skip
PATTERN_STEPS = 100_000


class SchemaFailure(NamedTuple):
    """The failure that names a rung.

    Attributes:
        keyword: The failing keyword of the schema; `false` where a property may not be there.
        path: Where in the document, `items[0].amount`; empty for the document itself.
        message: What the validator says.
    """

    keyword: str
    path: str
    message: str

    def __str__(self) -> str:
        """Return one line for a reader."""
        message = self.message if len(self.message) <= 160 else f"{self.message[:160]}…"
        return f"{self.path}: {message}" if self.path else message


class SchemaCheck:
    """A compiled schema.

    Args:
        schema: The JSON Schema.
        where: What opens the message when it cannot be used.

    Raises:
        ConfigError: If it is no valid schema, names an unknown `$schema`, or refers to something
            that is not in it.
    """

    def __init__(self, schema: Mapping[str, Any], where: str, *, guard: bool = True) -> None:
        self.schema = dict(schema)
        self._where = where
        self._validator = _compile(self.schema, where)
        self._guarded: Guarded | None = None
        if guard and may_run_away(self.schema):
            self._guarded = guarded("schema", json.dumps({"schema": self.schema, "where": where}))

    @property
    def is_guarded(self) -> bool:
        """Whether a check may be waited for: it is made in another process."""
        return self._guarded is not None

    def failure(self, value: object) -> SchemaFailure | None:
        """Return the failure that names the rung, or None where the value satisfies the schema.

        Where several fail: the first of `PRECEDENCE`, then the one that the schema lists first.

        Raises:
            CannotGrade: If it cannot be decided within the bounds.
        """
        if self._guarded is not None:
            return self._elsewhere(self._guarded, value)
        if self._validator.is_valid(value):
            return None
        errors = [error for error in self._errors(value) if not _is_spurious(error)]
        decided = [error for error in errors if not _is_undecided(error)]
        if not decided:
            raise CannotGrade(
                f"{self._where}: a pattern needs more than {PATTERN_STEPS:,} steps on this document"
            )
        return _described(min(decided, key=self._rank))

    def _elsewhere(self, check: Guarded, value: object) -> SchemaFailure | None:
        try:
            found = check(value)
        except CannotGrade as stopped:
            where = str(stopped).removeprefix(f"{self._where}: ")
            raise CannotGrade(f"{self._where}: {where}") from None
        return None if found is None else SchemaFailure(*found)

    def _errors(self, value: object) -> Iterable[jsonschema_rs.ValidationError]:
        """Yield the failures of a document; of a very large one the first."""
        import jsonschema_rs

        if _is_larger(value, MAX_LISTED_VALUES):
            try:
                self._validator.validate(value)
            except jsonschema_rs.ValidationError as error:
                return [error]
        return islice(self._validator.iter_errors(value), MAX_FAILURES)

    def names_type(self, name: str) -> bool:
        """Return whether the schema's root names this type, or names no type at all."""
        types = self.schema.get("type")
        return types is None or types == name or (isinstance(types, list) and name in types)

    def says_string(self) -> bool:
        """Return whether the schema's root asks for a string explicitly."""
        return "type" in self.schema and self.names_type("string")

    def _rank(self, error: jsonschema_rs.ValidationError) -> tuple[int, list[int]]:
        keyword = _keyword(error)
        rank = PRECEDENCE.index(keyword) if keyword in PRECEDENCE else len(PRECEDENCE)
        return rank, _position(self.schema, error.evaluation_path)


def check_schema(schema: Mapping[str, Any], where: str) -> None:
    """Refuse a schema that cannot be used for grading.

    Raises:
        ConfigError: As `SchemaCheck` does.
    """
    SchemaCheck(schema, where)


def _compile(schema: dict[str, Any], where: str) -> jsonschema_rs.Validator:
    import jsonschema_rs

    try:
        return jsonschema_rs.validator_for(
            schema,
            offline=True,
            validate_formats=False,
            pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=PATTERN_STEPS),
        )
    except jsonschema_rs.ValidationError as error:
        path = _path(error.instance_path)
        at = f" at {path}" if path else ""
        raise ConfigError(
            f"{where}: not a usable JSON Schema{at}: {error.message}; allowed: drafts 4 to 2020-12 "
            "with references inside the schema"
        ) from None
    except (ValueError, TypeError, RecursionError) as error:
        raise ConfigError(f"{where}: not a usable JSON Schema: {error}") from None


def _described(error: jsonschema_rs.ValidationError) -> SchemaFailure:
    return SchemaFailure(_keyword(error), _path(error.instance_path), error.message)


def _keyword(error: jsonschema_rs.ValidationError) -> str:
    path = error.schema_path
    last = path[-1] if path else error.kind.name
    if error.kind.name == "falseSchema":
        named = len(path) > 1 and path[-2] in ("properties", "patternProperties")
        return last if last in _FALSE_AT and not named else "false"
    return last if isinstance(last, str) else error.kind.name


def _is_spurious(error: jsonschema_rs.ValidationError) -> bool:
    """Return whether `required` complains of a property that is there.

    jsonschema-rs 0.60 does so where `additionalProperties: false` forbids a required property.
    """
    missing = getattr(error.kind, "property", None)
    return missing is not None and isinstance(error.instance, dict) and missing in error.instance


def _is_undecided(error: jsonschema_rs.ValidationError) -> bool:
    """Return whether a pattern was given up, here or in a branch that would decide."""
    if type(error.kind).__name__ in ("BacktrackLimitExceeded", "RegexEngineFailure"):
        return True
    branches = getattr(error.kind, "context", None) or ()
    return any(_is_undecided(inner) for branch in branches for inner in branch)


def _is_larger(value: object, most: int) -> bool:
    """Return whether a document holds more than so many values."""
    waiting, seen = [value], 0
    while waiting:
        node = waiting.pop()
        seen += 1
        if isinstance(node, dict):
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
        if seen + len(waiting) > most:
            return True
    return False


def _path(parts: Sequence[str | int]) -> str:
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _position(schema: dict[str, Any], path: Sequence[str | int]) -> list[int]:
    """Return where each step of a path stands among its siblings, as far as it can be walked."""
    position = []
    node: object = schema
    for step in path:
        if isinstance(node, dict) and step in node:
            position.append(list(node).index(str(step)))
            node = _local(schema, node[step]) if step == "$ref" else node[step]
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            position.append(step)
            node = node[step]
        else:
            break
    return position


def _local(schema: dict[str, Any], reference: object) -> object:
    """Follow a JSON pointer inside the schema; None for any other reference."""
    node: object = schema
    for step in str(reference).removeprefix("#").split("/")[1:]:
        node = (
            node.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
        )
    return node
