"""suite.yaml: every key is checked, every problem names file and line, all at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalkit.core.errors import ConfigError
from evalkit.suite.loader import load_suite, read_spec


def problems_of(folder: Path, *assignments: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_suite(folder, settings=assignments)
    assert all("\n" not in problem for problem in caught.value.problems)
    return [problem.replace(f"{folder}/", "") for problem in caught.value.problems]


def problem_of(folder: Path, *assignments: str) -> str:
    (problem,) = problems_of(folder, *assignments)
    return problem


def test_a_suite_of_the_contract_is_read_whole(make) -> None:
    """Every key of the documented example."""
    folder = make(
        rows=[{"id": 1, "text": "t", "target": {}, "doc": "d", "language": "de", "critical": True}],
        files={"schema.json": "{}", "shots.jsonl": '{"text": "x", "target": {}}\n',
               "train.jsonl": '{"text": "y", "target": {}}\n', "prompt.md.j2": "Read {{ text }}"},
        version="1.0.0", description="d", licence="CC0-1.0", task="extraction",
        sensitivity="internal",
        require={"regions": ["eu"], "trains_on_data": "no", "max_retention_days": 0},
        data={"path": "samples.jsonl", "train": "train.jsonl", "id": "id", "target": "target",
              "cluster": "doc", "slices": ["language"], "critical": "critical"},
        prompt={"system": "You read.", "user": "prompt.md.j2",
                "examples": {"path": "shots.jsonl", "k": 1, "seed": 0}},
        output={"format": "json", "schema": "schema.json", "structured": ["prompt", "json_schema"],
                "max_attempts": 2, "accept": ["valid"]},
        params={"temperature": 0, "max_tokens": 512, "stop": ["x"]},
        graders={"json_schema": {}, "fields": {"weights": {"total": 2}}},
        primary="fields", pass_at=0.5,
    )  # fmt: skip
    suite = load_suite(folder)
    spec = suite.spec
    (sample,) = suite.samples
    assert sample.id == "1"
    assert sample.cluster == "d"
    assert sample.slices == {"language": "de"}
    assert sample.critical
    assert spec.structured == ("prompt", "json_schema")
    assert spec.require == {"regions": ["eu"], "trains_on_data": "no", "max_retention_days": 0}
    assert spec.primary == "fields"
    assert [m.role for m in suite.messages(sample)] == ["system", "user", "assistant", "user"]
    assert len(suite.train) == 1


def test_a_suite_is_found_by_its_folder_or_its_file(make) -> None:
    """Both are what people type."""
    folder = make()
    assert read_spec(folder) == read_spec(folder / "suite.yaml")


def test_a_folder_without_suite_yaml_is_no_suite(tmp_path: Path) -> None:
    """Nor is one that is not there."""
    with pytest.raises(ConfigError, match="in this folder; `evalkit suites` lists"):
        load_suite(tmp_path)
    with pytest.raises(ConfigError, match="in this folder; `evalkit suites` lists"):
        load_suite(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"taks": "x"}, "unknown key 'taks'; did you mean 'task'?"),
        ({"params": {"temprature": 0}}, "unknown key 'temprature'; did you mean 'temperature'?"),
        (
            {"data": {"path": "samples.jsonl", "targt": "t"}},
            "unknown key 'targt'; did you mean 'target'?",
        ),
        ({"output": {"formt": "text"}}, "unknown key 'formt'; did you mean 'format'?"),
        (
            {"prompt": {"user": "x", "exmples": 1}},
            "unknown key 'exmples'; did you mean 'examples'?",
        ),
        ({"require": {"region": ["eu"]}}, "unknown key 'region'; did you mean 'regions'?"),
        ({"schema_version": 2}, "`schema_version` got 2; allowed: 1"),
        ({"name": "a/b"}, "`name` must be a short name, got 'a/b'"),
        ({"name": 7}, "`name` must be a short name, got 7; put it in quotes"),
        (
            {"sensitivity": "secret"},
            "`sensitivity` got 'secret'; "
            "allowed: 'public', 'internal', 'confidential', 'personal', 'special'",
        ),
        (
            {"require": {"trains_on_data": True}},
            "`trains_on_data` got True; allowed: 'no', 'opt_out'",
        ),
        (
            {"require": {"max_retention_days": -1}},
            "`max_retention_days` must be a number >= 0, got -1",
        ),
        (
            {"require": {"regions": []}},
            "`require`: `regions` must be a list of at least one text, got []",
        ),
        (
            {"require": {"regions": [False]}},
            "`regions` must be a list of texts, got False; put it in quotes",
        ),
        ({"require": "eu"}, "`require` must be a mapping, got 'eu'"),
        ({"pass_at": 2}, "`pass_at` must be a number from 0 to 1, got 2"),
        ({"pass_at": float("nan")}, "`pass_at` must be a number from 0 to 1, got nan"),
        ({"params": {"temperature": "hot"}}, "`temperature` must be a number >= 0, got 'hot'"),
        ({"params": {"temperature": -1}}, "`temperature` must be a number >= 0, got -1"),
        ({"params": {"max_tokens": 0}}, "`max_tokens` must be a whole number >= 1, got 0"),
        ({"params": {"max_tokens": True}}, "`max_tokens` must be a whole number >= 1, got True"),
        (
            {"output": {"format": "xml"}},
            "`format` got 'xml'; allowed: 'text', 'label', 'json', 'tool_calls'",
        ),
        (
            {"output": {"format": "label"}},
            "`format: label` needs `labels`: the list of allowed labels",
        ),
        (
            {"output": {"format": "label", "labels": [True, False]}},
            "`labels` must be a list of texts, got True; put it in quotes",
        ),
        (
            {"output": {"format": "label", "labels": ["a", "A"]}},
            "`labels` holds a label twice (case is ignored)",
        ),
        (
            {"output": {"format": "tool_calls"}},
            "`format: tool_calls` needs `tools`: a file of functions in the OpenAI form",
        ),
        ({"output": {"max_attempts": 0}}, "`max_attempts` must be >= 1, got 0"),
        (
            {"output": {"accept": ["refusal"]}},
            "`accept` got 'refusal'; allowed: valid, fenced, embedded, repaired",
        ),
        (
            {"output": {"structured": "strict"}},
            "`structured` got 'strict'; "
            "allowed: prompt, json_object, json_schema, auto, or a list of them",
        ),
        (
            {"output": {"structured": ["auto", "prompt"]}},
            "`structured` lists a mode twice, or `auto` beside others",
        ),
        (
            {"output": {"format": "json", "schema": "no.json"}},
            "`schema` names 'no.json'; no such file in FOLDER",
        ),
        ({"output": {"format": "json", "schema": [1]}}, "`schema` must be a JSON object, got [1]"),
        ({"graders": {}}, "`graders` is missing; for format 'text' start with `exact: {}`"),
        ({"graders": {"exact": [1]}}, "options of grader 'exact' must be a mapping, got [1]"),
        ({"primary": "f1"}, "`primary` names 'f1'; this suite's graders: exact"),
        (
            {"prompt": {}},
            "`prompt` needs `user`: a template file or a text with the sample's columns",
        ),
        ({"prompt": {"user": 7}}, "`user` must be a template file or a text, got 7"),
        ({"prompt": {"user": "no.md.j2"}}, "`user` names the template 'no.md.j2'; no such file"),
        (
            {"prompt": {"user": "x", "examples": {"path": "no.jsonl"}}},
            "`examples` names 'no.jsonl'; no such file",
        ),
        (
            {"prompt": {"user": "x", "examples": {"path": "samples.jsonl", "k": -1}}},
            "`k` must be a whole number >= 0, got -1",
        ),
        ({"data": {}}, "`data` needs `path` (a file) or `hub` (a data set's name)"),
        (
            {"data": {"path": "samples.jsonl", "hub": {"name": "a/b"}}},
            "`data` has both `path` and `hub`; give one",
        ),
        ({"data": {"path": "no.jsonl"}}, "`path` names 'no.jsonl'; no such file"),
        (
            {"data": {"path": "samples.jsonl", "train": "no.jsonl"}},
            "`train` names 'no.jsonl'; no such file",
        ),
        ({"data": {"path": None}}, "`data` needs `path` (a file) or `hub` (a data set's name)"),
        (
            {"output": {"format": "label", "labels": []}},
            "`format: label` needs `labels`: the list of allowed labels",
        ),
        ({"data": {"hub": "a/b"}}, "`hub` must be a mapping with `name`, got 'a/b'"),
        ({"data": {"hub": {"split": "test"}}}, "`hub` needs `name`, for example PolyAI/banking77"),
        (
            {"data": {"path": "samples.jsonl", "where": {"lang": ["de", False]}}},
            "'lang' mixes texts and true or false, got ['de', False]; use quotes",
        ),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_a_wrong_key_is_refused_with_its_line(make, keys: dict[str, Any], expected: str) -> None:
    """`file:line: what is wrong, got ...; what is allowed`."""
    folder = make(**keys)
    problem = problem_of(folder).replace(str(folder), "FOLDER")
    place, _, said = problem.partition(": ")
    assert said == expected
    file, _, line = place.partition(":")
    assert file == "suite.yaml"
    assert line.isdigit()


def test_the_line_is_that_of_the_key(make) -> None:
    """Not that of its parent."""
    text = (
        "data: {path: samples.jsonl}\nprompt: {user: x}\ngraders: {exact: {}}\nparams:\n  seed: x\n"
    )
    folder = make(files={"suite.yaml": text})
    assert problem_of(folder) == "suite.yaml:5: `seed` must be a whole number, got 'x'"


def test_problems_of_all_parts_come_at_once(make) -> None:
    """A reader mends them in one go."""
    folder = make(sensitivity="x", params={"seed": "x"}, output={"format": "x"}, taks=1)
    assert len(problems_of(folder)) == 4


def test_a_key_that_stands_twice_is_refused(make) -> None:
    """YAML would take the last in silence."""
    folder = make(files={"suite.yaml": "name: a\ndata: {path: samples.jsonl}\nname: b\n"})
    assert problem_of(folder) == "suite.yaml:3: key 'name' stands twice"


@pytest.mark.parametrize("word", ["no", "off", "false", '"no"'])
def test_no_may_be_written_without_quotes(make, word: str) -> None:
    """`trains_on_data: no` is a boolean to YAML."""
    folder = make()
    file = folder / "suite.yaml"
    file.write_text(f"{file.read_text()}require: {{trains_on_data: {word}}}\n")
    assert read_spec(folder).require == {"trains_on_data": "no"}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ("{", "it is not JSON"),
        ("[]", "`schema` must be a JSON object, got []"),
        (b"\xff\xfe{\0}\0", "it is UTF-16 text; save it as UTF-8"),
        (b"{\0", "it is a binary file, not text"),
        ("[" * 100_000, "it is not JSON"),
    ],
)
def test_a_schema_file_that_is_none_is_named(make, schema: str | bytes, expected: str) -> None:
    """With the line of suite.yaml or of the file."""
    folder = make(files={"schema.json": schema}, output={"format": "json", "schema": "schema.json"})
    problem = problem_of(folder)
    assert expected in problem
    assert "schema" in problem


def test_a_prompt_file_that_is_no_text_is_named(make) -> None:
    """With its own name and line."""
    folder = make(files={"p.md.j2": b"a\nb \xff"}, prompt={"user": "p.md.j2"})
    assert problem_of(folder) == "p.md.j2:2: it is not UTF-8 (byte 0xff)"


@pytest.mark.parametrize(
    "keys",
    [
        {"api_key": "hunter2hunter2"},
        {"description": "sk-abcdefghij0123456789"},
        {"params": {"api_key": "hunter2hunter2"}},
        {"graders": {"exact": {"headers": {"Authorization": "Bearer hunter2hunter2"}}}},
        {"prompt": {"user": "Use sk-abcdefghij0123456789 {{ text }}"}},
    ],
)
def test_a_literal_key_is_refused_without_echo(make, keys: dict[str, Any]) -> None:
    """Anywhere in suite.yaml."""
    problem = problem_of(make(**keys))
    assert "(not shown)" in problem
    assert "hunter2" not in problem
    assert "abcdefghij" not in problem


# ------------------------------------------------------------------- --set


def test_a_setting_changes_one_key(make) -> None:
    """Dots descend."""
    spec = read_spec(make(), settings=["params.temperature=0.5", "output.max_attempts=3"])
    assert spec.params == {"temperature": 0.5}
    assert spec.output.max_attempts == 3
    assert spec.settings == ("params.temperature=0.5", "output.max_attempts=3")


def test_a_wrong_setting_is_named_as_a_setting(make) -> None:
    """It stands in no line."""
    folder = make()
    assert problem_of(folder, "params.seed=x") == (
        "--set params.seed: `seed` must be a whole number, got 'x'"
    )
    assert problem_of(folder, "parms.seed=1") == (
        "--set parms.seed: unknown key 'parms'; did you mean 'params'?"
    )


def test_paths_in_settings_are_relative_to_the_current_directory(
    make, tmp_path: Path, monkeypatch
) -> None:
    """Those in suite.yaml are relative to the suite."""
    folder = make(output={"format": "json"}, graders={"json_schema": {}})
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    (here / "rows.jsonl").write_text('{"id": 9, "text": "nine", "target": {}}\n')
    (here / "schema.json").write_text('{"type": "object"}')
    (here / "p.md.j2").write_text("Here: {{ text }}")
    (here / "shots.jsonl").write_text('{"text": "x", "target": {}}\n')
    suite = load_suite(
        folder,
        settings=["data.path=rows.jsonl", "output.schema=schema.json", "prompt.user=p.md.j2",
                  "prompt.examples={path: shots.jsonl, k: 1}"],
    )  # fmt: skip
    assert [sample.id for sample in suite.samples] == ["9"]
    assert suite.spec.output.schema == {"type": "object"}
    assert suite.messages(suite.samples[0])[-1].content == "Here: nine"


def test_a_path_in_a_setting_replaces_the_hub(make, tmp_path: Path) -> None:
    """Both the scored rows and the hub's training rows."""
    hub = {"name": "org/set"}
    folder = make(data={"hub": hub, "train": {"hub": hub}, "target": "target"})
    spec = read_spec(folder, settings=[f"data.path={folder / 'samples.jsonl'}"])
    assert spec.data.hub is None
    assert spec.data.train_hub is None
    assert spec.data.path == folder / "samples.jsonl"


