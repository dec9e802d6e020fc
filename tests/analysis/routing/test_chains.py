"""Policies walked through, against asking for each sample one call at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.analysis.routing.board import Board, Check, Said, agreement
from evalkit.analysis.routing.chains import Chain, Lost, walk
from evalkit.core.acceptance import AGREE, USABLE, passing
from tests.analysis.routing.boards import board

N = 80
ROWS = np.arange(N)
PYTHON = passing("python")
RULES = (USABLE, AGREE, PYTHON)


def drawn(seed: int, arms: int = 4) -> Board:
    """Return a board with what was said: usable or not, one of three answers, one of them right."""
    rng = np.random.default_rng(seed)
    usable = rng.random((N, arms)) < 0.75
    said = rng.integers(0, 3, (N, arms))
    quality = ((said == 0) & usable).astype(float)
    full = usable & (rng.random((N, arms)) < 0.6)
    own = board(quality, [0.001, 0.004, 0.02, 0.05][:arms], accepted=usable)
    checks = {
        **own.checks,
        PYTHON: Check(full.astype(float), full * (1 - quality), full * quality),
    }
    ones = np.ones((N, 1), dtype=bool)
    kept = tuple(
        Said(ones, usable[:, [a]], said[:, [a]].astype(np.uint64), *marks(quality[:, [a]]))
        for a in range(arms)
    )
    return replace(own, checks=checks, said=kept)


@dataclass
class Came:
    """What came of one sample."""

    quality: float
    usd: float
    waited: float
    unanswered: bool


def asked_one_by_one(own: Board, row: int, chain: Chain, spare: int | None, gone: set[int]) -> Came:
    """Ask as `evalkit run --policy` does: pay who answers, keep the last answer that came."""
    usd = waited = 0.0
    last: int | None = None
    first: int | None = None

    def usable(arm: int) -> bool:
        return bool(own.checks[USABLE].accepted[row, arm])

    def taken(place: int, arm: int) -> bool:
        if place >= len(chain.arms) - 1:
            return True
        if chain.rule == AGREE:
            same = first is not None and own.said[first].value[row] == own.said[arm].value[row]
            return place == 1 and usable(arm) and bool(same)
        return bool(own.checks[chain.rule].accepted[row, arm])

    for place, arm in enumerate([*chain.arms, *([] if spare is None else [spare])]):
        if chain.rule == AGREE and place == 1 and first is None:
            continue
        if arm in gone:
            continue
        usd += own.usd[row, arm]
        waited += own.latency_ms[row, arm]
        last = arm
        if taken(place, arm):
            return Came(own.quality[row, arm], usd, waited, unanswered=False)
        if place == 0 and usable(arm):
            first = arm
    stands = last is not None and usable(last)
    return Came(
        own.quality[row, last] if last is not None else 0.0, usd, waited, unanswered=not stands
    )


@given(
    st.integers(0, 300),
    st.permutations([0, 1, 2, 3]),
    st.sampled_from(RULES),
    st.sets(st.integers(0, 3), max_size=3),
    st.booleans(),
)
def test_a_walk_is_what_asking_one_by_one_brings(
    seed: int, order: list[int], rule: str, gone: set[int], has_spare: bool
) -> None:
    """Whatever the rule, whoever is gone, with and without a fallback."""
    own = drawn(seed)
    chain, spare = Chain(tuple(order[:3]), rule), order[3] if has_spare else None
    lost = dict.fromkeys(gone, Lost(1.0, is_paid=False))
    found = walk(own, ROWS, chain, spare=spare, lost=lost)
    each = [asked_one_by_one(own, row, chain, spare, gone) for row in ROWS]
    assert found.quality == pytest.approx([came.quality for came in each])
    assert found.usd == pytest.approx([came.usd for came in each])
    assert found.latency_ms == pytest.approx([came.waited for came in each])
    assert found.unanswered == pytest.approx([float(came.unanswered) for came in each])


def test_of_repeats_each_meets_each() -> None:
    """Arms asked apart agree by chance of their draws: 2 of 4 pairs here, one of them wrong."""
    one = Said(*laid([[1, 1]]), np.array([[7, 8]], np.uint64), *marks([[1, 0]]))
    two = Said(*laid([[1, 1]]), np.array([[7, 8]], np.uint64), *marks([[1, 0]]))
    found = agreement(one, two)
    assert (found.accepted.item(), found.wrong.item(), found.quality.item()) == (0.5, 0.25, 0.25)


def test_what_cannot_be_used_agrees_with_nothing() -> None:
    """Two malformed answers may be equal texts; a repeat that failed counts for nobody."""
    malformed = Said(*laid([[1]], usable=[[0]]), np.array([[7]], np.uint64), *marks([[0]]))
    assert agreement(malformed, malformed).accepted.item() == 0.0
    half = Said(*laid([[1, 0]]), np.array([[7, 7]], np.uint64), *marks([[1, 0]]))
    assert agreement(half, half).accepted.item() == 1.0


def laid(answered, usable=None):
    """Return flags of who answered, and of what can be used."""
    came = np.array(answered, dtype=bool)
    return came, came if usable is None else np.array(usable, dtype=bool)


def marks(quality):
    """Return qualities, and what is wrong."""
    values = np.array(quality, dtype=float)
    return values, values == 0


def test_a_refusal_is_paid_and_a_failure_is_not() -> None:
    """Both send the same share on."""
    own = drawn(1)
    chain = Chain((0, 1))
    refused = walk(own, ROWS, chain, lost={0: Lost(0.1, is_paid=True)})
    failed = walk(own, ROWS, chain, lost={0: Lost(0.1, is_paid=False)})
    assert refused.quality == pytest.approx(failed.quality)
    assert (refused.usd - failed.usd) == pytest.approx(np.full(N, 0.1 * 0.001))
