"""What follows from the answers: one recommendation, with why.

It does not know how it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from evalkit.analysis.decision.consequences import (
    changes_of,
    cheaper_and_open,
    next_steps,
    risks_of,
)
from evalkit.analysis.decision.ways import Way, Ways
from evalkit.analysis.economics.pairs import chance_cheaper
from evalkit.analysis.routing.task import TaskRoute
from evalkit.core.acceptance import asked_always, grader_of

Advice = Literal[
    "no model", "api", "hosted open", "self-host", "hybrid", "cannot say", "nothing is fit"
]
SURE = 0.8
_KINDS: dict[str, Advice] = {
    "no_llm": "no model",
    "api": "api",
    "unpriced": "api",
    "hosted_open": "hosted open",
    "self_hosted": "self-host",
}


class _Advising:
    """One suite's recommendation in the making."""

    def __init__(
        self, ways: Ways, money: Mapping[str, Any] | None, route: TaskRoute | None
    ) -> None:
        self.ways, self.money, self.route = ways, money, route
        self.fit = [way for way in ways.ways if way.is_fit]

    def row(
        self, advice: Advice, way: Way | None, why: str, *, hybrid: TaskRoute | None = None
    ) -> dict[str, Any]:
        """Return a recommendation as plain data."""
        asked = _asked(self.ways, hybrid) if hybrid is not None else [way] if way else []
        month = None if way is None else way.usd_per_month
        if hybrid is not None:
            month = _month_of(hybrid, self.ways)
        cheaper = cheaper_and_open(self.ways, month)
        if cheaper:
            names = ", ".join(own.option.name for own in cheaper)
            why += f"; cheaper, and not told apart from what is good enough: {names}"
        risks = risks_of(asked, self.ways, self.money) if asked else []
        return {
            "advice": advice,
            "way": None if way is None else way.option.name,
            "arms": list(hybrid.chain) if hybrid else [] if way is None else [way.option.arm.arm],
            "why": why,
            "is_open": bool(cheaper),
            "usd_per_month": month,
            "risks": [*_of_checks(hybrid), *risks],
            "would_change_it": changes_of(self.ways, way, month),
            "measure_next": next_steps(self.ways, way, self.money, month),
        }


def recommend(
    ways: Ways, money: Mapping[str, Any] | None, route: TaskRoute | None
) -> dict[str, Any]:
    """Return the recommendation for one suite.

    Args:
        ways: Its ways.
        money: Its break-even; None where no volume is known.
        route: Its portfolio; None where there is none.
    """
    own = _Advising(ways, money, route)
    if not own.fit and not len(ways.board):
        return own.row("nothing is fit", None, _nobody(ways))
    if not ways.is_decidable:
        why = f"only {_samples(ways.n_units)}: too few to choose a way by"
        return own.row("cannot say", None, why)
    if not own.fit:
        return own.row("nothing is fit", None, "every way has something against it")
    plain = next((way for way in own.fit if way.option.kind == "no_llm"), None)
    if plain is not None:
        why = f"{plain.option.name} is surely good enough without a language model"
        return own.row("no model", plain, why)
    mixed = _hybrid(own)
    if mixed is not None:
        return own.row("hybrid", None, mixed, hybrid=route)
    return _cheapest(own)


def _samples(count: int) -> str:
    return f"{count:,} independent sample{'' if count == 1 else 's'}"


def _nobody(ways: Ways) -> str:
    """Say why no arm is left to compare."""
    barred = [any(a.startswith("data: ") for a in way.against) for way in ways.ways]
    if barred and all(barred):
        return "nobody here may see the data"
    if ways.board.left_out:
        return "no arm answered enough of the samples to be compared"
    return "no sample was answered by all arms"


