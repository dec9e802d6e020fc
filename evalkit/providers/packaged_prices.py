"""The packaged price table (`genai-prices`): imported on first use, never updated by network.

It finds the vendor by address, then by exact name, and prices a model by its id as returned. It
does not know what the user declared.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from evalkit.core.model_names import floating_reason
from evalkit.providers.rates import Rates, Tiers

IN_PROCESS = frozenset({"llama_cpp", "sklearn", "python"})
_UNIT_OF = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "output_reasoning_mtok": "reasoning",
}
_VENDORS = {
    "gemini": "google",
    "vertex": "google",
    "bedrock": "aws",
    "xai": "x-ai",
    "moonshot": "moonshotai",
    "zhipu": "zhipuai",
}
_VENDOR_OF_WIRE = {
    "openai_chat": "openai",
    "openai_responses": "openai",
    "anthropic_messages": "anthropic",
    "gemini": "google",
}
_ONE_SELLER = frozenset({"openai", "anthropic", "google", "x-ai"})
_STANDARD = frozenset({"default", "standard", "auto", "standard_only", "on_demand"})


class Seller(NamedTuple):
    """Who is asked: decides whether, and in whose list, a price may be looked up.

    Attributes:
        kind: `sdk.kind` of a provider that is reached by a vendor SDK (azure, bedrock, vertex).
    """

    name: str
    wire: str
    base_url: str | None = None
    kind: str | None = None


class Listing:
    """One model of the packaged table, in one service tier."""

    def __init__(self, found: tuple[Any, Any], name: str, service_tier: str | None) -> None:
        provider, self._model = found
        self._tier = service_tier
        own = any(self._model is other for other in provider.models)
        self._context = _context(service_tier) if own else None
        self._matched = f"{provider.id}/{self._model.id}"
        self._is_alias = name.endswith("latest")
        self._floats = floating_reason(name, _spelled(self._model))
        self._by_time: dict[dt.datetime, Rates] = {}
        self._hourly = _has_hours(self._model)

    def rates(self, at: dt.datetime) -> Rates:
        """Return the price at a time (UTC)."""
        key = at.replace(second=0, microsecond=0)
        if not self._hourly:
            key = key.replace(hour=0, minute=0)
        found = self._by_time.get(key)
        if found is None:
            found = self._by_time[key] = self._resolved(at)
        return found

    @property
    def starts(self) -> tuple[dt.date, ...]:
        """Days on which its price changed, as far as the table knows."""
        constrained = self._model.prices if isinstance(self._model.prices, list) else ()
        variants = self._model.price_variants or ()
        days = {
            day
            for item in (*constrained, *variants)
            if (day := getattr(item.constraint, "start_date", None)) is not None
        }
        return tuple(sorted(days))

    @property
    def is_hourly(self) -> bool:
        """True where its price hangs on the hour of the day (UTC)."""
        return self._hourly

    def _resolved(self, at: dt.datetime) -> Rates:
        prices = self._model.get_prices(at, self._context)
        units = {
            unit: _tiers(getattr(prices, key))
            for key, unit in _UNIT_OF.items()
            if getattr(prices, key) is not None
        }
        per_thousand = getattr(prices, "requests_kcount", None) or Decimal(0)
        return Rates(
            units,
            per_request_usd=_tiers(per_thousand)[0][1] / 1000,
            source=f"genai-prices {version()}{self._note(at)}",
            matched=self._matched,
            floats=self._floats,
        )

    def _note(self, at: dt.datetime) -> str:
        note = "; by an alias, which may have moved" if self._is_alias else ""
        tier = self._tier
        if tier is None or tier in _STANDARD or self._has_variant(at):
            return note
        return f"{note}; standard price, none is listed for {tier!r}"

    def _has_variant(self, at: dt.datetime) -> bool:
        return any(
            (v.constraint is None or v.constraint.active(at))
            and all((self._context or {}).get(key) == value for key, value in v.when.items())
            for v in self._model.price_variants or ()
        )


def listing(seller: Seller, model_ids: tuple[str, ...], service_tier: str | None) -> Listing | None:
    """Find a model in the packaged table.

    Args:
        seller: Who was asked.
        model_ids: Names to look for, the one as returned first.
        service_tier: As the answer named it.

    Returns:
        None where the seller has no list price: in-process and self-hosted models, unknown
        addresses, unknown models.
    """
    if seller.wire in IN_PROCESS or (seller.base_url and is_own_address(seller.base_url)):
        return None
    for model_id in model_ids:
        found = _find(seller, model_id)
        if found is not None:
            return Listing(found, model_id, service_tier)
    return None


def is_own_address(url: str) -> bool:
    """Say whether an address is this machine's or a private network's.

    Example:
        >>> is_own_address("http://10.0.0.7:8000/v1"), is_own_address("https://api.openai.com/v1")
        (True, False)
    """
    host = (urlsplit(url).hostname or "").lower()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        local = host.endswith((".local", ".internal", ".lan", ".localhost", ".svc"))
        return local or "." not in host
    return not address.is_global


@cache
def version() -> str:
    """Return the version of the packaged table."""
    from importlib.metadata import version as version_of

    return version_of("genai-prices")


def _find(seller: Seller, model_id: str) -> tuple[Any, Any] | None:
    from genai_prices.data_snapshot import get_snapshot

    table = get_snapshot()
    try:
        vendor = _vendor(table, seller, model_id)
        return None if vendor is None else table.find_provider_model(model_id, vendor, None, None)
    except LookupError:
        return None


def _spelled(model: Any) -> set[str]:
    """Return the names that the table knows a model by, as far as it spells them out."""
    names, left = {str(model.id)}, [model.match]
    while left:
        clause = left.pop()
        left += [*getattr(clause, "or_", ()), *getattr(clause, "and_", ())]
        names |= {clause.equals} if hasattr(clause, "equals") else set()
    return names


def _vendor(table: Any, seller: Seller, model_id: str) -> Any:
    if seller.base_url is not None:
        return table.find_provider(None, None, seller.base_url)
    by_id = {provider.id: provider for provider in table.providers}
    for name in (seller.kind, seller.name, seller.name.replace("_", "-")):
        vendor = by_id.get(_VENDORS.get(name or "", name))
        if vendor is not None:
            return vendor
    if seller.wire == "replay":
        return _only_seller(table, model_id)
    return by_id.get(_VENDOR_OF_WIRE.get(seller.wire))


def _only_seller(table: Any, model_id: str) -> Any:
    """Return the vendor of a recorded model where its name leaves one: closed weights only."""
    vendor = table.find_provider(model_id, None, None)
    closed = vendor.id in _ONE_SELLER and "oss" not in model_id
    return vendor if closed else None


def _context(service_tier: str | None) -> dict[str, str] | None:
    if service_tier is None or service_tier in _STANDARD:
        return None
    if service_tier == "batch":
        return {"processing": "batch"}
    return {"service_tier": service_tier}


def _has_hours(model: Any) -> bool:
    prices = model.prices if isinstance(model.prices, list) else ()
    constrained = (*prices, *(model.price_variants or ()))
    return any(hasattr(item.constraint, "start_time") for item in constrained)


def _tiers(price: Any) -> Tiers:
    if isinstance(price, Decimal):
        return ((0, price),)
    return ((0, price.base), *((tier.start, tier.price) for tier in price.tiers))
