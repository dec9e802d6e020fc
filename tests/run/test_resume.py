"""A run goes on by content: what was paid for is kept, what changed is asked or graded anew."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from project import PRICES, SCHEMA, Project, lines, rows, score, trials
from server import Call, CountingServer, Reply, always, failing

from evalkit.core.errors import ConfigError, JournalError
from evalkit.run.folder import Run, write_manifest
from evalkit.run.journal import Journal, check
from evalkit.run.regrade import regrade


class Holding:
    """Answers so many calls, then holds every further one until it is let go."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.reached = threading.Event()
        self.let_go = threading.Event()
        self._held = 0

    def __call__(self, call: Call) -> Reply:
        if call.number <= self.first:
            return Reply("yes")
        self._held += 1
        self.reached.set()
        return Reply("yes", wait_for=self.let_go)


def without_trials(folder: Path, *, keep: int = 0) -> None:
    """Turn a finished run into one that was killed before it graded: attempts alone are left."""
    run = Run(folder)
    found = lines(folder)
    kept = Counter({"trial": keep})
    journal_text = folder / "journal.jsonl"
    events = []
    for line in found:
        if line["event"] == "trial":
            kept["trial"] -= 1
            if kept["trial"] < 0:
                continue
        events.append({name: value for name, value in line.items() if name != "chain"})
    journal_text.unlink()
    journal = Journal(folder, run.run_id)
    for event in events:
        journal._append(json.dumps(event, separators=(",", ":")).encode())
    journal.close()
    write_manifest(folder, {**run.manifest, "journal_sha256": None, "state": "running"})


# ------------------------------------------------------------------ after a kill


def test_a_run_killed_half_way_goes_on_and_asks_each_sample_once(
    project: Project, server: CountingServer
) -> None:
    """kill -9 with four calls under way: those four at most are paid for twice."""
    project.suite(rows(30))
    server.script = holding = Holding(12)
    process = project.beside()
    try:
        assert holding.reached.wait(20)
        folder = project.only_run()
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    finally:
        process.kill()
        process.communicate()
    holding.let_go.set()
    assert Run(folder).is_open
    before = sum(line["event"] == "attempt" for line in lines(folder))
    assert 8 <= before <= 12
    server.script = always("yes")
    closed = project.go_on(folder)
    found = trials(folder)
    assert len(found) == 30
    assert {1.0} == {score(t) for t in found.values()}
    assert len(server.asked) == 30
    assert sum(server.asked.values()) - 30 <= 4
    assert {1} == {len(t.attempts) for t in found.values()}
    assert closed.outlook.state == "complete"
    assert len(Run(folder).manifest["resumed_at"]) == 1


def test_a_grader_killed_at_work_leaves_the_attempt(
    project: Project, server: CountingServer
) -> None:
    """The process dies while it grades: the answer is in the journal and is not asked for again."""
    folder = project.suite(rows(1), graders={"python": {"file": "graders.py", "function": "grade"}})
    (folder / "graders.py").write_text(
        "import os, signal\n"
        "def grade(sample, output, parsed):\n    os.kill(os.getppid(), signal.SIGKILL)\n"
    )
    process = project.beside()
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    run = project.only_run()
    assert [line["event"] for line in lines(run)] == ["attempt"]
    (folder / "graders.py").write_text("def grade(sample, output, parsed):\n    return True\n")
    project.go_on(run)
    assert dict(server.asked) == {"s0": 1}
    assert [score(t) for t in trials(run).values()] == [1.0]


@pytest.mark.parametrize("keep", [0, 2])
def test_answers_that_were_not_graded_are_graded_and_not_asked_again(
    project: Project, server: CountingServer, keep: int
) -> None:
    """All attempts stand, the trials are missing: nothing is sent."""
    closed = project.start()
    without_trials(closed.folder, keep=keep)
    assert keep == len(trials(closed.folder))
    again = project.go_on(closed.folder)
    assert len(server.calls) == 4
    assert {1.0} == {score(t) for t in trials(closed.folder).values()}
    assert {"ok": 4 - keep} == again.outlook.counts


