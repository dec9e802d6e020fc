"""Two arms side by side on the samples that both answered.

Repeats are averaged within a sample first; what only one arm has is counted and left out. The
order of arguments is always baseline, candidate. It does not know limits, nor who decides.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.analysis.figures import Codes
from evalkit.analysis.measures import Measure
from evalkit.analysis.outcomes import Array, Ids, Mask, Outcomes, numbered
from evalkit.stats.distributions import normal_quantile
from evalkit.stats.intervals import Interval
from evalkit.stats.paired import PairedDifference, paired_difference
from evalkit.stats.paired_ratios import cost_ratio, quantile_ratio

_SCALE = (-1.0, 1.0)
POWER = 0.8
_FEW = 30
_EQUAL = 1e-12  # what rounding leaves of two equal means


class SampleMeans(NamedTuple):
    """A measure of one arm by sample.

    Attributes:
        sample: Hashes of the samples, ascending, shape (k,).
        mean: Mean over the repeats that have a value, shape (k,).
        cluster: Hash of each sample's cluster, shape (k,); None where samples are independent.
        repeats: Repeats behind each mean, shape (k,).
        variance: Variance of the repeats of each sample, 0 where there is one, shape (k,).
    """

    sample: Ids
    mean: Array
    cluster: Ids | None
    repeats: npt.NDArray[np.intp]
    variance: Array

    @property
    def n_trials(self) -> int:
        """Trials behind the means."""
        return int(self.repeats.sum())


@dataclass(frozen=True, eq=False)
class Pairs:
    """A measure of two arms on the same samples.

    Attributes:
        sample: Hashes of the samples, ascending, shape (n,).
        baseline: The baseline's means, shape (n,).
        candidate: The candidate's means, shape (n,).
        cluster: Number of each sample's cluster, shape (n,); None where samples are independent.
        repeated: Some mean is over several repeats.
    """

    sample: Ids
    baseline: Array
    candidate: Array
    cluster: Ids | None
    repeated: bool

    def __len__(self) -> int:
        return len(self.sample)

    @property
    def units(self) -> int:
        """How many are independent of each other: clusters, else samples."""
        return len(self) if self.cluster is None else len(np.unique(self.cluster))

    @property
    def difference(self) -> Array:
        """Candidate minus baseline, shape (n,)."""
        return self.candidate - self.baseline

    @property
    def is_binary(self) -> bool:
        """True where each sample is a 0 or 1 of one repeat, and independent of the others."""
        if self.repeated or self.cluster is not None:
            return False
        both = np.stack([self.baseline, self.candidate])
        return bool(((both == 0.0) | (both == 1.0)).all())

    def wins(self, *, higher_is_better: bool) -> tuple[int, int, int]:
        """Return on how many samples the candidate is better, worse, and equal."""
        gain = self.difference if higher_is_better else -self.difference
        better, worse = int((gain > _EQUAL).sum()), int((gain < -_EQUAL).sum())
        return better, worse, len(self) - better - worse


def sample_means(outcomes: Outcomes, values: Array, kept: Mask | None = None) -> SampleMeans:
    """Average the repeats of each sample.

    Args:
        outcomes: The arm.
        values: One value for each trial, shape (n,); NaN is left out.
        kept: Only these trials, shape (n,).
    """
    mask = ~np.isnan(values)
    if kept is not None:
        mask &= kept
    sample, own = outcomes.sample[mask], values[mask]
    first = np.ones(len(sample), dtype=bool)
    np.not_equal(sample[1:], sample[:-1], out=first[1:])
    starts = np.flatnonzero(first)
    count = np.diff(starts, append=len(sample))
    cluster = None if outcomes.cluster is None else outcomes.cluster[mask][starts]
    if len(starts) == len(own):
        return SampleMeans(sample, own, cluster, count, np.zeros(len(own)))
    mean = np.add.reduceat(own, starts) / count
    squares = np.add.reduceat((own - np.repeat(mean, count)) ** 2, starts)
    return SampleMeans(sample[starts], mean, cluster, count, squares / np.maximum(count - 1, 1))


def joined(baseline: SampleMeans, candidate: SampleMeans) -> Pairs:
    """Return the samples that both have."""
    shared, at_base, at_cand = np.intersect1d(
        baseline.sample, candidate.sample, assume_unique=True, return_indices=True
    )
    own = candidate.cluster if candidate.cluster is not None else baseline.cluster
    place = at_cand if candidate.cluster is not None else at_base
    cluster = None if own is None else own[place]
    if cluster is not None and len(np.unique(cluster)) == len(cluster):
        cluster = None
    repeated = baseline.n_trials > len(baseline.sample) or candidate.n_trials > len(
        candidate.sample
    )
    return Pairs(shared, baseline.mean[at_base], candidate.mean[at_cand], cluster, repeated)


def pairs_of(
    measure: Measure,
    baseline: Outcomes,
    candidate: Outcomes,
    kept: tuple[Mask, Mask] | None = None,
) -> Pairs:
    """Return a measure that is a mean on the samples that both arms have it of."""
    masks = kept or (None, None)
    return joined(
        sample_means(baseline, measure.values(baseline), masks[0]),
        sample_means(candidate, measure.values(candidate), masks[1]),
    )


def difference(pairs: Pairs, level: float = 0.95, *, cautious: bool = False) -> PairedDifference:
    """Return candidate minus baseline.

    Zeros and ones of one repeat, without clusters: Tango's limits. Others: Student's t over
    samples or clusters; where they are fewer than 30, or with `cautious`, the outer ones of that
    and of an interval that assumes nothing but scores within [0, 1]. A decision needs the latter:
    rare large losses that were not seen yet are in no standard error.

    Raises:
        ValueError: If there is no pair.
    """
    if pairs.is_binary:
        return paired_difference(pairs.candidate, pairs.baseline, None, level)
    own = pairs.candidate, pairs.baseline, pairs.cluster, level
    if not cautious and pairs.units >= _FEW:
        with suppress(ValueError):  # a standard error of 0 has no t interval
            return paired_difference(*own, bounds=None)
    return paired_difference(*own, bounds=_SCALE)


def repeated_pairs(pairs: Pairs, times: int) -> Pairs:
    """Return the same pairs several times over, each time as other samples and clusters."""
    cluster = None
    if pairs.cluster is not None:
        code = numbered(pairs.cluster).astype(np.uint64)
        size = np.uint64(int(code.max()) + 1)
        cluster = np.concatenate([code + np.uint64(i) * size for i in range(times)])
    return Pairs(
        np.arange(times * len(pairs), dtype=np.uint64),
        np.tile(pairs.baseline, times),
        np.tile(pairs.candidate, times),
        cluster,
        pairs.repeated,
    )


def spread(pairs: Pairs) -> float:
    """Return the standard deviation of the difference for one unit: a sample, or a cluster.

    Where all pairs are equal, the next one might not be: the spread is that of one discordant pair
    among n + 2, half of it in each direction.
    """
    gap = pairs.difference
    if pairs.cluster is None:
        scale = float(gap.std())
        return scale if scale > 0 else float(np.sqrt(1.0 / (len(gap) + 2)))
    code = numbered(pairs.cluster)
    sums = np.bincount(code, weights=gap - gap.mean())
    scale = float(np.sqrt(len(sums) * float(sums @ sums))) / len(gap)
    return scale if scale > 0 else float(np.sqrt(1.0 / (len(sums) + 2)))


def noise(means: SampleMeans) -> float:
    """Return the variance of a sample's mean that comes of its own repeats, averaged.

    NaN where samples have one repeat only: then it cannot be told from their differences.
    """
    several = means.repeats >= 2
    if not several.any():
        return float("nan")
    return float((means.variance[several] / means.repeats[several]).mean())


def detectable(pairs: Pairs, alpha: float) -> float | None:
    """Return the difference that would be found with a power of about 80 %.

    The d that solves d = z sqrt((s² + d (1 - d)) / n), z = z[1 - alpha/2] + z[power]: s² is the
    variance of the differences as they were, d (1 - d) what a change adds that flips a share d of
    the samples. Without that part arms that hardly differ would seem to show anything. None where
    it is above 1, or where not even flipping all samples would do: 1 / 2^n is above alpha.

    Args:
        pairs: A measure of both arms on the same samples; n counts its samples, or clusters.
        alpha: Two-sided level.

    Source:
        Miller (2024), arXiv:2411.00640, for the normal approximation; the added part is ours,
        from the simulation in docs/drift.md.
    """
    n = pairs.units
    z = normal_quantile(1.0 - alpha / 2.0) + normal_quantile(POWER)
    share = z * z / n
    variance = spread(pairs) ** 2 if pairs.difference.any() else 0.0
    root = math.sqrt(share * share + 4.0 * (1.0 + share) * share * variance)
    found = (share + root) / (2.0 * (1.0 + share))
    return found if found < 1.0 and 0.5**n < alpha else None


class Ratio(NamedTuple):
    """Times or money of two arms.

    Attributes:
        found: Candidate by baseline.
        values: The baseline's and the candidate's own value, in the measure's unit.
    """

    found: Interval
    values: tuple[float, float]


def ratio(
    measure: Measure,
    baseline: Outcomes,
    candidate: Outcomes,
    level: float = 0.95,
    kept: tuple[Mask, Mask] | None = None,
) -> Ratio:
    """Return a quantile of times, or money per success, as candidate by baseline.

    Raises:
        ValueError: If it cannot be estimated.
    """
    arms = (baseline, candidate)
    masks = kept or (np.ones(len(baseline), dtype=bool), np.ones(len(candidate), dtype=bool))
    make = _quantile_ratio if measure.kind == "quantile" else _money_ratio
    return make(measure, arms, level, masks)


def _quantile_ratio(
    measure: Measure, arms: tuple[Outcomes, Outcomes], level: float, kept: tuple[Mask, Mask]
) -> Ratio:
    own = [measure.values(arm) for arm in arms]
    masks = _shared(arms, [mask & ~np.isnan(v) for mask, v in zip(kept, own, strict=True)])
    units = _units(arms, masks)
    old, new = own[0][masks[0]], own[1][masks[1]]
    found = quantile_ratio(new, old, measure.q, level, x_units=units[1], y_units=units[0])
    return Ratio(found, (float(np.quantile(old, measure.q)), float(np.quantile(new, measure.q))))


def _money_ratio(
    measure: Measure, arms: tuple[Outcomes, Outcomes], level: float, kept: tuple[Mask, Mask]
) -> Ratio:
    for arm in arms:
        if np.isnan(arm.cost_usd).all():
            raise ValueError(f"unpriced: no price is known of {arm.arm}")
    success = [worth(measure, arm) for arm in arms]
    masks = [
        mask & ~np.isnan(arm.cost_usd) & ~np.isnan(w)
        for mask, arm, w in zip(kept, arms, success, strict=True)
    ]
    masks = _shared(arms, masks)
    units = _units(arms, masks)
    size = int(max(units[0].max(), units[1].max())) + 1
    sums = [
        np.bincount(unit, weights=values[mask], minlength=size)
        for arm, unit, mask, w in zip(arms, units, masks, success, strict=True)
        for values in (arm.cost_usd, w)
    ]
    found = cost_ratio(sums[2], sums[3], sums[0], sums[1], level)
    scale = 1000.0 if measure.kind == "per_answer" else 1.0
    old, new = (scale * float(sums[i].sum() / sums[i + 1].sum()) for i in (0, 2))
    return Ratio(found, (old, new))


def worth(measure: Measure, outcomes: Outcomes) -> Array:
    """Return what money is divided by: passed trials, or answered ones, shape (n,)."""
    if measure.kind == "per_success":
        return outcomes.success
    return outcomes.answered.astype(np.float64)


def _shared(arms: tuple[Outcomes, Outcomes], masks: list[Mask]) -> list[Mask]:
    """Keep the trials of samples that both arms have.

    Raises:
        ValueError: If there is none.
    """
    own = arms[0].sample[masks[0]], arms[1].sample[masks[1]]
    if len(own[0]) and np.array_equal(own[0], own[1]):
        return masks
    shared = np.intersect1d(own[0], own[1])
    if not len(shared):
        raise ValueError("no sample has it in both arms")
    return [mask & np.isin(arm.sample, shared) for mask, arm in zip(masks, arms, strict=True)]


def _units(arms: tuple[Outcomes, Outcomes], masks: list[Mask]) -> list[Codes]:
    """Number what is independent of each other, the same in both arms: clusters, else samples."""
    by_cluster = all(arm.cluster is not None for arm in arms)
    own = [
        (arm.cluster if by_cluster and arm.cluster is not None else arm.sample)[mask]
        for arm, mask in zip(arms, masks, strict=True)
    ]
    if np.array_equal(own[0], own[1]):
        return [numbered(own[0])] * 2
    codes = numbered(np.concatenate(own))
    return [codes[: len(own[0])], codes[len(own[0]) :]]
