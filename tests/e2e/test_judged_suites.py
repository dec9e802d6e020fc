"""Judges on real parts: the embedded model, a server that this project did not write, logs."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from evalkit import api
from evalkit.analysis.judges.card import JudgeCheck
from evalkit.analysis.judges.figures import FAIR_KAPPA
from evalkit.providers import weights
from evalkit.run.folder import Run
from evalkit.run.plan import Selection
from evalkit.run.setup import RunOptions

ROOT = Path(__file__).resolve().parents[2]
JUDGED = sorted(path.parent.name for path in (ROOT / "suites").glob("*/judge"))
WIRES = {
    "openai_chat": "openai", "openai_responses": "openai", "anthropic_messages": "anthropic",
    "gemini": "gemini",
}  # fmt: skip


@pytest.fixture
def suites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped suites in a current directory of its own."""
    shutil.copytree(ROOT / "suites", tmp_path / "suites")
    monkeypatch.chdir(tmp_path)
    return Path("suites")


@pytest.mark.local_model
def test_the_embedded_judge_is_held_against_labels(suites: Path) -> None:
    """The whole way on a real model: outputs judged, journalled, read, compared."""
    if weights.find("smollm2") is None:
        pytest.skip("the weights are not here: evalkit models pull smollm2")
    folder = suites / "short"
    folder.mkdir()
    (folder / "samples.jsonl").write_text(
        '{"id": "a", "text": "The shop opens at nine."}\n'
        '{"id": "b", "text": "The train leaves at six."}\n'
    )
    (folder / "suite.yaml").write_text(
        "schema_version: 1\nname: short\ndata: {path: samples.jsonl, id: id}\n"
        "prompt: {user: 'Say it in other words: {{ text }}'}\noutput: {format: text}\n"
        "graders: {rubric: {}}\n"
    )
    (folder / "rubric.yaml").write_text(
        "schema_version: 1\ncriteria: [{id: same, question: Does it say the same?}]\n"
        "judge: local:smollm2\n"
    )
    (folder / "outputs.jsonl").write_text(
        '{"sample_id": "a", "model": "author", "text": "It is open from nine on."}\n'
        '{"sample_id": "b", "model": "author", "text": "The train is blue."}\n'
    )
    (folder / "labels.jsonl").write_text(
        '{"sample_id": "a", "arm": "author", "criterion": "same", "label": "yes"}\n'
        '{"sample_id": "b", "arm": "author", "criterion": "same", "label": "no"}\n'
    )
    checked = api.check_judge(JudgeCheck(suite=folder, labels=folder / "labels.jsonl"))
    figures = checked.card["criteria"]["same"]
    assert figures["n"] + figures["n_judge_error"] == figures["n_labelled"] == 2
    judged = [a for t in Run(checked.run).trials() for a in t.attempts if a.role == "judge"]
    assert len(judged) >= 2
    assert all(attempt.text and attempt.usage for attempt in judged)
    assert checked.card["models_returned"] == ["smollm2"]


def test_the_card_of_the_embedded_judge_is_valid_and_speaks_against_it() -> None:
    """What lies in the project was made with the rubric and the prompt of today."""
    from evalkit.analysis.judges.card import doubts, find_card
    from evalkit.run.setup import grading_of
    from evalkit.suite.loader import read_spec

    folder = ROOT / "suites" / "summarization"
    grading = grading_of(read_spec(folder), allow_code=True)
    facts = {**grading.judging[0].facts(), "judge_models": {"local:smollm2": "smollm2"}}
    card = find_card(folder, folder, facts)
    assert card is not None
    assert all(figures["kappa"] < FAIR_KAPPA for figures in card["criteria"].values())
    assert "do not decide by its verdicts" in (doubts(card) or "")


