"""The journal holds what was measured, and refuses to be anything but what was written."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from project import Project, lines, trials
from server import CountingServer

from evalkit.core.errors import JournalError
from evalkit.core.records import Attempt, Completion, Score, ToolCall, Usage
from evalkit.graders.parse import Parser
from evalkit.run.events import TrialKey, TrialLine, attempt_line, attempt_of, trial_of
from evalkit.run.folder import Run, write_manifest
from evalkit.run.journal import NAME, Index, Journal, check

RUN_ID = "run-1"
MANIFEST = {
    "schema_version": 1, "state": "complete", "started_at": "2026-11-01T10:00:00Z",
    "ended_at": None, "providers_file": "providers.yaml", "options": {}, "suites": [], "arms": [],
}  # fmt: skip
ATTEMPT_KEYS = {
    "event", "run_id", "suite", "sample_id", "arm", "repeat", "number", "cause", "outcome",
    "http_status", "model_returned", "system_fingerprint", "finish_reason", "usage", "cached",
    "scheduled_at", "queue_ms", "rate_wait_ms", "ttft_ms", "service_ms", "backoff_ms",
    "request_id", "params", "text", "tool_calls",
}  # fmt: skip
TRIAL_KEYS = {
    "event", "run_id", "suite", "sample_id", "arm", "repeat", "status", "output_rung", "scores",
}  # fmt: skip


def key(sample_id: str = "s1", arm: str = "p:m", repeat: int = 1) -> TrialKey:
    return TrialKey("toy", sample_id, arm, repeat)


def attempt(text: str = "yes", **changes: Any) -> Attempt:
    done = Completion(text=text, usage=Usage(input=3, output=2), finish_reason="stop")
    given: dict[str, Any] = {
        "number": 1,
        "cause": "first",
        "outcome": "answered",
        "completion": done,
        "request_fingerprint": "f1",
    }
    return Attempt(**{**given, **changes})


def trial(sample_id: str = "s1", **changes: Any) -> TrialLine:
    given: dict[str, Any] = {
        "event": "trial",
        "run_id": RUN_ID,
        "suite": "toy",
        "sample_id": sample_id,
        "arm": "p:m",
        "repeat": 1,
        "status": "ok",
        "output_rung": "valid",
        "scores": (),
        "model": "p:m",
        "finished_at": None,
        "structured_requested": None,
        "structured_honoured": None,
        "request_fingerprint": "f1",
    }
    return TrialLine(**{**given, **changes})


def write(folder: Path, run_id: str = RUN_ID, count: int = 3) -> bytes:
    """A journal of so many finished trials; returns its bytes."""
    journal = Journal(folder, run_id)
    for number in range(count):
        journal.attempt(key(f"s{number}"), attempt(f"answer {number}"))
        journal.trial(trial(f"s{number}", run_id=run_id))
    sha256 = journal.close()
    write_manifest(folder, {**MANIFEST, "run_id": run_id, "journal_sha256": sha256})
    return (folder / NAME).read_bytes()


def opened(folder: Path) -> None:
    """Make a run one that was never closed, as after a kill."""
    write_manifest(folder, {**Run(folder).manifest, "journal_sha256": None})


def test_an_attempt_holds_every_key_of_the_contract_at_its_top_level(tmp_path: Path) -> None:
    """CONTRACT section 4: every key of an attempt and of a trial stands at the top of its line."""
    write(tmp_path, count=1)
    first, second = lines(tmp_path)
    assert ATTEMPT_KEYS - first.keys() == set()
    assert TRIAL_KEYS - second.keys() == set()
    assert (first["event"], second["event"]) == ("attempt", "trial")


def test_an_attempt_without_an_answer_holds_the_same_keys(tmp_path: Path) -> None:
    """A failure's line has the keys of an answer's, with null where nothing came."""
    journal = Journal(tmp_path, RUN_ID)
    journal.attempt(key(), Attempt(number=1, cause="timeout", outcome="timeout", error="late"))
    journal.close()
    (line,) = lines(tmp_path)
    assert ATTEMPT_KEYS - line.keys() == set()
    assert line["text"] is None
    assert line["usage"] is None


def test_a_closed_run_names_the_hash_of_its_journal(tmp_path: Path) -> None:
    """run.json closes with the SHA-256 of the file's bytes."""
    content = write(tmp_path)
    expected = hashlib.sha256(content).hexdigest()
    assert expected == Run(tmp_path).manifest["journal_sha256"]
    assert Run(tmp_path).check().lines == 6


