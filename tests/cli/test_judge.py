"""`evalkit judge`: checked against labels, compared in pairs, as a user would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

JUDGE = """
def answer(sample):
    return "good" if "good" in sample["text"] else "poor"


def judge(sample):
    verdict = "yes" if "good" in sample["output"] else "no"
    said = {"evidence": sample["output"], "verdict": verdict}
    return {name: said for name in sample["criteria"]}


def prefer(sample):
    return {"reason": "", "better": "first" if "good" in sample["first"] else "second"}
"""
PROVIDERS = """
schema_version: 1
providers:
  rules: {wire: python, governance: {allowed_sensitivity: special}, models: {rules: {}}}
  judges:
    wire: python
    governance: {allowed_sensitivity: special}
    models:
      strict: {options: {function: judge}}
      pairs: {options: {function: prefer}}
"""
RUBRIC = """
schema_version: 1
criteria:
  - {id: fine, question: "Is it fine?"}
  - {id: kind, question: "Is it kind?", weight: 0.5}
judge: judges:strict
"""


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A judged suite of 40 texts; every other one is good."""
    monkeypatch.chdir(tmp_path)
    folder = Path("suites/notes")
    folder.mkdir(parents=True)
    texts = ["good text" if n % 2 == 0 else "poor text" for n in range(40)]
    rows = [{"id": f"n{n}", "text": f"{text} {n}"} for n, text in enumerate(texts)]
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "suite.yaml").write_text(
        "schema_version: 1\nname: notes\ndata: {path: samples.jsonl, id: id}\n"
        "prompt: {user: '{{ text }}'}\noutput: {format: text}\ngraders: {rubric: {}}\n"
    )
    (folder / "rubric.yaml").write_text(RUBRIC)
    (folder / "rules.py").write_text(JUDGE)
    Path("providers.yaml").write_text(PROVIDERS)
    return folder


def label_lines(count: int = 40, **changes: Any) -> list[dict[str, Any]]:
    return [
        {"sample_id": f"n{n}", "arm": "rules:rules", "repeat": 1, "criterion": "fine",
         "label": "yes" if n % 2 == 0 or n < 8 else "no", "annotator": "ann", **changes}
        for n in range(count)
    ]  # fmt: skip


