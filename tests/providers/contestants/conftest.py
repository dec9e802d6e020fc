"""What the tests of in-process contestants share: specs, requests, suites, the small real model."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evalkit.core.ports import ModelSpec, SuiteView
from evalkit.core.records import Message, OutputSpec, Request, Sample
from evalkit.providers import weights

REAL_HOME = weights.home()  # before a test points it elsewhere


def make_spec(wire: str, name: str = "m", **changes: Any) -> ModelSpec:
    given = {"provider": "p", "name": name, "wire": wire, "wire_name": name, "timeout_s": 60.0}
    return ModelSpec(**{**given, **changes})


def make_suite(
    folder: Path = Path(), output: OutputSpec | None = None, **changes: Any
) -> SuiteView:
    given = {"name": "s", "folder": folder, "output": output or OutputSpec()}
    return SuiteView(**{**given, **changes})


def make_request(output: OutputSpec | None = None, text: str = "", **changes: Any) -> Request:
    given: dict[str, Any] = {
        "suite": "s",
        "sample_id": "1",
        "arm": "p:m",
        "repeat": 1,
        "provider": "p",
        "model": "m",
        "messages": (Message(role="user", content=text),),
        "output": output or OutputSpec(),
        "inputs": {"text": text},
    }
    return Request(**{**given, **changes})


def make_rows(pairs: list[tuple[str, Any]]) -> tuple[Sample, ...]:
    return tuple(
        Sample(id=str(i), columns={"id": str(i), "text": text}, target=target)
        for i, (text, target) in enumerate(pairs)
    )


@pytest.fixture
def kit() -> SimpleNamespace:
    return SimpleNamespace(spec=make_spec, suite=make_suite, request=make_request, rows=make_rows)


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Keep every cached hash and vector of a test in its own folder."""
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The weights of the embedded model, where they were pulled."""
    pytest.importorskip("xllamacpp", reason="the llama.cpp runtime is not installed")
    path = weights.find("smollm2", REAL_HOME / "models")
    if path is None:
        pytest.skip("the weights are not here: evalkit models pull smollm2")
    return path


@pytest.fixture(scope="session")
def serve() -> Callable[..., Any]:
    """The context manager of tests/providers/llama_server.py."""
    path = Path(__file__).parent.parent / "llama_server.py"
    spec = importlib.util.spec_from_file_location("llama_server", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    server: Callable[..., Any] = module.llama_server
    return server