def test_an_answer_to_an_edited_prompt_that_was_not_graded_is_not_asked_again(
    project: Project, server: CountingServer
) -> None:
    """The old prompt's trial stands before it; the new prompt's paid answer counts all the same."""
    first = project.start()
    project.suite(prompt={"user": "{{ id }}|please: {{ question }}"})
    project.go_on(first.folder)
    assert {2} == set(server.asked.values())
    without_trials(first.folder, keep=4)
    project.go_on(first.folder)
    assert {2} == set(server.asked.values())
    found = trials(first.folder)
    assert {1} == {len(t.attempts) for t in found.values()}


def test_a_malformed_answer_from_before_the_kill_counts_as_the_first(
    project: Project, server: CountingServer
) -> None:
    """The first rung and the numbers of attempts go on where they stopped."""
    output = {"format": "json", "schema": SCHEMA, "max_attempts": 3}
    project.suite(rows(1), output=output, graders={"json_schema": {}})
    server.script = lambda call: Reply("hm" if call.nth == 1 else '{"total": 1}')
    closed = project.start()
    cut_after(closed.folder, events=1)
    server.forget()
    server.script = always('{"total": 2}')
    project.go_on(closed.folder)
    (found,) = trials(closed.folder).values()
    assert len(server.calls) == 1
    assert [(a.number, a.cause) for a in found.attempts] == [(1, "first"), (2, "malformed")]
    assert (found.first_rung, found.output_rung) == ("not_json", "valid")


def test_the_attempt_after_a_kill_names_why_the_one_before_failed(
    project: Project, server: CountingServer
) -> None:
    """Killed while it backed off from a 429: the next attempt is number 2, cause rate_limited."""
    project.suite(rows(1))
    server.script = lambda call: failing(429) if call.nth == 1 else Reply("yes")
    closed = project.start()
    cut_after(closed.folder, events=1)
    project.go_on(closed.folder)
    (found,) = trials(closed.folder).values()
    assert [(a.number, a.cause) for a in found.attempts] == [(1, "first"), (2, "rate_limited")]


def cut_after(folder: Path, events: int) -> None:
    """Leave the first events of a journal, as after a kill."""
    path = folder / "journal.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:events]))
    write_manifest(folder, {**Run(folder).manifest, "journal_sha256": None, "state": "running"})


def test_a_torn_last_line_is_repaired_and_its_sample_asked_again(
    project: Project, server: CountingServer
) -> None:
    """What the kill tore is one attempt: paid for twice, in no other way lost."""
    closed = project.start()
    path = closed.folder / "journal.jsonl"
    content = path.read_bytes()
    cut_after(closed.folder, events=7)
    path.write_bytes(content[: path.stat().st_size - 25])
    project.go_on(closed.folder)
    assert len(trials(closed.folder)) == 4
    assert len(server.calls) in (4, 5)


# ------------------------------------------------------------------ what is asked again


def test_a_finished_run_that_goes_on_sends_nothing(
    project: Project, server: CountingServer
) -> None:
    """No finished trial is paid for again, and none is written again."""
    closed = project.start()
    before = (closed.folder / "journal.jsonl").read_bytes()
    again = project.go_on(closed.folder)
    assert len(server.calls) == 4
    assert before == (closed.folder / "journal.jsonl").read_bytes()
    assert (again.outlook.state, again.outlook.counts) == ("complete", {})


