"""label: which answers count as which label, and what is refused."""

from __future__ import annotations

import pytest
from making import build, grade, sample

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.core.records import Completion, OutputSpec, Parsed

SPEC = OutputSpec(format="label", labels=("refund", "Card Arrival"))


def test_labels_are_compared_in_the_suites_spelling():
    """Case of answer and target are no difference; details feed a confusion matrix."""
    score = grade(build("label", SPEC), "REFUND", "card arrival.", SPEC)
    assert (score.value, score.details) == (0, {"expected": "refund", "got": "Card Arrival"})
    assert grade(build("label", SPEC), "card arrival", "Card Arrival", SPEC).value == 1


def test_a_target_list_holds_acceptable_labels():
    """Ambiguous inputs may have two right answers."""
    assert grade(build("label", SPEC), ["refund", "Card Arrival"], "refund", SPEC).value == 1


@pytest.mark.parametrize("target", ["shipping", 3, None, []])
def test_a_target_that_is_no_label_is_refused(target):
    """check() says it before anything is asked; grade() never scores it."""
    label = build("label", SPEC)
    assert label.check(sample(target))
    with pytest.raises(CannotGrade):
        grade(label, target, "refund", SPEC)


def test_an_answer_that_is_no_label_is_refused():
    """The parser counts it as malformed; the grader does not turn it into a wrong answer."""
    with pytest.raises(CannotGrade, match="no label"):
        build("label", SPEC).grade(
            sample("refund"), Completion(text="?"), Parsed(rung="not_label", value=None)
        )


def test_a_suite_without_labels_is_refused():
    """The grader cannot work without them."""
    with pytest.raises(ConfigError, match=r"needs `output\.labels`"):
        build("label", OutputSpec(format="text"))
