"""Columns of large runs, kept: the same figures, and never those of another journal or price."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from evalkit.analysis import reading, reading_cache
from evalkit.analysis.reading import read_run, summarise_large
from evalkit.analysis.runs import summarise_run
from evalkit.core.errors import JournalError
from evalkit.run.folder import Run
from tests.cli.recorded import record, write_suite


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evalkit: Any) -> Run:
    """A run that counts as large, in a home of its own."""
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(reading, "LARGE_BYTES", 1)
    write_suite(30)
    made = record({"a": range(5), "b": range(9)}, 30)
    said = evalkit("run", "suites/yesno", "--providers", made, "--json")
    assert said.code == 0, said.err
    return Run(Path(json.loads(said.out)["path"]))


def kept() -> list[Path]:
    return list((Path(os.environ["EVALKIT_HOME"]) / "columns").glob("*"))


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: Any, **__: Any) -> None:
        raise AssertionError("the journal was read")

    monkeypatch.setattr(reading, "_by_workers", read)


def test_a_large_run_is_read_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """At its end: what follows takes what was kept, and finds the same."""
    assert len(kept()) == 1
    forbid_reading(monkeypatch)
    assert summarise_large(run, None, checked=False) == summarise_run(run)
    found = read_run(run, arms=["log:b"])
    assert list(found.columns) == [("yesno", "log:b")]
    (sample,) = [known for known, name in found.names["yesno"].items() if name == "s3"]
    assert [trial.text for trial in found.trials([("yesno", sample, "log:b", 1)])] == ["no"]


def test_an_edited_journal_is_found_all_the_same(run: Run) -> None:
    """It is hashed each time."""
    path = run.folder / "journal.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"text":"no"', b'"text":"NO"', 1))
    with pytest.raises(JournalError):
        read_run(run)


def test_other_prices_are_other_columns(run: Run, tmp_path: Path) -> None:
    """A providers file of its own, or one that changed."""
    key = reading_cache.key_of(run, None)
    other = tmp_path / "other.yaml"
    other.write_text(run.providers_path.read_text() + "    limits: {concurrency: 3}\n")
    assert reading_cache.key_of(run, other) != key
    (run.providers_path.parent / "prices.yaml").write_text("[]\n")
    assert reading_cache.key_of(run, None) != key


def test_an_open_run_is_not_kept(run: Run) -> None:
    """Its journal may grow."""
    open_run = Run(run.folder)
    open_run.manifest["journal_sha256"] = None
    assert reading_cache.key_of(open_run, None) is None


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"\x80\x05cnowhere\nnothing\n."])
def test_what_cannot_be_read_back_is_read_anew(run: Run, content: bytes) -> None:
    """And kept again."""
    (path,) = kept()
    path.write_bytes(content)
    assert summarise_large(run, None, checked=False) == summarise_run(run)
    assert path.stat().st_size > len(content)


def test_a_folder_that_others_may_write_to_is_not_trusted(run: Run) -> None:
    """What is read back is run as code."""
    key = reading_cache.key_of(run, None)
    assert key is not None
    assert reading_cache.load(key) is not None
    kept()[0].parent.chmod(0o777)
    assert reading_cache.load(key) is None


def test_without_a_home_nothing_is_kept(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a user of a container that nobody has named."""

    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(reading_cache, "home", nowhere)
    assert summarise_large(run, None, checked=False) == summarise_run(run)


def test_no_answer_is_kept_outside_the_run(run: Run) -> None:
    """Numbers, names and hashes leave its folder; what models said does not."""
    assert b'"text":"no"' in (run.folder / "journal.jsonl").read_bytes()
    for own in read_run(run).columns.values():
        for attempt in own.served_first.values():
            assert attempt.completion is not None
            assert attempt.completion.text == ""


def test_what_was_not_used_for_longest_is_given_up(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder keeps to its size."""
    (old,) = kept()
    os.utime(old, (1, 1))
    monkeypatch.setattr(reading_cache, "_MOST_BYTES", old.stat().st_size + 10)
    reading_cache.store("0" * 32, "new")
    assert [path.stem for path in kept()] == ["0" * 32]
