"""What commands say of runs that are not complete, cannot be read, or hold odd names."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evalkit import api
from evalkit.cli.output import columns, note
from evalkit.cli.plan import _unfinished
from evalkit.cli.progress import TqdmLine
from evalkit.cli.resume import changed
from evalkit.run.folder import read_manifest, write_manifest
from evalkit.run.setup import RunOptions

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def suite(evalkit) -> Path:
    assert evalkit("new", "suite", "mine", "--format", "label").code == 0
    return Path("suites/mine")


def run_of(evalkit, suite: Path, *arguments: str) -> Path:
    return Path(json.loads(evalkit("run", str(suite), *arguments, "--json").out)["path"])


def amend(folder: Path, **keys: Any) -> None:
    write_manifest(folder, {**read_manifest(folder), **keys})


class Options:
    """The options of `resume` that were not given."""

    providers = concurrency = budget_usd = None


# ------------------------------------------------------------------- resume, regrade


def test_resume_keeps_the_runs_own_budget() -> None:
    """Only --budget-usd replaces it."""
    stored = RunOptions(suites=("s",), budget_usd=2.5)
    assert changed(stored, Options()).budget_usd == 2.5
    given = Options()
    given.budget_usd = 4.0
    assert changed(stored, given).budget_usd == 4.0


def test_regrading_an_incomplete_run_is_done(evalkit, suite: Path) -> None:
    """It asked no model: what the run lacks is said, the exit code is 0."""
    folder = run_of(evalkit, suite)
    amend(folder, state="incomplete", state_reason="the budget is spent")
    said = evalkit("regrade", str(folder))
    assert said.code == 0
    assert "incomplete: the budget is spent; go on with: evalkit resume" in said.err


# ------------------------------------------------------------------- merge


def test_a_merge_without_all_shards_is_incomplete_and_can_be_resumed(evalkit, suite: Path) -> None:
    """It names what is missing and ends with 4; resume says what it does and asks the rest."""
    samples = (suite / "samples.jsonl").read_text().splitlines()
    first = json.loads(samples[0])
    more = [json.dumps({**first, "id": f"more-{n}"}) for n in range(20)]
    (suite / "samples.jsonl").write_text("\n".join([*samples, *more]) + "\n")
    shards = [str(run_of(evalkit, suite, "--shard", f"{i}/3")) for i in (1, 2)]
    asked = sum(read_manifest(Path(s))["arms"][0]["samples"] for s in shards)
    merged = evalkit("merge", *shards, "-o", "whole")
    expected = f"missing: shard 3/3 (mine: {asked} of 23 samples)"
    assert merged.code == 4
    assert f"incomplete: {expected}; go on with" in merged.err
    assert read_manifest(Path("whole"))["state_reason"] == expected
    resumed = evalkit("resume", "whole", "--json")
    assert resumed.code == 0
    assert f"whole: joined from 2 runs ({expected})" in resumed.err
    assert json.loads(resumed.out)["rows"][0]["n_asked"] == 23
    assert len(read_manifest(Path("whole"))["merged_from"]) == 2


def test_missing_samples_are_told_by_their_number_where_shards_differ(evalkit, suite: Path) -> None:
    """1/2 and a part of the other half."""
    shards = [str(run_of(evalkit, suite, "--shard", s)) for s in ("0/2", "1/2")]
    amend(Path(shards[0]), state="incomplete", state_reason="outage")
    assert evalkit("merge", *shards, "-o", "one").code == 4
    assert (
        read_manifest(Path("one"))["state_reason"]
        == f"{Path(shards[0]).name} is incomplete: outage"
    )
    amend(Path(shards[0]), state="complete", state_reason=None)
    manifest = read_manifest(Path(shards[1]))
    manifest["options"]["selection"]["shard"] = [1, 4]
    manifest["arms"][0]["samples"] = 0
    write_manifest(Path(shards[1]), manifest)
    assert evalkit("merge", *shards, "-o", "two").code == 4
    assert read_manifest(Path("two"))["state_reason"].startswith("missing samples: mine: ")


# ------------------------------------------------------------------- show


def test_show_tells_a_running_run_from_a_killed_one(evalkit, suite: Path) -> None:
    """The journal's lock is held by a live process, or by nobody."""
    folder = run_of(evalkit, suite)
    amend(folder, state="running", state_reason=None, journal_sha256=None)
    killed = evalkit("show", str(folder))
    assert (killed.code, "interrupted: it was not closed; go on with" in killed.err) == (0, True)
    with (folder / "journal.jsonl").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        running = evalkit("show", str(folder))
        listed = json.loads(evalkit("runs", "--json").out)["runs"]
    assert running.err.startswith("running: a process is writing to it")
    assert "resume" not in running.err
    assert [row["state"] for row in listed] == ["running"]


