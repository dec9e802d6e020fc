"""A real browser, and reports made by the real command for it to open.

Chromium is found at $EVALKIT_CHROMIUM or on PATH, axe-core at $EVALKIT_AXE or where `make browser`
puts it. Where they are missing the tests are skipped, unless EVALKIT_REQUIRE_BROWSER is set.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.recorded import write_suite
from tests.report.hostile import HOSTILE

AXE = Path(__file__).parents[2] / ".evalkit/node_modules/axe-core/axe.min.js"
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
FORMS = """
schema_version: 1
name: forms
sensitivity: public
data: {path: samples.jsonl, id: id, target: target, slices: [kind]}
prompt: {user: "{{ text }}"}
output: {format: json, schema: schema.json}
graders: {json_schema: {}, fields: {}}
primary: fields
"""
MANY = 230
A, B = "a-model-of-a-vendor-2026-10-01", "b-of-open-weights-with-a-rather-long-name"


def missing(what: str) -> None:
    """Skip, or fail where the browser is required."""
    said = f"{what} is missing; `make browser` installs it"
    if os.environ.get("EVALKIT_REQUIRE_BROWSER"):
        pytest.fail(said)
    pytest.skip(said)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser for the tests of a module; while it is open the thread has a running event loop."""
    named = os.environ.get("EVALKIT_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        missing("Chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe() -> Path:
    """The script of axe-core."""
    path = Path(os.environ.get("EVALKIT_AXE", AXE))
    if not path.is_file():
        missing("axe-core")
    return path


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of a run of two suites: whole, redacted, and over two runs."""
    home = tmp_path_factory.mktemp("browser")
    before = Path.cwd()
    os.chdir(home)
    try:
        return _reports(home)
    finally:
        os.chdir(before)


def _reports(home: Path) -> dict[str, Path]:
    write_suite(MANY)
    _write_forms()
    runs = [_run(wrong) for wrong in (40, 60)]
    made = {
        "whole": [*runs[:1]],
        "redacted": [*runs[:1], "--redact"],
        "two": runs,
    }
    for name, arguments in made.items():
        evalkit("report", *arguments, "-o", f"{name}.html")
    return {name: home / f"{name}.html" for name in made}


def _run(wrong: int) -> str:
    _record(wrong)
    command = ["run", "suites/yesno", "suites/forms", "--providers", f"log{wrong}.yaml"]
    evalkit(*command, "--models", f"log:{A},log:{B}")
    return str(max(Path("results").iterdir(), key=lambda path: path.stat().st_mtime_ns))


def evalkit(*arguments: str) -> None:
    """Run a command as a user does."""
    command = [sys.executable, "-m", "evalkit", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _legible(text: str) -> str:
    """Return a text as JSON Lines can hold it: lone surrogates replaced."""
    return text.encode("utf-8", "replace").decode()


def _write_forms() -> None:
    folder = Path("suites/forms")
    folder.mkdir(parents=True)
    (folder / "suite.yaml").write_text(FORMS)
    (folder / "schema.json").write_text(
        json.dumps(
            {
                "type": "object",
                "properties": {"name": {"type": "string"}},
                "required": ["name"],
                "additionalProperties": False,
            }
        )
    )
    rows = [
        {"id": _legible(text)[:150] + name, "text": _legible(text)[:5000] or "-",
         "kind": _legible(text)[:60] or "none", "target": {"name": name}}
        for name, text in HOSTILE.items()
    ]  # fmt: skip
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "samples.jsonl").write_text(lines)


def _record(wrong: int) -> None:
    """Write a recording: `a` errs less than `b`, whose forms are the hostile texts themselves."""
    told: dict[str, Any] = {
        "usage": {"input": 20, "output": 9}, "cost_usd": 0.001,
        "recorded_at": "2026-10-01T00:00:00Z",
    }  # fmt: skip
    rows = [
        {"sample_id": f"s{n}", "model": arm, "text": "no" if n < errs else "yes",
         "service_ms": 100 + n, **told}
        for arm, errs in ((A, 10), (B, wrong))
        for n in range(MANY)
    ]  # fmt: skip
    for name, text in HOSTILE.items():
        own = _legible(text)
        for arm, answer in ((A, json.dumps({"name": name})), (B, own)):
            rows.append(
                {
                    "sample_id": own[:150] + name,
                    "model": arm,
                    "text": answer,
                    "service_ms": 200,
                    **told,
                }
            )
    Path(f"log{wrong}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path(f"log{wrong}.yaml").write_text(
        "schema_version: 1\nproviders:\n  log:\n    wire: replay\n"
        f"    path: log{wrong}.jsonl\n    models:\n"
        f"      {A}: {{weights: closed, structured: json_schema}}\n"
        f"      {B}: {{weights: open_permissive, structured: json_schema}}\n"
    )
