"""A policy walked through sample by sample: who is asked, whose answer is taken, what that costs.

Every model that is asked is paid and waited for. It does not choose between policies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from evalkit.analysis.outcomes import Array
from evalkit.analysis.routing.board import Board
from evalkit.analysis.routing.folds import Rows
from evalkit.core.acceptance import AGREE, USABLE


@dataclass(frozen=True, slots=True)
class Chain:
    """The arms of a policy, and when an answer is taken.

    Attributes:
        arms: Their places on the board, in the order in which they are asked.
        rule: Of `core.acceptance`: `usable`, `usable and GRADER`, or `agree`: the answer of the
            first two arms is taken where both gave the same.
    """

    arms: tuple[int, ...] = ()
    rule: str = USABLE

    def __bool__(self) -> bool:
        return bool(self.arms)


class Lost(NamedTuple):
    """What an arm does not answer any more.

    Attributes:
        share: Of the requests that it gets.
        is_paid: They are paid and waited for all the same: a refusal, not a failure.
    """

    share: float
    is_paid: bool


@dataclass(eq=False)
class Walk:
    """What a policy brings on some samples, shape (n,) each; repeats of a sample are averaged.

    Attributes:
        quality: Of what is returned.
        usd: Of all that was asked.
        latency_ms: Likewise.
        asked: How often each arm was asked, by its place.
        taken: How often the first check took an answer.
        taken_wrong: How often it took one that did not pass.
        unusable: How often what is returned cannot be used, or nothing is.
        unanswered: How often nobody gave an answer that could be used, since nobody was left.
    """

    quality: Array
    usd: Array
    latency_ms: Array
    taken: Array
    taken_wrong: Array
    unusable: Array
    unanswered: Array
    asked: dict[int, Array] = field(default_factory=dict)


def walk(
    board: Board,
    rows: Rows,
    chain: Chain,
    *,
    spare: int | None = None,
    lost: Mapping[int, Lost] | None = None,
) -> Walk:
    """Walk a policy through some samples.

    An answer that is not taken counts by its cost and its time alone; but where nobody who follows
    answers, the last one that came is returned.

    Args:
        board: The task.
        rows: Places of the samples, shape (n,).
        chain: The policy.
        spare: The arm that is asked where the last one fails.
        lost: What arms do not answer any more, by their place.
    """
    course = _Course(board, rows, lost or {})
    rest = chain.arms
    if chain.rule == AGREE:
        course.hold_two(chain.arms[0], chain.arms[1])
        rest = chain.arms[2:]
    for arm in rest[:-1]:
        course.check_one(arm, chain.rule)
    course.take(rest[-1])
    if spare is not None:
        course.take(spare)
    return course.end()


class _Course:
    """Where a walk has got to."""

    def __init__(self, board: Board, rows: Rows, lost: Mapping[int, Lost]) -> None:
        self.board, self.rows, self.lost = board, rows, lost
        n = len(rows)
        self.reach = np.ones(n)
        """How often nothing has been taken yet."""
        self.stands, self.stands_quality = np.zeros(n), np.zeros(n)
        """How often the last answer that came could be used and was not taken, and its quality."""
        nothing = np.zeros(n)
        self.walk = Walk(nothing, nothing, nothing, nothing, nothing, nothing, nothing)
        self.is_checked = False

    def ask(self, arm: int, often: Array) -> Array:
        """Pay an arm and wait for it; return how often an answer comes."""
        lost = self.lost.get(arm, Lost(0.0, True))
        came = often * (1.0 - lost.share)
        billed = often if lost.is_paid else came
        self.walk.usd = self.walk.usd + _times(billed, self.board.usd[self.rows, arm])
        self.walk.latency_ms = self.walk.latency_ms + _times(
            billed, self.board.latency_ms[self.rows, arm]
        )
        self.walk.asked[arm] = self.walk.asked.get(arm, 0.0) + often
        return came

    def check_one(self, arm: int, rule: str) -> None:
        """Ask an arm, and take its answer where the rule holds."""
        often = self.reach.copy()
        came = self.ask(arm, often)
        check = self.board.checks[rule]
        usable = self.board.checks[USABLE]
        passed = came * check.accepted[self.rows, arm]
        worth = came * check.quality[self.rows, arm]
        self._note(passed, came * check.wrong[self.rows, arm])
        self.walk.quality = self.walk.quality + worth
        self.reach = self.reach - passed
        failed = 1.0 - self.lost.get(arm, Lost(0.0, True)).share
        self.stands = self.stands * (1.0 - failed) + (
            came * usable.accepted[self.rows, arm] - passed
        )
        self.stands_quality = self.stands_quality * (1.0 - failed) + (
            came * usable.quality[self.rows, arm] - worth
        )

    def hold_two(self, first: int, second: int) -> None:
        """Ask two arms, and take the answer where both gave the same."""
        usable = self.board.checks[USABLE]
        rows = self.rows
        one = self.ask(first, self.reach)
        often = one * usable.accepted[rows, first]
        two = self.ask(second, often)
        answered = 1.0 - self.lost.get(second, Lost(0.0, True)).share
        both = self.board.agreement(first, second)
        agreed = np.minimum(1.0, (one * answered) * both.accepted[rows])
        worth = (one * answered) * both.quality[rows]
        self._note(agreed, (one * answered) * both.wrong[rows])
        self.walk.quality = self.walk.quality + worth
        self.reach = self.reach - agreed
        apart = np.maximum(0.0, two * usable.accepted[rows, second] - agreed)
        self.stands = apart + often * (1.0 - answered)
        self.stands_quality = np.maximum(
            0.0, two * usable.quality[rows, second] - worth
        ) + one * usable.quality[rows, first] * (1.0 - answered)

    def take(self, arm: int) -> None:
        """Ask an arm, and take whatever it answers."""
        came = self.ask(arm, self.reach.copy())
        self.walk.quality = self.walk.quality + came * self.board.quality[self.rows, arm]
        usable = self.board.checks[USABLE].accepted[self.rows, arm]
        self.walk.unusable = self.walk.unusable + came * (1.0 - usable)
        failed = self.lost.get(arm, Lost(0.0, True)).share
        self.reach = self.reach - came
        self.stands, self.stands_quality = self.stands * failed, self.stands_quality * failed

    def end(self) -> Walk:
        """Return the answers that stand with the rest."""
        self.walk.quality = self.walk.quality + self.stands_quality
        self.walk.unanswered = np.maximum(0.0, self.reach - self.stands)
        self.walk.unusable = self.walk.unusable + self.walk.unanswered
        return self.walk

    def _note(self, taken: Array, wrong: Array) -> None:
        if not self.is_checked:
            self.walk.taken, self.walk.taken_wrong = taken, wrong
        self.is_checked = True


def _times(often: Array, values: Array) -> Array:
    """Multiply; what is never asked costs nothing, known or not."""
    return np.where(often > 0, often * values, 0.0)
