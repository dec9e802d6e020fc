"""`evalkit export` of model cards: valid by the formats' own parsers, figures of the summary."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.recorded import record, run, write_suite


@pytest.fixture
def ran(evalkit: Any) -> Path:
    """A run of two recordings."""
    write_suite(40)
    return run(evalkit, record({"a": [1], "b": range(8)}, 40))


def test_figures_and_slices_stand_in_the_component(evalkit: Any, ran: Path) -> None:
    """With their intervals."""
    said = evalkit("export", ran, "--format", "cyclonedx", "--json")
    document = json.loads(Path(json.loads(said.out)["path"]).read_text())
    first = document["components"][0]
    metrics = first["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    quality = next(m for m in metrics if m["type"] == "quality")
    assert (quality["value"], quality["slice"]) == ("0.975", "yesno: log:a")
    assert float(quality["confidenceInterval"]["lowerBound"]) < 0.975
    assert any(m["slice"].endswith("language=de") for m in metrics)
    assert first["type"] == "machine-learning-model"


def test_the_document_is_valid_by_cyclonedxs_own_validator(evalkit: Any, ran: Path) -> None:
    """As cyclonedx-python-lib brings it, strictly, in a Python that has it."""
    python = os.environ.get("EVALKIT_CYCLONEDX_PYTHON")
    if python is None:
        pytest.skip("EVALKIT_CYCLONEDX_PYTHON names a Python with cyclonedx-python-lib")
    file = _export(evalkit, ran, "cyclonedx")
    code = (
        "import sys; from cyclonedx.schema import SchemaVersion; "
        "from cyclonedx.validation.json import JsonStrictValidator as V; "
        "print(V(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read()))"
    )
    done = subprocess.run(
        [python, "-c", code, str(file)], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    assert (done.stdout.strip(), done.returncode) == ("None", 0), done.stderr[-1000:]


def test_a_hub_reads_the_index(evalkit: Any, ran: Path) -> None:
    """By the hub's own parser."""
    hub = pytest.importorskip("huggingface_hub.repocard_data")
    index = yaml.safe_load(_export(evalkit, ran, "model-index").read_text())["model-index"]
    name, results = hub.model_index_to_eval_results(index[:1])
    assert name == "a"
    assert results[0].metric_value == pytest.approx(0.975)


def test_equal_runs_give_equal_cards(evalkit: Any, ran: Path) -> None:
    """No date of today, no random id."""
    for form in ("cyclonedx", "model-index"):
        first = _export(evalkit, ran, form).read_bytes()
        assert first == _export(evalkit, ran, form).read_bytes()


def test_a_folder_is_no_file(evalkit: Any, ran: Path) -> None:
    """One line, exit code 2."""
    said = evalkit("export", ran, "--format", "cyclonedx", "-o", "suites")
    assert (said.code, len(said.err.strip().splitlines())) == (2, 1)


def _export(evalkit: Any, folder: Path, form: str) -> Path:
    said = evalkit("export", folder, "--format", form, "--json")
    assert said.code == 0, said.err
    return Path(json.loads(said.out)["path"])


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("mit and cc-by-4.0", {"expression": "MIT AND CC-BY-4.0"}),
        ("gemma", {"license": {"name": "gemma"}}),
    ],
)
def test_a_licence_is_an_expression_or_a_name(evalkit: Any, licence: str, expected: object) -> None:
    """CycloneDX takes SPDX expressions alone for expressions."""
    write_suite(40)
    providers = record({"a": [1]}, 40)
    with providers.open("a") as file:
        file.write(f"    models: {{a: {{licence: {licence}}}}}\n")
    text = providers.read_text().replace("{wire: replay, path: log.jsonl}", "")
    providers.write_text(
        text.replace("  log: \n", "  log:\n    wire: replay\n    path: log.jsonl\n")
    )
    document = json.loads(_export(evalkit, run(evalkit, providers), "cyclonedx").read_text())
    assert document["components"][0]["licenses"] == [expected]