@pytest.mark.parametrize("cut", [1, 7, 40, 200])
def test_a_torn_last_line_is_cut_off_when_a_killed_run_goes_on(tmp_path: Path, cut: int) -> None:
    """What a kill left of a line is removed, and the chain goes on from the line before."""
    content = write(tmp_path)
    opened(tmp_path)
    whole = content[: content[:-1].rfind(b"\n") + 1]
    (tmp_path / NAME).write_bytes(content[:-cut])
    tail = Run(tmp_path).check()
    assert len(content) - cut - len(whole) == tail.torn_bytes
    journal = Journal(tmp_path, RUN_ID, tail)
    journal.trial(trial("s2", status="malformed"))
    journal.close()
    assert (tmp_path / NAME).read_bytes().startswith(whole)
    assert list(Run(tmp_path).trials())[-1].status == "malformed"


def test_zero_bytes_after_a_power_cut_are_a_torn_line(tmp_path: Path) -> None:
    """A file system may leave zeros where a write was lost."""
    content = write(tmp_path)
    opened(tmp_path)
    (tmp_path / NAME).write_bytes(content + content[:30] + b"\0" * 50)
    assert Run(tmp_path).check().torn_bytes == 80


def edited(content: bytes) -> bytes:
    return content.replace(b"answer 1", b"answer 9")


def foreign_key(content: bytes) -> bytes:
    return content.replace(b'"sample_id":"s1"', b'"sample_id":"s7"', 1)


def cut_in_the_middle(content: bytes) -> bytes:
    found = content.splitlines(keepends=True)
    return b"".join(found[:2] + found[3:])


def swapped(content: bytes) -> bytes:
    found = content.splitlines(keepends=True)
    return b"".join([found[0], found[2], found[1], *found[3:]])


def half_a_line(content: bytes) -> bytes:
    found = content.splitlines(keepends=True)
    return b"".join([*found[:2], found[2][:50] + b"\n", *found[3:]])


def foreign_text(content: bytes) -> bytes:
    return b"".join([content, b"hello\n"])


def foreign_rest(content: bytes) -> bytes:
    return content + b"not an event"


def empty_line(content: bytes) -> bytes:
    found = content.splitlines(keepends=True)
    return b"".join([*found[:2], b"\n", *found[2:]])


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (edited, 3),
        (foreign_key, 3),
        (cut_in_the_middle, 3),
        (swapped, 2),
        (half_a_line, 3),
        (foreign_text, 7),
        (foreign_rest, 7),
        (empty_line, 3),
    ],
)
@pytest.mark.parametrize("closed", [True, False], ids=["closed", "killed"])
def test_a_changed_journal_is_refused_with_file_and_line(
    tmp_path: Path, change: Any, line: int, closed: bool
) -> None:
    """Edited, cut, reordered or foreign: refused where it begins, closed or not."""
    content = write(tmp_path)
    if not closed:
        opened(tmp_path)
    (tmp_path / NAME).write_bytes(change(content))
    with pytest.raises(JournalError, match=rf"journal\.jsonl:{line}: "):
        list(Run(tmp_path).trials())