def test_errors_are_asked_again_and_finished_trials_are_not(
    project: Project, server: CountingServer
) -> None:
    """Malformed, wrong and refused are finished; only the failure is asked once more."""
    replies = {"s0": Reply("no"), "s1": Reply(""), "s2": failing(400), "s3": Reply("yes")}
    server.script = lambda call: replies[call.sample_id]
    closed = project.start()
    server.forget()
    server.script = always("yes")
    project.go_on(closed.folder)
    assert dict(server.asked) == {"s2": 1}
    found = trials(closed.folder)
    assert {name: trial.status for name, trial in found.items()} == {
        "s0": "ok",
        "s1": "malformed",
        "s2": "ok",
        "s3": "ok",
    }
    assert [a.outcome for a in found["s2"].attempts] == ["rejected", "answered"]
    assert [a.number for a in found["s2"].attempts] == [1, 2]


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": {"user": "{{ id }}|please: {{ question }}"}},
        {"prompt": {"user": "{{ id }}|{{ question }}", "system": "Be brief."}},
        {"params": {"temperature": 1, "max_tokens": 16}},
        {"output": {"format": "label", "labels": ["yes", "no"]}},
    ],
    ids=["prompt", "system", "parameter", "form"],
)
def test_a_changed_request_is_asked_again(
    project: Project, server: CountingServer, change: dict[str, Any]
) -> None:
    """An answer to another question is no answer to this one."""
    closed = project.start()
    server.forget()
    project.suite(**change)
    project.go_on(closed.folder)
    assert {f"s{n}": 1 for n in range(4)} == dict(server.asked)
    assert {1} == {len(t.attempts) for t in trials(closed.folder).values()}


def test_one_edited_sample_is_asked_again_alone(project: Project, server: CountingServer) -> None:
    """By content, sample by sample."""
    closed = project.start()
    server.forget()
    samples = rows(4)
    samples[2]["question"] = "another question"
    project.suite(samples)
    project.go_on(closed.folder)
    assert dict(server.asked) == {"s2": 1}


def test_a_changed_model_parameter_asks_again(project: Project, server: CountingServer) -> None:
    """Parameters of the model's entry are part of the request."""
    closed = project.start()
    project.providers(models={"small": {"params": {"top_p": 0.5}}})
    project.go_on(closed.folder)
    assert {2} == set(server.asked.values())
    assert server.calls[-1].body["top_p"] == 0.5


def test_samples_in_another_order_are_not_asked_again(
    project: Project, server: CountingServer
) -> None:
    """Position means nothing."""
    closed = project.start()
    project.suite(list(reversed(rows(4))))
    project.go_on(closed.folder)
    assert {1} == set(server.asked.values())


def test_a_new_sample_is_asked_and_the_others_are_not(
    project: Project, server: CountingServer
) -> None:
    """A suite that grew costs what it grew by."""
    closed = project.start()
    server.forget()
    project.suite(rows(5))
    project.go_on(closed.folder)
    assert dict(server.asked) == {"s4": 1}


def test_a_removed_sample_no_longer_counts(project: Project, server: CountingServer) -> None:
    """It is set aside as skipped, keeps what it cost, and comes back without being asked."""
    closed = project.start()
    project.suite(rows(3))
    project.go_on(closed.folder)
    found = trials(closed.folder)
    assert (found["s3"].status, found["s3"].scores) == ("skipped", ())
    assert "not among the samples" in (found["s3"].reason or "")
    assert len(found["s3"].attempts) == 1
    assert [found[f"s{n}"].status for n in range(3)] == ["ok"] * 3
    size = (closed.folder / "journal.jsonl").stat().st_size
    project.go_on(closed.folder)
    assert size == (closed.folder / "journal.jsonl").stat().st_size
    project.suite(rows(4))
    project.go_on(closed.folder)
    assert trials(closed.folder)["s3"].status == "ok"
    assert {1} == set(server.asked.values())


# ------------------------------------------------------------------ what is graded again


def test_an_edited_grader_grades_anew_without_a_call(
    project: Project, server: CountingServer
) -> None:
    """Stored answers, new options: other scores, nothing sent, marked as regraded."""
    server.script = always("YES")
    closed = project.start()
    assert {0.0} == {score(t) for t in trials(closed.folder).values()}
    project.suite(graders={"exact": {"ignore_case": True}})
    project.go_on(closed.folder)
    assert {1.0} == {score(t) for t in trials(closed.folder).values()}
    assert len(server.calls) == 4
    assert sum(bool(line.get("regraded")) for line in lines(closed.folder)) == 4


def test_an_edited_target_grades_its_own_sample_anew(
    project: Project, server: CountingServer
) -> None:
    """Only the sample whose target changed gets a new trial event."""
    closed = project.start()
    samples = rows(4)
    samples[1]["target"] = "no"
    project.suite(samples)
    project.go_on(closed.folder)
    found = {name: score(trial) for name, trial in trials(closed.folder).items()}
    assert found == {"s0": 1.0, "s1": 0.0, "s2": 1.0, "s3": 1.0}
    assert len(server.calls) == 4
    assert sum(line["event"] == "trial" for line in lines(closed.folder)) == 5


