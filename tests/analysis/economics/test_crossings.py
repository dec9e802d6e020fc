"""Break-even on the staircase, against a scan over every volume."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.analysis.economics.crossings import crossings, turns_of
from evalkit.analysis.economics.flips import flips_of
from tests.analysis.economics.servings import serving

# Small months: a replica carries 10 to 40 requests, so a scan can try all of them.
SMALL = st.builds(
    lambda carried, usd, copies, spare, people, fallback: serving(
        requests_per_s=carried / 3600, hours_per_month=1, usd_per_gpu_hour=usd, min_replicas=copies,
        spare_replicas=spare, operations_hours=people / 100, fallback_share=fallback,
    ),
    st.integers(10, 40), st.integers(1, 60), st.integers(1, 3), st.integers(0, 2),
    st.integers(0, 200), st.sampled_from([0.0, 0.25]),
)  # fmt: skip


def scanned(
    servings: list, price: float, most: int, step: float = 0.05
) -> list[tuple[float, bool]]:
    """Return where the sign of what is saved changes, on a fine grid between the kinks."""
    volumes = np.arange(step / 3, most, step)
    own = np.min([s.usd_per_month(volumes, price) for s in servings], axis=0)
    cheaper = price * volumes - own > 0
    turns = np.flatnonzero(cheaper[1:] != cheaper[:-1])
    return [(float(volumes[i + 1]), bool(cheaper[i + 1])) for i in turns]


@given(st.lists(SMALL, min_size=1, max_size=2), st.integers(1, 50))
def test_every_turn_is_found_and_no_other(servings: list, price_tenths: int) -> None:
    """Up to 2,000 requests a month, whatever the staircase."""
    price = price_tenths / 10 + 0.0137
    found = [own for own in crossings(servings, price) if own.requests_per_month < 1990]
    wanted = [own for own in scanned(servings, price, 2000) if own[0] < 1990]
    # Turns closer than the scan's step come and go in pairs.
    assert [own.to_self_hosting for own in found][-1:] == [side for _, side in wanted][-1:]
    for volume, side in wanted:
        assert any(
            abs(own.requests_per_month - volume) < 0.1 and own.to_self_hosting == side
            for own in found
        )
    for before, after in itertools.pairwise(found):
        assert before.requests_per_month < after.requests_per_month
        assert before.to_self_hosting != after.to_self_hosting


def exact_turns(usd: int, carried: int, price: Fraction, *, copies: int, spare: int, people: int):
    """Return all turns in fractions, piece by piece, far beyond the last of them."""
    margin = price * carried - usd
    if margin <= 0:
        return []
    pieces = int((people + usd * spare + price * carried) / margin) + copies + 3
    turns: list[tuple[Fraction, bool]] = []
    for n in range(copies, pieces):
        start = Fraction(0) if n == copies else Fraction((n - 1) * carried)
        end, meets = Fraction(n * carried), (people + usd * Fraction(n + spare)) / price
        own = turns[-1][1] if turns else False
        if own and meets > start:
            turns.append((start, False))
            own = False
        if not own and max(meets, start) < end:
            turns.append((max(meets, start), True))
    return [turn for turn in turns if turn[0] > 0]


@given(
    st.integers(1, 60), st.integers(1, 40), st.integers(1, 400),
    st.integers(1, 3), st.integers(0, 2), st.integers(0, 300),
)  # fmt: skip
def test_turns_are_those_of_exact_arithmetic(
    usd: int, carried: int, tenths: int, copies: int, spare: int, people: int
) -> None:
    """In fractions, ties included; where there are too many, those at both ends."""
    own = serving(
        requests_per_s=carried / 3600, hours_per_month=1, usd_per_gpu_hour=usd,
        min_replicas=copies, spare_replicas=spare, operations_hours=people / 100,
    )  # fmt: skip
    wanted = exact_turns(
        usd, carried, Fraction(tenths, 10), copies=copies, spare=spare, people=people
    )
    found = turns_of([own], tenths / 10)
    assert found.is_whole
    assert [float(v) for v, _ in wanted] == pytest.approx(
        [own.requests_per_month for own in found.crossings], rel=1e-9
    )
    assert [side for _, side in wanted] == [own.to_self_hosting for own in found.crossings]


@pytest.mark.parametrize("margin", [1e-4, 1e-5, 1e-6, 1e-9])
def test_of_very_many_turns_the_last_is_right(margin: float) -> None:
    """Ten requests a replica at $10 against a little more than $1: for good from 10 / margin on."""
    own = serving(requests_per_s=10 / 3600, hours_per_month=1, usd_per_gpu_hour=10)
    found = turns_of([own], 1.0 + margin)
    assert not found.is_whole
    assert len(found.crossings) < 2100
    assert found.crossings[0].requests_per_month == pytest.approx(10 / (1 + margin))
    assert found.crossings[-1].to_self_hosting
    assert found.crossings[-1].requests_per_month == pytest.approx(
        10 / margin, rel=2 * margin + 1e-5
    )


def test_a_break_even_beyond_a_million_replicas_is_found() -> None:
    """$100 billion of people against $1,898 that each full replica saves: at 138.46 trillion."""
    found = turns_of([serving(operations_hours=1e9)], 1e-3)
    assert found.crossings[-1].to_self_hosting
    assert found.crossings[-1].requests_per_month == pytest.approx(
        1e11 / 1898 * 730 * 3600, rel=1e-6
    )


def test_two_ways_to_serve_are_joined() -> None:
    """Small servers are cheaper first, large ones at volume: turns are of the cheaper of both."""
    small = serving(requests_per_s=10 / 3600, hours_per_month=1, usd_per_gpu_hour=10)
    large = serving(requests_per_s=1000 / 3600, hours_per_month=1, usd_per_gpu_hour=500)
    found = turns_of([small, large], 1.00001)
    alone = turns_of([large], 1.00001)
    assert alone.crossings[-1].requests_per_month == pytest.approx(500 / 1.00001)
    assert found.crossings[0].requests_per_month == pytest.approx(10 / 1.00001)
    before = [own for own in found.crossings if own.requests_per_month < 490]
    assert len(before) == 97
    assert found.crossings[-1].to_self_hosting
    assert found.crossings[-1].requests_per_month <= alone.crossings[-1].requests_per_month


def test_of_too_many_turns_of_two_ways_each_that_is_told_is_one() -> None:
    """Staircases of 10 and of 7 requests: the sign of what is saved changes at every turn told."""
    ways = [
        serving(requests_per_s=n / 3600, hours_per_month=1, usd_per_gpu_hour=n) for n in (10, 7)
    ]
    price = 1.00001
    found = turns_of(ways, price)
    assert not found.is_whole
    assert len(found.crossings) > 500

    def is_cheaper(volume: float) -> bool:
        return min(float(way.usd_per_month(volume, price)) for way in ways) < price * volume

    for turn in found.crossings:
        beside = 1e-6
        assert is_cheaper(turn.requests_per_month + beside) == turn.to_self_hosting
        assert is_cheaper(turn.requests_per_month - beside) != turn.to_self_hosting


def test_what_costs_nothing_is_cheaper_from_the_start() -> None:
    """No turn, and the side is said."""
    found = turns_of([serving(usd_per_gpu_hour=0.0)], 0.01)
    assert (found.crossings, found.cheaper_at_first) == ((), True)


def test_a_step_can_turn_the_order_back() -> None:
    """10 requests a replica at $10, an API at $1.2: own from 8.33 to 10, from 16.67 to 20, ..."""
    own = serving(requests_per_s=10 / 3600, hours_per_month=1, usd_per_gpu_hour=10)
    found = crossings([own], 1.2)
    assert [round(one.requests_per_month, 2) for one in found[:4]] == [8.33, 10.0, 16.67, 20.0]
    assert [one.to_self_hosting for one in found[:4]] == [True, False, True, False]
    assert found[-1].to_self_hosting


def test_what_costs_more_when_full_never_pays() -> None:
    """A replica of ten requests at $10 against $0.9 a request."""
    own = serving(requests_per_s=10 / 3600, hours_per_month=1, usd_per_gpu_hour=10)
    assert crossings([own], 0.9) == []


def test_a_tie_is_no_turn() -> None:
    """Equal at full load, dearer else."""
    own = serving(requests_per_s=10 / 3600, hours_per_month=1, usd_per_gpu_hour=10)
    assert crossings([own], 1.0) == []


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
def test_an_api_without_a_price_has_no_break_even(price: float) -> None:
    """It is refused, not taken for free."""
    with pytest.raises(ValueError, match="an API's price must be above 0"):
        crossings([serving()], price)


@given(SMALL, st.floats(1, 500), st.floats(0.1, 5))
def test_what_would_flip_it_does(own, requests: float, price: float) -> None:
    """Put back into the model, each value makes both cost the same, or as little as can be."""
    from dataclasses import replace

    flips = flips_of(own, requests, price)
    api = price * requests
    if flips.usd_per_gpu_hour is not None:
        rented = replace(own, usd_per_gpu_hour=flips.usd_per_gpu_hour)
        assert float(rented.usd_per_month(requests, price)) == pytest.approx(api)
    at = flips.usd_per_request
    assert float(own.usd_per_month(requests, at)) == pytest.approx(at * requests)
    if flips.utilisation:
        used = replace(own, utilisation=flips.utilisation)
        assert float(used.usd_per_month(requests, price)) <= api * (1 + 1e-9)
        less = replace(own, utilisation=flips.utilisation * 0.97)
        unless = float(less.replicas(requests)) == own.min_replicas + own.spare_replicas
        assert unless or float(less.usd_per_month(requests, price)) > api * (1 - 1e-9)
