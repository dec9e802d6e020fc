"""What a suite of some size can decide: the margin of a gate that its samples allow.

Planned for equal models of which so many samples in a hundred come out differently. It does not
know runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.analysis.gates.policy import GatePolicy, Rule, read_gate
from evalkit.core.errors import ConfigError
from evalkit.stats.distributions import normal_quantile
from evalkit.stats.power import sample_size_noninferiority

DISCORDANCE = 0.1
ALPHA = 0.05
POWER = 0.8
MARGIN = 0.03
FILE = "gate.yaml"


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


def margin_lines(suites: Sequence[Mapping[str, Any]], policies: Sequence[GatePolicy]) -> list[str]:
    """Return a line for each suite, and one for each rule that it cannot decide.

    Args:
        suites: `name` and `samples` of each.
        policies: What is to be decided with them.
    """
    lines = []
    for suite in suites:
        samples, name = int(suite["samples"]), suite["name"]
        if not samples:
            continue
        lines.append(
            f"{name}: {samples} samples can rule out a drop of "
            f"{_points(smallest_margin(samples))}; 3 points need some {needed(MARGIN)} "
            f"(equal models that differ on {100 * DISCORDANCE:.0f} % of the samples, 80 % of gates)"
        )
        lines += [
            f"{policy.file}: {rule.name}: {_points(rule.limit)} need some "
            f"{needed(rule.limit, policy.alpha)} samples, {name} has {samples}"
            for policy in policies
            for rule in policy.rules
            if _is_hopeless(rule, policy.alpha, samples, name)
        ]
    return lines


def needed(margin: float, alpha: float = ALPHA, discordance: float = DISCORDANCE) -> int:
    """Return the samples that a margin needs, rounded up to ten."""
    return 10 * math.ceil(sample_size_noninferiority(discordance, margin, alpha, POWER) / 10)


def read_policies(folders: Sequence[Path]) -> tuple[list[GatePolicy], list[str]]:
    """Return the gate files that lie in these folders, and what is wrong with others."""
    found: list[GatePolicy] = []
    problems: list[str] = []
    for folder in dict.fromkeys(folders):
        path = folder / FILE
        if path.is_file():
            try:
                found.append(read_gate(path))
            except ConfigError as error:
                problems += error.problems
    return found, problems


def _is_hopeless(rule: Rule, alpha: float, samples: int, suite: str) -> bool:
    paired = rule.kind in ("max_drop", "max_increase") and rule.suite in (None, suite)
    return paired and rule.limit > 0 and needed(rule.limit, alpha) > samples


def _points(share: float) -> str:
    return f"{100 * share:.1f} points".replace(".0 ", " ")
