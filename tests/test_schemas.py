"""The JSON Schemas in evalkit/schemas say what the loaders and writers do, key by key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml

import evalkit
from evalkit import api
from evalkit.analysis.gates.policy import read_gate
from evalkit.analysis.judges import labels as labels_module
from evalkit.core.errors import ConfigError
from evalkit.core.ports import ADAPTERS, GRADERS
from evalkit.core.records import Usage
from evalkit.core.schemas import NAMES, schema_of
from evalkit.graders.rubric_file import read_rubric
from evalkit.providers import recording
from evalkit.providers.catalogue import load_catalogue
from evalkit.run.journal import AttemptLine, TrialLine
from evalkit.run.prices import read_prices
from evalkit.suite.loader import load_suite

ROOT = Path(__file__).resolve().parent.parent
SUITES = sorted(path.parent for path in (ROOT / "suites").glob("*/suite.yaml"))
RUBRICS = sorted((ROOT / "suites").glob("*/rubric.yaml"))
LABELS = sorted((ROOT / "suites").glob("*/judge/labels.jsonl"))
UNKNOWN = "zzzzzz"
PROVIDERS = """
schema_version: 1
providers:
  rules:
    wire: python
    governance: {processor: self, regions: [on-premises], allowed_sensitivity: special}
    models: {rules: {}}
  broken:
    wire: python
    governance: {processor: self, allowed_sensitivity: special}
    models: {broken: {options: {function: broken}}}
  public:
    wire: python
    models: {outside: {}}
"""


def problems_of(name: str, document: object) -> list[str]:
    """Return what a schema finds wrong, with the place of each problem."""
    validator = jsonschema.Draft202012Validator(schema_of(name))
    return [
        f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(document)
    ]


def read(path: Path) -> Any:
    """Return a YAML file as JSON would hold it: dates are texts."""
    text = path.read_text(encoding="utf-8")
    return json.loads(json.dumps(yaml.safe_load(text), default=str))


def known_keys(error: ConfigError) -> set[str]:
    """Return the keys that a message about the unknown key names as known."""
    found = [re.search(rf"{UNKNOWN}'.*; known: (.*)", line) for line in error.problems]
    named = [match[1] for match in found if match]
    assert len(named) == 1, error.problems
    return {key.strip("'\"` ") for key in named[0].split(",")}


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real run with an answer, an error, a skipped trial, then resumed and regraded."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        folder = api.new_suite("refunds", Path("suites"), "json")
        rules = (folder / "rules.py").read_text()
        (folder / "rules.py").write_text(rules + "\n\ndef broken(sample):\n    raise KeyError\n")
        suite = folder / "suite.yaml"
        suite.write_text(suite.read_text().replace("  id: id\n", "  id: id\n  slices: [text]\n"))
        Path("providers.yaml").write_text(PROVIDERS)
        models = ("rules:rules", "broken:broken", "public:outside")
        result = api.run(evalkit.RunOptions(suites=(str(folder),), models=models))
        api.resume(result.folder)
        suite.write_text(suite.read_text().replace("fields: {}", "fields: {weights: {total: 2}}"))
        api.regrade(result.folder)
        api.export_replay(result.folder)
        return home / result.folder


def journal_lines(folder: Path) -> Iterator[dict[str, Any]]:
    for line in (folder / "journal.jsonl").read_text().splitlines():
        yield json.loads(line)


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_a_schema(name: str) -> None:
    """Each is valid draft 2020-12 and says so."""
    schema = schema_of(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_there_is_a_name_for_every_schema_file() -> None:
    """No file of the package is out of reach, no name without a file."""
    files = (ROOT / "evalkit" / "schemas").iterdir()
    assert set(NAMES) == {file.stem for file in files}


def test_an_unknown_schema_is_refused() -> None:
    """The message names those that there are."""
    with pytest.raises(ValueError, match="unknown schema 'nosuch'; known: attempt"):
        schema_of("nosuch")


@pytest.mark.parametrize("suite", SUITES, ids=lambda path: path.name)
def test_shipped_suites_satisfy_the_schema(suite: Path) -> None:
    """What the loader takes, an editor's schema check takes as well."""
    assert problems_of("suite", read(suite / "suite.yaml")) == []


@pytest.mark.parametrize("rubric", RUBRICS, ids=lambda path: path.parent.name)
def test_shipped_rubrics_satisfy_the_schema(rubric: Path) -> None:
    """And the loader takes them."""
    assert problems_of("rubric", read(rubric)) == []
    assert read_rubric(rubric).criteria


@pytest.mark.parametrize("labels", LABELS, ids=lambda path: path.parent.parent.name)
def test_shipped_labels_satisfy_the_schema(labels: Path) -> None:
    """Line by line; at least 40 outputs each."""
    lines = [json.loads(line) for line in labels.read_text(encoding="utf-8").splitlines()]
    assert [p for line in lines for p in problems_of("label", line)] == []
    assert len({(line["sample_id"], line["arm"], line.get("repeat", 1)) for line in lines}) >= 40


