"""Months ahead: prices that change, a volume that grows, and when setting up has paid itself back.

It does not know how prices will change: that is handed in.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.analysis.economics.model import Serving

Array = npt.NDArray[np.float64]


MONTHS_PER_WEEK = 12 * 7 / 365.25


class Horizon(NamedTuple):
    """Costs summed from the start, at the end of each month, shape (months,).

    Attributes:
        api_usd: Of staying with the API.
        own_usd: Of one's own servers: setup and leaving the vendor first.
    """

    api_usd: Array
    own_usd: Array

    @property
    def payback_month(self) -> int | None:
        """The first month from which self-hosting has cost no more to the end; None for none."""
        behind = np.flatnonzero(self.own_usd > self.api_usd)
        first = int(behind[-1]) + 1 if len(behind) else 0
        return first + 1 if first < len(self.api_usd) else None


class Outlook(NamedTuple):
    """What is expected of the months ahead.

    Attributes:
        months: How far ahead is looked.
        price_change_per_year: -0.3 lowers the API's price by 30 % in a year, evenly.
        growth_per_year: 0.5 lets the volume grow by half in a year, evenly.
        switching_usd: What leaving the vendor costs, at the start.
        switching_weeks: While leaving, both are paid.
    """

    months: int
    price_change_per_year: float = 0.0
    growth_per_year: float = 0.0
    switching_usd: float = 0.0
    switching_weeks: float = 0.0

    def both_usd(self, api_usd: Array) -> Array:
        """Return what the API costs in the weeks of leaving, shape (months, ...).

        Args:
            api_usd: The API's costs summed from the start, shape (months, ...).
        """
        months = self.switching_weeks * MONTHS_PER_WEEK
        ends = np.minimum(np.arange(1, self.months + 1), months)
        whole = ends.astype(int)
        padded = np.concatenate([np.zeros_like(api_usd[:1]), api_usd])
        part = (ends - whole).reshape(-1, *[1] * (api_usd.ndim - 1))
        after = padded[np.minimum(whole + 1, self.months)]
        both: Array = padded[whole] + part * (after - padded[whole])
        return both


def look_ahead(
    serving: Serving, requests_per_month: float, usd_per_request: float, outlook: Outlook
) -> Horizon:
    """Return both costs month by month.

    Args:
        serving: A way to serve, of plain numbers.
        requests_per_month: The volume now.
        usd_per_request: What the API takes now.
        outlook: What changes.
    """
    years = np.arange(outlook.months) / 12.0
    volume = requests_per_month * (1.0 + outlook.growth_per_year) ** years
    price = usd_per_request * (1.0 + outlook.price_change_per_year) ** years
    running = replace(serving, setup_hours=0.0)
    own = np.array([float(running.usd_per_month(v, p)) for v, p in zip(volume, price, strict=True)])
    start = float(serving.setup_usd) + outlook.switching_usd
    api = np.cumsum(volume * price)
    return Horizon(api, start + outlook.both_usd(api) + np.cumsum(own))
