"""Rungs and latencies drawn: the same twice, every output counted once, any label."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.outcome_charts import RUNGS, Series, latency_chart, rung_chart, rung_counts
from tests.report.hostile import HOSTILE

NAMES = st.sampled_from(["valid", "fenced", "schema:type", "not_json", "refusal", "odd", "empty"])


@given(st.dictionaries(NAMES, st.integers(0, 9)))
def test_every_output_is_counted_once(rungs: dict[str, int]) -> None:
    """Groups do not overlap and leave nothing out."""
    counts = rung_counts(rungs)
    assert sum(rungs.values()) == sum(counts)
    assert len(RUNGS) == len(counts)


def test_charts_are_drawn_twice_the_same() -> None:
    """No date, no random ids."""
    counts = [rung_counts({"valid": 90, "schema:type": 10})]
    series = [Series("p:m", "#0067a8", 0, np.linspace(1, 900, 5000))]
    assert rung_chart(["p:m"], counts) == rung_chart(["p:m"], counts)
    assert latency_chart(series) == latency_chart(series)


def test_a_long_curve_stays_small() -> None:
    """100,000 latencies are drawn by some hundreds of points."""
    many = np.random.default_rng(0).lognormal(5, 1, 100_000)
    assert len(latency_chart([Series("p:m", "#0067a8", 0, many)])) < 60_000


@pytest.mark.parametrize("name", HOSTILE)
def test_any_label_can_be_drawn(name: str) -> None:
    """Without a warning, which would be an error here, and without markup."""
    label = HOSTILE[name]
    for svg in (
        rung_chart([label], [rung_counts({"valid": 1})]),
        latency_chart([Series(label, "#0067a8", 1, np.array([1.0, 2.0]))]),
    ):
        assert b"<script" not in svg
