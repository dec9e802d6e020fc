"""p-values of several tests, adjusted so that asking often is no way to find something.

Compare an adjusted value with the level itself. It does not know how many comparisons were made
and not handed in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt


def holm(p: Sequence[float] | npt.NDArray[np.float64]) -> list[float]:
    """Return Holm's adjusted p-values: for gates, where one false alarm is one too many.

    The i-th smallest of m becomes the largest of (m - j + 1) p_(j) over j <= i, at most 1. The
    chance of any false rejection stays below the level, whatever the tests share.

    Args:
        p: p-values in [0, 1], shape (m,).

    Returns:
        Adjusted values in the given order.

    Raises:
        ValueError: If there is none, or one is not within [0, 1].

    Source:
        Holm (1979), Scandinavian Journal of Statistics 6(2), 65-70,
        https://www.jstor.org/stable/4615733.

    Example:
        >>> [round(v, 3) for v in holm([0.01, 0.04, 0.03])]
        [0.03, 0.06, 0.06]
    """
    values = _checked(p)
    adjusted, most = [0.0] * len(values), 0.0
    for place, i in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        most = max(most, min((len(values) - place) * values[i], 1.0))
        adjusted[i] = most
    return adjusted


def benjamini_hochberg(p: Sequence[float] | npt.NDArray[np.float64]) -> list[float]:
    """Return Benjamini and Hochberg's adjusted p-values: for tables that are looked through.

    The i-th smallest of m becomes the smallest of p_(j) m / j over j >= i, at most 1. The
    expected share of false ones among the rejected stays below the level, for tests that are
    independent or positively dependent.

    Args:
        p: p-values in [0, 1], shape (m,).

    Returns:
        Adjusted values in the given order.

    Raises:
        ValueError: If there is none, or one is not within [0, 1].

    Source:
        Benjamini & Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x.

    Example:
        >>> [round(v, 3) for v in benjamini_hochberg([0.01, 0.04, 0.03])]
        [0.03, 0.04, 0.04]
    """
    return _step_up(_checked(p), 1.0)


def benjamini_yekutieli(p: Sequence[float] | npt.NDArray[np.float64]) -> list[float]:
    """Return Benjamini and Yekutieli's adjusted p-values: as theirs, for any dependence.

    `benjamini_hochberg` times sum_j 1/j over j = 1..m, at most 1.

    Args:
        p: p-values in [0, 1], shape (m,).

    Returns:
        Adjusted values in the given order.

    Raises:
        ValueError: If there is none, or one is not within [0, 1].

    Source:
        Benjamini & Yekutieli (2001), doi:10.1214/aos/1013699998.

    Example:
        >>> [round(v, 3) for v in benjamini_yekutieli([0.01, 0.04, 0.03])]
        [0.055, 0.073, 0.073]
    """
    values = _checked(p)
    return _step_up(values, math.fsum(1.0 / j for j in range(1, len(values) + 1)))


def _checked(p: Iterable[float]) -> list[float]:
    values = [float(v) for v in p]
    if not values:
        raise ValueError("at least one p-value is needed")
    for value in values:
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"p-values must be within [0, 1], got {value!r}")
    return values


def _step_up(values: list[float], factor: float) -> list[float]:
    m = len(values)
    adjusted, least = [0.0] * m, 1.0
    for place, i in enumerate(sorted(range(m), key=values.__getitem__, reverse=True)):
        least = min(least, values[i] * m / (m - place) * factor)
        adjusted[i] = least
    return adjusted
