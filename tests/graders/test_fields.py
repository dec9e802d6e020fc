"""fields: the worked example of its page, its matches, and laws that hold for any document."""

from __future__ import annotations

import copy
import datetime as dt
import json
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import build, grade, sample

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.core.records import Completion, OutputSpec, Parsed
from evalkit.graders.comparing import Comparer, Tally, best_assignment
from evalkit.graders.dates import date_of
from evalkit.graders.matchers import read_matches

SPEC = OutputSpec(format="json")


def score(target, answer, **options):
    return grade(build("fields", SPEC, **options), target, json.dumps(answer), SPEC)


def value(target, answer, **options) -> float:
    return score(target, answer, **options).value


def test_the_worked_example_of_the_page():
    """docs/graders/fields.md counts this by hand."""
    target = {
        "vendor": "Acme Ltd",
        "date": "2026-01-31",
        "iban": None,
        "total": 30,
        "items": [{"name": "Pen", "amount": 10}, {"name": "Ink", "amount": 20}],
    }
    answer = {
        "vendor": "ACME Ltd.",
        "date": "31.01.2026",
        "iban": None,
        "total": 30.004,
        "items": [{"name": "Ink", "amount": 20}, {"name": "Pen", "amount": 12}, {"name": "Cap"}],
        "note": "paid",
    }
    match = {
        "vendor": {"type": "text", "normalise": True},
        "date": {"type": "date"},
        "total": {"type": "number", "abs": 0.01},
    }
    result = score(target, answer, weights={"total": 2}, match=match)
    # vendor 1, date 1, iban 1, total 1 (twice), items (1 + 1/2) / 3 = 1/2, note 0: 5.5 of 7
    assert pytest.approx(5.5 / 7) == result.value
    assert result.details["fields"] == {
        "vendor": 1.0, "date": 1.0, "iban": 1.0, "total": 1.0, "items": 0.5, "note": 0.0,
    }  # fmt: skip
    # leaves: 3 + 3 of items match; the target has 7, the answer 3 + 5 + 1
    assert tuple(result.details[k] for k in ("matched", "expected", "given")) == (6, 7, 9)
    assert pytest.approx(12 / 16) == result.details["f1_micro"]
    # vendor 1, date 1, total 1, items[].name 4/5, items[].amount 2/4, note 0
    assert pytest.approx((1 + 1 + 1 + 0.8 + 0.5 + 0) / 6) == result.details["f1_macro"]
    assert result.reason == (
        "items[].amount: expected 10, got 12; items[] is extra, got {'name': 'Cap'}; "
        "note is extra, got paid"
    )


@pytest.mark.parametrize(
    ("target", "answer", "expected"),
    [
        ({"a": None}, {"a": None}, 1),
        ({"a": None}, {}, 1),
        ({"a": 1}, {"a": None}, 0),
        ({"a": None, "b": 1}, {"a": 2, "b": 1}, 0.5),
        ({"a": 1}, {"a": 1, "b": None}, 1),
        ({"a": 1}, {"a": 1, "b": 2}, 0.5),
        ({"a": []}, {"a": []}, 1),
        ({"a": []}, {}, 0),
        ({}, {}, 1),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, 0.5),
        ({"a": {"b": 1}}, {"a": "b"}, 0),
        ({"a": "12.50"}, {"a": 12.5}, 1),
        ({"a": 1}, {"a": True}, 0),
        ({"a": 1}, [1], 0),
        ({"a": 1}, None, 0),
        ([1, 2, 3], [3, 1, 2], 1),
        ([1, 2], [1, 2, 2], 2 / 3),
        ([{"n": 1}, {"n": 2}], [{"n": 2}], 0.5),
    ],
)
def test_null_missing_extra_and_nested_values(target, answer, expected):
    """Missing is null; an extra field that says something lowers the score."""
    assert pytest.approx(expected) == value(target, answer)


@pytest.mark.parametrize(
    ("match", "target", "answer", "expected"),
    [
        ("exact", {"x": [1, 2]}, {"x": [2, 1]}, 0),
        ("text", "A b", " A b ", 1),
        ("text", "A b", "a B", 0),
        ({"type": "text", "ignore_case": True}, "A b", "a B", 1),
        ({"type": "text", "normalise": True}, "Acme, Ltd.", "ACME LTD", 1),
        ({"type": "text", "partial": True}, "big red car", "red car", 0.8),
        ({"type": "number", "abs": 0.01}, 12.5, "12.51 EUR", 1),
        ({"type": "number", "rel": 0.01}, 100, 102, 0),
        ({"type": "number", "decimal": ","}, 1234, "1.234", 1),
        ("date", "2026-01-31", "31 January 2026", 1),
        ("date", "2026-01-31", "2026-02-01", 0),
        ("date", "2026-03-04", "03/04/2026", 0),
        ({"type": "date", "order": "mdy"}, "2026-03-04", "03/04/2026", 1),
        ("list", [1, 2], [2, 1], 1),
        ({"type": "list", "ordered": True}, [1, 2, 3], [1, 3, 2], 1 / 3),
        ("set", [1, 1, 2], [2, 1], 1),
        ("ignore", 1, 2, None),
    ],
)
def test_each_match_compares_as_documented(match, target, answer, expected):
    """One field under each match, another beside it that is right."""
    result = score({"f": target, "ok": 1}, {"f": answer, "ok": 1}, match={"f": match})
    assert pytest.approx(1 if expected is None else (1 + expected) / 2) == result.value


