"""`evalkit gate` and `evalkit baseline` on real runs of recorded answers: exit codes and files."""

from __future__ import annotations

import json
import xml.parsers.expat
from pathlib import Path

import pytest
from recorded import record, run, write_suite

from evalkit.core.schemas import schema_of

N = 300
RULES = "rules: [{metric: quality, max_drop: 0.05}, {metric: malformed_rate, max: 0.02}]\n"


@pytest.fixture
def two(evalkit):
    """A run of two arms: `new` errs on six samples more and on six others less."""
    write_suite(N)
    Path("gate.yaml").write_text(RULES)
    providers = record({"old": range(40, 70), "new": range(46, 76), "bad": range(150)}, N)
    return run(evalkit, providers)


def gate(evalkit, *arguments):
    return evalkit("gate", *arguments, "--policy", "gate.yaml")


def document(evalkit, *arguments):
    said = gate(evalkit, *arguments, "--json")
    assert said.code in (0, 1, 3), said.err
    return json.loads(said.out)


ARMS = ("--baseline", "log:old", "--candidate", "log:new")


def test_a_candidate_within_the_margin_passes_with_exit_0(evalkit, two):
    """And the first line says so in words."""
    said = gate(evalkit, two, *ARMS)
    assert said.code == 0
    assert said.out.splitlines()[0].startswith("✓ PASS: log:new may take the place of log:old")


def test_a_worse_candidate_fails_with_exit_1(evalkit, two):
    """The worst samples are named, no output is shown."""
    said = gate(evalkit, two, "--baseline", "log:old", "--candidate", "log:bad")
    assert said.code == 1
    assert "FAIL" in said.out.splitlines()[0]
    found = document(evalkit, two, "--baseline", "log:old", "--candidate", "log:bad")
    assert found["regressions"][0]["baseline"]["quality"] == 1.0
    assert found["regressions"][0]["candidate"]["quality"] == 0.0


@pytest.mark.parametrize(("option", "code"), [((), 3), (("--on-inconclusive", "warn"), 0)])
def test_an_open_gate_has_exit_3_or_is_told_to_warn(evalkit, two, option, code):
    """It is never a pass."""
    Path("gate.yaml").write_text("rules: [{metric: quality, max_drop: 0.01}]\n")
    said = gate(evalkit, two, *ARMS, *option)
    assert said.code == code
    assert "INCONCLUSIVE" in said.out


def test_the_document_is_what_the_contract_says(evalkit, two):
    """Every key of a rule."""
    found = document(evalkit, two, *ARMS)
    assert found["verdict"] == "pass"
    assert found["comparable"] is True
    keys = {
        "metric",
        "slice",
        "verdict",
        "estimate",
        "low",
        "high",
        "limit",
        "n",
        "needed_n",
        "reason",
    }
    assert keys <= set(found["rules"][0])


@pytest.mark.parametrize(
    ("arms", "verdict"),
    [(ARMS, "pass"), (("--baseline", "log:old", "--candidate", "log:bad"), "fail")],
)
def test_junit_and_markdown_are_written_at_every_verdict(evalkit, two, arms, verdict):
    """One test case a rule; a failure where it fails; expat reads it."""
    gate(evalkit, two, *arms, "--junit", "out/gate.xml", "--summary", "out/gate.md")
    text = Path("out/gate.xml").read_text()
    xml.parsers.expat.ParserCreate().Parse(text, True)
    assert text.count("<testcase ") == 2
    assert ("<failure" in text) == (verdict == "fail")
    assert verdict.upper() in Path("out/gate.md").read_text()


