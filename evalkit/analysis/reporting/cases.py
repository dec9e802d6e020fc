"""Which samples deserve a look first: regressions, disagreements, what nobody got right.

Samples are chosen by their outcomes alone; it does not read texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.analysis.outcomes import FAILED, MALFORMED, REFUSED, Array, Ids, Mask, Outcomes
from evalkit.analysis.pairing import sample_means

Kind = Literal["worse", "better", "nobody", "unusable", "error"]
MOST_CASES = 20
MOST_TRIALS = 20_000
_EQUAL = 1e-12
_Grid = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SampleGrid:
    """What each arm made of each sample.

    Attributes:
        sample: Hashes of all samples that some arm was asked, ascending, shape (n,).
        quality: Mean quality over the repeats, NaN where there is none, shape (n, arms).
        passed: Share of repeats that passed, likewise.
        unusable: Some repeat was malformed or refused, shape (n, arms).
        failed: Some repeat brought no answer, shape (n, arms).
        critical: The sample must never regress, shape (n,).
        trials: Trials of each sample, shape (n,).
    """

    sample: Ids
    quality: _Grid
    passed: _Grid
    unusable: Mask
    failed: Mask
    critical: Mask
    trials: npt.NDArray[np.intp]


class Case(NamedTuple):
    """A sample with the two arms whose outputs are set side by side.

    Attributes:
        sample: Its place in the grid.
        arms: Places of the arms, the baseline or the better one first.
    """

    sample: int
    arms: tuple[int, int]


class CaseList(NamedTuple):
    """Samples of one kind, the worst first.

    Attributes:
        kind: Why they deserve a look.
        cases: The first of them.
        total: How many there are.
    """

    kind: Kind
    cases: tuple[Case, ...]
    total: int


def sample_grid(arms: Sequence[Outcomes]) -> SampleGrid:
    """Return the outcomes of one suite's arms by sample."""
    sample = np.unique(np.concatenate([arm.sample for arm in arms]))
    shape = (len(sample), len(arms))
    quality, passed = np.full(shape, np.nan), np.full(shape, np.nan)
    unusable, failed = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    critical = np.zeros(len(sample), dtype=bool)
    trials = np.zeros(len(sample), dtype=np.intp)
    for place, arm in enumerate(arms):
        _fill(quality[:, place], sample, arm, arm.quality)
        _fill(passed[:, place], sample, arm, arm.passed)
        row = np.searchsorted(sample, arm.sample)
        unusable[row[np.isin(arm.state, (MALFORMED, REFUSED))], place] = True
        failed[row[arm.state == FAILED], place] = True
        critical[row[arm.critical]] = True
        trials += np.bincount(row, minlength=len(sample))
    return SampleGrid(sample, quality, passed, unusable, failed, critical, trials)


def _fill(column: Array, sample: Ids, arm: Outcomes, values: Array) -> None:
    means = sample_means(arm, values)
    column[np.searchsorted(sample, means.sample)] = means.mean


def case_lists(grid: SampleGrid, contrast: tuple[int, int] | None) -> list[CaseList]:
    """Return the samples to look at, by kind, those that decide first.

    Args:
        grid: The outcomes.
        contrast: Places of baseline and candidate, None where two arms are not set apart.
    """
    found = []
    if contrast is not None:
        gap = grid.quality[:, contrast[1]] - grid.quality[:, contrast[0]]
        found += [
            _list("worse", np.flatnonzero(gap < -_EQUAL), gap, grid, contrast),
            _list("better", np.flatnonzero(gap > _EQUAL), -gap, grid, contrast),
        ]
    found += [_nobody(grid, contrast), _some("unusable", grid.unusable, grid, contrast)]
    found.append(_some("error", grid.failed, grid, contrast))
    return [own for own in found if own.total]


def _list(
    kind: Kind,
    rows: npt.NDArray[np.intp],
    badness: Array,
    grid: SampleGrid,
    arms: tuple[int, int],
) -> CaseList:
    """Return samples by badness (the lowest first), critical ones before all others."""
    order = np.lexsort((grid.sample[rows], badness[rows], ~grid.critical[rows]))
    cases = tuple(Case(int(rows[i]), arms) for i in order[:MOST_CASES])
    return CaseList(kind, cases, len(rows))


def _nobody(grid: SampleGrid, contrast: tuple[int, int] | None) -> CaseList:
    """Return the samples that several arms answered and none passed: hard, or a wrong target."""
    known = ~np.isnan(grid.passed)
    best = np.where(known, grid.passed, -1.0).max(axis=1)
    rows = np.flatnonzero((known.sum(axis=1) > 1) & (best == 0.0))
    mean = _row_means(grid.quality)
    pair = contrast or _first_two(grid)
    return CaseList("nobody", (), 0) if pair is None else _list("nobody", rows, mean, grid, pair)


def _some(kind: Kind, hits: Mask, grid: SampleGrid, contrast: tuple[int, int] | None) -> CaseList:
    """Return the samples on which something befell an arm, beside an arm that it spared."""
    rows = np.flatnonzero(hits.any(axis=1))
    own = _list(kind, rows, -hits.sum(axis=1).astype(np.float64), grid, contrast or (0, 0))
    cases = tuple(Case(case.sample, _beside(hits[case.sample], contrast)) for case in own.cases)
    return CaseList(kind, cases, own.total)


def _beside(hit: Mask, contrast: tuple[int, int] | None) -> tuple[int, int]:
    """Return an arm that was spared, if there is one, and the first that was hit."""
    if contrast is not None and hit[list(contrast)].any():
        return contrast
    bad = int(np.flatnonzero(hit)[0])
    spared = [int(i) for i in np.flatnonzero(~hit)]
    return (spared[0] if spared else bad), bad


def _first_two(grid: SampleGrid) -> tuple[int, int] | None:
    return (0, 1) if grid.quality.shape[1] > 1 else None


def _row_means(values: _Grid) -> Array:
    known = ~np.isnan(values)
    sums = np.where(known, values, 0.0).sum(axis=1)
    return np.asarray(sums / np.maximum(known.sum(axis=1), 1))


def kept_samples(
    lists: Sequence[CaseList], grid: SampleGrid, most_trials: int = MOST_TRIALS
) -> npt.NDArray[np.intp]:
    """Return places of the samples that go onto the page: all, or where they are many the listed.

    Those of the first lists come first: texts are taken in this order, as long as there is room.
    """
    places = list(dict.fromkeys(case.sample for own in lists for case in own.cases))
    listed = np.array(places, dtype=np.intp)
    if grid.trials.sum() > most_trials:
        return listed[np.cumsum(grid.trials[listed]) <= most_trials]
    return np.concatenate([listed, np.setdiff1d(np.arange(len(grid.sample)), listed)])
