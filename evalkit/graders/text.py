"""text: how close a text is to its reference, by words, by characters or by containment.

This module does not know meaning: for that, ask a judge with a rubric.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.core.ports import GraderContext
from evalkit.core.records import Completion, Parsed, Sample, Score
from evalkit.graders.scoring import (
    GraderOptions,
    ScoringGrader,
    answer_text,
    read_options,
    shown,
)
from evalkit.graders.words import contains, normalised, token_f1, tokens

VERSION = "1"
MAX_COMPARED_CHARS = 200_000
"""Of each text, for ROUGE and chrF, which slow down with the product of lengths."""

Measure = Callable[[str, str], float]


class TextOptions(GraderOptions, frozen=True, kw_only=True):
    """Options of `text`.

    Attributes:
        mode: What is measured.
        drop: Words that do not count (`normalised`, `contains`, `token_f1`); `[a, an, the]` gives
            SQuAD's measure.
        rouge: Which ROUGE F-measure.
        tokens: How ROUGE splits words: by Unicode's rules, or as the reference implementation
            does (ASCII letters and digits only: English).
        stem: Porter's stemmer for ROUGE; English, with `tokens: rouge_score`.
    """

    mode: Literal["normalised", "contains", "token_f1", "rouge", "chrf"] = "normalised"
    drop: tuple[str, ...] = ()
    rouge: Literal["rouge1", "rouge2", "rougeL"] = "rougeL"
    tokens: Literal["unicode", "rouge_score"] = "unicode"
    stem: bool = False


class TextGrader(ScoringGrader):
    """The best agreement with any of the references."""

    def __init__(self, context: GraderContext) -> None:
        self.options = options = read_options(context, "text", TextOptions)
        where = f"{context.where}: grader 'text'"
        self._measure, library = _measure(options, where)
        self.is_quick = library is None
        super().__init__("text", VERSION, options, context, also=library)

    def check(self, sample: Sample) -> str | None:
        """Refuse a sample without a reference, or with one that has no words."""
        if not sample.has_target:
            return "text: the sample has no target"
        references = _references(sample)
        if not references:
            return f"text: the target is no text, got {shown(repr(sample.target))}"
        empty = [r for r in references if not self._is_measurable(r)]
        if not empty:
            return None
        return f"text: a reference has too few words to measure, got {shown(repr(empty[0]))}"

    def _is_measurable(self, reference: str) -> bool:
        """Return whether the reference agrees with itself: one word has no ROUGE-2."""
        if not normalised(reference, self.options.drop):
            return False
        return self.is_quick or self._measure(reference, reference) > 0.99

    def grade(self, sample: Sample, completion: Completion, parsed: Parsed) -> Score:
        """Return the largest agreement over the references."""
        if (problem := self.check(sample)) is not None:
            raise CannotGrade(problem)
        answer = answer_text(completion, parsed, "text")
        best = max(self._measure(reference, answer) for reference in _references(sample))
        value = min(1.0, max(0.0, best))
        reason = "" if value >= self.pass_at else f"{self.options.mode} {value:.3f}"
        return self.score(value, reason, {"mode": self.options.mode})


def _references(sample: Sample) -> list[str]:
    targets = sample.target if isinstance(sample.target, list) else [sample.target]
    if any(isinstance(t, bool) or not isinstance(t, str | int | float) for t in targets):
        return []
    return [str(target) for target in targets]


def _measure(options: TextOptions, where: str) -> tuple[Measure, str | None]:
    """Return the measure and the library behind it with its version, None where it is ours."""
    if options.mode == "rouge":
        return _rouge(options, where)
    if options.mode == "chrf":
        return _chrf(where)
    drop = options.drop
    measures: dict[str, Measure] = {
        "normalised": lambda target, answer: float(
            normalised(target, drop) == normalised(answer, drop)
        ),
        "contains": lambda target, answer: float(
            contains(normalised(answer, drop), normalised(target, drop))
        ),
        "token_f1": lambda target, answer: token_f1(tokens(target, drop), tokens(answer, drop)),
    }
    return measures[options.mode], None


def _rouge(options: TextOptions, where: str) -> tuple[Measure, str]:
    try:
        import rouge_score_rs
        from rouge_score_rs import rouge_scorer, tokenizers
    except ImportError:
        raise _missing(where, "rouge", "rouge-score-rs") from None
    if options.stem and options.tokens == "unicode":
        raise ConfigError(f"{where}: `stem` needs `tokens: rouge_score`, got 'unicode'")
    tokenizer = tokenizers.UnicodeTokenizer() if options.tokens == "unicode" else None
    scorer: Any = rouge_scorer.RougeScorer(  # type: ignore[no-untyped-call]
        [options.rouge], use_stemmer=options.stem, tokenizer=tokenizer
    )

    def measure(target: str, answer: str) -> float:
        scores = scorer.score(target[:MAX_COMPARED_CHARS], answer[:MAX_COMPARED_CHARS])
        return float(scores[options.rouge].fmeasure)

    return measure, f"rouge-score-rs {rouge_score_rs.__version__}"


def _chrf(where: str) -> tuple[Measure, str]:
    try:
        import sacrebleu
        from sacrebleu.metrics.chrf import CHRF
    except ImportError:
        raise _missing(where, "chrf", "sacrebleu") from None
    metric = CHRF()

    def measure(target: str, answer: str) -> float:
        score = metric.sentence_score(answer[:MAX_COMPARED_CHARS], [target[:MAX_COMPARED_CHARS]])
        return float(score.score) / 100

    return measure, f"sacrebleu {sacrebleu.__version__}"


def _missing(where: str, mode: str, package: str) -> ConfigError:
    return ConfigError(
        f"{where}: mode {mode!r} needs {package}, which is not installed; "
        "install evalkit[text] or use mode token_f1"
    )


def grader(context: GraderContext) -> TextGrader:
    """Build the grader from its options."""
    return TextGrader(context)
