"""One task's portfolio: single models, frontier, cascades, a learned router, and what is exported.

Decisions are made on samples to work with; what they promise is measured on samples that were
locked away. It does not read files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.analysis.economics.triangle import Triangle
from evalkit.analysis.routing.board import Board
from evalkit.analysis.routing.deciding import (
    Assigned,
    Wanted,
    assign,
    best_single,
    cascades,
    choose,
)
from evalkit.analysis.routing.folds import Rows, split_holdout
from evalkit.analysis.routing.learned import curve, features_of, fit, learn
from evalkit.analysis.routing.plays import (
    Play,
    against,
    cascade,
    oracle,
    play_row,
    routed,
    single,
)
from evalkit.analysis.routing.stress import fallbacks_of, stress_rows
from evalkit.core.acceptance import USABLE
from evalkit.stats import paired_difference
from evalkit.stats.frontier import pareto_front
from evalkit.stats.routing import (
    average_recovered_gap,
    call_threshold,
    cost_quality_area,
    recovered_gap,
    upper_hull,
)

_MOST_CASCADES = 10
_CALLS = (0.2, 0.5, 0.8)


@dataclass(frozen=True, eq=False)
class TaskRoute:
    """What is worked out for one task.

    Attributes:
        document: As plain data.
        chain: Names of the exported policy's arms; empty where none is exported.
        fallbacks: Names of the arms to fall back on.
        accept: When an answer is taken; None where there is nothing to choose.
    """

    document: dict[str, Any]
    chain: tuple[str, ...]
    fallbacks: tuple[str, ...]
    accept: str | None


def route_task(
    board: Board,
    wanted: Wanted,
    *,
    texts: Sequence[str] | str,
    volume: Triangle | None,
    seed: int,
    rules: Sequence[str] = (USABLE,),
) -> TaskRoute:
    """Work out one task.

    Args:
        board: Its samples.
        wanted: What it asks for.
        texts: The request of each sample, in the board's order; or why they are not known.
        volume: Requests a month, None where it is not known.
        seed: Of holdout and folds.
        rules: When a cascade may take an answer (`core.acceptance`).
    """
    dev, locked = split_holdout(board.unit, seed)
    assigned = assign(board, dev, wanted)
    ladder = cascades(board, dev, rules)
    chosen = choose(board, dev, assigned, ladder, wanted)
    best = best_single(board, dev)
    document: dict[str, Any] = {
        "n": len(board),
        "n_units": board.n_units,
        "n_left_out": board.n_left_out,
        "n_holdout": len(locked),
        "left_out": dict(board.left_out),
        "singles": [_single_row(board, dev, arm, chosen) for arm in range(len(board.arms))],
        "best_single": None if best is None else board.names[best],
        "frontier": _frontier(board, dev),
        "oracle": _oracle(board, dev),
        "cascades": [
            {**play_row(play, board, dev), **_gains(play, board, dev, best)}
            for rule in rules
            for play in _worthwhile([play for chain, play in ladder if chain.rule == rule])
        ],
        "assignment": _assignment(assigned, board, dev),
        "chosen": _chosen(chosen, board, dev),
        "holdout": _promise(chosen, board, locked, best),
        "learned": _learned(board, (dev, locked), best, texts=texts, seed=seed),
        "fallbacks": [],
        "stress": [],
    }
    if not chosen.chain:
        return TaskRoute(document, (), (), None)
    spare = fallbacks_of(board, dev, chosen.chain.arms)
    document["fallbacks"] = [board.names[arm] for arm in spare]
    document["stress"] = stress_rows(
        board, dev, chosen.chain, spare,
        requests_per_month=None if volume is None else volume.high,
    )  # fmt: skip
    names = tuple(board.names[arm] for arm in chosen.chain.arms)
    accept = chosen.chain.rule if len(names) > 1 else None
    return TaskRoute(document, names, tuple(document["fallbacks"]), accept)


def _worthwhile(plays: list[Play]) -> list[Play]:
    """Return the cascades that no other beats on both quality and cost, the cheapest first."""
    front = pareto_front([p.mean_usd for p in plays], [p.mean_quality for p in plays])
    return [plays[place] for place in front][:_MOST_CASCADES]


def _single_row(board: Board, rows: Rows, arm: int, chosen: Assigned) -> dict[str, Any]:
    own = board.arms[arm]
    return {
        **play_row(single(board, rows, arm), board, rows),
        "model": own.model,
        "malformed_rate": own.row["malformed_rate"],
        "refused": chosen.refused.get(board.names[arm]),
        "priced": board.is_priced(arm),
    }


def _priced(board: Board) -> list[int]:
    return [arm for arm in range(len(board.arms)) if board.is_priced(arm)]


def _frontier(board: Board, rows: Rows) -> list[dict[str, Any]]:
    """Return the hull of the single arms: between two of them lies a random mix of both."""
    arms = _priced(board)
    if not arms or not len(rows):
        return []
    usd = [float(board.usd[rows, arm].mean()) for arm in arms]
    quality = [float(board.quality[rows, arm].mean()) for arm in arms]
    return [
        {
            "model": board.names[arms[place]],
            "quality": quality[place],
            "cost_per_1000_usd": 1000 * usd[place],
        }
        for place in upper_hull(usd, quality)
    ]


def _oracle(board: Board, rows: Rows) -> dict[str, Any] | None:
    if not board.arms or not len(rows):
        return None
    play = oracle(board, rows, list(range(len(board.arms))))
    return {**play_row(play, board, rows), "note": "an upper bound: it takes luck for skill"}


def _gains(play: Play, board: Board, rows: Rows, best: int | None) -> dict[str, Any]:
    """Return what a play gains against the best single arm, and the dearest, and what is left."""
    if best is None:
        return {}
    top = oracle(board, rows, list(range(len(board.arms))))
    priced = _priced(board)
    dearest = max(priced, key=lambda arm: board.usd[rows, arm].mean(), default=None)
    return {
        "against_best": against(play, single(board, rows, best), board, rows),
        "against_dearest": (
            None if dearest is None else against(play, single(board, rows, dearest), board, rows)
        ),
        "regret": top.mean_quality - play.mean_quality,
    }


def _assignment(assigned: Assigned, board: Board, rows: Rows) -> dict[str, Any]:
    if assigned.play is None:
        return {
            "model": None,
            "reason": assigned.reason,
            "quality": None,
            "cost_per_1000_usd": None,
        }
    row = play_row(assigned.play, board, rows)
    return {
        "model": assigned.play.name,
        "reason": assigned.reason,
        "quality": row["quality"] and row["quality"]["value"],
        "quality_interval": row["quality"],
        "cost_per_1000_usd": row["cost_per_1000_usd"],
    }


def _chosen(chosen: Assigned, board: Board, rows: Rows) -> dict[str, Any] | None:
    if chosen.play is None:
        return None
    return {**play_row(chosen.play, board, rows), "reason": chosen.reason}


def _promise(
    chosen: Assigned, board: Board, locked: Rows, best: int | None
) -> dict[str, Any] | None:
    """Return what the exported policy brings on the locked samples, which decided nothing."""
    if not chosen.chain or best is None or not len(locked):
        return None
    play = cascade(board, locked, chosen.chain)
    return {**play_row(play, board, locked), **_gains(play, board, locked, best)}


def _learned(
    board: Board,
    split: tuple[Rows, Rows],
    best: int | None,
    *,
    texts: Sequence[str] | str,
    seed: int,
) -> dict[str, Any]:
    """Return a router that learns from the request, out of fold and on the locked samples."""
    dev, locked = split
    pair = _pair(board, dev, best)
    why = texts if isinstance(texts, str) else None
    if pair is None:
        why = "no cheaper arm stands on the frontier"
    if why is not None or pair is None:
        return {"why": why}
    features = features_of(texts)
    found = learn(board, dev, pair, features, seed)
    if isinstance(found, str):
        return {"why": found}
    play = routed(board, dev, pair, found.strong, "learned")
    document = {
        "why": None,
        "cheap": board.names[pair[0]],
        "strong": board.names[pair[1]],
        **play_row(play, board, dev),
        **_gains(play, board, dev, best),
        **_scores(board, dev, pair, found.score),
        "holdout": None,
    }
    final = fit(board, dev, pair, features, seed)
    if final is not None and len(locked):
        strong = (final.score(features[locked]) < final.threshold).astype(np.float64)
        own = routed(board, locked, pair, strong, "learned")
        document["holdout"] = {
            **play_row(own, board, locked), **_gains(own, board, locked, best),
        }  # fmt: skip
    return document


def _is_surely_better(board: Board, rows: Rows, pair: tuple[int, int]) -> bool:
    cheap, strong = (board.quality[rows, arm] for arm in pair)
    try:
        return paired_difference(strong, cheap, board.clusters(rows)).low > 0
    except ValueError:
        return False


def _pair(board: Board, rows: Rows, best: int | None) -> tuple[int, int] | None:
    """Return the arm below the best single one on the frontier, and that one."""
    if best is None or not board.is_priced(best):
        return None
    names = [own["model"] for own in _frontier(board, rows)]
    below = [name for name in names if name != board.names[best]]
    return (board.names.index(below[-1]), best) if below else None


def _scores(board: Board, rows: Rows, pair: tuple[int, int], score: Any) -> dict[str, Any]:
    """Return APGR, CPT and the area below the router's hull beside that of the single arms.

    APGR and CPT are shares of the gap between the two arms: without a gap that is sure there is
    nothing to be a share of.
    """
    calls, quality, usd = curve(board, rows, pair, score)
    document: dict[str, Any] = {"apgr": None, "cpt": None, "area": None, "area_of_singles": None}
    if _is_surely_better(board, rows, pair):
        gap = recovered_gap(quality, float(quality[0]), float(quality[-1]))
        document["apgr"] = average_recovered_gap(calls, gap)
        document["cpt"] = {f"{100 * w:.0f}%": call_threshold(calls, gap, w) for w in _CALLS}
    low, high = float(usd.min()), float(usd.max())
    if high > low:
        ends = [float(usd[0]), float(usd[-1])]
        document["area"] = cost_quality_area(usd.tolist(), quality.tolist(), low, high)
        document["area_of_singles"] = cost_quality_area(
            ends, [float(quality[0]), float(quality[-1])], low, high
        )
    return document