def test_github_gets_a_summary_outputs_and_annotations(evalkit, two, tmp_path, monkeypatch):
    """In the files that it names."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    said = gate(evalkit, two, "--baseline", "log:old", "--candidate", "log:bad", "--github")
    assert "::error" in said.out
    assert "verdict=fail" in (tmp_path / "output").read_text()
    assert "FAIL" in (tmp_path / "summary.md").read_text()


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_fail_stays_a_fail_when_nobody_reads_on(evalkit, two, form):
    """`evalkit gate ... | head` in a job must not turn green."""
    import os
    import subprocess
    import sys

    command = [sys.executable, "-m", "evalkit", "gate", str(two), "--policy", "gate.yaml",
               "--baseline", "log:old", "--candidate", "log:bad", *form]  # fmt: skip
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


def test_the_place_of_a_slip_is_named(evalkit, two):
    """A slice column or grader that is not there is no open rule."""
    for rule, said in (
        (
            "{metric: quality, slice: {langauge: de}, max_drop: 0.1}",
            "no suite has such a column of slices, got 'langauge'",
        ),
        (
            "{metric: graders.lable, max_drop: 0.1}",
            "such a grader, got 'graders.lable'",
        ),
        (
            "{metric: quality, suite: yesnos, max_drop: 0.1}",
            "no such suite, got 'yesnos'",
        ),
    ):
        Path("gate.yaml").write_text(f"on_inconclusive: warn\nrules:\n  - {rule}\n")
        found = gate(evalkit, two, *ARMS)
        assert found.code == 2
        assert found.err.startswith("gate.yaml:3: ")
        assert said in found.err


# ------------------------------------------------------------------- baselines


def test_a_baseline_file_gates_as_the_run_that_it_came_from(evalkit, two):
    """Every figure: the gate reads exactly what was accepted."""
    said = evalkit("baseline", "accept", two, "--arm", "log:old", "-o", "base/old.json")
    assert said.code == 0
    Path("gate.yaml").write_text(
        RULES.replace("]\n", ", {metric: latency_p95_ms, max_ratio: 3},"
                      " {metric: cost_per_success_usd, max_ratio: 2},"
                      " {slice: {language: de}, metric: quality, max_drop: 0.3},"
                      " {critical: true, max_regressions: 0}]\n")
    )  # fmt: skip
    whole = document(evalkit, two, *ARMS)
    by_file = document(evalkit, two, "--against", "base/old.json", "--candidate", "log:new")
    assert len(whole["rules"]) == 6
    assert by_file["rules"] == whole["rules"]
    assert by_file["evidence"] == whole["evidence"]
    assert [rule["verdict"] for rule in whole["rules"]] == ["pass"] * 6


def test_a_baseline_file_satisfies_its_schema_and_holds_no_text(evalkit, two):
    """Outcomes by sample, and ids."""
    import jsonschema

    evalkit("baseline", "accept", two, "--arm", "log:old")
    text = Path("baseline.json").read_text()
    validator = jsonschema.Draft202012Validator(schema_of("baseline"))
    assert list(validator.iter_errors(json.loads(text))) == []
    assert "question" not in text
    assert len(text.splitlines()) == N + 4


def test_another_run_can_be_the_baseline(evalkit, two):
    """The same suite, run on another day."""
    other = run(evalkit, record({"old": range(40, 70)}, N, name="earlier"))
    found = document(evalkit, two, "--against", other, "--candidate", "log:new")
    assert found["verdict"] == "pass"
    assert found["against"] == str(other)


def test_a_changed_suite_is_not_comparable(evalkit, two):
    """Exit 3 with what changed, and --allow-changed goes on."""
    evalkit("baseline", "accept", two, "--arm", "log:old")
    samples = Path("suites/yesno/samples.jsonl")
    samples.write_text(samples.read_text().replace("question 7", "question seven"))
    later = run(evalkit, Path("log.yaml"))
    arguments = (later, "--against", "baseline.json", "--candidate", "log:new")
    said = gate(evalkit, *arguments, "--json")
    found = json.loads(said.out)
    assert (said.code, found["comparable"]) == (3, False)
    assert found["differences"] == ["yesno: the suite changed (data)"]
    assert gate(evalkit, *arguments, "--allow-changed").code == 0


def test_other_repeats_are_not_comparable(evalkit, two):
    """Averages of three are not single answers."""
    arms = {"old": range(40, 70)}
    thrice = run(evalkit, record(arms, N, repeats=3, name="three"), "--repeats", 3)
    said = gate(evalkit, two, "--against", thrice, "--candidate", "log:new")
    assert said.code == 3
    assert "3 repeats, then 1" in said.out


def test_a_renamed_suite_is_the_same_suite(evalkit, two):
    """Its contents are."""
    evalkit("baseline", "accept", two, "--arm", "log:old")
    file = Path("suites/yesno/suite.yaml")
    file.write_text(file.read_text().replace("name: yesno", "name: renamed"))
    later = run(evalkit, Path("log.yaml"))
    found = document(evalkit, later, "--against", "baseline.json", "--candidate", "log:new")
    assert (found["verdict"], found["suites"]) == ("pass", ["renamed"])


def test_a_moved_suite_is_the_same_suite(evalkit, two):
    """Contents count, never paths."""
    evalkit("baseline", "accept", two, "--arm", "log:old")
    Path("suites/yesno").rename("suites/moved")
    said = evalkit("run", "suites/moved", "--providers", "log.yaml", "--json")
    later = json.loads(said.out)["path"]
    found = document(evalkit, later, "--against", "baseline.json", "--candidate", "log:new")
    assert found["comparable"] is True


def test_a_run_of_the_first_version_can_still_be_gated(evalkit, two):
    """Keys that run.json and the journal's readers have learnt since are not needed."""
    whole = document(evalkit, two, *ARMS)
    path = two / "run.json"
    manifest = json.loads(path.read_text())
    manifest.pop("judges")
    for suite in manifest["suites"]:
        for name in ("judging", "judged_by", "clustered", "graders", "train"):
            suite.pop(name, None)
    for arm in manifest["arms"]:
        for name in ("kin_judges", "identity", "params", "client", "limits", "retires_on"):
            arm.pop(name, None)
    path.write_text(json.dumps(manifest))
    found = document(evalkit, two, *ARMS)
    assert found["rules"] == whole["rules"]
    assert evalkit("baseline", "accept", two, "--arm", "log:old").code == 0
    against = document(evalkit, two, "--against", "baseline.json", "--candidate", "log:new")
    assert against["rules"] == whole["rules"]