def _cheapest(own: _Advising) -> dict[str, Any]:
    """Recommend the cheapest fit way; one's own servers only where that is sure."""
    priced = [way for way in own.fit if way.usd_per_month is not None]
    if not priced:
        return _without_months(own)
    way = min(priced, key=lambda own: own.usd_per_month or 0.0)
    bought = [w for w in priced if w.option.serving is None and w.option.kind != "self_hosted"]
    if way.option.serving is not None and bought and own.ways.volume is not None:
        other = min(bought, key=lambda own: own.usd_per_month or 0.0)
        profile = own.ways.rules.profile
        sure = chance_cheaper(way.option, other.option, own.ways.volume, profile)
        if sure is None or sure < SURE:
            told = "not known" if sure is None else f"{sure:.2f}"
            why = (
                f"{way.option.name} looks cheaper than {other.option.name}, but the probability "
                f"of that is {told}, below {SURE:g}; {other.option.name} is fit and needs nobody "
                "to run it"
            )
            return own.row(_KINDS[other.option.kind], other, why)
    why = f"{way.option.name} is the cheapest of {len(priced)} ways that are surely good enough"
    if len(priced) == 1:
        why = f"{way.option.name} is the only way with a price that is surely good enough"
    if way.option.kind == "self_hosted" and not bought:
        why = f"{way.option.name} is the cheapest way that is fit; nothing that is bought is"
    return own.row(_KINDS[way.option.kind], way, why)


def _without_months(own: _Advising) -> dict[str, Any]:
    """Recommend by the price of a request, where no month has a price; else the best."""
    priced = [way for way in own.fit if way.option.serving is None]
    priced = [way for way in priced if way.option.arm.usd_per_request is not None]
    if priced:
        way = min(priced, key=lambda own: own.option.arm.usd_per_request or 0.0)
        cost = 1000 * (way.option.arm.usd_per_request or 0.0)
        why = (
            f"{way.option.name} is the cheapest to buy of what is surely good enough, "
            f"${cost:.3g} for 1,000 requests; what a month costs hangs on the volume"
        )
        return own.row(_KINDS[way.option.kind], way, why)
    best = max(own.fit, key=lambda way: way.option.arm.share("quality") or 0.0)
    why = f"{best.option.name} is fit; what it costs is not known"
    return own.row(_KINDS[best.option.kind], best, why)


def _hybrid(own: _Advising) -> str | None:
    """Say why a cascade is better than any single way; None where it is not."""
    route = own.route
    if route is None or len(route.chain) < 2:
        return None
    cost = route.document["chosen"]["cost_per_1000_usd"]
    if cost is None:
        return None
    month = _month_of(route, own.ways)
    if month is not None:
        others = [way.usd_per_month for way in own.fit if way.usd_per_month is not None]
    else:
        month = cost
        prices = [way.option.arm.usd_per_request for way in own.fit if way.option.serving is None]
        others = [1000 * price for price in prices if price is not None]
    if others and min(others) <= month:
        return None
    return f"asking {_course(route)} is cheaper than any single way that is surely good enough"


def _month_of(route: TaskRoute, ways: Ways) -> float | None:
    cost = route.document["chosen"]["cost_per_1000_usd"]
    return None if cost is None or ways.volume is None else cost * ways.volume.mode / 1000.0


def _of_checks(route: TaskRoute | None) -> list[str]:
    """Say how often a cascade takes a wrong answer, on the samples that were locked away."""
    locked = None if route is None else route.document["holdout"]
    if locked is None or locked["false_accept_rate"] is None:
        return []
    return [
        f"of the answers that it takes at first {locked['false_accept_rate']:.1%} did not pass; "
        f"{locked['escalation_rate']:.1%} go on to the next, and wait for both"
    ]


def _asked(ways: Ways, route: TaskRoute) -> list[Way]:
    """Return the ways behind a cascade's arms, as they were measured."""
    by_arm = {way.option.arm.arm: way for way in ways.ways if way.option.name == way.option.arm.arm}
    return [by_arm[arm] for arm in route.chain if arm in by_arm]


def _course(route: TaskRoute) -> str:
    """Return who is asked when, in words."""
    always = asked_always(route.accept)
    first, rest = " and ".join(route.chain[:always]), " then ".join(route.chain[always:])
    if always > 1:
        return f"{first}, and {rest} where they differ,"
    grader = grader_of(route.accept)
    told = "" if grader is None else f" where `{grader}` does not hold"
    return f"{first} then {rest}{told}"
