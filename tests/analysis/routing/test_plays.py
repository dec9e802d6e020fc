"""What a policy would have brought, against a walk through the samples one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.analysis.routing.chains import Chain
from evalkit.analysis.routing.plays import against, cascade, oracle, routed, single
from tests.analysis.routing.boards import board

ROWS = np.arange(60)


def drawn(seed: int, arms: int = 3):
    """Return a board of ones and zeros; what is not accepted has no quality."""
    rng = np.random.default_rng(seed)
    accepted = rng.random((60, arms)) < 0.7
    quality = (rng.random((60, arms)) < 0.6) * accepted
    return board(quality, [0.001, 0.004, 0.02][:arms], accepted=accepted)


@given(st.integers(0, 200), st.permutations([0, 1, 2]))
def test_a_cascade_is_what_a_walk_through_it_brings(seed: int, chain: list[int]) -> None:
    """Ask, pay, wait; take what is accepted, else go on; of the last take what comes."""
    own = drawn(seed)
    quality, usd, latency = [], [], []
    for row in ROWS:
        paid = waited = 0.0
        for step, arm in enumerate(chain):
            paid += own.usd[row, arm]
            waited += own.latency_ms[row, arm]
            if own.checks["usable"].accepted[row, arm] or step == len(chain) - 1:
                quality.append(own.quality[row, arm])
                break
        usd.append(paid)
        latency.append(waited)
    play = cascade(own, ROWS, Chain(tuple(chain)))
    assert play.quality.tolist() == quality
    assert play.usd == pytest.approx(usd)
    assert play.latency_ms.tolist() == latency


def test_escalation_and_false_accepts_are_counted() -> None:
    """Of four answers one is not accepted; of the three accepted one is wrong."""
    own = board([[1, 1], [1, 1], [0, 1], [0, 1]], [1, 2], accepted=[[1, 1], [1, 1], [1, 1], [0, 1]])
    play = cascade(own, np.arange(4), Chain((0, 1)))
    assert (play.escalated, play.false_accept_rate) == (0.25, pytest.approx(1 / 3))
    assert play.mean_quality == 0.75
    alone = cascade(own, np.arange(4), Chain((1,)))
    assert (alone.escalated, alone.false_accept_rate) == (0.0, None)


def test_the_oracle_is_the_best_of_each_and_the_cheapest_of_those() -> None:
    """And above every policy."""
    own = board([[0, 1, 1], [1, 1, 0], [0, 0, 0]], [1, 2, 3])
    play = oracle(own, np.arange(3), [0, 1, 2])
    assert play.quality.tolist() == [1, 1, 0]
    assert play.usd.tolist() == [2, 1, 1]


def test_two_equal_coins_make_a_flattered_oracle() -> None:
    """Two arms of quality 0.8 seem to have 0.96 together: why it is called an upper bound."""
    rng = np.random.default_rng(0)
    own = board(rng.random((200_000, 2)) < 0.8, [1, 1])
    play = oracle(own, np.arange(200_000), [0, 1])
    assert play.mean_quality == pytest.approx(0.96, abs=0.003)


@given(st.integers(0, 100))
def test_no_choice_beats_the_oracle(seed: int) -> None:
    """Whatever is asked for each sample."""
    own = drawn(seed)
    choice = np.random.default_rng(seed).integers(0, 3, 60).astype(float)
    play = routed(own, ROWS, (0, 1, 2), choice, "any")
    assert (play.quality <= oracle(own, ROWS, (0, 1, 2)).quality).all()


def test_a_saving_has_its_interval() -> None:
    """Half the cost on each sample; the difference is paired."""
    rng = np.random.default_rng(1)
    own = board(rng.random((300, 2)) < 0.7, [0, 0])
    own.usd[:, 1] = rng.uniform(1, 2, 300)
    own.usd[:, 0] = own.usd[:, 1] * rng.uniform(0.4, 0.6, 300)
    rows = np.arange(300)
    found = against(single(own, rows, 0), single(own, rows, 1), own, rows)
    assert found["saving"]["low"] < 0.5 < found["saving"]["high"]
    assert found["saving"]["value"] == pytest.approx(1 - own.usd[:, 0].sum() / own.usd[:, 1].sum())


def test_without_a_price_nothing_is_saved() -> None:
    """None, not 0."""
    own = board([[1, 1]] * 5, [np.nan, 1])
    rows = np.arange(5)
    found = against(single(own, rows, 0), single(own, rows, 1), own, rows)
    assert found["saving"] is None
