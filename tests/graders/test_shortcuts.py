"""Shortcuts of grading give what the long way gives."""

from __future__ import annotations

import ast
import json
import re
import time
import unicodedata
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import build, grade

from evalkit.core.records import OutputSpec
from evalkit.graders import comparing
from evalkit.graders.comparing import Comparer
from evalkit.graders.json_text import NotJson
from evalkit.graders.matchers import NumberMatch, read_matches
from evalkit.graders.number import within
from evalkit.graders.repair import repaired
from evalkit.graders.words import contains, normalised, tokens

JSON = OutputSpec(format="json")
KEPT = re.compile(r"(?<=\d)[.,:/-](?=\d)|(?<![\w.,])-(?=\d)")


@given(st.text() | st.text("a1 .,:/-'’_€+=‿·٠१ßÅ\u0301\n", max_size=30))
def test_words_are_those_of_the_definition(text):
    """NFKC, folded case, punctuation gone except inside numbers, split at white space."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = re.sub(r"(?<=\w)['’](?=\w)", "", folded)
    kept = {match.start() for match in KEPT.finditer(folded)}
    plain = "".join(
        " " if unicodedata.category(c)[0] == "P" and i not in kept else c
        for i, c in enumerate(folded)
    )
    assert plain.split() == tokens(text)
    assert " ".join(plain.split()) == normalised(text) == normalised(text, ())


@given(st.text("ab 日ก_-", max_size=14), st.text("ab日ก", min_size=1, max_size=3))
def test_a_part_is_found_where_the_definition_finds_it(text, part):
    """At every place where both its ends are boundaries."""

    def boundary(before: str, after: str) -> bool:
        alike = before.isalnum() and after.isalnum()
        return not alike or bool({before, after} & {"日", "ก"})

    places = [i for i in range(len(text)) if text.startswith(part, i)]
    found = any(
        boundary(text[i - 1 : i], part[0]) and boundary(part[-1], text[i + len(part) :][:1])
        for i in places
    )
    assert found == contains(text, part)


@pytest.mark.parametrize(("text", "part"), [("a" * 10**6, "a" * 5000), ("ab" * 500_000, "a")])
def test_a_part_is_sought_in_linear_time(text, part):
    """Inside one endless word there is one place to look at."""
    started = time.perf_counter()
    assert not contains(text, part)
    assert time.perf_counter() - started < 3


finite = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6) | finite


@given(numbers, numbers | st.sampled_from([0, 1e-9, 0.01, 1 / 3]), st.booleans(),
       st.sampled_from([0, 0.01, 1 / 3, 5]), st.sampled_from([0, 0.01, 0.5]))  # fmt: skip
def test_numbers_far_apart_are_not_within_a_tolerance(target, other, near, absolute, relative):
    """The quick look never decides what decimals decide otherwise."""
    answer = target + other if near else other
    if any(n != 0 and not 1e-50 < abs(n) < 1e50 for n in (target, answer)):
        return  # beyond reach of decimals: equal or not
    match = NumberMatch(abs=absolute, rel=relative)
    exactly = within(Decimal(repr(answer)), Decimal(repr(target)), absolute, relative)
    assert match.similarity(target, answer) == float(exactly or answer == target)


@pytest.mark.parametrize(
    ("target", "answer", "absolute", "relative", "right"),
    [
        (1, 1.01, 0.01, 0, 1), (1, 1.0100001, 0.01, 0, 0), (1.1, 1.2, 0.1, 0, 1),
        (-200, -198, 0, 0.01, 1), (-200, -197.99, 0, 0.01, 0), (0, 1e-12, 0, 0.5, 0),
    ],
)  # fmt: skip
def test_the_edge_of_a_tolerance_is_within_it(target, answer, absolute, relative, right):
    """Decimally, not as binary fractions."""
    assert NumberMatch(abs=absolute, rel=relative).similarity(target, answer) == right


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(
        ["", "x", "2026-01-02", "12", "03/04/2026"]),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from("abc"), v, max_size=3),
    max_leaves=8,
)  # fmt: skip
paths = st.dictionaries(
    st.sampled_from(["a", "b", "a.b", "a[]", "a[].b", "[]", "[].a", "a[][]", "c.a[].b"]),
    st.sampled_from(["exact", "text", "number", "date", "list", "set", "object", "ignore"]),
    max_size=4,
)


@given(paths, values, st.booleans())
def test_a_target_is_refused_where_walking_each_path_refuses_it(matches, target, empty):
    """One walk over the target finds what one walk for each path finds."""
    comparer = Comparer(read_matches(matches, "here"), {}, empty)
    misfits = [
        path
        for path, match in comparer._matches.items()
        for value in comparing._values_at(target, comparer._steps[path])
        if not comparer._is_null(value) and comparing._misfit(match, value)
    ]
    problem = comparer.refusal(target)
    assert (problem is None) == (misfits == [])
    assert problem is None or problem.startswith(f"{misfits[0]} is no")


leaves = st.none() | st.booleans() | st.integers() | st.text("ab ,:}]'\"\\\nTrue", max_size=8)
documents = st.dictionaries(
    st.text("ab,'", min_size=1, max_size=3), leaves | st.lists(leaves, max_size=3), min_size=1
)


@given(documents)
def test_what_python_writes_is_repaired_to_what_was_meant(document):
    """Single quotes and Python's literals cost the rung, never the content."""
    source = repr(document)
    assert ast.literal_eval(source) == document
    assert repaired(source) == document


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{'a': 'b', 'c': [True, None, False,],}", {"a": "b", "c": [True, None, False]}),
        ("{\"a\": 'True, }'}", {"a": "True, }"}),
        ('{"a": "x,]", "b": "None",}', {"a": "x,]", "b": "None"}),
        ("['ü', \"it's\"]", ["ü", "it's"]),
        (r"""{'a': 'say "hi" to Bob\'s', 'b': '\\ \u00e4\n'}""",
         {"a": 'say "hi" to Bob\'s', "b": "\\ ä\n"}),
    ],
)  # fmt: skip
def test_frequent_faults_are_put_right_without_the_library(source, value, monkeypatch):
    """It takes fifty times as long."""
    monkeypatch.setattr("evalkit.graders.repair._library_reading", None)
    assert repaired(source) == value


