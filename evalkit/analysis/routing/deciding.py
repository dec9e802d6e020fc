"""Which arm a task gets, and whether a cascade beats it: by lower bounds, on samples set aside.

Nothing here sees the locked samples. "Not enough data" is an answer. It does not export.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations
from typing import Any, NamedTuple

import numpy as np

from evalkit.analysis.economics.profile import Limits
from evalkit.analysis.routing.board import Board
from evalkit.analysis.routing.chains import Chain
from evalkit.analysis.routing.folds import Rows
from evalkit.analysis.routing.plays import Play, cascade, single
from evalkit.core.acceptance import AGREE, USABLE
from evalkit.stats import mean_interval, paired_difference, quantile_interval
from evalkit.stats.power import needed_units

FEWEST = 50
ONE_SIDED = 0.9  # both ends of a 90 % interval: 95 % at each side
_MOST_TRIPLED = 7
_SPAN = (-1.0, 1.0)
TIME = "p95 "
_MOST_AGREEING = 12


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a task asks for.

    Attributes:
        limits: What it needs.
        margin: Without a quality limit: by how much the quality may be below the best arm's.
        force: Decide on fewer than 50 units all the same.
    """

    limits: Limits
    margin: float
    force: bool = False


@dataclass(frozen=True, eq=False)
class Assigned:
    """What a task gets.

    Attributes:
        play: On the samples to work with; None where nothing can be said.
        chain: Its arms, and when an answer is taken; of none where nothing can be said.
        reason: Why, in a clause.
        refused: Why each other arm does not qualify, by its name.
    """

    play: Play | None
    chain: Chain
    reason: str
    refused: dict[str, str]


def best_single(board: Board, rows: Rows) -> int | None:
    """Return the arm with the highest mean quality, of equal ones the cheapest."""
    return _best(board, rows, 1.0)


def reference_of(board: Board, rows: Rows) -> int | None:
    """Return the arm that others must be as good as: the best, of equal ones the dearest.

    So that a cheap one which is as good by chance is not its own measure.
    """
    return _best(board, rows, -1.0)


def _best(board: Board, rows: Rows, dearness: float) -> int | None:
    if not len(rows) or not board.arms:
        return None
    quality = board.quality[rows].mean(axis=0)
    usd = dearness * np.nan_to_num(board.usd[rows].mean(axis=0), nan=np.inf)
    return min(range(len(board.arms)), key=lambda arm: (-round(quality[arm], 9), usd[arm], arm))


def assign(board: Board, rows: Rows, wanted: Wanted) -> Assigned:
    """Return the cheapest arm that surely is good enough."""
    best = reference_of(board, rows)
    if best is None:
        return Assigned(None, Chain(), _empty(board), {})
    n_units = len(np.unique(board.unit[rows]))
    if n_units < FEWEST and not wanted.force:
        return Assigned(
            None, Chain(), f"not enough data: {n_units} independent samples to work with, "
            f"{FEWEST} are needed (--force decides all the same)", {},
        )  # fmt: skip
    refused = {
        board.names[arm]: reason
        for arm in range(len(board.arms))
        if (reason := _reason(board, rows, arm, best, wanted)) is not None
    }
    open_ = [arm for arm in range(len(board.arms)) if board.names[arm] not in refused]
    if not open_:
        return Assigned(None, Chain(), _nobody(board, rows, best, wanted), refused)
    priced = [arm for arm in open_ if board.is_priced(arm)]
    if not priced:
        arm = best if best in open_ else open_[0]
        return Assigned(
            single(board, rows, arm), Chain((arm,)), "good enough; none has a price", refused
        )
    arm = min(priced, key=lambda own: (board.usd[rows, own].mean(), own))
    what = "the best" if arm == best else f"the cheapest of {len(priced)} that are good enough"
    return Assigned(single(board, rows, arm), Chain((arm,)), what, refused)


def _reason(board: Board, rows: Rows, arm: int, best: int, wanted: Wanted) -> str | None:
    """Return why an arm does not qualify, None where it does."""
    return (
        _never_right(board, rows, arm)
        or quality_reason(
            single(board, rows, arm), single(board, rows, best), board, rows, wanted=wanted
        )
        or _malformed_reason(board.arms[arm].row, wanted.limits)
        or _latency_reason(board.arms[arm].row, wanted.limits)
    )


