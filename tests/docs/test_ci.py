"""What docs/ci.md and examples/ci tell a reader to copy into CI is understood by the commands."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pages import ROOT, blocks, prose

from evalkit.analysis.gates.policy import read_gate
from evalkit.cli.main import COMMANDS, Parser

CI = ROOT / "examples" / "ci"
PAGE = ROOT / "docs" / "ci.md"
HOOKS = ROOT / ".pre-commit-hooks.yaml"


def github_steps() -> list[dict]:
    """Return the steps of the workflow."""
    document = yaml.safe_load((CI / "github.yml").read_text())
    (job,) = document["jobs"].values()
    return job["steps"]


def gitlab_job() -> dict:
    """Return the one job."""
    ((_, job),) = yaml.safe_load((CI / "gitlab-ci.yml").read_text()).items()
    return job


def scripts() -> dict[str, str]:
    """Return what is given to a shell, by file."""
    job = gitlab_job()
    return {
        "github.yml": "\n".join(step["run"] for step in github_steps() if "run" in step),
        "gitlab-ci.yml": "\n".join(job["before_script"] + job["script"] + job["after_script"]),
        ".pre-commit-hooks.yaml": "\n".join(
            hook["entry"] for hook in yaml.safe_load(HOOKS.read_text())
        ),
        "ci.md": "\n".join(b.text for b in blocks(PAGE) if b.language == "bash"),
    }


def evalkit_lines() -> list[tuple[str, list[str]]]:
    """Return every `evalkit ...` that a shell would run, as its arguments."""
    found = []
    for name, script in scripts().items():
        for line in script.replace("\\\n", " ").split("\n"):
            words = shlex.shlex(line, posix=True, punctuation_chars=True)
            words.whitespace_split = True
            tokens = list(words)
            while "evalkit" in tokens[:1]:
                ends = [i for i, t in enumerate(tokens) if set(t) <= set("<>|&;()")]
                end = ends[0] if ends else len(tokens)
                found.append((name, tokens[1:end]))
                tokens = tokens[end + 1 :]
    return found


LINES = evalkit_lines()


@pytest.mark.parametrize(("name", "words"), LINES, ids=[f"{n}: {' '.join(w)}" for n, w in LINES])
def test_a_command_of_an_example_is_one_that_evalkit_takes(name, words):
    """Its options are parsed by the command itself."""
    command, *arguments = words
    parser = Parser(prog=f"evalkit {command}", allow_abbrev=False)
    importlib.import_module(COMMANDS[command].module).add_arguments(parser)
    assert parser.parse_args(arguments)


@pytest.mark.parametrize("name", scripts())
def test_every_file_has_commands(name):
    """Else the test above would have nothing to say of it."""
    assert any(file == name for file, _ in LINES)
    assert len(LINES) >= 12


@pytest.mark.parametrize("name", ["github.yml", "gitlab-ci.yml"])
def test_an_example_does_what_it_says(name):
    """Weights, check, run with a budget, gate with every output that its platform reads."""
    own = {words[0]: words for file, words in LINES if file == name}
    assert {"models", "check", "run", "gate"} == set(own)
    assert {"--budget-usd", "--yes", "--json"} <= set(own["run"])
    assert {"--against", "--candidate", "--policy", "--junit", "--summary"} <= set(own["gate"])
    assert ("--github" in own["gate"]) == (name == "github.yml")


def test_the_workflow_runs_on_pull_requests_and_by_the_clock():
    """With the rights to read, and with its weights in a cache and its report kept."""
    document = yaml.safe_load((CI / "github.yml").read_text())
    assert set(document[True]) == {"pull_request", "schedule", "workflow_dispatch"}
    assert document["permissions"] == {"contents": "read"}
    uses = [step["uses"].partition("@")[0] for step in github_steps() if "uses" in step]
    assert uses[2:] == ["actions/cache", "actions/upload-artifact"]
    assert github_steps()[-1]["if"] == "always()"


def test_no_expression_stands_in_a_script():
    """A branch's name in `${{ }}` would be shell code."""
    assert [step for step in github_steps() if "${{" in step.get("run", "")] == []


