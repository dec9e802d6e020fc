"""One table of graders and the laws that hold for each: add a grader, inherit the laws."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making import NONE, build, context, sample

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.core.ports import GRADERS, grader_factory
from evalkit.core.records import Completion, OutputSpec, Parsed, Score, canonical_json
from evalkit.graders.parse import Parser

JSON = OutputSpec(format="json")
CALLS = OutputSpec(
    format="tool_calls",
    tools=({"name": "weather", "parameters": {"properties": {"city": {"type": "string"}}}},),
)
LABEL = OutputSpec(format="label", labels=("refund", "card"))


class Case(NamedTuple):
    """A grader with a target, the answer that is right, and one that is wrong."""

    name: str
    output: OutputSpec
    options: dict[str, Any]
    target: Any
    right: str
    wrong: str | None


CASES = [
    Case("exact", OutputSpec(), {}, "Paris", "Paris", "London"),
    Case("exact", JSON, {}, {"a": 1}, '{"a": 1}', '{"a": 2}'),
    Case("label", LABEL, {}, "refund", "refund", "card"),
    Case("number", OutputSpec(), {"rel": 0.01}, 20, "It is 20.00", "21"),
    Case("text", OutputSpec(), {}, "a cat", "A cat.", "a dog"),
    Case("text", OutputSpec(), {"mode": "contains"}, "a cat", "There is a cat.", "a dog"),
    Case("text", OutputSpec(), {"mode": "token_f1"}, "a cat", "a cat", "one dog"),
    Case("text", OutputSpec(), {"mode": "rouge"}, "a cat", "a cat", "one dog"),
    Case("text", OutputSpec(), {"mode": "chrf"}, "a cat", "a cat", "OOO"),
    Case("json_schema", JSON, {}, None, "{}", "no"),
    Case("fields", JSON, {}, {"a": 1, "b": ["x"]}, '{"b": ["x"], "a": 1}', "{}"),
    Case("tool_calls", CALLS, {}, [{"name": "weather", "arguments": {"city": "Bern"}}],
         '[{"name": "weather", "arguments": {"city": "Bern"}}]', "It rains."),
    Case("tool_calls", CALLS, {"partial": True}, [], "It rains.", '[{"name": "weather"}]'),
    Case("abstain", OutputSpec(), {"answers": ["NOT STATED"]}, "not stated", "Not stated.", "9"),
    Case("abstain", JSON, {"field": "a.b", "values": ["no"]}, {"a": {"b": "yes"}},
         '{"a": {"b": "yes"}}', '{"a": {"b": "No"}}'),
    Case("forbidden", OutputSpec(), {"texts": ["DEMO-1234"]}, None, "No.", "It is demo 1234"),
    Case("python", OutputSpec(), {"function": "same"}, "Paris", "Paris", "London"),
]  # fmt: skip
CODE = "def same(sample, output, parsed):\n    return output.strip() == sample['target']\n"
HOSTILE = [
    "", " ", "\x00", "a\x00b", "\ud800", "\udfff" * 9, "\u202eevil\u202c", "\ufeff{}", "{}" * 3,
    "x" * 1_000_000, "9" * 1_000_000, "[" * 100_000, "[" * 150 + "]" * 150, '{"a":' * 100_000,
    "\U0001f600" * 5000, "null", "NaN", "-", "%", "`" * 9999, "<think>", "refund" * 1000,
    '{"a": "\\ud800"}', '{"a": ' + "9" * 5000 + "}", "1e400", "\n" * 100_000,
]  # fmt: skip


def ids(case: Case) -> str:
    return f"{case.name}-{case.options.get('mode', case.output.format)}"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "graders.py").write_text(CODE, encoding="utf-8")
    return tmp_path


def answered(case: Case, folder, text: str, target: Any = ...) -> Score:
    grader = build(case.name, case.output, folder, **case.options)
    completion = Completion(text=text, finish_reason="stop")
    parsed = Parser(case.output).parse(completion)
    return grader.grade(sample(case.target if target is ... else target), completion, parsed)


def test_every_grader_of_the_registry_stands_in_the_table():
    """A new one inherits the laws, or is named here with a reason."""
    elsewhere = {"rubric"}  # asked of judges: its own tests
    assert set(GRADERS) - elsewhere == {case.name for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_the_right_answer_scores_1_and_the_wrong_one_less(case, folder):
    """And they pass and fail."""
    right, wrong = answered(case, folder, case.right), answered(case, folder, case.wrong)
    assert (1.0, True, case.name) == (right.value, right.passed, right.grader)
    assert wrong.value < 0.5
    assert (wrong.passed, right.failure, wrong.failure) == (False, None, None)


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_a_grade_is_the_same_each_time_and_from_each_build(case, folder):
    """No clock, no chance, no state."""
    graders = [build(case.name, case.output, folder, **case.options) for _ in range(2)]
    assert graders[0].fingerprint == graders[1].fingerprint
    texts = (case.right, case.wrong, case.right)
    scores = [[answered(case, folder, text) for text in texts] for _ in range(2)]
    assert scores[0] == scores[1]
    assert scores[0][0] == scores[0][2]


@pytest.mark.parametrize("case", CASES, ids=ids)
@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: t[:6].encode("unicode_escape").decode())
def test_hostile_answers_are_scored_or_refused(case, folder, text):
    """Nothing but a score in range or CannotGrade, and a score can be journalled."""
    try:
        score = answered(case, folder, text)
    except CannotGrade:
        return
    assert 0 <= score.value <= 1
    assert len(score.reason) <= 200
    canonical_json(score)


@pytest.mark.parametrize("case", CASES, ids=ids)
@pytest.mark.parametrize(
    "parsed",
    [
        Parsed(rung="not_json"),
        Parsed(rung="refusal", refused_by="signal"),
        Parsed(rung="valid", value=None),
        Parsed(rung="valid", value=[{"a": None}]),
        Parsed(rung="valid", value=True),
        Parsed(rung="schema:type", value={"a": 1}),
        Parsed(rung="not_yet_invented", value="x"),
    ],
    ids=lambda p: f"{p.rung}-{p.value}",
)
def test_any_parsed_answer_is_scored_or_refused(case, folder, parsed):
    """Graders are asked for accepted answers only, but behave for all."""
    grader = build(case.name, case.output, folder, **case.options)
    try:
        score = grader.grade(sample(case.target), Completion(text="x"), parsed)
    except CannotGrade:
        return
    assert 0 <= score.value <= 1


targets = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=3), v, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("case", [c for c in CASES if c.name != "python"], ids=ids)
def test_any_target_is_graded_or_refused_and_check_foretells_it(case):
    """Where check() finds nothing wrong, grading does not refuse the target later."""
    grader = build(case.name, case.output, **case.options)
    completion = Completion(text=case.right)
    parsed = Parser(case.output).parse(completion)

    @settings(max_examples=60)
    @given(targets)
    def law(target):
        problem = grader.check(sample(target))
        try:
            score = grader.grade(sample(target), completion, parsed)
        except CannotGrade:
            assert problem is not None or case.name == "exact"  # text against a document
        else:
            assert problem is None
            assert 0 <= score.value <= 1
            assert math.isfinite(score.value)

    law()


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_a_sample_without_target_is_refused_unless_none_is_needed(case, folder):
    """Form and code need none; nothing else guesses one."""
    grader = build(case.name, case.output, folder, **case.options)
    problem = grader.check(sample(NONE))
    if case.name in ("json_schema", "forbidden", "python"):
        assert problem is None
    else:
        assert problem.startswith(f"{case.name}: the sample has no target")
        completion = Completion(text=case.right)
        with pytest.raises(CannotGrade, match="no target"):
            grader.grade(sample(NONE), completion, Parser(case.output).parse(completion))


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_unknown_options_are_refused_with_the_known_ones(case, folder):
    """`where: unknown option ...; known: ...` for every grader."""
    with pytest.raises(
        ConfigError, match=rf"suite.yaml:7: unknown option 'zzz' of grader '{case.name}'; known: "
    ):
        build(case.name, case.output, folder, **case.options, zzz=1)


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_options_and_thresholds_change_the_fingerprint(case, folder):
    """Stored answers are graded anew when the suite's grader is edited."""
    one = build(case.name, case.output, folder, **case.options).fingerprint
    assert one != build(case.name, case.output, folder, **case.options, pass_at=0.5).fingerprint


def test_the_suites_threshold_holds_where_the_grader_names_none():
    """`pass_at` of the suite, then of the grader."""
    suite = context(JSON)
    lenient = type(suite)(options={}, output=JSON, suite_folder=suite.suite_folder,
                          where="s:1", pass_at=0.5)  # fmt: skip
    grader = grader_factory("fields", "s:1")(lenient)
    completion = Completion(text='{"a": 1, "b": 2}')
    half = grader.grade(sample({"a": 1, "b": 3}), completion, Parser(JSON).parse(completion))
    assert (half.value, half.passed) == (0.5, True)
