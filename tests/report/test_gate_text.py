"""The gate on the terminal: figures with their units, the verdict first, nothing that steers."""

from __future__ import annotations

import re

import pytest
from gate_by_hand import document, evidence, hostile_document, incomparable, over_budget, rule
from hostile import HOSTILE

from evalkit.report.gate_text import gate_table
from evalkit.report.gate_values import figures, shown, told, without_commands
from evalkit.report.terminal import Style

MADE = {
    "pass": document("pass"),
    "fail": document("fail"),
    "inconclusive": document("inconclusive"),
    "incomparable": incomparable(),
    "over budget": over_budget(),
}
ANSI = re.compile(r"\x1b\[[0-9;]*m")


# ------------------------------------------------------------------- figures


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, ("-0.4 pts", "[-2.1, +1.3]", "≥ -3.0 pts", "91.2%", "90.8%")),
        (
            {"kind": "max_increase", "metric": "refusal_rate", "limit": 0.01},
            ("-0.4 pts", "[-2.1, +1.3]", "≤ +1.0 pts", "91.2%", "90.8%"),
        ),
        (
            {"kind": "max_ratio", "metric": "latency_p95_ms", "estimate": 1.1, "low": 0.9,
             "high": None, "limit": 1.2, "baseline": 900.0, "candidate": 12345.0},
            ("×1.10", "[0.90, ?]", "≤ ×1.20", "900ms", "12.3s"),
        ),
        (
            {"kind": "max", "metric": "latency_p95_ms", "estimate": 950.0, "low": 900.0,
             "high": 1200.0, "limit": 4000, "baseline": None, "candidate": None},
            ("950ms", "[900ms, 1.20s]", "≤ 4.00s", "-", "-"),
        ),
        (
            {"kind": "max", "metric": "cost_per_success_usd", "estimate": 0.0004, "low": -0.0001,
             "high": 2.5, "limit": 0.001, "baseline": None, "candidate": None},
            ("$0.000400", "[-0.000100, 2.50]", "≤ $0.00100", "-", "-"),
        ),
        (
            {"kind": "min", "metric": "graders.fields", "limit": 0.8, "estimate": 0.9, "low": 0.85,
             "high": 0.95, "baseline": None, "candidate": None},
            ("90.0%", "[85.0%, 95.0%]", "≥ 80.0%", "-", "-"),
        ),
        (
            {"kind": "max_regressions", "metric": "pass_rate", "estimate": 3.0, "low": 3.0,
             "high": 3.0, "limit": 0.0, "baseline": None, "candidate": None},
            ("3", "-", "≤ 0", "-", "-"),
        ),
        (
            {"estimate": None, "low": None, "high": None, "baseline": None, "candidate": None},
            ("-", "-", "≥ -3.0 pts", "-", "-"),
        ),
    ],
)  # fmt: skip
def test_figures_have_the_unit_of_their_rule(changes, wanted):
    """Points for differences, × for ratios, times and money as everywhere, counts bare."""
    assert wanted == tuple(figures(rule(**changes)))


def test_a_bound_is_never_shown_as_the_limit_that_it_misses():
    """More digits are shown instead; no figure is minus nothing."""
    assert figures(rule(low=-0.0304)).interval == "[-3.04, +1.30]"
    assert figures(rule(low=-0.0304)).limit == "≥ -3.00 pts"
    near = rule(metric="malformed_rate", kind="max", limit=0.02, estimate=0.01, low=0.0,
                high=0.02003)  # fmt: skip
    assert figures(near).interval == "[0.000%, 2.003%]"
    assert figures(rule(estimate=-0.0001)).estimate == "+0.0 pts"


def test_a_rules_figures_fit_on_one_line():
    """What is missing is left out."""
    assert told(rule(needed_n=900)) == (
        "-0.4 pts [-2.1, +1.3], limit ≥ -3.0 pts, n 400, needed 900, 91.2% → 90.8%"
    )
    nothing = rule(estimate=None, low=None, high=None, baseline=None, candidate=None, n=0)
    assert told(nothing) == "limit ≥ -3.0 pts, n 0"


