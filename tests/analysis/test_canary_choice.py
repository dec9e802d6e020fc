"""Which samples are chosen as canaries, from histories made by hand."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from evalkit.analysis.drifting.canary_choice import Canary, Past, Traits, choose_canaries


def past(share: Any, quality: Any = None) -> Past:
    own = np.asarray(share, dtype=np.float64)
    return Past(own, own if quality is None else np.asarray(quality), np.ones(len(own), np.int64))


def traits(n: int, **changes: Any) -> Traits:
    given = {
        "critical": np.zeros(n, bool), "cluster": np.arange(n), "slices": [np.zeros(n, np.int64)]
    }  # fmt: skip
    return Traits(**{**given, **changes})


def choose(found: Past, k: int, seed: int = 0, **changes: Any) -> list[Canary]:
    rng = np.random.default_rng(seed)
    return choose_canaries(found, traits(len(found.share), **changes), k, rng)


def roles(canaries: list[Canary]) -> dict[str, int]:
    return dict(Counter(canary.role for canary in canaries))


def test_half_hang_in_the_balance_and_half_never_fail() -> None:
    """In the order of the samples, each once."""
    found = choose(past([0.5] * 30 + [1.0] * 30 + [0.0] * 30), 20)
    assert roles(found) == {"borderline": 10, "stable pass": 10}
    assert [canary.number for canary in found] == sorted({canary.number for canary in found})


def test_borderline_is_what_is_nearest_to_one_half() -> None:
    """Of twice as many as are wanted."""
    share = np.concatenate([np.full(10, 0.05), np.full(10, 0.5), np.ones(20)])
    found = choose(past(share), 10)
    assert {canary.number for canary in found if canary.role == "borderline"} <= set(range(10, 20))


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        ([1.0] * 50, {"stable pass": 10}),
        ([0.5] * 50, {"borderline": 5, "mostly passing": 5}),
        ([0.0] * 50, {"failing": 10}),
        ([1.0] * 2 + [0.0] * 48, {"stable pass": 2, "failing": 8}),
        ([0.5] * 2 + [1.0] * 48, {"borderline": 2, "stable pass": 8}),
    ],
)
def test_what_is_lacking_is_filled_up(share: list[float], expected: dict[str, int]) -> None:
    """With the other kind, then with high shares, then with high scores."""
    assert roles(choose(past(share), 10)) == expected


def test_failing_samples_with_high_scores_come_before_hopeless_ones() -> None:
    """Of those that never passed the near misses can tip."""
    quality = np.concatenate([np.full(40, 0.1), np.full(10, 0.9)])
    found = choose(past(np.zeros(50), quality), 5)
    assert {canary.number for canary in found} <= set(range(40, 50))


def test_critical_samples_come_first() -> None:
    """Within each kind, as far as they go."""
    critical = np.zeros(100, bool)
    critical[[3, 47, 60, 99]] = True
    found = choose(past([0.5] * 50 + [1.0] * 50), 100, critical=critical)
    assert len(found) == 100
    found = choose(past([0.5] * 10 + [1.0] * 90), 8, critical=critical)
    assert {3, 47, 60, 99} <= {canary.number for canary in found}


def test_clusters_are_spread() -> None:
    """Ten clusters give ten canaries of one cluster each."""
    found = choose(past([0.5] * 50 + [1.0] * 50), 10, cluster=np.arange(100) % 10)
    assert len({canary.number % 10 for canary in found}) == 10


def test_slices_keep_their_shares() -> None:
    """Three quarters stay about three quarters, for each column by itself."""
    language = np.arange(200) % 4 == 0
    level = np.arange(200) % 2
    found = choose(past([0.5] * 100 + [1.0] * 100), 40, slices=[language.astype(np.int64), level])
    numbers = [canary.number for canary in found]
    assert language[numbers].sum() == pytest.approx(10, abs=1)
    assert level[numbers].sum() == pytest.approx(20, abs=1)


def test_the_seed_decides_between_equals() -> None:
    """The same seed, the same canaries."""
    found = past([0.5] * 50 + [1.0] * 50)
    assert choose(found, 20, seed=1) == choose(found, 20, seed=1)
    assert choose(found, 20, seed=1) != choose(found, 20, seed=2)


def test_a_sample_without_a_past_is_not_chosen() -> None:
    """An error tells nothing."""
    share = np.array([np.nan] * 10 + [1.0] * 10)
    assert {canary.number for canary in choose(past(share), 10)} == set(range(10, 20))
    with pytest.raises(ValueError, match="11 samples are wanted, and 10 have a past"):
        choose(past(share), 11)
