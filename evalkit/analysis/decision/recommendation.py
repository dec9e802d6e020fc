"""What follows from the answers: one recommendation, its cost and risk, and what would change it.

It does not know how it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from evalkit.analysis.decision.ways import Way, Ways
from evalkit.analysis.economics.pairs import shown_turns
from evalkit.analysis.routing.board import Board
from evalkit.analysis.routing.task import TaskRoute
from evalkit.core.acceptance import asked_always, grader_of
from evalkit.core.model_names import floating_reason

Advice = Literal[
    "no model", "api", "hosted open", "self-host", "hybrid", "cannot say", "nothing is fit"
]
SURE = 0.8
_MENDABLE = ("data: ", "people: ", "answers: ", "no `", "p95 ")  # quality takes another model
_KINDS: dict[str, Advice] = {
    "no_llm": "no model",
    "api": "api",
    "unpriced": "api",
    "hosted_open": "hosted open",
    "self_hosted": "self-host",
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
    fit = [way for way in ways.ways if way.is_fit]
    if not fit and not ways.board.arms:
        return _row("nothing is fit", None, "nobody here may see the data", ways, money)
    if not ways.is_decidable:
        return _row(
            "cannot say", None,
            f"only {ways.n_units} independent samples: too few to choose a way by", ways, money,
        )  # fmt: skip
    if not fit:
        return _row("nothing is fit", None, "every way has something against it", ways, money)
    plain = next((way for way in fit if way.option.kind == "no_llm"), None)
    if plain is not None:
        why = f"{plain.option.name} is surely good enough without a language model"
        return _row("no model", plain, why, ways, money)
    mixed = _hybrid(route, fit, ways.board)
    if mixed is not None:
        return _row("hybrid", None, mixed, ways, money, route=route)
    return _cheapest(fit, ways, money)


def _cheapest(fit: Sequence[Way], ways: Ways, money: Mapping[str, Any] | None) -> dict[str, Any]:
    """Recommend the cheapest fit way; one's own servers only where that is sure."""
    priced = [way for way in fit if way.usd_per_month is not None]
    if not priced:
        best = max(fit, key=lambda way: way.option.arm.share("quality") or 0.0)
        why = f"{best.option.name} is fit; what it costs a month is not known"
        return _row(_KINDS[best.option.kind], best, why, ways, money)
    way = min(priced, key=lambda own: own.usd_per_month or 0.0)
    bought = [own for own in priced if own.option.kind != "self_hosted"]
    sure = (money or {}).get("p_self_hosting_cheaper")
    if way.option.kind == "self_hosted" and bought and (sure is None or sure < SURE):
        other = min(bought, key=lambda own: own.usd_per_month or 0.0)
        told = "not known" if sure is None else f"{sure:.2f}"
        why = (
            f"{way.option.name} looks cheaper, but the probability of that is {told}, below "
            f"{SURE:g}; {other.option.name} is fit and needs nobody to run it"
        )
        return _row(_KINDS[other.option.kind], other, why, ways, money)
    why = f"{way.option.name} is the cheapest of {len(priced)} fit ways with a price"
    if len(priced) == 1:
        why = f"{way.option.name} is the only fit way with a price"
    if way.option.kind == "self_hosted" and not bought:
        why = f"{way.option.name} is the cheapest way that is fit; nothing that is bought is"
    return _row(_KINDS[way.option.kind], way, why, ways, money)


def _hybrid(route: TaskRoute | None, fit: Sequence[Way], board: Board) -> str | None:
    """Say why a cascade is better than any single way; None where none is."""
    if route is None or len(route.chain) < 2:
        return None
    chosen = route.document["chosen"]
    cost = chosen["cost_per_1000_usd"]
    single = [
        1000 * way.option.arm.usd_per_request
        for way in fit
        if way.option.serving is None and way.option.arm.usd_per_request is not None
    ]
    at_home = any(way.option.serving is not None for way in fit)
    if cost is None or at_home or (single and min(single) <= cost):
        return None
    return f"asking {_course(route)} is cheaper than any one of them, and surely as good"


