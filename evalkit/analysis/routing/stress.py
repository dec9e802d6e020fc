"""What becomes of a policy when a provider is down, dearer, slower to serve, gone, or refuses.

Computed from the same samples; fallbacks are arms that may see the data. It does not predict how
likely that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from evalkit.analysis.economics.measured import MeasuredArm
from evalkit.analysis.routing.board import Board
from evalkit.analysis.routing.folds import Rows
from evalkit.analysis.routing.plays import cascade

DEARER = 1.5
REFUSED = 0.1
_MINUTES_PER_MONTH = 730 * 60


def provider_of(arm: MeasuredArm) -> str:
    """Return who answers; of a recording that is not known, so each model stands for itself."""
    recorded = arm.facts["kind"] == "recorded"
    return arm.model if recorded else str(arm.facts["provider"])


def fallbacks_of(board: Board, rows: Rows, chain: Sequence[int], most: int = 2) -> list[int]:
    """Return arms to fall back on: of other providers than the chain's, the best first."""
    used = {provider_of(board.arms[arm]) for arm in chain}
    quality = board.quality[rows].mean(axis=0) if len(rows) else np.zeros(len(board.arms))
    others = [arm for arm in range(len(board.arms)) if provider_of(board.arms[arm]) not in used]
    return sorted(others, key=lambda arm: (-quality[arm], arm))[:most]


def stress_rows(
    board: Board,
    rows: Rows,
    chain: Sequence[int],
    fallbacks: Sequence[int],
    *,
    requests_per_month: float | None = None,
    peak_factor: float = 3.0,
) -> list[dict[str, Any]]:
    """Return what each event does to quality, cost and time of a policy.

    Args:
        board: The task.
        rows: Places of the samples.
        chain: The policy's arms.
        fallbacks: Who is asked where none of them answers.
        requests_per_month: The volume, for rate limits; None where it is not known.
        peak_factor: Peak load over mean load.
    """
    found = [_row("as it is", board, rows, chain)]
    for provider in dict.fromkeys(provider_of(board.arms[arm]) for arm in chain):
        left = [arm for arm in chain if provider_of(board.arms[arm]) != provider]
        found.append(_without(f"provider {provider} is down", board, rows, left, fallbacks))
    for arm in chain:
        left = [own for own in chain if own != arm]
        name = f"{board.names[arm]} is retired"
        found.append(_without(name, board, rows, left, fallbacks))
        found.append(_dearer(board, rows, chain, arm))
        found.append(_refusing(board, rows, chain, arm, fallbacks))
        found.append(_limited(board, arm, requests_per_month, peak_factor))
    return found


def _row(
    event: str, board: Board, rows: Rows, chain: Sequence[int], note: str = ""
) -> dict[str, Any]:
    play = cascade(board, rows, chain)
    known = play.latency_ms[~np.isnan(play.latency_ms)]
    return {
        "event": event,
        "arms": [board.names[arm] for arm in chain],
        "quality": play.mean_quality,
        "cost_per_1000_usd": None if np.isnan(play.mean_usd) else 1000 * play.mean_usd,
        "latency_p95_ms": float(np.quantile(known, 0.95, method="higher")) if len(known) else None,
        "unanswered": 0.0,
        "note": note or None,
    }


def _without(
    event: str, board: Board, rows: Rows, left: Sequence[int], fallbacks: Sequence[int]
) -> dict[str, Any]:
    """Return the policy without some arms: the rest of its chain, then its fallbacks."""
    chain = [*left, *(arm for arm in fallbacks[:1] if arm not in left)] if not left else list(left)
    if chain:
        return _row(event, board, rows, chain)
    return {
        "event": event, "arms": [], "quality": None, "cost_per_1000_usd": None,
        "latency_p95_ms": None, "unanswered": 1.0,
        "note": "no other arm may see these data: nothing is answered",
    }  # fmt: skip


def _dearer(board: Board, rows: Rows, chain: Sequence[int], arm: int) -> dict[str, Any]:
    """Return the policy with one price half as high again."""
    row = _row(f"{board.names[arm]} costs 50 % more", board, rows, chain)
    reach = np.ones(len(rows))
    extra = 0.0
    for own in chain:
        if own == arm:
            extra = float((reach * board.usd[rows, own]).mean()) * (DEARER - 1.0)
        reach = reach * (1.0 - board.accepted[rows, own])
    cost = row["cost_per_1000_usd"]
    row["cost_per_1000_usd"] = None if cost is None else cost + 1000 * extra
    return row


def _refusing(
    board: Board, rows: Rows, chain: Sequence[int], arm: int, fallbacks: Sequence[int]
) -> dict[str, Any]:
    """Return the policy where one arm refuses a tenth of what it answers now."""
    place = list(chain).index(arm)
    rest = list(chain[place + 1 :]) or list(fallbacks[:1])
    before = cascade(board, rows, chain)
    event = f"{board.names[arm]} refuses {100 * REFUSED:.0f} % more"
    reach = np.ones(len(rows))
    for own in chain[:place]:
        reach = reach * (1.0 - board.accepted[rows, own])
    lost = reach * REFUSED * board.quality[rows, arm]
    sent = reach * REFUSED * board.accepted[rows, arm]
    row = _row(event, board, rows, chain)
    if not rest:
        row["quality"] = float((before.quality - lost).mean())
        row["note"] = "nobody takes what it refuses"
        return row
    then = cascade(board, rows, rest)
    row["quality"] = float((before.quality - lost + sent * then.quality).mean())
    more = float((sent * then.usd).mean())
    cost = row["cost_per_1000_usd"]
    row["cost_per_1000_usd"] = None if cost is None or np.isnan(more) else cost + 1000 * more
    row["note"] = f"what it refuses goes to {then.name}"
    return row


def _limited(
    board: Board, arm: int, requests_per_month: float | None, peak_factor: float
) -> dict[str, Any]:
    """Say how much of the peak does not fit where a rate limit is halved."""
    limit = (board.arms[arm].facts.get("limits") or {}).get("rpm")
    row: dict[str, Any] = {
        "event": f"the rate limit of {board.names[arm]} is halved", "arms": [board.names[arm]],
        "quality": None, "cost_per_1000_usd": None, "latency_p95_ms": None, "unanswered": None,
    }  # fmt: skip
    if limit is None or requests_per_month is None:
        missing = "no rate limit (rpm) is declared" if limit is None else "no volume is known"
        return {**row, "note": f"cannot say, because {missing}"}
    peak = requests_per_month / _MINUTES_PER_MONTH * peak_factor
    over = max(0.0, 1.0 - limit / 2.0 / peak)
    note = f"{peak:,.0f} requests a minute at the peak, {limit / 2:,.0f} are left"
    return {
        **row,
        "unanswered": over,
        "note": f"{note}: {over:.0%} of the peak waits or goes elsewhere",
    }