def test_code_of_a_grader_that_changed_grades_anew(
    project: Project, server: CountingServer
) -> None:
    """The suite's own Python is part of what decides a score."""
    folder = project.suite(graders={"python": {"file": "graders.py", "function": "grade"}})
    (folder / "graders.py").write_text("def grade(sample, output, parsed):\n    return 0.25\n")
    closed = project.start()
    (folder / "graders.py").write_text("def grade(sample, output, parsed):\n    return 0.75\n")
    project.go_on(closed.folder)
    assert {0.75} == {score(t) for t in trials(closed.folder).values()}
    assert len(server.calls) == 4


def test_a_finished_trial_is_never_asked_again_for_being_graded_anew(
    project: Project, server: CountingServer
) -> None:
    """A stricter form makes a stored answer malformed; only a changed request would ask."""
    output = {"format": "json", "schema": SCHEMA, "max_attempts": 3}
    project.suite(rows(1), output=output, graders={"json_schema": {}})
    server.script = always('```json\n{"total": 1}\n```')
    closed = project.start()
    assert trials(closed.folder)["s0"].status == "ok"
    project.suite(output={**output, "accept": ["valid"]}, graders={"json_schema": {}})
    project.go_on(closed.folder)
    found = trials(closed.folder)["s0"]
    assert (found.status, found.output_rung, len(server.calls)) == ("malformed", "fenced", 1)


def test_regrade_changes_what_can_have_changed_and_nothing_else(
    project: Project, server: CountingServer
) -> None:
    """Errors and equal grades stay; the file's hash in run.json follows."""
    server.script = lambda call: failing(400) if call.sample_id == "s0" else Reply("YES")
    closed = project.start()
    assert regrade(closed.folder)[:2] == (0, 4)
    project.suite(graders={"exact": {"ignore_case": True}})
    assert regrade(closed.folder)[:3] == (3, 1, 0)
    assert regrade(closed.folder)[:3] == (0, 4, 0)
    found = trials(closed.folder)
    assert found["s0"].status == "error"
    assert {1.0} == {score(found[f"s{n}"]) for n in (1, 2, 3)}
    assert len(server.calls) == 4


def test_regrading_a_removed_sample_is_told_and_leaves_it(
    project: Project, server: CountingServer
) -> None:
    """Without its target there is nothing to grade by."""
    closed = project.start()
    project.suite(rows(3), graders={"exact": {"ignore_case": True}})
    assert regrade(closed.folder)[:3] == (3, 0, 1)
    assert score(trials(closed.folder)["s3"]) == 1.0


