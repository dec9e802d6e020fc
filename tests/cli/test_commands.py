"""Commands on a folder of one's own: scaffold, check, list, run; --json is one document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-live-abcdefghij0123456789"


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.fixture
def suite(evalkit) -> Path:
    assert evalkit("new", "suite", "mine", "--format", "label").code == 0
    return Path("suites/mine")


# ------------------------------------------------------------------- new, check, run


@pytest.mark.parametrize("form", ["json", "label", "text"])
def test_a_new_suite_passes_check_and_runs(evalkit, form: str) -> None:
    """On the rules contestant, with no key and no network."""
    said = evalkit("new", "suite", "mine", "--format", form)
    assert (said.code, said.out) == (0, "suites/mine\n")
    assert "next: " in said.err
    checked = evalkit("check", "suites/mine")
    assert checked.code == 0
    assert checked.out.startswith("suites/mine: mine 0.1.0, 3 samples")
    ran = evalkit("run", "suites/mine", "--models", "rules:rules", "--json")
    assert ran.code == 0
    document = json.loads(ran.out)
    (row,) = document["rows"]
    assert (row["arm"], row["n_asked"], row["n_answered"]) == ("rules:rules", 3, 3)
    assert document["state"] == "complete"
    assert (Path(document["path"]) / "journal.jsonl").is_file()


def test_a_run_prints_its_table_and_folder_on_stdout(evalkit, suite: Path) -> None:
    """Plan and progress go to stderr."""
    said = evalkit("run", str(suite))
    assert said.code == 0
    assert said.out.splitlines()[-1].startswith("run: results/")
    assert "rules:rules" in said.out
    assert "suite mine 0.1.0: 3 of 3 samples" in said.err


def test_a_run_names_its_samples_and_repeats(evalkit, suite: Path) -> None:
    """--limit and --repeats."""
    said = evalkit("run", str(suite), "--limit", "2", "--repeats", "2", "--json")
    (row,) = json.loads(said.out)["rows"]
    assert row["n_asked"] == 4


# ------------------------------------------------------------------- --json


def test_every_json_document_stands_alone_on_stdout(evalkit, suite: Path) -> None:
    """Parsable as a whole, for every command that can run here."""
    run, *shards = (
        json.loads(evalkit("run", str(suite), *shard, "--json").out)["path"]
        for shard in ([], ["--shard", "1/2"], ["--shard", "2/2"])
    )
    documents = {
        "show": [run], "tables": [run], "export": [run], "regrade": [run], "resume": [run],
        "models": [], "suites": [], "runs": [], "check": [], "new": ["suite", "other"],
        "merge": [*shards, "-o", "whole"],
    }  # fmt: skip
    for name, arguments in documents.items():
        said = evalkit(name, *arguments, "--json")
        assert said.code == 0, said.err
        assert isinstance(json.loads(said.out), dict), name


def test_an_error_leaves_stdout_empty(evalkit) -> None:
    """A reader of --json gets a document or nothing."""
    said = evalkit("run", "nowhere", "--json")
    assert (said.code, said.out) == (2, "")


def test_what_check_finds_is_in_its_document(evalkit, suite: Path) -> None:
    """Errors, warnings, and what was checked."""
    edit(suite / "suite.yaml", "pass_at: 1.0", "pass_at: 2")
    said = evalkit("check", "--json")
    document = json.loads(said.out)
    assert said.code == 2
    assert document["errors"] == [
        f"{suite}/suite.yaml:18: `pass_at` must be a number from 0 to 1, got 2"
    ] or document["errors"][0].endswith("`pass_at` must be a number from 0 to 1, got 2")
    assert any("providers.yaml: 1 providers" in line for line in document["checked"])


# ------------------------------------------------------------------- check


def test_check_lists_all_errors_of_all_suites(evalkit, suite: Path) -> None:
    """Not the first three: a reader mends them in one go."""
    evalkit("new", "suite", "other", "--format", "json")
    evalkit("new", "suite", "sound", "--format", "text")
    edit(suite / "suite.yaml", "pass_at: 1.0", "pass_at: 2\ntaks: x\nnmae: y\nlicense: z")
    edit(Path("suites/other/schema.json"), '"type": "object"', '"type": "objekt"')
    edit(Path("providers.yaml"), "wire: python", "wire: pyton")
    said = evalkit("check")
    lines = [line for line in said.err.splitlines() if not line.startswith("warning: ")]
    assert said.code == 2
    assert sum("suites/mine/suite.yaml:" in line for line in lines) == 4
    assert sum(line.startswith("suites/other/schema.json: not a usable") for line in lines) == 1
    assert sum("providers.yaml:" in line and "unknown wire 'pyton'" in line for line in lines) == 1
    assert said.out.startswith("suites/sound: sound")


def test_check_warns_of_what_a_careful_suite_would_have(evalkit, suite: Path) -> None:
    """Warnings alone leave exit 0."""
    for line in ("licence: CC0-1.0              # of the data\n", "sensitivity: internal         "):
        edit(suite / "suite.yaml", line, "# ")
    (suite / "README.md").unlink()
    said = evalkit("check", str(suite))
    assert said.code == 0
    for warned in ("no `licence`", "no `sensitivity`", "no README.md", "only 3 samples"):
        assert f"warning: {suite}/suite.yaml: {warned}" in said.err


def test_check_has_nothing_to_say_without_suites(evalkit, here: Path) -> None:
    """That is an error: a CI job in the wrong folder must not pass."""
    (here / "providers.yaml").unlink()
    said = evalkit("check")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("nothing to check: ")


def test_check_leaves_out_suites_whose_data_sheet_says_that_they_are_not_here(
    evalkit, suite: Path
) -> None:
    """Only where nobody named the suite, the sheet names the file, and others can be checked."""
    edit(suite / "suite.yaml", "path: samples.jsonl", "path: fetched.jsonl")
    (suite / "README.md").write_text("Put `fetched.jsonl` into this folder.")
    assert evalkit("check").code == 2  # nothing else to check
    evalkit("new", "suite", "sound", "--format", "text")
    said = evalkit("check")
    assert said.code == 0
    assert f"warning: {suite}: skipped: its data are not here, see its README.md" in said.err
    assert evalkit("check", str(suite)).code == 2
    (suite / "README.md").write_text("A sheet about something else: a slip of the pen.")
    assert evalkit("check").code == 2


@pytest.mark.parametrize("name", ["extraction", "classification"])
def test_the_projects_own_suites_pass(evalkit, monkeypatch, name: str) -> None:
    """Without an error; those that need fetched data give one line instead (below)."""
    monkeypatch.chdir(ROOT)
    said = evalkit("check", f"suites/{name}")
    assert (said.code, said.out.startswith(f"suites/{name}: ")) == (0, True)


def test_every_other_suite_of_the_project_passes_or_gives_one_line(
    evalkit, monkeypatch, tmp_path: Path
) -> None:
    """Their data are not part of the project."""
    from evalkit.suite import hub

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(hub, "_reachable", lambda address: False)
    folders = [f.parent for f in sorted(Path("suites").glob("*/suite.yaml"))]
    assert len(folders) >= 2
    for folder in folders:
        said = evalkit("check", str(folder))
        errors = [line for line in said.err.splitlines() if not line.startswith("warning: ")]
        assert len(errors) <= 1
        assert all(str(folder) in line for line in errors)


# ------------------------------------------------------------------- bad input, end to end

BAD: list[tuple[str, str, str, str]] = [
    ("suite.yaml", "taks: x\nname: ", "name: ", "unknown key 'taks'; did you mean 'task'?"),
    ("suite.yaml", "name: x\nname: ", "name: ", "key 'name' stands twice"),
    ("suite.yaml", "max_tokens: many", "max_tokens: 200", "`max_tokens` must be a whole number"),
    ("suite.yaml", "labels: [yes, no]", "labels: [billing, delivery, other]", "put it in quotes"),
    ("suite.yaml", "user: no.md.j2", "user: prompt.md.j2", "names the template"),
    ("suite.yaml", "graders:\n  lable: {}", "graders:\n  label: {}", "lable"),
    ("suite.yaml", "sensitivity: secret", "sensitivity: internal", "`sensitivity` got 'secret'"),
    ("suite.yaml", "path: no.jsonl", "path: samples.jsonl", "no such file"),
    ("suite.yaml", f"api_key: {KEY}\nname: ", "name: ", "holds a literal key (not shown)"),
    ("suite.yaml", f"description: {KEY}", "description: What this", "literal key (not shown)"),
    ("prompt.md.j2", "{{ txet }}", "{{ text }}", "'txet' is undefined"),
    ("prompt.md.j2", "{{ text ", "{{ text }}", "prompt.md.j2:3: template: "),
    ("prompt.md.j2", "{{ text.__class__.x }}", "{{ text }}", "template: SecurityError"),
    ("samples.jsonl", '"mine-001"', '"mine-002"', "is already used in line 1"),
    ("samples.jsonl", '"label": ', '"target": ', "target column 'target' is missing"),
    ("samples.jsonl", '["id", ', '{"id": ', "the line is not JSON"),
    ("samples.jsonl", '"target": "refund"', '"target": "billing"', "refund"),
]


@pytest.mark.parametrize(("file", "new", "old", "expected"), BAD, ids=lambda value: value[:24])
def test_bad_input_is_refused_before_anything_is_sent(
    evalkit, suite: Path, file: str, new: str, old: str, expected: str
) -> None:
    """Exit 2, a line for each problem with file and line, no run folder, no key anywhere."""
    edit(suite / file, old, new)
    said = evalkit("run", str(suite))
    assert (said.code, said.out) == (2, "")
    assert expected in said.err
    first = said.err.splitlines()[0]
    assert first.startswith(f"{suite}/")
    assert not Path("results").exists()
    assert KEY not in said.err


@pytest.mark.parametrize(
    "setting", [f"api_key={KEY}", f"params={{api_key: {KEY}}}", f"task={KEY}", "api_key=hunter2"]
)
def test_a_key_in_a_setting_leaves_no_trace(evalkit, suite: Path, setting: str) -> None:
    """Not on the terminal, not on disk."""
    said = evalkit("run", str(suite), "--set", setting)
    assert said.code == 2
    assert KEY not in said.err
    assert "hunter2" not in said.err
    assert not Path("results").exists()


@pytest.mark.parametrize(
    "text",
    [f"api_key: {KEY}", f"api_key_env: {KEY}", f"headers: {{Authorization: 'Bearer {KEY}'}}",
     "headers: {X-Api-Key: hunter2}", "base_url: https://me:hunter2@h/v1"],
)  # fmt: skip
def test_a_key_in_the_providers_file_leaves_no_trace(evalkit, suite: Path, text: str) -> None:
    """The same, for `run`, `models` and `check`."""
    edit(Path("providers.yaml"), "    wire: python", f"    {text}\n    wire: python")
    for arguments in (["run", str(suite)], ["models"], ["check"]):
        said = evalkit(*arguments)
        assert said.code == 2
        assert "not shown" in said.err
        assert KEY not in said.out + said.err
        assert "hunter2" not in said.out + said.err
    assert not Path("results").exists()


def test_a_folder_that_cannot_be_written_is_named(evalkit, suite: Path) -> None:
    """Before anything is sent."""
    Path("taken").write_text("")
    said = evalkit("run", str(suite), "--results", "taken")
    assert said.code == 2
    assert "taken: it cannot be written: " in said.err


# ------------------------------------------------------------------- servers


def remote(url: str, **keys: Any) -> None:
    provider = {
        "wire": "openai_chat", "base_url": url, "api_key_env": "EVALKIT_TEST_KEY",
        "limits": {"max_attempts": 1, "timeout_s": 5},
        "governance": {"allowed_sensitivity": "internal"}, "models": {"m": {}}, **keys,
    }  # fmt: skip
    Path("providers.yaml").write_text(json.dumps({"providers": {"p": provider}}))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"error": {"message": "Incorrect API key provided: hunter2hunter2"}}, "auth"),
        (404, {"error": {"message": "The model `m` does not exist"}}, "not_found"),
        (None, None, "connection"),
    ],
)
def test_a_server_that_cannot_help_leaves_the_run_incomplete(
    evalkit, suite: Path, monkeypatch, serve, status: int | None, body: Any, kind: str
) -> None:
    """A wrong key, a wrong name, no server: errors, never wrong answers; exit 4; no key on disk."""
    monkeypatch.setenv("EVALKIT_TEST_KEY", "hunter2hunter2")
    url = "http://127.0.0.1:1/v1"
    if status is not None:
        url = serve(status, json.dumps(body).encode()).url
    remote(url)
    said = evalkit("run", str(suite), "--models", "p:m", "--json")
    assert said.code == 4
    document = json.loads(said.out)
    (row,) = document["rows"]
    assert (row["n_answered"], row["quality"]) == (0, None)
    assert row["n_error"] + row["n_skipped"] == row["n_asked"]
    assert "go on with: evalkit resume" in said.err
    folder = Path(document["path"])
    journal = (folder / "journal.jsonl").read_text()
    assert f'"{kind}"' in journal
    for file in folder.iterdir():
        assert b"hunter2" not in file.read_bytes()
    assert "hunter2" not in said.out + said.err


def test_a_key_that_is_not_set_is_named(evalkit, suite: Path, monkeypatch) -> None:
    """Where it was asked for by name; else the model is listed with what it lacks."""
    monkeypatch.delenv("EVALKIT_TEST_KEY", raising=False)
    remote("http://127.0.0.1:1/v1")
    said = evalkit("run", str(suite), "--models", "p:m")
    assert said.code == 2
    assert said.err.startswith("EVALKIT_TEST_KEY is not set; provider 'p' in providers.yaml:1")
    listed = json.loads(evalkit("models", "--json").out)["models"]
    assert listed[0]["missing"].startswith("EVALKIT_TEST_KEY is not set")


def test_a_sample_that_a_provider_may_not_see_is_not_sent(
    evalkit, suite: Path, monkeypatch, serve
) -> None:
    """Sensitivity is decided before anything is sent, and skipped samples leave exit 0."""
    monkeypatch.setenv("EVALKIT_TEST_KEY", "hunter2hunter2")
    server = serve(200, b"{}")
    remote(server.url, governance={"allowed_sensitivity": "public"})
    said = evalkit("run", str(suite), "--models", "p:m", "--json")
    (row,) = json.loads(said.out)["rows"]
    assert (said.code, row["n_skipped"], server.asked) == (0, 3, 0)


def test_the_commands_of_these_tests_are_all_there_are() -> None:
    """A new command belongs into the tests above."""
    tested = {"run", "resume", "regrade", "merge", "show", "tables", "export", "models", "suites",
              "runs", "check", "new"}  # fmt: skip
    assert tested <= set(COMMANDS)


@pytest.mark.parametrize("licence", ["gemma", "'MIT AND'", "''", "see our site", "proprietary"])
def test_a_licence_that_is_none_is_a_warning_and_refuses_nothing(
    evalkit, suite: Path, licence: str
) -> None:
    """By `models` and `check`, with its line; a run does not look at it."""
    Path("providers.yaml").write_text(
        "providers:\n  rules:\n    wire: python\n    governance: {allowed_sensitivity: special}\n"
        f"    models:\n      rules:\n        weights: closed\n        licence: {licence}\n"
    )
    said = evalkit("models", "--json")
    (warning,) = json.loads(said.out)["warnings"]
    assert said.code == 0
    assert warning.startswith("providers.yaml:8: model 'rules:rules': `licence` ")
    assert f"warning: {warning}" in evalkit("models").err.splitlines()
    assert warning in json.loads(evalkit("check", "--json").out)["warnings"]
    assert evalkit("run", suite, "--yes", "--limit", "2").code == 0
