"""The trials that go onto the page: their figures in columns, each text once, within a budget.

Texts are read from the journal for these trials alone, so memory does not grow with the run. What
is left out is counted. It does not know how texts are made safe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.analysis.columns import SuiteFacts
from evalkit.analysis.cost import PriceAttempt, bill, timing
from evalkit.analysis.outputs import output_text, reason_text
from evalkit.analysis.reading import Reading
from evalkit.analysis.reporting.cases import SampleGrid
from evalkit.analysis.reporting.evidence import ShownArm, SuiteEvidence
from evalkit.analysis.reporting.inputs import Inputs, find_inputs, input_text, target_text
from evalkit.analysis.runs import pricing
from evalkit.core.records import Sample, Trial, hash64
from evalkit.run.events import TrialKey
from evalkit.run.folder import trials_in

MOST_TEXT_BYTES = 8_000_000
MOST_CHARACTERS = 50_000
NO_TEXT = -1


class TrialRow(NamedTuple):
    """One trial as the page lists it.

    Attributes:
        sample: Place of its sample among those of the page.
        text: Number of the answer's text, -1 where there is none or it was left out.
        reason: Number of the text of what graders or the provider said, likewise.
        line: Where its record stands in the journal, counted from 1.
    """

    sample: int
    repeat: int
    status: str
    rung: str | None
    score: float | None
    passed: bool | None
    latency_ms: float | None
    cost_usd: float | None
    tries: int
    text: int
    reason: int
    line: int


class SampleRow(NamedTuple):
    """One sample as the page lists it; input and target are numbers of texts."""

    sample_id: str
    cluster: str | None
    critical: bool
    slices: dict[str, str]
    input: int
    target: int


@dataclass(frozen=True)
class SuiteTrials:
    """The samples of one suite that go onto the page.

    Attributes:
        samples: The most telling first.
        arms: The trials of each arm, by sample and repeat.
        n_samples: How many samples the suite's runs had in all.
        no_inputs: Why inputs and targets are not shown, None where they are.
        place: Place of a sample on the page by its place in the grid.
    """

    samples: tuple[SampleRow, ...]
    arms: tuple[tuple[TrialRow, ...], ...]
    n_samples: int
    no_inputs: str | None
    place: dict[int, int]


@dataclass
class Texts:
    """Texts by number, each once, as long as the budget lasts.

    Attributes:
        budget: Bytes that may still be taken.
        texts: The texts.
        n_left_out: Texts that found no room.
        n_cut: Texts of which only the beginning was taken.
    """

    budget: int = MOST_TEXT_BYTES
    texts: list[str] = field(default_factory=list)
    n_left_out: int = 0
    n_cut: int = 0
    _known: dict[str, int] = field(default_factory=dict)

    def number(self, text: str | None) -> int:
        """Return the number of a text; -1 for none, or where there is no room for it."""
        if text is None:
            return NO_TEXT
        known = self._known.get(text)
        if known is not None:
            return known
        shown = text
        if len(text) > MOST_CHARACTERS:
            left = len(text) - MOST_CHARACTERS
            shown = f"{text[:MOST_CHARACTERS]}\n[... {left:,} more characters: see the journal]"
        size = len(shown.encode(errors="replace"))
        if size > self.budget:
            self.n_left_out += 1
            return NO_TEXT
        self.budget -= size
        self.n_cut += shown is not text
        self._known[text] = len(self.texts)
        self.texts.append(shown)
        return len(self.texts) - 1


def suite_trials(
    evidence: SuiteEvidence,
    grid: SampleGrid,
    kept: npt.NDArray[np.intp],
    *,
    readings: Sequence[Reading],
    texts: Texts | None,
    providers: Path | None = None,
) -> SuiteTrials:
    """Read the trials of some samples.

    Args:
        evidence: The suite and its arms.
        grid: Its samples.
        kept: Places of the samples in the grid, in the order in which texts are taken.
        readings: The runs.
        texts: Where texts go; None leaves all of them out.
        providers: Another providers file to take prices from.
    """
    hashes = [int(grid.sample[i]) for i in kept]
    place = {hashed: number for number, hashed in enumerate(hashes)}
    found: list[list[TrialRow]] = [[] for _ in evidence.arms]
    samples: dict[int, Trial] = {}
    facts = SuiteFacts(primary=evidence.facts["primary"], pass_at=evidence.facts["pass_at"])
    for reading, own in _by_reading(evidence, readings):
        price = pricing(reading.run, providers)
        for arm, line, trial in _located(reading, own, hashes, evidence.name):
            at = place[hash64(trial.sample_id)]
            samples.setdefault(at, trial)
            found[arm].append(_row(at, trial, line, price, texts, facts=facts))
    inputs = find_inputs(evidence.manifest, evidence.facts)
    rows = tuple(
        _sample_row(hashed, samples.get(number), inputs, texts)
        for number, hashed in enumerate(hashes)
    )
    return SuiteTrials(
        samples=rows,
        arms=tuple(tuple(sorted(own, key=lambda r: (r.sample, r.repeat))) for own in found),
        n_samples=len(grid.sample),
        no_inputs=None if texts is None else inputs.reason,
        place={int(i): number for number, i in enumerate(kept)},
    )


def _by_reading(
    evidence: SuiteEvidence, readings: Sequence[Reading]
) -> Iterator[tuple[Reading, list[tuple[int, ShownArm]]]]:
    for number, reading in enumerate(readings):
        own = [(i, arm) for i, arm in enumerate(evidence.arms) if arm.number == number]
        if own:
            yield reading, own


def _located(
    reading: Reading, arms: Sequence[tuple[int, ShownArm]], hashes: Sequence[int], suite: str
) -> Iterator[tuple[int, int, Trial]]:
    """Iterate over the trials of some samples, sample by sample: arm, line and trial."""
    names = reading.names.get(suite, {})
    repeats = {place: _repeats(arm) for place, arm in arms}
    labels = {arm.side.outcomes.arm: place for place, arm in arms}
    keys = (
        TrialKey(suite, names[hashed], arm.side.outcomes.arm, repeat)
        for hashed in hashes
        if hashed in names
        for place, arm in arms
        for repeat in repeats[place].get(hashed, ())
    )
    for line, attempts, end in reading.places.located(keys):
        for trial in trials_in([(attempts, end)]):
            yield labels[trial.arm], line, trial


def _repeats(arm: ShownArm) -> dict[int, list[int]]:
    """Return the repeats of each sample by its hash."""
    found: dict[int, list[int]] = {}
    outcomes = arm.side.outcomes
    for sample, repeat in zip(outcomes.sample.tolist(), outcomes.repeat.tolist(), strict=True):
        found.setdefault(sample, []).append(repeat)
    return found


def _row(
    sample: int,
    trial: Trial,
    line: int,
    price: PriceAttempt,
    texts: Texts | None,
    *,
    facts: SuiteFacts,
) -> TrialRow:
    score, passed = _graded(trial, facts)
    bought = bill(trial, price)
    cost = bought.cost_usd if bought.is_complete else None
    return TrialRow(
        sample=sample,
        repeat=trial.repeat,
        status=trial.status,
        rung=trial.output_rung,
        score=score,
        passed=passed,
        latency_ms=timing(trial).latency_ms,
        cost_usd=None if cost is None else float(cost),
        tries=sum(attempt.role == "model" for attempt in trial.attempts),
        text=NO_TEXT if texts is None else texts.number(output_text(trial)),
        reason=NO_TEXT if texts is None else texts.number(reason_text(trial)),
        line=line,
    )


def _graded(trial: Trial, facts: SuiteFacts) -> tuple[float | None, bool | None]:
    """Return quality and whether it passed, as the figures count them."""
    own = next((score for score in trial.scores if score.grader == facts.primary), None)
    if trial.status == "malformed" or (trial.status == "refused" and own is None):
        return 0.0, False
    if own is None or own.value is None:
        return None, None
    return own.value, own.value >= facts.pass_at if own.passed is None else own.passed


def _sample_row(hashed: int, trial: Trial | None, inputs: Inputs, texts: Texts | None) -> SampleRow:
    asked = inputs.sample(hashed) if texts is not None else None
    return SampleRow(
        sample_id=f"{hashed:016x}" if trial is None else trial.sample_id,
        cluster=None if trial is None else trial.cluster,
        critical=trial is not None and trial.critical,
        slices={} if trial is None else trial.slices,
        input=_number(texts, asked, input_text),
        target=_number(texts, asked, target_text),
    )


def _number(
    texts: Texts | None, sample: Sample | None, write: Callable[[Sample], str | None]
) -> int:
    return NO_TEXT if texts is None or sample is None else texts.number(write(sample))
