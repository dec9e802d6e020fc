"""Data that may not go somewhere: the servers there record every byte, and receive none."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.cli.main import main

SECRET = "the-patient-is-called-Mustermann"
SUITE = """
schema_version: 1
name: letters
sensitivity: personal
require: {regions: [eu], trains_on_data: "no", max_retention_days: 0}
data: {path: samples.jsonl, id: id, target: target}
prompt: {user: "{{ text }}"}
output: {format: text}
graders: %s
"""
RUBRIC = "schema_version: 1\njudge: far:judge\ncriteria: [{id: good, question: Is it good?}]\n"


class Ear:
    """Accepts every connection and keeps what it hears."""

    def __init__(self) -> None:
        self.heard = b""
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                connection.settimeout(0.5)
                try:
                    self.heard += connection.recv(65_536)
                except TimeoutError:
                    continue

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def ear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ear]:
    """A server at which a provider is declared that may not see the suite."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAR_KEY", "k")
    own = Ear()
    yield own
    own.close()


def write(ear: Ear, graders: str = "{exact: {}}", **terms: Any) -> None:
    """Write the suite and a provider with these terms."""
    folder = Path("suites/letters")
    folder.mkdir(parents=True)
    (folder / "suite.yaml").write_text(SUITE % graders)
    (folder / "rubric.yaml").write_text(RUBRIC)
    (folder / "rules.py").write_text("def answer(sample):\n    return 'x'\n")
    rows = [{"id": str(n), "text": SECRET, "target": "x"} for n in range(3)]
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("providers.yaml").write_text(
        "schema_version: 1\nproviders:\n"
        "  far:\n    wire: openai_chat\n    api_key_env: FAR_KEY\n"
        f"    base_url: http://127.0.0.1:{ear.port}/v1\n    limits: {{max_attempts: 1}}\n"
        f"    governance: {json.dumps(terms)}\n"
        "    models: {model: {}, judge: {}}\n"
        "  rules: {wire: python, models: {rules: {}}, governance: {allowed_sensitivity: special, "
        "regions: [on-premises], trains_on_data: 'no', retention_days: 0}}\n"
    )


GOOD = {"allowed_sensitivity": "special", "regions": ["eu"], "trains_on_data": "no", "retention_days": 0}  # fmt: skip  # noqa: E501


@pytest.mark.parametrize(
    "terms",
    [
        {},
        {**GOOD, "allowed_sensitivity": "internal"},
        {**GOOD, "regions": ["us"]},
        {**GOOD, "trains_on_data": "yes"},
        {**GOOD, "retention_days": 30},
        {name: value for name, value in GOOD.items() if name != "retention_days"},
    ],
)
def test_a_model_that_may_not_see_them_receives_no_byte(ear: Ear, terms: dict[str, Any]) -> None:
    """Sensitivity, regions, training, retention; and what is not declared."""
    write(ear, **terms)
    main(["run", "suites/letters", "--models", "far:model", "--yes"])
    assert SECRET.encode() not in ear.heard
    assert b"chat/completions" not in ear.heard


def test_a_model_that_may_see_them_is_asked(ear: Ear) -> None:
    """The same server, by its terms alone: what is recorded here would be seen."""
    write(ear, **GOOD)
    main(["run", "suites/letters", "--models", "far:model", "--yes", "--limit", "1"])
    assert SECRET.encode() in ear.heard


def test_a_judge_that_may_not_see_them_receives_no_byte(ear: Ear) -> None:
    """Though the model that it judges may."""
    write(ear, "{rubric: {file: rubric.yaml}}", **{**GOOD, "regions": ["us"]})
    main(["run", "suites/letters", "--models", "rules:rules", "--yes"])
    assert SECRET.encode() not in ear.heard
    assert b"chat/completions" not in ear.heard