def test_a_regrade_that_breaks_off_leaves_a_run_that_can_be_read(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the trials are graded anew, then the process ends: nothing is called edited."""
    closed = project.start()
    project.suite(graders={"exact": {"ignore_case": True}})
    real, count = Journal.trial, iter(range(100))

    def stopping(self: Journal, line: Any) -> None:
        if next(count) == 2:
            raise KeyboardInterrupt
        real(self, line)

    monkeypatch.setattr(Journal, "trial", stopping)
    with pytest.raises(KeyboardInterrupt):
        regrade(closed.folder)
    monkeypatch.undo()
    monkeypatch.chdir(project.root)
    assert len(trials(closed.folder)) == 4
    assert regrade(closed.folder)[:3] == (2, 2, 0)


def test_a_process_killed_while_it_regrades_leaves_an_open_run(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """run.json gives up its hash before the first line is appended."""
    closed = project.start()
    project.suite(graders={"exact": {"ignore_case": True}})
    seen: list[bool] = []
    real = Journal.trial

    def watching(self: Journal, line: Any) -> None:
        real(self, line)
        seen.append(Run(closed.folder).is_open)

    monkeypatch.setattr(Journal, "trial", watching)
    regrade(closed.folder)
    assert seen == [True] * 4
    assert not Run(closed.folder).is_open


# ------------------------------------------------------------------ what is refused or told


def test_an_edited_journal_is_refused_before_anything_is_sent(
    project: Project, server: CountingServer
) -> None:
    """And the file stays as it is."""
    closed = project.start()
    path = closed.folder / "journal.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"text":"yes"', b'"text":"no!"', 1))
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"journal\.jsonl:\d+: "):
        project.go_on(closed.folder)
    assert len(server.calls) == 4
    assert before == path.read_bytes()


def test_a_run_that_is_going_on_elsewhere_is_left_alone(
    project: Project, server: CountingServer
) -> None:
    """A second `resume` is refused before it touches run.json."""
    closed = project.start()
    cut_after(closed.folder, events=4)
    tail = check(closed.folder, Run(closed.folder).run_id)
    elsewhere = Journal(closed.folder, Run(closed.folder).run_id, tail)
    before = (closed.folder / "run.json").read_bytes()
    with pytest.raises(JournalError, match="another process is writing"):
        project.go_on(closed.folder)
    elsewhere.close()
    assert before == (closed.folder / "run.json").read_bytes()
    assert len(server.calls) == 4


def test_a_suite_that_is_gone_is_a_configuration_error(project: Project) -> None:
    """Nothing is sent, nothing is lost."""
    closed = project.start()
    (project.root / "suites" / "toy" / "suite.yaml").unlink()
    with pytest.raises(ConfigError, match=r"no suite\.yaml"):
        project.go_on(closed.folder)
    assert len(trials(closed.folder)) == 4


def test_an_arm_that_cannot_be_asked_any_more_keeps_its_facts_and_is_named(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its key is gone: its trials stay, the manifest still knows the arm, the run is incomplete."""
    monkeypatch.setenv("TOY_KEY", "sk-0123456789abcdef")
    others = {
        "rules": {
            "wire": "python",
            "governance": {"allowed_sensitivity": "special"},
            "models": {"mine": {}},
        }
    }
    folder = project.suite()
    (folder / "rules.py").write_text("def answer(sample):\n    return 'yes'\n")
    project.providers(api_key_env="TOY_KEY", others=others)
    closed = project.start(models=None)
    assert closed.outlook.state == "complete"
    monkeypatch.delenv("TOY_KEY")
    again = project.go_on(closed.folder)
    assert {"toy:small", "rules:mine"} == {arm["arm"] for arm in again.manifest["arms"]}
    assert again.outlook.state == "incomplete"
    assert "toy:small" in (again.outlook.reason or "")
    assert len(list(Run(closed.folder).trials())) == 8


def test_failures_of_earlier_parts_do_not_weigh_more_when_a_run_goes_on(
    project: Project, server: CountingServer
) -> None:
    """One failure of 60 stays one of 60, not one of the one that was asked again."""
    server.script = lambda call: failing(400) if call.sample_id == "s7" else Reply("yes")
    project.suite(rows(60))
    closed = project.start()
    assert closed.outlook.state == "complete"
    again = project.go_on(closed.folder)
    assert (again.outlook.state, again.outlook.counts) == ("complete", {"error": 1})


def test_earlier_attempts_of_a_trial_that_is_not_sent_any_more_are_kept(
    project: Project, server: CountingServer
) -> None:
    """An outage on resume must not drop what earlier attempts at the same request took."""
    server.script = lambda call: failing(500)
    project.providers(limits={"concurrency": 1, "max_attempts": 1})
    project.suite(rows(8))
    closed = project.start()
    server.script = lambda call: failing(401)
    project.go_on(closed.folder)
    found = trials(closed.folder).values()
    assert {1, 2} == {len(t.attempts) for t in found}
    assert sum(len(t.attempts) == 2 for t in found) == 3


def test_money_of_all_parts_is_added_up(project: Project, server: CountingServer) -> None:
    """spent_usd of a run that went on is what all its attempts have cost."""
    project.providers(models={"small": {"pricing": PRICES}})
    closed = project.start()
    project.suite(rows(6))
    again = project.go_on(closed.folder)
    assert (closed.manifest["spent_usd"], again.manifest["spent_usd"]) == (0.0024, 0.0036)
