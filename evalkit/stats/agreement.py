"""Agreement of two raters beyond chance: a judge and a person, or two persons.

Labels in, one number out. It does not know which rater is right.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.stats.labels import Pairs, as_list, as_numbers, paired

Array = npt.NDArray[np.float64]

WEIGHTS = (None, "linear", "quadratic")


def cohen_kappa(x: Iterable[Any], y: Iterable[Any], weights: str | None = None) -> float:
    """Return Cohen's kappa, plain or weighted.

    kappa = 1 - (observed disagreement) / (disagreement expected of independent raters with these
    marginals). Plain: any two labels disagree by 1, which is (po - pe) / (1 - pe). Linear: by
    |x - y|; quadratic: by (x - y)², with the labels' own values, so that a step of the scale that
    nobody used keeps its width.

    Args:
        x: Labels of the first rater, shape (n,).
        y: Labels of the second on the same items, shape (n,).
        weights: None, "linear" or "quadratic"; the latter two need numbers as labels.

    Raises:
        ValueError: If there is no item, lengths differ, a label is missing, weights are unknown
            or labels have no numeric value for them, or if both raters used one label only:
            expected disagreement is then 0, and kappa undefined.

    Source:
        Cohen (1960), doi:10.1177/001316446002000104; Cohen (1968), doi:10.1037/h0026256.

    Example:
        >>> round(cohen_kappa(["yes", "no", "yes", "no"], ["yes", "no", "yes", "yes"]), 3)
        0.5
        >>> round(cohen_kappa([1, 2, 3, 3], [1, 2, 2, 3], weights="quadratic"), 3)
        0.8
    """
    pairs = paired(x, y)
    if weights not in WEIGHTS:
        raise ValueError(f"unknown weights {weights!r}; allowed are None, 'linear', 'quadratic'")
    if len(pairs.labels) == 1:
        raise ValueError(f"kappa is undefined: every label is {pairs.labels[0]!r}")
    if weights is None:
        return _plain_kappa(pairs)
    values = as_numbers(pairs.labels, "a weighted kappa")
    first, second = values[pairs.x], values[pairs.y]
    gap = first - second
    if weights == "quadratic":
        spread = float(first.var() + second.var() + gap.mean() ** 2)
        return 1.0 - float(gap @ gap) / len(gap) / spread
    return 1.0 - float(np.abs(gap).mean()) / _expected_distance(first, second)


def gwet_ac1(
    x: Iterable[Any], y: Iterable[Any], *, labels: Iterable[Hashable] | None = None
) -> float:
    """Return Gwet's AC1: agreement beyond chance that does not collapse at a skewed prevalence.

    AC1 = (po - pe) / (1 - pe) with pe = sum_q pi_q (1 - pi_q) / (Q - 1), pi_q being the mean
    share of label q over both raters and Q the number of labels on the scale.

    Where every label is the same, pe is 0 for every scale of two labels and more, so AC1 is 1;
    kappa is undefined there.

    Args:
        x: Labels of the first rater, shape (n,).
        y: Labels of the second on the same items, shape (n,).
        labels: The whole scale, where nobody used some of it. Default: the labels seen, two at
            least.

    Raises:
        ValueError: If there is no item, lengths differ, a label is missing or not on the scale.

    Source:
        Gwet (2008), doi:10.1348/000711006X126600.

    Example:
        >>> found = gwet_ac1(["yes"] * 9 + ["no"], ["yes"] * 8 + ["no", "yes"])
        >>> round(found, 3)
        0.756
    """
    pairs = paired(x, y)
    n = len(pairs.x)
    share = (_counts(pairs.x, pairs) + _counts(pairs.y, pairs)) / (2.0 * n)
    observed = float((pairs.x == pairs.y).mean())
    expected = float(share @ (1.0 - share)) / (max(2, _scale(pairs, labels)) - 1)
    return (observed - expected) / (1.0 - expected)


def confusion(
    x: Iterable[Any], y: Iterable[Any], labels: Iterable[Hashable]
) -> npt.NDArray[np.int64]:
    """Count how often x said one thing and y another.

    Args:
        x: Labels of the first rater, shape (n,).
        y: Labels of the second on the same items, shape (n,).
        labels: The scale; rows and columns of the result are in its order.

    Returns:
        Counts, shape (k, k): `counts[i, j]` items with x = labels[i] and y = labels[j].

    Raises:
        ValueError: If there is no item, lengths differ, the scale repeats a label, or a label is
            missing or not on it.

    Example:
        >>> confusion(["yes", "no", "yes"], ["yes", "yes", "yes"], ["yes", "no"]).tolist()
        [[2, 0], [1, 0]]
    """
    pairs, scale = paired(x, y), as_list(labels)
    place = {label: position for position, label in enumerate(scale)}
    if len(place) != len(scale):
        raise ValueError(f"the scale repeats a label, got {scale!r}")
    _check_scale(pairs, place)
    where = np.array([place[label] for label in pairs.labels], dtype=np.intp)
    size = len(scale)
    cells = np.bincount(where[pairs.x] * size + where[pairs.y], minlength=size * size)
    return cells.reshape(size, size).astype(np.int64)


def _plain_kappa(pairs: Pairs) -> float:
    n = len(pairs.x)
    same = int((pairs.x == pairs.y).sum())
    chance = int(_counts(pairs.x, pairs) @ _counts(pairs.y, pairs))
    return (n * same - chance) / (n * n - chance)


def _expected_distance(first: Array, second: Array) -> float:
    """Mean |x - y| over all pairs, as the integral of F (1 - G) + G (1 - F)."""
    values = np.unique(np.concatenate([first, second]))
    below_first = np.searchsorted(np.sort(first), values[:-1], side="right") / len(first)
    below_second = np.searchsorted(np.sort(second), values[:-1], side="right") / len(second)
    apart = below_first * (1.0 - below_second) + below_second * (1.0 - below_first)
    return float(np.diff(values) @ apart)


def _counts(codes: npt.NDArray[np.intp], pairs: Pairs) -> npt.NDArray[np.intp]:
    return np.bincount(codes, minlength=len(pairs.labels))


def _scale(pairs: Pairs, labels: Iterable[Hashable] | None) -> int:
    """Return how many labels the scale has."""
    if labels is None:
        return len(pairs.labels)
    scale = set(as_list(labels))
    _check_scale(pairs, scale)
    return len(scale)


def _check_scale(pairs: Pairs, scale: Iterable[Hashable]) -> None:
    allowed = list(scale)
    for label in pairs.labels:
        if label not in allowed:
            raise ValueError(f"label {label!r} is not on the scale; allowed are {allowed!r}")