def test_a_later_field_of_a_baseline_file_is_let_be(evalkit, two):
    """A newer evalkit may write more into schema 1; what it needs is there."""
    evalkit("baseline", "accept", two, "--arm", "log:old")
    path = Path("baseline.json")
    stored = json.loads(path.read_text())
    stored["note"] = "accepted by Ann"
    stored["suites"][0]["identity"]["later"] = 1
    path.write_text(json.dumps(stored))
    found = document(evalkit, two, "--against", "baseline.json", "--candidate", "log:new")
    assert found["verdict"] == "pass"


def test_a_gate_on_a_judged_metric_without_a_judge_card_says_so(evalkit, two):
    """How far the judge agrees with people is not known."""
    path = two / "run.json"
    manifest = json.loads(path.read_text())
    manifest["suites"][0]["judging"] = [
        {"judges": ["p:judge"], "judge_models": ["judge-1"], "rubric_hash": "r",
         "prompt_hash": "p", "panel": "majority", "repeats": 1, "params": {}}
    ]  # fmt: skip
    path.write_text(json.dumps(manifest))
    (warning,) = document(evalkit, two, *ARMS)["warnings"]
    assert "judged by p:judge, and no judge card is valid for that" in warning
    assert "no judge card is valid" in " ".join(gate(evalkit, two, *ARMS).out.split())


# ------------------------------------------------------------------- self-test


