"""All graders of a suite on one answer: scores, and failures kept apart from scores.

This module does not know how a status is decided from the scores.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

from evalkit.core.errors import CannotGrade, ConfigError, EvalkitError
from evalkit.core.ports import Ask, Grader, Judged, JudgingGrader
from evalkit.core.records import (
    Completion,
    OutputSpec,
    Parsed,
    Sample,
    Score,
    Status,
    fingerprint,
)
from evalkit.graders.parse import PARSER_VERSION, UNCHECKED
from evalkit.graders.scoring import metrics_problem


class Grading:
    """A suite's graders in their order.

    Args:
        output: The form of the answers; `accept` decides which rungs are graded.
        graders: Built graders.
        primary: The name of the one whose score is the quality.

    Raises:
        ConfigError: If no grader has the primary's name.
    """

    def __init__(self, output: OutputSpec, graders: Sequence[Grader], primary: str) -> None:
        self.output = output
        self.graders = tuple(graders)
        self.primary = primary
        self.judged_by = ""
        self.judging = tuple(g for g in self.graders if isinstance(g, JudgingGrader))
        self._order = {grader.name: place for place, grader in enumerate(self.graders)}
        names = [grader.name for grader in self.graders]
        if primary not in names:
            raise ConfigError(f"primary: no grader {primary!r}; known: {', '.join(names)}")

    @cached_property  # asked once for each trial
    def fingerprint(self) -> str:
        """What decides a score beside the output and the target."""
        spec = self.output
        form = [spec.format, spec.schema, spec.labels, spec.tools, spec.accept]
        parts = [PARSER_VERSION, form, [g.fingerprint for g in self.graders], self.primary]
        return fingerprint(parts)

    def bind_judges(self, mark: str) -> None:
        """Say who the judges really are: part of what decides a score, known once they are open."""
        self.judged_by = mark

    @property
    def judges(self) -> tuple[str, ...]:
        """Every judge that a grader asks, once."""
        return tuple(dict.fromkeys(name for grader in self.judging for name in grader.judges))

    @property
    def is_quick(self) -> bool:
        """Whether all graders may run on the event loop for a short answer."""
        return all(getattr(grader, "is_quick", True) for grader in self.graders)

    def only(self, name: str) -> Grading:
        """Return one of the graders alone.

        Raises:
            ConfigError: If there is none of that name.
        """
        return Grading(self.output, [g for g in self.graders if g.name == name], name)

    def accepts(self, parsed: Parsed) -> bool:
        """Return whether an answer on this rung is graded."""
        return parsed.rung != "refusal" and parsed.rung in self.output.accept

    def check(self, sample: Sample) -> str | None:
        """Return why a grader can never grade this sample, else None."""
        for grader in self.graders:
            if (problem := grader.check(sample)) is not None:
                return problem
        return None

    def grade(self, sample: Sample, completion: Completion, parsed: Parsed) -> tuple[Score, ...]:
        """Return one score for each grader that was asked.

        An answer on a rung that is not accepted is asked only of graders that say that they can:
        `grades_refusals`, `grades_malformed`. What it is worth to the others is not for them to
        say. An answer that could not be checked is a failure of every grader.
        """
        own = [grader for grader in self.graders if grader not in self.judging]
        if parsed.rung == UNCHECKED:
            reason = parsed.detail or "the answer could not be checked"
            return tuple(_failure(grader, reason) for grader in own)
        asked = (g for g in own if self._is_asked(g, parsed))
        return tuple(_graded(grader, sample, completion, parsed) for grader in asked)

    async def judge(self, judged: Judged, scores: tuple[Score, ...], ask: Ask) -> tuple[Score, ...]:
        """Return the scores with those of the graders that ask judges, in the suite's order.

        An answer that is not accepted is shown to nobody.
        """
        if not self.judging or not self.accepts(judged.parsed):
            return scores
        asked = [await _judged(grader, judged, ask) for grader in self.judging]
        return tuple(sorted([*scores, *asked], key=lambda score: self._order[score.grader]))

    def _is_asked(self, grader: Grader, parsed: Parsed) -> bool:
        if self.accepts(parsed):
            return True
        wanted = "grades_refusals" if parsed.rung == "refusal" else "grades_malformed"
        return bool(getattr(grader, wanted, False))


def status_of(parsed: Parsed, output: OutputSpec) -> Status:
    """Return what an answer makes of its trial.

    One that could not be checked is `ok` without a score: the graders failed, not the model.
    """
    if parsed.rung == "refusal":
        return "refused"
    accepted = parsed.rung in output.accept or parsed.rung == UNCHECKED
    return "ok" if accepted else "malformed"


async def _judged(grader: JudgingGrader, judged: Judged, ask: Ask) -> Score:
    """Ask one grader that asks judges; a spent budget or an interruption ends more than a score."""
    try:
        score = await grader.judge(judged, ask)
    except CannotGrade as refusal:
        return _failure(grader, str(refusal))
    except EvalkitError:
        raise
    except Exception as crash:  # noqa: BLE001 - graders of other packages; the type is recorded
        return _failure(grader, f"{type(crash).__name__}: {crash}")
    return _sound(grader, score)


def _graded(grader: Grader, sample: Sample, completion: Completion, parsed: Parsed) -> Score:
    """Ask one grader; what it cannot grade, and how it crashed, becomes a failure, never a 0."""
    try:
        score = grader.grade(sample, completion, parsed)
    except CannotGrade as refusal:
        return _failure(grader, str(refusal))
    except Exception as crash:  # noqa: BLE001 - graders of other packages; the type is recorded
        return _failure(grader, f"{type(crash).__name__}: {crash}")
    return _sound(grader, score)


def _sound(grader: Grader | JudgingGrader, score: Score) -> Score:
    """Return a score whose value and metrics are shares, else the failure."""
    value = score.value
    if value is not None and not (math.isfinite(value) and 0 <= value <= 1):
        return _failure(grader, f"gave {value}; allowed: 0 to 1")
    if (problem := metrics_problem(score.details)) is not None:
        return _failure(grader, f"{grader.name}: {problem}")
    return score


def _failure(grader: Grader | JudgingGrader, reason: str) -> Score:
    return Score(grader=grader.name, version=grader.version, value=None, failure=reason)
