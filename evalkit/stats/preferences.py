"""How often a model is preferred to a baseline, as it is and at equal length of the answers.

It does not know who preferred, in which order the answers were shown, nor what length counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.stats.distributions import t_quantile
from evalkit.stats.intervals import (
    Interval,
    checked_level,
    checked_values,
    cluster_codes,
    mean_interval,
    wilson,
)
from evalkit.stats.labels import is_missing

Array = npt.NDArray[np.float64]
Clusters = Sequence[object] | npt.NDArray[np.generic]

_PRIOR_SD = 3.0
_MOST_STEPS = 100
_CLOSE = 1e-10


@dataclass(frozen=True, slots=True)
class WinRate(Interval):
    """A win rate; `n` counts clusters where there are any, else verdicts.

    Attributes:
        standard_error: Of the estimate; None where there is one unit only.
        unparsed: Comparisons without a verdict, left out.
    """

    standard_error: float | None
    unparsed: int


@dataclass(frozen=True, slots=True)
class LengthControlledWinRate(WinRate):
    """A win rate at equal length.

    Attributes:
        length_effect: Log-odds by which a much longer answer gains (tanh = 1).
    """

    length_effect: float


class Verdicts(NamedTuple):
    """Preferences with a verdict.

    Attributes:
        value: 0 to 1, shape (n,).
        kept: Which comparisons they come from, shape (all,).
        unit: Which unit each belongs to, from 0, shape (n,).
    """

    value: Array
    kept: npt.NDArray[np.bool_]
    unit: npt.NDArray[np.intp]


def win_rate(
    preferences: Sequence[float | None] | Array,
    clusters: Clusters | None = None,
    level: float = 0.95,
) -> WinRate:
    """Return how often the model was preferred, ties counting half.

    Mean of the preferences with standard error sqrt(C/(C-1) sum_c (sum_i (x_ic - mean))²) / n
    (C = n without clusters). Limits are Wilson's where all are wins and losses and there are no
    clusters, else Gaffke's (`mean_interval`).

    Args:
        preferences: 1 where the model won, 0 where it lost, 0.5 for a tie (or any share between),
            None or NaN where there is no verdict, shape (n,). Verdicts on both orders of one pair
            are two preferences in one cluster.
        clusters: What each preference belongs to, shape (n,).
        level: Coverage.

    Raises:
        ValueError: If there is no verdict, a preference is not within [0, 1], or clusters have
            another length.

    Source:
        `wilson`, `mean_interval`; Miller (2024), arXiv:2411.00640, for clusters.

    Example:
        >>> found = win_rate([1, 1, 0.5, 0, 1, None])
        >>> found.estimate, round(found.low, 3), round(found.high, 3), found.n, found.unparsed
        (0.7, 0.239, 0.963, 5, 1)
    """
    checked_level(level)
    verdicts = _verdicts(preferences, clusters)
    value, unparsed = verdicts.value, int((~verdicts.kept).sum())
    if clusters is None and np.isin(value, (0.0, 1.0)).all():
        found = wilson(int(value.sum()), len(value), level)
    else:
        found = mean_interval(value, verdicts.unit, level, bounds=(0.0, 1.0))
    error = _standard_error(value - value.mean(), verdicts.unit)
    return WinRate(
        found.estimate, found.low, found.high, found.method, found.n, level, error, unparsed
    )


def length_controlled_win_rate(
    preferences: Sequence[float | None] | Array,
    lengths_model: npt.ArrayLike,
    lengths_baseline: npt.ArrayLike,
    clusters: Clusters | None = None,
    level: float = 0.95,
) -> LengthControlledWinRate:
    """Return the win rate that the model would have at equal length.

    P(won) = 1 / (1 + exp(-(a + b tanh(d / s)))), d being the model's length less the baseline's
    and s the standard deviation of d; the estimate is P at d = 0. This is AlpacaEval's idea
    without its terms for instructions and gamed baselines: the figure is not AlpacaEval's.

    a and b have a normal prior of mean 0 and standard deviation 3 each (a ridge of 1/18 a² and
    1/18 b²), without which they would be infinite where one side always wins. It moves 90 of 100
    wins by 0.002. Limits by the delta method on log-odds, with Student's t of n - 2 degrees of
    freedom and the larger of two variances of a: the model's and the sandwich over units; 1 (0)
    is a limit where the model never lost (won). Ties vary less than the model assumes, so many
    ties make the limits wider than need be.

    Args:
        preferences: 1, 0, 0.5 or any share between, None where there is no verdict, shape (n,).
        lengths_model: Lengths of the model's answers in any unit, shape (n,).
        lengths_baseline: Lengths of the baseline's in the same unit, shape (n,).
        clusters: What each preference belongs to, shape (n,).
        level: Coverage.

    Raises:
        ValueError: If there are fewer than three verdicts (clusters), shapes differ, a preference
            is not within [0, 1] or a length not finite, or if all answers differ by one and the
            same length other than 0: its effect cannot be told from the model's.

    Source:
        Dubois et al. (2024), arXiv:2404.04475.

    Example:
        >>> won = [1, 1, 1, 0, 1, 0, 1, 0] * 10
        >>> longer = [300, 250, 280, 90, 260, 100, 240, 120] * 10
        >>> found = length_controlled_win_rate(won, longer, [150] * 80)
        >>> win_rate(won).estimate, round(found.estimate, 3)
        (0.625, 0.285)
    """
    checked_level(level)
    verdicts = _verdicts(preferences, clusters)
    gap = _length_gap(lengths_model, lengths_baseline, verdicts.kept)
    units = int(verdicts.unit.max()) + 1
    if units < 3:
        raise ValueError(f"at least three independent verdicts are needed, got {units}")
    design = np.stack([np.ones(len(gap)), np.tanh(gap)], axis=1)
    coefficients, information = _fit(design, verdicts.value)
    error = _intercept_error(design, verdicts, coefficients, information)
    half = t_quantile(0.5 + level / 2.0, units - 2) * error
    centre, value = float(coefficients[0]), verdicts.value
    estimate = _logistic(centre)
    low = _logistic(centre - half) if value.max() > 0.0 else 0.0
    high = _logistic(centre + half) if value.min() < 1.0 else 1.0
    method = "logistic-delta" if clusters is None else "logistic-delta-clusters"
    return LengthControlledWinRate(
        estimate, low, high, method, units, level,
        estimate * (1.0 - estimate) * error, int((~verdicts.kept).sum()), float(coefficients[1]),
    )  # fmt: skip


def _verdicts(preferences: Sequence[float | None] | Array, clusters: Clusters | None) -> Verdicts:
    """Leave out what has no verdict."""
    kept = np.array([not is_missing(x) for x in preferences], dtype=bool)
    if not kept.any():
        raise ValueError(f"no verdict among {len(kept)} preferences; at least one is needed")
    value = checked_values([x for x, keep in zip(preferences, kept, strict=True) if keep])
    if value.min() < 0.0 or value.max() > 1.0:
        wrong = float(value.min() if value.min() < 0.0 else value.max())
        raise ValueError(f"preferences must lie within 0..1 or be None, got {wrong:g}")
    if clusters is None:
        return Verdicts(value, kept, np.arange(len(value)))
    codes = cluster_codes(clusters, len(kept))[kept]
    return Verdicts(value, kept, np.unique(codes, return_inverse=True)[1].reshape(-1))


def _standard_error(residual: Array, unit: npt.NDArray[np.intp]) -> float | None:
    total = np.bincount(unit, weights=residual)
    units = len(total)
    if units < 2:
        return None
    return math.sqrt(units / (units - 1) * float(total @ total)) / len(residual)


def _length_gap(
    lengths_model: npt.ArrayLike, lengths_baseline: npt.ArrayLike, kept: npt.NDArray[np.bool_]
) -> Array:
    """Return length differences of the comparisons with a verdict, in standard deviations."""
    first = np.asarray(lengths_model, dtype=np.float64)
    second = np.asarray(lengths_baseline, dtype=np.float64)
    if first.shape != kept.shape or second.shape != kept.shape:
        raise ValueError(
            f"one length for each of {len(kept)} preferences is needed, "
            f"got {first.shape} and {second.shape}"
        )
    gap = checked_values(first[kept] - second[kept])
    if not gap.any():
        return gap
    if gap.min() == gap.max():
        raise ValueError(
            f"every answer is longer by {gap[0]:g}: the effect of length cannot be told from the "
            "model's"
        )
    return gap / float(gap.std(ddof=1))


def _fit(design: Array, value: Array) -> tuple[Array, Array]:
    """Return coefficients and information of a logistic regression with a normal prior."""
    prior = np.eye(design.shape[1]) / _PRIOR_SD**2
    coefficients = np.zeros(design.shape[1])
    for _ in range(_MOST_STEPS):
        share = _logistic_of(design @ coefficients)
        information = (design.T * (share * (1.0 - share))) @ design + prior
        step = np.linalg.solve(information, design.T @ (value - share) - prior @ coefficients)
        size = float(np.abs(step).max())
        coefficients = coefficients + step / max(1.0, size)
        if size < _CLOSE:
            return coefficients, information
    raise ValueError("the logistic regression did not converge")


def _intercept_error(
    design: Array, verdicts: Verdicts, coefficients: Array, information: Array
) -> float:
    """Return the larger of the model's and the sandwich standard error."""
    residual = verdicts.value - _logistic_of(design @ coefficients)
    score = np.stack([np.bincount(verdicts.unit, weights=c * residual) for c in design.T], axis=1)
    inverse = np.linalg.inv(information)
    units = len(score)
    sandwich = units / (units - 1) * inverse @ (score.T @ score) @ inverse
    return math.sqrt(max(float(inverse[0, 0]), float(sandwich[0, 0])))


def _logistic_of(log_odds: Array) -> Array:
    return 0.5 * (1.0 + np.tanh(0.5 * log_odds))


def _logistic(log_odds: float) -> float:
    return 0.5 * (1.0 + math.tanh(0.5 * log_odds))
