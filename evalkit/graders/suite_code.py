"""A suite's own grading function: loaded, called, and its verdict read.

It runs wherever it is called; `guarded` calls it in a process that can be stopped. This module does
not know graders or scores of other kinds.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.core.records import Score
from evalkit.graders.scoring import kind_of, metrics_problem, shown

KEYS = ("value", "reason", "details")

Function = Callable[[dict[str, Any], str, Any], object]


def verdict_of(
    function: Function, path: Path, sample: dict[str, Any], output: str, parsed: Any
) -> dict[str, Any]:
    """Call a function and return its verdict as `value`, `reason` and `details`.

    Raises:
        CannotGrade: If it raises, or answers with what is no verdict.
    """
    try:
        verdict = function(sample, output, parsed)
    except (Exception, SystemExit) as crash:
        raise CannotGrade(f"python: {_crash(crash, path)}") from crash
    return _read(verdict)


def _read(verdict: object) -> dict[str, Any]:
    if isinstance(verdict, Score):
        return _read({name: getattr(verdict, name) for name in KEYS})
    if not isinstance(verdict, Mapping):
        return {"value": _value(verdict), "reason": "", "details": None}
    unknown = sorted(str(key) for key in verdict if key not in KEYS)
    if unknown or "value" not in verdict:
        raise CannotGrade(
            f"python: the function gave a dict with keys {shown(list(verdict))}; "
            f"allowed: {', '.join(KEYS)}, at least `value`"
        )
    details = verdict.get("details")
    if details is not None:
        details = _plain(details)
    if (problem := metrics_problem(details)) is not None:
        raise CannotGrade(f"python: {problem}")
    reason = str(verdict.get("reason") or "")
    return {"value": _value(verdict["value"]), "reason": reason, "details": details}


def _crash(crash: BaseException, path: Path) -> str:
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(crash.__traceback__)
        if frame.filename == str(path)
    ]
    place = f"{path.name}:{lines[-1]}" if lines else path.name
    return f"{type(crash).__name__} at {place}: {shown(str(crash), 120)}"


def _value(verdict: object) -> float:
    """Read a truth value or a number in [0, 1]; numpy's scalars count as such."""
    item = getattr(verdict, "item", None)
    verdict = item() if callable(item) else verdict
    if not isinstance(verdict, bool | int | float):
        raise CannotGrade(
            f"python: the function gave {kind_of(verdict)}; "
            "allowed: a truth value, a number from 0 to 1, a dict or a Score"
        )
    if not (math.isfinite(verdict) and 0 <= verdict <= 1):
        raise CannotGrade(f"python: the function gave {verdict}; allowed: 0 to 1")
    return float(verdict)


def _plain(details: object) -> dict[str, Any]:
    try:
        plain = msgspec.to_builtins(details, str_keys=True)
        msgspec.json.encode(plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise CannotGrade(f"python: `details` are no JSON: {error}") from None
    if not isinstance(plain, dict):
        raise CannotGrade(f"python: `details` must be a dict, got {kind_of(plain)}")
    return plain


def load_function(path: Path, name: str, where: str) -> Function:
    """Run the file as a module of its own and return its function.

    Raises:
        ConfigError: If the file cannot be run or has no such function.
    """
    module_name = f"evalkit_suite_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{where}: {path.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses and pickle look themselves up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as crash:
        del sys.modules[module_name]
        raise ConfigError(
            f"{where}: {path.name} failed: {type(crash).__name__}: {crash}"
        ) from crash
    function = getattr(module, name, None)
    if not callable(function):
        known = sorted(n for n, v in vars(module).items() if callable(v) and not n.startswith("_"))
        raise ConfigError(
            f"{where}: no function {name!r} in {path.name}; it has: {', '.join(known)}"
        )
    return function  # type: ignore[no-any-return]
