"""What all built-in graders share: strict options, one identity, one way to write a score.

This module does not know how any grader judges.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.core.ports import GraderContext
from evalkit.core.records import Completion, Parsed, Record, Score, fingerprint
from evalkit.graders.json_text import NotJson, read_json

MAX_REASON_CHARS = 200
MAX_METRICS = 20
_METRIC = re.compile(r"[A-Za-z0-9_.-]{1,60}")

Options = TypeVar("Options", bound="GraderOptions")


class GraderOptions(Record, frozen=True, kw_only=True):
    """Options that every built-in grader takes.

    Attributes:
        pass_at: A trial passes this grader when its value is at least this; default: the suite's.
    """

    pass_at: float | None = None


class ScoringGrader:
    """The identity of a grader and the form of its scores.

    Args:
        name: As in suite.yaml.
        version: Raised whenever equal input could get another score.
        options: As read; part of the fingerprint.
        context: Where the grader stands.
        also: What else decides a score: code, a schema, a library's version.
    """

    is_quick = True  # False: not to be run on the event loop
    grades_refusals = False  # True: asked for refusals too, which else score 0 unasked
    grades_malformed = False  # True: asked for malformed answers too; they score 0 all the same

    def __init__(
        self,
        name: str,
        version: str,
        options: GraderOptions,
        context: GraderContext,
        also: object = None,
    ) -> None:
        self.name = name
        self.version = version
        self.pass_at = context.pass_at if options.pass_at is None else options.pass_at
        if not 0 < self.pass_at <= 1:
            raise ConfigError(
                f"{context.where}: `pass_at` of grader {name!r} cannot be {self.pass_at}; "
                "allowed: above 0, up to 1"
            )
        spelled = msgspec.to_builtins(options)
        self.fingerprint = fingerprint([name, version, spelled, self.pass_at, also])

    def score(self, value: float, reason: str = "", details: dict[str, Any] | None = None) -> Score:
        """Return a score of this grader; `value` in [0, 1]."""
        return Score(
            grader=self.name,
            version=self.version,
            value=float(value),
            passed=value >= self.pass_at - 1e-12,  # sums of thirds are not exact
            reason=shown(reason, MAX_REASON_CHARS),
            details=details,
        )


def read_options(context: GraderContext, grader: str, kind: type[Options]) -> Options:
    """Return a grader's options as its record.

    Raises:
        ConfigError: If one is unknown or of the wrong type.
    """
    names = {field.encode_name for field in msgspec.structs.fields(kind)}
    for option in context.options:
        if option not in names:
            known = ", ".join(sorted(names))
            raise ConfigError(
                f"{context.where}: unknown option {option!r} of grader {grader!r}; known: {known}"
            )
    try:
        return msgspec.convert(context.options, kind)
    except msgspec.ValidationError as error:
        problem = str(error).replace("`$.", "`")
        raise ConfigError(f"{context.where}: option of grader {grader!r}: {problem}") from None


def metrics_problem(details: Mapping[str, Any] | None) -> str | None:
    """Return why the `metrics` of a score's details cannot be used; None where they can.

    >>> metrics_problem({"metrics": {"leaked": 2}})
    "metric 'leaked' is 2; allowed: a number from 0 to 1"
    """
    metrics = (details or {}).get("metrics", {})
    if not isinstance(metrics, Mapping):
        return f"`metrics` must be names with numbers, got {kind_of(metrics)}"
    if len(metrics) > MAX_METRICS:
        return f"{len(metrics)} metrics; allowed: {MAX_METRICS}"
    for name, value in metrics.items():
        if not isinstance(name, str) or _METRIC.fullmatch(name) is None:
            return (
                f"metric {shown(repr(name))} cannot be named so; allowed: up to 60 letters, "
                "digits, _ . -"
            )
        if not (isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= 1):
            return f"metric {name!r} is {shown(value)}; allowed: a number from 0 to 1"
    return None


def answer_of(completion: Completion, parsed: Parsed) -> Any:
    """Return what is graded: the parsed value, else the text as it came."""
    return completion.text if parsed.value is None else parsed.value


def answer_text(completion: Completion, parsed: Parsed, grader: str) -> str:
    """Return the answer as text; numbers as they are spelled.

    Raises:
        CannotGrade: If the answer is an object, a list or a truth value.
    """
    answer = answer_of(completion, parsed)
    if isinstance(answer, str):
        return answer
    if isinstance(answer, int | float) and not isinstance(answer, bool):
        return completion.text
    raise CannotGrade(
        f"{grader}: reads text, got {kind_of(answer)}; for documents use `fields` or `exact`"
    )


def check_paths(paths: Sequence[str], schema: Mapping[str, Any] | None, where: str) -> None:
    """Refuse a path whose first step the schema does not know: a slip would silently do nothing.

    Raises:
        ConfigError: If there is one.
    """
    properties = (schema or {}).get("properties")
    if not isinstance(properties, dict):
        return
    for path in paths:
        first = path.split(".")[0].removesuffix("[]")
        if first not in properties:
            known = ", ".join(sorted(properties)[:15])
            raise ConfigError(f"{where}: no field {first!r} in the schema; known: {known}")


def document_of(target: object) -> object:
    """Return a target as a document: a CSV file holds one as JSON text."""
    if isinstance(target, str) and target.lstrip()[:1] in ("{", "["):
        try:
            return read_json(target)
        except NotJson:
            return target
    return target


def kind_of(value: object) -> str:
    """Return the JSON name of a value's type."""
    names = {dict: "an object", list: "a list", str: "text", bool: "a truth value"}
    names |= {int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), type(value).__name__)


def shown(value: object, limit: int = 60) -> str:
    """Return a value for a message: one line, cut."""
    text = value if isinstance(value, str) else repr(value)
    text = " ".join(text[: limit * 4].split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