def test_paths_reach_into_objects_and_lists():
    """`seller.name`, `items[].amount`, `items[]`."""
    target = {"seller": {"name": "Acme"}, "items": [{"amount": 1}], "tags": ["A"]}
    answer = {"seller": {"name": "ACME"}, "items": [{"amount": 1.4}], "tags": ["a"]}
    assert value(target, answer) == 0
    match = {
        "seller.name": {"type": "text", "ignore_case": True},
        "items[].amount": {"type": "number", "abs": 0.5},
        "tags[]": {"type": "text", "ignore_case": True},
    }
    assert value(target, answer, match=match) == 1


def test_lists_are_assigned_at_their_best_not_greedily():
    """The first element's best partner may be another's only one."""
    target = [{"a": 1, "b": 1, "c": 9}, {"a": 1, "b": 2, "c": 3}]
    answer = [{"a": 1, "b": 1, "c": 3}, {"a": 1, "b": 1, "c": 8}]
    assert pytest.approx((2 / 3 + 2 / 3) / 2) == value(target, answer)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_equal_assignments_the_one_with_more_leaves_counts(order):
    """Else precision and recall would depend on the order of a list."""
    targets = [{"o": {"p": 1, "q": 2}, "x": 9}, {"o": {"p": 5, "q": 6}, "x": 1}]
    answer = [{"o": {"p": 1, "q": 2}, "x": 1}]
    result = score([targets[i] for i in order], answer)
    assert (result.value, result.details["matched"]) == (0.25, 2)


def test_the_reason_stays_one_short_line():
    """However much is wrong, and however long the names are."""
    target = {f"a_rather_long_name_of_a_field_{i}": "expected\n" * 9 for i in range(50)}
    reason = score(target, dict.fromkeys(target, "given\n" * 9)).reason
    assert len(reason) <= 200
    assert "\n" not in reason


def test_empty_may_count_as_null():
    """Models write "" and [] where a target says null."""
    target, answer = {"a": None, "b": "x"}, {"a": "", "b": "x", "c": []}
    assert pytest.approx(1 / 3) == value(target, answer)
    assert value(target, answer, empty_is_null=True) == 1


def test_a_target_may_be_json_text():
    """CSV files hold documents so."""
    assert value('{"a": 1}', {"a": 1}) == 1


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("text", {}, "no document, got text"),
        (None, {}, "no document, got null"),
        ({"a": "soon"}, {"match": {"a": "date"}}, "a is no unambiguous date, got 'soon'"),
        ({"a": [{"n": "x"}]}, {"match": {"a[].n": "number"}}, r"a\[\]\.n is no number"),
        ({"a": 3}, {"match": {"a": "list"}}, "a is no list"),
        ({"a": 3}, {"match": {"a": "object"}}, "a is no object"),
    ],
)
def test_a_target_that_does_not_fit_its_match_is_refused(target, options, message):
    """A broken answer key is no wrong answer."""
    fields = build("fields", SPEC, **options)
    with pytest.raises(CannotGrade, match=message):
        grade(fields, target, '{"a": 1}', SPEC)