def write(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def run_of(evalkit: Any) -> str:
    said = evalkit("run", "suites/notes", "--models", "rules:rules", "--json")
    assert said.code == 0, said.err
    return str(json.loads(said.out)["path"])


def test_a_run_is_checked_against_labels(evalkit: Any, suite: Path) -> None:
    """Figures per criterion as JSON, the card in the suite's folder and the run's."""
    folder = run_of(evalkit)
    labels = write(Path("labels.jsonl"), label_lines())
    said = evalkit("judge", "check", "suites/notes", "--labels", labels, "--run", folder, "--json")
    assert said.code == 0, said.err
    document = json.loads(said.out)
    fine = document["criteria"]["fine"]
    assert (fine["n"], fine["tnr"]["value"]) == (40, 1.0)
    assert fine["tpr"]["value"] == pytest.approx(20 / 24)
    for name in ("kappa", "ac1", "agreement", "corrected_pass_rate"):
        assert fine[name] is not None
    assert document["judges"] == ["judges:strict"]
    card = json.loads((suite / "judge_card.json").read_text())
    assert (
        card["criteria"] == json.loads((Path(folder) / "judge_card.json").read_text())["criteria"]
    )
    assert card["rubric_hash"] == document["rubric_hash"]
    few = write(Path("few.jsonl"), label_lines(3))
    said = evalkit("judge", "check", "suites/notes", "--labels", few, "--run", folder)
    assert (said.code, "the one there rests on more labels (40)" in said.err) == (0, True)
    assert json.loads((Path(folder) / "judge_card.json").read_text())["labels"]["n"] == 40


def test_outputs_beside_the_labels_are_judged_without_a_run(evalkit: Any, suite: Path) -> None:
    """Each labelled output is seen by the judge, of whatever form it is."""
    outputs = [
        {"sample_id": f"n{n}", "model": "author", "text": "good" if n % 3 else "{}"}
        for n in range(12)
    ]
    write(suite / "judge/outputs.jsonl", outputs)
    lines = [{**line, "arm": "outputs:author"} for line in label_lines(12)]
    labels = write(suite / "judge/labels.jsonl", lines)
    said = evalkit("judge", "check", suite, "--labels", labels)
    assert said.code == 0, said.err
    assert "judge judges:strict against ann: 12 labels of 12 outputs" in said.out
    assert "people → judge" in said.out
    assert "one annotator: no agreement between people is known" in said.out
    card = json.loads((suite / "judge_card.json").read_text())
    assert card["criteria"]["fine"]["n"] == 12


def test_only_so_many_outputs_are_judged_where_asked(evalkit: Any, suite: Path) -> None:
    """A quick look with a slow judge."""
    outputs = [{"sample_id": f"n{n}", "model": "author", "text": "good"} for n in range(12)]
    write(suite / "judge/outputs.jsonl", outputs)
    lines = [{**line, "arm": "outputs:author"} for line in label_lines(12)]
    labels = write(suite / "judge/labels.jsonl", lines)
    said = evalkit("judge", "check", suite, "--labels", labels, "--limit", "5", "--json")
    assert json.loads(said.out)["criteria"]["fine"]["n"] == 5


def test_the_suites_card_is_not_replaced_by_less(evalkit: Any, suite: Path) -> None:
    """A part, another judge, fewer labels: the card that people rely on stays, and it is said."""
    outputs = [{"sample_id": f"n{n}", "model": "author", "text": "good"} for n in range(12)]
    write(suite / "judge/outputs.jsonl", outputs)
    lines = [{**line, "arm": "outputs:author"} for line in label_lines(12)]
    labels = write(suite / "judge/labels.jsonl", lines)
    few = write(suite / "judge/few.jsonl", lines[:3])
    check = ("judge", "check", suite, "--labels")
    assert evalkit(*check, labels).code == 0
    before = (suite / "judge_card.json").read_bytes()
    code = JUDGE.replace("def judge(", "def other(") + JUDGE
    (suite / "rules.py").write_text(code)
    Path("providers.yaml").write_text(
        PROVIDERS.replace("models:\n      strict", "models:\n      lax: "
                          "{options: {function: other}}\n      strict")
    )  # fmt: skip
    for asked, reason in (
        ((labels, "--limit", "3"), "a part of the labelled outputs"),
        ((labels, "--judge", "judges:lax"), "another judge or rubric than the suite names"),
        ((few,), "rests on more labels (12)"),
    ):
        said = evalkit(*check, *asked)
        assert said.code == 0, said.err
        assert "no card in the suite's folder" in said.err
        assert reason in said.err
        assert (suite / "judge_card.json").read_bytes() == before, reason


def test_a_judge_that_nobody_can_read_has_no_card(evalkit: Any, suite: Path) -> None:
    """And the exit code says so: nothing was checked."""
    write(suite / "judge/outputs.jsonl", [{"sample_id": "n0", "model": "author", "text": "x"}])
    labels = write(suite / "judge/labels.jsonl", [{**label_lines(1)[0], "arm": "outputs:author"}])
    (suite / "rules.py").write_text(
        JUDGE.replace("return {name: said", "return 'fine' or {name: said")
    )
    said = evalkit("judge", "check", suite, "--labels", labels)
    assert said.code == 4
    assert "no labelled output has a verdict that can be read" in said.err
    assert not (suite / "judge_card.json").exists()


@pytest.mark.parametrize(
    ("place", "said"), [("suites", "no ordinary file"), ("deep/c.json", "there is no folder deep")]
)
def test_a_place_where_no_card_can_be_is_refused_before_anybody_is_paid(
    evalkit: Any, suite: Path, place: str, said: str
) -> None:
    """One line, exit code 2, no run."""
    write(suite / "judge/outputs.jsonl", [{"sample_id": "n0", "model": "author", "text": "x"}])
    labels = write(suite / "judge/labels.jsonl", [{**label_lines(1)[0], "arm": "outputs:author"}])
    found = evalkit("judge", "check", suite, "--labels", labels, "-o", place)
    assert (found.code, said in found.err) == (2, True)
    assert not Path("results").exists()


def test_another_judge_can_be_named(evalkit: Any, suite: Path) -> None:
    """Before a suite is changed."""
    write(suite / "judge/outputs.jsonl", [{"sample_id": "n0", "model": "author", "text": "x"}])
    labels = write(suite / "judge/labels.jsonl", [{**label_lines(1)[0], "arm": "outputs:author"}])
    said = evalkit("judge", "check", suite, "--labels", labels, "--judge", "judges:nobody")
    assert said.code == 2
    assert "judge 'judges:nobody'" in said.err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sample_id": "zz"}, "labels.jsonl:1: suite 'notes' has no sample 'zz'"),
        ({"criterion": "nice"}, "has no criterion 'nice'; it has: fine, kind"),
        ({"label": "perhaps"}, "`label` of criterion 'fine' got 'perhaps'; allowed: no, yes"),
        ({"label": None}, "`label` is missing"),
        ({"repeat": 0.5}, "`repeat` must be a whole number"),
        ({"repeat": 0}, "labels.jsonl:1: `repeat` must be a whole number >= 1, got 0"),
        ({"wight": 1}, "unknown key 'wight'; known: sample_id"),
        ({"arm": "toy:other"}, "none of its 1 labels is about an output that was judged"),
        ({"annotator": 7}, "`annotator` must be a text"),
    ],
)
def test_bad_labels_get_one_clear_line(
    evalkit: Any, suite: Path, change: dict[str, Any], said: str
) -> None:
    """With file and line; nothing is written."""
    folder = run_of(evalkit)
    labels = write(Path("labels.jsonl"), [{**label_lines(1)[0], **change}])
    found = evalkit("judge", "check", "suites/notes", "--labels", labels, "--run", folder)
    assert (found.code, found.out) == (2, "")
    assert said in found.err
    assert "Traceback" not in found.err
    assert not (suite / "judge_card.json").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it holds no label"),
        ("{broken\n", "labels.jsonl:1: the line is not JSON"),
        ("[1]\n", "a line must be a JSON object"),
    ],
)
def test_a_file_that_holds_no_labels_is_refused(
    evalkit: Any, suite: Path, text: str, said: str
) -> None:
    """Empty, broken, or another kind of file."""
    folder = run_of(evalkit)
    Path("labels.jsonl").write_text(text)
    found = evalkit("judge", "check", "suites/notes", "--labels", "labels.jsonl", "--run", folder)
    assert found.code == 2
    assert said in found.err