def test_lines_missing_at_the_end_of_a_closed_journal_are_noticed(tmp_path: Path) -> None:
    """The chain cannot see a missing end; the hash in run.json does."""
    content = write(tmp_path)
    (tmp_path / NAME).write_bytes(b"".join(content.splitlines(keepends=True)[:4]))
    with pytest.raises(JournalError, match=r"journal\.jsonl:4: .*run\.json"):
        Run(tmp_path).check()


def test_the_journal_of_another_run_is_refused(tmp_path: Path) -> None:
    """A whole journal that names another run is foreign, however sound its chain."""
    mine, other = tmp_path / "mine", tmp_path / "other"
    for folder, run_id in ((mine, RUN_ID), (other, "run-2")):
        folder.mkdir()
        write(folder, run_id)
        opened(folder)
    (mine / NAME).write_bytes((other / NAME).read_bytes())
    with pytest.raises(JournalError, match=r":1: this line is of another run than 'run-1'"):
        Run(mine).check()


def test_two_journals_in_one_file_are_refused(tmp_path: Path) -> None:
    """Lines of a second run behind those of the first do not follow from them."""
    mine, other = tmp_path / "mine", tmp_path / "other"
    for folder, run_id in ((mine, RUN_ID), (other, "run-2")):
        folder.mkdir()
        write(folder, run_id)
        opened(folder)
    (mine / NAME).write_bytes((mine / NAME).read_bytes() + (other / NAME).read_bytes())
    with pytest.raises(JournalError, match=r":7: "):
        Run(mine).check()


def test_a_missing_journal_is_refused_by_name(tmp_path: Path) -> None:
    """run.json alone is no run."""
    write(tmp_path)
    (tmp_path / NAME).unlink()
    with pytest.raises(JournalError, match=r"journal\.jsonl: cannot be read"):
        Run(tmp_path).check()


def test_a_second_writer_is_refused_while_the_first_writes(tmp_path: Path) -> None:
    """Two processes must never append to one journal."""
    first = Journal(tmp_path, RUN_ID)
    first.trial(trial())
    tail = check(tmp_path, RUN_ID)
    with pytest.raises(JournalError, match="another process is writing"):
        Journal(tmp_path, RUN_ID, tail)
    first.close()
    Journal(tmp_path, RUN_ID, tail).close()


def test_a_writer_that_checked_before_another_one_wrote_is_refused(tmp_path: Path) -> None:
    """What was appended between the check and the lock is neither cut off nor written over."""
    first = Journal(tmp_path, RUN_ID)
    first.trial(trial("s1"))
    stale = check(tmp_path, RUN_ID)
    first.trial(trial("s2"))
    first.close()
    with pytest.raises(JournalError, match="wrote to this run while it was read"):
        Journal(tmp_path, RUN_ID, stale)
    assert check(tmp_path, RUN_ID).lines == 2


def test_the_last_event_of_a_trial_counts(tmp_path: Path) -> None:
    """A regrade appends; readers see the newest grade once."""
    journal = Journal(tmp_path, RUN_ID)
    journal.attempt(key(), attempt())
    journal.trial(trial(scores=(Score(grader="exact", version="1", value=0.0),)))
    journal.attempt(key("s2"), attempt())
    journal.trial(trial("s2"))
    journal.trial(trial(scores=(Score(grader="exact", version="2", value=1.0),)))
    sha256 = journal.close()
    write_manifest(tmp_path, {**MANIFEST, "run_id": RUN_ID, "journal_sha256": sha256})
    found = list(Run(tmp_path).trials())
    assert [t.sample_id for t in found] == ["s1", "s2"]
    assert [s.value for s in found[0].scores] == [1.0]


