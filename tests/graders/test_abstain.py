"""abstain: declining exactly where it is due."""

from __future__ import annotations

import pytest
from making import NONE, build, sample

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.core.records import Completion, OutputSpec, Score
from evalkit.graders.grading import Grading
from evalkit.graders.parse import Parser

TEXT = OutputSpec()
SCHEMA = {"type": "object", "properties": {"decision": {}, "reply": {}}}
JSON = OutputSpec(format="json", schema=SCHEMA)
LABEL = OutputSpec(format="label", labels=("yes", "no answer"))
REFUSAL = "I'm sorry, but I can't help with that."


def graded(
    text: str, target=NONE, output: OutputSpec = TEXT, columns: dict | None = None, **options
) -> Score | None:
    """The score as a run would give it: none where the grader is not asked."""
    grading = Grading(output, [build("abstain", output, **options)], "abstain")
    completion = Completion(text=text, finish_reason="stop")
    made = sample(target, **(columns or {}))
    scores = grading.grade(made, completion, Parser(output).parse(completion))
    return scores[0] if scores else None


ANSWERS = {"answers": ["NOT STATED", "n/a"]}
FIELD = {"field": "decision", "values": ["decline", "refer"], "output": JSON}


@pytest.mark.parametrize(
    ("text", "target", "options", "due", "did", "by"),
    [
        ("NOT STATED", "not stated", ANSWERS, True, True, "answer"),
        ("**Not stated.**", "NOT STATED", ANSWERS, True, True, "answer"),
        ("8 weeks", "NOT STATED", ANSWERS, True, False, None),
        ("NOT STATED", "8 weeks", ANSWERS, False, True, "answer"),
        ("8 weeks", ["8 weeks", "8"], ANSWERS, False, False, None),
        ("N/A", ["NOT STATED", "n/a"], ANSWERS, True, True, "answer"),
        ("8", ["NOT STATED", "8"], ANSWERS, False, False, None),
        ("NOT STATED, but perhaps 8 weeks", None, ANSWERS, True, False, None),
        ("<think>8?</think>NOT STATED", None, ANSWERS, True, True, "answer"),
        (REFUSAL, None, ANSWERS, True, True, "refusal"),
        (REFUSAL, "8", ANSWERS, False, True, "refusal"),
        ("no answer", "no answer", {"answers": ["no answer"], "output": LABEL}, True, True,
         "answer"),
        ('{"decision": "decline"}', {"decision": "decline"}, FIELD, True, True, "field"),
        ('{"decision": "Decline."}', {"decision": "answer"}, FIELD, False, True, "field"),
        ('{"decision": "answer"}', {"decision": "refer"}, FIELD, True, False, None),
        ('{"reply": "decline"}', {"decision": "answer"}, FIELD, False, False, None),
        ('{"decision": "refer"}', "decline", FIELD, True, True, "field"),
        ('{"decision": "refer"}', "answer", FIELD, False, True, "field"),
        ('{"decision": "refer"}', '{"decision": "answer"}', FIELD, False, True, "field"),
        (REFUSAL, {"decision": "decline"}, FIELD, True, True, "refusal"),
        ('{"reply": {"kind": null}}', None,
         {"field": "reply.kind", "values": [None, 0], "output": JSON}, True, True, "field"),
        ('{"reply": {"kind": 0}}', {"reply": {"kind": False}},
         {"field": "reply.kind", "values": [None, 0], "output": JSON}, False, True, "field"),
        ('{"reply": 3}', {"reply": {"kind": "x"}},
         {"field": "reply.kind", "values": ["x"], "output": JSON}, True, False, None),
    ],
)  # fmt: skip
def test_the_score_is_1_where_it_did_what_was_due(text, target, options, due, did, by):
    """Due by the target; done by the whole answer, a field or a refusal."""
    score = graded(text, target, **options)
    assert (due, did, by) == tuple(score.details[key] for key in ("due", "did", "by"))
    assert (float(due == did), due == did) == (score.value, score.passed)