def test_a_label_given_twice_is_refused(evalkit: Any, suite: Path) -> None:
    """One person says one thing of one output."""
    folder = run_of(evalkit)
    labels = write(Path("labels.jsonl"), label_lines(1) * 2)
    found = evalkit("judge", "check", "suites/notes", "--labels", labels, "--run", folder)
    assert "labels.jsonl:2: 'ann' labels this output twice, first in line 1" in found.err


def test_a_run_without_a_judge_says_how_to_have_it_judged(evalkit: Any, suite: Path) -> None:
    """`regrade` asks the judge about the stored outputs."""
    ran = evalkit("run", suite, "--models", "rules:rules", "--json",
                  "--set", "graders={python: {file: rules.py, function: answer}}")  # fmt: skip
    folder = json.loads(ran.out)["path"]
    labels = write(Path("labels.jsonl"), label_lines())
    found = evalkit("judge", "check", suite, "--labels", labels, "--run", folder)
    assert found.code == 2
    assert "nobody judged 'notes' in this run; evalkit regrade" in found.err


def test_a_judged_figure_without_a_card_says_so(evalkit: Any, suite: Path) -> None:
    """Until people's labels have been held against the judge, and again after an edited rubric."""
    said = evalkit("run", suite, "--models", "rules:rules")
    assert "no judge card" in said.err
    folder = run_of(evalkit)
    labels = write(Path("labels.jsonl"), label_lines())
    evalkit("judge", "check", suite, "--labels", labels, "--run", folder)
    assert "no judge card" not in evalkit("show", folder).err
    (suite / "rubric.yaml").write_text(RUBRIC.replace("Is it fine?", "Is it good?"))
    assert "no judge card" in evalkit("run", suite, "--models", "rules:rules").err


def test_a_card_that_speaks_against_the_judge_is_told(evalkit: Any, suite: Path) -> None:
    """A valid card is not enough: it must be a good one."""
    folder = run_of(evalkit)
    lines = [{**line, "label": "yes" if n % 3 else "no"} for n, line in enumerate(label_lines())]
    labels = write(Path("labels.jsonl"), lines)
    evalkit("judge", "check", suite, "--labels", labels, "--run", folder)
    said = evalkit("show", folder).err
    assert "little agreement with people beyond chance (kappa: fine" in said
    assert "do not decide by its verdicts" in said


def test_two_arms_are_compared_in_pairs(evalkit: Any, suite: Path) -> None:
    """A table for people, a document for programs."""
    outputs = [
        {"sample_id": f"n{n}", "model": name, "text": f"{name} {n}"}
        for n in range(6) for name in ("good", "poor")
    ]  # fmt: skip
    write(Path("outputs.jsonl"), outputs)
    Path("providers.yaml").write_text(
        PROVIDERS + "  logs: {wire: replay, path: outputs.jsonl,"
        " governance: {allowed_sensitivity: special}}\n"
    )
    ran = evalkit("run", suite, "--models", "logs:good,logs:poor", "--json")
    folder = json.loads(ran.out)["path"]
    said = evalkit("judge", "pairs", folder, "--judge", "judges:pairs", "--json")
    (pair,) = json.loads(said.out)["pairs"]
    assert (pair["wins"], pair["losses"]) == (6, 0)
    table = evalkit("judge", "pairs", folder, "--judge", "judges:pairs").out
    assert "logs:good > logs:poor" in table
    assert "comparisons: " in table