def test_gitlab_reads_the_file_that_the_gate_writes():
    """And takes exit code 3 for a warning."""
    job = gitlab_job()
    assert job["artifacts"]["reports"]["junit"] == "reports/gate.xml"
    assert any("--junit reports/gate.xml" in line for line in job["script"])
    assert job["allow_failure"] == {"exit_codes": [3]}
    assert job["artifacts"]["when"] == "always"


def test_the_hook_looks_at_what_check_reads():
    """Suites, providers, prices and policies; nothing else."""
    (hook,) = yaml.safe_load(HOOKS.read_text())
    assert (hook["id"], hook["language"], hook["pass_filenames"]) == (
        "evalkit-check",
        "python",
        False,
    )
    seen = re.compile(hook["files"])
    for path in ("suites/extraction/suite.yaml", "providers.yaml", "prices.yaml", "gate.yaml"):
        assert seen.search(path), path
    for path in ("README.md", "docs/suites/x.md", "providers.yaml.bak", "evalkit/gate.yaml.py"):
        assert not seen.search(path), path


def test_every_example_is_named_in_the_index_and_on_the_page():
    """A file that nobody names is not found."""
    for path in CI.glob("*.yml"):
        assert f"[{path.name}]({path.name})" in (CI / "README.md").read_text()
        assert f"examples/ci/{path.name}" in prose(PAGE)


def test_every_exit_code_is_explained():
    """The six of the contract."""
    assert re.findall(r"^\| (\d+) \|", prose(PAGE), re.MULTILINE) == [
        "0",
        "1",
        "2",
        "3",
        "4",
        "130",
    ]


def policy(folder: Path, *, wide: bool = False) -> Path:
    """Write the policy of the page; `wide`: with limits that a small suite can decide."""
    (text,) = [b.text for b in blocks(PAGE) if b.text.startswith("schema_version")]
    path = folder / "gate.yaml"
    path.write_text(re.sub(r"0\.\d+}", "0.2}", text) if wide else text)
    return path


def test_the_policy_of_the_page_is_one(tmp_path):
    """It can be copied."""
    assert [rule.name for rule in read_gate(policy(tmp_path)).rules] == [
        "quality max_drop",
        "malformed_rate max_increase",
    ]


@pytest.mark.parametrize("name", ["github.yml", "gitlab-ci.yml"])
def test_the_scripts_of_an_example_run(name, tmp_path):
    """As written, but with rules in place of a model: check, run, gate, and all that they write."""
    shutil.copytree(ROOT / "suites" / "extraction", tmp_path / "suites" / "extraction")
    shutil.copy(ROOT / "providers.yaml", tmp_path)
    policy(tmp_path, wide=True)
    step = tmp_path / "step"
    step.mkdir()
    environ = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")} | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "GITHUB_OUTPUT": str(step / "output"),
        "GITHUB_STEP_SUMMARY": str(step / "summary"),
    }
    script = scripts()[name].replace("local:smollm2", "rules:rules").replace("--repeats 3", "")
    lines = [line for line in script.split("\n") if not re.search("pip install|models pull", line)]
    before, gate = "\n".join(lines).split("evalkit gate ")
    start = "export EVALKIT_BOT_TOKEN= CI_MERGE_REQUEST_IID=\n"
    accept = (
        "evalkit baseline accept results/* -o baseline.json\n"
        'RUN="${RUN:-$(sed -n s/^folder=//p "$GITHUB_OUTPUT")}"\n'
    )
    done = subprocess.run(
        ["bash", "-euo", "pipefail"],
        input=f"{start}{before}{accept}evalkit gate {gate}",
        cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "PASS: rules:rules may take the place of rules:rules" in done.stdout
    assert json.loads((tmp_path / "run.json").read_text())["state"] == "complete"
    assert (tmp_path / "reports" / "gate.xml").read_text().count("<testcase") == 2
    assert "Gate: PASS" in (tmp_path / "reports" / "gate.md").read_text()
    if name == "github.yml":
        assert "\n::notice title=gate%3A PASS" in done.stdout
        assert "verdict=pass\n" in (step / "output").read_text()
        assert "Gate: PASS" in (step / "summary").read_text()
