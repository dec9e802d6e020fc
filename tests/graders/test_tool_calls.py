"""tool_calls: which calls are right, and how far."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import NONE, build, sample

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.core.records import Completion, OutputSpec, Score, ToolCall
from evalkit.graders.parse import Parser

ROOM = {
    "type": "function",
    "function": {
        "name": "book.room",
        "parameters": {
            "type": "object",
            "properties": {
                "room": {"type": "string"},
                "minutes": {"type": "number"},
                "tags": {"type": "array"},
                "place": {"type": "object"},
                "note": {"type": ["string", "null"]},
                "quiet": {},
            },
            "required": ["room"],
            "additionalProperties": False,
        },
    },
}
SPEC = OutputSpec(format="tool_calls", tools=(ROOM, {"name": "now"}))


def call(name: str = "book.room", **arguments) -> dict:
    return {"name": name, "arguments": arguments}


def due(optional: list[str] | None = None, **arguments) -> dict:
    made = call(**arguments)
    return made if optional is None else {**made, "optional": optional}


def scored(target, made: list[dict], **options) -> Score:
    grader = build("tool_calls", SPEC, **options)
    calls = tuple(ToolCall(name=c["name"], arguments=json.dumps(c["arguments"])) for c in made)
    completion = Completion(text="" if made else "No.", tool_calls=calls)
    parsed = Parser(SPEC).parse(completion)
    assert parsed.rung == "valid"
    return grader.grade(sample(target), completion, parsed)


# (target, made, right)
TABLE = [
    ([due(room="Aula")], [call(room="Aula")], True),
    ([due(room="Aula")], [call(room="aula")], False),
    ([due(room="Aula", minutes=5)], [call(room="Aula", minutes=5.0)], True),
    ([due(room="A", quiet=5)], [call(room="A", quiet="5")], False),
    ([due(room="A", quiet=True)], [call(room="A", quiet=1)], False),
    ([due(room="A", quiet=None)], [call(room="A", quiet=None)], True),
    ([due(room="A", note=None)], [call(room="A")], False),
    ([due(room="A", tags=[1, 2])], [call(room="A", tags=[1.0, 2])], True),
    ([due(room="A", tags=[1, 2])], [call(room="A", tags=[2, 1])], False),
    ([due(room="A", place={"x": [1], "y": None})], [call(room="A", place={"y": None, "x": [1]})],
     True),
    ([due(room="A", place={"x": 1, "y": None})], [call(room="A", place={"x": 1})], False),
    ([due(room="A")], [call(room="A", minutes=30)], False),
    ([due(["minutes"], room="A")], [call(room="A", minutes=30)], True),
    ([due(["minutes"], room="A")], [call(room="A")], True),
    ([due(["minutes"], room="A", minutes=30)], [call(room="A")], True),
    ([due(["minutes"], room="A", minutes=30)], [call(room="A", minutes=30)], True),
    ([due(["minutes"], room="A", minutes=30)], [call(room="A", minutes=31)], False),
    ([due(["room"])], [call(room="any")], True),
    ([{"name": "now"}], [call("now")], True),
    ([due(room="A")], [call("now")], False),
    ([], [], True),
    ([], [call("now")], False),
    ([due(room="A")], [], False),
    ([due(room="A"), due(room="B")], [call(room="B"), call(room="A")], True),
    ([due(room="A"), {"name": "now"}], [call("now"), call(room="A")], True),
    ([due(room="A"), due(room="A")], [call(room="A"), call(room="A")], True),
    ([due(room="A"), due(room="A")], [call(room="A")], False),
    ([due(room="A")], [call(room="A"), call(room="A")], False),
    ([due(["note"], room="A"), due(room="A", note="x")],
     [call(room="A", note="x"), call(room="A", note="y")], True),
]  # fmt: skip


@pytest.mark.parametrize(("target", "made", "right"), TABLE)
def test_calls_are_compared_typed_exactly_and_in_any_order(target, made, right):
    """The table above is the definition; docs/graders/tool_calls.md explains it."""
    score = scored(target, made)
    assert (float(right), right) == (score.value, score.passed)
    assert right == (score.details["faults"] == [])
    assert scored(json.dumps(target), made).value == score.value


def test_a_match_loosens_one_argument_of_one_function():
    """Its types are those of `fields`; the others stay exact."""
    match = {
        "book.room.room": {"type": "text", "normalise": True},
        "book.room.minutes": {"type": "number", "abs": 1},
        "book.room.tags": "set",
        "book.room.quiet": "ignore",
    }
    target = [due(room="Aula", minutes=30, tags=["a", "b"], note="N", quiet=1)]
    loose = {"room": "AULA.", "minutes": 30.5, "tags": ["b", "a", "a"], "note": "N"}
    assert scored(target, [call(**loose)], match=match).value == 1
    assert scored(target, [call(**{**loose, "note": "n"})], match=match).value == 0
    assert scored(target, [call(**{**loose, "minutes": 32})], match=match).value == 0


def test_a_match_below_an_argument_leaves_its_neighbours_exact():
    """`place.city` is text in any case; `place.zip` must be the very string."""
    match = {"book.room.place.city": {"type": "text", "ignore_case": True},
             "book.room.tags[].n": "number"}  # fmt: skip
    target = [due(room="A", place={"city": "Bern", "zip": "3000"}, tags=[{"n": 1}, {"n": 2}])]
    for place, tags, right in (
        ({"city": "BERN", "zip": "3000"}, [{"n": "1"}, {"n": 2}], 1),
        ({"city": "BERN", "zip": 3000}, [{"n": 1}, {"n": 2}], 0),
        ({"city": "BERN", "zip": "3000"}, [{"n": 2}, {"n": 1}], 0),
    ):
        assert scored(target, [call(room="A", place=place, tags=tags)], match=match).value == right


def test_details_say_what_was_right_and_what_was_not():
    """Counts, names, a line for each of the first faults, and metrics."""
    target = [due(room="A", minutes=5), due(room="B"), {"name": "now"}]
    made = [call(room="B"), call(room="A", minutes=6), call(room="C")]
    score = scored(target, made)
    assert score.details == {
        "due": 3,
        "made": 3,
        "names_right": 2,
        "arguments_right": 1,
        "missing": ["now"],
        "extra": ["book.room"],
        "faults": [
            "book.room.minutes: expected 5, got 6",
            "missing call now()",
            "extra call book.room(room=C)",
        ],
        "metrics": {"function_right": 2 / 3, "arguments_right": 0.5},
    }
    assert score.reason.startswith("book.room.minutes: expected 5, got 6; missing")


def test_metrics_are_given_only_where_they_have_a_meaning():
    """No call due: whether none came. No function right: nothing to say of arguments."""
    assert scored([], []).details["metrics"] == {"no_call_right": 1.0}
    assert scored([], [call("now")]).details["metrics"] == {"no_call_right": 0.0}
    assert scored([due(room="A")], [call("now")]).details["metrics"] == {"function_right": 0.0}
    assert scored([due(room="A")], []).details["metrics"] == {"function_right": 0.0}


def test_partial_credit_is_the_mean_agreement_over_the_longer_side():
    """The function and each argument count alike."""
    target = [due(room="A", minutes=5)]
    assert scored(target, [call(room="A", minutes=6)], partial=True).value == pytest.approx(2 / 3)
    assert scored(target, [call(room="A")], partial=True).value == pytest.approx(2 / 3)
    assert scored(target, [call(room="A", minutes=5, note="x")], partial=True).value == 0.75
    two = [call(room="A", minutes=5), call("now")]
    assert scored(target, two, partial=True).value == 0.5
    assert scored(target, [], partial=True).value == 0
    assert scored([], [], partial=True).value == 1


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (NONE, "no target"),
        (None, "no list of calls, got null"),
        ({"name": "now"}, "no list of calls, got an object"),
        (["now"], "call 1 of the target is no object"),
        ([{"arguments": {}}], "call 1 of the target has no `name`"),
        ([{"name": "now"}, {"name": "now", "args": {}}], "call 2 of the target has the key 'args'"),
        ([{"name": "now", "arguments": [1]}], "`arguments` that are no object"),
        ([{"name": "now", "optional": "x"}], "`optional` that is no list"),
        ([{"name": "later"}], "calls 'later', which is no tool; known: book.room, now"),
        ([due(room="A", rom="B")], "takes no argument 'rom'; known: minutes"),
        ([due(["rom"], room="A")], "takes no argument 'rom'"),
        ([call("now", x=1)], "now takes no argument 'x'"),
        ([due(room=3)], 'fail its schema: room: 3 is not of type "string"'),
        ([due(minutes=3)], "fail its schema: \"room\" is a required property"),
    ],
)  # fmt: skip
def test_a_target_that_no_answer_can_meet_is_refused(target, message):
    """With the reason: form, names, or the tool's own schema."""
    grader = build("tool_calls", SPEC)
    assert message in grader.check(sample(target))
    with pytest.raises(CannotGrade):
        grader.grade(sample(target), Completion(), Parser(SPEC).parse(Completion(text="x")))


