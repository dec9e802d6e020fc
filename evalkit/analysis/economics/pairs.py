"""Each bought arm against those served oneself: at which volumes the cheaper side changes.

It does not know which of them a business should look at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.analysis.economics.crossings import turns_of
from evalkit.analysis.economics.options import Option
from evalkit.analysis.economics.profile import Profile
from evalkit.analysis.economics.sampled import price_of
from evalkit.analysis.economics.triangle import Triangle
from evalkit.analysis.economics.uncertainty import draw_months

MOST_SHOWN = 4


def shown_turns(found: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], int]:
    """Return the crossings that a sentence can hold, and how many it leaves out: not the last.

    Args:
        found: As `against` returns it; `crossings` are looked at.
    """
    turns = list(found["crossings"])
    if len(turns) <= MOST_SHOWN:
        return turns, 0
    return [*turns[: MOST_SHOWN - 1], turns[-1]], len(turns) - MOST_SHOWN


def against(bought: Option, servings: Sequence[Option]) -> dict[str, Any]:
    """Return the volumes at which the cheapest of some self-hosted arms crosses a bought one."""
    price, tokens = bought.arm.usd_per_request or 0.0, bought.arm.tokens_per_request
    found = turns_of([o.serving for o in servings if o.serving is not None], price)
    volumes = [own.requests_per_month for own in found.crossings]
    always = "self_hosted" if found.cheaper_at_first else "bought"
    return {
        "breakeven_requests_per_month": volumes,
        "breakeven_tokens_per_month": [] if tokens is None else [v * tokens for v in volumes],
        "breakeven_is_whole": found.is_whole,
        "always": None if volumes else always,
        "crossings": [
            {
                "requests_per_month": own.requests_per_month,
                "cheaper_beyond": "self_hosted" if own.to_self_hosting else "bought",
            }
            for own in found.crossings
        ],
    }


def pair_rows(
    options: Sequence[Option], servings: Sequence[Option], rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return for each bought and each self-hosted arm from where on the latter is cheaper."""
    equivalent = {row["arm"]: row["equivalent"] for row in rows}
    found = []
    for bought in options:
        if bought.serving is not None or not bought.arm.usd_per_request:
            continue
        tokens = bought.arm.tokens_per_request
        for own in servings:
            turns = against(bought, [own])
            volumes = turns["breakeven_requests_per_month"]
            last = volumes[-1] if volumes else None
            found.append(
                {
                    "bought": bought.name,
                    "bought_equivalent": equivalent[bought.name],
                    "self_hosted": own.name,
                    "self_hosted_equivalent": equivalent[own.name],
                    "first_requests_per_month": volumes[0] if volumes else None,
                    "for_good_requests_per_month": last,
                    "for_good_tokens_per_month": (
                        None if tokens is None or last is None else tokens * last
                    ),
                    "always": turns["always"],
                }
            )
    return found


def chance_cheaper(own: Option, bought: Option, volume: Triangle, profile: Profile) -> float | None:
    """Return how probable it is that serving one arm is cheaper than buying another.

    Args:
        own: The way to serve.
        bought: The way to buy, with a price.
        volume: Requests a month.
        profile: The business.
    """
    price = price_of(bought.arm)
    if own.inputs is None or price is None:
        return None
    draws = draw_months(own.inputs, volume, price, attempts=own.arm.attempts, seed=profile.seed)
    return draws.probability


def against_reference(
    best: Option, servings: Sequence[Option], volume: Triangle, profile: Profile
) -> dict[str, Any]:
    """Return where self-hosting undercuts the API whose quality is the measure, and how surely."""
    price = best.arm.usd_per_request or 0.0
    own = min(servings, key=lambda o: float(o.usd_per_month(volume.mode, price)))
    return {
        "arm": best.name,
        "self_hosted_arm": own.name,
        "p_self_hosting_cheaper": chance_cheaper(own, best, volume, profile),
        **against(best, servings),
    }
