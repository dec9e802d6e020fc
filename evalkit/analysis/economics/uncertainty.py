"""What the ranges mean for the decision: draws of all at once, and one at a time.

Seeded: the same inputs give the same answer. It does not know runs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.analysis.economics.assumptions import Inputs
from evalkit.analysis.economics.horizon import Outlook
from evalkit.analysis.economics.sampled import Sampled
from evalkit.analysis.economics.triangle import Triangle

Array = npt.NDArray[np.float64]
DRAWS = 20_000
VOLUME = "requests_per_month"
PRICE = "measured API price"


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


class Expected(NamedTuple):
    """The months ahead, with what is not known of them.

    Attributes:
        outlook: How far ahead is looked, and what leaving the vendor costs.
        change: Change of the API's price a year.
        growth: Growth of the volume a year.
    """

    outlook: Outlook
    change: Triangle
    growth: Triangle


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


def draw_values(inputs: Inputs, rng: np.random.Generator, draws: int) -> dict[str, Array]:
    """Return draws of every quantity, shape (draws,) each; replicas and GPUs come whole."""
    values = {name: own.draw(rng, draws) for name, own in inputs.ranges.items()}
    for whole in ("min_replicas", "spare_replicas", "gpus_per_replica"):
        values[whole] = np.round(values[whole])
    return values


def draw_months(
    inputs: Inputs,
    volume: Triangle,
    price: Sampled,
    *,
    attempts: float,
    seed: int,
    draws: int = DRAWS,
) -> Draws:
    """Return what self-hosting saves in many draws of all ranges at once.

    Args:
        inputs: The quantities.
        volume: Requests a month.
        price: What the API takes for a request, with the error of measuring it.
        attempts: Attempts for one request.
        seed: Of the draws.
        draws: How many.
    """
    rng = np.random.default_rng(seed)
    requests, values = volume.draw(rng, draws), draw_values(inputs, rng, draws)
    usd = price.draw(rng, draws)
    own = inputs.serving(values, attempts).usd_per_month(requests, usd)
    return Draws(usd * requests - own)


def draw_horizons(
    inputs: Inputs,
    volume: Triangle,
    price: Sampled,
    expected: Expected,
    *,
    attempts: float,
    seed: int,
) -> Draws:
    """Return what self-hosting saves over the months ahead in many draws of all ranges.

    Args:
        inputs: The quantities.
        volume: Requests a month now.
        price: What the API takes now for a request, with the error of measuring it.
        expected: The months ahead.
        attempts: Attempts for one request.
        seed: Of the draws.
    """
    outlook, draws = expected.outlook, DRAWS
    rng = np.random.default_rng(seed)
    requests, values = volume.draw(rng, draws), draw_values(inputs, rng, draws)
    pace, fall = (1.0 + own.draw(rng, draws) for own in (expected.growth, expected.change))
    usd = price.draw(rng, draws)
    serving = inputs.serving(values, attempts)
    running = replace(serving, setup_hours=0.0)
    api = np.empty((outlook.months, draws))
    own = serving.setup_usd + outlook.switching_usd
    for month in range(outlook.months):
        years = month / 12.0
        now, then = requests * pace**years, usd * fall**years
        api[month] = now * then
        own = own + running.usd_per_month(now, then)
    api = np.cumsum(api, axis=0)
    return Draws(api[-1] - own - outlook.both_usd(api)[-1])


def tornado(inputs: Inputs, volume: Triangle, price: Sampled, *, attempts: float) -> list[Swing]:
    """Return what each uncertain quantity does alone, the strongest first.

    The measured price goes to the ends of its 90 % interval; what moves nothing is left out.
    """
    modes = inputs.modes()

    def saved(requests: float, values: dict[str, float], usd: float = price.mean) -> float:
        own = inputs.serving(values, attempts).usd_per_month(requests, usd)
        return float(usd * requests - own)

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
    if not price.is_certain:
        found = (saved(volume.mode, modes, usd) for usd in price.ends)
        swings.append(Swing(PRICE, price.mean, *found))
    swings = [own for own in swings if own.width > 0]
    return sorted(swings, key=lambda own: (-own.width, own.name))
