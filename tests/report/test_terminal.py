"""The table on the terminal: it fits, marks what must be marked, and cannot be forged."""

from __future__ import annotations

import io

import pytest
from trials_by_hand import ArmFacts, attempt, error, row, rows, trial

from evalkit.core.records import Score
from evalkit.report.terminal import Style, style_of, summary_table
from evalkit.report.values import clean, duration, money, width

ARMS = {
    "openai:gpt-5-mini": ArmFacts(weights="closed"),
    "local:smollm2": ArmFacts(weights="open_permissive"),
    "rules:rules": ArmFacts(kind="classical"),
    "old:gpt": ArmFacts(recorded=True),
}


def _rows():
    trials = [
        trial(str(i), arm=arm, model="own:m" if arm == "rules:rules" else arm)
        for arm in ARMS for i in range(5)
    ]  # fmt: skip
    return rows([*trials, trial("z", suite="t")], arms=ARMS)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 140, 200])
def test_no_line_is_wider_than_the_terminal(width):
    """It is cut into blocks instead; each block repeats the names."""
    for line in summary_table(_rows(), Style(width)).split("\n"):
        assert len(line) <= width, line


def _with_metrics():
    details = {"metrics": {"missed": 0, "a.rather_long-name": 1}}
    scores = tuple(
        Score(grader=name, version="1", value=1.0, details=details)
        for name in ("fields", "abstain")
    )
    arms = ("openai:gpt-5-mini", f"local:{'x' * 50}")
    return rows([trial(str(i), arm=arm, scores=scores) for arm in arms for i in range(5)])


@pytest.mark.parametrize("columns", [40, 60, 80, 140])
def test_metrics_of_graders_stand_below_the_table(columns):
    """A line for each arm and metric; where it is narrow, the arm stands above its metrics."""
    text = summary_table(_with_metrics(), Style(columns))
    below = text.split("metrics", 1)[1].split("\n")
    assert all(len(line) <= columns for line in below)
    told = [line for line in below if "0.000 [0.000, 0.434]" in line]
    assert len(told) == 4
    assert all(line.endswith(" 5") for line in told)
    assert any(line.startswith("openai:") for line in below)


def test_a_table_without_metrics_has_no_such_block():
    """Most suites have none."""
    assert "metrics" not in summary_table(_rows(), Style(200))


def test_a_grader_with_too_many_metrics_is_told():
    """What is left out is never left out in silence."""
    (found,) = rows([trial()])
    text = summary_table([{**found, "metrics_left_out": ["python"]}], Style(200))
    assert "python: too many names of metrics: none is kept" in text


def test_every_figure_of_the_contract_stands_in_the_table():
    """Counts, quality with its interval, rates, times and money."""
    text = summary_table([row([trial(str(i)) for i in range(10)])], Style(200))
    heads = ("asked", "answered", "err", "quality", "pass", "malf.", "usable", "refused",
             "p50", "p95", "tries", "$/1000", "$/success")  # fmt: skip
    assert [head for head in heads if head not in text] == []
    assert "1.000 [0.722, 1.000]" in text
    assert "$0.110" in text


def test_arms_are_marked_for_what_they_are():
    """Recorded, open, closed, no LLM, unpriced."""
    text = summary_table(_rows(), Style(200))
    lines = {line.split()[0]: line for line in text.split("\n") if ":" in line.split(" ")[0]}
    assert "(recorded)" in lines["old:gpt"]
    assert "closed" in lines["openai:gpt-5-mini"]
    assert "open" in lines["local:smollm2"]
    assert "no LLM" in lines["rules:rules"]
    assert "unpriced" in lines["rules:rules"]
    assert "$" not in lines["rules:rules"]
    assert "not a price of 0" in text


def test_a_name_cannot_forge_the_table():
    """Control, escape and direction characters of names are neutralised."""
    evil = "p:\x1b[31mred\n0.999\u202e\x9b"
    text = summary_table([row([trial(arm=evil)])], Style(200))
    assert not {"\x1b", "\u202e", "\x9b"} & set(text)
    assert sum("0.999" in line and "red" in line for line in text.split("\n")) == 1


def test_wide_characters_take_two_columns():
    """Columns stay under each other, and a cut name keeps both its ends."""
    both = rows([trial(arm="p:東京東京"), trial(arm="p:abc"), trial(arm=f"p:{'x' * 60}-v2")])
    lines = [line for line in summary_table(both, Style(140)).split("\n") if line[:2] == "p:"]
    assert len({width(line[: line.index("1.000")]) for line in lines if "1.000" in line}) == 1
    assert any("…" in line and "-v2" in line for line in lines)


