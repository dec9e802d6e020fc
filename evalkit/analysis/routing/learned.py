"""A router that learns from the request's text whether the cheap arm suffices.

Everything is out of fold: fitted on some units, its threshold set on others, judged on those that
neither saw. scikit-learn is imported here alone. It does not read suites.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.analysis.outcomes import Array
from evalkit.analysis.routing.board import Board
from evalkit.analysis.routing.folds import Rows, folds

FOLDS = 5
MOST_FITTED = 10_000
_REPEATED_BELOW = 5_000
_FEATURES = 2**15
_EQUAL = 1e-9


@dataclass(frozen=True, eq=False)
class Learned:
    """A router out of fold.

    Attributes:
        score: How sure it is that the cheap arm suffices, mean over the repeats, shape (n,).
        strong: 1 where it asks the strong arm, by its thresholds, shape (n,).
    """

    score: Array
    strong: Array


def features_of(texts: Sequence[str]) -> Any:
    """Return cheap features of requests: words and pairs of words hashed, and their lengths."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import HashingVectorizer

    words = HashingVectorizer(n_features=_FEATURES, ngram_range=(1, 2), alternate_sign=False)
    length = np.array([[len(text), text.count("\n"), text.count(" ")] for text in texts], float)
    return hstack([words.transform(texts), csr_matrix(np.log1p(length) / 10.0)]).tocsr()


def learn(
    board: Board, rows: Rows, pair: tuple[int, int], features: Any, seed: int
) -> Learned | str:
    """Return a router's choices out of fold.

    Args:
        board: The task.
        rows: Places of the samples to work with, shape (n,).
        pair: The cheap and the strong arm.
        features: Of all samples of the board, in its order.
        seed: Of the folds.

    Returns:
        The router, or why there is none.
    """
    suffices = _suffices(board, pair)
    if len(np.unique(suffices[rows])) < 2:
        return "the cheap arm suffices always or never: there is nothing to learn"
    repeats = 3 if len(rows) <= _REPEATED_BELOW else 1
    place = {int(row): number for number, row in enumerate(rows)}
    score, strong = np.zeros(len(rows)), np.zeros(len(rows))
    for repeat in range(repeats):
        for fitted, left in folds(board.unit, rows, seed + repeat, FOLDS):
            own = fit(board, fitted, pair, features, seed + repeat)
            at = [place[int(row)] for row in left]
            if own is None:
                strong[at] += 1.0 / repeats
                continue
            found = own.score(features[left])
            score[at] += found / repeats
            strong[at] += (found < own.threshold) / repeats
    return Learned(score, (strong >= 0.5).astype(np.float64))


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted router: below the threshold the strong arm is asked."""

    model: Any
    threshold: float

    def score(self, features: Any) -> Array:
        """Return how sure it is that the cheap arm suffices, shape (n,)."""
        return np.asarray(self.model.predict_proba(features)[:, 1])


def fit(board: Board, rows: Rows, pair: tuple[int, int], features: Any, seed: int) -> Fitted | None:
    """Fit a router on some samples, and set its threshold on a quarter that it was not fitted on.

    Returns:
        None where there is only one kind of sample to learn from.
    """
    from sklearn.linear_model import LogisticRegression

    suffices = _suffices(board, pair)
    split = list(folds(board.unit, rows, seed + 7919, 4))
    if len(split) < 2:
        return None
    train, held = split[0]
    if len(train) > MOST_FITTED:
        train = np.random.default_rng(seed).choice(train, MOST_FITTED, replace=False)
    if len(np.unique(suffices[train])) < 2:
        return None
    model = LogisticRegression(solver="liblinear", C=2.0, random_state=0)
    model.fit(features[train], suffices[train])
    score = np.asarray(model.predict_proba(features[held])[:, 1])
    return Fitted(model, threshold_of(score, board.quality[held][:, list(pair)]))


def threshold_of(score: Array, quality: Any) -> float:
    """Return the least strict threshold at which nothing is lost against the better arm alone.

    Args:
        score: How sure the router is that the cheap arm suffices, shape (n,).
        quality: Of the cheap and the strong arm, shape (n, 2).

    Returns:
        A threshold; above every score where nothing may be routed away.
    """
    order = np.argsort(-score, kind="stable")
    gain = np.concatenate([[0.0], np.cumsum((quality[:, 0] - quality[:, 1])[order])])
    needed = max(0.0, float((quality[:, 0] - quality[:, 1]).sum()))
    enough = np.flatnonzero(gain >= needed - _EQUAL)
    cheap = int(enough[-1]) if len(enough) else 0
    if cheap == 0:
        return float("inf")
    return float(score[order[cheap - 1]])


def _suffices(board: Board, pair: tuple[int, int]) -> Array:
    cheap, strong = board.quality[:, pair[0]], board.quality[:, pair[1]]
    return (cheap >= strong - _EQUAL).astype(np.float64)


def curve(
    board: Board, rows: Rows, pair: tuple[int, int], score: Array
) -> tuple[Array, Array, Array]:
    """Return shares of calls to the strong arm, with the quality and the cost that each brings.

    Args:
        board: The task.
        rows: Places of the samples, shape (n,).
        pair: The cheap and the strong arm.
        score: How sure a router is that the cheap arm suffices, shape (n,).
    """
    order = np.argsort(score, kind="stable")
    cheap, strong = pair

    def cumulated(values: Any) -> Array:
        low, high = values[rows, cheap], values[rows, strong]
        steps = np.concatenate([[0.0], np.cumsum((high - low)[order])])
        return np.asarray((low.sum() + steps) / len(rows))

    calls = np.linspace(0.0, 1.0, len(rows) + 1)
    return calls, cumulated(board.quality), cumulated(board.usd)
