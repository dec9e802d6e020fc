"""Verdicts of several judges and repeats joined: majority or mean, ties kept as ties.

A vote that could not be read is neither a no nor left out: what it could have changed stays
undecided. This module does not know what a criterion asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from evalkit.graders.rubric_file import Criterion, Panel


class Vote(NamedTuple):
    """What one judge said once.

    Attributes:
        verdicts: By criterion; None where no verdict could be had.
        error: Why not.
        pending: Asking again may bring a verdict (an outage, not an unreadable answer).
    """

    judge: str
    repeat: int
    verdicts: Mapping[str, str] | None
    evidence: Mapping[str, str] = {}
    error: str | None = None
    pending: bool = False


class Decision(NamedTuple):
    """What a panel decided on one criterion.

    Attributes:
        value: In [0, 1]; None where a missing vote could have changed it.
        verdict: The word that won, or on which all agree; None where the panel is tied, undecided
            or took the mean of different words.
        tie: As many votes for one verdict as for another.
        spread: Largest less smallest value among the votes.
        votes: How many votes each verdict got.
    """

    value: float | None
    verdict: str | None
    tie: bool
    spread: float
    votes: dict[str, int]


def decide(criterion: Criterion, votes: Sequence[Vote], panel: Panel) -> Decision:
    """Join the votes on one criterion.

    Under `majority` the verdict with most votes wins; two with as many are a tie, worth their
    mean. A missing vote leaves the criterion undecided unless the winner leads by more than are
    missing. Under `mean` every vote counts, so one missing vote leaves it undecided.

    >>> yes = Vote("a", 1, {"c": "yes"})
    >>> no = Vote("b", 1, {"c": "no"})
    >>> lost = Vote("d", 1, None, error="not_json")
    >>> c = Criterion(id="c", question="?")
    >>> decide(c, [yes, no], "majority")[:3]
    (0.5, None, True)
    >>> decide(c, [yes, yes, lost], "majority")[:3]
    (1.0, 'yes', False)
    >>> decide(c, [yes, lost], "majority").value is None
    True
    """
    words = [vote.verdicts[criterion.id] for vote in votes if vote.verdicts is not None]
    missing = len(votes) - len(words)
    counts = Counter(words)
    worth = [criterion.worth(word) for word in words]
    spread = max(worth) - min(worth) if worth else 0.0
    tally = {word: counts[word] for word in criterion.verdicts if counts[word]}
    if not words or (missing and (panel == "mean" or _lead(counts) <= missing)):
        return Decision(None, None, False, spread, tally)
    most = max(counts.values())
    winners = [word for word in criterion.verdicts if counts[word] == most]
    tie = len(winners) > 1
    if panel == "mean":  # has no ties; the word is known where all agree
        word = words[0] if len(counts) == 1 else None
        return Decision(sum(worth) / len(worth), word, False, spread, tally)
    value = sum(criterion.worth(word) for word in winners) / len(winners)
    return Decision(value, None if tie else winners[0], tie, spread, tally)


def retest(votes: Sequence[Vote]) -> tuple[int, int]:
    """Return how often a judge agreed with itself, and how often it was asked: pairs of repeats."""
    return _agreements(
        (a, b) for a, b in combinations(votes, 2) if a.judge == b.judge and a.repeat != b.repeat
    )


def between(votes: Sequence[Vote]) -> tuple[int, int]:
    """Return how often two judges agreed, and how often both gave a verdict."""
    return _agreements((a, b) for a, b in combinations(votes, 2) if a.judge != b.judge)


def _agreements(pairs: object) -> tuple[int, int]:
    agreed = asked = 0
    for first, second in pairs:  # type: ignore[attr-defined]
        if first.verdicts is None or second.verdicts is None:
            continue
        for name, word in first.verdicts.items():
            agreed += word == second.verdicts[name]
            asked += 1
    return agreed, asked


def _lead(counts: Counter[str]) -> int:
    """Return by how many votes the first is ahead of the second."""
    ranked = [count for _, count in counts.most_common(2)] + [0, 0]
    return ranked[0] - ranked[1]
