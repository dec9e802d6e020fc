"""The portfolio of a run: each task routed, the policy and its evidence.

It does not know how it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.analysis.caveats import caveats_of
from evalkit.analysis.economics.fitting import profile_notes
from evalkit.analysis.economics.measured import MeasuredArm, chosen_arms, measured_arms
from evalkit.analysis.economics.profile import Limits, Profile, read_profile
from evalkit.analysis.reading import read_run
from evalkit.analysis.reporting.inputs import find_inputs
from evalkit.analysis.routing.accepting import graders_of, refuse_accept, rules_for
from evalkit.analysis.routing.board import Board, board_of
from evalkit.analysis.routing.deciding import Wanted
from evalkit.analysis.routing.policy_file import policy_document
from evalkit.analysis.routing.task import TaskRoute, route_task
from evalkit.core.acceptance import AGREE, USABLE
from evalkit.core.errors import ConfigError
from evalkit.core.policy import Requirement, requirement, strictest
from evalkit.core.records import Record
from evalkit.run.folder import Run

MARGIN = 0.03
_MOST_TEXTS = 100_000


class RouteRequest(Record, frozen=True, kw_only=True):
    """What `route` is asked to do.

    Attributes:
        run: The run's folder.
        profile: business.yaml; None asks for nothing but the margin.
        suites: Only these suites.
        models: Only these arms or models.
        margin: Without a quality limit: by how much quality may be below the best arm's.
        seed: Of holdout and folds; None takes the profile's.
        force: Decide on few samples all the same.
        providers: Another providers file to take prices from.
        accept: When a cascade may take an answer: `usable`, `agree`, or a grader of a suite.
    """

    run: Path
    profile: Path | None = None
    suites: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    margin: float = MARGIN
    seed: int | None = None
    force: bool = False
    providers: Path | None = None
    accept: tuple[str, ...] = (USABLE, AGREE)


@dataclass(frozen=True, eq=False)
class Routed:
    """A portfolio.

    Attributes:
        document: As `route --json` prints it, without the path of the policy.
        policy: policy.json.
        models: `provider:name` of each arm.
    """

    document: dict[str, Any]
    policy: dict[str, Any]
    models: dict[str, str]


def route_run(request: RouteRequest) -> Routed:
    """Work out a run's portfolio.

    Raises:
        ConfigError: If the profile is wrong, or what is named is not there.
        JournalError: If the folder is no run, or its journal is foreign, mixed or edited.
    """
    if not 0 <= request.margin < 1:
        raise ConfigError(f"route: --margin must be from 0 and below 1, got {request.margin:g}")
    if request.seed is not None and request.seed < 0:
        raise ConfigError(f"route: --seed must be 0 or more, got {request.seed}")
    profile = Profile() if request.profile is None else read_profile(request.profile)
    run = Run(request.run)
    facts = {suite["name"]: suite for suite in run.manifest["suites"]}
    refuse_accept(request.accept, list(facts.values()))
    reading = read_run(run, request.providers, values=AGREE in request.accept)
    found = chosen_arms(measured_arms(reading), request.suites, request.models)
    notes = profile_notes(profile, list(facts), run.manifest["arms"])
    seed = profile.seed if request.seed is None else request.seed
    routes, boards, constraints = {}, {}, {}
    for name, arms in found.items():
        demand = demand_of(name, facts[name], profile)
        wanted = Wanted(profile.limits.get(name, Limits()), request.margin, request.force)
        rules = rules_for(request.accept, facts[name])
        board = boards[name] = board_of(
            name, arms, demand, judges=judges_of(facts[name]), graders=graders_of(rules)
        )
        constraints[name] = _constraints(wanted, demand)
        routes[name] = route_task(
            board, wanted, texts=_texts(run.manifest, facts[name], board),
            volume=profile.requests_per_month.get(name), seed=seed, rules=rules,
        )  # fmt: skip
    evidence = {"runs": [run.run_id], "journal_sha256": [run.manifest.get("journal_sha256")]}
    policy = policy_document(routes, constraints, evidence)
    models = {arm.arm: arm.model for arms in found.values() for arm in arms}
    document = _document(run, routes, boards, constraints, profile)
    document["warnings"] += [*notes, *_judging(facts, found)]
    return Routed({**document, "seed": seed}, policy, models)


def demand_of(name: str, facts: Mapping[str, Any], profile: Profile) -> Requirement:
    """Return what whoever sees a suite's data must meet: the strictest of suite and business."""
    return strictest(
        [
            requirement(facts["sensitivity"], facts["require"]),
            requirement(profile.sensitivity.get(name), profile.require.get(name)),
        ]
    )


