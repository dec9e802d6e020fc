"""summary.json, .csv and .md: whole, safe, the same figures."""

from __future__ import annotations

import csv
import io
import json

import pytest
from trials_by_hand import ArmFacts, error, row, rows, trial

from evalkit.core.records import Score
from evalkit.report.export import safe_cell, summary_csv, write_summary
from evalkit.report.markdown import escaped, summary_markdown, table
from evalkit.report.values import clean

EVIL = "=cmd|'/c calc'!A1\n|`x`<script>"


def _document():
    trials = [trial(str(i)) for i in range(3)] + [error("e"), trial("f", arm=EVIL, model="own:m")]
    return {
        "schema_version": 1,
        "run_id": "r",
        "rows": rows(trials, arms={"p:m": ArmFacts(weights="closed")}),
    }


def test_a_summary_is_written_in_three_forms(tmp_path):
    """And nothing else stays in the folder."""
    document = _document()
    paths = write_summary(document, tmp_path)
    assert [p.name for p in paths] == ["summary.json", "summary.csv", "summary.md"]
    assert document == json.loads(paths[0].read_text(encoding="utf-8"))
    assert len(list(tmp_path.iterdir())) == 3


def test_a_figure_that_json_cannot_say_is_refused(tmp_path):
    """NaN never reaches a file."""
    with pytest.raises(ValueError, match="JSON"):
        write_summary({"rows": [], "run_id": "r", "x": float("nan")}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_csv_holds_every_figure_with_its_interval():
    """Five columns a figure; empty where there is none."""
    found = list(csv.DictReader(io.StringIO(summary_csv(_document()["rows"]))))
    by_arm = {r["model"]: r for r in found}
    assert tuple(by_arm["p:m"][k] for k in ("quality", "quality_n", "quality_method")) == (
        "1.0",
        "3",
        "wilson",
    )
    assert by_arm["p:m"]["latency_ms_p50"] == "100.0"
    assert by_arm["p:m"]["latency_ms_p99_high"] == ""
    assert (by_arm["own:m"]["cost_usd"], by_arm["own:m"]["priced_fraction"]) == ("", "0.0")
    assert by_arm["p:m"]["rung_valid"] == "3"


def _with_metrics():
    scores = tuple(
        Score(grader=name, version="1", value=1.0, details={"metrics": {"missed": value}})
        for name, value in (("fields", 0), ("a|b", 1))
    )
    return [row([trial(str(i), scores=scores) for i in range(3)])]


def test_the_csv_holds_every_metric_with_its_interval():
    """As `metric_GRADER.NAME` with its five columns."""
    (found,) = csv.DictReader(io.StringIO(summary_csv(_with_metrics())))
    parts = ("", "_low", "_n", "_method")
    assert [found[f"metric_fields.missed{p}"] for p in parts] == ["0.0", "0.0", "3", "wilson"]
    assert found["metric_a|b.missed"] == "1.0"


def test_markdown_has_a_table_of_metrics_where_there_are_any():
    """Names cannot break it."""
    text = summary_markdown({"run_id": "r", "rows": _with_metrics()})
    assert "| arm | metric | value \\[95%\\] | n |" in text
    assert "| p:m | a\\|b.missed | 1.000 \\[0.439, 1.000\\] | 3 |" in text
    assert "metric" not in summary_markdown({"run_id": "r", "rows": [row([trial()])]})


def test_no_cell_of_the_csv_is_a_formula():
    """Whatever an arm is called."""
    for line in csv.reader(io.StringIO(summary_csv(_document()["rows"]))):
        assert not any(cell.startswith(("=", "+", "@", "\t", "\r")) for cell in line)


@pytest.mark.parametrize("start", list("=+-@\t\r"))
def test_text_that_begins_like_a_formula_is_quoted(start):
    """A tab and a return are replaced as well; numbers are left as they are."""
    assert f"'{clean(start)}1" == safe_cell(f"{start}1")
    assert safe_cell(-1) == -1


def test_who_judged_stands_in_every_form():
    """With what was lost and what it cost; a column each in the CSV, warnings in the Markdown."""
    judge = {
        "judges": ["a:j", "b:k"], "earlier": ["c:l"], "kin": {"a:j": "same family"},
        "calls": 4, "votes": 4,
        "vote_errors": 1, "n_judged": 3, "n_judge_error": 1,
        "failures": {"judge_error: not allowed: it is public": 1}, "ties": 0,
        "retest_agreement": None, "panel_agreement": 0.5, "quotes_found": None,
    }  # fmt: skip
    judged = {**row([trial()]), "judge": judge, "judge_cost_usd": 0.25}
    text = summary_markdown({"run_id": "r", "rows": [judged]}, ["no judge card is valid"])
    assert "a:j, b:k; 3 outputs; 1 judge\\_error (not allowed: it is public);" in text
    assert "panel agrees 50.0%; cost \\$0.250, that of c:l included" in text
    assert "- no judge card is valid" in text
    (found,) = csv.DictReader(io.StringIO(summary_csv([judged])))
    assert (found["judges"], found["judge_kin"], found["n_judge_error"]) == ("a:j; b:k", "a:j", "1")
    assert (found["judge_calls"], found["judge_cost_usd"]) == ("4", "0.25")


def test_names_cannot_break_the_markdown_table():
    """Pipes, backticks, newlines and HTML are shown, not obeyed."""
    text = summary_markdown(_document())
    lines = [line for line in text.split("\n") if "cmd" in line]
    assert len(lines) == 1
    cells = lines[0].replace("\\|", "").count("|")
    assert cells == text.split("\n")[4].replace("\\|", "").count("|")
    assert "<script>" not in text
    assert "\\`x\\`" in text


def test_markdown_says_what_is_unpriced_and_what_intervals_count():
    """Every note of the terminal stands there too."""
    text = summary_markdown(_document())
    assert "unpriced" in text
    assert "n = 3, from 3 trials (wilson)" in text


def test_no_rows_is_a_sentence():
    """Not an empty table."""
    text = summary_markdown({"run_id": "r", "rows": []})
    assert "No trial was made." in text
    assert "|" not in text


def test_escaping_is_for_one_line():
    """Line breaks of any kind go."""
    assert "\n" not in escaped("a\nb\u2028c\r")
    assert table(["a"], [["b"]]) == "| a |\n| --- |\n| b |"


def test_numbers_are_not_text():
    """A row's own numbers stay numbers in JSON."""
    assert isinstance(row([trial()])["quality"]["value"], float)


def test_a_cell_holds_no_control_character():
    """Names from servers reach a terminal through `cat summary.csv`; reasons stand in one cell."""
    skipped = trial("a", arm="p:\x1b[31m", status="skipped", attempts=(), reason="not\x1b[1m here")
    text = summary_csv([row([skipped])])
    assert "\x1b" not in text
    assert "1x not\ufffd[1m here" in text