def _course(route: TaskRoute) -> str:
    """Return who is asked when, in words."""
    always = asked_always(route.accept)
    first, rest = " and ".join(route.chain[:always]), " then ".join(route.chain[always:])
    if always > 1:
        return f"{first}, and {rest} where they differ,"
    grader = grader_of(route.accept)
    told = "" if grader is None else f" where `{grader}` does not hold"
    return f"{first} then {rest}{told}"


def _row(
    advice: Advice,
    way: Way | None,
    why: str,
    ways: Ways,
    money: Mapping[str, Any] | None,
    *,
    route: TaskRoute | None = None,
) -> dict[str, Any]:
    return {
        "advice": advice,
        "way": None if way is None else way.option.name,
        "arms": list(route.chain)
        if route is not None
        else []
        if way is None
        else [way.option.arm.arm],
        "why": why,
        "usd_per_month": None if way is None else way.usd_per_month,
        "risks": _risks(way, money),
        "would_change_it": _changes(ways, money),
        "measure_next": _next(ways, way, money),
    }


def _risks(way: Way | None, money: Mapping[str, Any] | None) -> list[str]:
    if way is None:
        return []
    found = []
    facts, row = way.option.arm.facts, way.option.arm.row
    if row["recorded"]:
        found.append("its answers are recorded: the model may answer otherwise today")
    if facts.get("retires_on"):
        found.append(f"the model is declared to retire on {facts['retires_on']}")
    floats = floating_reason(str(facts.get("wire_name") or ""), way.option.arm.returned)
    if floats is not None:
        found.append(f"its name floats: {floats}, and may come to mean another model")
    if way.option.kind in ("api", "hosted_open") and not facts.get("same_weights"):
        found.append("nobody else is declared to serve the same weights")
    if way.option.serving is not None and money is not None and money["assumptions"]:
        found.append(f"{len(money['assumptions'])} quantities of its cost are assumed, not yours")
    if row["n_error"]:
        found.append(f"its provider failed {row['n_error']:,} of {row['n_asked']:,} requests")
    return found


def _changes(ways: Ways, money: Mapping[str, Any] | None) -> list[str]:
    found = []
    own = any(way.is_fit and way.option.serving is not None for way in ways.ways)
    if own and money is not None and not money["cannot_say"]:
        turns = [turn["requests_per_month"] for turn in shown_turns(money)[0]]
        found += [f"a volume beyond {turn:,.0f} requests a month" for turn in turns]
        flips = money["flips"]
        if flips["usd_per_gpu_hour"] is not None:
            found.append(f"a GPU at ${flips['usd_per_gpu_hour']:.3g} an hour")
        found.append(f"an API at ${flips['api_usd_per_1000_requests']:.3g} for 1,000 requests")
    found += [
        f"{way.option.name}: {way.against[0]}"
        for way in ways.ways
        if len(way.against) == 1 and way.against[0].startswith(_MENDABLE)
    ]
    return found


def _next(ways: Ways, way: Way | None, money: Mapping[str, Any] | None) -> list[str]:
    found = []
    if not ways.is_decidable:
        found.append("more samples of your own traffic: at least 50 independent ones, better 700")
    if money is None:
        found.append("the volume: `volumes` in business.yaml")
    elif any(line.startswith("requests_per_s_per_replica") for line in money["assumptions"]):
        found.append("requests a second of your own server, at your token mix and service level")
    unpriced = [own.option.name for own in ways.ways if own.is_fit and own.usd_per_month is None]
    if unpriced:
        found.append(f"what {', '.join(unpriced)} costs")
    if way is not None and way.option.arm.row["recorded"]:
        found.append("the same suite on the model itself: recordings age")
    return found
