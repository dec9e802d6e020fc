"""`evalkit audit`: what a run can show, and what it cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.recorded import record, run, write_suite


@pytest.fixture
def ran(evalkit: Any) -> Path:
    """A run of two recordings, one of which answers under another name."""
    write_suite(40)
    providers = record({"a": [1], "b": range(8)}, 40)
    lines = [json.loads(line) for line in Path("log.jsonl").read_text().splitlines()]
    for line in lines:
        line["model_returned"] = "b-2026-10" if line["model"] == "b" else "a"
    Path("log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run(evalkit, providers)


def audit(evalkit: Any, folder: Path, *arguments: object, code: int = 0) -> dict[str, Any]:
    said = evalkit("audit", folder, "--json", *arguments)
    assert said.code == code, said.err
    return json.loads(said.out)


def test_a_whole_journal_holds(evalkit: Any, ran: Path) -> None:
    """Its hash is that of run.json; every input is as it was."""
    document = audit(evalkit, ran)
    manifest = json.loads((ran / "run.json").read_text())
    assert document["journal"]["sha256"] == manifest["journal_sha256"]
    assert document["journal"]["lines"] == len((ran / "journal.jsonl").read_text().splitlines())
    (suite,) = document["inputs"]
    assert (suite["today"], suite["hashes"]["data"]) == (
        "as it was",
        manifest["suites"][0]["hashes"]["data"],
    )


def test_an_edited_journal_does_not(evalkit: Any, ran: Path) -> None:
    """Exit code 1, with the line; nothing is computed from it."""
    path = ran / "journal.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    lines[5] = lines[5].replace('"yes"', '"no!"').replace('"no"', '"no!"')
    path.write_text("".join(lines))
    document = audit(evalkit, ran, code=1)
    assert document["journal"]["holds"] is False
    assert "journal.jsonl:6" in document["journal"]["problem"]
    assert document["exclusions"]["arms"] == []
    assert "journal.jsonl:6" in evalkit("audit", ran).out


def test_a_cut_journal_does_not(evalkit: Any, ran: Path) -> None:
    """Whole lines are missing at the end."""
    path = ran / "journal.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-3]))
    assert "edited or cut" in audit(evalkit, ran, code=1)["journal"]["problem"]


def test_who_answered_is_set_beside_who_was_asked(evalkit: Any, ran: Path) -> None:
    """Requested and returned; where they differ it is said."""
    arms = {arm["arm"]: arm for arm in audit(evalkit, ran)["arms"]}
    assert arms["log:a"]["differs"] == []
    assert arms["log:b"]["returned"] == {"b-2026-10": 40}
    assert "log:b: asked for b, answered by b-2026-10" in evalkit("audit", ran).out


def test_changed_and_missing_inputs_are_told_apart(evalkit: Any, ran: Path) -> None:
    """Which part changed; and where nothing lies any more."""
    path = Path("suites/yesno/samples.jsonl")
    path.write_text(path.read_text().replace("question 3", "question three", 1))
    (suite,) = audit(evalkit, ran)["inputs"]
    assert suite["today"] == "changed"
    assert "data" in suite["changed"]
    Path("suites").rename("gone")
    assert audit(evalkit, ran)["inputs"][0]["today"] == "not here"


def test_what_is_in_no_figure_is_counted(evalkit: Any) -> None:
    """Samples that the recording lacks are skipped, with the reason."""
    write_suite(40)
    providers = record({"a": []}, 30)
    folder = run(evalkit, providers)
    (arm,) = audit(evalkit, folder)["exclusions"]["arms"]
    assert (arm["asked"], arm["skipped"], arm["failed"]) == (40, 10, 0)
    assert sum(arm["skip_reasons"].values()) == 10


def test_what_was_planned_and_never_ended_is_counted(evalkit: Any) -> None:
    """A journal cut short of a run that was not closed: its trials are in no figure either."""
    write_suite(40)
    folder = run(evalkit, record({"a": [], "b": []}, 40))
    path = folder / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines[:60] if b'"log:a"' in line or b'"log:b"' in line]
    path.write_bytes(b"".join(kept))
    manifest = json.loads((folder / "run.json").read_text())
    manifest |= {"journal_sha256": None, "state": "running"}
    (folder / "run.json").write_text(json.dumps(manifest))
    arms = audit(evalkit, folder)["exclusions"]["arms"]
    assert sum(arm["asked"] + arm["not_ended"] for arm in arms) == 80
    assert sum(arm["not_ended"] for arm in arms) == 50
    assert "50 planned and never ended" in evalkit("audit", folder).out


def test_a_broken_journal_leaves_unknown_what_is_in_no_figure(evalkit: Any, ran: Path) -> None:
    """Not 0."""
    path = ran / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-200])
    said = evalkit("audit", ran)
    assert said.code == 1
    assert "in no figure: not known" in said.out


def test_another_runs_gate_is_refused(evalkit: Any, ran: Path) -> None:
    """It names the run that it was held over."""
    Path("gate.json").write_text(
        json.dumps({"verdict": "pass", "rules": [], "run": "results/other", "against": None})
    )
    said = evalkit("audit", ran, "--gate", "gate.json")
    assert said.code == 2
    assert "this gate was held over results/other" in said.err


def test_a_gates_decision_is_kept_with_it(evalkit: Any, ran: Path) -> None:
    """With the hash of its document."""
    Path("gate.yaml").write_text("schema_version: 1\nrules: [{metric: quality, max_drop: 0.5}]\n")
    said = evalkit(
        "gate",
        ran,
        "--baseline",
        "log:a",
        "--candidate",
        "log:b",
        "--policy",
        "gate.yaml",
        "--json",
    )
    Path("gate.json").write_text(said.out)
    document = audit(evalkit, ran, "--gate", "gate.json")
    assert document["gate"]["verdict"] == json.loads(said.out)["verdict"]
    assert len(document["gate"]["sha256"]) == 64


def test_the_record_is_written_and_claims_nothing(evalkit: Any, ran: Path) -> None:
    """Never that anything complies; lines to be signed by people."""
    audit(evalkit, ran, "-o", "evidence")
    text = Path("evidence/audit.md").read_text() + Path("evidence/audit.json").read_text()
    assert "complian" not in text.lower()
    assert "Annex IV 2(g)" in text
    assert "Signed by: ____" in text
    assert json.loads(Path("evidence/audit.json").read_text())["signed_by"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gone"], "no run.json"),
        (["RUN", "--gate", "gone.json"], "gone.json"),
        (["RUN", "--gate", "log.yaml"], "log.yaml"),
    ],
)
def test_what_is_not_there_is_one_line(
    evalkit: Any, ran: Path, arguments: list[str], said: str
) -> None:
    """Exit code 2."""
    answer = evalkit("audit", *[str(ran) if a == "RUN" else a for a in arguments])
    assert answer.code == 2
    assert said in answer.err
    assert len(answer.err.strip().splitlines()) == 1


def test_how_open_the_models_are_is_kept(evalkit: Any) -> None:
    """Declared weights, licence, the OSI's approval, and where they do not fit."""
    write_suite(40)
    providers = record({"a": [1], "b": []}, 40)
    providers.write_text(
        "providers:\n  log:\n    wire: replay\n    path: log.jsonl\n    models:\n"
        "      a: {weights: open_permissive, licence: apache-2.0}\n"
        "      b: {weights: open_source, licence: gemma|x}\n"
    )
    folder = run(evalkit, providers)
    a, b = (arm["openness"] for arm in audit(evalkit, folder, "-o", "evidence")["arms"])
    assert (a["spdx"], a["osi_approved"], a["problems"]) == ("Apache-2.0", True, [])
    assert (b["spdx"], b["osi_approved"], len(b["problems"])) == (None, False, 2)
    said = evalkit("audit", folder).out
    assert "log:b: `licence` is no SPDX expression, got 'gemma|x'" in said
    assert "log:b: `weights` is 'open_source', but 'gemma|x' restricts use" in said
    page = Path("evidence/audit.md").read_text()
    assert r"| log:a | open\_permissive | apache-2.0 | yes |" in page
    assert r"gemma\|x" in page


def test_a_model_of_which_nothing_is_declared_is_not_complained_of(evalkit: Any, ran: Path) -> None:
    """A recording without an entry has no openness."""
    assert [arm["openness"] for arm in audit(evalkit, ran)["arms"]] == [None, None]
