"""Several suites on the servers of one model: replicas and people are paid once, not for each.

Each suite's own break-even bears all of them, as if there were no other. It does not know how
suites share a day: their loads are added up, peaks and all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.analysis.economics.measured import MeasuredArm
from evalkit.analysis.economics.model import Serving
from evalkit.analysis.economics.options import (
    BOUGHT,
    Option,
    Rules,
    bought_option,
    fallback_price,
    options_of,
)
from evalkit.analysis.economics.sampled import Sampled, price_of
from evalkit.analysis.economics.uncertainty import DRAWS, draw_values


@dataclass(frozen=True, slots=True)
class Share:
    """One suite's part of a model's servers.

    Attributes:
        suite: Its name.
        own: How it is served.
        bought: The cheapest way to buy it.
        usd_per_request: What that takes.
        usd_per_fallback: What an API takes for a request that is handed on.
    """

    suite: str
    own: Option
    bought: Option
    usd_per_request: float
    usd_per_fallback: float


def together_rows(
    suites: Mapping[str, Sequence[MeasuredArm]], rules: Rules
) -> list[dict[str, Any]]:
    """Return for each model that would serve several suites what all of them cost at once.

    Args:
        suites: Their arms, of suites that have a volume.
        rules: The business.
    """
    shares: dict[str, list[Share]] = {}
    for name, arms in suites.items():
        options = options_of(arms, rules)
        priced = [own for kind in BOUGHT if (own := bought_option(options, (kind,))) is not None]
        bought = min(priced, key=lambda o: o.arm.usd_per_request or 0.0, default=None)
        price = fallback_price(options)
        if bought is None or price is None:
            continue
        volume = rules.profile.requests_per_month[name].mode
        served = sorted(
            (o for o in options if o.serving is not None),
            key=lambda o: float(o.usd_per_month(volume, price)),
        )
        for model in dict.fromkeys(o.arm.name for o in served):
            own = next(o for o in served if o.arm.name == model)
            shares.setdefault(model, []).append(
                Share(name, own, bought, bought.arm.usd_per_request or 0.0, price)
            )
    return [_row(model, own, rules) for model, own in shares.items() if len(own) > 1]


def joint_usd_per_month(
    servings: Sequence[Serving], requests: Sequence[Any], usd_per_fallback: Sequence[Any]
) -> Any:
    """Return what one set of servers costs a month that several suites share.

    Args:
        servings: The way to serve by each suite: they differ in attempts alone.
        requests: Requests a month of each.
        usd_per_fallback: What an API takes for a request of each that is handed on.
    """
    first = servings[0]
    handed_on = sum(
        own.fallback_share * volume * price
        for own, volume, price in zip(servings, requests, usd_per_fallback, strict=True)
    )
    return (
        joint_replicas(servings, requests) * first.usd_per_replica_month
        + first.people_usd_per_month
        + handed_on
    )


def joint_replicas(servings: Sequence[Serving], requests: Sequence[Any]) -> Any:
    """Return the replicas that the loads of several suites need together; as of one suite."""
    first = servings[0]
    full = sum(
        volume / own.requests_per_replica_month
        for own, volume in zip(servings, requests, strict=True)
    )
    return first.replicas(full * first.requests_per_replica_month)


def _row(model: str, shares: Sequence[Share], rules: Rules) -> dict[str, Any]:
    volumes = [rules.profile.requests_per_month[own.suite] for own in shares]
    servings = [own.own.serving for own in shares]
    known = [serving for serving in servings if serving is not None]
    prices = [own.usd_per_request for own in shares]
    handed_on = [own.usd_per_fallback for own in shares]
    modes = [volume.mode for volume in volumes]
    bought = sum(price * mode for price, mode in zip(prices, modes, strict=True))
    apart = [
        float(serving.usd_per_month(mode, price))
        for serving, mode, price in zip(known, modes, handed_on, strict=True)
    ]
    return {
        "model": model,
        "suites": [own.suite for own in shares],
        "bought": {own.suite: own.bought.name for own in shares},
        "replicas": int(joint_replicas(known, modes)),
        "usd_per_month": float(joint_usd_per_month(known, modes, handed_on)),
        "usd_per_month_apart": sum(apart),
        "bought_usd_per_month": bought,
        "p_self_hosting_cheaper": _chance(shares, rules),
    }


def _chance(shares: Sequence[Share], rules: Rules) -> float:
    """Return how probable it is that sharing is cheaper than buying: ranges drawn once for all."""
    rng = np.random.default_rng(rules.profile.seed)
    inputs = shares[0].own.inputs
    if inputs is None:
        raise ValueError("a self-hosted arm is needed")
    values = draw_values(inputs, rng, DRAWS)
    requests = [rules.profile.requests_per_month[own.suite].draw(rng, DRAWS) for own in shares]
    prices = [
        (price_of(own.bought.arm) or Sampled(own.usd_per_request)).draw(rng, DRAWS)
        for own in shares
    ]
    servings = [inputs.serving(values, own.own.arm.attempts) for own in shares]
    own = joint_usd_per_month(servings, requests, [own.usd_per_fallback for own in shares])
    bought = sum(price * volume for price, volume in zip(prices, requests, strict=True))
    return float((own < bought).mean())
