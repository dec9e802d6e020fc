"""Break-even of one suite: what each arm costs a month, where the order turns, how sure that is.

It does not read files.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from evalkit.analysis.economics.assumptions import Inputs, told
from evalkit.analysis.economics.curves import curves_of
from evalkit.analysis.economics.defaults import DEFAULTS
from evalkit.analysis.economics.flips import flips_of
from evalkit.analysis.economics.horizon import Outlook, look_ahead
from evalkit.analysis.economics.measured import MeasuredArm, is_equivalent, reference_arm
from evalkit.analysis.economics.model import Serving
from evalkit.analysis.economics.options import (
    BOUGHT,
    Option,
    Rules,
    bought_option,
    fallback_price,
    options_of,
)
from evalkit.analysis.economics.pairs import against, against_reference, pair_rows
from evalkit.analysis.economics.profile import Profile
from evalkit.analysis.economics.sampled import Sampled, price_of
from evalkit.analysis.economics.throughput import TOKENS_PER_REQUEST
from evalkit.analysis.economics.triangle import Triangle
from evalkit.analysis.economics.uncertainty import (
    Expected,
    draw_horizons,
    draw_months,
    tornado,
)

RULE_OF_THUMB_TOKENS = 50e6
_MOST_SWINGS = 8


def suite_breakeven(name: str, arms: Sequence[MeasuredArm], rules: Rules) -> dict[str, Any]:
    """Return what `breakeven --json` says of a suite.

    Args:
        name: The suite.
        arms: Its arms.
        rules: What it is worked out by.
    """
    profile = rules.profile
    volume = profile.requests_per_month[name]
    options = options_of(arms, rules)
    reference = reference_arm(arms)
    api, hosted = bought_option(options, ("api",)), bought_option(options, ("hosted_open",))
    bought = api or hosted
    price = fallback_price(options)
    servings = [o for o in options if o.serving is not None and _costs(o, volume.mode, price)]
    own = min(servings, key=lambda o: float(o.usd_per_month(volume.mode, price)), default=None)
    rows = [_arm_row(o, volume.mode, price, reference, rules) for o in options]
    document: dict[str, Any] = {
        "requests_per_month": _triangle(volume),
        "arms": rows,
        "reference": None if reference is None else reference.arm,
        "margin": rules.margin,
        "api_arm": None if api is None else api.name,
        "hosted_arm": None if hosted is None else hosted.name,
        "self_hosted_arm": None if own is None else own.name,
        "breakeven_requests_per_month": [],
        "breakeven_tokens_per_month": [],
        "crossings": [],
        "breakeven_is_whole": True,
        "always": None,
        "against_hosted": None,
        "against_reference": None,
        "pairs": pair_rows(options, servings, rows),
        "p_self_hosting_cheaper": None,
        "saved_usd_per_month": None,
        "flips": None,
        "measured_price": None,
        "tornado": [],
        "horizon": None,
        "rule_of_thumb": None,
        "curve": curves_of(options, own, volume, price, seed=profile.seed),
        "assumptions": _assumptions(servings),
        "warnings": _warnings(servings, rules.today),
        "cannot_say": _cannot_say(bought, own, options),
    }
    if bought is None or own is None or price is None:
        return document
    document |= against(bought, servings)
    if hosted is not None and hosted is not bought:
        document["against_hosted"] = {"arm": hosted.name, **against(hosted, servings)}
    best = next((o for o in options if o.arm is reference and o.serving is None), None)
    if best is not None and best is not bought and best is not hosted:
        document["against_reference"] = against_reference(best, servings, volume, profile)
    return {**document, **_decided(own, bought, volume, profile)}


def _costs(option: Option, requests: float, fallback: float | None) -> bool:
    return option.usd_per_month(requests, fallback) is not None


def _decided(own: Option, bought: Option, volume: Triangle, profile: Profile) -> dict[str, Any]:
    """Return how sure the order is at the stated volume, and what would turn it."""
    inputs, serving, measured = own.inputs, own.serving, price_of(bought.arm)
    if inputs is None or serving is None or measured is None:
        raise ValueError("a self-hosted and a priced arm are needed")
    price = measured.mean
    draws = draw_months(inputs, volume, measured, attempts=own.arm.attempts, seed=profile.seed)
    swings = tornado(inputs, volume, measured, attempts=own.arm.attempts)
    flips = flips_of(serving, volume.mode, price)
    tokens = bought.arm.tokens_per_request
    return {
        "p_self_hosting_cheaper": draws.probability,
        "saved_usd_per_month": {
            "mode": float(price * volume.mode - serving.usd_per_month(volume.mode, price)),
            **{f"p{round(100 * q)}": draws.quantile(q) for q in (0.05, 0.5, 0.95)},
            "draws": len(draws.saved_usd),
            "seed": profile.seed,
        },
        "flips": {
            "usd_per_gpu_hour": flips.usd_per_gpu_hour,
            "utilisation": flips.utilisation,
            "api_usd_per_1000_requests": 1000 * flips.usd_per_request,
            "api_usd_per_mtok": None if not tokens else 1e6 * flips.usd_per_request / tokens,
        },
        "tornado": [
            {"quantity": s.name, "saved_usd_at_low": s.low_usd, "saved_usd_at_high": s.high_usd}
            for s in swings[:_MOST_SWINGS]
        ],
        "measured_price": _measured(bought.name, measured),
        "horizon": _horizon(own, volume, measured, profile),
        "rule_of_thumb": _rule_of_thumb(serving, price, tokens),
    }


def _measured(arm: str, price: Sampled) -> dict[str, Any]:
    """Return what the bought arm takes, and how surely that is known."""
    low, high = price.ends
    return {
        "arm": arm,
        "usd_per_1000_requests": 1000 * price.mean,
        "low_usd_per_1000_requests": 1000 * low,
        "high_usd_per_1000_requests": 1000 * high,
        "n_units": price.units,
    }


def _horizon(own: Option, volume: Triangle, price: Sampled, profile: Profile) -> dict[str, Any]:
    """Return the months ahead at the most likely values, and how sure a payback within them is."""
    inputs, serving = own.inputs, own.serving
    if inputs is None or serving is None:
        raise ValueError("a self-hosted arm is needed")
    change = profile.api_price_change_per_year or DEFAULTS["api_price_change_per_year"].value
    growth = profile.volume_growth_per_year or DEFAULTS["volume_growth_per_year"].value
    outlook = Outlook(
        months=profile.horizon_months,
        price_change_per_year=change.mode,
        growth_per_year=growth.mode,
        switching_usd=profile.switching_usd or 0.0,
        switching_weeks=profile.switching_weeks or 0.0,
    )
    ahead = look_ahead(serving, volume.mode, price.mean, outlook)
    expected = Expected(outlook, change, growth)
    draws = draw_horizons(
        inputs, volume, price, expected, attempts=own.arm.attempts, seed=profile.seed
    )
    return {
        "months": profile.horizon_months,
        "api_price_change_per_year": _triangle(change),
        "volume_growth_per_year": _triangle(growth),
        "switching_usd": profile.switching_usd,
        "switching_weeks": profile.switching_weeks,
        "payback_month": ahead.payback_month,
        "p_pays_back": draws.probability,
        "api_usd": float(ahead.api_usd[-1]),
        "self_hosted_usd": float(ahead.own_usd[-1]),
        "saved_usd": {f"p{round(100 * q)}": draws.quantile(q) for q in (0.05, 0.5, 0.95)},
        "by_month": {"api_usd": ahead.api_usd.tolist(), "self_hosted_usd": ahead.own_usd.tolist()},
    }


def _rule_of_thumb(serving: Serving, price: float, tokens: float | None) -> dict[str, Any] | None:
    """Return what the rule of 50 M tokens leaves out, part by part, in tokens a month."""
    if not tokens:
        return None
    gpu = serving.usd_per_gpu_hour * serving.hours_per_month + serving.owned_usd_per_gpu_month
    one = serving.gpus_per_replica * gpu
    copies = float(serving.min_replicas + serving.spare_replicas)
    per_usd = tokens / (price * (1.0 - serving.fallback_share))
    parts = {
        "one replica": one,
        "infrastructure": serving.usd_per_replica_month - one,
        "redundancy": (copies - 1) * serving.usd_per_replica_month,
        "people": float(serving.people_usd_per_month),
    }
    return {
        "rule_tokens_per_month": RULE_OF_THUMB_TOKENS,
        "api_usd_at_rule": RULE_OF_THUMB_TOKENS * price / tokens,
        "parts_tokens_per_month": {name: usd * per_usd for name, usd in parts.items()},
        "parts_usd_per_month": parts,
        "api_usd_per_mtok": 1e6 * price / tokens,
    }


def _arm_row(
    option: Option,
    requests: float,
    fallback: float | None,
    reference: MeasuredArm | None,
    rules: Rules,
) -> dict[str, Any]:
    cost = option.usd_per_month(requests, fallback)
    usd = None if cost is None else float(cost)
    usable, quality = option.arm.share("usable_rate"), option.arm.share("quality")
    equivalent = is_equivalent(option.arm, reference, rules.margin)
    return {
        "arm": option.name,
        "model": option.arm.model,
        "kind": option.kind,
        "usd_per_month": usd,
        "usd_per_1000_requests": None if usd is None else 1000 * usd / requests,
        "usd_per_1000_accepted": _per(usd, requests, usable),
        "usd_per_1000_correct": _per(usd, requests, quality),
        **_parts(option),
        "replicas": _replicas(option, requests),
        "headroom": _headroom(option, requests),
        "tokens_per_request": option.arm.tokens_per_request,
        "attempts_per_request": option.arm.attempts,
        "quality": option.arm.row["quality"],
        "malformed_rate": option.arm.row["malformed_rate"],
        "usable_rate": option.arm.row["usable_rate"],
        "latency_p95_ms": (option.arm.row["latency_ms"] or {}).get("p95"),
        "recorded": bool(option.arm.row["recorded"]),
        "equivalent": equivalent,
        "same_weights": option.arm.facts.get("same_weights"),
        "why": _why(option, usd),
    }


def _why(option: Option, usd: float | None) -> str | None:
    """Return why an arm has no cost, None where it has one."""
    if option.serving is not None and usd is None:
        return "its `fallback_share` is answered by an API, and none here has a price"
    return option.why or None


def _per(usd: float | None, requests: float, share: float | None) -> float | None:
    return None if usd is None or not share else 1000 * usd / (requests * share)


def _parts(option: Option) -> dict[str, Any]:
    """Return what is paid whatever the volume, and what a thousand requests more cost when full."""
    serving = option.serving
    if serving is None:
        price = option.arm.usd_per_request
        known = price is not None
        return {
            "fixed_usd_per_month": 0.0 if known else None,
            "marginal_usd_per_1000": 1000 * price if price is not None else None,
        }
    fixed = (serving.min_replicas + serving.spare_replicas) * serving.usd_per_replica_month
    return {
        "fixed_usd_per_month": float(fixed + serving.people_usd_per_month),
        "marginal_usd_per_1000": float(
            1000 * serving.usd_per_replica_month / serving.requests_per_replica_month
        ),
    }


def _replicas(option: Option, requests: float) -> int | None:
    return None if option.serving is None else int(option.serving.replicas(requests))


def _headroom(option: Option, requests: float) -> float | None:
    """Return by what factor the volume may grow before another replica is needed."""
    serving = option.serving
    if serving is None:
        return None
    working = float(serving.replicas(requests)) - serving.spare_replicas
    load = requests * (1.0 - serving.fallback_share)
    return float(working * serving.requests_per_replica_month / load)


def _assumptions(servings: Sequence[Option]) -> list[str]:
    lines = [
        told(*own) for o in servings if o.inputs is not None for own in o.inputs.assumed.items()
    ]
    return list(dict.fromkeys(lines))


def _warnings(servings: Sequence[Option], today: dt.date) -> list[str]:
    """Return a warning for each assumption that is old or does not fit."""
    lines: list[str | None] = []
    for option in servings:
        if option.inputs is not None:
            lines += [own.warning(today) for own in option.inputs.assumed.values()]
            lines += _throughput_warnings(option, option.inputs)
    return list(dict.fromkeys(line for line in lines if line is not None))


def _throughput_warnings(option: Option, inputs: Inputs) -> list[str]:
    """Say where a replica's throughput is assumed for another size of model or request."""
    default = inputs.assumed.get("requests_per_s_per_replica")
    if default is None:
        return []
    name, found = option.arm.name, []
    if not inputs.is_sized:
        found.append(
            f"{name}: there is no estimate of such a replica of this model; assumed are "
            f"{default.what}: name requests_per_s_per_replica and gpus_per_replica"
        )
    tokens = option.arm.tokens_per_request
    if tokens and not 0.5 <= tokens / TOKENS_PER_REQUEST <= 2.0:
        found.append(
            f"{name}: a request has {tokens:,.0f} tokens here, and the throughput is assumed for "
            f"{TOKENS_PER_REQUEST:,.0f}: name requests_per_s_per_replica"
        )
    return found


def _cannot_say(bought: Option | None, own: Option | None, options: Sequence[Option]) -> str | None:
    """Say why there is no break-even, None where there is one to look for."""
    free = [o.name for o in options if o.kind in BOUGHT and o.arm.usd_per_request == 0]
    if bought is None and free:
        return f"cannot say: {', '.join(free)} costs nothing by its price, so nothing undercuts it"
    if bought is None:
        unpriced = [o.name for o in options if o.kind in ("api", "unpriced") and o.why]
        more = f"; without a price: {', '.join(unpriced)}" if unpriced else ""
        return f"cannot say, because no arm that is bought has a price{more}"
    if own is None:
        return "cannot say, because no arm would be self-hosted: name one under `self_hosting`"
    return None


def _triangle(own: Triangle) -> dict[str, float]:
    return {"low": own.low, "mode": own.mode, "high": own.high}
