"""Figures with their intervals from an arm's columns, as summary.json writes them.

Repeats are averaged within a sample first and n counts clusters, else samples. What is undefined
is None. It does not know files or money's units.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.stats.intervals import Interval, mean_interval, wilson
from evalkit.stats.quantiles import quantile_interval

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


class Rows(NamedTuple):
    """Which sample and cluster each trial belongs to.

    Attributes:
        sample: Sample of each trial, numbered, shape (n,).
        cluster: Cluster of each trial, numbered, shape (n,); None where samples are independent.
        repeated: Some sample has several trials; without, sorting them is spared.
    """

    sample: Codes
    cluster: Codes | None
    repeated: bool

    def units(self, mask: npt.NDArray[np.bool_]) -> Codes | None:
        """Return what trials are grouped by; None where each is a unit of its own."""
        if self.cluster is not None:
            return self.cluster[mask]
        if not self.repeated:
            return None
        sample = self.sample[mask]
        return None if len(np.unique(sample)) == len(sample) else sample


def mean_figure(values: Array, rows: Rows) -> dict[str, Any] | None:
    """Return the mean of the trials' values with its interval; None without a value.

    Args:
        values: One value in [0, 1] per trial, shape (n,); NaN is left out.
        rows: Samples and clusters of the trials.
    """
    return figure_or_none(lambda: mean_interval_of(values, rows))


def mean_interval_of(values: Array, rows: Rows, level: float = 0.95) -> Interval:
    """Return the mean of the trials' values with its interval.

    Args:
        values: One value in [0, 1] per trial, shape (n,); NaN is left out.
        rows: Samples and clusters of the trials.
        level: Coverage.

    Raises:
        ValueError: If there is no value.
    """
    mask = ~np.isnan(values)
    if not mask.any():
        raise ValueError("no trial has a value")
    kept = values[mask]
    clusters = None if rows.cluster is None else rows.cluster[mask]
    if rows.repeated:
        sample = rows.sample[mask]
        found, first, code, count = np.unique(
            sample, return_index=True, return_inverse=True, return_counts=True
        )
        if len(found) < len(sample):
            means = np.bincount(code.reshape(-1), weights=kept) / count
            of_samples = None if clusters is None else clusters[first]
            return _mean(means, of_samples, level)
    if clusters is None and ((kept == 0.0) | (kept == 1.0)).all():
        return wilson(int(kept.sum()), len(kept), level)
    return _mean(kept, clusters, level)


def _mean(values: Array, clusters: Codes | None, level: float) -> Interval:
    return mean_interval(np.clip(values, 0.0, 1.0), clusters, level, bounds=(0.0, 1.0))


def plain_mean(values: Array, rows: Rows) -> float | None:
    """Return the mean over samples of the mean over their repeats; None without a value."""
    mask = ~np.isnan(values)
    if not mask.any():
        return None
    if not rows.repeated:
        return float(values[mask].mean())
    code, count = np.unique(rows.sample[mask], return_inverse=True, return_counts=True)[1:]
    return float((np.bincount(code.reshape(-1), weights=values[mask]) / count).mean())


def quantile_figures(values: Array, rows: Rows) -> dict[str, Any] | None:
    """Return p50, p95 and p99 with order-statistic intervals; None without a value.

    Args:
        values: One time per row, shape (n,); NaN is left out.
        rows: Samples and clusters of the rows.
    """
    mask = ~np.isnan(values)
    if not mask.any():
        return None
    units = rows.units(mask)
    return {
        name: as_figure(quantile_interval(values[mask], q, clusters=units)) for name, q in QUANTILES
    }


def figure_or_none(make: Callable[[], Interval]) -> dict[str, Any] | None:
    """Return a figure, None where it is undefined (`ValueError`)."""
    try:
        return as_figure(make())
    except ValueError:
        return None


def as_figure(found: Interval) -> dict[str, Any]:
    """Return an interval as summary.json writes it: a limit that does not exist is None."""
    return {
        "value": found.estimate,
        "low": found.low if math.isfinite(found.low) else None,
        "high": found.high if math.isfinite(found.high) else None,
        "n": found.n,
        "method": found.method,
    }