def test_the_self_test_splits_repeats_and_finds_few_false_alarms(evalkit, here):
    """And says what a drop of 10 points would come to."""
    write_suite(N)
    arms = {"old": range(40, 70)}
    folder = run(evalkit, record(arms, N, repeats=4), "--repeats", 4)
    said = evalkit("gate", "--self-test", folder, "--splits", 40, "--json")
    assert said.code == 0
    (arm,) = json.loads(said.out)["arms"]
    unchanged, *_, ten = arm["results"]
    assert (unchanged["drop"], unchanged["fail"]) == (0.0, 0.0)
    assert (ten["drop"], ten["pass"]) == (0.1, 0.0)
    assert ten["fail"] > 0.5
    table = evalkit("gate", "--self-test", folder, "--splits", 40)
    assert "false alarms: 0.0%" in table.out


def test_the_self_test_of_a_model_without_noise_says_that_it_shows_nothing(evalkit, here):
    """Equal repeats raise no alarm, whatever the gate."""
    write_suite(60)
    folder = run(evalkit, record({"old": range(6)}, 60, repeats=2), "--repeats", 2)
    said = evalkit("gate", "--self-test", folder, "--splits", 20)
    assert "all repeats of a sample scored the same" in said.out


def test_the_self_test_makes_nothing_worse_than_it_can_be(evalkit, here):
    """A quality of 0.05 cannot fall by ten points."""
    write_suite(60)
    folder = run(evalkit, record({"old": range(57)}, 60, repeats=2), "--repeats", 2)
    said = evalkit("gate", "--self-test", folder, "--splits", 20, "--json")
    drops = [row["drop"] for row in json.loads(said.out)["arms"][0]["results"]]
    assert drops == [0.0, 0.02, 0.05]


def test_the_self_test_leaves_out_rules_that_hold_a_level(evalkit, here):
    """A model that is too dear all the time raises no false alarm."""
    write_suite(60)
    folder = run(evalkit, record({"old": range(6)}, 60, repeats=2), "--repeats", 2)
    Path("gate.yaml").write_text("rules: [{metric: quality, min: 0.99}]\n")
    said = evalkit("gate", "--self-test", folder, "--policy", "gate.yaml")
    assert said.code == 2
    assert "every rule holds the candidate's own value" in said.err
    Path("gate.yaml").write_text(
        "rules: [{metric: quality, min: 0.99}, {metric: quality, max_drop: 0.2}]\n"
    )
    said = evalkit("gate", "--self-test", folder, "--policy", "gate.yaml", "--splits", 20)
    assert "left out, as they hold a level and no change: quality min" in said.out
    assert "false alarms: 0.0%" in said.out


def test_the_self_test_needs_repeats(evalkit, two):
    """Exit 3: one repeat cannot be split."""
    said = evalkit("gate", "--self-test", two)
    assert said.code == 3
    assert "--repeats 2" in said.out


MODES = """
schema_version: 1
name: yesno
sensitivity: public
data: {path: samples.jsonl, id: id, target: target}
prompt: {user: "{{ text }}"}
output: {format: json, structured: [prompt, json_schema], schema: {type: object}}
graders: {json_schema: {}}
"""


def test_arms_may_be_named_with_their_mode_or_without(evalkit, here):
    """As the suite has one mode or several."""
    write_suite(60)
    Path("suites/yesno/suite.yaml").write_text(MODES)
    Path("gate.yaml").write_text("rules: [{metric: quality, max_drop: 0.2}]\n")
    providers = record({"old@prompt": (), "old@json_schema": (), "new@prompt": ()}, 60, text="{}")
    folder = run(evalkit, providers)
    said = gate(evalkit, folder, "--baseline", "log:new", "--candidate", "log:old@prompt")
    assert said.code == 0, said.err
    assert "log:old@prompt may take the place of log:new@prompt" in said.out
    said = gate(evalkit, folder, "--baseline", "log:new", "--candidate", "log:old")
    assert said.code == 2
    assert "no arm 'log:old'; it has: log:old@prompt, log:old@json_schema" in said.err
    said = evalkit("compare", folder, "--baseline", "log:new", "--json")
    assert {row["baseline"] for row in json.loads(said.out)["pairs"]} == {"log:new@prompt"}


