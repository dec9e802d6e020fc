"""One table of answers and their rungs, and what holds for every text whatever it is."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.core.errors import ConfigError
from evalkit.core.records import Completion, OutputSpec, Parsed, canonical_json
from evalkit.graders.parse import Parser, structured_honoured, without_reasoning

INVOICE = {
    "type": "object",
    "properties": {
        "vendor": {"type": "string"},
        "total": {"type": "number", "minimum": 0},
        "currency": {"enum": ["EUR", "USD"]},
    },
    "required": ["vendor", "total"],
    "additionalProperties": False,
}
GOOD = '{"vendor": "Acme", "total": 12.5}'
THREE = [1, 2, 3]

# (text, rung without a schema, value where it has one)
WITHOUT_SCHEMA = [
    ('{"a": 1}', "valid", {"a": 1}),
    (' \r\n\t{"a": 1}\n', "valid", {"a": 1}),
    ("[1,2,3]", "valid", THREE),
    ("null", "valid", None),
    ("12", "valid", 12),
    ('"text"', "valid", "text"),
    ("{}", "valid", {}),
    ('{"a": "use } here"}', "valid", {"a": "use } here"}),
    ('{"a": "I cannot help"}', "valid", {"a": "I cannot help"}),
    ('{"a": "```json"}', "valid", {"a": "```json"}),
    ('{"a": "<think>no</think>"}', "valid", {"a": "<think>no</think>"}),
    ("1" * 300, "valid", int("1" * 300)),
    ("", "empty", None),
    (" \n\t ", "empty", None),
    ("\u200b\ufeff", "empty", None),
    ("<think>only thoughts</think>", "empty", None),
    ("<think>never closed {", "empty", None),
    ('<think>{"a": 2}</think>{"a": 1}', "valid", {"a": 1}),
    ('<thinking>x</thinking>\n<reasoning>y</reasoning>\n{"a": 1}', "valid", {"a": 1}),
    ('thoughts {"x": 1} </think>\n{"a": 1}', "valid", {"a": 1}),
    ('```json\n{"a": 1}\n```', "fenced", {"a": 1}),
    ('```\n[1,2,3]\n```', "fenced", THREE),
    ('```json {"a": 1} ```', "fenced", {"a": 1}),
    ('~~~\n{"a": 1}\n~~~', "fenced", {"a": 1}),
    ('Here it is:\n```json\n{"a": 1}\n```\nAnything else?', "fenced", {"a": 1}),
    ('```json\n{"a": "x ``` y"}\n```', "fenced", {"a": "x ``` y"}),
    ('```json\n{"a": 1}', "fenced", {"a": 1}),
    ('I saw {"b": 0} first.\n```json\n{"a": 1}\n```', "fenced", {"a": 1}),
    ('```\n{"a": 1}\n```\n```\n{"a": 2}\n```', "not_json", None),
    ('Sure: {"a": 1}', "embedded", {"a": 1}),
    ('Sure: {"a": {"b": "}"}} done', "embedded", {"a": {"b": "}"}}),
    ("The numbers are [1, 2, 3].", "embedded", THREE),
    ('\ufeff{"a": 1}', "embedded", {"a": 1}),
    ('{"a": 1}.', "embedded", {"a": 1}),
    ('See [1]. {"a": 1} [2]', "embedded", {"a": 1}),
    ('{{"a": 1}}', "embedded", {"a": 1}),
    ('{"a": 1} {"a": 2}', "not_json", None),
    ('{"a": 1}\n{"a": 1}', "not_json", None),
    ('Either {"a": 1} or {"a": 2}', "not_json", None),
    ("{'a': 'b', 'c': True, 'd': None}", "repaired", {"a": "b", "c": True, "d": None}),
    ('{"a": 1,}', "repaired", {"a": 1}),
    ("[1,2,3,]", "repaired", THREE),
    ("{a: 1}", "repaired", {"a": 1}),
    ('{"a": 1 "b": 2}', "repaired", {"a": 1, "b": 2}),
    ('{"a": 1 // one\n}', "repaired", {"a": 1}),
    ('{"a": 1, /* two */ "b": 2}', "repaired", {"a": 1, "b": 2}),
    ('{“a”: “b”}', "repaired", {"a": "b"}),
    ('{"a": "line\nbreak"}', "repaired", {"a": "line\nbreak"}),
    ('{"a": "he said "hi" to me"}', "repaired", {"a": 'he said "hi" to me'}),
    ('{"a": 1', "repaired", {"a": 1}),
    ('```json\n{"a": 1,}\n```', "repaired", {"a": 1}),
    ("{'url': 'http://x.com/a', 'n': 1}", "repaired", {"url": "http://x.com/a", "n": 1}),
    ("The set {x, y} is small.", "not_json", None),
    ("Dear {customer}, thanks.", "not_json", None),
    ("{x, y}", "not_json", None),
    ("[see note]", "not_json", None),
    ("[a link](http://example.com)", "not_json", None),
    ("- [ ] to do\n- [x] done", "not_json", None),
    ("if (x) { return 1; }", "not_json", None),
    ("use {'a': 1,} perhaps", "not_json", None),
    ('{"a": NaN}', "not_json", None),
    ('{"a": Infinity}', "not_json", None),
    ("NaN", "not_json", None),
    ('{"a": 1e999}', "not_json", None),
    ("9" * 5000, "not_json", None),
    ('{"a": 1, "a": 2}', "not_json", None),
    ('{"a": {"b": 1, "b": 1}}', "not_json", None),
    ('"{\\"a\\": 1}"', "not_json", None),
    ('{"a": "cut str', "not_json", None),
    ('{"a": ...}', "not_json", None),
    ('{"a": "x", ...}', "not_json", None),
    ('{"a": Bob}', "not_json", None),
    ('{"a": 1,234}', "not_json", None),
    ('{"a": 5 EUR}', "not_json", None),
    ('{"a":}', "not_json", None),
    ("[" * 100_000 + "]" * 100_000, "not_json", None),
    ("[" * 100_000, "not_json", None),
    ('{"a":' * 201 + "1" + "}" * 201, "not_json", None),
    ("No JSON at all, only words.", "not_json", None),
    ("\x00", "empty", None),
    ("x\x00y", "not_json", None),
    ('{"a": "\x00"}', "repaired", {"a": "\x00"}),
    ("I'm sorry, but I can't help with that.", "refusal", None),
    ("Lo siento, pero no puedo ayudarte con eso.", "refusal", None),
    ('I cannot do this, but: {"a": 1}', "embedded", {"a": 1}),
    ('I will not put {"total": 12.5} but rather {"total": 13}', "not_json", None),
    ("I cannot fill in {total}.", "refusal", None),
    ("申し訳ありません。", "refusal", None),
    ('{"total": 012}', "not_json", None),
    ('{"total": -05}', "not_json", None),
    ('{"total": [00, 1]}', "not_json", None),
    ("{'zip': '01234', 'n': 0.50, 'm': 10,}", "repaired", {"zip": "01234", "n": 0.5, "m": 10}),
]  # fmt: skip

# (text, rung under INVOICE, value)
WITH_SCHEMA = [
    (GOOD, "valid", json.loads(GOOD)),
    (f"```json\n{GOOD}\n```", "fenced", json.loads(GOOD)),
    (f"Sure: {GOOD} Bye [1].", "embedded", json.loads(GOOD)),
    (f"{GOOD[:-1]},}}", "repaired", json.loads(GOOD)),
    ("Sure: {'vendor': 'Acme', 'total': 12.5,} Bye.", "repaired", json.loads(GOOD)),
    ('{"vendor": "Acme"}', "schema:required", {"vendor": "Acme"}),
    ('{"vendor": 3, "extra": 1}', "schema:required", {"vendor": 3, "extra": 1}),
    ('{"vendor": "A", "total": "12"}', "schema:type", {"vendor": "A", "total": "12"}),
    ('{"vendor": "A", "total": 1, "currency": "GBP"}', "schema:enum", ...),
    ('{"vendor": "A", "total": 1, "x": 2}', "schema:additionalProperties", ...),
    ('{"vendor": "A", "total": -1}', "schema:minimum", ...),
    ('{"vendor": "A", "total": -1, "x": 2}', "schema:additionalProperties", ...),
    ('Sure: {"vendor": "A"}', "schema:required", {"vendor": "A"}),
    ("{'vendor': 'A',}", "schema:required", {"vendor": "A"}),
    ("[1,2,3]", "schema:type", THREE),
    ("null", "schema:type", None),
    (json.dumps(GOOD), "schema:type", GOOD),
    ("The list is [1, 2, 3].", "not_json", None),
    (f"{GOOD} {GOOD}", "not_json", None),
    (f'For example {{"vendor": "string", "total": 0}}. Now: {GOOD}', "not_json", None),
    ('{"vendor": "A", "total": NaN}', "not_json", None),
    ('{"vendor": "A", "vendor": "B", "total": 1}', "not_json", None),
    ('{"error": "I cannot help with that"}', "schema:required", ...),
    ('I am sorry. {"error": "no"}', "schema:required", {"error": "no"}),
    ("I am sorry, [1] says no.", "refusal", None),
    (f"I will not put {GOOD} but rather {GOOD}", "not_json", None),
    ("I cannot say more than {'vendor': 'Acme', 'total': 12.5}", "repaired", json.loads(GOOD)),
]  # fmt: skip


def rung(text: str, schema: dict | None = None, **completion) -> Parsed:
    return Parser(OutputSpec(format="json", schema=schema)).parse(
        Completion(text=text, **completion)
    )


@pytest.mark.parametrize(("text", "expected", "value"), WITHOUT_SCHEMA, ids=lambda x: str(x)[:30])
def test_each_answer_stands_on_its_rung_where_no_schema_is_given(text, expected, value):
    """The table above is the definition; docs/rungs.md explains it."""
    parsed = rung(text)
    assert (expected, value) == (parsed.rung, parsed.value)


@pytest.mark.parametrize(("text", "expected", "value"), WITH_SCHEMA, ids=lambda x: str(x)[:30])
def test_each_answer_stands_on_its_rung_under_a_schema(text, expected, value):
    """A failing schema names its first keyword in the contract's precedence."""
    parsed = rung(text, INVOICE)
    assert expected == parsed.rung
    if value is not ...:
        assert value == parsed.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD, "valid"),
        (f"```json\n{GOOD}\n```", "truncated"),
        (f"Sure: {GOOD}", "truncated"),
        ('{"vendor": "Ac', "truncated"),
        ('{"vendor": "Acme"}', "truncated"),
        ("Let me think", "truncated"),
        ("<think>long", "empty"),
        ("", "empty"),
        ("I'm sorry, but I can't help", "refusal"),
    ],
)
def test_an_answer_stopped_by_length_is_truncated_unless_it_is_whole(text, expected):
    """`truncated` stands before `fenced`: repair and search must not hide a cut answer."""
    assert expected == rung(text, INVOICE, finish_reason="length").rung


