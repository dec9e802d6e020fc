"""json_schema: the answer is JSON of the asked form, on a rung that the suite accepts.

This module does not know whether the content is right.
"""

from __future__ import annotations

from typing import Any

import msgspec

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.core.ports import GraderContext
from evalkit.core.records import Completion, OutputSpec, Parsed, Sample, Score
from evalkit.graders.json_text import NotJson, read_json
from evalkit.graders.parse import UNCHECKED, Parser
from evalkit.graders.schema import check_schema
from evalkit.graders.scoring import GraderOptions, ScoringGrader, read_options, shown
from evalkit.graders.suite_files import suite_file

VERSION = "1"


class JsonSchemaOptions(GraderOptions, frozen=True, kw_only=True):
    """Options of `json_schema`.

    Attributes:
        schema: A schema of its own, in place or as a file of the suite; default: `output.schema`.
        accept: Rungs that score 1; default: `output.accept`.
    """

    schema: dict[str, Any] | str | None = None
    accept: tuple[str, ...] | None = None


class JsonSchemaGrader(ScoringGrader):
    """1 where the answer's rung is accepted, else 0 with the failing keyword and place."""

    grades_refusals = grades_malformed = True

    def __init__(self, context: GraderContext) -> None:
        options = read_options(context, "json_schema", JsonSchemaOptions)
        schema, own = context.output.schema, options.schema is not None
        if options.schema is not None:
            schema = _own_schema(context, options.schema)
        elif context.output.format != "json":
            raise ConfigError(
                f"{context.where}: grader 'json_schema' needs output format json or a `schema` of "
                f"its own, got format {context.output.format!r}"
            )
        self._accept = context.output.accept if options.accept is None else options.accept
        form = OutputSpec(format="json", schema=schema)
        self._parser = Parser(form)
        self._reads_itself = own
        self.is_quick = self._parser.is_quick
        super().__init__("json_schema", VERSION, options, context, also=[schema, self._accept])

    def check(self, sample: Sample) -> str | None:
        """Accept every sample: no target is needed."""
        return None

    def grade(self, sample: Sample, completion: Completion, parsed: Parsed) -> Score:
        """Score the rung; `details` names it, the keyword and the place in the document."""
        if self._reads_itself:
            parsed = self._parser.parse(completion)
        if parsed.rung == UNCHECKED:
            raise CannotGrade(f"json_schema: {parsed.detail}")
        details: dict[str, Any] = {"rung": parsed.rung}
        if parsed.rung in self._accept and parsed.rung != "refusal":
            return self.score(1, details=details)
        failure = None
        if parsed.rung.startswith("schema:"):
            failure = self._parser.failure(parsed.value)
        if failure is not None:
            details |= {"keyword": failure.keyword, "path": failure.path}
        reason = parsed.rung if parsed.detail is None else f"{parsed.rung}: {parsed.detail}"
        return self.score(0, reason, details)


def _own_schema(context: GraderContext, schema: dict[str, Any] | str) -> dict[str, Any]:
    where = f"{context.where}: grader 'json_schema'"
    if isinstance(schema, str):
        where = f"{where}: {schema}"
        try:
            read = read_json(suite_file(context, schema, where).read_text(encoding="utf-8"))
        except (NotJson, UnicodeDecodeError) as error:
            raise ConfigError(f"{where}: not a JSON file: {error}") from None
        if not isinstance(read, dict):
            raise ConfigError(f"{where}: a schema must be an object, got {shown(repr(read))}")
        schema = read
    check_schema(schema, where)
    return msgspec.to_builtins(schema)  # type: ignore[no-any-return]


def grader(context: GraderContext) -> JsonSchemaGrader:
    """Build the grader from its options."""
    return JsonSchemaGrader(context)
