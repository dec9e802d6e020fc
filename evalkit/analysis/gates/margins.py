"""What a suite of some size can decide: the margin of a gate that its samples allow.

Planned for equal models of which so many samples in a hundred come out differently. It does not
know runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.analysis.gates.policy import GatePolicy, Rule, read_gate
from evalkit.core.errors import ConfigError
from evalkit.stats.distributions import normal_quantile
from evalkit.stats.power import sample_size_noninferiority

DISCORDANCE = 0.1
ALPHA = 0.05
POWER = 0.8
MARGIN = 0.03
FILE = "gate.yaml"
_MOST_NEEDED = 10_000_000


def smallest_margin(
    samples: int, *, alpha: float = ALPHA, discordance: float = DISCORDANCE
) -> float:
    """Return the drop that so many samples rule out in 80 % of gates on equal models.

    The inverse of `sample_size_noninferiority` at a difference of 0.

    Example:
        >>> round(smallest_margin(690), 3)
        0.03
    """
    z = normal_quantile(1.0 - alpha) + normal_quantile(POWER)
    return z * math.sqrt(discordance / samples)


class _Size(NamedTuple):
    """How many of what a suite has for a rule."""

    units: int
    unit: str


def margin_lines(suites: Sequence[Mapping[str, Any]], policies: Sequence[GatePolicy]) -> list[str]:
    """Return a line for each suite, and one for each rule that it cannot decide.

    Args:
        suites: `folder`, `name`, `samples`, `units` and `slices` of each.
        policies: What is to be decided with them.
    """
    lines = []
    for suite in suites:
        if not suite["samples"]:
            continue
        lines.append(_of_suite(suite))
        lines += [
            line
            for policy in policies
            if suite in suites_of(policy, suites)
            for rule in policy.rules
            for line in _of_rule(policy, rule, suite)
        ]
    return lines


def suites_of(
    policy: GatePolicy, suites: Sequence[Mapping[str, Any]]
) -> Sequence[Mapping[str, Any]]:
    """Return the suite beside which a gate.yaml lies, else all of them."""
    folder = Path(policy.file).parent.resolve()
    return [suite for suite in suites if Path(suite["folder"]).resolve() == folder] or suites


def needed(margin: float, alpha: float = ALPHA, discordance: float = DISCORDANCE) -> int | None:
    """Return the units that a margin needs, rounded up to ten; None where no number would do.

    Example:
        >>> needed(0.03), needed(1.0), needed(1e-200)
        (690, 0, None)
    """
    if margin >= 1.0:
        return 0
    try:
        size = sample_size_noninferiority(discordance, margin, alpha, POWER)
    except ValueError:
        return None
    return 10 * math.ceil(size / 10) if size <= _MOST_NEEDED else None


def read_policies(folders: Sequence[Path]) -> tuple[list[GatePolicy], list[str]]:
    """Return the gate files that lie in these folders, and what is wrong with others."""
    found: list[GatePolicy] = []
    problems: list[str] = []
    places = {folder.resolve(): folder for folder in reversed(folders)}
    for folder in reversed(places.values()):
        path = folder / FILE
        if path.is_file():
            try:
                found.append(read_gate(path))
            except ConfigError as error:
                problems += error.problems
    return found, problems


def _of_suite(suite: Mapping[str, Any]) -> str:
    samples, units = suite["samples"], suite["units"]
    clustered = units < samples
    counted = f"{samples} samples" + (f" in {units} clusters" if clustered else "")
    wanted = f"{needed(MARGIN)}" + (" clusters" if clustered else "")
    return (
        f"{suite['name']}: {counted} can rule out a drop of {_points(smallest_margin(units))}; "
        f"3 points need some {wanted} "
        f"(equal models that differ on {100 * DISCORDANCE:.0f} % of the samples, 80 % of gates)"
    )


def _of_rule(policy: GatePolicy, rule: Rule, suite: Mapping[str, Any]) -> list[str]:
    """Return a line where a suite is too small for a rule on pairs, else none."""
    paired = rule.kind in ("max_drop", "max_increase") and rule.suite in (None, suite["name"])
    size = _size(rule, suite)
    if not paired or rule.limit <= 0 or not size.units:
        return []
    head, wanted = f"{policy.file}: {rule.name}", needed(rule.limit, policy.alpha)
    if wanted is None:
        return [f"{head}: no number of samples would do for a limit of {rule.limit:g}"]
    if wanted <= size.units:
        return []
    place = " in this slice" if rule.slice else ""
    return [
        f"{head}: {_points(rule.limit)} need some {wanted} {size.unit}, "
        f"{suite['name']} has {size.units}{place}"
    ]


def _size(rule: Rule, suite: Mapping[str, Any]) -> _Size:
    """Return the units that a rule looks at, or at most looks at where slices are joined."""
    slices = [suite["slices"].get(column, {}).get(v, 0) for column, v in rule.slice.items()]
    unit = "clusters" if suite["units"] < suite["samples"] else "samples"
    return _Size(min([suite["units"], *slices]), unit)


def _points(share: float) -> str:
    return f"{100 * share:.1f} points".replace(".0 ", " ")