@pytest.mark.parametrize("source", ['{"a": "x" + "y"}', "{'a': 'x' + y}", '["a" & "b", 1]'])
def test_joined_strings_are_no_punctuation(source):
    """The library would keep the operator in the text."""
    with pytest.raises(NotJson):
        repaired(source)


def rows(n: int, m: int, offset: int) -> list:
    return [{"rows": [{"v": offset + i * m + j} for j in range(m)]} for i in range(n)]


def test_lists_in_lists_take_bounded_time():
    """The fourth power of their length is cut off; equal elements are still found."""
    started = time.perf_counter()
    target, answer = rows(60, 60, 0), rows(60, 60, 10**6)
    grader = build("fields", JSON)
    assert grade(grader, target, json.dumps(answer), JSON).value == 0
    assert grade(grader, target, json.dumps(target[::-1]), JSON).value == 1
    assert time.perf_counter() - started < 30


def test_the_bound_holds_for_all_calls_of_an_answer_together(monkeypatch):
    """Not for each of them anew."""
    monkeypatch.setattr(comparing, "MAX_COMPARISONS", 2000)
    tool = {"name": "f", "parameters": {"properties": {"v": {"type": "array"}}}}
    spec = OutputSpec(format="tool_calls", tools=(tool,))
    grader = build("tool_calls", spec, match={"f.v": "list"})
    target = [{"name": "f", "arguments": {"v": list(range(20))}}]
    text = json.dumps([{"name": "f", "arguments": {"v": list(range(19, -1, -1))}}] * 30)
    seen: list[int] = []
    plain = comparing.ExactMatch.similarity

    def counted(self, one, other):
        seen.append(1)
        return plain(self, one, other)

    monkeypatch.setattr(comparing.ExactMatch, "similarity", counted)
    grade(grader, target, text, spec)
    assert len(seen) < 4000