# ------------------------------------------------------------------- wrong usage


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("{run}", "--baseline", "log:old", "--candidate", "log:nwe"),
            "no arm 'log:nwe'; it has: log:old",
        ),
        (("{run}", "--candidate", "log:new"), "--baseline is missing; it has the arms"),
        (("{one}",), "'log:old' is its only arm; name --against a run or baseline file"),
        (("{run}", "--baseline", "log:new", "--candidate", "log:new"), "are both 'log:new'"),
        (("{run}/none", *ARMS), "no run.json"),
        ((), "RUN is missing"),
        (("{run}", "--against", "samples", *ARMS), "samples: no run.json"),
        (("{run}", "--against", "gate.yaml", *ARMS), "cannot be read as a baseline file"),
        (("{run}", "--against", "other.json", *ARMS), "this is no baseline file"),
        (("{run}", "--against", "newer.json", *ARMS), "schema_version 99; this evalkit reads 1"),
        (("{run}", "--against", "torn.json", *ARMS), "this baseline file is damaged"),
        (("--self-test", "{run}", "--against", "x"), "--self-test RUN goes without"),
        (("--self-test", "{run}", "--candidate", "log:x"), "no arm 'log:x'; it has: log:old"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(evalkit, two, arguments, said):
    """Where, what came, what is allowed."""
    Path("other.json").write_text("{}")
    Path("newer.json").write_text('{"kind": "evalkit baseline", "schema_version": 99}')
    Path("torn.json").write_text('{"kind": "evalkit baseline", "schema_version": 1, "suites": 3}')
    one = "{one}" in arguments and run(evalkit, record({"old": ()}, N, name="one"))
    given = [argument.format(run=two, one=one) for argument in arguments]
    found = gate(evalkit, *given)
    assert found.code == 2
    assert said in found.err
    assert len(found.err.strip().splitlines()) == 1


def test_a_missing_policy_is_exit_2(evalkit, two):
    """Nothing is gated by default."""
    said = evalkit("gate", two, *ARMS)
    assert said.code == 2
    assert "--policy is missing" in said.err


def test_an_edited_journal_is_refused(evalkit, two):
    """A gate decides by what was measured."""
    journal = two / "journal.jsonl"
    journal.write_text(journal.read_text().replace('"value":0.0', '"value":1.0', 1))
    said = gate(evalkit, two, *ARMS)
    assert said.code == 2
    assert "edited" in said.err


def test_a_baseline_needs_an_arm(evalkit, two):
    """Where a run has several."""
    assert "--arm is missing" in evalkit("baseline", "accept", two).err
    assert "no arm 'log:x'" in evalkit("baseline", "accept", two, "--arm", "log:x").err


def test_model_text_cannot_command_the_machine_that_reads_the_log(evalkit, here):
    """Ids, slices and outputs with workflow commands in them begin no line."""
    write_suite(N, language="::error::owned")
    text = "::add-mask::x\n::error::pwned\n##[error]also"
    providers = record({"old": (), "new": ()}, N, name="hostile")
    lines = [json.loads(line) for line in Path("hostile.jsonl").read_text().splitlines()]
    for line in lines:
        if line["model"] == "new":
            line["text"] = text
    Path("hostile.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    Path("gate.yaml").write_text(RULES)
    folder = run(evalkit, providers)
    outs = [
        gate(evalkit, folder, *ARMS, "--github").out,
        evalkit("compare", folder).out,
        evalkit("show", folder).out,
    ]
    for line in "\n".join(outs).splitlines():
        if line.lstrip().startswith("::"):
            assert line.startswith(("::error title=", "::warning title=", "::notice title="))
            assert "pwned" not in line
        assert "##[" not in line
