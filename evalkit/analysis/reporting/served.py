"""Who really answered, and at which prices: model ids as returned, by run, with the price's source.

It does not know how money is added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from evalkit.analysis.reading import Reading
from evalkit.analysis.reporting.evidence import ShownArm
from evalkit.analysis.runs import pricing


class Answers(NamedTuple):
    """The answers that one model id gave for an arm at one price.

    Attributes:
        arm: The arm's label.
        requested: The model's name on the wire.
        returned: The id that came back, None where none did.
        tier: The service tier as returned.
        first_day: Of the answers, ISO 8601; empty where it is not known.
        last_day: Likewise.
        answers: How many.
        unit_prices: USD per million tokens, by kind; empty where there is no price.
        source: Where the price is from, or why there is none.
        matched: The entry of that source.
    """

    arm: str
    requested: str
    returned: str | None
    tier: str | None
    first_day: str
    last_day: str
    answers: int
    unit_prices: tuple[tuple[str, str], ...]
    source: str
    matched: str


def answers_of(
    arm: ShownArm, readings: Sequence[Reading], providers: Path | None = None
) -> list[Answers]:
    """Return who answered for an arm; days of the same id and price are joined."""
    reading = readings[arm.number]
    price = pricing(reading.run, providers)
    outcomes = arm.side.outcomes
    columns = reading.columns[outcomes.suite, outcomes.arm]
    joined: dict[tuple[object, ...], Answers] = {}
    for served, count in sorted(columns.served.items(), key=lambda item: str(item[0])):
        priced = price(arm.side.model, columns.served_first[served])
        units = tuple(sorted((kind, str(unit)) for kind, unit in priced.unit_prices.items()))
        key = (served.model_returned, served.service_tier, units, priced.source, priced.matched)
        day = served.day
        known = joined.get(key)
        joined[key] = Answers(
            arm=arm.label,
            requested=str(arm.facts["wire_name"]),
            returned=served.model_returned,
            tier=served.service_tier,
            first_day=day if known is None else min(known.first_day, day),
            last_day=day if known is None else max(known.last_day, day),
            answers=count + (0 if known is None else known.answers),
            unit_prices=units,
            source=priced.source,
            matched=priced.matched,
        )
    return list(joined.values())
