"""The scaffold: a suite that is whole and runs at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.core.errors import ConfigError
from evalkit.suite.loader import load_suite
from evalkit.suite.scaffold import new_suite


@pytest.mark.parametrize("form", ["json", "label", "text"])
def test_a_new_suite_can_be_loaded(tmp_path: Path, form: str) -> None:
    """With every part that a suite should have."""
    folder = new_suite("refunds", tmp_path / "suites", form)
    suite = load_suite(folder)
    assert suite.name == "refunds"
    assert len(suite.samples) == 3
    assert suite.spec.output.format == form
    assert (folder / "README.md").is_file()
    assert (folder / "rules.py").is_file()
    assert suite.spec.sensitivity == "internal"


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".x", "a b", "a:b", "-x", "ä", "a\n"])
def test_a_name_that_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    """It becomes a folder, and a part of run ids."""
    with pytest.raises(ConfigError, match="a name has letters, digits, - and _ only"):
        new_suite(name, tmp_path, "text")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """Not even an empty folder."""
    (tmp_path / "x").mkdir()
    with pytest.raises(ConfigError, match="it exists already"):
        new_suite("x", tmp_path, "text")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """One line."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="it cannot be written: Not a directory"):
        new_suite("x", tmp_path / "file", "text")