def test_an_interruption_is_said_once(tmp_path: Path) -> None:
    """The reason is not repeated, and none is never printed."""
    for reason in ("interrupted", None):
        result = api.Result(tmp_path, "interrupted", reason, {}, ())
        assert _unfinished(result) == f"interrupted; go on with: evalkit resume {tmp_path}"


def test_a_closed_stdout_is_no_traceback(evalkit, suite: Path) -> None:
    """As `evalkit show RUN >&-` leaves it."""
    folder = run_of(evalkit, suite)
    code = "import sys; from evalkit.cli.main import main; sys.exit(main(['show', sys.argv[1]]))"
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" -c "$1" "$2" >&-', sys.executable, code, str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("key", ["arms", "suites", "options", "started_at", "run_id", "state"])
def test_a_manifest_that_lacks_a_key_is_refused_in_one_line(evalkit, suite: Path, key: str) -> None:
    """Exit 2 for each command that reads it."""
    folder = run_of(evalkit, suite)
    manifest = json.loads((folder / "run.json").read_text())
    del manifest[key]
    (folder / "run.json").write_text(json.dumps(manifest))
    for command in ("show", "resume", "regrade", "tables"):
        said = evalkit(command, str(folder))
        assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
        assert f"run.json: this is no manifest of a run: Object missing required field `{key}`" in (
            said.err
        )


def test_an_unknown_state_is_refused(evalkit, suite: Path) -> None:
    """Nobody knows what it would mean."""
    folder = run_of(evalkit, suite)
    amend(folder, state="finished")
    said = evalkit("show", str(folder))
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "Invalid enum value 'finished' - at `$.state`" in said.err


# ------------------------------------------------------------------- prices, warnings, progress


def test_prices_are_found_from_everywhere(evalkit, suite: Path, monkeypatch, tmp_path) -> None:
    """The providers file is named as seen from the run; where it is gone, a warning says so."""
    folder = run_of(evalkit, suite).resolve()
    place = tmp_path / "providers.yaml"
    told = json.loads((folder / "run.json").read_bytes())["providers_path"]
    assert not Path(told).is_absolute()
    assert read_manifest(folder)["providers_path"] == str(place.resolve())
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    text = place.read_text()
    place.write_text(text.replace("{rules: {}}", "{rules: {pricing: {mode: per_request, usd: 2}}}"))
    assert "warning" not in evalkit("show", str(folder)).err
    place.unlink()
    gone = evalkit("show", str(folder))
    assert gone.code == 0
    assert f"warning: {place.resolve()}: the providers file is gone" in gone.err


def test_recorded_runs_are_not_warned_of_a_late_loop(evalkit, suite: Path) -> None:
    """Their times were measured elsewhere."""
    folder = run_of(evalkit, suite)
    amend(folder, loop_lag_p99_ms=80.0)
    assert "the event loop was late by 80 ms" in evalkit("show", str(folder)).err
    (arm,) = read_manifest(folder)["arms"]
    amend(folder, arms=[{**arm, "kind": "recorded"}])
    assert "late" not in evalkit("show", str(folder)).err


def test_progress_shows_money_only_where_something_is_priced() -> None:
    """No price is not a price of 0."""
    line = TqdmLine()
    assert line._postfix() == ""
    line._spent = 0.25
    assert line._postfix() == "$0.2500"


# ------------------------------------------------------------------- odd names


def test_no_control_character_reaches_the_terminal(evalkit, suite: Path, capsys) -> None:
    """Names of models come from files and servers."""
    note("asks p:\x1b[31mred\x9b\u202e")
    assert capsys.readouterr().err == "asks p:\ufffd[31mred\ufffd\ufffd\n"
    assert "\x1b" not in columns([["\x1b[2J"]], ["model"])
    text = Path("providers.yaml").read_text()
    evil = text.replace("{rules: {}}", '{rules: {}, "r\\e[31m": {}}')
    Path("providers.yaml").write_text(evil)
    for arguments in (["run", str(suite)], ["models"], ["run", str(suite), "--models", "a:\x1b[1m"],
                      ["show", "\x1b[1m"], ["show", "x", "--\x1b[1m"]):  # fmt: skip
        said = evalkit(*arguments)
        assert "\x1b" not in said.out + said.err
