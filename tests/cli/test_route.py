"""`evalkit route`: a portfolio from recordings, a policy with its evidence, gateway files."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from evalkit.core.schemas import schema_of
from tests.cli.recorded import write_suite

N = 300


def recorded(
    evalkit: Any,
    arms: dict[str, dict[str, Any]],
    *,
    count: int = N,
    governance: str = "",
    suite: bool = True,
) -> Path:
    """Run recordings: each arm says no or nothing to the samples given, at its own price."""
    if suite:
        write_suite(count)
    rows = []
    for arm, facts in arms.items():
        for n in range(count):
            text = (
                ""
                if n in facts.get("empty", ())
                else "no"
                if n in facts.get("wrong", ())
                else "yes"
            )
            rows.append(
                {"sample_id": f"s{n}", "model": arm, "text": text, "service_ms": 100.0,
                 "cost_usd": facts.get("usd"), "recorded_at": "2026-10-01T00:00:00Z"}
            )  # fmt: skip
    Path("log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("log.yaml").write_text(
        "schema_version: 1\nproviders:\n  log:\n    wire: replay\n    path: log.jsonl\n"
        + governance
    )
    said = evalkit("run", "suites/yesno", "--providers", "log.yaml", "--json")
    assert said.code == 0, said.err
    return Path(json.loads(said.out)["path"])


def cheap_and_dear(evalkit: Any, **more: Any) -> Path:
    """A cheap arm that says nothing to a fifth, else is right; a dear one that is right."""
    return recorded(
        evalkit, {"cheap": {"usd": 0.001, "empty": range(0, N, 5)}, "dear": {"usd": 0.01}}, **more
    )


def document_of(evalkit: Any, run: Path, *arguments: object) -> dict[str, Any]:
    said = evalkit("route", run, "--json", *arguments)
    assert said.code == 0, said.err
    return json.loads(said.out)


def test_the_document_is_as_promised(evalkit: Any) -> None:
    """Keys of the contract; the cascade is chosen, and its gain on locked samples is told."""
    document = document_of(evalkit, cheap_and_dear(evalkit))
    assert {"best_single", "assignment", "frontier", "cascades", "oracle", "policy_path"} <= set(
        document
    )
    assert document["assignment"]["yesno"]["model"] == "log:dear"
    task = document["tasks"]["yesno"]
    assert task["chosen"]["arms"] == ["log:cheap", "log:dear"]
    saving = task["holdout"]["against_best"]["saving"]
    assert saving["low"] < saving["value"] < saving["high"]
    assert saving["value"] == pytest.approx(0.7, abs=0.08)
    assert task["holdout"]["escalation_rate"] == pytest.approx(0.2, abs=0.08)
    assert task["holdout"]["false_accept_rate"] == 0


def test_the_policy_is_written_with_its_evidence(evalkit: Any) -> None:
    """As its schema says, with the journal's hash; equal runs give equal policies."""
    run = cheap_and_dear(evalkit)
    path = Path(document_of(evalkit, run)["policy_path"])
    policy = json.loads(path.read_text())
    jsonschema.validate(policy, schema_of("policy"))
    assert policy["tasks"]["yesno"] == {
        "route": [
            {"when": "always", "arm": "log:cheap"},
            {"when": "not accepted", "arm": "log:dear"},
        ],
        "fallbacks": [],
        "accept": "usable",
    }
    manifest = json.loads((run / "run.json").read_text())
    assert policy["evidence"]["journal_sha256"] == [manifest["journal_sha256"]]
    before = path.read_bytes()
    document_of(evalkit, run, "-o", "again.json")
    assert before == Path("again.json").read_bytes()


def two_that_agree(evalkit: Any) -> Path:
    """Two cheap arms, each wrong on a tenth of its own, and a dear one that is right."""
    return recorded(
        evalkit,
        {
            "a": {"usd": 0.001, "wrong": range(0, N, 10)},
            "b": {"usd": 0.002, "wrong": range(5, N, 10)},
            "dear": {"usd": 0.02},
        },
    )


