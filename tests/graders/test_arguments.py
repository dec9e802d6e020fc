"""Argument strings of tool calls as models really write them."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.graders.arguments import fault_of, read_arguments
from evalkit.graders.json_text import ends_inside

# (argument string, rung, value, what the detail names)
STRINGS = [
    ('{"city": "Bern", "n": 3}', "valid", {"city": "Bern", "n": 3}, ""),
    ("", "valid", {}, ""),
    (" \n", "valid", {}, ""),
    ('{"city": "Ber', "truncated", None, "ends in its middle"),
    ('{"city": "Bern"', "truncated", None, "ends in its middle"),
    ('{"city": "Bern", ', "truncated", None, "ends in its middle"),
    ('{"n": -', "truncated", None, "ends in its middle"),
    ('{"n": 1.', "truncated", None, "ends in its middle"),
    ('{"on": tru', "truncated", None, "ends in its middle"),
    ("{", "truncated", None, "ends in its middle"),
    ('"{\\"city\\": \\"Be', "truncated", None, "ends in its middle"),
    ('```json\n{"city": "Be', "truncated", None, "ends in its middle"),
    ('```json\n{"city": "Bern"}\n```', "fenced", {"city": "Bern"}, ""),
    ('The arguments: {"city": "Bern"}', "embedded", {"city": "Bern"}, ""),
    ('{"city": "Bern"} as asked', "embedded", {"city": "Bern"}, ""),
    ('{"city": "Bern"}}', "embedded", {"city": "Bern"}, ""),
    ("{'city': 'Bern'}", "repaired", {"city": "Bern"}, ""),
    ('{"city": "Bern",}', "repaired", {"city": "Bern"}, ""),
    ('{city: "Bern"}', "repaired", {"city": "Bern"}, ""),
    ("{'on': True, 'off': None}", "repaired", {"on": True, "off": None}, ""),
    ('{"text": "two\nlines"}', "repaired", {"text": "two\nlines"}, ""),
    ('{"a": 1 "b": 2}', "repaired", {"a": 1, "b": 2}, ""),
    ('"{\\"city\\": \\"Bern\\"}"', "schema:type", None, "double-encoded"),
    ('["Bern"]', "schema:type", None, "no object"),
    ("null", "schema:type", None, "no object"),
    ("3", "schema:type", None, "no object"),
    ('{"n": NaN}', "not_json", None, "NaN is no JSON number"),
    ('{"n": 1e999}', "not_json", None, "outside the range"),
    ('{"a": 1, "a": 2}', "not_json", None, "duplicate key 'a'"),
    ('{"n": 3*4}', "not_json", None, "arithmetic where a number is due: 3*4"),
    ('{"n": (3 + 4) * 2}', "not_json", None, "arithmetic where a number is due: (3 + 4) * 2"),
    ('{"n": 100 * 1.19, "m": 1}', "not_json", None, "arithmetic where a number is due: 100 * 1.19"),
    ('{"n": 12/4}', "not_json", None, "arithmetic where a number is due: 12/4"),
    ("{room: Aula}", "not_json", None, "bare word Aula"),
    ('{"room": Aula}', "not_json", None, "bare word Aula"),
    ('{"n": 5 km}', "not_json", None, "bare word km"),
    ('{"day": 2026-01-02}', "not_json", None, "a date without quotes: 2026-01-02"),
    ('{"n": sum([1, 2])}', "not_json", None, "a function call where a value is due: sum("),
    ('{"n": 1,234}', "not_json", None, "digits in groups: 1,234"),
    ('{"n": 012}', "not_json", None, "no JSON number: 012"),
    ('{"n": 0x1F}', "not_json", None, "no JSON number: 0x1F"),
    ('{"n": 20%}', "not_json", None, "no JSON number: 20%"),
    ('{"a": "x" + "y"}', "not_json", None, "strings joined by an operator"),
    ('{"a": "x", ...}', "not_json", None, "parts are left out"),
    ('weather(city="Bern")', "not_json", None, "function-call syntax"),
    ('weather({"city": "Bern"})', "not_json", None, "function-call syntax"),
    ("<city>Bern</city>", "not_json", None, "markup"),
    ('<parameter name="city">Bern</parameter>', "not_json", None, "markup"),
    ('city="Bern", n=3', "not_json", None, "name=value pairs"),
    ("city: Bern\nn: 3", "not_json", None, "name: value lines"),
    ("I would look at the weather", "not_json", None, "no JSON: I would look"),
    ("Bern", "not_json", None, "bare word Bern"),
    ('{"city": "Bern"}{"city": "Basel"}', "not_json", None, "2 JSON documents"),
    ('{{"city": "Bern"}}', "not_json", None, "at character 1"),
    ('{x y, "in": {"city": "Bern"}}', "not_json", None, "bare word x"),
    ("No place {} is named", "not_json", None, "bare word No"),
    ('{"a":' * 300, "not_json", None, "nested deeper"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "rung", "value", "said"), STRINGS, ids=lambda x: str(x)[:30])
def test_an_argument_string_stands_on_its_rung(text, rung, value, said):
    """The table above is the definition; docs/rungs.md explains it."""
    read = read_arguments(text)
    assert (rung, value) == (read.rung, read.value)
    assert said in read.detail


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=4), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
documents = st.dictionaries(st.text(max_size=4).filter(str.isprintable), json_values, max_size=3)


@given(documents, st.data())
def test_every_beginning_of_a_document_ends_in_its_middle(document, data):
    """Wherever the answer was cut: inside a key, an escape, a number, a literal."""
    text = json.dumps(document, ensure_ascii=data.draw(st.booleans()))
    cut = data.draw(st.integers(1, len(text) - 1))
    assert ends_inside(text[:cut])
    assert read_arguments(text[:cut]).rung == "truncated"
    assert (read_arguments(text).rung, ends_inside(text)) == ("valid", False)


@given(st.text() | st.text("{}[]\"':,\\ \n`<>()=*+-0123456789.aeintfru"))
def test_any_string_gets_a_rung(text):
    """Nothing raises, and a value is an object or nothing."""
    read = read_arguments(text)
    assert read.rung
    assert read.value is None or isinstance(read.value, dict)
    assert (read.value is None) == (read.rung in {"truncated", "schema:type", "not_json"})
    fault_of(text, "")


@pytest.mark.parametrize(
    "text",
    [
        "{" * 500_000,
        '{"a": [' + "1, " * 300_000,
        '{"a": "' + "x" * 1_000_000,
        "{'a': 'b', " * 90_000,
        "{a: " + "{b: } " * 160_000,
        "3*4 " * 250_000,
        "((((" * 250_000,
        "a.b-c" * 200_000,
        "f(" * 500_000,
        '{"a": "' + '\\"' * 500_000,
        "<" * 1_000_000,
        " " * 1_000_000 + "x",
        '""+' * 300_000,
        "1,000" * 200_000,
    ],
    ids=lambda x: x[:12],
)
def test_a_megabyte_takes_seconds_at_most(text):
    """Whatever stands in it."""
    started = time.perf_counter()
    assert read_arguments(text).rung in {"truncated", "not_json"}
    assert time.perf_counter() - started < 5
