"""What a reader of a run's figures must know beside them, a sentence each.

It does not know which figures are shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalkit.analysis.judges.card import doubtful
from evalkit.analysis.runs import price_warning
from evalkit.run.folder import Run

LAG_LIMIT_MS = 50.0


def caveats(manifest: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    """Return what speaks against reading a run's figures as they stand."""
    unread = price_warning(manifest)
    said = [unread] if unread else []
    measured = any(arm["kind"] != "recorded" for arm in manifest["arms"])
    lag = manifest.get("loop_lag_p99_ms")
    if measured and lag is not None and lag > LAG_LIMIT_MS:
        said.append(
            f"the event loop was late by {lag:.0f} ms (p99): latencies are too long by up to that"
        )
    if manifest.get("unpriced_attempts") and manifest["options"].get("budget_usd"):
        count = manifest["unpriced_attempts"]
        said.append(f"{count} attempts have no price: the budget does not see them")
    said += _stopped(manifest)
    if any(suite.get("judging") for suite in manifest["suites"]):
        said += doubtful(manifest, folder)
    return tuple(said)


def _stopped(manifest: Mapping[str, Any]) -> list[str]:
    """Say of which suites a part was asked, until it was decided."""
    stopping = manifest.get("stopping")
    if stopping is None:
        return []
    return [
        f"{suite}: ended when it was decided ({verdict}), after {stopping['asked'][suite]} of "
        f"{stopping['cap'][suite]} samples: these intervals are of a fixed number of samples and "
        "do not hold for one that the results decided; those of `evalkit gate` do"
        for suite, verdict in stopping["verdicts"].items()
        if verdict is not None
    ]


def caveats_of(run: Run) -> list[str]:
    """Return a run's caveats, its state among them where it is not complete."""
    state, reason = run.state
    said = list(caveats(run.manifest, run.folder))
    if state != "complete":
        said.append(f"{run.folder}: the run is {state}" + (f": {reason}" if reason else ""))
    return said