@pytest.mark.parametrize(
    "signal",
    [
        {"refusal": "I can't"},
        {"finish_reason": "content_filter"},
        {"finish_reason": "refusal"},
    ],
)
def test_the_providers_signal_is_a_refusal_whatever_the_text_says(signal):
    """A signal comes first, before even a valid document."""
    parsed = rung(GOOD, INVOICE, **signal)
    assert (parsed.rung, parsed.refused_by, parsed.value) == ("refusal", "signal", None)


def test_a_phrase_is_a_refusal_of_its_own_kind():
    """`refused_by` tells a guess from a signal."""
    assert rung("I can't help with that.").refused_by == "phrase"


def test_whole_json_is_said_whatever_the_schema_says():
    """A provider that honoured json_object but not the schema is seen."""
    assert rung('{"x": 1}', INVOICE).whole_json
    assert not rung(f"Sure: {GOOD}", INVOICE).whole_json
    assert not rung('{"a": NaN}').whole_json


def test_a_string_schema_takes_a_string_that_holds_json():
    """Double encoding is a fault only where no string was asked for."""
    text = json.dumps(GOOD)
    assert rung(text, {"type": "string"}).rung == "valid"
    assert rung(text, {"required": ["a"]}).rung == "schema:type"


def test_lone_surrogates_become_replacement_characters():
    """They can be neither stored nor compared: the value is always encodable."""
    parsed = rung('{"a": "\\ud800", "\ud800b": 1}')
    assert parsed.value == {"a": "\ufffd", "\ufffdb": 1}
    canonical_json(parsed.value)


