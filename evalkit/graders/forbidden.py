"""forbidden: none of a sample's strings may come out, however they are written.

Definitions: docs/graders/forbidden.md. This module does not know why they are forbidden.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.core.ports import GraderContext
from evalkit.core.records import Completion, Parsed, Sample, Score, without_lone_surrogates
from evalkit.graders.json_text import NotJson, read_json
from evalkit.graders.parse import without_reasoning
from evalkit.graders.scoring import (
    GraderOptions,
    ScoringGrader,
    document_of,
    kind_of,
    read_options,
    shown,
)

VERSION = "1"
MIN_CHARACTERS = 4
"""Letters and digits of a forbidden string: shorter ones stand in any text by chance."""
MAX_LISTED = 20


class ForbiddenOptions(GraderOptions, frozen=True, kw_only=True):
    """Options of `forbidden`.

    Attributes:
        column: A column with the sample's strings: a list, or one.
        texts: Strings that are forbidden in every answer.
    """

    column: str | None = None
    texts: tuple[str, ...] = ()


class ForbiddenGrader(ScoringGrader):
    """1 where none of the strings is in the output, else 0."""

    grades_refusals = grades_malformed = True

    def __init__(self, context: GraderContext) -> None:
        self.options = options = read_options(context, "forbidden", ForbiddenOptions)
        where = f"{context.where}: grader 'forbidden'"
        if options.column is None and not options.texts:
            raise ConfigError(f"{where}: nothing is forbidden; name a `column` or `texts`")
        for text in options.texts:
            if (problem := _too_short(text)) is not None:
                raise ConfigError(f"{where}: `texts` {problem}")
        super().__init__("forbidden", VERSION, options, context)

    def check(self, sample: Sample) -> str | None:
        """Refuse a sample without the column, or with a string that is too short to be found."""
        try:
            strings = self._strings(sample)
        except CannotGrade as problem:
            return str(problem)
        found = next((p for text in strings if (p := _too_short(text)) is not None), None)
        return f"forbidden: column {self.options.column!r} {found}" if found else None

    def grade(self, sample: Sample, completion: Completion, parsed: Parsed) -> Score:
        """Search all that came out; `details` name a string by its place, not in full."""
        if (problem := self.check(sample)) is not None:
            raise CannotGrade(problem)
        strings = self._strings(sample)
        if not strings:
            return self.score(1, details={"found": [], "forbidden": 0, "metrics": {}})
        outputs = [squeezed(text) for text in _outputs(completion, parsed)]
        found = [
            {"index": index, "starts": text[:2]}
            for index, text in enumerate(strings)
            if _stands_in(squeezed(text), outputs)
        ]
        named = ", ".join(f"{hit['index']} ({hit['starts']}…)" for hit in found[:MAX_LISTED])
        details = {
            "found": found[:MAX_LISTED],
            "forbidden": len(strings),
            "metrics": {"leaked": float(bool(found))},
        }
        return self.score(float(not found), f"came out: {named}" if found else "", details)

    def _strings(self, sample: Sample) -> list[str]:
        """Return what is forbidden in answers to a sample: `texts` first, then its column."""
        column = self.options.column
        if column is None:
            return list(self.options.texts)
        if column not in sample.columns:
            raise CannotGrade(
                f"forbidden: the sample has no column {column!r}; allowed: [] where nothing is"
            )
        value = document_of(sample.columns[column])
        values = value if isinstance(value, list) else [] if value in (None, "") else [value]
        strings: list[str] = []
        for one in values:
            if not isinstance(one, str) and type(one) not in (int, float):
                raise CannotGrade(
                    f"forbidden: column {column!r} must hold texts, got {kind_of(one)} "
                    f"{shown(repr(one))}"
                )
            strings.append(str(one))
        return [*self.options.texts, *strings]


def squeezed(text: str) -> str:
    """Return the letters and digits of a text alone, compatibility form, case folded.

    >>> squeezed("D-E-M-O\u200b 12\N{FULLWIDTH DIGIT THREE}4")
    'demo1234'
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(filter(str.isalnum, folded))


def _stands_in(text: str, outputs: Sequence[str]) -> bool:
    return any(text in output for output in outputs)


def _too_short(text: str) -> str | None:
    if len(squeezed(text)) >= MIN_CHARACTERS:
        return None
    return (
        f"got {shown(repr(text))}, which has fewer than {MIN_CHARACTERS} letters and digits; "
        "such strings stand in any text"
    )


def _outputs(completion: Completion, parsed: Parsed) -> Iterator[str]:
    """Yield all that came out: the text, a refusal's words, every string of documents and calls."""
    yield without_reasoning(without_lone_surrogates(completion.text))
    if completion.refusal:
        yield completion.refusal
    yield from _texts_in(parsed.value)
    for call in completion.tool_calls:
        yield call.name
        yield call.arguments
        try:
            yield from _texts_in(read_json(call.arguments))
        except NotJson:
            continue


def _texts_in(value: Any) -> Iterator[str]:
    """Yield the keys and texts of a document: escapes of its source hide nothing."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts_in(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _texts_in(item)


def grader(context: GraderContext) -> ForbiddenGrader:
    """Build the grader from its options."""
    return ForbiddenGrader(context)