def test_ascii_is_enough():
    """Without UTF-8 there are no arrows and no boxes."""
    assert summary_table(_rows(), Style(100, unicode=False)).isascii()


def test_colour_is_only_where_it_is_allowed():
    """A stream that is no terminal, NO_COLOR and TERM=dumb get none."""

    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self):
            return True

    assert style_of(Terminal(), {}).colour
    assert not style_of(Terminal(), {"NO_COLOR": "1"}).colour
    assert not style_of(Terminal(), {"TERM": "dumb"}).colour
    assert not style_of(io.StringIO(), {}).colour
    table = _rows()
    assert "\x1b[" in summary_table(table, Style(140, colour=True))
    assert "\x1b" not in summary_table(table, Style(140))


def test_what_is_left_out_is_said():
    """Timeouts, graders' failures and cached answers have a line each."""
    text = summary_table(
        [
            row(
                [
                    error("a", "timeout"),
                    trial("b", None),
                    trial("c", attempts=(attempt(cached=True),)),
                ]
            )
        ],
        Style(140),
    )
    for said in ("1 timed out", "1 could not be graded", "1 came from the cache"):
        assert said in text


def test_no_rows_is_a_sentence():
    """Nothing is not an empty table."""
    assert summary_table([], Style()) == "no trial was made"


@pytest.mark.parametrize(
    ("ms", "text"),
    [(None, "-"), (0.04, "0.0ms"), (9.96, "10ms"), (999.6, "1.00s"), (9996, "10.0s")],
)
def test_durations_have_three_digits(ms, text):
    """Rounding never gives 1000ms."""
    assert text == duration(ms)


@pytest.mark.parametrize(
    ("usd", "text"),
    [(None, "unpriced"), (0.0, "$0"), (0.00001234, "$0.0000123"), (1234.5, "$1,234.50")],
)
def test_money_is_never_rounded_to_nothing(usd, text):
    """A price of 0 and no price are told apart."""
    assert text == money(usd)


def test_clean_keeps_words_of_all_languages():
    """Only control and direction characters go."""
    assert clean("zürich 東京") == "zürich 東京"


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
@pytest.mark.parametrize("recorded", [False, True])
def test_arms_that_differ_in_their_mode_stay_apart(columns, recorded):
    """The middle is cut, the mode stays; where that is not enough the column is wider."""
    modes = ("prompt", "json_object", "json_schema")
    arms = [f"provider:a-very-long-name-of-a-model-indeed-{'x' * 30}@{mode}" for mode in modes]
    facts = {arm: ArmFacts(recorded=recorded) for arm in arms}
    text = summary_table(rows([trial(arm=arm) for arm in arms], arms=facts), Style(columns))
    names = [line.split("  ")[0] for line in text.split("\n") if "…" in line]
    assert len(set(names)) == len(arms)
    if not recorded and columns >= 60:
        assert {name.rpartition("@")[2] for name in names} == set(modes)


def test_names_that_would_be_cut_to_the_same_are_given_room():
    """They differ in the middle only."""
    arms = [f"p:{'a' * 30}{middle}{'b' * 30}" for middle in "xyz"]
    text = summary_table(rows([trial(arm=arm) for arm in arms]), Style(100))
    assert len({line.split()[0] for line in text.split("\n") if line.startswith("p:")}) == 3


def test_an_arm_that_was_not_asked_says_why():
    """The most common reason, without its control characters."""
    reasons = ("not allowed:\x1b[1m internal", "not allowed:\x1b[1m internal", "not recorded")
    skipped = [
        trial(str(n), status="skipped", attempts=(), reason=reason)
        for n, reason in enumerate(reasons)
    ]
    text = summary_table([row(skipped)], Style(140))
    assert "skipped: p:m: 3 trials: not allowed:\ufffd[1m internal" in text
    assert "skipped:" not in summary_table([row([*skipped, trial("a")])], Style(140))


def test_what_could_not_be_graded_is_said_first():
    """With the most common failure."""
    text = summary_table([row([trial("a"), trial("b", None), error("c", "timeout")])], Style(140))
    notes = text.split("\n\n")[-1].split("\n")
    assert notes[0] == "1 could not be graded: no (1 of 1); they are in no quality figure"