def test_a_long_text_is_cut_and_no_character_steers():
    """One line, of so many characters, without surrogates."""
    assert shown("x" * 500) == "x" * 299 + "…"
    assert {len(shown(text)) <= 300 for text in HOSTILE.values()} == {True}
    for text in HOSTILE.values():
        assert len(shown(text).splitlines()) <= 1
        assert shown(text).encode("utf-8").decode() == shown(text)
        assert not {"\x1b", "\u202e", "\u2066", "\u061c", "\x00"} & set(shown(text))


# ------------------------------------------------------------------- terminal


def test_the_sentence_comes_first_and_says_the_verdict_by_word_and_mark():
    """Never by colour alone."""
    first = {name: gate_table(made, Style(140)).split("\n")[0] for name, made in MADE.items()}
    assert first["pass"].startswith("✓ PASS: vllm:llama-4-scout@json_schema may take the place of")
    assert first["fail"].startswith("✗ FAIL: ")
    assert first["inconclusive"].startswith("? INCONCLUSIVE: ")


def test_a_document_without_a_sentence_shows_its_reason():
    """Or nothing but the verdict."""
    assert gate_table(document(sentence=""), Style(140)).startswith("✓ PASS: vllm:")
    assert gate_table(document(sentence="", reason=""), Style(140)).startswith("✓ PASS\n")


def test_every_rule_has_a_line_with_its_verdict_and_figures():
    """Where it is wide: one table, the words of a column below each other."""
    text = gate_table(MADE["fail"], Style(140))
    (head,) = [line for line in text.split("\n") if line.startswith("extraction ")]
    assert head.split() == ["extraction", "verdict", "estimate", "[90%]", "limit", "n", "needed",
                            "baseline", "candidate"]  # fmt: skip
    (line,) = [line for line in text.split("\n") if line.startswith("malformed_rate max  ")]
    cells = ["malformed_rate max", "? INCONCLUSIVE", "1.80%", "[0.90%, 3.04%]", "≤ 3.00%", "400",
             "1100", "-", "-"]  # fmt: skip
    assert re.split(r" {2,}", line) == cells
    assert {len(row) for row in text.split("\n") if "pts  " in row} == {len(head)}


def test_a_column_that_says_nothing_is_left_out():
    """Nothing is needed where everything is decided."""
    text = gate_table(MADE["pass"], Style(140))
    assert "needed" not in text
    assert "candidate" in text


def test_where_it_is_narrow_a_rule_has_two_lines():
    """Instead of a table in pieces; no line breaks at an arrow."""
    lines = gate_table(MADE["fail"], Style(80)).split("\n")
    at = lines.index("✗ FAIL          quality max_drop [language=de]")
    assert lines[at + 1].strip() == (
        "-8.1 pts [-12.1, -5.2], limit ≥ -5.0 pts, n 120, 93.0% → 84.9%"
    )
    narrow = gate_table(MADE["fail"], Style(70)).split("\n")
    assert not [line for line in narrow if line.endswith("→") or line.lstrip().startswith("→")]


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 120, 140, 200])
@pytest.mark.parametrize("name", MADE)
def test_no_line_is_wider_than_the_terminal(name, columns):
    """It is wrapped or stacked instead."""
    for line in gate_table(MADE[name], Style(columns)).split("\n"):
        assert len(line) <= columns, line


def test_rules_of_several_suites_have_a_table_each():
    """Under the suite's name, which stands before every reason too."""
    rules = [rule(), rule(suite="chat", verdict="fail", reason="beyond")]
    rows = [evidence("baseline"), evidence("baseline", suite="chat")]
    text = gate_table(
        document("fail", suites=["extraction", "chat"], rules=rules, evidence=rows), Style(140)
    )
    assert [line.split()[0] for line in text.split("\n") if " verdict " in line] == [
        "extraction",
        "chat",
    ]
    assert "chat: quality max_drop: FAIL: beyond" in text
    assert "baseline on chat" in text


