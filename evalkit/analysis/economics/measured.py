"""What a run measured of each arm, as the economics need it: money, tokens, attempts, quality.

It does not know the business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evalkit.analysis.arms import find_arm
from evalkit.analysis.measures import MEASURES
from evalkit.analysis.pairing import difference, pairs_of
from evalkit.analysis.reading import Reading
from evalkit.analysis.runs import arm_facts
from evalkit.analysis.sides import Side, sides_of
from evalkit.analysis.summary import ArmFacts, summary_row
from evalkit.core.errors import ConfigError

Kind = Literal["api", "hosted_open", "self_hosted", "no_llm", "unpriced"]


@dataclass(frozen=True, eq=False)
class MeasuredArm:
    """One arm on one suite.

    Attributes:
        arm: Its name.
        model: `provider:name`.
        facts: The arm as run.json has it.
        row: Its row of summary.json.
        side: Its trials, for pairing.
        returned: Ids of models that answers came back with.
    """

    arm: str
    model: str
    facts: Mapping[str, Any]
    row: Mapping[str, Any]
    side: Side
    returned: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The model's name without its provider."""
        return self.model.partition(":")[2]

    @property
    def usd_per_request(self) -> float | None:
        """Money for a request with all its attempts; None where not every answer has a price."""
        cost = self.row["cost_per_1000_usd"]
        whole = self.row["priced_fraction"] is not None and self.row["priced_fraction"] >= 1
        return float(cost) / 1000.0 if cost is not None and whole else None

    @property
    def tokens_per_request(self) -> float | None:
        """Input and output tokens of a request, as billed; None where the usage is not known."""
        # tokens of answers from the local cache are not counted, so neither are those answers
        tokens, answered = self.row["tokens"], self.row["n_answered"] - self.row["n_cached"]
        known = [tokens[kind] for kind in ("input", "output")]
        if None in known or answered <= 0:
            return None
        return float(sum(known) / answered)

    @property
    def attempts(self) -> float:
        """Attempts for one request, 1 where nothing else is known."""
        return float(self.row["attempts_per_trial"] or 1.0)

    def share(self, name: str) -> float | None:
        """Return a share of its row, None where there is none."""
        figure = self.row[name]
        return None if figure is None else float(figure["value"])

    @property
    def is_own_server(self) -> bool:
        """True where its provider is declared as one's own."""
        return (self.facts.get("governance") or {}).get("processor") == "self"

    @property
    def may_be_served(self) -> bool:
        """True where its weights are not declared as closed."""
        return bool(self.facts["weights"] != "closed")

    @property
    def kind(self) -> Kind:
        """What it is, before a profile says which models would be served oneself."""
        if self.facts["kind"] == "classical":
            return "no_llm"
        priced_own = (self.facts.get("pricing") or {}).get("mode") == "self_hosted"
        if priced_own or (self.is_own_server and self.may_be_served):
            return "self_hosted"
        if self.usd_per_request is None:
            return "unpriced"
        return "hosted_open" if str(self.facts["weights"] or "").startswith("open") else "api"


def measured_arms(reading: Reading) -> dict[str, list[MeasuredArm]]:
    """Return a run's arms that answered something, by suite; a policy is none of them."""
    facts = arm_facts(reading.run.manifest)
    declared = {(arm["suite"], arm["arm"]): arm for arm in reading.run.manifest["arms"]}
    found: dict[str, list[MeasuredArm]] = {}
    for key, side in sides_of(reading).items():
        columns = reading.columns.get(key)
        if columns is None or "policy" in declared[key]:
            continue
        row = summary_row(*key, columns, facts.get(key, ArmFacts()))
        if row["n_answered"]:
            returned = {own.model_returned for own in columns.served} - {None}
            arm = MeasuredArm(
                key[1], side.model, declared[key], row, side, tuple(map(str, returned))
            )
            found.setdefault(key[0], []).append(arm)
    return found


def chosen_arms(
    found: Mapping[str, Sequence[MeasuredArm]],
    suites: Sequence[str] | None,
    models: Sequence[str] | None,
) -> dict[str, list[MeasuredArm]]:
    """Return the arms of some suites and models, by suite.

    Args:
        found: As `measured_arms` gives them.
        suites: Only these; None for all.
        models: Only these arms or models; None for all.

    Raises:
        ConfigError: If one that is named is not there, or nothing is left.
    """
    names = sorted({arm.arm for own in found.values() for arm in own})
    named = {name: {own: _named(name, found[own]) for own in found} for name in models or ()}
    for option, strange, there in (
        ("--suites", [name for name in suites or () if name not in found], list(found)),
        ("--models", [name for name, own in named.items() if not any(own.values())], names),
    ):
        if strange:
            raise ConfigError(
                f"{option} {strange[0]!r} is not in this run; it has: "
                f"{', '.join(there) or 'nothing that was answered'}"
            )
    kept = {
        suite: [
            arm
            for arm in own
            if models is None or any(arm.arm in places[suite] for places in named.values())
        ]
        for suite, own in found.items()
        if suites is None or suite in suites
    }
    kept = {suite: own for suite, own in kept.items() if own}
    if not kept:
        raise ConfigError("no arm of this run answered anything")
    return kept


def _named(name: str, arms: Sequence[MeasuredArm]) -> set[str]:
    """Return the arms that a name stands for: a model, or an arm with or without its mode."""
    found = find_arm(name, [arm.side.named for arm in arms])
    own = {arm.arm for arm in arms if arm.model == name}
    return own if found is None else own | {found}


def reference_arm(arms: Sequence[MeasuredArm]) -> MeasuredArm | None:
    """Return the API that the others must be as good as: the best closed one, else hosted one."""
    for kind in ("api", "hosted_open"):
        own = [arm for arm in arms if arm.kind == kind and arm.share("quality") is not None]
        if own:
            return max(own, key=lambda arm: arm.share("quality") or 0.0)
    return None


def is_equivalent(arm: MeasuredArm, reference: MeasuredArm | None, margin: float) -> bool | None:
    """Say whether an arm's quality is within a margin of the reference's, one-sided at 95 %.

    Returns:
        True where a larger loss is ruled out, False where it is certain, None where it is open.
    """
    if reference is None:
        return None
    if arm is reference or (arm.arm, arm.model) == (reference.arm, reference.model):
        return True
    pairs = pairs_of(MEASURES["quality"], reference.side.outcomes, arm.side.outcomes)
    try:
        found = difference(pairs, 0.9, cautious=True)
    except ValueError:
        return None
    if found.low > -margin:
        return True
    return False if found.high < -margin else None
