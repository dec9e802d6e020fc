"""Lets these tests import `server`, `project` and `clocks` beside them, and makes them one each."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from project import Project
from server import CountingServer


@pytest.fixture
def server() -> Iterator[CountingServer]:
    running = CountingServer()
    yield running
    running.close()


@pytest.fixture
def project(tmp_path: Path, server: CountingServer, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose current directory is its own."""
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path, server.url)
