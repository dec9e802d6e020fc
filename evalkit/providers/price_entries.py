"""Prices that the user declares: `pricing` of a model entry and rows of prices.yaml.

Each is checked when it is read and dated by `valid_from` and `valid_to` (both days included, UTC).
It does not know the packaged table.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from evalkit.core.documents import show
from evalkit.core.errors import ConfigError
from evalkit.core.records import Record
from evalkit.providers.rates import Rates

_PRICES = (
    "input_usd_per_mtok",
    "output_usd_per_mtok",
    "cache_read_usd_per_mtok",
    "cache_write_usd_per_mtok",
    "reasoning_usd_per_mtok",
    "usd_per_request",
    "batch_multiplier",
)
_TEXTS = ("source", "as_of", "valid_from", "valid_to", "mode", "provider", "model")
MODES = ("per_token", "self_hosted")


class PriceEntry(Record, frozen=True, kw_only=True):
    """One declared price.

    Attributes:
        where: Place of the entry, for messages and tables.
        numbers: The prices as declared.
        self_hosted: Paid by the hour, so no attempt has a price of its own.
    """

    where: str
    provider: str | None = None
    model: str | None = None
    numbers: dict[str, Decimal] = {}
    self_hosted: bool = False
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    source: str | None = None
    as_of: str | None = None

    def holds(self, day: dt.date) -> bool:
        """Say whether this price was valid on a day."""
        after = self.valid_from is None or self.valid_from <= day
        return after and (self.valid_to is None or day <= self.valid_to)

    def rates(self, service_tier: str | None) -> Rates:
        """Return the entry as rates, batch discount applied where it was a batch."""
        factor = Decimal(1)
        note = ""
        if service_tier == "batch":
            factor = self.numbers.get("batch_multiplier", factor)
            note = "" if "batch_multiplier" in self.numbers else "; no batch_multiplier declared"
        prices = {
            name.removesuffix("_usd_per_mtok"): ((0, price * factor),)
            for name, price in self.numbers.items()
            if name.endswith("_usd_per_mtok")
        }
        said = ", ".join(part for part in (self.source, self.as_of) if part)
        return Rates(
            prices,
            per_request_usd=self.numbers.get("usd_per_request", Decimal(0)) * factor,
            source=f"{self.where} ({said}){note}" if said else f"{self.where}{note}",
            matched=self.model or "",
        )


def price_entries(value: object, where: str) -> tuple[PriceEntry, ...]:
    """Read `pricing` of a model entry: one mapping, or a list of dated ones.

    Raises:
        ConfigError: If it is malformed.
    """
    if value is None:
        return ()
    found = value if isinstance(value, list) else [value]
    return tuple(price_entry(item, f"{where}: pricing") for item in found)


def price_rows(
    rows: Iterable[object], where: str | Sequence[str] = "prices.yaml"
) -> tuple[PriceEntry, ...]:
    """Read the rows of prices.yaml.

    Args:
        rows: Parsed rows.
        where: The file, or the place of each row.

    Raises:
        ConfigError: With every malformed row.
    """
    entries: list[PriceEntry] = []
    problems: list[str] = []
    for index, row in enumerate(rows):
        place = f"{where} row {index + 1}" if isinstance(where, str) else where[index]
        try:
            entry = price_entry(row, place)
            if not entry.provider or not entry.model:
                raise ConfigError(f"{place}: `provider` and `model` are needed")
            entries.append(entry)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return tuple(entries)


def price_entry(value: object, where: str) -> PriceEntry:
    """Read one price.

    Raises:
        ConfigError: If a key is unknown, a number is no price or a date is no date.
    """
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: a price must be a mapping, got {show(value)}")
    mode = value.get("mode", "per_token")
    if mode not in MODES:
        raise ConfigError(f"{where}: `mode` got {show(mode)}; allowed: {', '.join(MODES)}")
    entry = PriceEntry(
        where=where,
        self_hosted=mode == "self_hosted",
        provider=_text(value, "provider", where),
        model=_text(value, "model", where),
        valid_from=_date(value, "valid_from", where),
        valid_to=_date(value, "valid_to", where),
        source=_text(value, "source", where),
        as_of=_text(value, "as_of", where),
    )
    if entry.self_hosted:
        return entry
    return msgspec.structs.replace(entry, numbers=_numbers(value, where))


def valid_entry(entries: Iterable[PriceEntry], day: dt.date) -> PriceEntry | None:
    """Return the entry that held on a day: the one that began last, else the later in order."""
    found = None
    for entry in entries:
        if not entry.holds(day):
            continue
        if found is None or (entry.valid_from or dt.date.min) >= (found.valid_from or dt.date.min):
            found = entry
    return found


def _numbers(value: Mapping[str, Any], where: str) -> dict[str, Decimal]:
    unknown = [str(key) for key in value if key not in _PRICES and key not in _TEXTS]
    if unknown:
        known = ", ".join((*_PRICES, *_TEXTS))
        raise ConfigError(f"{where}: unknown key {unknown[0]!r} in a price; known: {known}")
    numbers = {key: _price(value[key], key, where) for key in _PRICES if value.get(key) is not None}
    for key in _PRICES[:2]:
        if key not in numbers:
            raise ConfigError(f"{where}: `{key}` is missing in a price")
    return numbers


def _price(value: Any, key: str, where: str) -> Decimal:
    number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0:
        raise ConfigError(f"{where}: `{key}` must be a number >= 0, got {show(value)}")
    return Decimal(str(value))


def _text(value: Mapping[str, Any], key: str, where: str) -> str | None:
    found = value.get(key)
    if isinstance(found, dt.date):
        return found.isoformat()
    if found is not None and not isinstance(found, str):
        raise ConfigError(f"{where}: `{key}` must be a text, got {show(found)}")
    return found


def _date(value: Mapping[str, Any], key: str, where: str) -> dt.date | None:
    text = _text(value, key, where)
    try:
        return None if text is None else dt.date.fromisoformat(text[:10])
    except ValueError:
        raise ConfigError(
            f"{where}: `{key}` must be a date like 2026-11-01, got {show(text)}"
        ) from None
