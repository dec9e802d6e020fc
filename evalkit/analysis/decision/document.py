"""The decision of a run: for each suite the five answers, the ways, and a recommendation.

It does not know how it is shown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalkit.analysis.caveats import caveats_of
from evalkit.analysis.decision.questions import five_answers
from evalkit.analysis.decision.recommendation import recommend
from evalkit.analysis.decision.tuning import tuned_pairs
from evalkit.analysis.decision.ways import way_row, ways_of
from evalkit.analysis.economics.breakeven import suite_breakeven
from evalkit.analysis.economics.document import MARGIN, refuse_strange
from evalkit.analysis.economics.measured import MeasuredArm, measured_arms
from evalkit.analysis.economics.options import Rules, declared_hosting
from evalkit.analysis.economics.profile import Limits, read_profile
from evalkit.analysis.reading import read_run
from evalkit.analysis.routing.board import board_of
from evalkit.analysis.routing.deciding import Wanted
from evalkit.analysis.routing.document import demand_of, judges_of
from evalkit.analysis.routing.task import route_task
from evalkit.core.acceptance import AGREE, USABLE
from evalkit.core.errors import ConfigError
from evalkit.core.records import Record
from evalkit.run.folder import Run


class DecideRequest(Record, frozen=True, kw_only=True):
    """What `decide` is asked to do.

    Attributes:
        run: The run's folder.
        profile: business.yaml.
        margin: Without a quality limit: by how much quality may be below the best arm's.
        providers: Another providers file to take prices from.
    """

    run: Path
    profile: Path
    margin: float = MARGIN
    providers: Path | None = None


def decide_document(request: DecideRequest, today: dt.date) -> dict[str, Any]:
    """Return what `decide --json` prints.

    Raises:
        ConfigError: If the profile is wrong or names what the run does not have.
        JournalError: If the folder is no run, or its journal is foreign, mixed or edited.
    """
    if not 0 <= request.margin < 1:
        raise ConfigError(f"decide: --margin must be from 0 and below 1, got {request.margin:g}")
    profile = read_profile(request.profile)
    run = Run(request.run)
    arms = measured_arms(read_run(run, request.providers, values=True))
    facts = {suite["name"]: suite for suite in run.manifest["suites"]}
    refuse_strange(profile, arms, list(facts))
    if not arms:
        raise ConfigError("decide: no arm of this run answered anything")
    hosting = declared_hosting([arm for own in arms.values() for arm in own])
    rules = Rules(profile, request.margin, today, hosting)
    return {
        "schema_version": 1,
        "run_id": run.run_id,
        "date": today.isoformat(),
        "profile": str(request.profile),
        "margin": request.margin,
        "suites": {name: _suite(name, own, facts[name], rules) for name, own in arms.items()},
        "warnings": list(caveats_of(run)),
    }


def _suite(
    name: str, arms: list[MeasuredArm], facts: Mapping[str, Any], rules: Rules
) -> dict[str, Any]:
    profile = rules.profile
    demand = demand_of(name, facts, profile)
    ways = ways_of(name, arms, demand, rules)
    volume = profile.requests_per_month.get(name)
    money = None if volume is None else suite_breakeven(name, arms, rules)
    wanted = Wanted(profile.limits.get(name, Limits()), rules.margin)
    board = board_of(name, arms, demand, judges=judges_of(facts))
    route = route_task(
        board, wanted, texts="not asked for here", volume=volume, seed=profile.seed,
        rules=(USABLE, AGREE),
    )  # fmt: skip
    return {
        "questions": five_answers(name, ways, demand, profile, money),
        "recommendation": recommend(ways, money, route),
        "ways": [way_row(way) for way in ways.ways],
        "tuned": tuned_pairs(arms),
        "n_units": ways.n_units,
        "breakeven": money,
        "holdout": route.document["holdout"],
    }
