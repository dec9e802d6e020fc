"""What tokens cost under one price: pure arithmetic in `Decimal`, tier by tier.

A tier is chosen by an attempt's own input tokens and holds for the whole attempt: token counts of
several attempts must never be added before they are priced. It does not know dates or vendors.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from evalkit.core.records import Usage

MTOK = Decimal(1_000_000)
UNITS = ("input", "output", "cache_read", "cache_write", "reasoning")

Tiers = tuple[tuple[int, Decimal], ...]


class UnitPrices(NamedTuple):
    """Prices in USD per million tokens in one tier; None is "no price of its own".

    Attributes:
        shown: The same as a mapping, for tables.
    """

    input: Decimal | None
    output: Decimal | None
    cache_read: Decimal | None
    cache_write: Decimal | None
    reasoning: Decimal | None
    per_request: Decimal
    shown: dict[str, Decimal]


class Rates:
    """One price: what each kind of token costs, by tier of input tokens.

    Args:
        prices: For each unit its tiers, `((0, base), (start, price), ...)`: a tier holds where
            the attempt's input tokens are more than its start.
        per_request_usd: Flat part of each attempt.
        source: Where the price comes from.
        matched: Which entry of that source.
        floats: Why the name that was looked for may come to mean another model.
    """

    def __init__(
        self,
        prices: Mapping[str, Tiers],
        *,
        source: str,
        matched: str,
        per_request_usd: Decimal = Decimal(0),
        floats: str | None = None,
    ) -> None:
        self.source = source
        self.matched = matched
        self.floats = floats
        starts = sorted({start for tiers in prices.values() for start, _ in tiers} | {0})
        self._tiers = [
            (start, _unit_prices(prices, start, per_request_usd)) for start in reversed(starts)
        ]

    @property
    def tiers(self) -> tuple[tuple[int, UnitPrices], ...]:
        """The tiers from the lowest: above how many input tokens each holds, and its prices."""
        return tuple(reversed(self._tiers))

    def unit_prices(self, input_tokens: int) -> UnitPrices:
        """Return the prices that hold for an attempt of so many input tokens."""
        for start, prices in self._tiers:
            if input_tokens > start:
                return prices
        return self._tiers[-1][1]


def cost_usd(usage: Usage, prices: UnitPrices) -> Decimal | None:
    """Return what one attempt costs, or None where it cannot be known.

    Tokens read from or written to a cache are part of the input; reasoning is part of the output.
    Where such a part has no price of its own it costs what input or output costs.

    Args:
        usage: Tokens of one attempt.
        prices: Prices of the tier that its input tokens reach.
    """
    if usage.input is None or usage.output is None:
        return None
    fresh, said, total = usage.input, usage.output, prices.per_request
    if usage.cache_read and prices.cache_read is not None:
        fresh -= usage.cache_read
        total += usage.cache_read * prices.cache_read / MTOK
    if usage.cache_write and prices.cache_write is not None:
        fresh -= usage.cache_write
        total += usage.cache_write * prices.cache_write / MTOK
    if usage.reasoning and prices.reasoning is not None:
        said -= usage.reasoning
        total += usage.reasoning * prices.reasoning / MTOK
    if fresh < 0 or said < 0:
        return None  # the parts are larger than the whole: a provider's miscount
    for count, price in ((fresh, prices.input), (said, prices.output)):
        if count and price is None:
            return None
        total += count * (price or 0) / MTOK
    return total


def _unit_prices(prices: Mapping[str, Tiers], start: int, per_request: Decimal) -> UnitPrices:
    at = {unit: _price_at(prices.get(unit, ()), start) for unit in UNITS}
    shown = {f"{unit}_usd_per_mtok": price for unit, price in at.items() if price is not None}
    if per_request:
        shown["usd_per_request"] = per_request
    return UnitPrices(**at, per_request=per_request, shown=shown)


def _price_at(tiers: Tiers, start: int) -> Decimal | None:
    price = None
    for tier_start, tier_price in tiers:
        if tier_start <= start:
            price = tier_price
    return price
