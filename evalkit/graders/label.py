"""label: the answer is the target's label.

Which answers count as a label is the parser's business (docs/rungs.md); this module only compares.
"""

from __future__ import annotations

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.core.ports import GraderContext
from evalkit.core.records import Completion, Parsed, Sample, Score
from evalkit.graders.labels import LabelTable
from evalkit.graders.scoring import GraderOptions, ScoringGrader, answer_of, read_options, shown

VERSION = "1"


class LabelOptions(GraderOptions, frozen=True, kw_only=True):
    """Options of `label`: none beyond `pass_at`."""


class LabelGrader(ScoringGrader):
    """1 where the label is the target's (or one of a list), else 0."""

    def __init__(self, context: GraderContext) -> None:
        options = read_options(context, "label", LabelOptions)
        if not context.output.labels:
            raise ConfigError(f"{context.where}: grader 'label' needs `output.labels`, got none")
        self._labels = LabelTable(context.output.labels)
        super().__init__("label", VERSION, options, context, also=context.output.labels)

    def check(self, sample: Sample) -> str | None:
        """Refuse a sample whose target is none of the suite's labels."""
        if not sample.has_target:
            return "label: the sample has no target"
        targets = sample.target if isinstance(sample.target, list) else [sample.target]
        for target in targets:
            if self._labels.canonical(target) is None:
                known = ", ".join(repr(label) for label in self._labels.labels[:10])
                return f"label: the target is no label, got {shown(repr(target))}; known: {known}"
        return None if targets else "label: the target is an empty list"

    def grade(self, sample: Sample, completion: Completion, parsed: Parsed) -> Score:
        """Compare labels in the suite's spelling; `details` feeds a confusion matrix."""
        if (problem := self.check(sample)) is not None:
            raise CannotGrade(problem)
        targets = sample.target if isinstance(sample.target, list) else [sample.target]
        wanted = [self._labels.canonical(target) for target in targets]
        answer = answer_of(completion, parsed)
        got = self._labels.exact(answer)[0] if isinstance(answer, str) else None
        if got is None:
            raise CannotGrade(f"label: the answer is no label, got {shown(answer)}")
        details = {"expected": wanted[0] if len(wanted) == 1 else wanted, "got": got}
        if got in wanted:
            return self.score(1, details=details)
        return self.score(0, f"expected {' or '.join(map(str, wanted))}, got {got}", details)


def grader(context: GraderContext) -> LabelGrader:
    """Build the grader from its options."""
    return LabelGrader(context)