def test_two_cheap_arms_that_agree_are_believed(evalkit: Any) -> None:
    """Where they differ the dear one is asked; a run of the policy keeps the promise."""
    document = document_of(evalkit, two_that_agree(evalkit))
    chosen = document["tasks"]["yesno"]["chosen"]
    assert (chosen["name"], chosen["accept"]) == ("log:a = log:b → log:dear", "agree")
    assert document["tasks"]["yesno"]["holdout"]["false_accept_rate"] == 0
    policy = json.loads(Path(document["policy_path"]).read_text())
    jsonschema.validate(policy, schema_of("policy"))
    assert policy["tasks"]["yesno"]["accept"] == "agree"
    steps = policy["tasks"]["yesno"]["route"]
    assert [step["when"] for step in steps] == ["always", "always", "not accepted"]
    said = evalkit(
        "run", "suites/yesno", "--providers", "log.yaml", "--policy", document["policy_path"],
        "--json",
    )  # fmt: skip
    (row,) = json.loads(said.out)["rows"]
    assert row["quality"]["value"] == 1.0
    assert row["policy"]["escalation_rate"]["value"] == pytest.approx(0.2)
    assert row["cost_per_1000_usd"] == pytest.approx(1000 * (0.003 + 0.2 * 0.02))


def test_a_gateway_gets_no_rule_that_it_cannot_hold(evalkit: Any) -> None:
    """With --export the form alone takes answers; what is demanded all the same is refused."""
    run = two_that_agree(evalkit)
    document = document_of(evalkit, run, "--export", "litellm")
    assert document["tasks"]["yesno"]["chosen"]["arms"] == ["log:dear"]
    refused = evalkit("route", run, "--export", "litellm", "--accept", "agree")
    assert refused.code == 2
    assert "yesno takes answers by 'agree', which no gateway holds" in refused.err


CHECK = """
def grade(sample, output, parsed):
    return 1.0 if int(sample["id"][1:]) % 10 else 0.0
"""


def test_a_grader_without_a_target_takes_answers(evalkit: Any) -> None:
    """It sees what the cheap arm gets wrong: the dear one is asked for that tenth."""
    write_suite(N)
    suite = Path("suites/yesno/suite.yaml")
    suite.write_text(suite.read_text().replace("graders: {label: {}}",
                                               "graders: {label: {}, python: {}}"))  # fmt: skip
    Path("suites/yesno/graders.py").write_text(CHECK)
    run = recorded(
        evalkit, {"a": {"usd": 0.001, "wrong": range(0, N, 10)}, "dear": {"usd": 0.02}}, suite=False
    )
    document = document_of(evalkit, run, "--accept", "python,usable")
    chosen = document["tasks"]["yesno"]["chosen"]
    assert (chosen["name"], chosen["accept"]) == ("log:a [python] → log:dear", "usable and python")
    assert chosen["quality"]["value"] == 1.0
    assert chosen["escalation_rate"] == pytest.approx(0.1, abs=0.05)
    assert chosen["false_accept_rate"] == 0


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("label", "--accept 'label': in yesno it compares with the target"),
        ("agreement", "--accept 'agreement': allowed: usable, agree, or a grader of these suites"),
        ("", "--accept"),
    ],
)
def test_what_cannot_take_answers_is_refused(evalkit: Any, rule: str, said: str) -> None:
    """In one line."""
    refused = evalkit("route", cheap_and_dear(evalkit), "--accept", rule)
    assert refused.code == 2
    assert said in refused.err


def test_one_sample_is_not_enough(evalkit: Any) -> None:
    """It says so, and writes no policy."""
    document = document_of(evalkit, recorded(evalkit, {"a": {"usd": 0.01}}, count=1))
    assert document["assignment"]["yesno"]["model"] is None
    assert document["assignment"]["yesno"]["reason"].startswith("not enough data")
    assert document["policy_path"] is None
    assert "not enough data" in evalkit("route", next(Path("results").iterdir())).out


def test_without_prices_quality_decides_and_nothing_is_saved(evalkit: Any) -> None:
    """Unpriced is not free."""
    run = recorded(evalkit, {"a": {"wrong": range(60)}, "b": {}})
    document = document_of(evalkit, run)
    assert document["assignment"]["yesno"]["model"] == "log:b"
    assert document["frontier"] == []
    assert document["tasks"]["yesno"]["holdout"]["against_best"]["saving"] is None


def test_equal_arms_gain_nothing_by_routing(evalkit: Any) -> None:
    """All the same: the cheaper one, and the text says that routing gains nothing."""
    run = recorded(evalkit, {"a": {"usd": 0.01}, "b": {"usd": 0.02}})
    assert document_of(evalkit, run)["assignment"]["yesno"]["model"] == "log:a"
    assert "routing gains nothing" in evalkit("route", run).out