def test_why_a_rule_does_not_hold_is_said_worst_first():
    """Failed rules before open ones, passed ones not at all."""
    text = gate_table(MADE["fail"], Style(200))
    why = text.split("why:\n")[1].split("\n\n")[0].split("\n")
    assert [line.rsplit(": ")[1] for line in why if ": FAIL: " in line or "LUSIVE: " in line]
    assert [("FAIL" in line) for line in why] == [True, True, False, False]


def test_the_evidence_stands_below_the_rules():
    """Asked, without an answer, budget kept by word and mark, scored."""
    text = gate_table(MADE["over budget"], Style(140))
    lines = {line.split()[0]: line.split() for line in text.split("\n") if " 2.0% " in line}
    assert lines["baseline"][1:] == ["400", "2", "0.5%", "✓", "≤", "2.0%", "398"]
    assert lines["candidate"][1:] == ["400", "40", "10.0%", "✗", ">", "2.0%", "360"]
    assert "no rule's verdict counts" in text


def test_what_a_reader_must_know_beside_is_said():
    """Left out, differing, not honoured, warned of; nothing where there is nothing."""
    made = document("pass", differences=["extraction: 1 repeats, then 3"], warnings=["late loop"])
    text = gate_table(made, Style(200))
    for line in (
        "compared although they differ: extraction: 1 repeats, then 3",
        "left out: extraction: 2 samples only the candidate answered",
        "not honoured: extraction: vllm:llama-4-scout@json_schema: temperature=0 was not sent",
        "warning: late loop",
    ):
        assert f"\n{line}" in text
    plain = document("pass", left_out=[], not_honoured=[])
    assert "left out" not in gate_table(plain, Style(200))
    assert "not comparable: extraction: 1 repeats, then 3" in gate_table(incomparable(), Style(200))


def test_the_samples_that_lost_most_are_named():
    """By id and score, a handful; how many more there are is said."""
    text = gate_table(MADE["fail"], Style(140))
    assert "invoice-0001 [language=de, critical]  1.000 → 0.000 malformed" in text
    assert "invoice-0006" not in text
    assert "and 7 more" in text


def test_ascii_is_enough():
    """Marks, arrows and signs have a plain form; columns stay aligned."""
    for made in MADE.values():
        text = gate_table(made, Style(140, unicode=False))
        assert text.isascii()
    text = gate_table(MADE["fail"], Style(140, unicode=False))
    assert "! FAIL" in text
    assert ">= -3.0 pts" in text
    assert "1.000 -> 0.000" in text
    assert len({len(line) for line in text.split("\n") if "pts  " in line}) == 1


def test_colour_changes_nothing_else():
    """Taken away, the same text is left."""
    for made in MADE.values():
        coloured = gate_table(made, Style(120, colour=True))
        assert "\x1b[3" in coloured
        assert gate_table(made, Style(120)) == ANSI.sub("", coloured)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("columns", [40, 140])
def test_no_name_steers_the_terminal_or_the_runner(text, columns):
    """No control character, no workflow command, no endless line."""
    for made in (hostile_document(text), hostile_document(text) | {"rules": []}):
        printed = gate_table(made, Style(columns))
        assert not {"\x1b", "\x07", "\x00", "\r", "\u202e", "\u2028", "\x85"} & set(printed)
        assert "##[" not in printed
        assert not [line for line in printed.split("\n") if line.lstrip().startswith("::")]
        assert len(printed) < 100_000
        assert printed.encode("utf-8")


def test_text_with_colons_is_left_as_it_is():
    """Only what the runner would obey is changed."""
    assert without_commands("a::b\n ::c::d\n##[x]") == "a::b\n \ufffd::c::d\n##\ufffd[x]"
