"""Boards made of arrays."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from evalkit.analysis.routing.board import Board, Check


def arm(name: str, **facts: Any) -> Any:
    """Return an arm that has a name, a provider and a row without limits."""
    row = {"malformed_rate": {"high": 0.01}, "latency_ms": {"p95": {"high": 900.0}}}
    plain = {"kind": "model", "provider": name.partition(":")[0], "limits": {"rpm": None}}
    return SimpleNamespace(arm=name, model=name, row=row, facts={**plain, **facts})


def board(quality: Any, usd: Any, *, accepted: Any = None, unit: Any = None, **more: Any) -> Board:
    """Return a board of shape (n, arms); costs may be one for each arm."""
    quality = np.asarray(quality, dtype=np.float64)
    shape = quality.shape
    accepted = np.ones(shape) if accepted is None else np.asarray(accepted, dtype=np.float64)
    names = [f"p{place}:m{place}" for place in range(shape[1])]
    return Board(
        task="task",
        arms=tuple(arm(name) for name in names),
        sample=np.arange(shape[0], dtype=np.uint64),
        unit=np.arange(shape[0]) if unit is None else np.asarray(unit),
        quality=quality,
        usd=np.broadcast_to(np.asarray(usd, dtype=np.float64), shape).copy(),
        latency_ms=np.broadcast_to(np.arange(1.0, shape[1] + 1) * 100, shape).copy(),
        checks={"usable": Check(accepted, accepted * (1 - quality), accepted * quality)},
        left_out={},
        n_left_out=0,
        **more,
    )