def test_who_may_not_see_the_data_is_left_out(evalkit: Any) -> None:
    """The business says they are personal; what the provider declares does not reach that."""
    run = cheap_and_dear(
        evalkit, governance="    governance: {allowed_sensitivity: internal, regions: [us]}\n"
    )
    Path("business.yaml").write_text("schema_version: 1\nsensitivity: {yesno: personal}\n")
    document = document_of(evalkit, run, "--profile", "business.yaml")
    assert document["policy_path"] is None
    assert document["assignment"]["yesno"]["reason"] == "no arm may see this task's data"
    assert "above the allowed" in document["tasks"]["yesno"]["left_out"]["log:cheap"]
    Path("business.yaml").write_text("schema_version: 1\nrequire: {yesno: {regions: [eu]}}\n")
    document = document_of(evalkit, run, "--profile", "business.yaml")
    assert "may process in ['us']" in document["tasks"]["yesno"]["left_out"]["log:dear"]


def test_limits_of_the_business_decide(evalkit: Any) -> None:
    """97 % surely: the cheap arm with 80 % does not do; with 70 % it does."""
    run = cheap_and_dear(evalkit)
    for limit, model in ((0.97, "log:dear"), (0.7, "log:cheap")):
        Path("business.yaml").write_text(
            f"schema_version: 1\nlimits: {{yesno: {{quality: {limit}}}}}\n"
        )
        document = document_of(evalkit, run, "--profile", "business.yaml")
        assert document["assignment"]["yesno"]["model"] == model


@pytest.mark.parametrize("form", ["litellm", "portkey"])
def test_gateways_are_written_without_a_key(evalkit: Any, form: str) -> None:
    """Every hop by name; keys by their variable alone."""
    run = cheap_and_dear(evalkit)
    document = document_of(evalkit, run, "--export", form, "-o", "gateway.out")
    text = Path("gateway.out").read_text()
    assert "LOG_CHEAP_API_KEY" in text
    assert document["export_path"] == "gateway.out"
    if form == "litellm":
        config = yaml.safe_load(text)
        assert config["litellm_settings"] == {"enable_json_schema_validation": True}
        assert config["router_settings"]["fallbacks"] == [{"evalkit/yesno": ["evalkit/yesno/2"]}]
        assert "&id" not in text
    else:
        config = json.loads(text)
        assert [t["override_params"]["model"] for t in config["targets"][0]["targets"]] == [
            "cheap", "dear",
        ]  # fmt: skip


LOAD = """
import os, sys, yaml, litellm
config = yaml.safe_load(open(sys.argv[1]))
for model in config["model_list"]:
    for name, value in model["litellm_params"].items():
        if str(value).startswith("os.environ/"):
            os.environ[value.split("/", 1)[1]] = "http://127.0.0.1:9"
models = config["model_list"]
models[0]["litellm_params"]["mock_response"] = "not json"
models[1]["litellm_params"]["mock_response"] = '{"a": 1}'
litellm.enable_json_schema_validation = config["litellm_settings"]["enable_json_schema_validation"]
router = litellm.Router(model_list=models, **config["router_settings"])
schema = {"name": "x", "schema": {"type": "object", "required": ["a"]}, "strict": True}
answer = router.completion(
    model=models[0]["model_name"], messages=[{"role": "user", "content": "hi"}],
    response_format={"type": "json_schema", "json_schema": schema},
)
print(answer.choices[0].message.content)
"""


def test_litellm_loads_it_and_malformed_answers_go_on(evalkit: Any) -> None:
    """In litellm's own Router: what is no JSON goes to the next hop."""
    python = os.environ.get("EVALKIT_LITELLM_PYTHON")
    if python is None and importlib.util.find_spec("litellm") is None:
        pytest.skip("litellm is not here; EVALKIT_LITELLM_PYTHON names a Python that has it")
    document_of(evalkit, cheap_and_dear(evalkit), "--export", "litellm", "-o", "litellm.yaml")
    done = subprocess.run(
        [python or sys.executable, "-W", "ignore", "-c", LOAD, "litellm.yaml"],
        capture_output=True, text=True, check=False,
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONPATH": ""},
    )  # fmt: skip
    assert done.stdout.strip().splitlines()[-1:] == ['{"a": 1}'], done.stderr[-2000:]


def test_portkey_is_given_the_form_and_no_task_by_default(evalkit: Any) -> None:
    """All but the last of a route are checked; a request of no known task goes to nobody."""
    document_of(evalkit, cheap_and_dear(evalkit), "--export", "portkey", "-o", "p.json")
    config = json.loads(Path("p.json").read_text())
    cheap, dear = config["targets"][0]["targets"]
    assert cheap["output_guardrails"] == [
        {"default.regexMatch": {"rule": r"^\s*(?:yes|no)\s*$"}, "deny": True}
    ]
    assert "output_guardrails" not in dear
    assert "default" not in config["strategy"]