def test_a_setting_that_names_no_file_is_refused(make) -> None:
    """Before anything is sent."""
    assert problem_of(make(), "data.path=nowhere.jsonl") == (
        "--set data.path: `path` names 'nowhere.jsonl'; no such file"
    )


# ------------------------------------------------------------------- any bytes


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=80) | st.text("[]{}:,-&*!|>'\"# \n\tabc01", max_size=60).map(str.encode))
def test_any_bytes_as_suite_yaml_are_read_or_refused(make, data: bytes) -> None:
    """Nothing but a ConfigError comes out."""
    with pytest.raises(ConfigError):
        load_suite(make(files={"suite.yaml": data}))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)
KEYS = ("schema_version", "name", "version", "sensitivity", "require", "data", "prompt", "output",
        "params", "graders", "primary", "pass_at", "task", "licence", "description")  # fmt: skip


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(KEYS), VALUES)
def test_any_value_of_any_key_is_read_or_refused(make, key: str, value: Any) -> None:
    """A type that no branch has thought of is still a ConfigError."""
    folder = make(files={"suite.yaml": json.dumps({
        "name": "s", "data": {"path": "samples.jsonl"}, "prompt": {"user": "x {{ text }}"},
        "graders": {"exact": {}}, key: value,
    })})  # fmt: skip
    try:
        suite = load_suite(folder)
    except ConfigError as error:
        assert error.problems  # noqa: PT017 - either way is fine, silence is not
    else:
        assert suite.name
