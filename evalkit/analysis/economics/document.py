"""The break-even of a run: each suite that the business has a volume for.

It does not know how it is shown.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from evalkit.analysis.caveats import caveats_of
from evalkit.analysis.economics.breakeven import suite_breakeven
from evalkit.analysis.economics.fitting import profile_notes
from evalkit.analysis.economics.measured import chosen_arms, measured_arms
from evalkit.analysis.economics.options import Rules, declared_hosting
from evalkit.analysis.economics.profile import read_profile
from evalkit.analysis.economics.together import together_rows
from evalkit.analysis.reading import read_run
from evalkit.core.errors import ConfigError
from evalkit.core.records import Record
from evalkit.run.folder import Run

MARGIN = 0.03


class BreakevenRequest(Record, frozen=True, kw_only=True):
    """What `breakeven` is asked to do.

    Attributes:
        run: The run's folder.
        profile: business.yaml.
        suites: Only these suites.
        models: Only these arms or models.
        margin: By how much quality may be lower than the API's, in shares.
        providers: Another providers file to take prices from.
    """

    run: Path
    profile: Path
    suites: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    margin: float = MARGIN
    providers: Path | None = None


def breakeven_document(request: BreakevenRequest, today: dt.date) -> dict[str, Any]:
    """Return what `breakeven --json` prints.

    Raises:
        ConfigError: If the profile is wrong, names what the run does not have, or lacks volumes.
        JournalError: If the folder is no run, or its journal is foreign, mixed or edited.
    """
    if not 0 <= request.margin < 1:
        raise ConfigError(f"breakeven: --margin must be from 0 and below 1, got {request.margin:g}")
    profile = read_profile(request.profile)
    run = Run(request.run)
    measured = measured_arms(read_run(run, request.providers))
    names = [suite["name"] for suite in run.manifest["suites"]]
    notes = profile_notes(profile, names, run.manifest["arms"])
    arms = chosen_arms(measured, request.suites, request.models)
    wanted = {name: own for name, own in arms.items() if name in profile.requests_per_month}
    if not wanted:
        raise ConfigError(
            f"{request.profile}: `volumes` names no suite of this run; this run has: "
            f"{', '.join(names)}; it needs requests_per_month of: "
            f"{', '.join(arms) or 'none was answered'}"
        )
    hosting = declared_hosting([arm for own in arms.values() for arm in own])
    rules = Rules(profile, request.margin, today, hosting)
    suites = {name: suite_breakeven(name, own, rules) for name, own in wanted.items()}
    left_out = [name for name in arms if name not in wanted]
    return {
        "schema_version": 1,
        "run_id": run.run_id,
        "profile": str(request.profile),
        "suites": suites,
        "together": together_rows(wanted, rules),
        "left_out": [f"{name}: `volumes` says no requests_per_month" for name in left_out],
        "warnings": [
            *caveats_of(run),
            *notes,
            *dict.fromkeys(line for own in suites.values() for line in own["warnings"]),
        ],
    }