def _never_right(board: Board, rows: Rows, arm: int) -> str | None:
    """Say that no answer was worth anything: the best of such arms is not good enough either."""
    if board.quality[rows, arm].max() > 0:
        return None
    usable = board.checks[USABLE].accepted[rows, arm].max() > 0
    return "no answer was right" if usable else "no answer could be used"


def _empty(board: Board) -> str:
    """Say why there are no samples that all arms answered."""
    if board.arms:
        return "no sample was answered by all arms: choose some by --models"
    if not board.left_out:
        return "no arm answered"
    if set(board.left_out) <= board.barred:
        return "no arm may see this task's data"
    return "no arm is left: " + "; ".join(f"{arm}: {why}" for arm, why in board.left_out.items())


class Open(NamedTuple):
    """A quality that is neither surely good enough nor surely not.

    Attributes:
        needed_n: About so many independent samples would decide, were the estimate to stay; None
            where it is not good enough as it stands.
    """

    needed_n: int | None


def still_open(board: Board, rows: Rows, arm: int, best: int, wanted: Wanted) -> Open | None:
    """Return that an arm's quality is not decided; None where it is, either way.

    Args:
        board: The task.
        rows: Places of the samples.
        arm: The arm.
        best: The best arm.
        wanted: What is asked for.
    """
    own, top = board.quality[rows, arm], board.quality[rows, best]
    limit = wanted.limits.quality
    values = own - top if limit is None else own - limit
    floor = -wanted.margin if limit is None else 0.0
    try:
        found = mean_interval(values, board.clusters(rows), ONE_SIDED, bounds=_SPAN)
    except ValueError:
        return Open(None)
    if found.high <= floor or found.low > floor:
        return None
    distance = float(values.mean()) - floor
    if distance <= 0:
        return Open(None)
    unit = board.unit[rows]
    means = np.bincount(unit, values) / np.maximum(1, np.bincount(unit))
    spread = float(means[np.unique(unit)].std(ddof=1)) if len(rows) > 1 else 0.0
    return Open(int(needed_units(spread, distance)))


def quality_reason(
    play: Play,
    best: Play,
    board: Board,
    rows: Rows,
    *,
    wanted: Wanted,
    level: float = ONE_SIDED,
) -> str | None:
    """Say why a play's quality does not suffice, None where its lower bound does.

    With a quality limit that is held against it, else the paired difference to the best arm against
    the margin.

    Args:
        play: What is held against it.
        best: What the best arm brought.
        board: The task.
        rows: Places of the samples.
        wanted: What is asked for.
        level: Of a two-sided interval whose lower end decides.
    """
    clusters = board.clusters(rows)
    limit = wanted.limits.quality
    if limit is not None:
        low = mean_interval(play.quality, clusters, level).low
        return None if low >= limit else f"quality is surely only {low:.3f}, {limit:g} is needed"
    if play.name == best.name:
        return None
    try:
        low = paired_difference(play.quality, best.quality, clusters, level).low
    except ValueError:
        return "too few samples to hold it against the best"
    if low > -wanted.margin:
        return None
    return (
        f"{-100 * low:.1f} points below {best.name} are not ruled out, "
        f"{100 * wanted.margin:g} may be"
    )


def _malformed_reason(row: Any, limits: Limits) -> str | None:
    figure = row["malformed_rate"]
    if limits.malformed_rate is None:
        return None
    if figure is None:
        return "malformed output is not known"
    if figure["high"] <= limits.malformed_rate:
        return None
    return f"up to {figure['high']:.1%} malformed, {limits.malformed_rate:.1%} is allowed"


def _latency_reason(row: Any, limits: Limits) -> str | None:
    if limits.latency_p95_ms is None:
        return None
    figure = (row["latency_ms"] or {}).get("p95")
    if figure is None:
        return "latency is not known"
    if figure["high"] is None:
        return "too few samples to bound the 95th percentile of latency"
    if figure["high"] <= limits.latency_p95_ms:
        return None
    return f"{TIME}up to {figure['high']:.0f} ms, {limits.latency_p95_ms:g} is allowed"


