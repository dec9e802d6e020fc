"""json_schema: the rung as a score."""

from __future__ import annotations

import pytest
from making import build, grade, sample

from evalkit.core.errors import ConfigError
from evalkit.core.records import OutputSpec

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
SPEC = OutputSpec(format="json", schema=SCHEMA)


@pytest.mark.parametrize(
    ("text", "value", "details"),
    [
        ('{"n": 1}', 1, {"rung": "valid"}),
        ('```json\n{"n": 1}\n```', 1, {"rung": "fenced"}),
        ('Here: {"n": 1}', 1, {"rung": "embedded"}),
        ('{"n": 1,}', 0, {"rung": "repaired"}),
        ('{"n": "1"}', 0, {"rung": "schema:type", "keyword": "type", "path": "n"}),
        ("{}", 0, {"rung": "schema:required", "keyword": "required", "path": ""}),
        ("no", 0, {"rung": "not_json"}),
        ("", 0, {"rung": "empty"}),
        ("I can't help with that.", 0, {"rung": "refusal"}),
    ],
)
def test_the_accepted_rungs_score_1(text, value, details):
    """Strict to lenient, each with its rung; a failure with keyword and place."""
    score = grade(build("json_schema", SPEC), None, text, SPEC)
    assert (value, details) == (score.value, score.details)


def test_the_accepted_rungs_are_the_suites_or_its_own():
    """A suite that repairs accepts repaired; a strict grader beside it need not."""
    lenient = OutputSpec(format="json", schema=SCHEMA, accept=("valid", "repaired"))
    assert grade(build("json_schema", lenient), None, '{"n": 1,}', lenient).value == 1
    assert grade(build("json_schema", lenient), None, '```\n{"n": 1}\n```', lenient).value == 0
    strict = build("json_schema", lenient, accept=["valid"])
    assert grade(strict, None, '{"n": 1,}', lenient).value == 0


def test_a_schema_of_its_own_reads_the_text_anew(tmp_path):
    """So a suite of prose can ask for JSON, or a JSON suite for a stricter form."""
    (tmp_path / "own.json").write_text('{"required": ["m"]}', encoding="utf-8")
    for own in ({"required": ["m"]}, "own.json"):
        grader = build("json_schema", OutputSpec(format="text"), tmp_path, schema=own)
        assert grade(grader, None, '{"m": 1}').value == 1
        assert grade(grader, None, '{"n": 1}').details["keyword"] == "required"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs output format json"),
        ({"schema": {"type": "x"}}, "not a usable JSON Schema"),
        ({"schema": "missing.json"}, "no file 'missing.json'"),
        ({"schema": "../outside.json"}, "outside the suite's folder"),
        ({"schema": "bad.json"}, "not a JSON file"),
        ({"schema": "list.json"}, "must be an object"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(tmp_path, options, message):
    """Files are taken from the suite's folder only."""
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    (tmp_path / "list.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        build("json_schema", OutputSpec(format="text"), tmp_path, **options)


def test_no_target_is_needed():
    """Form can be checked without an answer key."""
    assert build("json_schema", SPEC).check(sample()) is None
