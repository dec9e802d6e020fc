"""A quantity that is known as a range: lowest, most likely, highest.

It does not know what the quantity is.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evalkit.core.records import Record

Array = npt.NDArray[np.float64]


class Triangle(Record, frozen=True, kw_only=True):
    """A range with its most likely value; a plain number is one of no width.

    Attributes:
        low: Lowest value.
        mode: Most likely value.
        high: Highest value.
    """

    low: float
    mode: float
    high: float

    @property
    def is_certain(self) -> bool:
        """True where it is one number."""
        return self.low == self.high

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Return draws of the triangular distribution, shape (n,)."""
        if self.is_certain:
            return np.full(n, self.mode)
        return rng.triangular(self.low, self.mode, self.high, n)


def certain(value: float) -> Triangle:
    """Return a quantity that is known exactly."""
    return Triangle(low=value, mode=value, high=value)
