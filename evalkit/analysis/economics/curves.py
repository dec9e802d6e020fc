"""What each arm costs a month over volumes around the stated one, for a chart.

Steps of the staircases are among the volumes, with both their sides. It does not draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.analysis.economics.options import Option
from evalkit.analysis.economics.triangle import Triangle
from evalkit.analysis.economics.uncertainty import draw_values

Array = npt.NDArray[np.float64]
_POINTS = 160
_MOST_STEPS = 40
_BAND_POINTS = 60
_BAND_DRAWS = 4_000
_BESIDE = 1e-6


def curves_of(
    options: Sequence[Option],
    own: Option | None,
    volume: Triangle,
    fallback: float | None,
    *,
    seed: int,
) -> dict[str, Any]:
    """Return each arm's monthly cost, at the most likely values, over volumes.

    Args:
        options: The ways; those without a cost are left out.
        own: The self-hosted one that gets a band; None for no band.
        volume: The stated volume.
        fallback: What an API takes for a request that is handed on.
        seed: Of the band's draws.
    """
    low, high = volume.low / 30, volume.high * 100
    steps = [_steps(option, low, high) for option in options]
    volumes = np.unique(np.concatenate([np.geomspace(low, high, _POINTS), *steps]))
    return {
        "requests_per_month": volumes.tolist(),
        "usd_per_month": {
            option.name: np.asarray(option.usd_per_month(volumes, fallback)).tolist()
            for option in options
            if option.usd_per_month(1.0, fallback) is not None
        },
        "band": _band(own, np.geomspace(low, high, _BAND_POINTS), fallback, seed),
    }


def _steps(option: Option, low: float, high: float) -> Array:
    """Return the first steps of a staircase, each just before and just after it."""
    serving = option.serving
    if serving is None:
        return np.empty(0)
    carried = serving.requests_per_replica_month / (1.0 - serving.fallback_share)
    steps = carried * (serving.min_replicas + np.arange(_MOST_STEPS))
    steps = steps[(steps > low) & (steps < high)]
    return np.concatenate([steps, steps * (1.0 + _BESIDE)])


def _band(
    option: Option | None, volumes: Array, fallback: float | None, seed: int
) -> dict[str, Any] | None:
    """Return between which costs nine of ten draws lie at each volume; None without ranges."""
    if option is None or option.inputs is None:
        return None
    if all(own.is_certain for own in option.inputs.ranges.values()):
        return None
    values = draw_values(option.inputs, np.random.default_rng(seed), _BAND_DRAWS)
    serving = option.inputs.serving(values, option.arm.attempts)
    costs = serving.usd_per_month(volumes[:, np.newaxis], fallback or 0.0)
    low, high = np.quantile(costs, (0.05, 0.95), axis=1)
    return {
        "arm": option.name,
        "requests_per_month": volumes.tolist(),
        "low_usd_per_month": low.tolist(),
        "high_usd_per_month": high.tolist(),
    }
