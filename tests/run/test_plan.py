"""Which models run in which modes under which names, before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from project import SCHEMA, Project, rows, trials
from server import CountingServer

from evalkit.core.errors import ConfigError
from evalkit.core.records import MODES
from evalkit.providers.catalogue import load_catalogue
from evalkit.run.execute import start
from evalkit.run.plan import Choice, choose_models, parse_choice, plan_arms
from evalkit.run.setup import Plan, load_suites


@pytest.mark.parametrize(
    ("text", "model", "mode"),
    [
        ("openai:gpt-5-mini", "openai:gpt-5-mini", None),
        ("openai:gpt-5-mini@json_schema", "openai:gpt-5-mini", "json_schema"),
        ("ollama:qwen3:8b", "ollama:qwen3:8b", None),
        ("ollama:qwen3:8b@prompt", "ollama:qwen3:8b", "prompt"),
        ("vertex:claude-x@20260101", "vertex:claude-x@20260101", None),
        ("vertex:claude-x@20260101@json_object", "vertex:claude-x@20260101", "json_object"),
        ("a:b@json", "a:b@json", None),
        ("a:b@", "a:b@", None),
        ("a:@prompt", "a:", "prompt"),
    ],
)
def test_an_arm_is_split_at_the_first_colon_and_the_last_at(
    text: str, model: str, mode: str | None
) -> None:
    """What stands behind the last @ is a mode only where it is one."""
    assert Choice(model=model, mode=mode) == parse_choice(text)


def arms(
    project: Project,
    *named: str,
    structured: Any = "auto",
    declared: str | None = None,
    **suite: Any,
) -> dict[str, str | None]:
    """Names and modes of the arms that a suite would run."""
    output = {"format": "json", "schema": SCHEMA, "structured": structured}
    project.suite(rows(2), **{"output": output, "graders": {"json_schema": {}}, **suite})
    model = {} if declared is None else {"structured": declared}
    project.providers(models={"m": model, "m:8b": model, "m@1": model})
    return planned(project, *named)


def planned(project: Project, *named: str) -> dict[str, str | None]:
    (loaded,) = load_suites(project.options())
    chosen, _ = choose_models(
        load_catalogue(Path("providers.yaml")), named, present=lambda p: {}, recorded=lambda p: ()
    )
    found, _ = plan_arms(loaded, chosen)
    assert len(found) == len({arm.name for arm, _ in found})
    return {arm.name: arm.mode for arm, _ in found}


@pytest.mark.parametrize(
    ("declared", "mode"), [(None, "prompt"), *((mode, mode) for mode in MODES)]
)
def test_auto_is_the_strongest_mode_that_the_model_declares(
    project: Project, declared: str | None, mode: str
) -> None:
    """An undeclared model is asked by the prompt alone; one mode needs no @ in the name."""
    assert {"toy:m": mode} == arms(project, "toy:m", declared=declared)


def test_a_list_of_modes_is_an_arm_each_with_its_mode_in_the_name(project: Project) -> None:
    """Where a suite has several modes, names tell them apart."""
    found = arms(project, "toy:m", structured=["prompt", "json_schema"], declared="json_schema")
    assert found == {"toy:m@prompt": "prompt", "toy:m@json_schema": "json_schema"}


def test_a_mode_above_what_the_model_declares_is_not_run(project: Project) -> None:
    """It is listed with its reason; what can run runs."""
    found = arms(project, "toy:m", structured=["prompt", "json_schema"], declared="json_object")
    assert found == {"toy:m@prompt": "prompt"}


def test_a_model_that_declares_nothing_is_asked_in_every_mode_that_is_named(
    project: Project,
) -> None:
    """Undeclared is not unable: whether it honours the mode is seen in its answers."""
    found = arms(project, "toy:m", structured=["prompt", "json_schema"])
    assert found == {"toy:m@prompt": "prompt", "toy:m@json_schema": "json_schema"}


def test_a_named_mode_of_an_auto_suite_replaces_its_mode(project: Project) -> None:
    """One mode of one model: the arm keeps its short name."""
    assert arms(project, "toy:m@prompt", declared="json_schema") == {"toy:m": "prompt"}


def test_two_named_modes_of_one_model_are_two_arms(project: Project) -> None:
    """Neither is dropped for having the other's name."""
    found = arms(project, "toy:m@prompt", "toy:m@json_schema", declared="json_schema")
    assert found == {"toy:m@prompt": "prompt", "toy:m@json_schema": "json_schema"}


def test_a_named_mode_that_the_suite_does_not_name_stands_in_the_name(project: Project) -> None:
    """A suite of json_schema asked by the prompt is another arm than the suite's own."""
    found = arms(project, "toy:m@prompt", structured="json_schema", declared="json_schema")
    assert found == {"toy:m@prompt": "prompt"}


def test_one_of_several_modes_may_be_named(project: Project) -> None:
    """`--models m@prompt` of a suite with two modes runs one of them, by its full name."""
    found = arms(
        project, "toy:m@prompt", structured=["prompt", "json_schema"], declared="json_schema"
    )
    assert found == {"toy:m@prompt": "prompt"}


def test_names_with_colons_and_ats_find_their_models(project: Project) -> None:
    """`toy:m:8b` and `toy:m@1` are models; `toy:m@1@prompt` is one in a mode."""
    found = arms(project, "toy:m:8b", "toy:m@1@prompt", declared="json_object")
    assert found == {"toy:m:8b": "json_object", "toy:m@1": "prompt"}


def test_a_form_without_modes_runs_by_the_prompt(project: Project) -> None:
    """Text and labels know no structured mode."""
    found = arms(project, "toy:m", output={"format": "text"}, graders={"exact": {}})
    assert found == {"toy:m": "prompt"}


