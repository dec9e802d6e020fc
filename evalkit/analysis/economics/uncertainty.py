"""What the ranges mean for the decision: draws of all at once, and one at a time.

Seeded: the same inputs give the same answer. It does not know runs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.analysis.economics.assumptions import Inputs
from evalkit.analysis.economics.triangle import Triangle

Array = npt.NDArray[np.float64]
DRAWS = 20_000
VOLUME = "requests_per_month"


class Draws(NamedTuple):
    """Draws of a month: what self-hosting saves against the API, US$, shape (n,)."""

    saved_usd: Array

    @property
    def probability(self) -> float:
        """Share of draws in which self-hosting is cheaper."""
        return float((self.saved_usd > 0).mean())

    def quantile(self, q: float) -> float:
        """Return a quantile of what is saved."""
        return float(np.quantile(self.saved_usd, q))


class Swing(NamedTuple):
    """What is saved a month with one quantity at either end, the others most likely."""

    name: str
    at_low: Triangle | float
    low_usd: float
    high_usd: float

    @property
    def width(self) -> float:
        """By how much it moves the result."""
        return abs(self.high_usd - self.low_usd)


def draw_months(
    inputs: Inputs,
    volume: Triangle,
    usd_per_request: float,
    *,
    attempts: float,
    seed: int,
    draws: int = DRAWS,
) -> Draws:
    """Return what self-hosting saves in many draws of all ranges at once.

    Args:
        inputs: The quantities.
        volume: Requests a month.
        usd_per_request: What the API takes.
        attempts: Attempts for one request.
        seed: Of the draws.
        draws: How many.
    """
    rng = np.random.default_rng(seed)
    requests = volume.draw(rng, draws)
    values = {name: own.draw(rng, draws) for name, own in inputs.ranges.items()}
    for whole in ("min_replicas", "spare_replicas", "gpus_per_replica"):
        values[whole] = np.round(values[whole])
    own = inputs.serving(values, attempts).usd_per_month(requests, usd_per_request)
    return Draws(usd_per_request * requests - own)


def tornado(
    inputs: Inputs, volume: Triangle, usd_per_request: float, *, attempts: float
) -> list[Swing]:
    """Return what each uncertain quantity does alone, the strongest first."""
    modes = inputs.modes()

    def saved(requests: float, values: dict[str, float]) -> float:
        own = inputs.serving(values, attempts).usd_per_month(requests, usd_per_request)
        return float(usd_per_request * requests - own)

    swings = [
        Swing(
            name,
            own,
            saved(volume.mode, {**modes, name: own.low}),
            saved(volume.mode, {**modes, name: own.high}),
        )
        for name, own in inputs.ranges.items()
        if not own.is_certain
    ]
    if not volume.is_certain:
        ends = saved(volume.low, modes), saved(volume.high, modes)
        swings.append(Swing(VOLUME, volume, *ends))
    return sorted(swings, key=lambda own: (-own.width, own.name))
