"""Gates inside pytest: a test fails where a candidate may not take the baseline's place.

pytest loads this module in every project that has evalkit installed, so it imports nothing of
evalkit until a gate is asked for. What a gate is, it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

MARKER = "evalkit_gate"
_WIDTH = 100
_KEYS = ("run", "policy", "baseline", "candidate", "against")
_HELD: pytest.StashKey[dict[tuple[str, ...], dict[str, Any]]] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, so that `--strict-markers` knows it."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(run, policy='gate.yaml', baseline=None, candidate=None, against=None): "
        "gate a candidate model before the test's body runs; the test fails where the gate does",
    )


@pytest.fixture(scope="session")
def evalkit_gate() -> Callable[..., dict[str, Any]]:
    """Gate a candidate model: `evalkit_gate(run, policy="gate.yaml", baseline=..., candidate=...)`.

    Returns the document of `evalkit gate --json`. The test fails where the gate does; where it is
    inconclusive it fails, or is skipped if the policy says `on_inconclusive: warn`.
    """
    return _gate


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Hold the gates that a test is marked with; one that several tests share is held once."""
    held = item.config.stash.setdefault(_HELD, {})
    for mark in item.iter_markers(MARKER):
        wanted = _arguments(mark)
        key = tuple(f"{name}={value}" for name, value in sorted(wanted.items()))
        if key not in held:
            held[key] = _document(**wanted)
        _judge(held[key])


def _arguments(mark: pytest.Mark) -> dict[str, Any]:
    unknown = sorted(set(mark.kwargs) - set(_KEYS))
    if unknown or len(mark.args) > 1 or not (mark.args or "run" in mark.kwargs):
        said = f"unknown {', '.join(unknown)}" if unknown else "the run's folder is missing"
        pytest.fail(f"@pytest.mark.{MARKER}: {said}; it takes {', '.join(_KEYS)}", pytrace=False)
    return {**dict(zip(_KEYS, mark.args, strict=False)), **mark.kwargs}


def _gate(
    run: str | Path,
    policy: str | Path = "gate.yaml",
    *,
    baseline: str | None = None,
    candidate: str | None = None,
    against: str | Path | None = None,
) -> dict[str, Any]:
    document = _document(run, policy, baseline=baseline, candidate=candidate, against=against)
    _judge(document)
    return document


def _document(
    run: str | Path,
    policy: str | Path = "gate.yaml",
    *,
    baseline: str | None = None,
    candidate: str | None = None,
    against: str | Path | None = None,
) -> dict[str, Any]:
    """Return the gate's document; what evalkit refuses fails the test in one line."""
    __tracebackhide__ = True
    from evalkit import api
    from evalkit.analysis.gates.files import GateRequest
    from evalkit.core.errors import EvalkitError

    request = GateRequest(
        run=Path(run),
        policy=Path(policy),
        against=None if against is None else Path(against),
        baseline=baseline,
        candidate=candidate,
    )
    try:
        return api.gate(request)
    except EvalkitError as error:
        refused = str(error)
    pytest.fail(refused, pytrace=False)


def _judge(document: Mapping[str, Any]) -> None:
    """Fail or skip the test, or let it go on."""
    __tracebackhide__ = True
    from evalkit.report.gate_text import gate_table
    from evalkit.report.gate_values import headline
    from evalkit.report.terminal import Style

    if document["verdict"] == "pass":
        return
    counts = document["verdict"] == "fail" or document["policy"]["on_inconclusive"] == "fail"
    scored = bool(document["evidence"]) and all(
        row["n_scored"] and row["within"] for row in document["evidence"]
    )
    if counts or not document["comparable"] or not scored:
        pytest.fail(gate_table(document, Style(_WIDTH)), pytrace=False)
    pytest.skip(headline(document))
