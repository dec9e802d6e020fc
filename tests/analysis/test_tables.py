"""Parquet tables: tidy, typed, the same for the same journal."""

from __future__ import annotations

import hashlib

import pyarrow.parquet as pq
import pytest
from trials_by_hand import attempt, completion, error, price, trial

from evalkit.analysis.tables import TABLES, write_tables
from evalkit.core.records import Score, ToolCall

TRIALS = [
    trial("a", 0.5, slices={"language": "de"}, parsed={"total": 3}, text="{}"),
    trial("b", status="malformed", attempts=(attempt(1), attempt(2, cause="malformed"))),
    error("c", "timeout", service_ms=500.0),
    trial("d", status="skipped", attempts=()),
    trial("e", attempts=(attempt(cached=True), attempt(2, role="judge", model="p:judge"))),
]


def written(folder, trials=TRIALS, **options):
    return {
        path.stem: pq.read_table(path).to_pylist()
        for path in write_tables(trials, folder, price, **options)
    }


def test_each_thing_has_one_row(tmp_path):
    """A row per trial, per attempt and per score, each with the key."""
    found = written(tmp_path)
    assert {k: len(v) for k, v in found.items()} == {"trials": 5, "attempts": 6, "scores": 2}
    for name, columns in TABLES.items():
        assert list(columns) == list(found[name][0])
    assert {("r", "s", "p:m", 1)} == {
        (r["run_id"], r["suite"], r["arm"], r["repeat"]) for rows in found.values() for r in rows
    }


def test_cost_and_latency_are_derived(tmp_path):
    """Null where there is none: cached, unpriced and unfinished are never 0."""
    found = written(tmp_path)
    a, b, c, d, e = found["trials"]
    assert (pytest.approx(a["cost_usd"]), a["latency_ms"]) == (0.00011, 100.0)
    assert (pytest.approx(b["cost_usd"]), b["n_attempts"]) == (0.00022, 2)
    assert (c["cost_usd"], c["latency_ms"], c["latency_censored"]) == (None, 500.0, True)
    assert (d["cost_usd"], d["latency_ms"], d["status"]) == (None, None, "skipped")
    assert (e["cost_usd"], pytest.approx(e["judge_cost_usd"])) == (None, 0.00011)
    judge = found["attempts"][-1]
    assert (judge["role"], judge["model"]) == ("judge", "p:judge")
    assert judge["unit_prices"] == '{"input_usd_per_mtok":"1"}'


def test_what_was_answered_stands_in_the_tables(tmp_path):
    """Slices, the parsed document, the raw text and tool calls."""
    calls = (ToolCall(name="f", arguments="{"),)
    odd = trial("x", attempts=(attempt(completion=completion(text="ä\ud800", tool_calls=calls)),))
    found = written(tmp_path, [*TRIALS[:1], odd])
    assert found["trials"][0]["slices"] == [("language", "de")]
    assert found["trials"][0]["parsed"] == '{"total":3}'
    assert found["attempts"][1]["text"] == "ä\ufffd"
    assert '"arguments":"{"' in found["attempts"][1]["tool_calls"]


def test_a_failed_grader_has_a_row_without_a_value(tmp_path):
    """Its failure stands there."""
    failed = Score(grader="number", version="1", value=None, failure="no number")
    found = written(tmp_path, [trial(scores=(failed,))])["scores"]
    assert [(r["value"], r["failure"]) for r in found] == [(None, "no number")]


def test_the_same_trials_give_the_same_bytes(tmp_path):
    """Written twice, the files are equal; row groups do not change the content."""
    folders = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    for folder in folders:
        folder.mkdir()
    first, second = written(folders[0]), written(folders[1])
    small = written(folders[2], rows_per_group=2)
    digests = [
        [hashlib.sha256((f / f"{n}.parquet").read_bytes()).hexdigest() for n in TABLES]
        for f in folders[:2]
    ]
    assert digests[0] == digests[1]
    assert first == second == small
    assert pq.ParquetFile(folders[2] / "trials.parquet").num_row_groups == 3


def test_no_trials_give_empty_tables(tmp_path):
    """With their columns, so that a reader need not ask."""
    assert written(tmp_path, []) == {"trials": [], "attempts": [], "scores": []}
    assert list(TABLES["trials"]) == pq.read_schema(tmp_path / "trials.parquet").names


def test_a_failure_leaves_the_old_tables_alone(tmp_path):
    """New files replace old ones only when they are whole."""
    written(tmp_path)

    def broken():
        yield TRIALS[0]
        raise ValueError("the journal is torn")

    before = (tmp_path / "trials.parquet").read_bytes()
    with pytest.raises(ValueError, match="torn"):
        write_tables(broken(), tmp_path, price)
    assert before == (tmp_path / "trials.parquet").read_bytes()
    assert len(list(tmp_path.iterdir())) == 3