@pytest.mark.parametrize(
    "text",
    [
        "{" * 500_000,
        "[1," * 330_000,
        '{"a":' * 200_000,
        '"' * 1_000_000,
        '{"a": "' + '\\"' * 500_000,
        "```json\n" * 120_000,
        "{'a': 'b', " * 90_000,
        "<think>" * 140_000,
        "x</think>" * 110_000,
        "{a: " + "{b: } " * 160_000,
        "//" * 500_000,
        '{"a" ' + '\\"' * 24_000 + ",}",
        "{" + "/*" * 24_000 + "}",
        '["' + "{.]\n" * 4000 + ",]",
        "\ud800" * 300_000,
        "\u202e" * 300_000,
    ],
    ids=lambda x: x[:12].encode("unicode_escape").decode(),
)
def test_no_text_takes_long_or_raises(text):
    """Hostile megabytes are put on a rung in seconds at most."""
    started = time.perf_counter()
    parsed = rung(text)
    assert parsed.rung in {"not_json", "empty", "repaired"}
    assert time.perf_counter() - started < 10


def test_an_answer_that_cannot_be_checked_in_bounded_time_is_not_blamed():
    """Neither valid nor malformed: the pattern is given up, with the reason."""
    schema = {"properties": {"a": {"type": "string", "pattern": r"^((a+)+)+\2c$"}}}
    started = time.perf_counter()
    parsed = rung(json.dumps({"a": "a" * 5000 + "!"}), schema)
    assert ("unchecked", None) == (parsed.rung, parsed.value)
    assert (
        parsed.detail == "output.schema: a pattern needs more than 100,000 steps on this document"
    )
    assert time.perf_counter() - started < 10
    assert structured_honoured("json_schema", parsed, Completion(text="{}")) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.text())
