"""What is concluded about money: prices, where self-hosting pays, which model for which task.

It does not know how it is shown.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datetime as dt

    from evalkit.analysis.decision.document import DecideRequest
    from evalkit.analysis.economics.document import BreakevenRequest
    from evalkit.analysis.routing.document import RouteRequest


def breakeven(
    request: BreakevenRequest, *, output: Path | None = None, today: dt.date | None = None
) -> dict[str, Any]:
    """Return what `evalkit breakeven --json` prints; see `BreakevenRequest`.

    Args:
        request: Which run and which business.
        output: A folder for the document, its Markdown and its charts.
        today: For the age of the defaults; by default the day it is.

    Raises:
        ConfigError: If the profile is wrong, or names what the run does not have.
        JournalError: If the folder is no run, or its journal is foreign, mixed or edited.
    """
    from evalkit.analysis.economics.document import breakeven_document
    from evalkit.report.breakeven_files import write_breakeven
    from evalkit.run.clock import SystemClock
    from evalkit.run.setup import time_of

    document = breakeven_document(request, today or time_of(SystemClock()).date())
    if output is not None:
        write_breakeven(document, output)
    return document


def prices(
    name: str | None = None, *, providers: Path | None = None, at: dt.date | None = None
) -> dict[str, Any]:
    """Return what `evalkit prices --json` prints.

    Args:
        name: A model; None for all of the providers file.
        providers: The providers file.
        at: The day; by default now.

    Raises:
        ConfigError: If the file is wrong, or no model has this name.
    """
    import datetime

    from evalkit.run.clock import SystemClock
    from evalkit.run.price_list import list_prices
    from evalkit.run.setup import time_of

    if at is None:
        return list_prices(name, providers, time_of(SystemClock()))
    noon = datetime.datetime.combine(at, datetime.time(12), datetime.UTC)
    return list_prices(name, providers, noon)


def reprice(folder: Path, at: dt.date, *, providers: Path | None = None) -> dict[str, Any]:
    """Return what `evalkit reprice --json` prints; the run is left as it is.

    Raises:
        ConfigError: If the providers file is wrong.
        JournalError: If the folder is no run, or its journal is foreign, mixed or edited.
    """
    from evalkit.analysis.repricing import reprice_document
    from evalkit.run.folder import Run

    return reprice_document(Run(folder), at, providers)


def route(
    request: RouteRequest, *, export: str | None = None, output: Path | None = None
) -> dict[str, Any]:
    """Return what `evalkit route --json` prints, and write policy.json; see `RouteRequest`.

    Args:
        request: Which run, and what each task asks for.
        export: `litellm` or `portkey`: write the policy for that gateway too.
        output: The exported file, or without `export` the policy; by default in the run's folder.

    Raises:
        ConfigError: If the profile is wrong, what is named is not there, or an arm of the policy
            cannot be reached by the gateway.
        JournalError: If the folder is no run, or its journal is foreign, mixed or edited.
    """
    from evalkit.analysis.routing.document import route_run
    from evalkit.report.policy_files import write_policy

    routed = route_run(request)
    written = write_policy(routed, request, export, output)
    document = {**routed.document, **written.paths}
    document["warnings"] = [*document["warnings"], *written.notes]
    return document


def decide(
    request: DecideRequest, *, output: Path | None = None, today: dt.date | None = None
) -> dict[str, Any]:
    """Return what `evalkit decide --json` prints; see `DecideRequest`.

    Args:
        request: Which run and which business.
        output: The page's file; Markdown and JSON go beside it.
        today: For the page and the age of the defaults; by default the day it is.

    Raises:
        ConfigError: If the profile is wrong, or names what the run does not have.
        JournalError: If the folder is no run, or its journal is foreign, mixed or edited.
    """
    from evalkit.analysis.decision.document import decide_document
    from evalkit.report.decision_files import write_decision
    from evalkit.run.clock import SystemClock
    from evalkit.run.setup import time_of

    document = decide_document(request, today or time_of(SystemClock()).date())
    if output is not None:
        write_decision(document, output)
    return document
