"""The ways to get a suite's answers, bought or served oneself, and what a month of each costs.

It does not compare them.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.analysis.economics.assumptions import Inputs, inputs_of
from evalkit.analysis.economics.measured import Kind, MeasuredArm
from evalkit.analysis.economics.model import Serving
from evalkit.analysis.economics.profile import Profile, SelfHosting
from evalkit.analysis.economics.triangle import Triangle, certain

BOUGHT: tuple[Kind, ...] = ("api", "hosted_open")


@dataclass(frozen=True, eq=False)
class Option:
    """One way to get a suite's answers.

    Attributes:
        name: The arm's name; `self:MODEL` for an open model that was measured at somebody else's,
            with the provider where several serve it.
        kind: Bought, bought as an open model, served oneself, no language model, or unpriced.
        arm: What was measured of it.
        inputs: How it would be served; None where it is bought.
        why: Why it has no price, else empty.
    """

    name: str
    kind: Kind
    arm: MeasuredArm
    inputs: Inputs | None = None
    why: str = ""

    @property
    def serving(self) -> Serving | None:
        """How it is served, at the most likely values; None where it is bought."""
        if self.inputs is None:
            return None
        return self.inputs.serving(self.inputs.modes(), self.arm.attempts)

    def usd_per_month(self, requests: Any, usd_per_fallback: float | None) -> Any:
        """Return the cost of a month; None where nothing is known of it.

        Args:
            requests: The volume.
            usd_per_fallback: What the API takes for a request that is handed on; None where no
                price is known.
        """
        serving = self.serving
        if serving is not None and usd_per_fallback is None and serving.fallback_share > 0:
            return None
        if serving is not None:
            return serving.usd_per_month(requests, usd_per_fallback or 0.0)
        price = self.arm.usd_per_request
        return None if price is None else price * requests


@dataclass(frozen=True, slots=True)
class Rules:
    """What one suite's break-even is worked out by.

    Attributes:
        profile: The business.
        margin: By how much quality may be lower, in shares.
        today: For the age of the defaults.
        owned_by_provider: Self-hosting as providers.yaml prices it, by model name.
    """

    profile: Profile
    margin: float
    today: dt.date
    owned_by_provider: Mapping[str, SelfHosting]


def options_of(arms: Sequence[MeasuredArm], rules: Rules) -> list[Option]:
    """Return the ways to get a suite's answers: the arms, and the open models served oneself."""
    hosting = {**rules.owned_by_provider, **rules.profile.self_hosting}
    names = Counter([*(_own_name(arm) for arm in arms), *(arm.arm for arm in arms)])
    found: list[Option] = []
    for arm in arms:
        own = _hosting_of(arm, hosting) if arm.may_be_served else None
        inputs = None if own is None else inputs_of(own, rules.profile.operations, arm.name)
        if inputs is not None and arm.kind in ("self_hosted", "unpriced"):
            found.append(Option(arm.arm, "self_hosted", arm, inputs))
            continue
        if arm.kind == "self_hosted":
            why = f"no `{arm.name}` under `self_hosting`"
            found.append(Option(arm.arm, "self_hosted", arm, None, why))
            continue
        why = "" if arm.usd_per_request is not None else "no price is known for all of its answers"
        found.append(Option(arm.arm, arm.kind, arm, None, why))
        if inputs is not None:
            name = _own_name(arm)
            full = name if names[name] == 1 else f"self:{arm.arm}"
            found.append(Option(full, "self_hosted", arm, inputs))
    return found


def _hosting_of(arm: MeasuredArm, hosting: Mapping[str, SelfHosting]) -> SelfHosting | None:
    """Return how an arm's model is served, by any of its names."""
    return next((hosting[name] for name in names_of(arm.facts) if name in hosting), None)


def names_of(arm: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names by which `self_hosting` may call an arm's model: the nearest first.

    Its name, `provider:name`, and the weights that it shares with others.

    Args:
        arm: The arm as run.json has it.
    """
    model = str(arm["model"])
    shared = arm.get("same_weights")
    return (model.partition(":")[2], model, *((str(shared),) if shared else ()))


def _own_name(arm: MeasuredArm) -> str:
    return f"self:{arm.arm.partition(':')[2]}"


def bought_option(options: Sequence[Option], kinds: Sequence[Kind]) -> Option | None:
    """Return the cheapest of the first kind that has an arm with a price above 0."""
    for kind in kinds:
        own = [o for o in options if o.kind == kind and (o.arm.usd_per_request or 0.0) > 0]
        if own:
            return min(own, key=lambda o: o.arm.usd_per_request or 0.0)
    return None


def fallback_price(options: Sequence[Option]) -> float | None:
    """Return what a request costs that one's own servers hand on; None where no price is known."""
    bought = bought_option(options, BOUGHT)
    return None if bought is None else bought.arm.usd_per_request


def declared_hosting(arms: Sequence[MeasuredArm]) -> dict[str, SelfHosting]:
    """Return self-hosting as providers.yaml prices it, by model name."""
    found = {}
    for arm in arms:
        pricing = arm.facts.get("pricing") or {}
        if pricing.get("mode") == "self_hosted":
            gpus = pricing.get("gpus")
            found[arm.name] = SelfHosting(
                usd_per_gpu_hour=_declared(pricing.get("usd_per_gpu_hour")),
                gpus_per_replica=None if gpus is None else certain(float(gpus)),
            )
    return found


def _declared(value: Any) -> Triangle | None:
    if isinstance(value, Mapping):
        return Triangle(**{end: float(value[end]) for end in ("low", "mode", "high")})
    return None if value is None else certain(float(value))
