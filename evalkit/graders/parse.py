"""From a completion to its rung: what form the answer has and what value it holds.

The rungs are drawn in docs/rungs.md; each answer gets the first that holds. Nothing here raises
for any text, and nothing here knows whether an answer is right.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from evalkit.core.errors import CannotGrade
from evalkit.core.records import Completion, Mode, OutputSpec, Parsed, without_lone_surrogates
from evalkit.graders.calls import CallsRead, ToolTable
from evalkit.graders.json_text import (
    Found,
    NotJson,
    find_documents,
    is_double_encoded,
    read_json,
)
from evalkit.graders.labels import LabelTable
from evalkit.graders.refusals import MAX_REFUSAL_CHARS, is_refusal
from evalkit.graders.repair import repaired
from evalkit.graders.schema import SchemaCheck, SchemaFailure

PARSER_VERSION = "3"
"""Part of every grading fingerprint: a changed rule regrades stored answers."""

UNCHECKED = "unchecked"
"""Neither the answer's fault nor its merit: graded by nobody, and a failure of every grader."""

_REASONING = re.compile(r"\s*<(think|thinking|reasoning)>", re.IGNORECASE)
_ORPHAN_END = re.compile(r"</(think|thinking|reasoning)>\s*", re.IGNORECASE)
_CITATION = re.compile(r"\[\s*\d*\s*\]|\{\s*\}")
_NO_CONTENT = ("refusal", "empty", "truncated", UNCHECKED)


class Parser:
    """Puts answers of one output form on their rungs.

    Args:
        output: The form; its schema and its tools' schemas are compiled once, here.

    Raises:
        ConfigError: If a schema cannot be used.
    """

    def __init__(self, output: OutputSpec) -> None:
        self.output = output
        self._schema = None
        if output.schema is not None and output.format == "json":
            self._schema = SchemaCheck(output.schema, "output.schema")
        self._labels = LabelTable(output.labels)
        self._tools = ToolTable(output.tools)
        self._read = {
            "json": self._json,
            "label": self._label,
            "tool_calls": self._calls,
            "text": self._text,
        }[output.format]

    @property
    def is_quick(self) -> bool:
        """Whether a short answer may be parsed on the event loop."""
        guarded = self._schema is not None and self._schema.is_guarded
        return not (guarded or self._tools.is_guarded)

    def parse(self, completion: Completion) -> Parsed:
        """Return the rung of an answer and its value. Never raises.

        `unchecked`: whether it satisfies the schema could not be decided within the bounds.
        """
        try:
            return self._parse(completion)
        except CannotGrade as limit:
            return Parsed(rung=UNCHECKED, detail=_short(str(limit)))

    def _parse(self, completion: Completion) -> Parsed:
        if completion.refusal or completion.finish_reason in ("refusal", "content_filter"):
            said = completion.refusal or completion.finish_reason
            return Parsed(rung="refusal", refused_by="signal", detail=_short(str(said)))
        text = without_reasoning(without_lone_surrogates(completion.text))
        if _blank(text) and not completion.tool_calls:
            cut = completion.finish_reason == "length"
            return Parsed(rung="empty", detail="stopped by length" if cut else None)
        return self._read(completion, text)

    def failure(self, value: object) -> SchemaFailure | None:
        """Return how a document fails the schema; None where it satisfies it or there is none.

        Raises:
            CannotGrade: If that could not be decided within the bounds.
        """
        return self._schema.failure(value) if self._schema else None

    def _text(self, completion: Completion, text: str) -> Parsed:
        if is_refusal(text, form_missing=False):
            return _refused(text)
        if completion.finish_reason == "length":
            return Parsed(rung="truncated", value=text, detail="stopped by length")
        return Parsed(rung="valid", value=text)

    def _label(self, completion: Completion, text: str) -> Parsed:
        label, whole_json = self._labels.exact(text)
        if label is not None:
            return Parsed(rung="valid", value=label, whole_json=whole_json)
        if is_refusal(text, form_missing=True):
            return _refused(text)
        if completion.finish_reason == "length":
            return Parsed(rung="truncated", detail="stopped by length")
        label, problem = self._labels.in_prose(text)
        if label is None:
            return Parsed(rung="not_label", whole_json=whole_json, detail=problem)
        return Parsed(rung="embedded", value=label, whole_json=whole_json)

    def _calls(self, completion: Completion, text: str) -> Parsed:
        made = completion.tool_calls
        read = self._tools.read(made) if made else self._tools.read_text(text)
        found = CallsRead([], "valid") if read is None else read
        cut = completion.finish_reason == "length"
        if cut and (read is None or found.rung != "valid"):
            return Parsed(rung="truncated", detail="stopped by length")
        return Parsed(rung=found.rung, value=found.value, detail=_detail(found.detail))

    def _json(self, completion: Completion, text: str) -> Parsed:
        try:
            value = read_json(text)
        except NotJson as error:
            return self._not_whole(completion, text, str(error))
        problem = self._whole_failure(value)
        if problem is None:
            return Parsed(rung="valid", value=value, whole_json=True)
        if completion.finish_reason == "length":
            return Parsed(rung="truncated", whole_json=True, detail="stopped by length")
        rung, detail = problem
        kept = None if rung == "not_json" else value
        return Parsed(rung=rung, value=kept, whole_json=True, detail=detail)

    def _whole_failure(self, value: object) -> tuple[str, str] | None:
        if self._schema is not None and (failure := self._schema.failure(value)):
            return f"schema:{failure.keyword}", str(failure)
        if is_double_encoded(value) and not (self._schema and self._schema.says_string()):
            rung = "schema:type" if self._schema else "not_json"
            return rung, "double-encoded: a string that holds JSON"
        return None

    def _not_whole(self, completion: Completion, text: str, problem: str) -> Parsed:
        cut = completion.finish_reason == "length"
        maybe_refusal = len(text) <= MAX_REFUSAL_CHARS and is_refusal(text, form_missing=True)
        if cut and not maybe_refusal:
            return Parsed(rung="truncated", detail="stopped by length")
        pieces = [p for p in find_documents(text) if self._could_be_answer(p, text)]
        parsed = self._within(pieces, text, problem)
        form_missing = parsed.rung == "not_json" and not any(piece.strict for piece in pieces)
        if maybe_refusal and form_missing:
            return _refused(text)
        return Parsed(rung="truncated", detail="stopped by length") if cut else parsed

    def _within(self, pieces: list[Found], text: str, problem: str) -> Parsed:
        """Take the one document that stands in a fence or in prose, else repair the one piece."""
        for fenced in (True, False):
            documents = [p for p in pieces if p.strict and (p.fenced or not fenced)]
            if len(documents) > 1:
                return _not_json(f"{len(documents)} JSON documents: which one is meant is unclear")
            if documents:
                return self._checked(documents[0].value, "fenced" if fenced else "embedded")
        return self._repaired(pieces, text, problem)

    def _could_be_answer(self, piece: Found, text: str) -> bool:
        kind = "object" if piece.source.startswith("{") else "array"
        if self._schema is not None:
            return self._schema.names_type(kind)
        return piece.fenced or _CITATION.fullmatch(piece.source) is None

    def _repaired(self, pieces: list[Found], text: str, problem: str) -> Parsed:
        fenced = [p for p in pieces if p.fenced]
        chosen = fenced or pieces
        if len(chosen) != 1:
            return _not_json(problem)
        piece = chosen[0]
        if self._schema is None and not fenced and piece.source.strip() != text.strip():
            return _not_json(
                problem
            )  # braces in prose: without a schema nothing says they are JSON
        try:
            value = repaired(piece.source)
        except NotJson as error:
            return _not_json(piece.problem if "duplicate" in piece.problem else str(error))
        return self._checked(value, "repaired")

    def _checked(self, value: Any, rung: str) -> Parsed:
        failure = self.failure(value)
        if failure is None:
            return Parsed(rung=rung, value=value)
        return Parsed(rung=f"schema:{failure.keyword}", value=value, detail=str(failure))


