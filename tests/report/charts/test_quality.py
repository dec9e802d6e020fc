"""The chart: deterministic, honest about what is unknown, labels apart."""

from __future__ import annotations

import pytest
from trials_by_hand import ArmFacts, completion, rows, trial
from trials_by_hand import attempt as tried

from evalkit.core.records import Usage
from evalkit.report.charts.placement import best_corner
from evalkit.report.charts.quality import front, quality_chart

ARMS = {f"p:model-number-{i}": ArmFacts(weights="closed") for i in range(9)}


def _rows(model="p:m", **changes):
    trials = [
        trial(
            str(i), float(i % 4 > 0), arm=arm, model=model,
            attempts=(tried(completion=completion(usage=Usage(input=100 + k, output=10))),),
            **changes,
        )
        for k, arm in enumerate(ARMS) for i in range(20)
    ]  # fmt: skip
    return rows(trials, arms=ARMS)


def test_the_chart_is_drawn_twice_the_same(tmp_path):
    """No date, no random ids."""
    first = [path.read_bytes() for path in quality_chart(_rows(), tmp_path)]
    second = [path.read_bytes() for path in quality_chart(_rows(), tmp_path)]
    assert first == second
    assert first[0].startswith(b"\x89PNG")
    assert b"<dc:date>" not in first[1]


def test_an_evil_name_is_text_and_no_formula(tmp_path):
    """TeX of names is not set, HTML not obeyed, control characters are gone."""
    trials = [trial(str(i), arm="p:$\\frac{<script>\x1b_^$", model="own:m") for i in range(3)]
    paths = quality_chart(rows(trials), tmp_path)
    assert b"<script>" not in paths[1].read_bytes()


def test_arms_without_a_price_stand_in_a_strip_of_their_own(tmp_path, monkeypatch):
    """Never at 0; where nothing is priced latency is shown."""
    said = []
    from matplotlib.axes import Axes

    real = Axes.text
    monkeypatch.setattr(
        Axes, "text", lambda s, x, y, t, **k: (said.append(t), real(s, x, y, t, **k))[1]
    )
    mixed = [*_rows()[:2], *rows([trial("a", arm="own:x", model="own:m")])]
    quality_chart(mixed, tmp_path)
    assert "no price known" in said
    said.clear()
    quality_chart(_rows(model="own:m"), tmp_path)
    assert "no price known" not in said


def test_nothing_scored_draws_nothing(tmp_path):
    """No empty picture."""
    assert quality_chart(rows([trial(status="skipped", attempts=())]), tmp_path) == ()


def test_labels_avoid_each_other_and_stay_inside():
    """Nine labels at one point: none covers another."""
    frame, taken = (0.0, 0.0, 800.0, 400.0), [(390.0, 190.0, 410.0, 210.0)]
    for _ in range(9):
        left, bottom = best_corner((400.0, 200.0), (120.0, 14.0), frame, taken)
        box = (left, bottom, left + 120, bottom + 14)
        for other in taken:
            apart = (
                box[2] <= other[0] or other[2] <= box[0] or box[3] <= other[1] or other[3] <= box[1]
            )
            assert apart
        assert 0 <= box[0] <= box[2] <= 800
        assert 0 <= box[1] <= box[3] <= 400
        taken.append(box)


@pytest.mark.parametrize("anchor", [(0.0, 0.0), (800.0, 400.0)])
def test_labels_at_the_edge_are_pulled_inside(anchor):
    """Also where a point stands in a corner."""
    left, bottom = best_corner(anchor, (120.0, 14.0), (0.0, 0.0, 800.0, 400.0), [])
    assert 0 <= left <= 680
    assert 0 <= bottom <= 386


def test_the_front_leaves_out_what_has_no_price():
    """A missing price is no cheap one."""
    mixed = [*_rows(), *rows([trial("a", arm="own:x", model="own:m")])]
    found = front(mixed, "cost")
    assert [row["arm"] for row in found] == ["p:model-number-0"]
    assert "own:x" in [row["arm"] for row in front(mixed, "latency")]