def test_what_runs_in_this_process_no_gateway_reaches(evalkit: Any) -> None:
    """It is said, with what to do."""
    write_suite(80)
    Path("suites/yesno/rules.py").write_text("def answer(sample):\n    return 'yes'\n")
    Path("p.yaml").write_text(
        "schema_version: 1\nproviders:\n  rules: {wire: python, models: {rules: {}}}\n"
    )
    said = evalkit("run", "suites/yesno", "--providers", "p.yaml", "--json")
    run = json.loads(said.out)["path"]
    answer = evalkit("route", run, "--export", "litellm")
    assert answer.code == 2
    assert "where no gateway reaches it" in answer.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--margin", "3"], "--margin must be from 0"),
        (["--models", "log:x"], "it has: log:cheap, log:dear"),
        (["--suites", "x"], "it has: yesno"),
        (["--profile", "gone.yaml"], "gone.yaml"),
        (["-o", "suites"], "-o must be a file"),
        (["--seed", "-1"], "--seed must be 0 or more"),
        (["--profile", "strange.yaml"], "`limits` names 'yesmo', and this run has 'yesno'"),
        (["--export", "envoy"], "invalid choice"),
    ],
)
def test_what_cannot_be_meant_is_one_line(evalkit: Any, arguments: list[str], said: str) -> None:
    """Exit code 2."""
    run = cheap_and_dear(evalkit)
    Path("strange.yaml").write_text("schema_version: 1\nlimits: {yesmo: {quality: 0.5}}\n")
    answer = evalkit("route", run, *arguments)
    assert answer.code == 2
    assert said in answer.err
    assert len(answer.err.strip().splitlines()) == 1


RULES = "def answer(sample):\n    return 'yes'\n\n\ndef judge(inputs):\n    return {said}\n"


def rules_run(evalkit: Any, providers: str, judge: str = "'yes'") -> Path:
    """Run functions of the suite's own as contestants; the caller has written the suite."""
    Path("suites/yesno/rules.py").write_text(RULES.replace("{said}", judge))
    Path("p.yaml").write_text("schema_version: 1\nproviders:\n" + providers)
    said = evalkit("run", "suites/yesno", "--providers", "p.yaml", "--json")
    assert said.code == 0, said.err
    return Path(json.loads(said.out)["path"])


def test_who_must_not_see_some_samples_is_left_out(evalkit: Any) -> None:
    """A gateway cannot tell one sample of a task from another: one personal sample bars the arm."""
    write_suite(100)
    rows = [json.loads(x) for x in Path("suites/yesno/samples.jsonl").read_text().splitlines()]
    rows[3]["sensitivity"] = "personal"
    text = "".join(json.dumps(row) + "\n" for row in rows)
    Path("suites/yesno/samples.jsonl").write_text(text)
    run = rules_run(
        evalkit,
        "  open:\n    wire: python\n    governance: {allowed_sensitivity: internal}\n"
        "    models: {rules: {}}\n"
        "  own:\n    wire: python\n    governance: {allowed_sensitivity: special}\n"
        "    models: {rules: {}}\n",
    )
    document = document_of(evalkit, run)
    assert document["tasks"]["yesno"]["left_out"] == {
        "open:rules": "it must not see every sample: sensitivity 'personal' is above the allowed "
        "'internal'"
    }
    assert document["tasks"]["yesno"]["chosen"]["arms"] == ["own:rules"]
    assert document["tasks"]["yesno"]["fallbacks"] == []


def test_a_judge_of_the_run_is_not_routed_among(evalkit: Any) -> None:
    """It may favour itself; the run says so, and asks no policy of it."""
    write_suite(100)
    suite = Path("suites/yesno/suite.yaml")
    suite.write_text(suite.read_text().replace("graders: {label: {}}", "graders: {rubric: {}}"))
    Path("suites/yesno/rubric.yaml").write_text(
        "schema_version: 1\ncriteria: [{id: right, question: Is it right?}]\n"
        "judge: rules:judge\nindependent: false\n"
    )
    verdict = '\'{"right": {"evidence": "yes", "verdict": "yes"}}\''
    run = rules_run(
        evalkit,
        "  rules:\n    wire: python\n    governance: {allowed_sensitivity: special}\n"
        "    models: {rules: {}, judge: {options: {function: judge}}}\n",
        verdict,
    )
    document = document_of(evalkit, run)
    assert list(document["tasks"]["yesno"]["left_out"]) == ["rules:judge"]
    assert any("rules:judge judged these answers" in line for line in document["warnings"])
