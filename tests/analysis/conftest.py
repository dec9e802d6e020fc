"""Trials made by hand, as a fixture."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def make() -> ModuleType:
    """The module of makers beside this file."""
    return load_makers()


def load_makers() -> ModuleType:
    path = Path(__file__).with_name("making.py")
    spec = importlib.util.spec_from_file_location("analysis_making", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
