"""What one attempt costs, looked up by date: declared prices first, then the packaged table.

Order: `pricing` of the model entry, `prices.yaml`, `genai-prices` by the model id as returned, at
the attempt's own time; else unpriced, which is None and never 0. It does not know trials.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from evalkit.core.records import Usage
from evalkit.providers.catalogue import Catalogue, Provider
from evalkit.providers.packaged_prices import Listing, Seller, listing, version
from evalkit.providers.price_entries import PriceEntry, price_entries, valid_entry
from evalkit.providers.rates import Rates, cost_usd

__all__ = ["PriceBook", "Priced", "PricedModel", "Seller"]


class Priced(NamedTuple):
    """What an attempt costs and by which price.

    Attributes:
        cost_usd: None where it has no known price.
        unit_prices: USD per million tokens as applied, empty where there is none.
        source: Which of the sources, with its version or date; else why there is no price.
        matched: The entry of that source.
    """

    cost_usd: Decimal | None
    unit_prices: dict[str, Decimal]
    source: str
    matched: str


class PricedModel(NamedTuple):
    """What decides the price of one catalogue entry `provider:name`."""

    seller: Seller
    wire_name: str
    entries: tuple[PriceEntry, ...] = ()


class _Lookup(NamedTuple):
    """All prices that one model, as returned and in one tier, may have."""

    own: tuple[PriceEntry, ...]
    rows: tuple[PriceEntry, ...]
    listing: Listing | None
    by_day: dict[dt.date, Rates | str | None]


class PriceBook:
    """Prices of all models of a run.

    Args:
        models: Facts by `provider:name`.
        sellers: Facts by provider name, for models that the catalogue does not list.
        rows: Rows of prices.yaml (`price_entries.price_rows`).
    """

    def __init__(
        self,
        models: Mapping[str, PricedModel],
        sellers: Mapping[str, Seller] | None = None,
        rows: Sequence[PriceEntry] = (),
    ) -> None:
        self._models = dict(models)
        self._sellers = dict(sellers or {})
        self._rows = tuple(rows)
        self._lookups: dict[tuple[str, str | None, str | None], _Lookup] = {}

    @classmethod
    def from_catalogue(cls, catalogue: Catalogue, rows: Sequence[PriceEntry] = ()) -> PriceBook:
        """Make the book of a providers file.

        Raises:
            ConfigError: If a `pricing` entry is malformed.
        """
        models, sellers = {}, {}
        for provider in catalogue.providers.values():
            seller = sellers[provider.name] = _seller(provider)
            for model in provider.models.values():
                entries = price_entries(model.pricing, model.where)
                models[f"{provider.name}:{model.name}"] = PricedModel(
                    seller, model.wire_name, entries
                )
        return cls(models, sellers, rows)

    def price(
        self,
        usage: Usage | None,
        model: str,
        *,
        at: dt.datetime,
        model_returned: str | None = None,
        service_tier: str | None = None,
    ) -> Priced:
        """Price one attempt.

        Args:
            usage: Its tokens; None is unpriced.
            model: `provider:name`.
            at: When it was sent; a time without zone is UTC.
            model_returned: The model's id as the answer named it.
            service_tier: `batch`, `flex`, ... as the answer named it.
        """
        if usage is None:
            return Priced(None, {}, "no usage was reported", "")
        rates = self.rates(model, at=at, model_returned=model_returned, service_tier=service_tier)
        if not isinstance(rates, Rates):
            return Priced(None, {}, rates or "no known price", "")
        units = rates.unit_prices(usage.input or 0)
        cost = cost_usd(usage, units)
        if cost is None:
            return Priced(None, units.shown, f"{rates.source}; not enough usage", rates.matched)
        return Priced(cost, units.shown, rates.source, rates.matched)

    def rates(
        self,
        model: str,
        *,
        at: dt.datetime,
        model_returned: str | None = None,
        service_tier: str | None = None,
    ) -> Rates | str | None:
        """Return the price of a model at a time, or None (or why not) where it has none."""
        key = (model, model_returned, service_tier)
        lookup = self._lookups.get(key)
        if lookup is None:
            lookup = self._lookups[key] = self._look_up(*key)
        at = at.replace(tzinfo=dt.UTC) if at.tzinfo is None else at.astimezone(dt.UTC)
        day = at.date()
        if day not in lookup.by_day:
            lookup.by_day[day] = _declared(lookup, day, service_tier)
        found = lookup.by_day[day]
        if found is None and lookup.listing is not None:
            return lookup.listing.rates(at)
        return found

    def changes(self, model: str) -> tuple[dt.date, ...]:
        """Return the days on which a model's price may have changed, ascending."""
        lookup = self._look_up(model, None, None)
        days = set(lookup.listing.starts if lookup.listing is not None else ())
        for entry in (*lookup.own, *lookup.rows):
            days |= {entry.valid_from} if entry.valid_from else set()
            days |= {entry.valid_to + dt.timedelta(days=1)} if entry.valid_to else set()
        return tuple(sorted(day for day in days if day is not None))

    def is_hourly(self, model: str) -> bool:
        """Say whether a model's packaged price hangs on the hour of the day."""
        listed = self._look_up(model, None, None).listing
        return listed is not None and listed.is_hourly

    def _look_up(self, model: str, returned: str | None, service_tier: str | None) -> _Lookup:
        facts = self._models.get(model) or self._unlisted(model)
        own_name = model.partition(":")[2]
        names = tuple(dict.fromkeys(n for n in (returned, facts.wire_name, own_name) if n))
        rows = _rows_of(self._rows, facts.seller.name, names)
        return _Lookup(facts.entries, rows, listing(facts.seller, names, service_tier), {})

    def _unlisted(self, model: str) -> PricedModel:
        provider, _, name = model.partition(":")
        seller = self._sellers.get(provider) or Seller(name=provider, wire="")
        return PricedModel(seller, name)

    @staticmethod
    def table_version() -> str:
        """Return the packaged table's name and version, for the manifest."""
        return f"genai-prices {version()}"


def _seller(provider: Provider) -> Seller:
    sdk = provider.options.get("sdk")
    kind = sdk.get("kind") if isinstance(sdk, dict) and provider.client == "sdk" else None
    return Seller(
        name=provider.name,
        wire=provider.wire,
        base_url=provider.base_url if kind is None else None,
        kind=kind,
    )


def _declared(lookup: _Lookup, day: dt.date, service_tier: str | None) -> Rates | str | None:
    for entries in (lookup.own, lookup.rows):
        entry = valid_entry(entries, day)
        if entry is not None and entry.self_hosted:
            return f"{entry.where}: self_hosted, paid by the hour"
        if entry is not None:
            return entry.rates(service_tier)
    return None


def _rows_of(
    rows: Sequence[PriceEntry], provider: str, names: tuple[str, ...]
) -> tuple[PriceEntry, ...]:
    """Return the rows of the first of a model's names that has any."""
    for name in names:
        found = tuple(row for row in rows if row.provider == provider and row.model == name)
        if found:
            return found
    return ()
