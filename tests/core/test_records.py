"""Records: JSON both ways, one canonical text, fingerprints that see what decides an answer."""

from __future__ import annotations

import json
import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.core import records
from evalkit.core.records import (
    Completion,
    Message,
    OutputSpec,
    Record,
    Request,
    ToolCall,
    canonical_json,
    fingerprint,
    without_lone_surrogates,
)

RECORDS = [
    kind
    for kind in vars(records).values()
    if isinstance(kind, type) and issubclass(kind, Record) and kind is not Record
]
INTS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | INTS | FLOATS | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
SCALARS = {str: st.text(max_size=8), int: INTS, float: FLOATS, bool: st.booleans(), Any: JSON}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field by its annotation."""
    if hint in SCALARS:
        return SCALARS[hint]
    if hint is type(None):
        return st.none()
    origin, inside = get_origin(hint), get_args(hint)
    if origin is Literal:
        return st.sampled_from(inside)
    if origin in (Union, types.UnionType):
        return st.one_of([values(a) for a in inside])
    if origin is tuple:
        return st.lists(values(inside[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(st.text(max_size=5), values(inside[1]), max_size=2)
    return whole(hint)


def whole(kind: type[Record]) -> st.SearchStrategy[Any]:
    """Records of one kind with every field filled."""
    hints = get_type_hints(kind)
    return st.builds(kind, **{name: values(hints[name]) for name in kind.__struct_fields__})


def request_of(**changes: Any) -> Request:
    given_fields: dict[str, Any] = {
        "suite": "s", "sample_id": "1", "arm": "p:m", "repeat": 1, "provider": "p", "model": "m",
        "messages": (Message(role="user", content="Hi"),), "output": OutputSpec(),
    }  # fmt: skip
    return Request(**{**given_fields, **changes})


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_a_record_comes_back_from_json_as_it_went(kind: type[Record]) -> None:
    """Journal lines are these records: nothing may be lost on the way."""

    @settings(max_examples=30)
    @given(whole(kind))
    def holds(record: Record) -> None:
        assert record == msgspec.json.decode(msgspec.json.encode(record), type=kind)

    holds()


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_a_record_cannot_be_changed(kind: type[Record]) -> None:
    """Frozen, so that a fingerprint stays true."""
    assert kind.__struct_config__.frozen


@given(JSON, st.randoms(use_true_random=False))
def test_canonical_json_does_not_see_the_order_of_keys(value: Any, random: Any) -> None:
    """Equal content is equal text, whatever the order in which it was written."""

    def shuffled(item: Any) -> Any:
        if isinstance(item, list):
            return [shuffled(i) for i in item]
        if isinstance(item, dict):
            pairs = [(k, shuffled(v)) for k, v in item.items()]
            random.shuffle(pairs)
            return dict(pairs)
        return item

    assert canonical_json(value) == canonical_json(shuffled(value))
    assert value == json.loads(canonical_json(value))


@given(JSON, JSON)
def test_different_content_has_different_fingerprints(one: Any, other: Any) -> None:
    """The hash is of the canonical text alone."""
    assert (canonical_json(one) == canonical_json(other)) == (
        fingerprint(one) == fingerprint(other)
    )


@pytest.mark.parametrize(
    "change",
    [
        {"messages": (Message(role="user", content="Ho"),)},
        {"messages": (Message(role="system", content="Hi"),)},
        {"params": {"temperature": 0}},
        {"mode": "json_schema"},
        {"provider": "q"},
        {"model": "n"},
        {"repeat": 2},
        {"identity": "weights"},
        {"output": OutputSpec(format="json")},
        {"output": OutputSpec(schema={"type": "object"})},
        {"output": OutputSpec(labels=("a",))},
        {"output": OutputSpec(tools=({"name": "f"},))},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_decides_an_answer_changes_the_request_fingerprint(change: dict[str, Any]) -> None:
    """A stored answer is reused only for the same question."""
    assert request_of().fingerprint() != request_of(**change).fingerprint()


@pytest.mark.parametrize(
    "change",
    [{"suite": "t"}, {"sample_id": "2"}, {"arm": "p:m@prompt"}, {"stream": True},
     {"inputs": {"text": "x"}}, {"output": OutputSpec(accept=("valid",), max_attempts=3)}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_what_does_not_decide_a_remote_answer_leaves_the_fingerprint(
    change: dict[str, Any],
) -> None:
    """Names and grading do not make an answer stale."""
    assert request_of().fingerprint() == request_of(**change).fingerprint()


def test_inputs_count_where_the_contestant_reads_them() -> None:
    """An in-process contestant (it has an identity) sees columns that the prompt may not."""
    one = request_of(identity="rules", inputs={"text": "a"})
    other = request_of(identity="rules", inputs={"text": "b"})
    assert one.fingerprint() != other.fingerprint()


@pytest.mark.parametrize(
    "change",
    [{"text": "b"}, {"refusal": "no"}, {"finish_reason": "length"},
     {"tool_calls": (ToolCall(name="f", arguments="{}"),)}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_the_content_hash_sees_all_that_is_graded(change: dict[str, Any]) -> None:
    """Grades are keyed by it."""
    assert (
        Completion(text="a").content_hash() != Completion(**{"text": "a", **change}).content_hash()
    )


def test_the_content_hash_does_not_see_how_long_it_took() -> None:
    """Timings and usage are no part of what is graded."""
    slow = Completion(text="a", service_ms=9.0, ttft_ms=1.0, request_id="r")
    assert Completion(text="a").content_hash() == slow.content_hash()


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_text_without_lone_surrogates_can_be_stored(text: str) -> None:
    """Half a character would stop the journal."""
    clean = without_lone_surrogates(text + "\ud800")
    assert clean.encode().decode() == clean
    assert text == without_lone_surrogates(text)
