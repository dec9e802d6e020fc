"""What docs/drift.md and its schedules tell a reader to run is taken by the commands."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml
from commands import commands_in, parsed
from pages import ROOT, blocks, prose

CI = ROOT / "examples" / "ci"
PAGE = ROOT / "docs" / "drift.md"


def workflow() -> dict:
    return yaml.safe_load((CI / "github-drift.yml").read_text())


def steps() -> list[dict]:
    (job,) = workflow()["jobs"].values()
    return job["steps"]


def crontab() -> list[str]:
    """Return the commands of the crontab: what stands behind the five fields of time."""
    lines = (CI / "drift.cron").read_text().splitlines()
    return [line.split(None, 5)[5] for line in lines if re.match(r"[\d*]", line)]


SCRIPTS = {
    "drift.cron": "\n".join(crontab()),
    "github-drift.yml": "\n".join(step["run"] for step in steps() if "run" in step),
    "drift.md": "\n".join(b.text for b in blocks(PAGE) if b.language == "bash"),
}
LINES = [(name, words) for name, script in SCRIPTS.items() for words in commands_in(script)]


@pytest.mark.parametrize(("name", "words"), LINES, ids=[f"{n}: {' '.join(w)}" for n, w in LINES])
def test_a_command_of_the_schedules_is_one_that_evalkit_takes(name: str, words: list[str]) -> None:
    """Its options are parsed by the command itself."""
    assert parsed(words)


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_schedule_asks_and_compares(name: str) -> None:
    """The same suite, and in a way that fails where something got worse."""
    own = [words for file, words in LINES if file == name]
    ran = [parsed(words) for words in own if words[0] == "run"]
    compared = [parsed(words) for words in own if words[0] == "drift"]
    assert ran
    assert any(options.fail_on == "drift" for options in compared)
    suites = {suite.rpartition("/")[2] for options in ran for suite in map(str, options.suites)}
    assert {options.suite for options in compared} <= suites


@pytest.mark.parametrize("name", ["drift.cron", "github-drift.yml"])
def test_nobody_is_there_to_be_asked(name: str) -> None:
    """So there is a budget, and --yes; and never a cache."""
    for words in (words for file, words in LINES if file == name and words[0] == "run"):
        assert {"--yes", "--budget-usd"} <= set(words)
        assert "--cache" not in words


def test_the_crontab_is_one() -> None:
    """Five fields of time, no bare percent sign, a shell that reads each line."""
    text = (CI / "drift.cron").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    for line in lines:
        assert re.match(r"[A-Z_]+=|(\S+\s+){5}\S", line)
        assert "%" not in line.replace("\\%", "")
    for command in crontab():
        done = subprocess.run(["bash", "-n", "-c", command], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


def test_the_workflow_runs_by_the_clock_and_keeps_its_runs() -> None:
    """On a branch of their own; a script holds no expression."""
    document = workflow()
    assert set(document[True]) == {"schedule", "workflow_dispatch"}
    assert document["permissions"] == {"contents": "write"}
    scripts = [step["run"] for step in steps() if "run" in step]
    assert [script for script in scripts if "${{" in script] == []
    assert "git push origin drift-history" in SCRIPTS["github-drift.yml"]
    for script in scripts:
        assert subprocess.run(["bash", "-n", "-c", script], check=False).returncode == 0


def test_the_page_names_the_schedules() -> None:
    """With links."""
    for name in ("drift.cron", "github-drift.yml"):
        assert f"(../examples/ci/{name})" in prose(PAGE)


def test_every_exit_code_is_explained() -> None:
    """Those that the command can give."""
    assert re.findall(r"^\| (\d+) \|", prose(PAGE), re.MULTILINE) == ["0", "1", "2", "3"]
