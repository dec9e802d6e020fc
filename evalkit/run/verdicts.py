"""Verdicts of a finished run, as its journal holds them; or of labelled outputs, judged now.

It reads what graders wrote into `details`; it does not know people's labels.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.core.errors import ConfigError
from evalkit.core.records import Record, Score, Trial, hash64
from evalkit.graders.rubric_file import Criterion
from evalkit.providers.replay import recorded_models
from evalkit.run.agreement import Confirm
from evalkit.run.execute import Closed, start
from evalkit.run.folder import Run
from evalkit.run.plan import Selection
from evalkit.run.progress import Progress
from evalkit.run.setup import OUTPUTS, RunOptions, grading_of
from evalkit.suite.loader import read_spec


class JudgedTrial(NamedTuple):
    """One judged trial with its grader's score."""

    trial: Trial
    score: Score


def rubric_facts(run: Run, suite: str) -> dict[str, Any]:
    """Return what run.json keeps of the rubric by which a suite was judged.

    Raises:
        ConfigError: If the suite is not part of the run, or was not judged.
    """
    found = next((s for s in run.manifest["suites"] if s["name"] == suite), None)
    if found is None:
        names = ", ".join(s["name"] for s in run.manifest["suites"])
        raise ConfigError(f"{run.folder}: suite {suite!r} is not part of this run; it has: {names}")
    facts: list[dict[str, Any]] = found.get("judging") or []
    if not facts:
        raise ConfigError(
            f"{run.folder}: nobody judged {suite!r} in this run; "
            f"evalkit regrade {run.folder} --set 'graders.rubric={{judge: provider:name}}'"
        )
    return facts[0]


def judged_trials(run: Run, suite: str, grader: str) -> Iterator[JudgedTrial]:
    """Iterate over the trials that a rubric has judged or failed to judge."""
    for trial in run.trials():
        if trial.suite == suite:
            for score in trial.scores:
                if score.grader == grader and "judging" in (score.details or {}):
                    yield JudgedTrial(trial, score)


def decided_words(score: Score, criteria: Mapping[str, Criterion]) -> dict[str, str | None]:
    """Return the verdict on each criterion; None where the panel was tied or undecided.

    A mean of different votes counts as the word whose worth is nearest to it.
    """
    words: dict[str, str | None] = {}
    for name, found in (score.details or {}).get("criteria", {}).items():
        word, value = found["verdict"], found["value"]
        if word is None and value is not None and not found["tie"] and name in criteria:
            own = criteria[name]
            word = min(own.verdicts, key=lambda w: abs(own.worth(w) - value))
        words[name] = word
    return words


class OutputsToJudge(Record, frozen=True, kw_only=True):
    """Outputs of a file that judges are to see, by a suite's rubric.

    Attributes:
        suite: The suite's folder.
        outputs: A recording of the outputs.
        judges: In place of those that the rubric names.
        rubric: A rubric of the suite's folder; by default that of its `rubric` grader, else
            rubric.yaml.
        repeats: The highest repeat among the outputs.
        samples: Only outputs for these samples; None for all.
    """

    suite: Path
    outputs: Path
    judges: tuple[str, ...] = ()
    rubric: str | None = None
    repeats: int = 1
    providers: str | None = None
    results: str = "results"
    budget_usd: float | None = None
    command: str = ""
    samples: tuple[str, ...] | None = None


def rubric_to_use(wanted: OutputsToJudge) -> dict[str, Any]:
    """Return the facts of the rubric by which the outputs will be judged, as run.json keeps them.

    Raises:
        ConfigError: If the rubric cannot be read, or names no judge.
    """
    spec = read_spec(wanted.suite, settings=_settings(wanted))
    return grading_of(spec, allow_code=False).judging[0].facts()


def judge_outputs(
    wanted: OutputsToJudge, *, confirm: Confirm | None = None, progress: Progress | None = None
) -> Closed:
    """Make a run in which nobody answers and everything is judged: the outputs as they stand.

    They count as texts, whatever form the suite asks for, so that a judge sees each of them.

    Raises:
        ConfigError: Before anything is sent, if anything is wrong.
    """
    if not wanted.outputs.is_file():
        raise ConfigError(
            f"{wanted.outputs}: no such file of outputs; name a recording with --outputs FILE, "
            "or a run that has been judged with --run RUN"
        )
    models = tuple(f"{OUTPUTS}:{name}" for name in recorded_models(wanted.outputs))
    options = RunOptions(
        suites=(str(wanted.suite),),
        models=models,
        providers=wanted.providers,
        settings=_settings(wanted),
        results=wanted.results,
        selection=Selection(repeats=wanted.repeats, samples=wanted.samples),
        budget_usd=wanted.budget_usd,
        command=wanted.command,
        outputs=str(wanted.outputs),
    )
    return start(options, confirm=confirm, progress=progress)


def _settings(wanted: OutputsToJudge) -> tuple[str, ...]:
    """Return what makes a suite judge its outputs as they stand, by its rubric alone."""
    graders = json.dumps({"rubric": _rubric_options(wanted)})
    return (f"graders={graders}", "primary=rubric", "output.format=text")


def _rubric_options(wanted: OutputsToJudge) -> dict[str, Any]:
    graders = {grader.name: grader.options for grader in read_spec(wanted.suite).graders}
    options = dict(graders.get("rubric") or {})
    if wanted.rubric is not None:
        options["file"] = wanted.rubric
        options.pop("criteria", None)
    if wanted.judges:
        options["judge"] = list(wanted.judges)
    return options


def drawn(sample_ids: set[str], limit: int | None) -> tuple[str, ...]:
    """Return so many samples, those whose ids hash lowest; all where there is no limit."""
    ranked = sorted(sample_ids, key=lambda name: hash64(f"0\0{name}"))
    return tuple(ranked[:limit])
