"""The ways to get a suite's answers, each with what speaks against it.

A way is fit where its data may go there, its answers are surely good enough, in form and in time,
and somebody could run it. It does not recommend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.analysis.economics.measured import MeasuredArm
from evalkit.analysis.economics.options import Option, Rules, fallback_price, options_of
from evalkit.analysis.economics.profile import Limits, Profile
from evalkit.analysis.economics.triangle import Triangle
from evalkit.analysis.routing.board import Board, board_of, governance_of
from evalkit.analysis.routing.deciding import (
    FEWEST,
    TIME,
    Assigned,
    Open,
    Wanted,
    assign,
    reference_of,
    still_open,
)
from evalkit.core.policy import Requirement, refusal_reason


@dataclass(frozen=True, eq=False)
class Way:
    """One way.

    Attributes:
        option: What it costs.
        against: What speaks against it; empty where it is fit.
        usd_per_month: At the most likely volume; None where it is not known.
        open: Its quality is all that speaks against it, and is not decided.
    """

    option: Option
    against: tuple[str, ...]
    usd_per_month: float | None
    open: Open | None = None

    @property
    def is_fit(self) -> bool:
        """True where nothing speaks against it."""
        return not self.against


@dataclass(frozen=True, eq=False)
class Ways:
    """All ways of one suite.

    Attributes:
        ways: In the order of the arms.
        board: The samples that they were compared on.
        assigned: What quality, form and time say of them.
        n_units: How many independent samples there are.
        volume: Requests a month; None where it is not known.
        rules: The business and the margin.
        limits: What the suite needs.
    """

    ways: tuple[Way, ...]
    board: Board
    assigned: Assigned
    n_units: int
    volume: Triangle | None
    rules: Rules
    limits: Limits

    @property
    def is_decidable(self) -> bool:
        """True where there are samples enough to decide on."""
        return self.n_units >= FEWEST


def ways_of(task: str, arms: Sequence[MeasuredArm], demand: Requirement, rules: Rules) -> Ways:
    """Return the ways of one suite.

    Args:
        task: The suite's name.
        arms: Its arms.
        demand: What whoever sees the samples must meet; one's own servers always do.
        rules: The business and the margin.
    """
    options = options_of(arms, rules)
    at_home = {option.arm.arm for option in options if option.serving is not None}
    refusals = {arm.arm: refusal_reason(demand, governance_of(arm)) for arm in arms}
    seen = [arm for arm in arms if refusals[arm.arm] is None or arm.arm in at_home]
    board = board_of(task, seen, Requirement())
    limits = rules.profile.limits.get(task, Limits())
    wanted = Wanted(limits, rules.margin, force=True)
    assigned = assign(board, np.arange(len(board)), wanted)
    volume = rules.profile.requests_per_month.get(task)
    fallback = fallback_price(options)
    undecided = _undecided(board, wanted)
    ways = []
    for option in options:
        against = _against(option, refusals[option.arm.arm], board, assigned, rules.profile)
        name = option.arm.arm
        is_open = len(against) == 1 and against[0] == assigned.refused.get(name)
        ways.append(
            Way(
                option,
                against,
                None if volume is None else _cost(option, volume.mode, fallback),
                undecided.get(name) if is_open else None,
            )
        )
    return Ways(tuple(ways), board, assigned, board.n_units, volume, rules, limits)


def _undecided(board: Board, wanted: Wanted) -> dict[str, Open]:
    """Return the arms whose quality is neither surely good enough nor surely not."""
    rows = np.arange(len(board))
    best = reference_of(board, rows)
    if best is None:
        return {}
    found = {
        board.names[arm]: still_open(board, rows, arm, best, wanted)
        for arm in range(len(board.arms))
    }
    return {name: own for name, own in found.items() if own is not None}


def _cost(option: Option, requests: float, fallback: float | None) -> float | None:
    found = option.usd_per_month(requests, fallback)
    return None if found is None else float(found)


def _against(
    option: Option, refusal: str | None, board: Board, assigned: Assigned, profile: Profile
) -> tuple[str, ...]:
    """Return what speaks against a way, the gravest first."""
    name, served = option.arm.arm, option.serving is not None
    found = []
    if refusal is not None and not served:
        found.append(f"data: {refusal}")
    if name in board.left_out:
        found.append(f"answers: {board.left_out[name]}")
    elif name in assigned.refused and not (served and _is_elsewhere(option, assigned)):
        found.append(assigned.refused[name])
    if option.kind == "self_hosted" and not served:
        found.append(option.why)
    if served and profile.ml_engineers == 0:
        found.append("people: nobody could run it (`talent.ml_engineers` is 0)")
    return tuple(found)


def _is_elsewhere(option: Option, assigned: Assigned) -> bool:
    """Say that what speaks against a model is its host's time, and others would serve it."""
    reason = assigned.refused[option.arm.arm]
    return not option.arm.is_own_server and reason.startswith(TIME)


def way_row(way: Way) -> dict[str, Any]:
    """Return a way as plain data."""
    row = way.option.arm.row
    return {
        "way": way.option.name,
        "kind": way.option.kind,
        "model": way.option.arm.model,
        "served": way.option.arm.name if way.option.serving is not None else None,
        "quality": row["quality"],
        "malformed_rate": row["malformed_rate"],
        "latency_p95_ms": (row["latency_ms"] or {}).get("p95"),
        "usd_per_month": way.usd_per_month,
        "fit": way.is_fit,
        "against": list(way.against),
        "open": way.open is not None,
        "needed_n": None if way.open is None else way.open.needed_n,
    }
