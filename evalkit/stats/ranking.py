"""Strengths of many models from who beat whom: the Bradley-Terry model.

It does not know what a game was. `bradley_terry` takes games as independent; `strength_limits`
resamples what belongs together.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_PRIOR_SD = 3.0
_MOST_STEPS = 200
_CLOSE = 1e-10


@dataclass(frozen=True, slots=True)
class Strengths:
    """Log-strengths of models, in the order of `wins`.

    P(i beats j) = 1 / (1 + exp(-(estimate[i] - estimate[j]))).

    Attributes:
        estimate: Log-strengths; they sum to 0.
        standard_error: One for each, of its distance from the mean of all.
        covariance: Of the estimates: a difference i - j has variance c[i][i] + c[j][j] - 2 c[i][j].
        method: "bradley-terry", or "bradley-terry-ridge" where no maximum likelihood exists.
        n: Games, ties included.
    """

    estimate: tuple[float, ...]
    standard_error: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    method: str
    n: float


def bradley_terry(wins: npt.ArrayLike, ties: npt.ArrayLike | None = None) -> Strengths:
    """Return the maximum likelihood strengths of models from pairwise wins.

    P(i beats j) = 1 / (1 + exp(-(b_i - b_j))), b centred on 0; standard errors from the inverse
    information of the centred strengths.

    The maximum exists only if, however the models are split in two groups, some of either group
    won against the other: the graph of wins is strongly connected. Where it is not (models that
    never met, one that lost every game), each strength gets a normal prior of mean 0 and standard
    deviation 3, and `method` ends in "-ridge": such distances are the prior's as much as the
    data's, and their standard errors are wide.

    Args:
        wins: `wins[i][j]` times i beat j, shape (k, k), diagonal 0; fractions are allowed.
        ties: `ties[i][j]` times i and j tied, symmetric, shape (k, k): half a win to each.

    Raises:
        ValueError: If the table is not square, has fewer than two models or no game at all, if a
            count is negative or not finite, a model played itself, or ties are not symmetric.

    Source:
        Bradley & Terry (1952), doi:10.1093/biomet/39.3-4.324; Ford (1957),
        doi:10.1080/00029890.1957.11989117, for existence; Rao & Kupper (1967) model ties instead
        of halving them, doi:10.1080/01621459.1967.10482901.

    Example:
        >>> found = bradley_terry([[0, 7, 8], [3, 0, 6], [2, 4, 0]])
        >>> [round(b, 3) for b in found.estimate], found.method
        ([0.741, -0.149, -0.591], 'bradley-terry')
        >>> [round(e, 3) for e in found.standard_error]
        [0.346, 0.317, 0.334]
    """
    games = _counts(wins, "wins")
    if ties is not None:
        games = games + _halved(ties, games.shape)
    if not games.any():
        raise ValueError("no game was played; at least one is needed")
    exists = _strongly_connected(games > 0.0)
    prior = 0.0 if exists else 1.0 / _PRIOR_SD**2
    strengths, covariance = _fit(games, prior)
    return Strengths(
        estimate=tuple(map(float, strengths)),
        standard_error=tuple(map(float, np.sqrt(np.diag(covariance)))),
        covariance=tuple(tuple(map(float, row)) for row in covariance),
        method="bradley-terry" if exists else "bradley-terry-ridge",
        n=float(games.sum()),
    )


def strength_limits(
    tables: npt.ArrayLike, generator: np.random.Generator, draws: int = 500, level: float = 0.95
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return lower and upper limits of the strengths, by weighing units at random.

    Units (prompts, or sources of several), not games, are what varies. In each draw the n units
    and one more get weights from a flat Dirichlet distribution, times n + 1: the Bayesian
    bootstrap. The one more is as large as a mean unit, and in it the models stand in a random
    order, whoever is ahead winning. So where all units say the same (all ties), the limits are as
    far apart as one unseen unit could move them, never equal; it weighs 1/(n + 1) on average.
    `mean_interval` widens a mean's limits by an unseen unit likewise. Where the sum of all tables
    has no maximum, every draw has the prior of `bradley_terry`, and the limits are no closer than
    its standard errors make them: there resampling cannot show how far the strengths may be.

    Args:
        tables: Wins in each unit, shape (n, k, k), as `wins` of `bradley_terry`.
        generator: Of the weights and orders.
        draws: How many.
        level: Coverage.

    Raises:
        ValueError: If there are fewer than two units, or as `bradley_terry`.

    Source:
        Rubin (1981), doi:10.1214/aos/1176345338, for the weights.

    Example:
        >>> ties = [[[0, 0.5], [0.5, 0]]] * 20
        >>> low, high = strength_limits(ties, np.random.default_rng(0))
        >>> low[0] < -0.05 and high[0] > 0.05
        True
    """
    stack = np.asarray(tables, dtype=np.float64)
    if len(stack) < 2:
        raise ValueError(f"at least two units are needed, got {len(stack)}")
    games = _counts(stack.sum(axis=0), "wins")
    fitted = bradley_terry(games)
    exists = _strongly_connected(games > 0.0)
    prior = 0.0 if exists else 1.0 / _PRIOR_SD**2
    met = stack + stack.transpose(0, 2, 1)
    size = met.sum(axis=0) / np.maximum(1, (met > 0.0).sum(axis=0))
    found = np.empty((draws, len(games)))
    for draw in range(draws):
        weights = generator.dirichlet(np.ones(len(stack) + 1)) * (len(stack) + 1)
        rank = generator.permutation(len(games))
        unseen = size * (rank[:, None] < rank[None, :])
        drawn = np.tensordot(weights[:-1], stack, axes=1) + weights[-1] * unseen
        found[draw] = _fit(drawn, prior)[0]
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(found, [tail, 1.0 - tail], axis=0)
    centre, reach = np.array(fitted.estimate), 0.0 if exists else NormalDist().inv_cdf(1.0 - tail)
    least = reach * np.array(fitted.standard_error)
    low, high = np.minimum(low, centre - least), np.maximum(high, centre + least)
    return tuple(map(float, low)), tuple(map(float, high))