def test_a_model_that_is_named_twice_runs_once(project: Project) -> None:
    """`--models m,m` is m."""
    assert arms(project, "toy:m", "toy:m") == {"toy:m": "prompt"}


def test_rules_know_no_modes(project: Project) -> None:
    """A contestant in process has no structured mode and no @ in its name."""
    output = {"format": "json", "schema": SCHEMA, "structured": ["prompt", "json_schema"]}
    folder = project.suite(rows(2), output=output, graders={"json_schema": {}})
    (folder / "rules.py").write_text("def answer(sample):\n    return {'total': 1}\n")
    project.providers(others={"rules": {"wire": "python", "models": {"mine": {}}}})
    assert planned(project, "rules:mine") == {"rules:mine": None}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nobody:m", "unknown provider 'nobody'"),
        ("toy:nothing", "has no model 'nothing'"),
        ("toy", "must be provider:name"),
        ("toy:m@json", "has no model 'm@json'"),
    ],
)
def test_an_unknown_model_is_refused_with_what_is_there(
    project: Project, name: str, said: str
) -> None:
    """Before anything is sent."""
    project.providers(models={"m": {}})
    with pytest.raises(ConfigError, match=said):
        planned(project, name)


def test_a_named_model_without_its_key_is_refused(project: Project) -> None:
    """The variable is named with the place that needs it."""
    project.providers(api_key_env="TOY_KEY_THAT_IS_NOT_SET")
    with pytest.raises(ConfigError, match=r"TOY_KEY_THAT_IS_NOT_SET is not set; provider 'toy'"):
        planned(project, "toy:small")


def test_without_names_the_models_that_are_here_run_and_the_others_are_listed(
    project: Project, server: CountingServer
) -> None:
    """A missing key is a reason in the plan, not an error."""
    folder = project.suite(rows(2))
    (folder / "rules.py").write_text("def answer(sample):\n    return 'yes'\n")
    project.providers(
        api_key_env="TOY_KEY_THAT_IS_NOT_SET",
        others={"rules": {"wire": "python", "models": {"mine": {}}}},
    )
    seen: list[Plan] = []

    def confirm(plan: Plan) -> bool:
        seen.append(plan)
        return True

    closed = start(project.options(models=None), confirm=confirm)
    assert [entry.arm.name for entry, _ in seen[0].entries] == ["rules:mine"]
    assert [(n.model, "TOY_KEY_THAT_IS_NOT_SET" in n.reason) for n in seen[0].not_run] == [
        ("toy:*", True)
    ]
    assert seen[0].trials == 2
    assert closed.outlook.counts == {"ok": 2}
    assert len(server.calls) == 0


def test_the_estimate_is_shown_before_anything_is_sent(
    project: Project, server: CountingServer
) -> None:
    """Prompts at 3.5 characters a token and answers as long as allowed, times repeats."""
    pricing = {"mode": "per_token", "input_usd_per_mtok": 0, "output_usd_per_mtok": 100.0}
    project.providers(models={"small": {"pricing": pricing}})
    project.suite(rows(10))
    seen: list[Plan] = []

    def confirm(plan: Plan) -> bool:
        assert len(server.calls) == 0
        seen.append(plan)
        return False

    with pytest.raises(ConfigError):
        start(project.options(repeats=3), confirm=confirm)
    assert pytest.approx(10 * 3 * 16 * 100 / 1e6) == seen[0].estimate_usd


def test_suites_of_one_name_are_refused(project: Project) -> None:
    """Their trials could not be told apart."""
    project.suite(rows(2), name="other")
    path = project.root / "suites" / "other" / "suite.yaml"
    path.write_text(path.read_text().replace('"other"', '"toy"'))
    with pytest.raises(ConfigError, match="name of two suites"):
        project.start(suites=("suites/toy", "suites/other"))


def test_two_suites_run_in_one_run(project: Project, server: CountingServer) -> None:
    """The same sample ids in both are different trials."""
    project.suite(rows(3), name="other")
    closed = project.start(suites=("suites/toy", "suites/other"))
    assert closed.outlook.counts == {"ok": 7}
    assert dict(server.asked) == {"s0": 2, "s1": 2, "s2": 2, "s3": 1}
    assert [suite["name"] for suite in closed.manifest["suites"]] == ["toy", "other"]


def test_few_shot_examples_demand_what_samples_demand(
    project: Project, server: CountingServer
) -> None:
    """They stand in every prompt: an example that may not leave the house keeps all of them in."""
    folder = project.suite(
        rows(2), prompt={"user": "{{ question }}", "examples": {"path": "shots.jsonl", "k": 1}}
    )
    shot = {"id": "x", "question": "hidden", "target": "yes", "sensitivity": "special"}
    (folder / "shots.jsonl").write_text(json.dumps(shot) + "\n")
    project.providers(governance={"allowed_sensitivity": "internal"})
    found = trials(project.start().folder)
    assert {"skipped"} == {trial.status for trial in found.values()}
    assert [] == server.calls


def test_a_recorded_arm_keeps_its_mode_out_of_its_model(project: Project) -> None:
    """`model` is provider:name, so that the modes of one model stand together."""
    path = project.root / "rec.jsonl"
    path.write_text(json.dumps({"sample_id": "s0", "model": "m@prompt", "text": "yes"}) + "\n")
    project.suite(rows(1))
    project.providers(others={"log": {"wire": "replay", "path": str(path)}})
    (trial,) = trials(project.start(models=("log:m@prompt",)).folder).values()
    assert ("log:m@prompt", "log:m") == (trial.arm, trial.model)
