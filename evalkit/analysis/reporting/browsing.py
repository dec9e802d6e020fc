"""The samples that a report shows, with their texts, suite by suite, within one budget.

It does not know how they are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from evalkit.analysis.reporting.cases import (
    MOST_TRIALS,
    CaseList,
    SampleGrid,
    case_lists,
    kept_samples,
    sample_grid,
)
from evalkit.analysis.reporting.evidence import Evidence, SuiteEvidence
from evalkit.analysis.reporting.trials import MOST_TEXT_BYTES, SuiteTrials, Texts, suite_trials


class Browsed(NamedTuple):
    """One suite's samples.

    Attributes:
        grid: All of them, by their outcomes.
        lists: Those that deserve a look.
        trials: Those that go onto the page.
    """

    grid: SampleGrid
    lists: tuple[CaseList, ...]
    trials: SuiteTrials


def browse(evidence: Evidence) -> tuple[list[Browsed], Texts | None]:
    """Return the samples of each suite, and the texts they refer to.

    Returns:
        As many as there are suites, in their order; texts are None where they are left out.
    """
    redact = evidence.request.redact
    texts = None if redact else Texts(budget=0)
    sizes = [sum(len(arm.side.outcomes) for arm in suite.arms) for suite in evidence.suites]
    most, total = _shares(sizes, MOST_TRIALS), max(1, sum(sizes))
    found = []
    for suite, room, size in zip(evidence.suites, most, sizes, strict=True):
        if texts is not None:
            texts.budget += MOST_TEXT_BYTES * size // total
        found.append(_browsed(evidence, suite, texts, room))
    return found, texts


def _shares(sizes: Sequence[int], room: int) -> list[int]:
    """Divide room among suites: small ones whole, the others what is left in equal parts."""
    shares = [0] * len(sizes)
    left, order = room, sorted(range(len(sizes)), key=lambda i: sizes[i])
    for done, place in enumerate(order):
        shares[place] = min(sizes[place], left // (len(sizes) - done))
        left -= shares[place]
    return shares


def _browsed(evidence: Evidence, suite: SuiteEvidence, texts: Texts | None, room: int) -> Browsed:
    grid = sample_grid([arm.side.outcomes for arm in suite.arms])
    contrast = suite.contrast
    pair = contrast and (suite.place(contrast.baseline), suite.place(contrast.candidate))
    lists = tuple(case_lists(grid, pair))
    kept = kept_samples(lists, grid, room)
    trials = suite_trials(
        suite,
        grid,
        kept,
        readings=evidence.readings,
        texts=texts,
        providers=evidence.request.providers,
    )
    return Browsed(grid, lists, trials)