def structured_honoured(
    mode_requested: Mode | None, parsed: Parsed, completion: Completion
) -> Mode | None:
    """Return the strongest structured mode, up to the requested, that an answer is consistent with.

    None where nothing was requested or the answer says nothing: a refusal, an empty or a cut one.
    """
    if mode_requested is None or parsed.rung in _NO_CONTENT:
        return None
    if completion.finish_reason == "length" and parsed.rung != "valid":
        return None
    if mode_requested == "json_schema" and parsed.rung == "valid" and parsed.whole_json:
        return "json_schema"
    if mode_requested != "prompt" and parsed.whole_json:
        return "json_object"
    return "prompt"


def without_reasoning(text: str) -> str:
    """Return the text without the reasoning that opens it.

    `<think>`, `<thinking>` and `<reasoning>` blocks at the start are cut; one that never closes is
    all there is. A closing tag without its opening (chat templates that open it in the prompt)
    cuts all before it, unless the text before it looks like the answer itself.
    """
    if "<" not in text:
        return text
    original = text
    while (opening := _REASONING.match(text)) is not None:
        ending = re.compile(rf"</{opening[1]}>\s*", re.IGNORECASE).search(text, opening.end())
        if ending is None:
            return ""
        text = text[ending.end() :]
    if text is original and text.lstrip()[:1] not in ("{", "[", '"', "`"):
        for ending in _ORPHAN_END.finditer(text):
            return text[ending.end() :]
    return text


def _detail(text: str | None) -> str | None:
    return None if text is None else _short(text)


def _refused(text: str) -> Parsed:
    return Parsed(rung="refusal", refused_by="phrase", detail=_short(text))


def _not_json(detail: str) -> Parsed:
    return Parsed(rung="not_json", detail=_short(detail))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 160 else f"{text[:160]}…"


def _blank(text: str) -> bool:
    """Return whether nothing would be seen: white space, controls and format characters only."""
    head = text[:64]
    if any(c.isalnum() for c in head):
        return False
    return not text.strip() or (
        len(text) <= 64 and all(unicodedata.category(c)[0] in "CZ" for c in text)
    )
