"""What a policy would have brought, sample by sample: one model, a cascade, the best of all.

A cascade pays for every model that it asks, and waits for each. It does not choose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evalkit.analysis.figures import as_figure
from evalkit.analysis.outcomes import Array
from evalkit.analysis.routing.board import Board
from evalkit.analysis.routing.folds import Rows
from evalkit.stats import mean_interval, paired_difference
from evalkit.stats.paired_ratios import mean_ratio


@dataclass(frozen=True, eq=False)
class Play:
    """What a policy brought on some samples.

    Attributes:
        name: What it is called.
        arms: The arms that it may ask, in their order.
        quality: Shape (n,).
        usd: Likewise; NaN where it is not known.
        latency_ms: Likewise.
        escalated: Share of the requests that went on to the next arm.
        false_accept_rate: Share of the accepted first answers that did not pass; None where none
            was accepted or nothing is checked.
    """

    name: str
    arms: tuple[str, ...]
    quality: Array
    usd: Array
    latency_ms: Array
    escalated: float = 0.0
    false_accept_rate: float | None = None

    @property
    def mean_quality(self) -> float:
        """Mean quality."""
        return float(self.quality.mean())

    @property
    def mean_usd(self) -> float:
        """Mean cost of a request; NaN where it is not known."""
        return float(self.usd.mean())


def single(board: Board, rows: Rows, arm: int) -> Play:
    """Return what one arm brought."""
    name = board.names[arm]
    return Play(
        name,
        (name,),
        board.quality[rows, arm],
        board.usd[rows, arm],
        board.latency_ms[rows, arm],
    )


def cascade(board: Board, rows: Rows, chain: Sequence[int]) -> Play:
    """Return what a chain of arms brings: the next is asked where an answer cannot be used.

    Of an answer that is not accepted nothing counts but its cost and its time.
    """
    n = len(rows)
    reach = np.ones(n)
    quality, usd, latency = np.zeros(n), np.zeros(n), np.zeros(n)
    for step, arm in enumerate(chain):
        last = step == len(chain) - 1
        usd += reach * board.usd[rows, arm]
        latency += reach * board.latency_ms[rows, arm]
        quality += reach * board.quality[rows, arm]
        if not last:
            reach = reach * (1.0 - board.accepted[rows, arm])
    names = tuple(board.names[arm] for arm in chain)
    play = Play(" → ".join(names), names, quality, usd, latency)
    return play if len(chain) == 1 else _checked(play, board, rows, chain[0])


def _checked(play: Play, board: Board, rows: Rows, first: int) -> Play:
    """Return a cascade with how often it goes on, and how often it should have."""
    accepted = float(board.accepted[rows, first].sum())
    wrong = float(board.accepted_wrong[rows, first].sum())
    return replace(
        play,
        escalated=float((1.0 - board.accepted[rows, first]).mean()),
        false_accept_rate=wrong / accepted if accepted else None,
    )


def routed(board: Board, rows: Rows, arms: Sequence[int], choice: Array, name: str) -> Play:
    """Return what asking one of several arms for each sample brings.

    Args:
        board: The task.
        rows: Places of the samples, shape (n,).
        arms: The arms.
        choice: Place of the arm in `arms` for each sample, shape (n,).
        name: What it is called.
    """
    column = np.array(arms)[choice.astype(np.intp)]
    return Play(
        name,
        tuple(board.names[arm] for arm in arms),
        board.quality[rows, column],
        board.usd[rows, column],
        board.latency_ms[rows, column],
        escalated=float((choice > 0).mean()),
    )


def oracle(board: Board, rows: Rows, arms: Sequence[int]) -> Play:
    """Return the best of all arms on each sample, the cheapest of those: an upper bound.

    It knows every answer beforehand, and takes luck for skill: no router reaches it.
    """
    columns = np.array(arms, dtype=np.intp)
    quality = board.quality[np.ix_(rows, columns)]
    cost = np.nan_to_num(board.usd[np.ix_(rows, columns)], nan=np.inf)
    best = quality >= quality.max(axis=1, keepdims=True) - 1e-12
    choice = np.where(best, cost, np.inf)
    choice = np.where(
        np.isinf(choice).all(axis=1, keepdims=True), np.where(best, 0.0, np.inf), choice
    )
    return routed(board, rows, arms, choice.argmin(axis=1).astype(np.float64), "oracle")


def play_row(play: Play, board: Board, rows: Rows) -> dict[str, Any]:
    """Return a play as plain data: quality with its interval, money, time."""
    return {
        "name": play.name,
        "arms": list(play.arms),
        "quality": quality_figure(play.quality, board, rows),
        "cost_per_1000_usd": None if np.isnan(play.mean_usd) else 1000 * play.mean_usd,
        "latency_p95_ms": _p95(play.latency_ms),
        "escalation_rate": play.escalated,
        "false_accept_rate": play.false_accept_rate,
        "n": len(rows),
    }


def quality_figure(values: Array, board: Board, rows: Rows) -> dict[str, Any] | None:
    """Return a mean with its 95 % interval over units; None where there is none."""
    unit = board.unit[rows]
    clusters = None if len(np.unique(unit)) == len(unit) else unit
    try:
        return as_figure(mean_interval(values, clusters))
    except ValueError:
        return None


def _p95(values: Array) -> float | None:
    known = values[~np.isnan(values)]
    return float(np.quantile(known, 0.95, method="higher")) if len(known) else None


def against(play: Play, other: Play, board: Board, rows: Rows) -> dict[str, Any]:
    """Return what a play gains against another: points of quality, and share of money saved."""
    unit = board.unit[rows]
    clusters = None if len(np.unique(unit)) == len(unit) else unit
    return {
        "against": other.name,
        "quality_difference": _difference(play, other, clusters),
        "saving": _saving(play, other, clusters),
    }


def _difference(play: Play, other: Play, clusters: Any) -> dict[str, Any] | None:
    try:
        return as_figure(paired_difference(play.quality, other.quality, clusters))
    except ValueError:
        return None


def _saving(play: Play, other: Play, clusters: Any) -> dict[str, Any] | None:
    """Return the share of the other's money that is saved; negative where more is spent."""
    if np.isnan(play.usd).any() or np.isnan(other.usd).any() or other.usd.sum() <= 0:
        return None
    value = 1.0 - float(play.usd.sum() / other.usd.sum())
    try:
        found = mean_ratio(play.usd, other.usd, clusters=clusters)
    except ValueError:
        return {"value": value, "low": None, "high": None, "n": len(play.usd), "method": "none"}
    return {
        "value": value,
        "low": 1.0 - found.high,
        "high": 1.0 - found.low,
        "n": found.n,
        "method": found.method,
    }