@pytest.mark.parametrize("path", [(), ("params",)], ids=["root", "params"])
def test_the_rubric_schema_knows_the_keys_of_the_loader(
    path: tuple[str, ...], tmp_path: Path
) -> None:
    """Neither more nor fewer; those of a criterion and of a label likewise."""
    base = {"criteria": [{"id": "a", "question": "?"}]}
    file = tmp_path / "rubric.yaml"
    file.write_text(yaml.safe_dump(nested(path, base)))
    with pytest.raises(ConfigError) as caught:
        read_rubric(file)
    assert keys_at(schema_of("rubric"), path) == known_keys(caught.value)
    base["criteria"][0][UNKNOWN] = "x"
    file.write_text(yaml.safe_dump(base))
    with pytest.raises(ConfigError) as caught:
        read_rubric(file)
    criterion = schema_of("rubric")["$defs"]["criterion"]
    assert set(criterion["properties"]) == known_keys(caught.value)
    assert set(schema_of("label")["properties"]) == set(labels_module._KEYS)


@pytest.mark.parametrize("in_rule", [False, True])
def test_the_gate_schema_knows_the_keys_of_the_loader(in_rule: bool, tmp_path: Path) -> None:
    """Neither more nor fewer, of the file and of a rule."""
    rule = {"metric": "quality", "max_drop": 0.1}
    document: dict[str, Any] = {"rules": [rule]}
    (rule if in_rule else document)[UNKNOWN] = "x"
    file = tmp_path / "gate.yaml"
    file.write_text(yaml.safe_dump(document))
    with pytest.raises(ConfigError) as caught:
        read_gate(file)
    schema = schema_of("gate")
    known = schema["$defs"]["rule"] if in_rule else schema
    assert set(known["properties"]) == known_keys(caught.value)


@pytest.mark.parametrize("form", ["json", "label", "text"])
def test_scaffolded_suites_satisfy_the_schema(form: str, tmp_path: Path) -> None:
    """A new suite starts without a complaint."""
    folder = api.new_suite("new", tmp_path, form)
    assert problems_of("suite", read(folder / "suite.yaml")) == []


def test_the_shipped_providers_file_satisfies_the_schema() -> None:
    """With every provider and model in it."""
    assert problems_of("providers", read(ROOT / "providers.yaml")) == []


@pytest.mark.parametrize(
    ("name", "document", "place"),
    [
        ("suite", {"prompt": {"user": "x"}, "graders": {"exact": {}}}, "'data'"),
        (
            "suite",
            {"data": {"path": "x", "tagret": "y"}, "prompt": {"user": "x"}, "graders": {"a": {}}},
            "tagret",
        ),
        ("providers", {"providers": {"p": {"models": {}}}}, "'wire'"),
        ("providers", {"providers": {"p": {"wire": "python", "limits": {"rpm": 0}}}}, "rpm"),
        ("prices", [{"provider": "p", "model": "m", "input_usd_per_mtok": 1}], "not valid"),
        ("recording", {"sample_id": "a"}, "'model'"),
    ],
)
def test_a_wrong_document_is_found_out(name: str, document: object, place: str) -> None:
    """The schemas are no rubber stamp."""
    assert any(place in problem for problem in problems_of(name, document))


