"""Attempts priced: each by itself, by its own usage, at its own time.

Joins the catalogue's prices with `prices.yaml` beside the providers file. It does not add up.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

from evalkit.core.documents import read_yaml
from evalkit.core.records import Attempt, Trial
from evalkit.providers.catalogue import Catalogue
from evalkit.providers.price_entries import PriceEntry, price_rows
from evalkit.providers.pricing import PriceBook, Priced
from evalkit.run.plan import parse_choice

FILE = "prices.yaml"


def load_price_book(catalogue: Catalogue) -> PriceBook:
    """Return the prices of a catalogue, with those of prices.yaml beside it.

    Raises:
        ConfigError: If a price is malformed, with file and line.
    """
    return PriceBook.from_catalogue(catalogue, read_prices(Path(catalogue.file).parent / FILE))


def read_prices(path: Path) -> tuple[PriceEntry, ...]:
    """Read prices.yaml; none where the file is missing.

    Raises:
        ConfigError: If a row is malformed, with file and line.
    """
    if not path.is_file():
        return ()
    root = read_yaml(path, roots=(list, dict))
    if isinstance(root.value, dict):
        root.take("schema_version", int, 1, allowed=(1,))
        node = root.node("prices")
        root.refuse_unknown()
        root.stop_on_problems()
        root = node or root
    rows = [child.value for child in root.children.values()]
    return tuple(price_rows(rows, [child.where for child in root.children.values()]))


def payee(trial: Trial, attempt: Attempt) -> str:
    """Return whose price an attempt has, `provider:name`: the trial's model, or who was asked."""
    if attempt.role == "model" and attempt.model in ("", trial.arm):
        return trial.model
    return parse_choice(attempt.model).model if attempt.role == "model" else attempt.model


def price_attempt(book: PriceBook, model: str, attempt: Attempt, now: dt.datetime) -> Priced:
    """Price one attempt of `provider:name`; what a recording says it cost wins.

    A recording without a cost is priced at the day it was made, else today.
    """
    done = attempt.completion
    if done is None:
        return _failed(book, model, attempt, now)
    if done.cost_usd is not None:
        return Priced(Decimal(repr(done.cost_usd)), {}, "recorded", model)
    at = done.recorded_at if done.recorded else attempt.sent_at
    return book.price(
        done.usage,
        model,
        at=_time(at) or now,
        model_returned=done.model_returned,
        service_tier=done.service_tier,
    )


def _failed(book: PriceBook, model: str, attempt: Attempt, now: dt.datetime) -> Priced:
    """Price an attempt that failed and was billed all the same, as a recording may tell."""
    if attempt.failed_cost_usd is not None:
        return Priced(Decimal(repr(attempt.failed_cost_usd)), {}, "recorded", model)
    if attempt.failed_usage is None:
        return Priced(None, {}, "no answer, no usage", "")
    at = attempt.failed_recorded_at or attempt.sent_at
    return book.price(attempt.failed_usage, model, at=_time(at) or now)


def _time(text: str | None) -> dt.datetime | None:
    if text is None:
        return None
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)
