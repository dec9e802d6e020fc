"""What a model costs: now, in each tier and as a batch, since when, and from where.

Nothing is sent; the packaged table is the one that is installed. It does not know runs.
"""

from __future__ import annotations

import datetime as dt
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from evalkit.core.errors import ConfigError
from evalkit.core.model_names import floating_reason
from evalkit.providers.catalogue import Catalogue, find_file, load_catalogue
from evalkit.providers.pricing import PriceBook
from evalkit.providers.rates import Rates
from evalkit.run.prices import load_price_book


def list_prices(name: str | None, providers: Path | None, at: dt.datetime) -> dict[str, Any]:
    """Return what `evalkit prices --json` prints.

    Args:
        name: `provider:name`, or a name that one provider or several have; None for all models.
        providers: The providers file.
        at: The moment.

    Raises:
        ConfigError: If the file is wrong, or no model has this name.
    """
    catalogue = load_catalogue(find_file(providers))
    book = load_price_book(catalogue)
    models = _models(catalogue) if name is None else _named(name, catalogue)
    return {
        "schema_version": 1,
        "at": at.isoformat(timespec="seconds"),
        "table": PriceBook.table_version(),
        "models": [_model(model, book, at, whole=name is not None) for model in models],
    }


def _models(catalogue: Catalogue) -> list[str]:
    return [f"{p.name}:{m}" for p in catalogue.providers.values() for m in p.models]


def _named(name: str, catalogue: Catalogue) -> list[str]:
    """Return the models that a name means; of a provider in the file also those it does not list.

    Raises:
        ConfigError: If there is none.
    """
    known = _models(catalogue)
    provider, _, rest = name.partition(":")
    if name in known or (rest and provider in catalogue.providers):
        return [name]
    found = [model for model in known if model.partition(":")[2] == name]
    if not found:
        near = get_close_matches(name, [*known, *(m.partition(":")[2] for m in known)], n=3)
        hint = (
            f"near: {', '.join(near)}" if near else "write PROVIDER:NAME for one it does not list"
        )
        raise ConfigError(f"prices: no model {name!r} in {catalogue.file}; {hint}")
    return found


def _model(model: str, book: PriceBook, at: dt.datetime, *, whole: bool) -> dict[str, Any]:
    rates = book.rates(model, at=at)
    row: dict[str, Any] = {
        "model": model,
        "floating": _floats(model, rates) is not None,
        "floats": _floats(model, rates),
        "hourly": book.is_hourly(model),
        **_rates(rates),
    }
    if whole:
        batch = book.rates(model, at=at, service_tier="batch")
        row["batch"] = _rates(batch)["tiers"] if isinstance(batch, Rates) else None
        row["history"] = _history(model, book)
    return row


def _floats(model: str, rates: Rates | str | None) -> str | None:
    """Say why a model's name may come to mean another one."""
    listed = rates.floats if isinstance(rates, Rates) else None
    return listed or floating_reason(model)


def _rates(rates: Rates | str | None) -> dict[str, Any]:
    if not isinstance(rates, Rates):
        return {"tiers": None, "source": None, "matched": None, "why": rates or "no known price"}
    return {
        "tiers": [
            {
                "above_input_tokens": start,
                **{name: float(price) for name, price in prices.shown.items()},
            }
            for start, prices in rates.tiers
        ],
        "source": rates.source,
        "matched": rates.matched,
        "why": None,
    }


def _history(model: str, book: PriceBook) -> list[dict[str, Any]]:
    """Return a model's prices over time, from the oldest; equal ones once."""
    found: list[dict[str, Any]] = []
    for day in (None, *book.changes(model)):
        moment = dt.datetime.combine(day or dt.date(2000, 1, 1), dt.time(12), dt.UTC)
        own = _rates(book.rates(model, at=moment))
        if not found or found[-1]["tiers"] != own["tiers"] or found[-1]["source"] != own["source"]:
            found.append({"since": None if day is None else day.isoformat(), **own})
    return found