def nested(path: tuple[str, ...], base: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a document with an unknown key in the mapping at a path."""
    document = json.loads(json.dumps(base))
    place = document
    for step in path:
        place = place.setdefault(step, {})
    place[UNKNOWN] = 1
    return document


def keys_at(schema: dict[str, Any], path: tuple[str, ...]) -> set[str]:
    """Return the keys that a schema knows in the mapping at a path."""
    place = schema
    for step in path:
        found = place["properties"][step]
        options = [found, *found.get("anyOf", [])]
        place = next(option for option in options if "properties" in option)
    return set(place["properties"])


@pytest.mark.parametrize(
    "path",
    [
        (), ("require",), ("data",), ("data", "hub"), ("data", "train"), ("data", "train", "hub"),
        ("prompt",), ("prompt", "examples"), ("output",), ("params",),
    ],
    ids=".".join,
)  # fmt: skip
def test_the_suite_schema_knows_the_keys_of_the_loader(
    path: tuple[str, ...], tmp_path: Path
) -> None:
    """Neither more nor fewer, in every mapping of suite.yaml."""
    base: dict[str, Any] = {
        "data": {"path": "rows.jsonl"}, "prompt": {"user": "x"}, "graders": {"exact": {}},
    }  # fmt: skip
    if "hub" in path:
        base["data"] = {"hub": {"name": "org/set"}}
    if path[:2] == ("data", "train"):
        base["data"]["train"] = {"hub": {"name": "org/set"}}
    (tmp_path / "rows.jsonl").write_text('{"x": 1}\n')
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(nested(path, base)))
    with pytest.raises(ConfigError) as caught:
        load_suite(tmp_path)
    assert keys_at(schema_of("suite"), path) == known_keys(caught.value)


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ((), lambda s: set(s["properties"])),
        (("providers", "p"), lambda s: set(s["$defs"]["provider"]["properties"])),
        (("providers", "p", "limits"), lambda s: keys_at(s["$defs"]["provider"], ("limits",))),
        (
            ("providers", "p", "governance"),
            lambda s: keys_at(s["$defs"]["provider"], ("governance",)),
        ),
        (("providers", "p", "models", "m"), lambda s: set(s["$defs"]["model"]["properties"])),
    ],
    ids=["root", "provider", "limits", "governance", "model"],
)
def test_the_providers_schema_knows_the_keys_of_the_loader(
    path: tuple[str, ...], keys: Any, tmp_path: Path
) -> None:
    """Neither more nor fewer, in every mapping of providers.yaml."""
    base = {"providers": {"p": {"wire": "python", "models": {"m": {"weights": "closed"}}}}}
    file = tmp_path / "providers.yaml"
    file.write_text(yaml.safe_dump(nested(path, base)))
    with pytest.raises(ConfigError) as caught:
        load_catalogue(file)
    assert keys(schema_of("providers")) == known_keys(caught.value)


@pytest.mark.parametrize("place", ["providers", "prices"])
def test_the_schemas_know_the_keys_of_a_price(place: str, tmp_path: Path) -> None:
    """In `pricing` of providers.yaml and in prices.yaml alike."""
    file = tmp_path / "prices.yaml"
    file.write_text(f"- {{provider: p, model: m, {UNKNOWN}: 1}}\n")
    with pytest.raises(ConfigError) as caught:
        read_prices(file)
    definition = schema_of(place)["$defs"]["price" if place == "providers" else "row"]
    assert set(definition["else"]["properties"]) == known_keys(caught.value)


def test_the_suite_schema_names_every_built_in_grader() -> None:
    """Graders of other packages are let through without a description."""
    schema = schema_of("suite")["properties"]["graders"]
    assert set(schema["properties"]) == set(GRADERS)


def test_the_recording_schema_knows_what_replay_reads() -> None:
    """Every field that the reader checks is described."""
    checked = {*recording._TEXTS, *recording._TIMES, "sample_id", "model", "repeat", "suite"}
    others = {"tool_calls", "http_status", "usage", "error", "recorded_at"}
    modes = {"structured_requested", "structured_honoured"}
    assert set(schema_of("recording")["properties"]) == checked | others | modes
    usage = schema_of("recording")["properties"]["usage"]["properties"]
    assert tuple(usage) == recording._USAGE == Usage.__struct_fields__


@pytest.mark.parametrize(("name", "line"), [("attempt", AttemptLine), ("trial", TrialLine)])
def test_the_event_schemas_know_the_fields_of_the_journal(
    name: str, line: type[msgspec.Struct]
) -> None:
    """Names, and which of them are always there."""
    schema = schema_of(name)
    fields = msgspec.structs.fields(line)
    assert [*(field.name for field in fields), "chain"] == list(schema["properties"])
    assert [*(f.name for f in fields if f.required), "chain"] == schema["required"]


def test_a_real_journal_satisfies_the_event_schemas(run_folder: Path) -> None:
    """Answers, errors, skipped and regraded trials are among its lines."""
    lines = list(journal_lines(run_folder))
    assert [p for line in lines for p in problems_of(line["event"], line)] == []
    states = {line["status"] for line in lines if line["event"] == "trial"}
    assert states >= {"ok", "error", "skipped"}
    assert any(line.get("regraded") for line in lines)


def test_a_real_manifest_satisfies_its_schema(run_folder: Path) -> None:
    """Resumed and regraded as it is."""
    manifest = json.loads((run_folder / "run.json").read_text())
    assert {"resumed_at", "regraded_at"} <= set(manifest)
    assert problems_of("run", manifest) == []


def test_a_real_summary_satisfies_its_schema(run_folder: Path) -> None:
    """With every key described: the schema lets no other through."""
    summary = json.loads((run_folder / "summary.json").read_text())
    assert len(summary["rows"]) == 3
    assert problems_of("summary", summary) == []


def test_a_real_export_satisfies_the_recording_schema(run_folder: Path) -> None:
    """Answers and failures."""
    lines = (run_folder / "recordings.jsonl").read_text().splitlines()
    assert [p for line in lines for p in problems_of("recording", json.loads(line))] == []
    assert any("error" in json.loads(line) for line in lines)


def test_merged_runs_satisfy_the_manifest_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two shards, joined."""
    monkeypatch.chdir(tmp_path)
    folder = api.new_suite("tiny", Path("suites"), "label")
    Path("providers.yaml").write_text(PROVIDERS)
    shards = [
        api.run(
            evalkit.RunOptions(
                suites=(str(folder),),
                models=("rules:rules",),
                selection=evalkit.Selection(shard=(i, 2)),
            )
        ).folder
        for i in (1, 2)
    ]
    merged = api.merge(shards, Path("whole"))
    manifest = json.loads((merged.folder / "run.json").read_text())
    assert problems_of("run", manifest) == []


def test_every_wire_is_an_example_or_described() -> None:
    """The schema does not close the list of wires: other packages may bring some."""
    text = json.dumps(schema_of("providers"))
    described = {wire for wire in ADAPTERS if wire in text}
    assert described >= {"openai_chat", "llama_cpp", "sklearn", "python", "replay"}
