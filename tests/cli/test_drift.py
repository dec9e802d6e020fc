"""`evalkit drift`: recorded weeks of one model, run for real, and all that can be given wrongly."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.run.folder import read_manifest, write_manifest

SUITE = """
schema_version: 1
name: tickets
data: {path: samples.jsonl, id: id, target: target}
prompt: {user: "Sort: {{ text }}"}
output: {format: label, labels: [billing, delivery]}
graders: {label: {}}
"""
SAMPLES = 80


def write_suite(folder: Path, name: str = "tickets") -> None:
    folder.mkdir(parents=True)
    rows = [{"id": f"t{n}", "text": f"ticket {n}", "target": "billing"} for n in range(SAMPLES)]
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "suite.yaml").write_text(SUITE.replace("tickets", name))


Week = Callable[..., Path]


@pytest.fixture
def week(evalkit: Any) -> Week:
    """Run one week's answers: those of `wrong` samples are wrong, `line` goes into each."""
    write_suite(Path("suites/tickets"))

    def run(number: int, wrong: Any = (), suite: str = "tickets", **line: Any) -> Path:
        lines = [
            {
                "sample_id": f"t{n}",
                "model": "bot",
                "recorded_at": f"2026-10-{number:02}T06:00:00+00:00",
                **({"text": "delivery" if n in set(wrong) else "billing"}),
                **line,
            }
            for n in range(SAMPLES)
        ]
        Path(f"week{number}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
        providers = Path(f"week{number}.yaml")
        providers.write_text(
            f"schema_version: 1\nproviders:\n  logs: {{wire: replay, path: week{number}.jsonl}}\n"
        )
        arguments = ("--providers", providers, "--models", "logs:bot", "--json")
        said = evalkit("run", f"suites/{suite}", *arguments)
        assert said.code in (0, 4), said.err
        return Path(json.loads(said.out)["path"])

    return run


def noisy(seed: int, share: float = 0.1) -> list[int]:
    """Samples that come out wrong by chance: some of a fifth that hang in the balance."""
    rng = np.random.default_rng(seed)
    return [n for n in range(0, SAMPLES, 5) if rng.random() < share]


def document(evalkit: Any, *arguments: object) -> dict[str, Any]:
    said = evalkit("drift", *arguments, "--json")
    assert said.code in (0, 1, 3), said.err
    return dict(json.loads(said.out))


# ------------------------------------------------------------------- what is found


def test_a_drop_after_the_fourth_week_is_found_dated_and_fails(evalkit: Any, week: Week) -> None:
    """In whatever order the runs are given; exit 1 only with --fail-on drift."""
    lost = range(1, 40, 3)
    runs = [week(n, [*noisy(n), *(lost if n > 4 else ())]) for n in range(1, 9)]
    mixed = [runs[5], runs[0], *runs[1:5], *runs[6:]]
    said = evalkit("drift", *mixed)
    assert (said.code, said.err) == (0, "")
    assert "tickets: logs:bot: 8 runs, 2026-10-01 to 2026-10-08" in said.out
    assert "since about run 5 (2026-10-05) by the CUSUM" in said.out
    assert evalkit("drift", *mixed, "--fail-on", "drift").code == 1
    (arm,) = document(evalkit, *mixed)["arms"]
    assert arm["verdict"]["outcome"] == "worse"
    assert arm["verdict"]["since"]["run_id"] == runs[4].name
    assert [run["run_id"] for run in arm["runs"]] == [run.name for run in runs]


def test_the_same_model_passes(evalkit: Any, week: Week) -> None:
    """And the table says what could have been seen."""
    runs = [week(n, noisy(n)) for n in range(1, 5)]
    said = evalkit("drift", *runs, "--fail-on", "drift")
    assert said.code == 0
    assert "no drift found (could have seen " in said.out
    assert "no alarm" in said.out


def test_a_results_folder_gives_all_runs_of_a_suite(evalkit: Any, week: Week) -> None:
    """Each once, and none of another suite."""
    runs = [week(n) for n in (1, 2)]
    write_suite(Path("suites/other"), "other")
    week(3, suite="other")
    (arm,) = document(evalkit, runs[0], "--results", "results", "--suite", "tickets")["arms"]
    assert [run["run_id"] for run in arm["runs"]] == [run.name for run in runs]


def test_recordings_stand_in_the_order_of_their_answers(evalkit: Any, week: Week) -> None:
    """Not in that in which they were replayed: old logs are often read in late."""
    runs = [week(3), week(1), week(2)]
    (arm,) = document(evalkit, *runs)["arms"]
    assert [run["date"] for run in arm["runs"]] == ["2026-10-01", "2026-10-02", "2026-10-03"]
    assert arm["runs"][0]["run_id"] == runs[1].name


def test_ids_lengths_latencies_and_prices_are_told(evalkit: Any, week: Week) -> None:
    """They decide nothing."""
    facts = {"usage": {"input": 100, "output": 4}, "service_ms": 300, "cost_usd": 0.001}
    one = week(1, model_returned="bot-05", **facts)
    two = week(2, model_returned="bot-11", **{**facts, "service_ms": 900})
    (arm,) = document(evalkit, one, two)["arms"]
    assert [run["models_returned"] for run in arm["runs"]] == [{"bot-05": 80}, {"bot-11": 80}]
    first = arm["runs"][0]
    assert first["output_length"] == {
        "unit": "tokens",
        "p50": {"value": 4.0, "low": 4.0, "high": 4.0, "n": 80, "method": "order-statistics"},
    }
    assert first["latency_ms"]["p50"]["value"] == 300
    assert first["cost_per_1000_usd"] == pytest.approx(1.0)
    assert [price["source"] for price in first["unit_prices"]] == ["recorded"]
    assert [news["text"] for news in arm["information"]] == [
        "answers come from the id bot-11 (80 of 80)"
    ]
    assert arm["verdict"]["outcome"] == "none"


def test_fingerprints_of_a_server_are_told(evalkit: Any, here: Path, serve: Any) -> None:
    """As they came over the wire, run by run."""
    write_suite(Path("suites/tickets"))
    runs = []
    for fingerprint in ("fp_1", "fp_2"):
        body = {
            "model": "m-1",
            "system_fingerprint": fingerprint,
            "choices": [{"message": {"content": "billing"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 1},
        }
        url = serve(200, json.dumps(body).encode()).url
        (here / "p.yaml").write_text(
            f"schema_version: 1\nproviders:\n  toy: {{wire: openai_chat, base_url: '{url}', "
            "models: {m: {retires_on: 2020-01-01}}}\n"
        )
        said = evalkit("run", "suites/tickets", "--providers", "p.yaml", "--models", "toy:m",
                       "--limit", "5", "--yes", "--json")  # fmt: skip
        runs.append(json.loads(said.out)["path"])
    said = evalkit("drift", *runs)
    assert "new system_fingerprint fp_2 (5 of 5)" in said.out
    assert "answered as m-1 (5); system_fingerprint fp_2 (5)" in said.out
    assert "it was to retire on 2020-01-01" in said.out


@pytest.mark.parametrize("width", [60, 80, 140])
def test_the_table_keeps_to_its_width(evalkit: Any, week: Week, width: int) -> None:
    """Paths apart: those are to be copied."""
    from evalkit.report.drift_table import drift_table
    from evalkit.report.terminal import Style

    runs = [week(n, noisy(n)) for n in range(1, 5)]
    found = document(evalkit, *runs)
    text = drift_table(found, Style(width, colour=False, unicode=True))
    lines = [line for line in text.splitlines() if not line.startswith("run ") or "[" in line]
    assert max(map(len, lines)) <= width
    assert drift_table(found, Style(width, colour=False, unicode=False)).isascii()


# ------------------------------------------------------------------- what cannot be compared


def test_a_changed_suite_is_exit_3(evalkit: Any, week: Week) -> None:
    """Its runs are shown, and why they are not compared."""
    one = week(1)
    samples = Path("suites/tickets/samples.jsonl")
    samples.write_text(samples.read_text().replace("ticket 3", "ticket three"))
    two = week(2)
    said = evalkit("drift", one, two)
    assert said.code == 3
    assert "not comparable with run 1: tickets: the suite changed (data)" in said.out
    three = week(3)
    assert evalkit("drift", one, two, three).code == 3
    assert evalkit("drift", two, three, "--fail-on", "drift").code == 0


def test_a_newest_run_that_cannot_be_compared_is_no_pass(evalkit: Any, week: Week) -> None:
    """With --fail-on drift; without, it is told."""
    runs = [week(1), week(2)]
    samples = Path("suites/tickets/samples.jsonl")
    samples.write_text(samples.read_text().replace("ticket 3", "ticket three"))
    runs.append(week(3))
    assert evalkit("drift", *runs).code == 0
    said = evalkit("drift", *runs, "--fail-on", "drift")
    assert said.code == 3
    assert "the newest run is not comparable" in said.out


def test_runs_of_different_suites_are_exit_3(evalkit: Any, week: Week) -> None:
    """One sentence, and an empty list for programs."""
    write_suite(Path("suites/other"), "other")
    runs = [week(1), week(2, suite="other")]
    said = evalkit("drift", *runs)
    assert said.code == 3
    assert said.out.startswith("no arm of a suite is in two of these runs: nothing to compare\n")
    found = document(evalkit, *runs)
    assert found["arms"] == []
    assert [one["suite"] for one in found["in_one_run_only"]] == ["tickets", "other"]


def test_runs_without_a_scored_sample_are_exit_3(evalkit: Any, week: Week) -> None:
    """An outage is never called the same."""
    runs = [week(n, error="server_error: down", text=None) for n in (1, 2)]
    said = evalkit("drift", *runs)
    assert said.code == 3
    assert "nothing was scored in two of these runs" in said.out
    assert "100.0%" in said.out  # the share of errors


def test_runs_without_prices_or_fingerprints_say_so(evalkit: Any, week: Week) -> None:
    """Unpriced is not 0, and no fingerprint is none."""
    runs = [week(1), week(2)]
    said = evalkit("drift", *runs)
    assert said.code == 0
    assert "unpriced" in said.out
    assert "system_fingerprint" not in said.out
    (arm,) = document(evalkit, *runs)["arms"]
    assert arm["runs"][0]["cost_per_1000_usd"] is None
    assert arm["runs"][0]["system_fingerprints"] == {}
    assert arm["runs"][0]["output_length"]["unit"] == "characters"


# ------------------------------------------------------------------- wrong input: one line


def one_line(said: Any, *expected: str) -> None:
    assert (said.code, said.out) == (2, "")
    (line,) = said.err.splitlines()
    for part in expected:
        assert part in line


def test_one_run_is_too_few(evalkit: Any, week: Week) -> None:
    """As is none."""
    one_line(evalkit("drift", week(1)), "drift: too few runs, got 1; allowed: two or more")
    one_line(evalkit("drift"), "drift: too few runs, got 0; ")


def test_a_run_given_twice_is_refused(evalkit: Any, week: Week) -> None:
    """By its id: a copy of the folder is the same run."""
    run = week(1)
    one_line(evalkit("drift", run, run), f"a run is given twice, got {run.name!r}")


@pytest.mark.parametrize(
    ("option", "value", "known"),
    [("--arm", "logs:nobody", "logs:bot"), ("--suite", "nothing", "tickets")],
)
def test_an_arm_or_suite_in_no_run_is_refused(
    evalkit: Any, week: Week, option: str, value: str, known: str
) -> None:
    """With what there is."""
    said = evalkit("drift", week(1), week(2), option, value)
    one_line(said, f"drift: {option}: in none of these runs, got {value!r}; allowed: {known}")


def test_an_edited_journal_is_refused(evalkit: Any, week: Week) -> None:
    """With file and line."""
    runs = [week(1), week(2)]
    journal = runs[1] / "journal.jsonl"
    journal.write_text(journal.read_text().replace("billing", "delivery", 1))
    one_line(evalkit("drift", *runs), f"{journal}:1: this line does not follow")


def test_a_run_that_is_still_going_on_is_refused(evalkit: Any, week: Week) -> None:
    """By name; below a results folder it is left out."""
    runs = [week(n) for n in (1, 2, 3)]
    manifest = read_manifest(runs[2])
    write_manifest(runs[2], {**manifest, "state": "running", "journal_sha256": None})
    with (runs[2] / "journal.jsonl").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        one_line(evalkit("drift", *runs), f"{runs[2]}: it is still going on, got state 'running'")
        (arm,) = document(evalkit, "--results", "results")["arms"]
    assert [run["run_id"] for run in arm["runs"]] == [run.name for run in runs[:2]]


def test_a_killed_run_counts_as_far_as_it_got(evalkit: Any, week: Week) -> None:
    """And its state is told."""
    runs = [week(1), week(2)]
    manifest = read_manifest(runs[1])
    write_manifest(runs[1], {**manifest, "state": "running", "journal_sha256": None})
    said = evalkit("drift", *runs)
    assert said.code == 0
    assert "the run is interrupted: it was not closed" in said.out


def test_a_file_or_nothing_in_place_of_a_run_is_refused(evalkit: Any, week: Week) -> None:
    """Each with what was found."""
    run = week(1)
    one_line(evalkit("drift", run, run / "run.json"), "it is no run, got a file; allowed: ")
    one_line(evalkit("drift", run, "nowhere"), "nowhere: it is no run, got nothing there; ")
    one_line(evalkit("drift", run, "suites"), "suites: no run.json in this folder; ")
    one_line(evalkit("drift", "--results", "nowhere"), "nowhere: no such folder of results")


def test_a_providers_file_that_is_gone_is_a_warning(evalkit: Any, week: Week) -> None:
    """Unless it was named: retirement dates are then those that the runs have kept."""
    runs = [week(1), week(2)]
    Path("week2.yaml").unlink()
    said = evalkit("drift", *runs)
    assert said.code == 0
    assert "week2.yaml: cannot be read: retirement dates are those that the runs have" in said.err
    one_line(evalkit("drift", *runs, "--providers", "no.yaml"), "no.yaml")
