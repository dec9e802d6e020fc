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
