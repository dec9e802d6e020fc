"""What each suite's arms cost a month, where the business is known: the break-evens of a report.

The age of defaults is that on the day of the newest run, so that equal runs give equal pages.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.analysis.economics.breakeven import suite_breakeven
from evalkit.analysis.economics.document import MARGIN
from evalkit.analysis.economics.fitting import profile_notes
from evalkit.analysis.economics.measured import MeasuredArm
from evalkit.analysis.economics.options import Rules, declared_hosting
from evalkit.analysis.economics.profile import read_profile
from evalkit.analysis.economics.together import together_rows
from evalkit.analysis.sides import Side


def measured_arm(
    label: str, facts: Mapping[str, Any], row: Mapping[str, Any], side: Side
) -> MeasuredArm:
    """Return an arm of a report as the economics know it."""
    return MeasuredArm(label, side.model, facts, row, side)


def monthly_costs(
    profile_file: Path, arms: Mapping[str, Sequence[MeasuredArm]], day: str
) -> dict[str, dict[str, Any]]:
    """Return the break-even of each suite that business.yaml has a volume for.

    Args:
        profile_file: business.yaml.
        arms: By suite; those that answered nothing are left out.
        day: ISO 8601, of the newest run.

    Raises:
        ConfigError: If the profile is wrong, or names what the runs do not have.
    """
    profile = read_profile(profile_file)
    answered = {name: [a for a in own if a.row["n_answered"]] for name, own in arms.items()}
    answered = {name: own for name, own in answered.items() if own}
    notes = profile_notes(profile, list(arms), [a.facts for own in arms.values() for a in own])
    hosting = declared_hosting([arm for own in answered.values() for arm in own])
    rules = Rules(profile, MARGIN, dt.date.fromisoformat(day[:10]), hosting)
    found = {
        name: suite_breakeven(name, own, rules)
        for name, own in answered.items()
        if name in profile.requests_per_month
    }
    wanted = {name: answered[name] for name in found}
    shared = together_rows(wanted, rules)
    for name, own in found.items():
        own["warnings"] = [*notes, *own["warnings"]]
        own["together"] = [row for row in shared if name in row["suites"]]
    return found