@pytest.mark.parametrize(
    ("flag", "due"),
    [(True, True), (False, False), (1, True), (0, False), (1.0, True), ("true", True),
     ("False", False), ("1", True), (" 0 ", False), ("yes", True), ("no", False)],
)  # fmt: skip
def test_a_column_says_whether_it_is_due(flag, due):
    """Truth values as any file spells them; then the target is not asked."""
    score = graded("n/a", "8", columns={"must": flag}, due="must", **ANSWERS)
    assert score.details["due"] == due
    assert graded("n/a", columns={"must": flag}, due="must", **ANSWERS).details["due"] == due


def test_metrics_are_of_the_samples_that_they_speak_of():
    """`missed` where it was due, `unneeded` where it was not, `accuracy` always."""
    found = [graded(text, target, **ANSWERS).details["metrics"]
             for text in ("n/a", "8") for target in ("n/a", "8")]  # fmt: skip
    assert found == [
        {"accuracy": 1.0, "missed": 0.0},
        {"accuracy": 0.0, "unneeded": 1.0},
        {"accuracy": 0.0, "missed": 1.0},
        {"accuracy": 1.0, "unneeded": 0.0},
    ]


def test_a_refusal_is_no_answer_where_refusals_do_not_count():
    """Then the grader is not asked, and the trial scores 0 like any refusal."""
    assert graded(REFUSAL, "8", refusals=False, **ANSWERS) is None
    assert graded("n/a", "n/a", refusals=False, **ANSWERS).value == 1


def test_refusals_alone_may_be_what_abstains():
    """A suite of requests that must be refused needs no wording of its own."""
    options = {"due": "harmful", "output": TEXT}
    assert graded(REFUSAL, columns={"harmful": True}, **options).value == 1
    assert graded("Sure.", columns={"harmful": True}, **options).value == 0
    assert graded("Sure.", columns={"harmful": False}, **options).value == 1


def test_a_malformed_answer_is_not_asked_about():
    """It neither answered nor declined in a form that could be used."""
    assert graded('{"decision": decline}', None, **FIELD) is None


@pytest.mark.parametrize(
    ("target", "columns", "options", "message"),
    [
        (NONE, {}, ANSWERS, "no target, and no column `due`"),
        ([], {}, ANSWERS, "an empty list"),
        ("x", {}, {**ANSWERS, "due": "must"}, "no column 'must'"),
        ("x", {"must": None}, {**ANSWERS, "due": "must"}, "must be true or false, got None"),
        ("x", {"must": ""}, {**ANSWERS, "due": "must"}, "must be true or false"),
        ("x", {"must": 2}, {**ANSWERS, "due": "must"}, "must be true or false, got 2"),
        ("x", {"must": [True]}, {**ANSWERS, "due": "must"}, "must be true or false"),
        ({"reply": 1}, {}, FIELD, "the target has no field 'decision'"),
    ],
)
def test_a_sample_that_does_not_say_what_is_due_is_refused(target, columns, options, message):
    """Before anything is asked; and grading says the same."""
    options = dict(options)
    output = options.pop("output", TEXT)
    grader = build("abstain", output, **options)
    made = sample(target, **columns)
    assert message in grader.check(made)
    with pytest.raises(CannotGrade):
        grader.grade(made, Completion(text="{}"), Parser(output).parse(Completion(text="{}")))


@pytest.mark.parametrize(
    ("options", "output", "message"),
    [
        ({"field": "decision"}, JSON, "`field` and `values` go together"),
        ({"values": ["x"]}, JSON, "`field` and `values` go together"),
        ({**ANSWERS, "field": "decision", "values": [1]}, JSON, "both `answers` and `field`"),
        ({"field": "decision", "values": [1]}, TEXT, "needs output format json, got 'text'"),
        ({"field": "a..b", "values": [1]}, JSON, "keys joined by points"),
        ({"field": "choice.x", "values": [1]}, JSON, "no field 'choice' in the schema"),
        (ANSWERS, OutputSpec(format="tool_calls"), "`answers` need output format"),
        (ANSWERS, LABEL, "'NOT STATED', which is none of the labels"),
        ({"refusals": False}, TEXT, "nothing abstains"),
        ({"answers": [" "]}, TEXT, "an empty text"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, output, message):
    """With the line of the suite."""
    with pytest.raises(ConfigError, match=r"suite\.yaml:7: grader 'abstain'") as error:
        build("abstain", output, **options)
    assert message in str(error.value)
