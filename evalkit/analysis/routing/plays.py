"""What a policy would have brought, sample by sample: one model, a cascade, the best of all.

It does not choose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evalkit.analysis.figures import as_figure
from evalkit.analysis.outcomes import Array
from evalkit.analysis.routing.board import Board
from evalkit.analysis.routing.chains import Chain, walk
from evalkit.analysis.routing.folds import Rows
from evalkit.core.acceptance import AGREE, USABLE, grader_of
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
        rule: Which answers are taken, as `Chain` has it.
        unusable: Share of what it returns that cannot be used, shape (n,); None where that is not
            worked out.
        escalated: Share of the requests that went on to the next arm.
        false_accept_rate: Share of the accepted first answers that did not pass; None where none
            was accepted or nothing is checked.
    """

    name: str
    arms: tuple[str, ...]
    quality: Array
    usd: Array
    latency_ms: Array
    rule: str = USABLE
    unusable: Array | None = None
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


def cascade(board: Board, rows: Rows, chain: Chain) -> Play:
    """Return what a chain of arms brings."""
    names = tuple(board.names[arm] for arm in chain.arms)
    own = walk(board, rows, chain)
    play = Play(
        title(names, chain.rule),
        names,
        own.quality,
        own.usd,
        own.latency_ms,
        chain.rule,
        own.unusable,
    )
    if len(names) == 1:
        return play
    taken = float(own.taken.sum())
    return replace(
        play,
        escalated=float((1.0 - own.taken).mean()),
        false_accept_rate=float(own.taken_wrong.sum()) / taken if taken else None,
    )


def title(names: Sequence[str], rule: str) -> str:
    """Return what a cascade is called.

    >>> title(["a", "b", "c"], "agree"), title(["a", "b"], "usable and python")
    ('a = b → c', 'a [python] → b')
    """
    if rule == AGREE:
        return " → ".join([" = ".join(names[:2]), *names[2:]])
    grader = grader_of(rule)
    own = [*(f"{name} [{grader}]" for name in names[:-1]), names[-1]] if grader else names
    return " → ".join(own)


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
        "accept": play.rule if len(play.arms) > 1 else None,
        "quality": quality_figure(play.quality, board, rows),
        "cost_per_1000_usd": None if np.isnan(play.mean_usd) else 1000 * play.mean_usd,
        "latency_p95_ms": _p95(play.latency_ms),
        "escalation_rate": play.escalated,
        "false_accept_rate": play.false_accept_rate,
        "n": len(rows),
    }


def quality_figure(values: Array, board: Board, rows: Rows) -> dict[str, Any] | None:
    """Return a mean with its 95 % interval over units; None where there is none."""
    clusters = board.clusters(rows)
    try:
        return as_figure(mean_interval(values, clusters))
    except ValueError:
        return None


def _p95(values: Array) -> float | None:
    known = values[~np.isnan(values)]
    return float(np.quantile(known, 0.95, method="higher")) if len(known) else None


def against(play: Play, other: Play, board: Board, rows: Rows) -> dict[str, Any]:
    """Return what a play gains against another: points of quality, and share of money saved."""
    clusters = board.clusters(rows)
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
