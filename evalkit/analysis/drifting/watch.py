"""Since when? A cumulative sum over the mean quality of an arm's runs on the samples they share.

Each run is held against the mean of all runs before it, so that the first run's own noise is in no
target. It does not know why a mean moved.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np

from evalkit.analysis.drifting.facts import Episode
from evalkit.analysis.outcomes import Array, Ids
from evalkit.analysis.pairing import Pairs, sample_means, spread
from evalkit.stats.changepoint import cusum

LEAST_RUNS = 4
SLACK = 0.5
LIMIT = 5.0
METRIC = "quality"


class Alarm(NamedTuple):
    """A sum that went beyond its limit.

    Attributes:
        direction: "up" or "down".
        at: Index of the run at which it did.
        since: Index of the run with which the shift most likely began (`turn`).
        shift: Mean of the runs from there to the alarm, less that of the runs before.
    """

    direction: Literal["up", "down"]
    at: int
    since: int
    shift: float


class Watch(NamedTuple):
    """A cumulative sum over runs.

    Attributes:
        means: Mean of each run on the shared samples, shape (runs,).
        targets: Mean of the means before each run; the first run's is its own.
        scores: Distances from the targets, in standard deviations of such a distance.
        spread: Standard error of one run's mean on these samples.
        upper: Sum of what lies above, shape (runs,).
        lower: Sum of what lies below, shape (runs,).
        alarms: The first alarm of each direction.
    """

    means: tuple[float, ...]
    targets: tuple[float, ...]
    scores: tuple[float, ...]
    spread: float
    upper: tuple[float, ...]
    lower: tuple[float, ...]
    alarms: tuple[Alarm, ...]


def watch(values: Array) -> Watch:
    """Return the self-starting cumulative sum of the runs' means.

    Score of run i (from 0): sqrt(i / (i + 1)) (m_i - mean(m_0 .. m_(i-1))) / s, with s the
    standard error of a run's mean that comes from the model's own noise: the middle one of the
    standard errors of the differences between neighbouring runs, by sqrt(2). While nothing
    changes the scores are independent and have variance 1, however few runs there are.

    Args:
        values: Mean of each sample in each run, shape (runs, samples).

    Raises:
        ValueError: If there are fewer than two runs, or no sample.

    Source:
        Hawkins (1987), doi:10.2307/2348827, for sums that start themselves; `cusum`.
    """
    runs, samples = values.shape
    if runs < 2 or samples < 1:
        raise ValueError(f"two runs and a sample are needed at least, got {runs} and {samples}")
    means = values.mean(axis=1)
    error = _noise(values)
    number = np.arange(runs)
    before = np.concatenate([[means[0]], np.cumsum(means)[:-1] / number[1:]])
    scores = np.sqrt(number / (number + 1.0)) * (means - before) / error
    found = cusum(scores, 0.0, 1.0, slack=SLACK, limit=LIMIT)
    alarms = [_alarm("down", found.lower, means), _alarm("up", found.upper, means)]
    return Watch(
        tuple(means.tolist()),
        tuple(before.tolist()),
        tuple(scores.tolist()),
        error,
        found.upper,
        found.lower,
        tuple(alarm for alarm in alarms if alarm is not None),
    )


def turn(means: Array, direction: Literal["up", "down"]) -> int:
    """Return the index with which a step in this direction most likely began.

    The t that maximises t (n - t) / n (mean(m_t ..) - mean(.. m_(t-1)))²: maximum likelihood for
    one step in normal values. It is nearer than where the sum last left 0: docs/drift.md.

    Args:
        means: Mean of each run up to the alarm, shape (n,), two at least.
        direction: Where the later ones lie.

    Source:
        Hinkley (1970), doi:10.1093/biomet/57.1.1.

    Example:
        >>> turn(np.array([0.9, 0.8, 0.9, 0.6, 0.7]), "down")
        3
    """
    n = len(means)
    sign = 1.0 if direction == "up" else -1.0

    def likelihood(t: int) -> float:
        step = sign * float(means[t:].mean() - means[:t].mean())
        return t * (n - t) / n * max(step, 0.0) ** 2

    return max(range(1, n), key=likelihood)


def watch_document(episodes: Sequence[Episode]) -> dict[str, Any]:
    """Return the cumulative sum of an arm's quality, or why there is none."""
    shared, values = _shared(episodes)
    document: dict[str, Any] = {
        "metric": METRIC,
        "method": "self-starting-cusum",
        "slack": SLACK,
        "limit": LIMIT,
        "runs": [episode.run_id for episode in episodes],
        "n_samples": len(shared),
        "reason": None,
        "alarms": [],
    }
    if len(episodes) < LEAST_RUNS:
        reason = f"needs at least {LEAST_RUNS} runs that can be compared, got {len(episodes)}"
        return {**document, "reason": reason}
    if not len(shared):
        return {**document, "reason": "no sample has a score in all of these runs"}
    found = watch(values)
    return {
        **document,
        **{name: list(getattr(found, name)) for name in ("means", "targets", "scores")},
        "spread": found.spread,
        "upper": list(found.upper),
        "lower": list(found.lower),
        "alarms": [_alarm_row(alarm, episodes) for alarm in found.alarms],
    }


def _noise(values: Array) -> float:
    """Return the standard error of one run's mean on these samples, from neighbouring runs.

    The middle one, so that a jump between two runs does not widen it; never 0.
    """
    n = values.shape[1]
    sample = np.arange(n, dtype=np.uint64)
    errors = [
        spread(Pairs(sample, earlier, later, None, repeated=True)) / math.sqrt(2.0 * n)
        for earlier, later in pairwise(values)
    ]
    return float(np.median(errors))


def _alarm(direction: Literal["up", "down"], path: Sequence[float], means: Array) -> Alarm | None:
    beyond = [i for i, total in enumerate(path) if total > LIMIT]
    if not beyond:
        return None
    at = beyond[0]
    since = turn(means[: at + 1], direction)
    shift = float(means[since : at + 1].mean() - means[:since].mean())
    return Alarm(direction, at, since, shift)


def _alarm_row(alarm: Alarm, episodes: Sequence[Episode]) -> dict[str, Any]:
    at, since = episodes[alarm.at], episodes[alarm.since]
    return {
        "direction": alarm.direction,
        "run_id": at.run_id,
        "date": at.date,
        "since_run_id": since.run_id,
        "since": since.date,
        "shift": alarm.shift,
    }


def _shared(episodes: Sequence[Episode]) -> tuple[Ids, Array]:
    """Return the samples that all runs scored, and their means by run, shape (runs, samples)."""
    found = [sample_means(e.outcomes, e.outcomes.quality) for e in episodes]
    shared = reduce(np.intersect1d, [means.sample for means in found])
    return shared, np.stack([means.mean[np.searchsorted(means.sample, shared)] for means in found])
