"""exact: the answer is the target, or one of several acceptable ones, character for character.

This module does not know what an answer means.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from evalkit.core.errors import CannotGrade
from evalkit.core.ports import GraderContext
from evalkit.core.records import Completion, OutputSpec, Parsed, Sample, Score
from evalkit.graders.schema import SchemaCheck
from evalkit.graders.scoring import (
    GraderOptions,
    ScoringGrader,
    answer_of,
    kind_of,
    read_options,
    shown,
)
from evalkit.graders.words import normalised

VERSION = "2"


class ExactOptions(GraderOptions, frozen=True, kw_only=True):
    """Options of `exact`.

    Attributes:
        strip: Ignore white space around the answer.
        ignore_case: Compare folded case.
        normalise: Compare words only: folded case, no punctuation, single spaces.
        any_of: A target list holds acceptable answers; default: where the output is no JSON.
    """

    strip: bool = True
    ignore_case: bool = False
    normalise: bool = False
    any_of: bool | None = None


class ExactGrader(ScoringGrader):
    """1 where the answer equals the target, else 0."""

    def __init__(self, context: GraderContext) -> None:
        self.options = read_options(context, "exact", ExactOptions)
        super().__init__("exact", VERSION, self.options, context)
        structured = context.output.format in ("json", "tool_calls")
        self._any_of = not structured if self.options.any_of is None else self.options.any_of
        self._void = _never_answered(context.output)

    def check(self, sample: Sample) -> str | None:
        """Refuse a sample without a target, or with one that no answer of this form can be."""
        if not sample.has_target:
            return "exact: the sample has no target"
        if self._any_of and sample.target == []:
            return "exact: the target is an empty list of acceptable answers"
        if any(_void(target) in self._void for target in self._targets(sample)):
            return (
                f"exact: the target is empty, got {shown(repr(sample.target))}; allowed: only what "
                "an answer of this output can be"
            )
        return None

    def grade(self, sample: Sample, completion: Completion, parsed: Parsed) -> Score:
        """Compare texts as texts, documents as JSON values (1 equals 1.0, True is not 1)."""
        if (problem := self.check(sample)) is not None:
            raise CannotGrade(problem)
        targets = self._targets(sample)
        answer = answer_of(completion, parsed)
        if any(self._equal(target, answer) for target in targets):
            return self.score(1)
        wanted = " or ".join(shown(target) for target in targets[:3])
        return self.score(0, f"expected {wanted}, got {shown(answer)}")

    def _targets(self, sample: Sample) -> list[Any]:
        several = self._any_of and isinstance(sample.target, list)
        return list(sample.target) if several else [sample.target]

    def _equal(self, target: object, answer: object) -> bool:
        if isinstance(answer, str):
            return self._form(_spelled(target)) == self._form(answer)
        if isinstance(target, str) and not isinstance(answer, dict | list):
            return self._form(target) == self._form(_spelled(answer))
        return same_json(target, answer)

    def _form(self, text: str) -> str:
        if self.options.normalise:
            return normalised(text)
        text = unicodedata.normalize("NFC", text)
        text = text.strip() if self.options.strip else text
        return text.casefold() if self.options.ignore_case else text


def _void(target: object) -> str | None:
    """Return which kind of nothing a target is: `null`, `blank`; None where it is something."""
    if target is None:
        return "null"
    return "blank" if isinstance(target, str) and not target.strip() else None


def _never_answered(output: OutputSpec) -> frozenset[str]:
    """Return the kinds of nothing that no answer of this output can be."""
    if output.format != "json":
        blank_is_graded = output.format == "text" and "empty" in output.accept
        return frozenset({"null"} if blank_is_graded else {"null", "blank"})
    if output.schema is None:
        return frozenset()
    schema = SchemaCheck(output.schema, "output.schema")
    return frozenset(n for n, v in (("null", None), ("blank", "")) if schema.failure(v) is not None)


def same_json(x: object, y: object) -> bool:
    """Return whether two values are the same JSON: numbers by value, truth values apart."""
    if isinstance(x, bool) or isinstance(y, bool):
        return x is y
    if isinstance(x, dict) and isinstance(y, dict):
        return x.keys() == y.keys() and all(same_json(x[key], y[key]) for key in x)
    if isinstance(x, list) and isinstance(y, list):
        return len(x) == len(y) and all(same_json(a, b) for a, b in zip(x, y, strict=True))
    return x == y


def _spelled(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int | float):
        return repr(value)
    raise CannotGrade(f"exact: the answer is text, the target {kind_of(value)}")


def grader(context: GraderContext) -> ExactGrader:
    """Build the grader from its options."""
    return ExactGrader(context)
