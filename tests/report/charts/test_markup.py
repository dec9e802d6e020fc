"""A drawing for the page: no styles, only colours of the palette, ids of its own."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from trials_by_hand import rows, trial

from evalkit.report.charts.drawing import Frame, draw, light
from evalkit.report.charts.heat import Field, SliceFields, heat_chart
from evalkit.report.charts.latency import Series, curve, latency_chart
from evalkit.report.charts.markup import file_markup
from evalkit.report.charts.per_success import Cost, success_chart
from evalkit.report.charts.quality import tradeoff_chart
from evalkit.report.charts.rungs import rung_chart, rung_counts
from evalkit.report.charts.trend import Line, Moment, trend_chart
from evalkit.report.palette import ROLES
from tests.report.hostile import HOSTILE


def _parsed(svg):
    return ET.fromstring(svg)  # noqa: S314 (drawn here)


def _tradeoff(labels, alt="told"):
    found = rows([trial(str(i), float(i % 2), arm="p:m") for i in range(6)])
    shown = [{**found[0], "arm": label} for label in labels]
    return tradeoff_chart("q", alt, shown, ["c0"] * len(labels), "latency")


def _rungs(labels, alt="told"):
    counts = [rung_counts({"valid": 3, "schema:type": 1})] * len(labels)
    return rung_chart("r", alt, labels, counts)


def _latency(labels, alt="told"):
    times = np.random.default_rng(0).lognormal(5, 1, 40)
    series = [Series(label, "c1", place, times) for place, label in enumerate(labels)]
    return latency_chart("l", alt, [*series, Series("b", "c2", 0, times)])


def _success(labels, alt="told"):
    known = [Cost(label, "c0", True, 0.01, (0.005, None), True) for label in labels]
    far = Cost("p:far", "c1", False, 4.0, (3.0, 5.0), True)
    return success_chart("s", alt, [*known, far, Cost("p:x", "c2", False, None, None, False)])


def _heat(labels, alt="told"):
    fields = (Field(0.98, 0.9, 1.0), Field(0.0, None, None), None)
    slices = [SliceFields(label, 7, fields) for label in labels]
    return heat_chart("h", alt, [*labels, "b", "c"][:3], slices)


def _trend(labels, alt="told"):
    moments = (
        Moment("2026-01-01T10:00:00+00:00", 0.9, 0.8, 1.0, False),
        Moment("2026-02-01T10:00:00+00:00", None, None, None, True),
        Moment("2026-03-01T10:00:00+00:00", 0.7, None, None, True),
    )
    return trend_chart("t", alt, [Line(label, "c0", moments) for label in labels])


CHARTS = {
    "quality": _tradeoff, "rungs": _rungs, "latency": _latency, "success": _success,
    "heat": _heat, "trend": _trend,
}  # fmt: skip
TAGS = {"svg", "g", "defs", "path", "use", "text", "clipPath", "rect", "pattern", "style"}
DRAWN = pytest.mark.parametrize("chart", CHARTS)


@DRAWN
def test_a_chart_is_drawn_twice_the_same(chart):
    """No date, no random ids: equal input, equal bytes."""
    assert CHARTS[chart](["p:m"]) == CHARTS[chart](["p:m"])


@DRAWN
def test_the_page_gets_no_style_and_no_foreign_colour(chart):
    """A strict policy forbids styles; a fixed colour would not be dark where the page is."""
    markup = CHARTS[chart](["p:m"]).markup
    assert " style=" not in markup
    assert "<style" not in markup
    assert "http" not in markup
    assert not re.findall(r'"#[0-9a-f]{6}"', markup)
    classes = {name for found in re.findall(r'class="([^"]*)"', markup) for name in found.split()}
    assert classes
    assert classes <= {f"{kind}-{role}" for role in ROLES for kind in "fs"}


@DRAWN
def test_ids_are_the_charts_own_and_found(chart):
    """Two charts of a page share no id; nothing is referred to that is not there."""
    root = _parsed(CHARTS[chart](["p:m"]).markup)
    ids = [own.get("id") for own in root.iter() if own.get("id")]
    referred = {
        found
        for own in root.iter()
        for value in own.attrib.values()
        for found in re.findall(r"^#(.+)$|url\(#([^)]+)\)", value)
    }
    assert len(ids) == len(set(ids))
    assert {a or b for a, b in referred} == set(ids)
    assert all(own.startswith(f"{chart[0]}-") for own in ids)


@DRAWN
def test_the_alternative_text_is_said_as_it_is(chart):
    """Quotes and brackets in it end no attribute."""
    alt = "a \"b\" <c> & 'd'"
    root = _parsed(CHARTS[chart](["p:m"], alt).markup)
    assert (root.get("role"), root.get("aria-label")) == ("img", alt)


@DRAWN
def test_any_label_can_be_drawn(chart):
    """Without a warning, which would be an error here, as well-formed text and never as markup."""
    drawn = CHARTS[chart](list(HOSTILE.values()))
    tags = {own.tag.rpartition("}")[2] for own in _parsed(drawn.svg).iter()}
    assert tags <= TAGS
    assert drawn.png.startswith(b"\x89PNG")


@DRAWN
def test_a_chart_is_small(chart):
    """Some kilobytes, so that a page of many charts stays light."""
    assert len(CHARTS[chart](["p:m"]).markup) < 25_000


def test_the_file_stands_alone():
    """It brings the palette's rules, light and dark, and its ground."""
    text = file_markup(_rungs(["p:m"]).markup)
    assert "prefers-color-scheme:dark" in text
    assert _parsed(text).tag == "{http://www.w3.org/2000/svg}svg"


def test_a_colour_outside_the_palette_is_an_error():
    """It would stay as it is on dark ground."""
    with pytest.raises(ValueError, match="none of the palette, got #123456"):
        draw("x", "told", Frame(), lambda axes: axes.plot([1, 2], color="#123456"))


def test_black_text_is_an_error():
    """Matplotlib leaves black out: it would not be seen on dark ground."""
    with pytest.raises(ValueError, match="has no colour"):
        draw("x", "told", Frame(), lambda axes: axes.text(0, 0, "a", color="#000000"))


def test_a_role_is_drawn_in_its_class():
    """The light colour of a role becomes its class."""
    drawn = draw("x", "told", Frame(), lambda axes: axes.text(0, 0, "a", color=light("c3")))
    assert re.search(r'class="f-c3"[^>]*>a<', drawn.markup)


def test_a_long_curve_keeps_its_shape():
    """100,000 latencies are drawn by at most 300 points that lie on the curve."""
    many = np.random.default_rng(0).lognormal(5, 1, 100_000)
    times, share = curve(many)
    assert len(times) <= 300
    assert (share[0], share[-1]) == (1 / 100_000, 1.0)
    within = [(many <= time).mean() for time in times]
    assert within == pytest.approx(list(share))


def test_an_unpriced_arm_has_no_point():
    """Its name stands there with the word, not at 0."""
    markup = _success(["p:m"]).markup
    assert ">unpriced<" in markup
    assert markup.count(">$4.00<") == 1