def _nobody(board: Board, rows: Rows, best: int, wanted: Wanted) -> str:
    found = mean_interval(board.quality[rows, best], board.clusters(rows), ONE_SIDED)
    return (
        f"no arm is surely good enough; the best, {board.names[best]}, has {found.estimate:.3f} "
        f"[{found.low:.3f}, {found.high:.3f}]"
    )


def cascades(
    board: Board, rows: Rows, rules: Sequence[str] = (USABLE,)
) -> list[tuple[Chain, Play]]:
    """Return all cascades of priced arms that go from cheap to dear, the cheapest first.

    One whose first check takes always, or never, is no cascade.

    Args:
        board: The task.
        rows: Places of the samples.
        rules: When an answer may be taken.
    """
    priced = [arm for arm in range(len(board.arms)) if board.is_priced(arm)]
    usd = board.usd[rows].mean(axis=0) if len(rows) else np.zeros(len(board.arms))
    found = []
    for rule in rules:
        chains = [
            Chain(arms, rule)
            for arms in _ordered(priced, rule)
            if all(usd[a] < usd[b] for a, b in pairwise(arms))
        ]
        plays = [(chain, cascade(board, rows, chain)) for chain in chains]
        found += [own for own in plays if 0.0 < own[1].escalated < 1.0]
    return sorted(found, key=lambda own: (own[1].mean_usd, own[0].arms))


def _ordered(arms: Sequence[int], rule: str) -> list[tuple[int, ...]]:
    """Return the orders in which arms may be asked; two that must agree need a third."""
    lengths = [2, 3] if len(arms) <= _MOST_TRIPLED else [2]
    if rule == AGREE:
        lengths = [3] if len(arms) <= _MOST_AGREEING else []
    return [own for length in lengths for own in permutations(arms, length)]


def choose(
    board: Board,
    rows: Rows,
    assigned: Assigned,
    ladder: Sequence[tuple[Chain, Play]],
    wanted: Wanted,
    *,
    shared: bool = True,
) -> Assigned:
    """Return a cascade where one is cheaper than the assigned arm and surely as good, else that.

    A cascade also serves where no single arm qualifies. The best of many flatters itself, so the
    error allowed is shared among all that are cheaper (Bonferroni); `benchmarks/cascades.py`.

    Args:
        board: The task.
        rows: Places of the samples.
        assigned: The single arm, if any.
        ladder: As `cascades` gives them.
        wanted: What is asked for.
        shared: Share the error; without it each cascade is tested as if it were alone.
    """
    best = reference_of(board, rows)
    too_few = assigned.play is None and assigned.reason.startswith("not enough data")
    if best is None or too_few:
        return assigned
    limit = np.inf if assigned.play is None else assigned.play.mean_usd
    if np.isnan(limit):
        return assigned
    top = single(board, rows, best)
    cheaper = [own for own in ladder if own[1].mean_usd < limit]
    level = 1.0 - (1.0 - ONE_SIDED) / (max(1, len(cheaper)) if shared else 1)
    for chain, play in cheaper:
        keeps = _keeps_limits(play, wanted.limits, board.clusters(rows))
        if keeps and quality_reason(play, top, board, rows, wanted=wanted, level=level) is None:
            reason = f"a cascade, cheaper than {board.names[best]} alone and surely as good"
            return Assigned(play, chain, reason, assigned.refused)
    return assigned


def _keeps_limits(play: Play, limits: Limits, clusters: Any) -> bool:
    """Say whether what a cascade returns surely keeps to what is asked of output and time."""
    most, unusable = limits.malformed_rate, play.unusable
    if most is not None and unusable is not None and mean_interval(unusable, clusters).high > most:
        return False
    if limits.latency_p95_ms is None:
        return True
    if np.isnan(play.latency_ms).any():
        return False
    slow = quantile_interval(play.latency_ms, 0.95, clusters=clusters).high
    return bool(slow <= limits.latency_p95_ms)
