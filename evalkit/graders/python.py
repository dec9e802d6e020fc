"""python: a function of the suite's own scores the answer.

The function runs in this process with this user's rights, only where the suite's code is allowed.
This module does not know what it judges.
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
from evalkit.core.ports import GraderContext
from evalkit.core.records import Completion, Parsed, Sample, Score
from evalkit.graders.scoring import (
    GraderOptions,
    ScoringGrader,
    kind_of,
    metrics_problem,
    read_options,
    shown,
)
from evalkit.graders.suite_files import suite_file

VERSION = "1"
_KEYS = ("value", "reason", "details")


class PythonOptions(GraderOptions, frozen=True, kw_only=True):
    """Options of `python`.

    Attributes:
        file: A file of the suite's folder.
        function: The function in it: `grade(sample, output, parsed)`.
    """

    file: str = "graders.py"
    function: str = "grade"


class PythonGrader(ScoringGrader):
    """What the suite's function says."""

    is_quick = False

    def __init__(self, context: GraderContext) -> None:
        options = read_options(context, "python", PythonOptions)
        self._where = f"{context.where}: grader 'python'"
        if not context.code_allowed:
            raise ConfigError(
                f"{self._where}: {options.file!r} is code of a suite outside the current "
                "directory; allow it with --allow-code"
            )
        self._path = suite_file(context, options.file, self._where)
        source = self._path.read_bytes()
        self._function = _load(self._path, options.function, self._where)
        code = hashlib.sha256(source).hexdigest()
        super().__init__("python", VERSION, options, context, also=code)

    def check(self, sample: Sample) -> str | None:
        """Accept every sample: what it needs, only the function knows."""
        return None

    def grade(self, sample: Sample, completion: Completion, parsed: Parsed) -> Score:
        """Call the function with the sample's columns (plus `id`, `target`), text and value."""
        columns = {**sample.columns, "id": sample.id}
        if sample.has_target:
            columns["target"] = sample.target
        try:
            verdict = self._function(columns, completion.text, parsed.value)
        except (Exception, SystemExit) as crash:
            raise CannotGrade(f"python: {self._crash(crash)}") from crash
        return self._scored(verdict)

    def _scored(self, verdict: object) -> Score:
        if isinstance(verdict, Score):
            fields = {"value": verdict.value, "reason": verdict.reason, "details": verdict.details}
            return self._scored(fields)
        if not isinstance(verdict, Mapping):
            return self.score(_value(verdict))
        unknown = sorted(str(key) for key in verdict if key not in _KEYS)
        if unknown or "value" not in verdict:
            raise CannotGrade(
                f"python: the function gave a dict with keys {shown(list(verdict))}; "
                f"allowed: {', '.join(_KEYS)}, at least `value`"
            )
        details = verdict.get("details")
        if details is not None:
            details = _plain(details)
        if (problem := metrics_problem(details)) is not None:
            raise CannotGrade(f"python: {problem}")
        return self.score(_value(verdict["value"]), str(verdict.get("reason") or ""), details)

    def _crash(self, crash: BaseException) -> str:
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(crash.__traceback__)
            if frame.filename == str(self._path)
        ]
        place = f"{self._path.name}:{lines[-1]}" if lines else self._path.name
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


def _load(path: Path, name: str, where: str) -> Callable[[dict[str, Any], str, Any], object]:
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


def grader(context: GraderContext) -> PythonGrader:
    """Build the grader from its options."""
    return PythonGrader(context)
