"""What `evalkit prices` and `evalkit reprice` print.

It does not price.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.report.grid import grid
from evalkit.report.terminal import Style
from evalkit.report.values import MISSING, clean, money

Row = Mapping[str, Any]
_UNITS = ("input", "output", "cache_read", "cache_write", "reasoning")


def price_table(document: Row, style: Style) -> str:
    """Return prices by model; of a single one its tiers, its batch price and its history."""
    rows = document["models"]
    if not rows:
        return "no models"
    day = str(document["at"])[:10]
    blocks = [_summary(rows, day, style)]
    for row in rows:
        if "history" in row:
            blocks.append(_history(row, day, style))
    return "\n\n".join(blocks)


def _summary(rows: Any, day: str, style: Style) -> str:
    columns = [(unit, [_first(row, unit) for row in rows]) for unit in _UNITS]
    columns = [column for column in columns if set(column[1]) != {MISSING}]
    columns.append(("tiers", [str(len(row["tiers"])) if row["tiers"] else MISSING for row in rows]))
    columns.append(("from", [_source(row) for row in rows]))
    title = f"US$ for a million tokens, {day}"
    return grid(title, [row["model"] for row in rows], columns, style)


def _first(row: Row, unit: str) -> str:
    price = row["tiers"][0].get(f"{unit}_usd_per_mtok") if row["tiers"] else None
    return MISSING if price is None else f"{price:g}"


def _source(row: Row) -> str:
    notes = [clean(row["source"] or row["why"])]
    notes += [clean(row["matched"])] if row["matched"] else []
    notes += [f"a floating name: {row['floats']}, and may move"] if row["floating"] else []
    notes += ["changes by the hour (UTC)"] if row["hourly"] else []
    return "; ".join(notes)


def _history(row: Row, day: str, style: Style) -> str:
    """Return one model's price over time, tier by tier."""
    lines = [
        (_since(row["history"], place), tier, own["source"] or own["why"])
        for place, own in enumerate(row["history"])
        for tier in own["tiers"] or [{}]
    ]
    if row["batch"]:
        lines += [(f"as a batch, {day}", tier, row["source"]) for tier in row["batch"]]
    names = [
        name + (f", above {tier['above_input_tokens']:,}" if tier.get("above_input_tokens") else "")
        for name, tier, _ in lines
    ]
    columns = [
        (unit, [_price(tier, unit) for _, tier, _ in lines])
        for unit in _UNITS
        if any(_price(tier, unit) != MISSING for _, tier, _ in lines)
    ]
    columns.append(("from", [clean(source) for _, _, source in lines]))
    return grid(clean(row["model"]), names, columns, style)


def _since(history: Any, place: int) -> str:
    """Return from when on a price holds: the first one as far as is known."""
    since = history[place]["since"]
    if since is not None:
        return f"since {since}"
    after = history[place + 1]["since"] if place + 1 < len(history) else None
    return "no change is known" if after is None else f"before {after}"


def _price(tier: Row, unit: str) -> str:
    price = tier.get(f"{unit}_usd_per_mtok")
    return MISSING if price is None else f"{price:g}"


def reprice_table(document: Row, style: Style) -> str:
    """Return each arm's cost then and at the other day's prices."""
    rows = document["rows"]
    if not rows:
        return "no trials"
    at = document["at"]
    return grid(
        "arm",
        [f"{row['suite']}: {row['arm']}" for row in rows],
        [
            ("asked", [f"{row['n_asked']:,}" for row in rows]),
            ("cost then", [money(row["then"]["cost_usd"]) for row in rows]),
            (f"at {at}", [money(row["now"]["cost_usd"]) for row in rows]),
            ("ratio", [MISSING if r["ratio"] is None else f"{r['ratio']:.3g}" for r in rows]),
            ("priced", [_share(row["now"]["priced_fraction"]) for row in rows]),
            ("from", [clean(row["source"] or MISSING) for row in rows]),
        ],
        style,
    )


def _share(value: float | None) -> str:
    return MISSING if value is None else f"{100 * value:.0f}%"
