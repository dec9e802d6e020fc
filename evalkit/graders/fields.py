"""fields: a document compared with its target field by field.

Definitions and a worked example: docs/graders/fields.md. This module does not know how values
are compared (`matchers`) or documents walked (`comparing`).
"""

from __future__ import annotations

from typing import Any

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.core.ports import GraderContext
from evalkit.core.records import Completion, Parsed, Sample, Score
from evalkit.graders.comparing import Comparer, Tally
from evalkit.graders.matchers import read_matches
from evalkit.graders.scoring import (
    GraderOptions,
    ScoringGrader,
    check_paths,
    document_of,
    kind_of,
    read_options,
    shown,
)

VERSION = "2"


class FieldsOptions(GraderOptions, frozen=True, kw_only=True):
    """Options of `fields`.

    Attributes:
        weights: By path, relative to the fields beside it; default 1.
        match: By path, how values are compared; default by the target's type.
        empty_is_null: `""`, `[]` and `{}` count as null.
    """

    weights: dict[str, float] = {}
    match: dict[str, Any] = {}
    empty_is_null: bool = False


class FieldsGrader(ScoringGrader):
    """The weighted mean of the fields' scores; precision, recall and F1 of leaves beside it."""

    def __init__(self, context: GraderContext) -> None:
        self.options = options = read_options(context, "fields", FieldsOptions)
        where = f"{context.where}: grader 'fields'"
        if context.output.format != "json":
            raise ConfigError(f"{where} needs output format json, got {context.output.format!r}")
        for path, weight in options.weights.items():
            if not 0 <= weight < float("inf"):
                raise ConfigError(
                    f"{where}: weight of {path!r} cannot be {weight}; allowed: a number from 0 up"
                )
        matches = read_matches(options.match, where)
        check_paths([*options.weights, *options.match], context.output.schema, where)
        self._comparer = Comparer(matches, options.weights, options.empty_is_null)
        super().__init__("fields", VERSION, options, context)

    def check(self, sample: Sample) -> str | None:
        """Refuse a sample whose target is no document, or does not fit its matches."""
        if not sample.has_target:
            return "fields: the sample has no target"
        target = document_of(sample.target)
        if not isinstance(target, dict | list):
            return f"fields: the target is no document, got {kind_of(target)}"
        problem = self._comparer.refusal(target)
        return f"fields: {problem}" if problem else None

    def grade(self, sample: Sample, completion: Completion, parsed: Parsed) -> Score:
        """Compare the parsed document with the target."""
        if (problem := self.check(sample)) is not None:
            raise CannotGrade(problem)
        if parsed.value is None and parsed.rung != "valid":
            raise CannotGrade(f"fields: there is no document to compare (rung {parsed.rung})")
        target = document_of(sample.target)
        tally = Tally()
        agreement = self._comparer.compare(target, parsed.value, "", tally)
        if isinstance(target, dict) and target and agreement.score == 1 and self._empty(tally):
            raise CannotGrade("fields: every field is ignored or weighs 0: nothing is compared")
        reason = "; ".join(_fault(*fault) for fault in tally.faults)
        return self.score(agreement.score, reason, _details(tally))

    def _empty(self, tally: Tally) -> bool:
        return not any(self.options.weights.get(path, 1.0) for path in tally.fields)


def _details(tally: Tally) -> dict[str, Any]:
    matched = expected = given = 0.0
    each = []
    for found, wanted, got in tally.leaves.values():
        matched, expected, given = matched + found, expected + wanted, given + got
        if wanted + got:
            each.append(2 * found / (wanted + got))
    return {
        "fields": {path: round(score, 6) for path, score in list(tally.fields.items())[:200]},
        "matched": matched,
        "expected": int(expected),
        "given": int(given),
        "precision": matched / given if given else None,
        "recall": matched / expected if expected else None,
        "f1_micro": f1(matched, expected, given),
        "f1_macro": sum(each) / len(each) if each else None,
    }


def f1(matched: float, expected: float, given: float) -> float | None:
    """Return 2 matched / (expected + given); None where there is nothing on either side.

    >>> f1(3, 4, 5)
    0.6666666666666666
    """
    return 2 * matched / (expected + given) if expected + given else None


def _fault(path: str, target: object, answer: object) -> str:
    name = path or "the document"
    if answer is None:
        return f"{name} is missing, expected {shown(target, 40)}"
    if target is None:
        return f"{name} is extra, got {shown(answer, 40)}"
    return f"{name}: expected {shown(target, 40)}, got {shown(answer, 40)}"


def grader(context: GraderContext) -> FieldsGrader:
    """Build the grader from its options."""
    return FieldsGrader(context)
