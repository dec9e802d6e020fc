"""What the docs tell a reader to run, runs; so does every example."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ROOT, blocks

EXAMPLES = sorted(p for p in (ROOT / "examples").glob("*.py") if p.name != "demo.py")
SAYS = {
    "README.md": ["suites/refunds", "quality.png", "rules:rules"],
    "docs/tutorial.md": ["classical:tfidf", "12 samples, 12 for training", "(recorded)"],
}


def environment(home: Path) -> dict[str, str]:
    """Return this process's environment without keys, and with no weights pulled."""
    kept = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    return {**kept, "PATH": path, "EVALKIT_HOME": str(home / "cache"), "PYTHONUTF8": "1"}


@pytest.mark.parametrize("page", SAYS)
def test_the_blocks_that_a_page_says_run_do_run(page: str, tmp_path: Path) -> None:
    """In order, in one shell, in an empty folder, without a key or a network."""
    script = "".join(block.text for block in blocks(ROOT / page) if block.runs)
    assert script
    done = subprocess.run(
        ["bash", "-euo", "pipefail"],
        input=script,
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for words in SAYS[page]:
        assert words in done.stdout


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_example_runs(example: Path, tmp_path: Path) -> None:
    """And says something on stdout, nothing on stderr."""
    done = subprocess.run(
        [sys.executable, str(example)],
        cwd=tmp_path,
        env={**environment(tmp_path), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_every_example_is_listed() -> None:
    """In the index of the folder."""
    index = (ROOT / "examples" / "README.md").read_text()
    assert [p.name for p in EXAMPLES if f"[{p.name}]({p.name})" not in index] == []


def test_the_judges_without_a_model_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of the section as a reader copies them: each says in its first line where."""
    from evalkit import api
    from evalkit.run.setup import RunOptions

    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "suites" / "notes"
    folder.mkdir(parents=True)
    for block in blocks(ROOT / "docs" / "judges.md"):
        if block.text.startswith("# "):
            (tmp_path / block.text.splitlines()[0][2:]).write_text(block.text)
        elif block.language == "json":
            (tmp_path / "verdicts.jsonl").write_text(block.text)
    with (tmp_path / "providers.yaml").open("a") as file:
        for name in ("logs", "answers"):
            path = {"logs": "verdicts", "answers": "old"}[name]
            file.write(
                f"  {name}: {{wire: replay, path: {path}.jsonl,"
                " governance: {allowed_sensitivity: special}}\n"
            )
    (tmp_path / "old.jsonl").write_text('{"sample_id": "n1", "model": "m", "text": "41 chairs."}')
    (folder / "samples.jsonl").write_text('{"id": "n1", "text": "Order 40 chairs."}\n')
    (folder / "suite.yaml").write_text(
        "schema_version: 1\nname: notes\ndata: {path: samples.jsonl, id: id}\n"
        "prompt: {user: '{{ text }}'}\noutput: {format: text}\ngraders: {rubric: {}}\n"
    )
    for judge, quality in (("checks:numbers", 0.5), ("logs:old-judge", 1.0)):
        options = RunOptions(
            suites=("suites/notes",),
            models=("answers:m",),
            settings=(f"graders.rubric.judge={judge}",),
        )
        (row,) = api.run(options).summary["rows"]
        assert (row["quality"]["value"], row["judge"]["n_judge_error"]) == (quality, 0)
