"""Schema checks agree with another validator, name the contract's keyword, and fetch nothing."""

from __future__ import annotations

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.core.errors import ConfigError
from evalkit.graders.schema import SchemaCheck, check_schema

scalars = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, "a", "bb", ""])
)
values = st.recursive(
    scalars,
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from("abc"), v, max_size=3),
    max_leaves=8,
)
types = st.sampled_from(["object", "array", "string", "number", "integer", "boolean", "null"])
leaves = st.fixed_dictionaries(
    {},
    optional={
        "type": types | st.lists(types, min_size=1, max_size=2, unique=True),
        "enum": st.lists(scalars, min_size=1, max_size=3, unique_by=repr),
        "minimum": st.integers(-2, 2),
        "maxLength": st.integers(0, 2),
        "pattern": st.sampled_from(["^a", "b$"]),
        "format": st.just("date"),
        "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
        "minItems": st.integers(0, 2),
    },
)
schemas = st.recursive(
    leaves,
    lambda s: st.fixed_dictionaries(
        {},
        optional={
            "type": types,
            "properties": st.dictionaries(st.sampled_from("abc"), s, max_size=2),
            "additionalProperties": st.booleans(),
            "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
            "items": s,
            "anyOf": st.lists(s, min_size=1, max_size=2),
            "not": s,
        },
    ),
    max_leaves=5,
)


@settings(max_examples=200)
@given(schemas, values)
def test_two_validators_agree(schema, value):
    """The jsonschema package is the oracle, for the verdict and for the failing keywords."""
    failure = SchemaCheck(schema, "here").failure(value)
    errors = list(jsonschema.Draft202012Validator(schema).iter_errors(value))
    assert (failure is None) == (not errors)
    if failure is not None:
        keywords = {str(error.validator) for error in errors}
        assert failure.keyword in keywords
        for keyword in ("required", "type", "enum", "additionalProperties"):
            if keyword in keywords:
                assert keyword == failure.keyword
                break


@pytest.mark.parametrize(
    ("schema", "value", "keyword", "path"),
    [
        ({"properties": {"z": {"maximum": 1}, "a": {"minLength": 2}}}, {"a": "x", "z": 3},
         "maximum", "z"),
        ({"properties": {"a": {"minLength": 2}, "z": {"maximum": 1}}}, {"a": "x", "z": 3},
         "minLength", "a"),
        ({"$defs": {"q": {"minLength": 2}},
          "properties": {"z": {"maximum": 1}, "a": {"$ref": "#/$defs/q"}}}, {"a": "x", "z": 3},
         "maximum", "z"),
        ({"items": {"required": ["n"]}}, [{"n": 1}, {}], "required", "[1]"),
        ({"properties": {"a": {"items": {"type": "string"}}}}, {"a": ["x", 1]}, "type", "a[1]"),
        ({"properties": {"a": False}}, {"a": 1}, "false", "a"),
        ({"properties": {}, "additionalProperties": False, "required": ["a"]}, {"a": 1},
         "additionalProperties", ""),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, 3, "anyOf", ""),
        ({"$schema": "http://json-schema.org/draft-07/schema#",
          "items": [{"type": "string"}]}, [1], "type", "[0]"),
    ],
)  # fmt: skip
def test_the_first_failure_in_the_contracts_order_is_named(schema, value, keyword, path):
    """After the four of the contract, what the schema lists first."""
    failure = SchemaCheck(schema, "here").failure(value)
    assert (keyword, path) == (failure.keyword, failure.path)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strin"},
        {"required": "a"},
        {"pattern": "("},
        {"$ref": "#/$defs/missing"},
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"$ref": "file:///etc/hostname"},
        {"$schema": "http://example.com/own", "type": "string"},
        {"properties": {1: {"type": "string"}}},
        {"title": "\ud800"},
    ],
    ids=str,
)
def test_an_unusable_schema_is_refused_with_its_place(schema):
    """Nothing is fetched to make it usable: a reference must point inside the schema."""
    with pytest.raises(ConfigError, match=r"suite\.yaml:9: not a usable JSON Schema"):
        check_schema(schema, "suite.yaml:9")


def test_no_file_is_read_for_a_reference(tmp_path):
    """Not even one that holds a good schema."""
    (tmp_path / "other.json").write_text('{"type": "string"}', encoding="utf-8")
    with pytest.raises(ConfigError, match="not a usable JSON Schema"):
        check_schema({"$ref": (tmp_path / "other.json").as_uri()}, "here")


@pytest.mark.parametrize("draft", ["draft-07/schema#", "draft-04/schema#"])
def test_format_is_an_annotation_in_every_draft(draft):
    """Validators disagree on formats; grades must not depend on which one is installed."""
    check = SchemaCheck({"$schema": f"http://json-schema.org/{draft}", "format": "date"}, "here")
    assert check.failure("no date") is None


def test_references_inside_the_schema_and_recursion_work():
    """A tree of trees is checked to its leaves."""
    check = SchemaCheck({"type": "array", "items": {"$ref": "#"}}, "here")
    assert check.failure([[], [[]]]) is None
    assert check.failure([[], [[3]]]).path == "[1][0][0]"
