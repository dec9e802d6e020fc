"""Rungs drawn: every output counted once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.charts.rungs import RUNGS, rung_counts

NAMES = st.sampled_from(["valid", "fenced", "schema:type", "not_json", "refusal", "odd", "empty"])


@given(st.dictionaries(NAMES, st.integers(0, 9)))
def test_every_output_is_counted_once(rungs: dict[str, int]) -> None:
    """Groups do not overlap and leave nothing out."""
    counts = rung_counts(rungs)
    assert sum(rungs.values()) == sum(counts)
    assert len(RUNGS) == len(counts)