def test_any_text_gets_a_rung(text):
    """The parser never raises and always names a rung."""
    assert rung(text).rung


@given(json_values.filter(lambda v: isinstance(v, dict | list) and v), st.sampled_from("sfe"))
def test_a_document_is_found_whole_fenced_and_in_prose(value, place):
    """Whatever the document holds (braces, fences, quotes), the same value comes back."""
    text = json.dumps(value)
    around = {"s": text, "f": f"```json\n{text}\n```", "e": f"The answer is {text} as asked."}
    parsed = rung(around[place], {"type": ["object", "array"]})
    assert ({"s": "valid", "f": "fenced", "e": "embedded"}[place], value) == (
        parsed.rung,
        parsed.value,
    )


@settings(max_examples=60)
@given(st.dictionaries(st.text("abc", min_size=1), st.integers() | st.text("abc xyz,:", min_size=1),
                       min_size=1))  # fmt: skip
def test_a_repair_gives_back_what_was_meant(document):
    """A trailing comma costs the rung, not the content."""
    parsed = rung(json.dumps(document)[:-1] + ",}")
    assert ("repaired", document) == (parsed.rung, parsed.value)


def test_texts_are_valid_empty_truncated_or_refused():
    """Prose has no form to miss; a cut one keeps its text for suites that accept it."""
    parser = Parser(OutputSpec(format="text"))
    cases = [
        ("An answer.", "stop", "valid", "An answer."),
        ("An answ", "length", "truncated", "An answ"),
        ("  ", "stop", "empty", None),
        ("<think>x</think>Yes", "stop", "valid", "Yes"),
        ("I'm sorry, but I can't assist with that.", "stop", "refusal", None),
    ]
    for text, finish, expected, value in cases:
        parsed = parser.parse(Completion(text=text, finish_reason=finish))
        assert (expected, value) == (parsed.rung, parsed.value)