def _constraints(wanted: Wanted, demand: Requirement) -> dict[str, Any]:
    limits = wanted.limits
    return {
        "quality": limits.quality,
        "malformed_rate": limits.malformed_rate,
        "latency_p95_ms": limits.latency_p95_ms,
        "margin": None if limits.quality is not None else wanted.margin,
        "sensitivity": demand.sensitivity,
        "regions": None if demand.regions is None else list(demand.regions),
        "trains_on_data": demand.trains_on_data,
        "max_retention_days": demand.max_retention_days,
    }


def _texts(manifest: Mapping[str, Any], facts: Mapping[str, Any], board: Board) -> list[str] | str:
    """Return the last message of each request of a board, or why they are not known."""
    if len(board) > _MOST_TEXTS:
        return f"more than {_MOST_TEXTS:,} samples"
    inputs = find_inputs(manifest, facts)
    if inputs.suite is None:
        return inputs.reason or "the requests are not known"
    texts = []
    for hashed in board.sample:
        sample = inputs.sample(int(hashed))
        if sample is None:
            return "the suite has not all samples any more"
        texts.append(inputs.suite.messages(sample)[-1].content)
    return texts


def judges_of(facts: Mapping[str, Any]) -> frozenset[str]:
    """Return the models that judged a suite's answers."""
    return frozenset(judge for own in facts.get("judging", ()) for judge in own["judge_models"])


def _judging(
    facts: Mapping[str, Mapping[str, Any]], found: Mapping[str, Sequence[MeasuredArm]]
) -> list[str]:
    """Warn of arms that are not routed among because they judged."""
    return [
        f"{name}: {arm.arm} judged these answers and is not routed among"
        for name, arms in found.items()
        for arm in arms
        if arm.model in judges_of(facts[name])
    ]


def _document(
    run: Run,
    routes: Mapping[str, TaskRoute],
    boards: Mapping[str, Board],
    constraints: Mapping[str, Any],
    profile: Profile,
) -> dict[str, Any]:
    tasks = {name: own.document for name, own in routes.items()}
    return {
        "schema_version": 1,
        "run_id": run.run_id,
        "best_single": _best_single(tasks, profile),
        "assignment": {name: own["assignment"] for name, own in tasks.items()},
        "frontier": [
            {"task": name, **row} for name, own in tasks.items() for row in own["frontier"]
        ],
        "cascades": [
            {"task": name, **row} for name, own in tasks.items() for row in own["cascades"]
        ],
        "oracle": {name: own["oracle"] for name, own in tasks.items()},
        "tasks": tasks,
        "constraints": dict(constraints),
        "warnings": list(caveats_of(run)),
    }


def _best_single(tasks: Mapping[str, Any], profile: Profile) -> dict[str, Any] | None:
    """Return the arm that is best over all tasks, weighted by their volumes where all are known."""
    known = all(name in profile.requests_per_month for name in tasks)
    weights = {
        name: profile.requests_per_month[name].mode if known else float(own["n"])
        for name, own in tasks.items()
    }
    shared = set.intersection(*({row["name"] for row in own["singles"]} for own in tasks.values()))
    pooled = (_pooled(arm, tasks, weights) for arm in sorted(shared))
    rows = [row for row in pooled if row is not None]
    return max(rows, key=lambda row: row["quality"], default=None)


def _pooled(
    arm: str, tasks: Mapping[str, Any], weights: Mapping[str, float]
) -> dict[str, Any] | None:
    quality = cost = total = 0.0
    priced = True
    for name, own in tasks.items():
        row = next(found for found in own["singles"] if found["name"] == arm)
        if row["quality"] is None:
            return None
        total += weights[name]
        quality += weights[name] * row["quality"]["value"]
        priced &= row["cost_per_1000_usd"] is not None
        cost += weights[name] * (row["cost_per_1000_usd"] or 0.0)
    return {
        "model": arm,
        "quality": quality / total,
        "cost_per_1000_usd": cost / total if priced else None,
        "weighted_by": "samples" if len(tasks) == 1 else "volumes or samples",
    }
