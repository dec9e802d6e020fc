"""Decisions: by lower bounds, never from what was locked away, and not at all on too little."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.analysis.economics.profile import Limits
from evalkit.analysis.routing.chains import Chain
from evalkit.analysis.routing.deciding import Wanted, assign, best_single
from evalkit.analysis.routing.folds import folds, split_holdout
from evalkit.analysis.routing.learned import learn, threshold_of
from evalkit.analysis.routing.stress import fallbacks_of, stress_rows
from evalkit.analysis.routing.task import route_task
from evalkit.core.policy import Governance, Requirement
from tests.analysis.routing.boards import board

ANY = Wanted(Limits(), 0.03)


def good(*rates: float, n: int = 400, seed: int = 0):
    """Return qualities of ones and zeros, one rate for each arm."""
    rng = np.random.default_rng(seed)
    shared = rng.random((n, 1))
    return (0.9 * shared + 0.1 * rng.random((n, len(rates))) < np.array(rates)).astype(float)


def test_the_cheapest_that_is_surely_good_enough_is_assigned() -> None:
    """0.93 against a limit of 0.88; 0.6 is not good enough, 0.95 is dearer."""
    own = board(good(0.6, 0.93, 0.95), [1, 2, 9])
    found = assign(own, np.arange(400), Wanted(Limits(quality=0.88), 0.03))
    assert found.chain.arms == (1,)
    assert "0.88 is needed" in found.refused["p0:m0"]


def test_an_estimate_above_the_limit_is_not_enough() -> None:
    """0.9 of 60 is above 0.88, and its lower bound is not."""
    own = board(good(0.9, n=60), [1])
    found = assign(own, np.arange(60), Wanted(Limits(quality=0.88), 0.03))
    assert found.play is None
    assert found.reason.startswith("no arm is surely good enough; the best, p0:m0")


@pytest.mark.parametrize("force", [False, True])
def test_too_few_samples_say_so(force: bool) -> None:
    """Fewer than 50 units; --force decides all the same."""
    own = board(good(1.0, 1.0, n=49), [1, 2])
    found = assign(own, np.arange(49), Wanted(Limits(quality=0.5), 0.03, force))
    assert (found.play is not None) == force
    assert force or found.reason.startswith("not enough data: 49 independent samples")


def test_samples_of_one_document_are_one() -> None:
    """400 samples of 10 documents are 10 units."""
    own = board(good(1.0), [1], unit=np.arange(400) // 40)
    assert assign(own, np.arange(400), ANY).reason.startswith("not enough data: 10")


def test_limits_on_output_and_time_are_kept() -> None:
    """Upper bounds decide."""
    own = board(good(0.9, 0.9), [1, 2])
    own.arms[0].row["malformed_rate"] = {"high": 0.06}
    found = assign(own, np.arange(400), Wanted(Limits(malformed_rate=0.02), 0.03))
    assert found.chain.arms == (1,)
    slow = assign(own, np.arange(400), Wanted(Limits(latency_p95_ms=500), 0.03))
    assert slow.play is None
    assert "p95 up to 900 ms" in slow.refused["p1:m1"]


def test_the_best_is_the_cheaper_of_equals() -> None:
    """Equal quality, another price."""
    assert best_single(board([[1, 1]] * 9, [3, 2]), np.arange(9)) == 1


def route(own, **more):
    return route_task(
        own, more.get("wanted", ANY), texts=more.get("texts", "not known"), volume=None, seed=0
    )


def test_what_is_locked_away_decides_nothing() -> None:
    """Turning every locked answer round changes the promise and no decision."""
    own = board(good(0.8, 0.9, 0.92), [1, 2, 3])
    turned = board(own.quality.copy(), [1, 2, 3])
    _, locked = split_holdout(own.unit, 0)
    turned.quality[locked] = 1 - turned.quality[locked]
    first, second = route(own), route(turned)
    assert first.chain == second.chain
    decided = ("singles", "frontier", "cascades", "assignment", "chosen", "oracle", "best_single")
    assert [first.document[k] for k in decided] == [second.document[k] for k in decided]
    assert first.document["holdout"] != second.document["holdout"]


def test_a_holdout_keeps_units_together() -> None:
    """No document stands on both sides, and about 30 % of them are locked."""
    unit = np.random.default_rng(0).integers(0, 200, 3000)
    unit = np.unique(unit, return_inverse=True)[1]
    dev, locked = split_holdout(unit, 0)
    assert set(unit[dev]) & set(unit[locked]) == set()
    assert len(dev) + len(locked) == 3000
    assert len(set(unit[locked])) == round(0.3 * len(set(unit)))


def test_every_sample_is_left_out_once() -> None:
    """And its unit with it."""
    unit = np.repeat(np.arange(40), 3)
    rows = np.arange(30, 120)
    seen = []
    for fitted, left in folds(unit, rows, 0):
        assert set(unit[fitted]) & set(unit[left]) == set()
        assert sorted([*fitted, *left]) == rows.tolist()
        seen += left.tolist()
    assert sorted(seen) == rows.tolist()


def test_a_cascade_is_chosen_where_it_saves() -> None:
    """A cheap arm that is right whenever its form holds; the dear one catches the rest."""
    rng = np.random.default_rng(0)
    accepted = np.ones((600, 2))
    accepted[:, 0] = rng.random(600) < 0.8
    quality = np.ones((600, 2))
    quality[:, 0] = accepted[:, 0]
    found = route(board(quality, [1, 10], accepted=accepted))
    assert found.chain == ("p0:m0", "p1:m1")
    saving = found.document["holdout"]["against_best"]["saving"]
    assert saving["value"] == pytest.approx(0.7, abs=0.06)
    assert found.document["holdout"]["regret"] == pytest.approx(0)


def test_a_router_learns_what_can_be_learned() -> None:
    """Short requests are easy: out of fold it finds that, and APGR is near 1."""
    rng = np.random.default_rng(0)
    hard = rng.random(800) < 0.5
    quality = np.stack([1.0 - hard, np.ones(800)], axis=1)
    texts = ["the contract is long and intricate" if h else "hi there" for h in hard]
    found = route(board(quality, [1, 10]), texts=texts).document["learned"]
    assert found["apgr"] > 0.7
    assert found["quality"]["value"] == pytest.approx(1.0)
    assert found["holdout"]["against_best"]["saving"]["value"] > 0.35


def test_noise_teaches_nothing() -> None:
    """Where the text says nothing APGR is that of chance, whatever the training samples promise."""
    rng = np.random.default_rng(0)
    quality = (rng.random((4000, 2)) < [0.6, 0.8]).astype(float)
    texts = [" ".join(rng.choice(["ab", "cd", "ef", "gh", "ij"], 6)) for _ in range(4000)]
    found = route(board(quality, [1, 10]), texts=texts).document["learned"]
    assert found["apgr"] == pytest.approx(0.5, abs=0.08)


def test_one_kind_of_sample_has_nothing_to_learn() -> None:
    """The cheap arm suffices always."""
    own = board(np.ones((100, 2)), [1, 2])
    assert "nothing to learn" in str(learn(own, np.arange(100), (0, 1), None, 0))


def test_a_threshold_loses_nothing_where_it_is_set() -> None:
    """The cheap arm is asked as often as costs no quality against the better arm alone."""
    score = np.array([0.9, 0.8, 0.7, 0.6])
    quality = np.array([[1, 1], [1, 0], [0, 1], [0, 1]])
    assert threshold_of(score, quality) == 0.7
    assert threshold_of(score, quality[::-1]) == float("inf")


def test_stress_goes_to_those_who_may_see_the_data() -> None:
    """A provider down, a model retired, dearer, refusing: by the numbers."""
    own = board([[1, 0, 1], [1, 1, 1], [0, 1, 1], [1, 1, 0]], [1, 2, 4])
    rows = np.arange(4)
    spare = fallbacks_of(own, rows, (0,))
    assert spare == [1, 2]
    found = {row["event"]: row for row in stress_rows(own, rows, Chain((0,)), spare)}
    assert found["provider p0 is down"]["cost_per_1000_usd"] == 2000
    assert found["p0:m0 is retired"]["arms"] == ["p1:m1"]
    assert found["p0:m0 costs 50 % more"]["cost_per_1000_usd"] == 1500
    refusing = found["p0:m0 refuses 10 % more"]
    assert refusing["quality"] == pytest.approx(0.75 - 0.075 + 0.1 * 0.75)
    assert refusing["cost_per_1000_usd"] == pytest.approx(1000 + 0.1 * 2000)
    assert "no rate limit" in found["the rate limit of p0:m0 is halved"]["note"]


def test_without_a_fallback_nothing_is_answered() -> None:
    """It is said, not hidden."""
    own = board([[1]] * 4, [1])
    found = {row["event"]: row for row in stress_rows(own, np.arange(4), Chain((0,)), [])}
    assert found["provider p0 is down"]["unanswered"] == 1.0
    assert found["p0:m0 refuses 10 % more"]["note"] == "nobody takes what it refuses"


def test_a_halved_rate_limit_is_held_against_the_peak() -> None:
    """100 a minute at the peak, 60 allowed: half of that carries 30 %."""
    own = board([[1]] * 4, [1])
    own.arms[0].facts["limits"] = {"rpm": 60}
    rows = stress_rows(
        own, np.arange(4), Chain((0,)), [], requests_per_month=100 * 730 * 60, peak_factor=1.0
    )
    assert rows[-1]["unanswered"] == pytest.approx(0.7)


def test_who_may_not_see_the_data_is_not_on_the_board() -> None:
    """Unknown is not allowed."""
    from evalkit.core.policy import refusal_reason

    demand = Requirement(sensitivity="confidential")
    assert refusal_reason(demand, Governance()) is not None