def _counts(table: npt.ArrayLike, name: str) -> Array:
    counts = np.asarray(table, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or len(counts) < 2:
        raise ValueError(f"{name} must be a square table of two models or more, got {counts.shape}")
    if not np.isfinite(counts).all() or counts.min() < 0.0:
        raise ValueError(f"{name} must hold finite counts of at least 0")
    if np.diag(counts).any():
        raise ValueError(f"{name} must have a diagonal of 0: no model plays itself")
    return counts


def _halved(ties: npt.ArrayLike, shape: tuple[int, ...]) -> Array:
    counts = _counts(ties, "ties")
    if counts.shape != shape:
        raise ValueError(f"ties and wins differ in shape: {counts.shape}, {shape}")
    if not np.array_equal(counts, counts.T):
        raise ValueError("ties must be symmetric: i tied with j as often as j with i")
    return counts / 2.0


def _strongly_connected(edge: npt.NDArray[np.bool_]) -> bool:
    """Return whether every model reaches every other along wins."""
    return _reaches_all(edge) and _reaches_all(edge.T)


def _reaches_all(edge: npt.NDArray[np.bool_]) -> bool:
    reached = np.zeros(len(edge), dtype=bool)
    fresh = reached.copy()
    fresh[0] = True
    while fresh.any():
        reached |= fresh
        fresh = edge[fresh].any(axis=0) & ~reached
    return bool(reached.all())


def _fit(games: Array, prior: float) -> tuple[Array, Array]:
    """Return centred strengths and their covariance by damped Newton steps."""
    size = len(games)
    centring = np.full((size, size), 1.0 / size)
    strengths = np.zeros(size)
    height = _log_likelihood(games, strengths, prior)
    for _ in range(_MOST_STEPS):
        slope, information = _derivatives(games, strengths, prior)
        step = np.linalg.solve(information + centring, slope)
        step -= step.mean()
        strengths, height = _climb(games, strengths, step, height, prior)
        if np.abs(step).max() < _CLOSE:
            break
    else:
        raise ValueError("the strengths did not converge; some model nearly always wins")
    information = _derivatives(games, strengths, prior)[1]
    return strengths, np.linalg.inv(information + centring) - centring / (1.0 + prior)


def _derivatives(games: Array, strengths: Array, prior: float) -> tuple[Array, Array]:
    share = _shares(strengths)
    surprise = games * share.T
    slope = surprise.sum(axis=1) - surprise.sum(axis=0) - prior * strengths
    weight = (games + games.T) * share * share.T
    information = np.diag(weight.sum(axis=1) + prior) - weight
    return slope, information


def _climb(
    games: Array, strengths: Array, step: Array, height: float, prior: float
) -> tuple[Array, float]:
    """Take the step, halved until it does not lead down."""
    for _ in range(60):
        there = _log_likelihood(games, strengths + step, prior)
        if there >= height - 1e-9 * abs(height):
            return strengths + step, there
        step = step / 2.0
    return strengths, height


def _log_likelihood(games: Array, strengths: Array, prior: float) -> float:
    gap = strengths[:, None] - strengths[None, :]
    return -float((games * np.logaddexp(0.0, -gap)).sum() + prior / 2.0 * strengths @ strengths)


def _shares(strengths: Array) -> Array:
    """Return P(i beats j), precise at both ends, shape (k, k)."""
    gap = strengths[:, None] - strengths[None, :]
    return np.exp(-np.logaddexp(0.0, -gap))