def test_a_target_that_its_match_cannot_compare_is_refused():
    """A date that is none would never be right."""
    grader = build("tool_calls", SPEC, match={"book.room.note": "date"})
    problem = grader.check(sample([due(room="A", note="soon")]))
    assert problem == "tool_calls: book.room.note is no unambiguous date, got 'soon'"


@pytest.mark.parametrize(
    ("options", "output", "message"),
    [
        ({}, OutputSpec(format="json"), "needs output format tool_calls, got 'json'"),
        ({"match": {"room": "text"}}, SPEC, "no tool of that name; allowed: function.argument"),
        ({"match": {"book.room.rom": "text"}}, SPEC, "no argument 'rom'; known: minutes"),
        ({"match": {"book.room.room": "words"}}, SPEC, "types: exact, text"),
        ({"match": {"now.x": "text"}}, SPEC, "no argument 'x'"),
    ],
)
def test_options_that_can_do_nothing_are_refused(options, output, message):
    """A slip in a path would silently compare exactly."""
    with pytest.raises(ConfigError, match=r"suite\.yaml:7") as error:
        build("tool_calls", output, **options)
    assert message in str(error.value)


def test_tools_with_an_open_schema_take_any_argument():
    """`additionalProperties` and `patternProperties` say so; no `parameters` means none."""
    tools = (
        {"name": "a", "parameters": {"properties": {}, "additionalProperties": {}}},
        {"name": "b", "parameters": {"properties": {}, "patternProperties": {"^x": {}}}},
        {"name": "c", "parameters": {"type": "object"}},
    )
    grader = build("tool_calls", OutputSpec(format="tool_calls", tools=tools))
    for name in "abc":
        assert grader.check(sample([call(name, x1=1)])) is None


calls = st.lists(
    st.builds(call, st.just("book.room"), room=st.sampled_from("AB"), minutes=st.integers(0, 2))
    | st.just(call("now")),
    max_size=5,
)


@given(calls, calls, st.randoms(), st.booleans())
def test_order_means_nothing_and_only_equal_calls_are_right(target, made, random, partial):
    """Whatever order; and partial credit is 1 exactly where the strict score is."""
    score = scored(target, made, partial=partial)
    shuffled = random.sample(made, len(made))
    assert scored(target, shuffled, partial=partial).value == pytest.approx(score.value)
    equal = sorted(map(json.dumps, target)) == sorted(map(json.dumps, made))
    assert (score.value == 1) == equal
    assert score.details["names_right"] + len(score.details["extra"]) == len(made)
    assert score.details["names_right"] + len(score.details["missing"]) == len(target)


def test_many_calls_are_graded_in_seconds():
    """Thousands of calls against a few that are due; faults and names stay few."""
    made = [call(room="A", minutes=n) for n in range(20_000)]
    score = scored([due(room="A", minutes=7), due(room="B")], made)
    assert score.details["arguments_right"] == 1
    assert len(score.details["faults"]) == 5
    assert len(score.details["extra"]) == 20
