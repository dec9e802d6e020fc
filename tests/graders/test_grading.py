"""Grading: scores, failures and answers that are not graded, kept apart."""

from __future__ import annotations

import pytest
from making import build, sample

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.core.records import Completion, OutputSpec, Parsed, Score
from evalkit.graders.grading import Grading
from evalkit.graders.parse import Parser

SPEC = OutputSpec(format="json")


class Foreign:
    """A grader of another package."""

    name, version, fingerprint = "foreign", "1", "f"
    details = None

    def __init__(self, outcome):
        self.outcome = outcome

    def check(self, sample):
        return None

    def grade(self, sample, completion, parsed):
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return Score(grader=self.name, version="1", value=self.outcome, details=self.details)


@pytest.mark.parametrize(
    ("outcome", "failure"),
    [
        (CannotGrade("no target"), "no target"),
        (RuntimeError("boom"), "RuntimeError: boom"),
        (1.5, "gave 1.5; allowed: 0 to 1"),
        (float("nan"), "gave nan; allowed: 0 to 1"),
    ],
)
def test_a_grader_that_fails_leaves_a_failure_beside_the_others_scores(outcome, failure):
    """One broken grader costs neither the run nor the other scores, and is no 0."""
    grading = Grading(SPEC, [Foreign(outcome), build("exact", SPEC)], "exact")
    completion = Completion(text='{"a": 1}')
    parsed = Parser(SPEC).parse(completion)
    foreign, exact = grading.grade(sample({"a": 1}), completion, parsed)
    assert (None, failure) == (foreign.value, foreign.failure)
    assert (exact.value, exact.failure) == (1.0, None)


@pytest.mark.parametrize("text", ["nothing", "", "I can't help with that."])
def test_what_cannot_be_used_is_asked_of_those_that_grade_it(text):
    """The others have nothing to say about it: its status does."""
    grading = Grading(SPEC, [build("exact", SPEC), build("json_schema", SPEC)], "exact")
    completion = Completion(text=text)
    parsed = Parser(SPEC).parse(completion)
    assert not grading.accepts(parsed)
    scores = grading.grade(sample({"a": 1}), completion, parsed)
    assert [(s.grader, s.value) for s in scores] == [("json_schema", 0.0)]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("{}", {"foreign", "exact"}),
        ("nothing", {"malformed"}),
        ("I can't help with that.", {"refusals"}),
    ],
)
def test_a_grader_is_asked_for_what_it_says_that_it_grades(text, asked):
    """Refusals and malformed answers apart; without a word only accepted answers."""
    refusals, malformed = Foreign(1.0), Foreign(1.0)
    refusals.name, refusals.grades_refusals = "refusals", True
    malformed.name, malformed.grades_malformed = "malformed", True
    graders = [Foreign(1.0), build("exact", SPEC), refusals, malformed]
    parsed = Parser(SPEC).parse(Completion(text=text))
    scores = Grading(SPEC, graders, "exact").grade(sample({}), Completion(text=text), parsed)
    others = {"refusals", "malformed"} if text == "{}" else set()
    assert {score.grader for score in scores} == asked | others


@pytest.mark.parametrize(
    ("metrics", "problem"),
    [
        ({"a": 0, "b.c-d_2": 1.0, "c": True}, None),
        ({}, None),
        ({"a": 1.1}, "foreign: metric 'a' is 1.1; allowed: a number from 0 to 1"),
        ({"a": float("nan")}, "foreign: metric 'a' is nan; allowed: a number from 0 to 1"),
        ({"a": "1"}, "foreign: metric 'a' is 1; allowed: a number from 0 to 1"),
        ({"a b": 1}, "foreign: metric 'a b' cannot be named so; allowed: up to 60 letters, "
                     "digits, _ . -"),
        ({f"m{i}": 1 for i in range(21)}, "foreign: 21 metrics; allowed: 20"),
        ([1], "foreign: `metrics` must be names with numbers, got a list"),
    ],
)  # fmt: skip
def test_metrics_that_cannot_be_averaged_are_a_failure(metrics, problem):
    """With the reason; the other graders' scores stay."""
    foreign = Foreign(1.0)
    foreign.details = {"metrics": metrics}
    grading = Grading(SPEC, [foreign, build("exact", SPEC)], "exact")
    scores = grading.grade(
        sample({}), Completion(text="{}"), Parser(SPEC).parse(Completion(text="{}"))
    )
    assert problem == scores[0].failure
    assert scores[1].value == 1.0


def test_a_refusal_is_never_accepted():
    """Not even where a suite lists it."""
    grading = Grading(OutputSpec(accept=("refusal",)), [build("exact")], "exact")
    assert not grading.accepts(Parsed(rung="refusal"))


def test_the_fingerprint_changes_with_whatever_changes_a_score():
    """Options, schema, accepted rungs; not with the order of options."""
    base = Grading(SPEC, [build("number", abs=0.1, rel=0.2)], "number").fingerprint
    same = Grading(SPEC, [build("number", rel=0.2, abs=0.1)], "number").fingerprint
    other = [
        Grading(SPEC, [build("number", abs=0.1, rel=0.3)], "number"),
        Grading(OutputSpec(format="json", schema={}),
                [build("number", abs=0.1, rel=0.2)], "number"),
        Grading(OutputSpec(format="json", accept=("valid",)),
                [build("number", abs=0.1, rel=0.2)], "number"),
    ]  # fmt: skip
    assert base == same
    assert base not in {grading.fingerprint for grading in other}


def test_an_unknown_primary_is_refused():
    """A quality without a grader would be a column of nothing."""
    with pytest.raises(ConfigError, match="no grader 'fields'; known: exact"):
        Grading(SPEC, [build("exact")], "fields")


def test_only_light_graders_run_on_the_event_loop():
    """A user's function or a long ROUGE would stop every request under way."""
    assert Grading(SPEC, [build("exact"), build("number")], "exact").is_quick
    assert not Grading(SPEC, [build("text", mode="chrf")], "text").is_quick


def test_check_says_what_can_never_be_graded():
    """The loader asks it for each sample."""
    grading = Grading(SPEC, [build("json_schema", SPEC), build("number")], "number")
    assert "holds no number" in grading.check(sample("none"))
    assert grading.check(sample("3")) is None
