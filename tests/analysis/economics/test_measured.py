"""What a run measured of an arm, by rows made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.analysis.economics.measured import MeasuredArm


def arm(**row: Any) -> MeasuredArm:
    plain = {
        "n_answered": 10,
        "n_cached": 0,
        "tokens": {"input": 2000, "output": 300},
        "attempts_per_trial": 1.0,
    }
    return MeasuredArm("p:m", "p:m", {"weights": None}, plain | row, side=None)  # type: ignore[arg-type]


def test_tokens_of_a_request_are_those_that_were_billed() -> None:
    """2,300 tokens of ten answers; four of them from the cache leave six that were billed."""
    assert arm().tokens_per_request == pytest.approx(230)
    assert arm(n_cached=4).tokens_per_request == pytest.approx(2300 / 6)


def test_where_all_answers_came_from_the_cache_nothing_is_known() -> None:
    """No tokens, and not none."""
    tokens = {"input": None, "output": None}
    assert arm(n_cached=10, tokens=tokens).tokens_per_request is None
    assert arm(n_cached=10).tokens_per_request is None


@pytest.mark.parametrize(
    ("weights", "may"), [("closed", False), ("open_restricted", True), (None, True)]
)
def test_closed_weights_cannot_be_served_oneself(weights: str | None, may: bool) -> None:
    """What is not declared is not refused."""
    own = arm()
    assert MeasuredArm("p:m", "p:m", {"weights": weights}, own.row, own.side).may_be_served is may