def test_nothing_to_compare_is_refused():
    """Every field ignored, or of weight 0, or no document at all."""
    for options in ({"match": {"a": "ignore"}}, {"weights": {"a": 0}}):
        with pytest.raises(CannotGrade, match="nothing is compared"):
            value({"a": 1}, {"a": 1}, **options)
    with pytest.raises(CannotGrade, match="no document to compare"):
        build("fields", SPEC).grade(sample({"a": 1}), Completion(), Parsed(rung="empty"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": {"total": -1}}, "weight of 'total' cannot be -1"),
        ({"match": {"total": "fuzzy"}}, "match of 'total'.*types: exact, text"),
        ({"match": {"total": {"type": "number", "abss": 1}}}, "abss"),
        ({"match": {"total": {"type": "number", "abs": -1}}}, "`abs` cannot be -1"),
        ({"match": {"totl": "number"}}, "no field 'totl' in the schema; known: items, total"),
        ({"weights": {"item[].x": 2}}, "no field 'item' in the schema"),
    ],
)
def test_slips_in_options_are_refused(options, message):
    """A weight on a misspelled path would silently do nothing."""
    schema = {"type": "object", "properties": {"total": {}, "items": {}}}
    with pytest.raises(ConfigError, match=message):
        build("fields", OutputSpec(format="json", schema=schema), **options)
    with pytest.raises(ConfigError, match="needs output format json"):
        build("fields", OutputSpec(format="text"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31", (2026, 1, 31)), ("20260131", (2026, 1, 31)),
        ("2026-01-31T10:00:00Z", (2026, 1, 31)), ("31.1.2026", (2026, 1, 31)),
        ("1/31/2026", (2026, 1, 31)), ("31/1/2026", (2026, 1, 31)), ("2/2/2026", (2026, 2, 2)),
        ("Jan 31, 2026", (2026, 1, 31)), ("31st of January 2026", (2026, 1, 31)),
        ("Saturday, 31 January 2026", (2026, 1, 31)), ("31. März 2026", (2026, 3, 31)),
        ("1er août 2026", (2026, 8, 1)), ("31 de enero de 2026", (2026, 1, 31)),
        ("3/4/2026", None), ("2026-02-30", None), ("tomorrow", None), ("", None), (3, None),
        (dt.date(2026, 1, 31), (2026, 1, 31)),
    ],
)  # fmt: skip
def test_dates_are_read_in_the_usual_spellings(text, expected):
    """Ambiguous and impossible ones are none."""
    assert (expected and dt.date(*expected)) == date_of(text)


scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "b", "c d", ""])
documents = st.dictionaries(
    st.sampled_from(["k", "l", "m", "n"]),
    st.recursive(
        scalars,
        lambda v: st.lists(v, max_size=4) | st.dictionaries(st.sampled_from("xyz"), v, max_size=3),
        max_leaves=8,
    ),
    min_size=1,
)


@given(documents)
def test_the_target_as_answer_scores_1(target):
    """With every leaf matched."""
    result = score(target, target)
    assert result.value == 1
    assert result.details["f1_micro"] in (1, None)
    assert result.details["matched"] == result.details["expected"] == result.details["given"]


@given(documents, documents)
def test_score_and_f1_are_bounded_and_f1_is_symmetric(x, y):
    """Swapping target and answer swaps precision and recall."""
    there, back = score(x, y), score(y, x)
    assert 0 <= there.value <= 1
    assert there.details["f1_micro"] == pytest.approx(back.details["f1_micro"])
    assert there.details["precision"] == pytest.approx(back.details["recall"])
    assert (there.details["expected"], there.details["given"]) == (
        back.details["given"],
        back.details["expected"],
    )


@given(documents, documents, st.randoms())
def test_the_order_of_lists_and_keys_does_not_matter(target, answer, random_):
    """Any permutation at any depth scores the same, leaf counts included."""
    there, shuffled = score(target, answer), score(target, _shuffled(answer, random_))
    assert pytest.approx(there.value) == shuffled.value
    assert pytest.approx(there.details["matched"]) == shuffled.details["matched"]


@given(documents, documents, st.data())
def test_putting_one_field_right_never_lowers_the_score(target, answer, data):
    """Nor does dropping a field that the target does not have."""
    key = data.draw(st.sampled_from(sorted({*target, *answer})))
    better = copy.deepcopy(answer)
    if key in target:
        better[key] = target[key]
    else:
        del better[key]
    assert value(target, better) >= value(target, answer) - 1e-9


@given(st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=1, max_size=4))
def test_the_assignment_is_the_best_of_all(gains):
    """Against every permutation."""
    import itertools

    pairs = best_assignment(gains)
    rows, columns = len(gains), 3
    if rows <= columns:
        ways = (sum(gains[i][c] for i, c in enumerate(p))
                for p in itertools.permutations(range(columns), rows))  # fmt: skip
    else:
        ways = (sum(gains[r][i] for i, r in enumerate(p))
                for p in itertools.permutations(range(rows), columns))  # fmt: skip
    assert max(ways) == sum(gains[r][c] for r, c in pairs)
    assert len({r for r, _ in pairs}) == len({c for _, c in pairs}) == min(rows, columns)


def test_runaway_lists_are_compared_in_seconds_and_in_any_order():
    """A model that repeats itself for 4,000 elements costs no minutes."""
    target = [{"name": f"n{i}", "amount": i} for i in range(300)]
    answer = [{"name": f"n{i % 900}", "amount": i} for i in range(4000)]
    random.Random(0).shuffle(answer)
    comparer = Comparer(read_matches({}, "here"), {})
    started = time.perf_counter()
    first = comparer.compare(target, answer, "", Tally())
    random.Random(1).shuffle(answer)
    second = comparer.compare(target, answer, "", Tally())
    assert time.perf_counter() - started < 10
    assert first.score == second.score == pytest.approx(300 / 4000)


def _shuffled(value, random_):
    if isinstance(value, dict):
        items = [(key, _shuffled(item, random_)) for key, item in value.items()]
        random_.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        items = [_shuffled(item, random_) for item in value]
        random_.shuffle(items)
        return items
    return value
