"""What could run for ever does not: schemas, patterns, and the process that checks them."""

from __future__ import annotations

import gc
import json
import re
import threading
import time

import pytest
from making import build, grade, sample

from evalkit.core.errors import CannotGrade
from evalkit.core.records import Completion, OutputSpec, ToolCall
from evalkit.graders import guarded
from evalkit.graders.grading import Grading, status_of
from evalkit.graders.guarded import Guarded
from evalkit.graders.parse import Parser
from evalkit.graders.patterns import MAX_STEPS, last_match, most_steps
from evalkit.graders.schema import MAX_LISTED_VALUES, SchemaCheck
from evalkit.graders.schema_shape import may_run_away

EVIL = r"^((a+)+)+\2c$"
LONG = "a" * 40 + "!"
LIMIT = "a pattern needs more than 100,000 steps on this document"
STOPPED = "stopped after 1 s of processor time"


def doubling(depth: int, keyword: str = "allOf") -> dict:
    """Each definition refers to the next one twice."""
    definitions = {
        f"d{i}": {keyword: [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(depth)
    }  # fmt: skip
    return {"$defs": {**definitions, f"d{depth}": {"type": "string"}}, "$ref": "#/$defs/d0"}


def nested(depth: int) -> dict:
    document: dict = {}
    for _ in range(depth):
        document = {"a": document}
    return document


RECURSIVE = {
    "anyOf": [
        {"properties": {"a": {"$ref": "#"}}, "required": [name]} for name in ("x", "y")
    ]
}  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        ({"pattern": EVIL}, LONG, LIMIT),
        ({"items": {"pattern": EVIL}}, ["aac", LONG], LIMIT),
        ({"not": {"pattern": EVIL}}, LONG, LIMIT),
        ({"anyOf": [{"pattern": EVIL}, {"type": "number"}]}, LONG, LIMIT),
        ({"oneOf": [{"pattern": EVIL}, {"type": "string"}]}, LONG, LIMIT),
        ({"patternProperties": {EVIL: {"type": "number"}}}, {LONG: "x"}, LIMIT),
        ({"propertyNames": {"pattern": EVIL}}, {LONG: 1}, LIMIT),
        (doubling(30), 1, STOPPED),
        (doubling(24, "anyOf"), 1, STOPPED),
        (doubling(24, "oneOf"), 1, STOPPED),
        (RECURSIVE, nested(40), STOPPED),
    ],
)
def test_a_check_that_runs_away_is_stopped_and_decides_nothing(schema, value, said):
    """Neither valid nor a failure of the document: the reason says what was given up."""
    started = time.perf_counter()
    check = SchemaCheck(schema, "output.schema")
    with pytest.raises(CannotGrade, match=re.escape(f"output.schema: {said}")):
        check.failure(value)
    assert time.perf_counter() - started < 20


def test_what_fails_for_another_reason_fails_whatever_a_pattern_says():
    """A definite failure needs no decision about the rest."""
    schema = {"properties": {"a": {"pattern": EVIL}}, "required": ["b"]}
    assert SchemaCheck(schema, "s").failure({"a": LONG}).keyword == "required"
    assert SchemaCheck(schema, "s").failure({"a": "b", "b": 1}).keyword == "pattern"
    either = {"anyOf": [{"pattern": EVIL}, {"type": "string"}]}
    assert SchemaCheck(either, "s").failure(LONG) is None


