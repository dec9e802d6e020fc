"""abstain: the answer declines exactly where declining is due.

Definitions: docs/graders/abstain.md. This module does not know whether an answer that was given
is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.core.ports import GraderContext
from evalkit.core.records import Completion, Parsed, Sample, Score
from evalkit.graders.exact import same_json
from evalkit.graders.labels import LabelTable
from evalkit.graders.scoring import (
    GraderOptions,
    ScoringGrader,
    check_paths,
    document_of,
    read_options,
    shown,
)
from evalkit.graders.words import normalised

VERSION = "1"
_YES, _NO = ("true", "1", "1.0", "yes"), ("false", "0", "0.0", "no")
By = Literal["answer", "field", "refusal"]


class AbstainOptions(GraderOptions, frozen=True, kw_only=True):
    """Options of `abstain`.

    Attributes:
        answers: Answers that abstain, as whole texts.
        field: Where in a document stands whether it abstains: `decision`, `reply.kind`.
        values: Values of the field that abstain.
        due: A column that says whether abstaining is due; default: the target says it.
        refusals: A refusal abstains too.
    """

    answers: tuple[str, ...] = ()
    field: str | None = None
    values: tuple[Any, ...] = ()
    due: str | None = None
    refusals: bool = True


class AbstainGrader(ScoringGrader):
    """1 where the answer abstained and that was due, or did neither; else 0."""

    def __init__(self, context: GraderContext) -> None:
        self.options = options = read_options(context, "abstain", AbstainOptions)
        _check_options(options, context)
        self._answers = {_form(answer) for answer in options.answers}
        self._longest = max(map(len, options.answers), default=0)
        self._path = (options.field or "").split(".")
        super().__init__("abstain", VERSION, options, context)
        self.grades_refusals = options.refusals

    def check(self, sample: Sample) -> str | None:
        """Refuse a sample of which nothing says whether abstaining is due."""
        try:
            self._is_due(sample)
        except CannotGrade as problem:
            return str(problem)
        return None

    def grade(self, sample: Sample, completion: Completion, parsed: Parsed) -> Score:
        """Compare what the answer did with what was due."""
        due = self._is_due(sample)
        by = self._abstained_by(completion, parsed)
        did = by is not None
        right = did == due
        metrics = {"accuracy": float(right)}
        metrics |= {"missed": float(not did)} if due else {"unneeded": float(did)}
        reason = "" if right else "did not abstain, which was due" if due else "abstained unasked"
        details = {"due": due, "did": did, "by": by, "metrics": metrics}
        return self.score(float(right), reason, details)

    def _abstained_by(self, completion: Completion, parsed: Parsed) -> By | None:
        if parsed.rung == "refusal":
            return "refusal" if self.options.refusals else None
        if self.options.field is not None:
            return "field" if self._holds(parsed.value) else None
        answer = completion.text if parsed.value is None else parsed.value
        return "answer" if isinstance(answer, str) and self._abstains(answer.strip()) else None

    def _abstains(self, answer: str) -> bool:
        near = len(answer) <= 4 * self._longest + 100  # a long text need not be normalised
        return near and _form(answer) in self._answers

    def _is_due(self, sample: Sample) -> bool:
        if self.options.due is not None:
            return _flag(sample, self.options.due)
        if not sample.has_target:
            raise CannotGrade("abstain: the sample has no target, and no column `due` is named")
        target = sample.target
        if target is None or (isinstance(target, str) and not target.strip()):
            return True
        if self.options.field is not None:
            return self._target_holds(document_of(target))
        targets = target if isinstance(target, list) else [target]
        if not targets:
            raise CannotGrade("abstain: the target is an empty list of acceptable answers")
        return all(isinstance(t, str) and _form(t) in self._answers for t in targets)

    def _target_holds(self, target: object) -> bool:
        """Return whether a target's field has an abstaining value; one without fields may be it."""
        if not isinstance(target, dict):
            return any(_same(target, value) for value in self.options.values)
        document: object = target
        for step in self._path:
            if not isinstance(document, dict) or step not in document:
                raise CannotGrade(f"abstain: the target has no field {self.options.field!r}")
            document = document[step]
        return self._holds(target)

    def _holds(self, document: object) -> bool:
        """Return whether the field of a document has an abstaining value; missing is null."""
        for step in self._path:
            document = document.get(step) if isinstance(document, dict) else None
        return any(_same(document, value) for value in self.options.values)


def _check_options(options: AbstainOptions, context: GraderContext) -> None:
    """Refuse options that contradict each other or this output, or that see nothing."""
    where, form = f"{context.where}: grader 'abstain'", context.output.format
    answers, field = options.answers, options.field
    problems = (
        (
            (field is None) != (not options.values),
            "`field` and `values` go together, got only one of them",
        ),
        (bool(field and answers), "got both `answers` and `field`; allowed: one of them"),
        (bool(field) and form != "json", f"`field` needs output format json, got {form!r}"),
        (
            field is not None and not all(field.split(".")),
            f"`field` got {field!r}; allowed: keys joined by points",
        ),
        (
            bool(answers) and form == "tool_calls",
            "`answers` need output format text, label or json, got 'tool_calls'",
        ),
        (
            not (answers or field or options.refusals),
            "nothing abstains; name `answers`, or `field` with `values`",
        ),
        (not all(answer.strip() for answer in answers), "`answers` got an empty text"),
    )
    for holds, problem in problems:
        if holds:
            raise ConfigError(f"{where}: {problem}")
    if field is not None:
        check_paths([field], context.output.schema, where)
    if form == "label":
        _check_labels(answers, context.output.labels, where)


def _check_labels(answers: Sequence[str], labels: Sequence[str], where: str) -> None:
    table = LabelTable(labels)
    for answer in answers:
        if table.canonical(answer) is None:
            raise ConfigError(f"{where}: `answers` got {answer!r}, which is none of the labels")


def _flag(sample: Sample, column: str) -> bool:
    """Return the truth value of a column; 0, 1 and the words of a CSV file count."""
    if column not in sample.columns:
        raise CannotGrade(f"abstain: the sample has no column {column!r} (`due`)")
    value = sample.columns[column]
    word = str(value).strip().lower()
    if word not in _YES + _NO:
        raise CannotGrade(
            f"abstain: column {column!r} must be true or false, got {shown(repr(value))}"
        )
    return word in _YES


def _form(text: str) -> str:
    return normalised(text) or text.strip()


def _same(given: object, value: object) -> bool:
    if isinstance(given, str) and isinstance(value, str):
        return _form(given) == _form(value)
    return same_json(given, value)


def grader(context: GraderContext) -> AbstainGrader:
    """Build the grader from its options."""
    return AbstainGrader(context)
