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
from collections.abc import Callable, Iterator
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
data: {path: samples.jsonl, id: id, target: target, slices: [kind, name, place]}
prompt: {user: "{{ text }}"}
output: {format: json, schema: schema.json}
graders: {json_schema: {}, fields: {}}
primary: fields
"""
MANY = 230
VIOLATIONS = """() => {
  window.broken = [];
  document.addEventListener('securitypolicyviolation', (event) =>
    window.broken.push(event.violatedDirective));
}"""
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


class Tab:
    """A page with what it asked for and what it complained of."""

    def __init__(self, page: Any, path: Path) -> None:
        self.page = page
        self.asked: list[str] = []
        self.said: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: (self.said.append("dialog"), dialog.dismiss()))
        page.add_init_script(f"({VIOLATIONS})()")
        page.goto(path.as_uri())

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, ten seconds at most: a field waits for the next key."""
        for _ in range(100):
            if holds():
                return
            self.page.wait_for_timeout(100)
        pytest.fail("it did not come to hold")

    def open_sample(self, link: Any) -> Any:
        """Follow a link to a sample and return where it is opened, with the focus in it."""
        link.click()
        self.until(lambda: self.page.evaluate("document.activeElement.matches('.sample h3')"))
        return self.page.locator(".sample")

    def suite_number(self, name: str) -> int:
        return int(
            self.page.evaluate(
                """(name) => JSON.parse(document.getElementById('data').textContent)
                .suites.findIndex((suite) => suite.name === name)""",
                name,
            )
        )

    def texts(self, selector: str) -> list[str]:
        return [str(text) for text in self.page.locator(selector).all_inner_texts()]


@pytest.fixture
def tab(chromium: Any) -> Iterator[Any]:
    """Open a report: `tab(path, width=..., dark=..., scripts=...)`."""
    opened = []

    def open_tab(path: Path, *, width: int = 1280, dark: bool = False, scripts: bool = True) -> Tab:
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            reduced_motion="reduce",
        )
        opened.append(context)
        return Tab(context.new_page(), path)

    yield open_tab
    for context in opened:
        context.close()


@pytest.fixture(scope="session")
def axe() -> Path:
    """The script of axe-core."""
    path = Path(os.environ.get("EVALKIT_AXE", AXE))
    if not path.is_file():
        missing("axe-core")
    return path


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of a run of two suites: whole, redacted, over two runs.

    And of a run with repeats: where its suite lies, and after that was moved.
    """
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
    runs, twice = [_run(wrong) for wrong in (40, 60)], _run_twice()
    made = {
        "whole": [*runs[:1]],
        "redacted": [*runs[:1], "--redact"],
        "two": runs,
        "repeated": [twice],
        "moved": [twice],
    }
    for name, arguments in made.items():
        if name == "moved":
            Path("suites").rename("elsewhere")
        evalkit("report", *arguments, "-o", f"{name}.html")
    return {name: home / f"{name}.html" for name in made}


def _run(wrong: int) -> str:
    _record(wrong)
    return _asked("suites/yesno", "suites/forms", "--providers", f"log{wrong}.yaml")


def _run_twice() -> str:
    """Ask every sample twice: the second time `b` errs less."""
    _record(9, repeats=2)
    return _asked("suites/yesno", "--repeats", "2", "--limit", "20", "--providers", "log9.yaml")


def _asked(*arguments: str) -> str:
    """Run both arms and return the run's folder."""
    before = set(Path("results").glob("*"))
    evalkit("run", *arguments, "--models", f"log:{A},log:{B}")
    (made,) = set(Path("results").iterdir()) - before
    return str(made)


def evalkit(*arguments: str) -> None:
    """Run a command as a user does."""
    command = [sys.executable, "-m", "evalkit", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def legible(text: str) -> str:
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
        {"id": legible(text)[:150] + name, "text": legible(text)[:5000] or "-",
         "kind": legible(text)[:60] or "none", "name": name, "place": f"place {place}",
         "target": {"name": name}}
        for place, (name, text) in enumerate(HOSTILE.items())
    ]  # fmt: skip
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "samples.jsonl").write_text(lines)


def _record(wrong: int, repeats: int = 1) -> None:
    """Write a recording: `a` errs less than `b`, whose forms are the hostile texts themselves."""
    told: dict[str, Any] = {
        "usage": {"input": 20, "output": 9}, "cost_usd": 0.001,
        "recorded_at": "2026-10-01T00:00:00Z",
    }  # fmt: skip
    rows = [
        {"sample_id": f"s{n}", "model": arm, "text": "no" if n < errs / repeat else "yes",
         "repeat": repeat, "service_ms": 100 + n, **told}
        for arm, errs in ((A, 10), (B, wrong))
        for n in range(MANY)
        for repeat in range(1, repeats + 1)
    ]  # fmt: skip
    for name, text in HOSTILE.items():
        own = legible(text)
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
