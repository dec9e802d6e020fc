"""exact: equal or not."""

from __future__ import annotations

import pytest
from making import NONE, build, grade, sample

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.core.records import Completion, OutputSpec, Parsed

JSON = OutputSpec(format="json")


@pytest.mark.parametrize(
    ("options", "target", "text", "value"),
    [
        ({}, "Paris", "Paris", 1),
        ({}, "Paris", " Paris\n", 1),
        ({"strip": False}, "Paris", " Paris", 0),
        ({}, "Paris", "paris", 0),
        ({"ignore_case": True}, "Straße", "STRASSE", 1),
        ({"normalise": True}, "Paris, France", "paris — france!", 1),
        ({"normalise": True}, "-5", "5", 0),
        ({}, "café", "cafe\u0301", 1),
        ({}, 20, "20", 1),
        ({}, 20, "20.0", 0),
        ({}, True, "true", 1),
        ({}, ["Paris", "Lutetia"], "Lutetia", 1),
        ({}, ["Paris", "Lutetia"], "London", 0),
        ({}, "Paris", "Paris is the answer", 0),
    ],
)
def test_texts_are_equal_as_the_options_say(options, target, text, value):
    """Composed and decomposed letters are the same text; case and words by choice."""
    assert value == grade(build("exact", **options), target, text).value


@pytest.mark.parametrize(
    ("target", "text", "value"),
    [
        ({"a": 1}, '{"a": 1.0}', 1),
        ({"a": 1}, '{"a": true}', 0),
        ({"a": [1, 2]}, '{"a": [2, 1]}', 0),
        ({"a": None}, "{}", 0),
        ([1, 2], "[1, 2]", 1),
        (None, "null", 1),
    ],
)
def test_documents_are_equal_as_json(target, text, value):
    """Numbers compare by value, truth values are no numbers, order of lists counts."""
    assert value == grade(build("exact", JSON), target, text, JSON).value


def test_a_list_holds_acceptable_answers_of_a_document_only_when_told():
    """For JSON a list is a document, unless any_of is set."""
    assert grade(build("exact", JSON), [1, 2], "1", JSON).value == 0
    assert grade(build("exact", JSON, any_of=True), [1, 2], "1", JSON).value == 1


def test_a_wrong_answer_says_what_was_expected():
    """The reason is one short line."""
    score = grade(build("exact"), "Paris", "London\n" * 200)
    assert score.reason.startswith("expected Paris, got London London")
    assert len(score.reason) <= 200


def test_what_cannot_be_compared_is_refused():
    """No target, no acceptable answers, a document against text: failures, never 0."""
    exact = build("exact")
    assert exact.check(sample()) == "exact: the sample has no target"
    with pytest.raises(CannotGrade, match="no target"):
        grade(exact, NONE, "x")
    with pytest.raises(CannotGrade, match="empty list"):
        grade(exact, [], "x")
    with pytest.raises(CannotGrade, match="the target an object"):
        grade(exact, {"a": 1}, "x")


TOTAL = OutputSpec(format="json", schema={"type": "object"})
MAYBE = OutputSpec(format="json", schema={"type": ["string", "null"]})
BLANK = OutputSpec(format="text", accept=("valid", "empty"))


@pytest.mark.parametrize(
    ("output", "target"),
    [
        (OutputSpec(), None),
        (OutputSpec(), ""),
        (OutputSpec(), " \n"),
        (OutputSpec(), ["Paris", None]),
        (OutputSpec(format="label", labels=("a", "b")), ""),
        (OutputSpec(format="tool_calls"), None),
        (TOTAL, None),
        (TOTAL, ""),
        (BLANK, None),
    ],
)
def test_an_empty_target_that_no_answer_can_be_is_refused(output, target):
    """A null, or an empty cell of a CSV: the sample would be wrong whatever is answered."""
    exact = build("exact", output)
    telling = "exact: the target is empty, got "
    assert (exact.check(sample(target)) or "").startswith(telling)
    with pytest.raises(CannotGrade, match=telling):
        exact.grade(sample(target), Completion(text="x"), Parsed(rung="valid", value="x"))


@pytest.mark.parametrize(
    ("output", "target"),
    [(JSON, None), (JSON, ""), (MAYBE, None), (MAYBE, ""), (BLANK, ""), (TOTAL, {"a": None})],
)
def test_an_empty_target_that_an_answer_can_be_is_allowed(output, target):
    """null is a JSON document, and a suite may accept empty answers."""
    assert build("exact", output).check(sample(target)) is None


def test_an_unknown_option_names_the_known_ones():
    """Place, what is wrong, what is allowed."""
    with pytest.raises(ConfigError) as raised:
        build("exact", ignorecase=True)
    assert str(raised.value) == (
        "suite.yaml:7: unknown option 'ignorecase' of grader 'exact'; "
        "known: any_of, ignore_case, normalise, pass_at, strip"
    )


def test_an_option_of_the_wrong_type_is_refused():
    """`strip: "yes"` is text, not a truth value."""
    with pytest.raises(ConfigError, match=r"suite.yaml:7: option of grader 'exact'.*strip"):
        build("exact", strip="yes")