def test_attempts_of_a_superseded_request_are_left_out(tmp_path: Path) -> None:
    """After an edited prompt a trial shows the attempts at the new one alone."""
    journal = Journal(tmp_path, RUN_ID)
    journal.attempt(key(), attempt("old"))
    journal.trial(trial())
    journal.attempt(key(), attempt("new", request_fingerprint="f2"))
    journal.trial(trial(request_fingerprint="f2"))
    sha256 = journal.close()
    write_manifest(tmp_path, {**MANIFEST, "run_id": RUN_ID, "journal_sha256": sha256})
    (found,) = Run(tmp_path).trials()
    assert [a.text for a in found.attempts] == ["new"]
    assert [a.text for a in Run(tmp_path).unfinished()] == ["old"]
    assert found.text == "new"


def test_a_trial_without_its_end_is_not_given(tmp_path: Path) -> None:
    """An attempt that was never graded is unfinished, no trial."""
    journal = Journal(tmp_path, RUN_ID)
    journal.attempt(key(), attempt())
    sha256 = journal.close()
    write_manifest(tmp_path, {**MANIFEST, "run_id": RUN_ID, "journal_sha256": sha256})
    assert list(Run(tmp_path).trials()) == []
    assert [a.text for a in Run(tmp_path).unfinished()] == ["yes"]


def test_keys_that_differ_in_one_part_only_are_different_trials(tmp_path: Path) -> None:
    """Suite, sample, arm and repeat each tell trials apart."""
    journal = Journal(tmp_path, RUN_ID)
    for place in (key(), key("s2"), key(arm="p:n"), key(repeat=2)):
        journal.attempt(place, attempt())
    journal.close()
    assert len(Index(tmp_path / NAME)) == 4


@settings(max_examples=60, deadline=None)
@given(text=st.text(alphabet=st.characters(exclude_categories=()), max_size=40))
def test_any_text_comes_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    """Unicode stands as it is; a lone surrogate, which is no text, becomes U+FFFD."""
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal(folder, RUN_ID)
    call = ToolCall(name="f", arguments=text)
    done = Completion(text=text, tool_calls=(call,), reasoning=text)
    stored = journal.attempt(key(), attempt(completion=done, error=text, body=text))
    journal.trial(trial(parsed={"field": text}, reason=text))
    journal.close()
    expected = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    ((attempts, last),) = Index(folder / NAME).groups()
    back = attempt_of(attempts[0])
    assert stored == back
    assert (expected, expected) == (back.text, back.error)
    assert last is not None
    assert {"field": expected} == last.parsed


def test_a_megabyte_of_text_is_one_line(tmp_path: Path) -> None:
    """Long answers are neither cut nor split."""
    text = "ä\n" * 500_000
    journal = Journal(tmp_path, RUN_ID)
    journal.attempt(key(), attempt(text))
    journal.trial(trial())
    journal.close()
    assert check(tmp_path, RUN_ID).lines == 2
    ((attempts, _),) = Index(tmp_path / NAME).groups()
    assert text == attempts[0].text


def test_an_attempt_survives_the_journal_unchanged() -> None:
    """The flat line holds all of an attempt, recorded cost and quota included."""
    done = Completion(
        text="x", usage=Usage(input=1, cache_read=1), finish_reason="length", ttft_ms=3.5,
        service_ms=9.0, model_returned="m-1", system_fingerprint="fp", quota={"a": "1"},
        http_status=200, request_id="r", mode_sent="json_schema", params_sent={"temperature": 0},
        reasoning="hm", refusal="no", recorded=True, recorded_at="2026-01-01", cost_usd=0.5,
        service_tier="flex", finish_reason_raw="max_tokens",
    )  # fmt: skip
    whole = attempt(
        completion=done, http_status=200, request_id="r", service_ms=9.0, recorded=True,
        params_sent={"temperature": 0}, queue_ms=1.0, rate_wait_ms=2.0, backoff_ms=3.0,
        model="p:m", scheduled_at="a", sent_at="b", loop_lag_ms=11.0,
    )  # fmt: skip
    assert whole == attempt_of(attempt_line(RUN_ID, key(), whole))
    assert trial_of(trial(), (whole,)).text == "x"


