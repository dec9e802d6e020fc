"""What ending a run early came to: samples and money spared, and how often such a run errs.

The error rates are simulated at the margin of the first rule and the discordance that was seen. It
does not end any run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from evalkit.stats.intervals import wilson
from evalkit.stats.stopping import simulate_stopping

MOST_DRAWS = 1000
SAMPLES_DRAWN = 3_000_000
_LEAST_DISCORDANCE = 0.01


def stop_report(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what was asked and spared on each suite; empty for a run that is not to end early.

    Args:
        manifest: run.json of a run that has ended.
    """
    stopping = manifest.get("stopping")
    if stopping is None:
        return []
    arms: dict[str, int] = {}
    for arm in manifest["arms"]:
        arms[arm["suite"]] = arms.get(arm["suite"], 0) + 1
    repeats = int(manifest["options"]["selection"]["repeats"])
    asked = sum(stopping["asked"][name] * arms.get(name, 0) for name in stopping["asked"])
    spent = manifest.get("spent_usd") or 0.0
    rows = []
    for suite, cap in stopping["cap"].items():
        own = stopping["asked"][suite]
        spared = (cap - own) * arms.get(suite, 0)
        rows.append(
            {
                "suite": suite,
                "verdict": stopping["verdicts"][suite],
                "samples_asked": own,
                "samples_cap": cap,
                "trials_saved": spared * repeats if stopping["verdicts"][suite] else 0,
                "saved_usd": spent * spared / asked if asked and spent else None,
                "simulated": _simulated(stopping, suite),
            }
        )
    return rows


def _simulated(stopping: Mapping[str, Any], suite: str) -> dict[str, Any] | None:
    """Return error rates of such a run where the first rule is a drop or a rise."""
    margin, seen = stopping.get("margin"), stopping["discordance"].get(suite)
    if margin is None or seen is None:
        return None
    discordance = min(1.0, max(seen, margin, _LEAST_DISCORDANCE))
    cap, alpha = stopping["cap"][suite], stopping["alpha"]
    rng = np.random.default_rng([abs(stopping["seed"]), cap])
    draws = max(100, min(MOST_DRAWS, SAMPLES_DRAWN // cap))
    at_margin = simulate_stopping(
        margin, (-margin, discordance), cap, alpha=alpha, draws=draws, rng=rng
    )
    equal = simulate_stopping(margin, (0.0, discordance), cap, alpha=alpha, draws=draws, rng=rng)
    error = wilson(round(at_margin.passed * draws), draws)
    return {
        "margin": margin,
        "discordance": discordance,
        "draws": draws,
        "false_pass": at_margin.passed,
        "false_pass_low": error.low,
        "false_pass_high": error.high,
        "false_fail": equal.failed,
        "equal_passed": equal.passed,
        "equal_median_samples": equal.median_samples,
    }


def stop_lines(rows: list[dict[str, Any]]) -> list[str]:
    """Return the report in sentences."""
    lines = []
    for row in rows:
        verdict, own, cap = row["verdict"], row["samples_asked"], row["samples_cap"]
        if verdict is None:
            lines.append(f"{row['suite']}: not decided after {own} of {cap} samples")
        else:
            money = "" if row["saved_usd"] is None else f", about ${row['saved_usd']:.4f}"
            lines.append(
                f"{row['suite']}: decided ({verdict}) after {own} of {cap} samples; "
                f"{row['trials_saved']} trials were not asked{money}"
            )
        found = row["simulated"]
        if found is not None:
            lines.append(
                f"  such a run, simulated {found['draws']} times at a margin of "
                f"{100 * found['margin']:g} points and {100 * found['discordance']:.0f} % "
                f"discordance: a candidate at the margin passes in {100 * found['false_pass']:.1f} "
                f"% [{100 * found['false_pass_low']:.1f}, {100 * found['false_pass_high']:.1f}], "
                f"an equal one passes in {100 * found['equal_passed']:.1f} % and fails in "
                f"{100 * found['false_fail']:.1f} %; {_when(found, cap)}"
            )
    return lines


def _when(found: Mapping[str, Any], cap: int) -> str:
    """Return when an equal candidate is decided, where it is in half of the runs or more."""
    if found["equal_median_samples"] >= cap:
        return f"in most runs {cap} samples do not decide it"
    return f"half are decided within {found['equal_median_samples']:.0f} samples"