@pytest.mark.parametrize("wire", WIRES)
def test_a_judge_on_every_wire_gives_verdicts(
    wire: str, suites: Path, llmock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """llmock says what it is told; the verdict is read, the usage is the judge's."""
    monkeypatch.setenv("TEST_API_KEY", "sk-test-0123456789")
    verdict = {"evidence": "", "verdict": "yes"}
    said = {name: dict(verdict) for name in ("faithful", "length", "style")}
    llmock.reply(json.dumps({**said, "complete": {"evidence": "", "verdict": "1"}}))
    Path("providers.yaml").write_text(
        json.dumps(
            {
                "schema_version": 1,
                "providers": {
                    "rules": {"wire": "python", "models": {"rules": {}},
                              "governance": {"allowed_sensitivity": "special"}},
                    "mock": {"wire": wire, "base_url": llmock.base_url(WIRES[wire]),
                             "api_key_env": "TEST_API_KEY",
                             "governance": {"allowed_sensitivity": "special"},
                             "models": {"judge": {"structured": "json_schema"}}},
                },
            }
        )
    )  # fmt: skip
    result = api.run(
        RunOptions(
            suites=("suites/summarization",),
            models=("rules:rules",),
            settings=("graders.rubric.judge=mock:judge",),
            selection=Selection(limit=1),
        )
    )
    (row,) = result.summary["rows"]
    assert (row["judge"]["n_judged"], row["judge"]["vote_errors"]) == (1, 0)
    assert row["quality"]["value"] == pytest.approx((3 + 2 * 0.5 + 1 + 1) / 7)
    judged = [a for t in Run(result.folder).trials() for a in t.attempts if a.role == "judge"]
    assert all(attempt.usage and attempt.usage.input for attempt in judged)


def test_broken_calls_stand_on_their_rungs_and_reach_no_grader(suites: Path) -> None:
    """Seventeen ways to spoil a call, as the suite's data sheet says."""
    folder = suites / "tool_use"
    Path("providers.yaml").write_text(
        "schema_version: 1\nproviders:\n"
        "  logs: {wire: replay, path: suites/tool_use/judge/malformed.jsonl,"
        " governance: {allowed_sensitivity: special}}\n"
    )
    lines = (folder / "judge" / "malformed.jsonl").read_text().splitlines()
    notes = {line["sample_id"]: line["note"] for line in map(json.loads, lines)}
    sheet = (folder / "README.md").read_text()
    wanted = dict(re.findall(r"\| ([\w -]+) \| `([\w:]+)` \|", sheet))
    result = api.run(RunOptions(suites=(str(folder),), models=("logs:broken",)))
    found = {
        notes[trial.sample_id]: trial.output_rung
        for trial in Run(result.folder).trials()
        if trial.status != "skipped"
    }
    assert found == {note: wanted[note] for note in notes.values()}
    assert len(found) == 17
    (row,) = result.summary["rows"]
    assert (row["malformed_rate"]["value"], row["quality"]["value"]) == (1.0, 0.0)


@pytest.mark.parametrize("name", JUDGED)
def test_every_label_of_a_suite_can_be_used(name: str, suites: Path) -> None:
    """Outputs judged by a stand-in that knows the labels: full agreement, nothing left over."""
    folder = suites / name
    lines = (folder / "judge" / "labels.jsonl").read_text().splitlines()
    outputs = (folder / "judge" / "outputs.jsonl").read_text().splitlines()
    texts = {
        (o["sample_id"], f"outputs:{o['model']}", o.get("repeat", 1)): o.get("text")
        for o in map(json.loads, outputs)
    }
    said: dict[str, dict[str, Any]] = {}
    for line in map(json.loads, lines):
        text = texts[line["sample_id"], line["arm"], line["repeat"]]
        said.setdefault(f"{line['sample_id']}\n{text}", {})[line["criterion"]] = line["label"]
    (folder / "labels_by_text.json").write_text(json.dumps(said))
    (folder / "oracle.py").write_text(
        "import json, pathlib\n"
        "SAID = json.loads((pathlib.Path(__file__).parent / 'labels_by_text.json').read_text())\n"
        "def judge(sample):\n"
        "    said = SAID[sample['id'] + '\\n' + sample['output']]\n"
        "    return {n: {'evidence': '', 'verdict': said[n]} for n in sample['criteria']}\n"
    )
    Path("providers.yaml").write_text(
        "schema_version: 1\nproviders:\n  oracle:\n    wire: python\n"
        "    governance: {allowed_sensitivity: special}\n"
        "    models: {labels: {options: {file: oracle.py, function: judge}}}\n"
    )
    checked = api.check_judge(
        JudgeCheck(
            suite=folder, labels=folder / "judge" / "labels.jsonl", judges=("oracle:labels",)
        )
    )
    assert checked.unmatched == {}
    assert checked.card["labels"]["n"] == len(lines)
    assert checked.card["labels"]["n_outputs"] >= 40
    for figures in checked.card["criteria"].values():
        assert (figures["kappa"], figures["agreement"]["value"]) == (1.0, 1.0)
        assert figures["n"] == figures["n_labelled"] >= 40