def test_the_manifest_of_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """A file that this version does not know is not guessed at."""
    write_manifest(tmp_path, {"schema_version": 2, "run_id": RUN_ID})
    with pytest.raises(JournalError, match=r"run\.json: schema_version 2"):
        Run(tmp_path)


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff"])
def test_a_broken_manifest_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    """Whatever stands in run.json, the message names the file."""
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(JournalError, match=r"run\.json"):
        Run(tmp_path)


def test_an_attempt_is_on_disk_before_anything_parses_it(project: Project) -> None:
    """A grader that looks at the journal finds the attempt that it is asked to grade."""
    folder = project.suite(graders={"python": {"file": "graders.py", "function": "grade"}})
    (folder / "graders.py").write_text(
        "from pathlib import Path\n"
        "def grade(sample, output, parsed):\n"
        "    (journal,) = Path('results').glob('*/journal.jsonl')\n"
        "    own = [l for l in journal.read_text().splitlines()\n"
        '           if \'"event":"attempt"\' in l and f\'"{sample["id"]}"\' in l]\n'
        "    return len(own) == 1\n"
    )
    closed = project.start()
    assert {1.0} == {t.scores[0].value for t in trials(closed.folder).values()}


def test_a_grader_that_crashes_leaves_the_attempt_and_no_score(project: Project) -> None:
    """A crash is a failure with its name, never a 0; the answer is kept."""
    folder = project.suite(graders={"python": {"file": "graders.py", "function": "grade"}})
    (folder / "graders.py").write_text("def grade(sample, output, parsed):\n    return 1 / 0\n")
    closed = project.start()
    for found in trials(closed.folder).values():
        (score,) = found.scores
        assert found.status == "ok"
        assert score.value is None
        assert "ZeroDivisionError" in (score.failure or "")
        assert [a.text for a in found.attempts] == ["yes"]
    assert closed.outlook.state == "complete"


def test_a_parser_that_crashes_leaves_the_attempts_and_a_run_that_can_go_on(
    project: Project, server: CountingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of evalkit itself ends the run as itself; what was paid for is kept."""

    def crash(self: Parser, completion: Completion) -> None:
        raise ZeroDivisionError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr(Parser, "parse", crash)
        with pytest.raises(ZeroDivisionError, match="a defect"):
            project.start()
    folder = project.only_run()
    assert {line["event"] for line in lines(folder)} == {"attempt"}
    paid = len(lines(folder))
    run = Run(folder)
    assert (run.manifest["state"], run.is_open) == ("interrupted", False)
    project.go_on(folder)
    assert len(trials(folder)) == 4
    assert len(server.calls) - 4 <= 4 - paid


def test_a_full_disk_leaves_whole_lines_and_a_run_that_can_go_on(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a line is taken back: the journal closes with its hash and is accepted again."""
    real, budget = os.write, [1500]

    def write_until_full(fd: int, data: bytes) -> int:
        if not data.startswith(b'{"event"'):
            return real(fd, data)
        if budget[0] <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = real(fd, data[: budget[0]])
        budget[0] -= done
        return done

    with monkeypatch.context() as patch:
        patch.setattr("evalkit.run.journal.os.write", write_until_full)
        with pytest.raises(JournalError, match=r"journal\.jsonl: cannot be written: No space left"):
            project.start()
    folder = project.only_run()
    assert 1 <= Run(folder).check().lines < 8
    project.go_on(folder)
    assert len(trials(folder)) == 4


def test_the_manifest_never_shows_half_a_file(tmp_path: Path) -> None:
    """It is replaced, so that a reader sees the old or the new one, and no draft is left."""
    write_manifest(tmp_path, {"schema_version": 1, "run_id": "a"})
    write_manifest(tmp_path, {"schema_version": 1, "run_id": "b"})
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
    assert json.loads((tmp_path / "run.json").read_text())["run_id"] == "b"
