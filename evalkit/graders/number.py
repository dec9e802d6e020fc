"""number: the number in the answer is the target's, within a tolerance.

This module does not know how numbers are spelled (`numerals` does).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.core.ports import GraderContext
from evalkit.core.records import Completion, Parsed, Sample, Score
from evalkit.graders.numerals import DecimalMark, Reading, number_of, numbers_in
from evalkit.graders.patterns import last_match
from evalkit.graders.scoring import (
    GraderOptions,
    ScoringGrader,
    answer_of,
    answer_text,
    read_options,
    shown,
)

VERSION = "1"


class NumberOptions(GraderOptions, frozen=True, kw_only=True):
    """Options of `number`.

    Attributes:
        extract: Which number of the text: the last, the first, the only one, or what `pattern`
            finds.
        pattern: A regular expression for `regex`; its first group (or all of it) holds the number,
            the last match counts.
        abs: Absolute tolerance, in the target's unit.
        rel: Tolerance relative to the target's magnitude; the wider of both holds.
        decimal: The decimal mark; `auto` judges each numeral.
        percent: "12%" is 12 (`as_is`) or 0.12 (`fraction`), in answers and targets alike.
        parentheses_negative: "(12)" is -12.
    """

    extract: Literal["last", "first", "only", "regex"] = "last"
    pattern: str | None = None
    abs: float = 0.0
    rel: float = 0.0
    decimal: DecimalMark = "auto"
    percent: Literal["as_is", "fraction"] = "as_is"
    parentheses_negative: bool = False


class NumberGrader(ScoringGrader):
    """1 where the extracted number is within tolerance of the target, else 0."""

    def __init__(self, context: GraderContext) -> None:
        self.options = options = read_options(context, "number", NumberOptions)
        super().__init__("number", VERSION, options, context)
        self._reading = Reading(
            options.decimal, options.percent == "fraction", options.parentheses_negative
        )
        self._pattern = _pattern(context, options)
        self.is_quick = options.pattern is None  # a pattern of the suite may be waited for
        check_tolerances(options.abs, options.rel, f"{context.where}: grader 'number'")

    def check(self, sample: Sample) -> str | None:
        """Refuse a sample whose target holds no number."""
        if not sample.has_target:
            return "number: the sample has no target"
        if self._target(sample.target) is None:
            return f"number: the target holds no number, got {shown(repr(sample.target))}"
        return None

    def grade(self, sample: Sample, completion: Completion, parsed: Parsed) -> Score:
        """Compare decimally; a text without a number scores 0."""
        target = self._target(sample.target) if sample.has_target else None
        if target is None:
            raise CannotGrade(str(self.check(sample)))
        answer = answer_of(completion, parsed)
        if isinstance(answer, int | float) and not isinstance(answer, bool):
            found = number_of(answer)
        else:
            found = self._extract(answer_text(completion, parsed, "number"))
        if found is None:
            several = " single" if self.options.extract == "only" else ""
            return self.score(0, f"no{several} number in the answer")
        details = {"expected": str(target), "got": str(found)}
        if within(found, target, self.options.abs, self.options.rel):
            return self.score(1, details=details)
        return self.score(0, f"expected {target}, got {found}", details)

    def _target(self, target: object) -> Decimal | None:
        if isinstance(target, str):
            return self._chosen(target, "last")
        return number_of(target, self._reading)

    def _extract(self, text: str) -> Decimal | None:
        if self._pattern is None:
            return self._chosen(text, self.options.extract)
        try:
            found = last_match(self._pattern, text)
        except CannotGrade as limit:
            raise CannotGrade(f"number: the search by `pattern` was {limit}") from None
        return None if found is None else self._chosen(found, "last")

    def _chosen(self, text: str, which: str) -> Decimal | None:
        numbers = list(numbers_in(text, self._reading))
        if which == "only" and len(set(numbers)) != 1:
            return None
        if not numbers:
            return None
        return numbers[0] if which == "first" else numbers[-1]


def within(found: Decimal, target: Decimal, absolute: float, relative: float) -> bool:
    """Return whether two numbers differ by at most max(absolute, relative x |target|).

    >>> within(Decimal("20.00"), Decimal(20), 0, 0), within(Decimal("1.1"), Decimal(1), 0, 0.05)
    (True, False)
    """
    if found == target:
        return True
    allowed = max(Decimal(repr(absolute)), Decimal(repr(relative)) * abs(target))
    return abs(found - target) <= allowed


def check_tolerances(absolute: float, relative: float, where: str) -> None:
    """Refuse a tolerance that is no finite number from 0 up.

    Raises:
        ConfigError: If one is.
    """
    for name, value in (("abs", absolute), ("rel", relative)):
        if not 0 <= value < float("inf"):
            raise ConfigError(f"{where}: `{name}` cannot be {value}; allowed: a number from 0 up")


def _pattern(context: GraderContext, options: NumberOptions) -> re.Pattern[str] | None:
    where = f"{context.where}: grader 'number'"
    if options.extract != "regex":
        if options.pattern is not None:
            raise ConfigError(f"{where}: `pattern` needs `extract: regex`, got {options.extract!r}")
        return None
    if options.pattern is None:
        raise ConfigError(f"{where}: `extract: regex` needs `pattern`")
    try:
        return re.compile(options.pattern)
    except re.error as error:
        raise ConfigError(f"{where}: `pattern` is no regular expression: {error}") from None


def grader(context: GraderContext) -> NumberGrader:
    """Build the grader from its options."""
    return NumberGrader(context)
