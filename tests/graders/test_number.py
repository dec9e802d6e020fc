"""number: how numerals are read, chosen and compared."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import build, grade, sample

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.core.records import OutputSpec
from evalkit.graders.numerals import Reading, number_of, numbers_in

READ = [
    ("20.00", ["20"]),
    ("The answer is 1,234.56.", ["1234.56"]),
    ("1.234,56 EUR", ["1234.56"]),
    ("1 234,56 €", ["1234.56"]),
    ("1\u202f234,56", ["1234.56"]),
    ("CHF 1’234.50", ["1234.5"]),
    ("12,34,567", ["1234567"]),
    ("1,000,000", ["1000000"]),
    ("1.000.000", ["1000000"]),
    ("1.000.000,5", ["1000000.5"]),
    ("1.234", ["1.234"]),
    ("1,234", ["1234"]),
    ("12,5", ["12.5"]),
    ("0,123", ["0.123"]),
    ("-$5", ["-5"]),
    ("$-5", ["-5"]),
    ("EUR20", ["20"]),
    ("20EUR", ["20"]),
    ("12%", ["12"]),
    ("1e3", ["1000"]),
    ("1.5E-3", ["0.0015"]),
    ("1.5 × 10^3", ["1500"]),
    ("1.5 x 10³", ["1500"]),
    (r"1.5 \times 10^{-3}", ["0.0015"]),
    ("−5", ["-5"]),
    ("–5 °C", ["-5"]),
    ("10-20", ["10", "20"]),
    ("7 - 5 = 2", ["7", "5", "2"]),
    (r"so \boxed{42} of 50", ["42"]),
    (r"\boxed{\frac{1}{2}}", ["0.5"]),
    (r"\$1{,}234", ["1234"]),
    ("3/4", ["0.75"]),
    (".5", ["0.5"]),
    ("5.", ["5"]),
    ("#### 18", ["18"]),
    ("**42**", ["42"]),
    ("٣٤", ["34"]),
    ("5 million", ["5000000"]),
    ("in 2020 100 people", ["2020", "100"]),
    ("1_000", ["1000"]),
    ("2/4/2026, 2026-01-02 and 12:30", []),
    ("31.12.2026", []),
    ("version 1.2.3, A4, H2O, v2.0, 0x1F", []),
    ("9" * 100, []),
    ("1e400", []),
    ("1½", []),
    ("no number", []),
    ("", []),
]


@pytest.mark.parametrize(("text", "expected"), READ, ids=lambda x: str(x)[:25])
def test_numerals_of_many_countries_are_read(text, expected):
    """docs/graders/number.md states the rules; this is their table."""
    assert [Decimal(n) for n in expected] == list(numbers_in(text))


def test_the_decimal_mark_can_be_set():
    """Where 1.234 is a thousand and more, the suite says so."""
    german = Reading(decimal=",")
    assert [Decimal(1234)] == list(numbers_in("1.234", german))
    assert [Decimal("1.234")] == list(numbers_in("1,234", german))
    assert [Decimal(1234)] == list(numbers_in("1,234", Reading(decimal=".")))


def test_percent_and_accountants_parentheses_by_choice():
    """Both readings exist in the wild; neither is guessed."""
    assert [Decimal("0.12")] == list(numbers_in("12 %", Reading(percent_as_fraction=True)))
    assert [Decimal(-1234)] == list(numbers_in("(1,234)", Reading(parentheses_negative=True)))
    assert [Decimal(1234)] == list(numbers_in("(1,234)"))


@given(st.integers(-(10**15), 10**15), st.integers(0, 4))
def test_what_is_written_with_separators_is_read_back(units, places):
    """Any amount, in English, German and Swiss spelling."""
    number = Decimal(units).scaleb(-places)
    english = f"{number:,}"
    german = english.translate(str.maketrans(",.", ".,"))
    swiss = english.replace(",", "'")
    assert [number] == list(numbers_in(f"It is {english} EUR.", Reading(decimal=".")))
    assert [number] == list(numbers_in(f"It is {german} EUR.", Reading(decimal=",")))
    assert [number] == list(numbers_in(f"It is {swiss} EUR.", Reading(decimal=".")))


@pytest.mark.parametrize(
    "text",
    ["1," * 400_000, "111 " * 250_000, "-" * 10**6, "(" * 10**6, "1/" * 400_000, " " * 10**6,
     "\\boxed{" * 140_000, "1x10" * 250_000, "$ " * 400_000],
    ids=lambda x: x[:8],
)  # fmt: skip
def test_hostile_megabytes_are_read_in_linear_time(text):
    """A runaway answer costs a second or two, not minutes."""
    started = time.perf_counter()
    list(numbers_in(text))
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize(
    ("options", "target", "text", "value"),
    [
        ({}, "20", "It costs 20.00 euros", 1),
        ({}, 20, "First 5, then 20", 1),
        ({}, 20, "20, not 5", 0),
        ({"extract": "first"}, 20, "20, not 5", 1),
        ({"extract": "only"}, 20, "20, so 20", 1),
        ({"extract": "only"}, 20, "20 or 5", 0),
        ({"extract": "regex", "pattern": r"total: (\S+)"}, 20, "total: 20 of 99", 1),
        ({"extract": "regex", "pattern": r"total: (\S+)"}, 20, "sum: 20", 0),
        ({"abs": 0.01}, 12.5, "12.51", 1),
        ({"abs": 0.01}, 12.5, "12.511", 0),
        ({"rel": 0.1}, 100, "110", 1),
        ({"rel": 0.1}, -100, "-111", 0),
        ({}, 0.3, "0.30", 1),
        ({}, 0.1 + 0.2, "0.3", 0),
        ({"percent": "fraction"}, 0.12, "12%", 1),
        ({"percent": "fraction"}, "12%", "0.12", 1),
        ({}, "She pays 3 * 6 = 18\n#### 18", "18", 1),
        ({}, 20, "no idea", 0),
    ],
)
def test_the_chosen_number_is_compared_decimally(options, target, text, value):
    """0.1 + 0.2 is not 0.3 as a float, and is not made equal in silence."""
    assert value == grade(build("number", **options), target, text).value


def test_a_json_number_is_graded_as_it_is():
    """Under format json the answer is a number already."""
    spec = OutputSpec(format="json")
    assert grade(build("number", spec), 12.5, "12.50", spec).value == 1


@pytest.mark.parametrize("target", ["none", None, True, [1], {"a": 1}, "", float("inf")])
def test_a_target_without_a_number_is_refused(target):
    """Neither scored 0 nor guessed."""
    number = build("number")
    assert "holds no number" in number.check(sample(target))
    with pytest.raises(CannotGrade, match="holds no number"):
        grade(number, target, "20")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"abs": -1}, "`abs` cannot be -1"),
        ({"extract": "regex"}, "needs `pattern`"),
        ({"pattern": "x"}, "needs `extract: regex`"),
        ({"extract": "regex", "pattern": "("}, "no regular expression"),
        ({"extract": "best"}, "extract"),
        ({"pass_at": 0}, "pass_at"),
    ],
)
def test_wrong_options_are_refused(options, message):
    """Before anything is asked."""
    with pytest.raises(ConfigError, match=message):
        build("number", **options)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("12.50 EUR", "12.5"),
        (3, "3"),
        (True, None),
        ("3 or 4", None),
        ("invoice number 12 total", None),
    ],
)
def test_a_field_is_a_number_only_where_it_is_nothing_else(value, expected):
    """A unit may stand beside it, a sentence may not."""
    assert (expected and Decimal(expected)) == number_of(value)