@pytest.mark.parametrize("pattern", ["(a+)+$", "^(a|a)*$", r"(x+x+)+y", "(.*)*$"])
def test_patterns_that_look_neither_around_nor_back_are_linear(pattern):
    """They need no limit: a megabyte takes no longer than it must."""
    started = time.perf_counter()
    failure = SchemaCheck({"pattern": pattern}, "s").failure("a" * 1_000_000 + "!")
    assert failure is None or failure.keyword == "pattern"
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    ("schema", "runs_away"),
    [
        ({"type": "object", "properties": {"a": {"type": "string", "pattern": "^a+$"}}}, False),
        ({"$defs": {"t": {"type": "string"}}, "items": {"$ref": "#/$defs/t"}}, False),
        (doubling(10), False),
        (doubling(20), True),
        ({"items": {"$ref": "#"}}, True),
        ({"$defs": {"a": {"not": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}, True),
        ({"$dynamicAnchor": "n", "items": {"$dynamicRef": "#n"}}, True),
        ({"$defs": {"x": {"$anchor": "t"}}, "items": {"$ref": "#t"}}, True),
        ({"pattern": "^(?=a)b"}, True),
        ({"pattern": r"(a)\1"}, True),
        ({"patternProperties": {"^(?!x)": {}}}, True),
        ({"pattern": r"^\d{4}-\d\d-\d\d$"}, False),
        ({"pattern": "(?i)a|(?:b)+"}, False),
        ({"$defs": {"a/b": {"type": "null"}}, "items": {"$ref": "#/$defs/a~1b"}}, False),
        ({"prefixItems": [{"type": "null"}, {"$ref": "#/prefixItems/0"}]}, False),
        (True, False),
    ],
    ids=str,
)
def test_only_schemas_that_may_run_away_are_checked_elsewhere(schema, runs_away):
    """Ordinary ones cost no second process."""
    assert may_run_away(schema) == runs_away


def test_a_chain_of_references_longer_than_the_stack_is_checked_elsewhere():
    """It is looked at without being followed to its end."""
    chain = {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(3000)}
    assert may_run_away({"$defs": {**chain, "d3000": {}}, "$ref": "#/$defs/d0"})


def test_the_other_process_says_what_this_one_would():
    """Same keyword, path and message; and again after one was stopped."""
    tree = {"type": "object", "properties": {"a": {"$ref": "#"}}, "additionalProperties": False}
    here, there = SchemaCheck(tree, "s", guard=False), SchemaCheck(tree, "s")
    for value in (nested(3), {"a": 3}, {"b": 1}, {"a": {"a": {"ü": [1.5, None, 10**40]}}}):
        assert here.failure(value) == there.failure(value)
    runaway = SchemaCheck(RECURSIVE, "s")
    for _ in range(2):
        with pytest.raises(CannotGrade):
            runaway.failure(nested(40))
        assert runaway.failure({"x": 1}) is None


def test_threads_share_a_process_without_mixing_replies():
    """Graders run on several threads at once."""
    check = SchemaCheck({"items": {"$ref": "#"}, "type": ["array", "integer"]}, "s")
    wrong = []

    def ask(number):
        for _ in range(50):
            failure = check.failure([[number], str(number)])
            if failure is None or f'"{number}"' not in failure.message:
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_process_ends_with_its_check():
    """None is left behind, also not one that is at work."""
    check = Guarded("pattern", json.dumps(["a", 0]))
    assert check("xax") == "a"
    (process,) = check._running
    worker = process._process
    assert worker.poll() is None
    del check, process
    gc.collect()
    assert worker.poll() is not None


def test_a_worker_that_does_not_start_is_no_verdict(monkeypatch):
    """Nor does it hang."""
    monkeypatch.setattr(guarded, "_WORKER", "evalkit.no_such_module")
    with pytest.raises(CannotGrade, match="stopped"):
        Guarded("pattern", json.dumps(["a", 0]))("a")


def test_a_very_large_document_is_named_by_its_first_failure():
    """All failures of it would take seconds."""
    started = time.perf_counter()
    check = SchemaCheck({"items": {"type": "string"}}, "s")
    assert check.failure([1] * 400_000).path == "[0]"
    assert time.perf_counter() - started < 2
    few = [1.5] * (MAX_LISTED_VALUES // 2)
    both = {"items": {"type": "string"}, "minItems": 10**6}
    assert SchemaCheck(both, "s").failure(few).keyword == "type"


@pytest.mark.parametrize(
    ("output", "completion"),
    [
        (OutputSpec(format="json", schema=RECURSIVE), Completion(text=json.dumps(nested(40)))),
        (OutputSpec(format="json", schema={"properties": {"v": {"pattern": EVIL}}}),
         Completion(text=f'Here: {{"v": "{LONG}"}}')),
        (OutputSpec(format="json", schema={"properties": {"v": {"pattern": EVIL}}}),
         Completion(text=f"{{'v': '{LONG}'}}")),
        (OutputSpec(format="tool_calls", tools=({"name": "f", "parameters": {
            "properties": {"v": {"pattern": EVIL}}}},)),
         Completion(tool_calls=(ToolCall(name="f", arguments=f'{{"v": "{LONG}"}}'),))),
    ],
    ids=["recursive", "embedded", "repaired", "call"],
)  # fmt: skip
def test_an_answer_that_cannot_be_checked_is_a_failure_of_every_grader(output, completion):
    """Its trial has no score: it is neither right, wrong nor malformed."""
    parsed = Parser(output).parse(completion)
    assert parsed.rung == "unchecked"
    assert status_of(parsed, output) == "ok"
    name = "json_schema" if output.format == "json" else "forbidden"
    options = {} if output.format == "json" else {"texts": ["secret"]}
    grading = Grading(output, [build("exact", output), build(name, output, **options)], "exact")
    scores = grading.grade(sample({}), completion, parsed)
    assert [(s.value, s.failure) for s in scores] == [(None, parsed.detail)] * 2


def test_a_schema_of_a_graders_own_that_runs_away_is_its_failure_alone():
    """The suite's own form was checked."""
    grader = build("json_schema", OutputSpec(format="text"), schema=RECURSIVE)
    with pytest.raises(CannotGrade, match=STOPPED):
        grade(grader, None, json.dumps(nested(40)))
    assert grade(grader, None, '{"x": 1}').value == 1


def test_a_target_that_cannot_be_checked_is_refused():
    """As one that the tool's schema refuses."""
    tool = {"name": "f", "parameters": {"properties": {"v": {"pattern": EVIL}}}}
    grader = build("tool_calls", OutputSpec(format="tool_calls", tools=(tool,)))
    target = [{"name": "f", "arguments": {"v": LONG}}]
    assert grader.check(sample(target)) == f"tool_calls: tool f: {LIMIT}"


@pytest.mark.parametrize(
    ("pattern", "steps"),
    [
        ("abc", 100), ("[a+*]b", 100), (r"\+\*", 100), ("a+", 100**2), ("a+?b{2,3}", 100**3),
        (r"Answer:\s*(-?\d+)", 100**4), ("(?:a)(?P<n>b)(?=c)(?<!d)", 100),
        ("(a+)+", float("inf")), ("(a|a)*", float("inf")), ("(a){2,}", float("inf")),
        ("a+" * 200, float("inf")),
    ],
)  # fmt: skip
def test_steps_of_a_pattern_are_never_underestimated(pattern, steps):
    """Groups that are repeated have no bound."""
    assert most_steps(pattern, 100) == steps


@pytest.mark.parametrize("pattern", ["= ([0-9]+)", r"\d+", "(?:x)*= (.)", "(z)?= [0-9]+", "none"])
def test_a_pattern_finds_the_same_here_and_elsewhere(pattern):
    """Whether the text is short or long."""
    text = "a = 1, b = 22; " * 3
    here = last_match(re.compile(pattern), text)
    assert here == Guarded("pattern", json.dumps([pattern, re.compile(pattern).flags]))(text)


@pytest.mark.parametrize("pattern", [r"(?:a+)+$", r"\s*([0-9]+)x", r"(\d+|\d)*;"])
def test_a_pattern_of_the_suite_that_runs_away_is_a_failure(pattern):
    """The answer is not blamed for it, and the run goes on."""
    started = time.perf_counter()
    grader = build("number", OutputSpec(), extract="regex", pattern=pattern)
    with pytest.raises(CannotGrade, match=f"number: the search by `pattern` was {STOPPED}"):
        grade(grader, 5, "a" * 60 + "!" + " " * 60_000 + "9" * 60 + "!")
    assert time.perf_counter() - started < 20
    assert grade(build("number", OutputSpec(), extract="regex", pattern=r"= (\d+)"), 5,
                 "a = 5" + " " * MAX_STEPS).value == 1  # fmt: skip
