"""Short ways to build a grader, a sample and an answer, as a suite would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evalkit.core.ports import Grader, GraderContext, grader_factory
from evalkit.core.records import Completion, OutputSpec, Sample, Score
from evalkit.graders.parse import Parser

NONE = object()


def context(output: OutputSpec, folder: Path = Path(), **options: Any) -> GraderContext:
    """The context of a grader at line 7 of a suite that may run its code."""
    return GraderContext(
        options=options, output=output, suite_folder=folder, where="suite.yaml:7", code_allowed=True
    )


def build(
    name: str, output: OutputSpec | None = None, folder: Path = Path(), **options: Any
) -> Grader:
    """The grader of that name."""
    return grader_factory(name, "suite.yaml:7")(context(output or OutputSpec(), folder, **options))


def sample(target: Any = NONE, **columns: Any) -> Sample:
    """A sample with this target, without one where none is given."""
    if target is NONE:
        return Sample(id="s1", columns=columns, has_target=False)
    return Sample(id="s1", columns=columns, target=target)


def grade(grader: Grader, target: Any, text: str, output: OutputSpec | None = None) -> Score:
    """The score of an answer's text, parsed as the output asks."""
    completion = Completion(text=text, finish_reason="stop")
    parsed = Parser(output or OutputSpec()).parse(completion)
    return grader.grade(sample(target), completion, parsed)
