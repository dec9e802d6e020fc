"""What becomes of a policy when a provider is down, dearer, slower to serve, gone, or refuses.

Computed from the same samples; fallbacks are arms that may see the data. It does not predict how
likely that is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evalkit.analysis.economics.measured import MeasuredArm
from evalkit.analysis.routing.board import Board
from evalkit.analysis.routing.chains import Chain, Lost, walk
from evalkit.analysis.routing.folds import Rows
from evalkit.core.acceptance import asked_always

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
    chain: Chain,
    fallbacks: Sequence[int],
    *,
    requests_per_month: float | None = None,
    peak_factor: float = 3.0,
) -> list[dict[str, Any]]:
    """Return what each event does to quality, cost and time of a policy.

    Args:
        board: The task.
        rows: Places of the samples.
        chain: The policy.
        fallbacks: Who is asked where its last arm fails, the first of them.
        requests_per_month: The volume, for rate limits; None where it is not known.
        peak_factor: Peak load over mean load.
    """
    found = [_row("as it is", board, rows, chain)]
    for provider in dict.fromkeys(provider_of(board.arms[arm]) for arm in chain.arms):
        gone = [arm for arm in chain.arms if provider_of(board.arms[arm]) == provider]
        found.append(
            _without(f"provider {provider} is down", board, rows, chain, gone=gone, spare=fallbacks)
        )
    for arm in chain.arms:
        name = board.names[arm]
        found.append(
            _without(f"{name} is retired", board, rows, chain, gone=[arm], spare=fallbacks)
        )
        found.append(_dearer(board, rows, chain, arm))
        found.append(_refusing(board, rows, chain, arm, fallbacks))
        found.append(_limited(board, arm, requests_per_month, peak_factor))
    return found


def _row(
    event: str,
    board: Board,
    rows: Rows,
    chain: Chain,
    *,
    spare: int | None = None,
    lost: Mapping[int, Lost] | None = None,
) -> dict[str, Any]:
    own = walk(board, rows, chain, spare=spare, lost=lost)
    gone = {arm for arm, part in (lost or {}).items() if part.share == 1.0}
    usd, known = float(own.usd.mean()), own.latency_ms[~np.isnan(own.latency_ms)]
    return {
        "event": event,
        "arms": [board.names[a] for a, often in own.asked.items() if often.any() and a not in gone],
        "quality": float(own.quality.mean()),
        "cost_per_1000_usd": None if np.isnan(usd) else 1000 * usd,
        "latency_p95_ms": float(np.quantile(known, 0.95, method="higher")) if len(known) else None,
        "unanswered": float(own.unanswered.mean()),
        "note": None,
    }


def _without(
    event: str,
    board: Board,
    rows: Rows,
    chain: Chain,
    *,
    gone: Sequence[int],
    spare: Sequence[int],
) -> dict[str, Any]:
    """Return the policy without some arms: they fail at once, and cost nothing."""
    lost = dict.fromkeys(gone, Lost(1.0, is_paid=False))
    row = _row(event, board, rows, chain, spare=_first(spare), lost=lost)
    if row["arms"]:
        return row
    return {
        **row, "quality": None, "cost_per_1000_usd": None, "latency_p95_ms": None,
        "note": "no other arm may see these data: nothing is answered",
    }  # fmt: skip


def _dearer(board: Board, rows: Rows, chain: Chain, arm: int) -> dict[str, Any]:
    """Return the policy with one price half as high again."""
    row = _row(f"{board.names[arm]} costs 50 % more", board, rows, chain)
    asked = walk(board, rows, chain).asked[arm]
    extra = float((asked * board.usd[rows, arm]).mean()) * (DEARER - 1.0)
    cost = row["cost_per_1000_usd"]
    row["cost_per_1000_usd"] = None if cost is None else cost + 1000 * extra
    return row


def _refusing(
    board: Board, rows: Rows, chain: Chain, arm: int, fallbacks: Sequence[int]
) -> dict[str, Any]:
    """Return the policy where one arm refuses a tenth of what it answers now."""
    lost = {arm: Lost(REFUSED, is_paid=True)}
    event = f"{board.names[arm]} refuses {100 * REFUSED:.0f} % more"
    row = _row(event, board, rows, chain, spare=_first(fallbacks), lost=lost)
    taker = _taker(chain, arm, fallbacks)
    row["note"] = (
        "nobody takes what it refuses"
        if taker is None
        else f"what it refuses goes to {board.names[taker]}"
    )
    return row


def _taker(chain: Chain, arm: int, fallbacks: Sequence[int]) -> int | None:
    """Return who is asked where an arm refuses; of two that must agree neither helps the other."""
    place = max(chain.arms.index(arm), asked_always(chain.rule) - 1)
    after = [*chain.arms[place + 1 :], *fallbacks]
    return _first(after)


def _first(arms: Sequence[int]) -> int | None:
    return arms[0] if arms else None


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
