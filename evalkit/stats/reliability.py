"""Agreement of any number of raters, with labels missing: reliability of labels, human ceiling.

It does not know which rater is right, nor whether a label is missing for a reason.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.stats.bounded import gaffke_limits
from evalkit.stats.intervals import Interval, checked_level
from evalkit.stats.labels import as_numbers, check_kinds, encoded, is_missing

Array = npt.NDArray[np.float64]

LEVELS = ("nominal", "ordinal", "interval", "ratio")

_STEP = 0.25
_LEFT, _RIGHT = 17.0, 3.5


class Ratings(NamedTuple):
    """Ratings of the items that two raters or more have labelled.

    Attributes:
        code: Code of each label, -1 where it is missing, shape (raters, items).
        given: Labels of each item, at least 2, shape (items,).
        labels: The label of each code.
    """

    code: npt.NDArray[np.intp]
    given: npt.NDArray[np.intp]
    labels: list[Hashable]


@dataclass(frozen=True, slots=True)
class PairwiseAgreement(Interval):
    """How often two raters agree; `n` counts items.

    Attributes:
        n_pairs: Pairs of labels that were compared.
    """

    n_pairs: int


def krippendorff_alpha(ratings: Sequence[Sequence[Any]] | Any, level: str = "nominal") -> float:
    """Return Krippendorff's alpha.

    alpha = 1 - Do / De. Do is the mean difference² between labels of one item, each item weighed
    by its number of labels; De that between any two labels. The difference² is

    - nominal: 1 if unequal;
    - ordinal: (labels between the two, half of those at either end included)²;
    - interval: (c - k)²;
    - ratio: ((c - k) / (c + k))².

    Items with fewer than two labels are left out.

    Args:
        ratings: One row for each rater, one column for each item, shape (raters, items); None or
            NaN where a rater gave no label.
        level: Level of measurement; all but nominal need numbers as labels.

    Raises:
        ValueError: If there are fewer than two raters, no item with two labels, an unknown level,
            labels that do not fit it, or one label only: expected disagreement is then 0, and
            alpha undefined.

    Source:
        Krippendorff (2011), "Computing Krippendorff's alpha-reliability",
        https://repository.upenn.edu/asc_papers/43; Hayes & Krippendorff (2007),
        doi:10.1080/19312450709336664.

    Example:
        >>> raters = [[1, 2, 3, 3, None], [1, 2, 3, 2, 4], [1, 2, 2, 3, 4]]
        >>> round(krippendorff_alpha(raters), 3), round(krippendorff_alpha(raters, "ordinal"), 3)
        (0.634, 0.821)
    """
    if level not in LEVELS:
        raise ValueError(f"unknown level of measurement {level!r}; allowed are {', '.join(LEVELS)}")
    table = _pairable(ratings)
    used = np.flatnonzero(_totals(table))
    if len(used) == 1:
        raise ValueError(f"alpha is undefined: every label is {table.labels[int(used[0])]!r}")
    if level == "nominal":
        observed, expected = _nominal(table)
    elif level == "ratio":
        observed, expected = _ratio(table, as_numbers(table.labels, "level 'ratio'"))
    else:
        values = as_numbers(table.labels, f"level {level!r}")
        observed, expected = _interval(table, _midranks(table, values, level))
    return 1.0 - observed / expected


def pairwise_agreement(
    ratings: Sequence[Sequence[Any]] | Any, level: float = 0.95
) -> PairwiseAgreement:
    """Return how often two raters give an item the same label: among persons, a judge's ceiling.

    sum_u (agreeing pairs of item u) / sum_u (pairs of item u), with Gaffke's interval over items:
    the pairs of one item are not independent.

    Args:
        ratings: One row for each rater, one column for each item, shape (raters, items); None or
            NaN where a rater gave no label.
        level: Coverage.

    Raises:
        ValueError: If there are fewer than two raters or no item with two labels.

    Source:
        `evalkit.stats.bounded.gaffke_limits`.

    Example:
        >>> found = pairwise_agreement([["a", "b", "a"], ["a", "b", "b"], ["a", None, "b"]])
        >>> round(found.estimate, 3), found.n_pairs, found.n
        (0.714, 7, 3)
    """
    checked_level(level)
    table = _pairable(ratings)
    pairs = table.given * (table.given - 1) / 2.0
    agreeing = (_squares(table) - table.given) / 2.0
    estimate = float(agreeing.sum() / pairs.sum())
    low, high = gaffke_limits(agreeing / pairs, pairs, level)
    low, high = min(low, estimate), max(high, estimate)
    return PairwiseAgreement(
        estimate, low, high, "gaffke-clusters", len(pairs), level, int(pairs.sum())
    )


def _pairable(ratings: Sequence[Sequence[Any]] | Any) -> Ratings:
    """Number the labels and leave out items with fewer than two."""
    table = _as_table(ratings)
    numbers: dict[Hashable, int] = {}
    code = encoded(table.ravel().tolist(), numbers).reshape(table.shape)
    labels = list(numbers)
    absent = np.array([is_missing(label) for label in labels], dtype=bool)
    present = [label for label, gone in zip(labels, absent, strict=True) if not gone]
    check_kinds(present)
    code = np.where(absent[code], -1, np.cumsum(~absent)[code] - 1)
    count = (code >= 0).sum(axis=0)
    if not (count >= 2).any():
        raise ValueError("no item has labels of two raters; agreement is undefined")
    kept = count >= 2
    return Ratings(code[:, kept], count[kept], present)


def _as_table(ratings: Sequence[Sequence[Any]] | Any) -> npt.NDArray[np.object_]:
    rows = ratings if hasattr(ratings, "shape") else [list(row) for row in ratings]
    if not hasattr(rows, "shape") and len({len(row) for row in rows}) > 1:
        raise ValueError("every rater needs one entry for each item; None where there is no label")
    table = np.asarray(rows, dtype=object)
    if table.ndim != 2 or table.size == 0:
        raise ValueError(f"a table of raters by items is needed, got shape {table.shape}")
    if len(table) < 2:
        raise ValueError(f"at least two raters are needed, got {len(table)}")
    return table


def _squares(table: Ratings) -> Array:
    """Return sum_c n_uc² for each item u: its ordered pairs of equal labels, itself included."""
    size = max(len(table.labels), 1)
    rater, item = np.nonzero(table.code >= 0)
    cell, number = np.unique(item * size + table.code[rater, item], return_counts=True)
    return np.bincount(cell // size, weights=number.astype(np.float64) ** 2).astype(np.float64)


def _totals(table: Ratings) -> Array:
    """Return how often each label was given."""
    codes = table.code[table.code >= 0]
    return np.bincount(codes, minlength=len(table.labels)).astype(np.float64)


def _nominal(table: Ratings) -> tuple[float, float]:
    total = _totals(table)
    n = float(total.sum())
    within = (table.given**2 - _squares(table)) / (table.given - 1)
    return float(within.sum()), (n * n - float(total @ total)) / (n - 1.0)


def _interval(table: Ratings, values: Array) -> tuple[float, float]:
    """Sum (c - k)² over pairs by the variance: sum_ij (x_i - x_j)² = 2 m sum_i (x_i - mean)²."""
    present = table.code >= 0
    score = np.where(present, values[table.code], 0.0)
    mean = score.sum(axis=0) / table.given
    spread = (np.where(present, score - mean, 0.0) ** 2).sum(axis=0)
    within = 2.0 * float((spread * table.given / (table.given - 1)).sum())
    total, n = score[present], float(present.sum())
    return within, 2.0 * n / (n - 1.0) * float(((total - total.mean()) ** 2).sum())


def _midranks(table: Ratings, values: Array, level: str) -> Array:
    """Return scores whose differences are the ordinal ones: labels below, and half of its own."""
    if level != "ordinal":
        return values
    order = np.argsort(values)
    total = _totals(table)[order]
    scores = np.empty(len(values))
    scores[order] = np.cumsum(total) - total / 2.0
    return scores


def _ratio(table: Ratings, values: Array) -> tuple[float, float]:
    if values.min() < 0.0:
        raise ValueError(f"level 'ratio' needs labels of at least 0, got {values.min():g}")
    score = np.where(table.code >= 0, values[table.code], np.nan)
    within = np.zeros(len(table.given))
    for first in range(len(score)):
        for second in range(first + 1, len(score)):
            within += 2.0 * np.nan_to_num(_relative(score[first], score[second]))
    total = _totals(table)
    n = float(total.sum())
    between = n * n - float(total[values == 0.0].sum()) ** 2 - 4.0 * _products(values, total)
    return float((within / (table.given - 1)).sum()), between / (n - 1.0)


def _relative(first: Array, second: Array) -> Array:
    """Return ((c - k) / (c + k))², 0 where both are 0, NaN where one is."""
    whole = first + second
    return ((first - second) / np.where(whole == 0.0, 1.0, whole)) ** 2


def _products(values: Array, total: Array) -> float:
    """Return sum_ck n_c n_k c k / (c + k)², as ((c - k) / (c + k))² = 1 - 4 c k / (c + k)².

    With 1 / z² the integral of t exp(-z t), it is that of t (sum_c n_c c exp(-c t))², a smooth
    bump in log t: the trapezoid rule is exact to rounding, in time linear in the labels.
    """
    above = values > 0.0
    size, number = values[above], total[above]
    start, end = -np.log(size.max()) - _LEFT, -np.log(size.min()) + _RIGHT
    points = np.exp(np.arange(start, end + _STEP, _STEP))
    heights = [t * t * float((number * size) @ np.exp(-size * t)) ** 2 for t in points]
    return _STEP * float(np.sum(heights))
