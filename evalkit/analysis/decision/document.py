"""The decision of a run: for each suite the five answers, the ways, and a recommendation.

It does not know how it is shown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.analysis.caveats import caveats_of
from evalkit.analysis.decision.questions import five_answers
from evalkit.analysis.decision.recommendation import recommend
from evalkit.analysis.decision.tuning import tuned_pairs
from evalkit.analysis.decision.ways import way_row, ways_of
from evalkit.analysis.economics.breakeven import suite_breakeven
from evalkit.analysis.economics.document import MARGIN
from evalkit.analysis.economics.fitting import profile_notes
from evalkit.analysis.economics.measured import MeasuredArm, measured_arms
from evalkit.analysis.economics.options import Rules, declared_hosting
from evalkit.analysis.economics.profile import Limits, read_profile
from evalkit.analysis.economics.together import together_rows
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
    notes = profile_notes(profile, list(facts), run.manifest["arms"])
    if not arms:
        raise ConfigError("decide: no arm of this run answered anything")
    hosting = declared_hosting([arm for own in arms.values() for arm in own])
    rules = Rules(profile, request.margin, today, hosting)
    suites = {
        name: {**_suite(name, own, facts[name], rules), "not_compared": _silent(run, name, own)}
        for name, own in arms.items()
    }
    together = together_rows(
        {name: own for name, own in arms.items() if name in profile.requests_per_month}, rules
    )
    for row in together:
        _weigh_together(row, suites)
    return {
        "schema_version": 1,
        "run_id": run.run_id,
        "date": today.isoformat(),
        "profile": str(request.profile),
        "margin": request.margin,
        "suites": suites,
        "together": together,
        "warnings": list(dict.fromkeys([*caveats_of(run), *notes, *_of_costs(suites)])),
    }


def _weigh_together(row: Mapping[str, Any], suites: Mapping[str, Any]) -> None:
    """Say in each suite's recommendation where servers that several share cost less than it does.

    A suite alone bears all of the servers; that sharing is better is seen over all of them.
    """
    own = [suites[name] for name in row["suites"]]
    costs = [suite["recommendation"]["usd_per_month"] for suite in own]
    served = all(
        any(way["fit"] and way["served"] == row["model"] for way in suite["ways"]) for suite in own
    )
    if None in costs or not served or row["usd_per_month"] >= sum(costs):
        return
    line = (
        f"{row['model']} on the same servers for {', '.join(row['suites'])}: "
        f"${row['usd_per_month']:,.2f} a month for all, against ${sum(costs):,.2f} for what is "
        f"recommended for each; cheaper than buying with probability "
        f"{row['p_self_hosting_cheaper']:.2f}"
    )
    for suite in own:
        advice = suite["recommendation"]
        advice["is_open"] = True
        advice["why"] += "; together with other suites one's own servers cost less, see below"
        advice["would_change_it"].insert(0, line)


def _of_costs(suites: Mapping[str, Any]) -> list[str]:
    """Return what the break-evens warn of: old defaults, and those that do not fit."""
    return [
        line
        for own in suites.values()
        if own["breakeven"] is not None
        for line in own["breakeven"]["warnings"]
    ]


def _silent(run: Run, suite: str, arms: Sequence[MeasuredArm]) -> list[str]:
    """Return the arms of a suite that answered nothing."""
    there = {arm.arm for arm in arms}
    return [
        own["arm"]
        for own in run.manifest["arms"]
        if own["suite"] == suite and own["arm"] not in there and "policy" not in own
    ]


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
    advice = recommend(ways, money, route)
    chosen = next((way for way in ways.ways if way.option.name == advice["way"]), None)
    return {
        "questions": five_answers(name, ways, demand, profile, money, way=chosen),
        "recommendation": advice,
        "ways": [way_row(way) for way in ways.ways],
        "tuned": tuned_pairs(arms),
        "n_units": ways.n_units,
        "breakeven": money,
        "holdout": route.document["holdout"],
    }
