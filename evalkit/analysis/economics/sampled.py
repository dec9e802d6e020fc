"""A mean that was measured on samples, with its error: what a request costs, drawn as it may be.

It does not know what is done with it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.analysis.economics.measured import MeasuredArm
from evalkit.stats import mean_interval
from evalkit.stats.distributions import t_quantile

Array = npt.NDArray[np.float64]
_LEVEL = 0.95
_EXACT = 1e-9  # below it a share of the mean is rounding
ONE_SIDED = 0.95


class Sampled(NamedTuple):
    """A mean of samples.

    Attributes:
        mean: The estimate, at least 0.
        error: Its standard error; 0 where nothing is known of it.
        units: Independent samples that it rests on.
    """

    mean: float
    error: float = 0.0
    units: int = 0

    @property
    def is_certain(self) -> bool:
        """True where no error is known."""
        return self.units < 2 or self.error <= _EXACT * self.mean

    def draw(self, rng: np.random.Generator, n: int) -> Array | float:
        """Return draws of the true mean, shape (n,): Student's t around it, at least 0."""
        if self.is_certain:
            return self.mean
        return np.maximum(0.0, self.mean + self.error * rng.standard_t(self.units - 1, n))

    @property
    def ends(self) -> tuple[float, float]:
        """The 90 % interval."""
        if self.is_certain:
            return self.mean, self.mean
        half = self.error * t_quantile(ONE_SIDED, self.units - 1)
        return max(0.0, self.mean - half), self.mean + half


def price_of(arm: MeasuredArm) -> Sampled | None:
    """Return what a request costs with its error over the samples; None where it has no price.

    Samples of one cluster count as one unit.
    """
    mean = arm.usd_per_request
    if mean is None:
        return None
    outcomes = arm.side.outcomes
    known = ~np.isnan(outcomes.cost_usd)
    units = outcomes.sample if outcomes.cluster is None else outcomes.cluster
    count = len(np.unique(units[known]))
    if count < 2:
        return Sampled(mean, units=count)
    found = mean_interval(outcomes.cost_usd[known], units[known], _LEVEL, bounds=None)
    half = (found.high - found.low) / 2.0
    return Sampled(mean, half / t_quantile((1.0 + _LEVEL) / 2.0, found.n - 1), found.n)
