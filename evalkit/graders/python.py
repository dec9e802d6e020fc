"""python: a function of the suite's own scores the answer.

The function runs with this user's rights, only where the suite's code is allowed, in processes
that are stopped where it takes too long. This module does not know what it judges.
"""

from __future__ import annotations

import hashlib
import json

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.core.ports import GraderContext
from evalkit.core.records import Completion, Parsed, Sample, Score
from evalkit.graders.guarded import Limits, guarded
from evalkit.graders.scoring import GraderOptions, ScoringGrader, read_options
from evalkit.graders.suite_code import load_function
from evalkit.graders.suite_files import suite_file

VERSION = "1"
_AT_ONCE = 4  # a function may wait for something, and others need not wait for it


class PythonOptions(GraderOptions, frozen=True, kw_only=True):
    """Options of `python`.

    Attributes:
        file: A file of the suite's folder.
        function: The function in it: `grade(sample, output, parsed)`.
        timeout_s: The most that one answer may take; then it is stopped.
    """

    file: str = "graders.py"
    function: str = "grade"
    timeout_s: float = 10.0


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
        if not 0 < options.timeout_s < float("inf"):
            raise ConfigError(
                f"{self._where}: `timeout_s` cannot be {options.timeout_s}; allowed: above 0"
            )
        self._path = suite_file(context, options.file, self._where)
        source = self._path.read_bytes()
        load_function(self._path, options.function, self._where)  # what is wrong is said now
        code = hashlib.sha256(source).hexdigest()
        setup = [str(self._path), options.function, self._where, code]
        limits = Limits(cpu_s=options.timeout_s, wall_s=options.timeout_s, width=_AT_ONCE)
        self._verdict = guarded("code", json.dumps(setup), limits)
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
            found = self._verdict([columns, completion.text, parsed.value])
        except CannotGrade as failure:
            said = str(failure)
            raise CannotGrade(said if said.startswith("python: ") else f"python: {said}") from None
        return self.score(found["value"], found["reason"], found["details"])


def grader(context: GraderContext) -> PythonGrader:
    """Build the grader from its options."""
    return PythonGrader(context)
