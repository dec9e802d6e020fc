"""What goes with a recommendation: its risks, what would change it, what to measure next.

It does not recommend.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.analysis.decision.ways import Way, Ways
from evalkit.analysis.economics.flips import flips_of
from evalkit.analysis.economics.options import Option
from evalkit.analysis.economics.pairs import against, shown_turns
from evalkit.core.model_names import floating_reason

_MENDABLE = ("data: ", "people: ", "answers: ", "no `", "p95 ")  # quality takes another model


def bought_and_served(ways: Ways, way: Way | None) -> tuple[Option, Option] | None:
    """Return the two sides that a decision turns on: the cheapest fit way to buy, and to serve.

    Args:
        ways: All ways.
        way: The one that is recommended: it stands for its side.
    """
    fit = [w for w in ways.ways if w.is_fit and w.usd_per_month is not None]
    bought = [w for w in fit if w.option.serving is None and w.option.arm.usd_per_request]
    served = [w for w in fit if w.option.serving is not None]
    if way is not None and way in bought:
        bought = [way]
    if way is not None and way in served:
        served = [way]
    if not bought or not served:
        return None
    sides = (min(own, key=lambda w: w.usd_per_month or 0.0) for own in (bought, served))
    first, second = sides
    return first.option, second.option


def risks_of(ways: Sequence[Way], all_ways: Ways, money: Mapping[str, Any] | None) -> list[str]:
    """Return the risks of one way, or of those that are asked one after the other."""
    found: list[str] = []
    for way in ways:
        told = _risks(way, money)
        found += [f"{way.option.name}: {line}" for line in told] if len(ways) > 1 else told
    found += _of_the_measure(all_ways)
    return list(dict.fromkeys(found))


def _risks(way: Way, money: Mapping[str, Any] | None) -> list[str]:
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
    if way.option.serving is not None and not way.option.arm.is_own_server:
        found.append(
            f"its time and its answers were measured at {way.option.arm.arm}, not on your servers"
        )
    if row["n_error"]:
        found.append(f"its provider failed {row['n_error']:,} of {row['n_asked']:,} requests")
    return found


def _of_the_measure(ways: Ways) -> list[str]:
    """Say what the choice itself rests on."""
    found = []
    board = ways.board
    if ways.limits.quality is None and len(board):
        best = float(board.quality.mean(axis=0).max())
        found.append(
            f"no quality limit is named: good enough means near the best arm here, which has "
            f"{best:.2f}"
        )
    if len(board.arms) > 2:
        found.append(
            f"the best of {len(board.arms)} arms was found on the samples that measure it: its "
            "quality is flattered"
        )
    return found


def changes_of(ways: Ways, way: Way | None, ceiling: float | None) -> list[str]:
    """Return what would change a recommendation.

    Args:
        ways: All ways.
        way: The one that is recommended; None where it is a cascade or none.
        ceiling: What the recommendation costs a month: dearer ways would not change it.
    """
    found = _crossings(ways, way)
    for own in ways.ways:
        if own.open is not None and _is_cheaper(own, ceiling):
            cost = _monthly(own)
            found.append(f"{own.option.name}{cost}, were it shown to be good enough")
        elif len(own.against) == 1 and own.against[0].startswith(_MENDABLE):
            found.append(f"{own.option.name}: {own.against[0]}")
    return found


def _monthly(way: Way) -> str:
    return "" if way.usd_per_month is None else f" at ${way.usd_per_month:,.0f} a month"


def _is_cheaper(way: Way, ceiling: float | None) -> bool:
    return ceiling is None or (way.usd_per_month is not None and way.usd_per_month < ceiling)


def cheaper_and_open(ways: Ways, ceiling: float | None) -> list[Way]:
    """Return the ways that cost less than a recommendation and may yet be good enough."""
    if ceiling is None:
        return []
    return [own for own in ways.ways if own.open and _is_cheaper(own, ceiling)]


def _crossings(ways: Ways, way: Way | None) -> list[str]:
    """Return the nearest volumes, and the prices, at which buying and serving change places."""
    sides = bought_and_served(ways, way)
    if sides is None or ways.volume is None:
        return []
    bought, own = sides
    now, price, serving = ways.volume.mode, bought.arm.usd_per_request or 0.0, own.serving
    turns = [turn["requests_per_month"] for turn in against(bought, [own])["crossings"]]
    below, above = [t for t in turns if t < now], [t for t in turns if t > now]
    pair = f"{own.name} against {bought.name}"
    found = [f"a volume beyond {min(above):,.0f} requests a month ({pair})"] if above else []
    found += [f"a volume below {max(below):,.0f} requests a month ({pair})"] if below else []
    if serving is None or not found:
        return found
    flips = flips_of(serving, now, price)
    if flips.usd_per_gpu_hour is not None:
        found.append(f"a GPU at ${flips.usd_per_gpu_hour:.3g} an hour ({pair})")
    found.append(f"{bought.name} at ${1000 * flips.usd_per_request:.4g} for 1,000 requests")
    return found


def next_steps(
    ways: Ways, way: Way | None, money: Mapping[str, Any] | None, ceiling: float | None
) -> list[str]:
    """Return what to measure or to name next; see `changes_of`."""
    found = []
    if not ways.is_decidable:
        found.append("more samples of your own traffic: at least 50 independent ones, better 700")
    for own in cheaper_and_open(ways, ceiling):
        n = None if own.open is None else own.open.needed_n
        if n is not None:
            found.append(
                f"about {n:,} independent samples (there are {ways.n_units:,}): they would tell "
                f"whether {own.option.name} is good enough"
            )
    if ways.limits.quality is None:
        found.append("the quality that the business needs: `limits` in business.yaml")
    if money is None:
        found.append("the volume: `volumes` in business.yaml")
    elif any(line.startswith("requests_per_s_per_replica") for line in money["assumptions"]):
        found.append("requests a second of your own server, at your token mix and service level")
    unpriced = [
        own.option.name
        for own in ways.ways
        if own.is_fit and own.option.serving is None and own.option.arm.usd_per_request is None
    ]
    if unpriced:
        found.append(f"what {', '.join(unpriced)} costs")
    if way is not None and way.option.arm.row["recorded"]:
        found.append("the same suite on the model itself: recordings age")
    return found


def crossing_sentence(ways: Ways, way: Way | None) -> str | None:
    """Say at which volumes buying and serving change places; None where one of them is missing."""
    sides = bought_and_served(ways, way)
    if sides is None:
        return None
    bought, own = sides
    turns, left_out = shown_turns(against(bought, [own]))
    if not turns:
        return f"{own.name} and {bought.name} never cross"
    told = ", ".join(f"{turn['requests_per_month']:,.0f}" for turn in turns)
    told += f" and {left_out:,} volumes between" if left_out else ""
    return f"{own.name} and {bought.name} cost the same at {told} requests a month"