@pytest.mark.parametrize(
    ("text", "expected", "label"),
    [
        ("refund", "valid", "refund"),
        (" **Refund**.\n", "valid", "refund"),
        ('"refund"', "valid", "refund"),
        ("“REFUND”", "valid", "refund"),
        ('{"label": "refund"}', "valid", "refund"),
        ("ｒｅｆｕｎｄ", "valid", "refund"),
        ("Card not working", "valid", "card not working"),
        ("Label: refund", "embedded", "refund"),
        ("The category is card not working, I think.", "embedded", "card not working"),
        ("Answer: B", "embedded", "B"),
        ("It is not refund", "not_label", None),
        ("not card, refund", "not_label", None),
        ("card: this is not refund", "not_label", None),
        ("This isn't a refund.", "not_label", None),
        ("refund or card", "not_label", None),
        ("refunds", "not_label", None),
        ("shipping", "not_label", None),
        ('{"label": "shipping"}', "not_label", None),
        ("", "empty", None),
        ("I'm sorry, I cannot classify this refund.", "refusal", None),
        ("a thing about b", "not_label", None),
        ("a thing", "not_label", None),
    ],
)
def test_labels_are_read_whole_or_as_the_only_one_named(text, expected, label):
    """A label outside the suite's is malformed; `Answer: B` does not match the A of Answer."""
    spec = OutputSpec(format="label", labels=("refund", "card", "card not working", "A", "B"))
    parsed = Parser(spec).parse(Completion(text=text))
    assert (expected, label) == (parsed.rung, parsed.value)


def test_a_label_cut_by_length_is_truncated():
    """A cut explanation that happens to name a label is no answer; a whole label is."""
    parser = Parser(OutputSpec(format="label", labels=("refund",)))
    assert (
        parser.parse(Completion(text="Well, a refund", finish_reason="length")).rung == "truncated"
    )
    assert parser.parse(Completion(text="refund", finish_reason="length")).rung == "valid"


@pytest.mark.parametrize(
    ("requested", "text", "finish", "expected"),
    [
        ("json_schema", GOOD, "stop", "json_schema"),
        ("json_schema", '{"x": 1}', "stop", "json_object"),
        ("json_schema", f"```json\n{GOOD}\n```", "stop", "prompt"),
        ("json_schema", "no", "stop", "prompt"),
        ("json_schema", '{"vendor', "length", None),
        ("json_schema", "", "stop", None),
        ("json_schema", "I can't help with that.", "stop", None),
        ("json_object", GOOD, "stop", "json_object"),
        ("json_object", f"Sure: {GOOD}", "stop", "prompt"),
        ("prompt", GOOD, "stop", "prompt"),
        (None, GOOD, "stop", None),
    ],
)
def test_the_honoured_mode_is_what_the_answer_is_consistent_with(requested, text, finish, expected):
    """A server that takes a schema with 200 and ignores it is found out."""
    completion = Completion(text=text, finish_reason=finish)
    parsed = Parser(OutputSpec(format="json", schema=INVOICE)).parse(completion)
    assert expected == structured_honoured(requested, parsed, completion)


def test_a_schema_that_cannot_be_used_is_refused_when_the_parser_is_built():
    """Nothing is asked of any model with a schema that no answer can be checked against."""
    with pytest.raises(ConfigError, match=r"output\.schema"):
        Parser(OutputSpec(format="json", schema={"type": "strin"}))


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<THINK>a</THINK> b", "b"),
        ("a <think>b</think> c", "c"),
        ('{"a": "</think>"}', '{"a": "</think>"}'),
        ("1 < 2", "1 < 2"),
    ],
)
def test_reasoning_is_cut_where_it_opens_the_answer(text, rest):
    """What looks like the answer itself is not cut away with it."""
    assert rest == without_reasoning(text)
