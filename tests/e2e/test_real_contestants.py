"""Whole commands on real input: real people's sentences, the real embedded model, no network."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evalkit.providers import weights

ROOT = Path(__file__).resolve().parents[2]
CONTESTANTS = "local:smollm2,classical:tfidf,rules:rules"


@pytest.fixture(scope="module")
def embedded_model() -> None:
    """The embedded model's weights."""
    if weights.find("smollm2") is None:
        pytest.skip("the weights are not here: evalkit models pull smollm2")


def evalkit(*arguments: str) -> dict[str, Any]:
    """Run a command in the project's folder and return the document that it printed."""
    command = [sys.executable, "-m", "evalkit", *arguments, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def rows(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return a summary's rows by suite and arm."""
    return {(row["suite"], row["arm"]): row for row in document["rows"]}


@pytest.mark.local_model
@pytest.mark.shared_data
def test_real_sentences_are_run_on_real_contestants(
    tmp_path: Path, shared_data: Path, embedded_model: None
) -> None:
    """One command, two suites over data that is not in the project, three kinds of contestant."""
    document = evalkit(
        "run", "suites/banking77", "suites/hotel_slots", "--models", CONTESTANTS,
        "--set", f"banking77:data.path={shared_data / 'banking77' / 'test.csv'}",
        "--set", f"banking77:data.train={shared_data / 'banking77' / 'train.csv'}",
        "--set", f"hotel_slots:data.path={shared_data / 'nlupp_hotels' / 'hotels.jsonl'}",
        "--limit", "6", "--results", str(tmp_path),
    )  # fmt: skip
    found = rows(document)
    assert {"banking77", "hotel_slots"} == {suite for suite, _ in found}
    for suite in ("banking77", "hotel_slots"):
        for arm in CONTESTANTS.split(","):
            row = found[suite, arm]
            assert (6, 6, 0) == (row["n_asked"], row["n_answered"], row["n_error"])
            assert row["cost_usd"] is None  # nothing here has a price, which is not a price of 0
            assert row["latency_ms"]["p50"]["value"] > 0
    assert found["banking77", "classical:tfidf"]["quality"]["value"] >= 0.5
    assert found["hotel_slots", "rules:rules"]["quality"]["value"] >= 0.4


@pytest.mark.local_model
def test_an_enforced_schema_is_an_arm_of_its_own(tmp_path: Path, embedded_model: None) -> None:
    """The free and the constrained model stand side by side; the constrained one keeps the form."""
    document = evalkit(
        "run", "suites/classification", "--models", "local:smollm2", "--limit", "3",
        "--results", str(tmp_path),
    )  # fmt: skip
    found = rows(document)
    modes = {arm: row["structured_mode"] for (_, arm), row in found.items()}
    assert {"local:smollm2@prompt": "prompt", "local:smollm2@json_schema": "json_schema"} == modes
    constrained = found["classification", "local:smollm2@json_schema"]
    assert 0.0 == constrained["malformed_rate"]["value"]
    assert constrained["tokens"]["output"] > 0
    written = {path.name for path in Path(document["path"]).iterdir()}
    assert {"run.json", "journal.jsonl", "summary.json", "summary.csv", "summary.md"} <= written