def test_check_finds_a_judge_that_nobody_knows(evalkit: Any, suite: Path) -> None:
    """An error with the place; one whose key is not set is a warning."""
    assert evalkit("check", suite).code == 0
    said = evalkit("check", suite, "--set", "graders.rubric.judge=judges:nobody")
    assert said.code == 2
    assert "judge 'judges:nobody'" in said.err
    Path("providers.yaml").write_text(
        PROVIDERS + "  far: {wire: openai_chat, base_url: 'http://127.0.0.1:9/v1',"
        " api_key_env: NO_SUCH_KEY, models: {m: {}}}\n"
    )
    said = evalkit("check", suite, "--set", "graders.rubric.judge=far:m")
    assert said.code == 0
    assert "judge 'far:m' cannot be asked: NO_SUCH_KEY is not set" in said.err


def test_check_refuses_a_judge_that_must_not_see_the_samples(evalkit: Any, suite: Path) -> None:
    """In the words with which `run` refuses it."""
    document = (suite / "suite.yaml").read_text()
    (suite / "suite.yaml").write_text(document + "sensitivity: personal\n")
    Path("providers.yaml").write_text(
        PROVIDERS + "  open: {wire: python, governance: {allowed_sensitivity: internal},"
        " models: {m: {options: {function: judge}}}}\n"
    )
    assert evalkit("check", suite).code == 0
    named = ("--set", "graders.rubric.judge=open:m")
    checked = evalkit("check", suite, *named)
    refused = evalkit("run", suite, "--models", "rules:rules", *named)
    assert (checked.code, refused.code) == (2, 2)
    told = "judge 'open:m' must not see samples of 'notes': "
    assert told in checked.err
    (line,) = [line for line in checked.err.splitlines() if told in line]
    assert line in refused.err


def test_a_small_budget_needs_no_question(evalkit: Any, suite: Path, monkeypatch: Any) -> None:
    """What can be spent is above a dollar only where both the estimate and the budget are."""
    from evalkit.cli.plan import Confirmation
    from evalkit.run.setup import Plan

    monkeypatch.setattr("sys.stdin.isatty", lambda: False)

    def agreed(cost: float, budget: float | None) -> bool:
        plan = Plan([], [], [], None, cost, [], 1, budget_left_usd=budget)  # type: ignore[arg-type]
        return Confirmation(assume_yes=False)(plan)

    assert [agreed(1.77, None), agreed(1.77, 1.5)] == [False, False]
    assert [agreed(1.77, 0.03), agreed(0.5, None), agreed(0.5, 5.0)] == [True, True, True]


def test_a_partial_check_does_not_replace_the_suites_card(evalkit: Any, suite: Path) -> None:
    """Neither a quick look nor another judge's card becomes the suite's."""
    outputs = [{"sample_id": f"n{n}", "model": "author", "text": "good"} for n in range(12)]
    write(suite / "judge/outputs.jsonl", outputs)
    lines = [{**line, "arm": "outputs:author"} for line in label_lines(12)]
    labels = write(suite / "judge/labels.jsonl", lines)
    evalkit("judge", "check", suite, "--labels", labels)
    whole = (suite / "judge_card.json").read_text()
    said = evalkit("judge", "check", suite, "--labels", labels, "--limit", "2")
    assert (suite / "judge_card.json").read_text() == whole
    assert said.out.count("card: ") == 1
    evalkit("judge", "check", suite, "--labels", labels, "--limit", "2", "-o", "mine.json")
    assert json.loads(Path("mine.json").read_text())["labels"]["n_outputs"] == 2


def test_a_suites_own_filter_and_whole_numbers_as_ids_hold(evalkit: Any, suite: Path) -> None:
    """Samples are chosen by their ids, whatever columns say."""
    rows = [{"id": n, "text": f"good {n}", "kind": "x" if n < 6 else "y"} for n in range(12)]
    write(suite / "samples.jsonl", rows)
    text = (suite / "suite.yaml").read_text()
    (suite / "suite.yaml").write_text(text.replace("id: id}", "id: id, where: {kind: x}}"))
    write(suite / "judge/outputs.jsonl",
          [{"sample_id": n, "model": "author", "text": "good"} for n in range(4)])  # fmt: skip
    lines = [{**label_lines(1)[0], "sample_id": n, "arm": "outputs:author"} for n in range(4)]
    labels = write(suite / "judge/labels.jsonl", lines)
    said = evalkit("judge", "check", suite, "--labels", labels, "--json")
    assert json.loads(said.out)["criteria"]["fine"]["n"] == 4
