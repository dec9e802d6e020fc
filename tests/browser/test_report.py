"""The report's page in a real browser: asks for nothing, can be used, and by everybody."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import A, B

VIOLATIONS = """() => {
  window.broken = [];
  document.addEventListener('securitypolicyviolation', (event) =>
    window.broken.push(event.violatedDirective));
}"""
AUDIT = """async () => (await axe.run({resultTypes: ['violations']})).violations
  .filter((one) => ['serious', 'critical'].includes(one.impact))
  .map((one) => [one.id, one.nodes.slice(0, 3).map((node) => node.html.slice(0, 200))])"""


class Tab:
    """A page with what it asked for and what it complained of."""

    def __init__(self, page: Any, path: Path) -> None:
        self.page = page
        self.asked: list[str] = []
        self.said: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: (self.said.append("dialog"), dialog.dismiss()))
        page.add_init_script(f"({VIOLATIONS})()")
        page.goto(path.as_uri())

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, ten seconds at most: a field waits for the next key."""
        for _ in range(100):
            if holds():
                return
            self.page.wait_for_timeout(100)
        pytest.fail("it did not come to hold")

    def texts(self, selector: str) -> list[str]:
        return [str(text) for text in self.page.locator(selector).all_inner_texts()]


@pytest.fixture
def tab(chromium: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Open a report: `tab(path, width=..., dark=..., scripts=...)`."""
    opened = []

    def open_tab(path: Path, *, width: int = 1280, dark: bool = False, scripts: bool = True) -> Tab:
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            reduced_motion="reduce",
        )
        opened.append(context)
        return Tab(context.new_page(), path)

    yield open_tab
    for context in opened:
        context.close()


@pytest.mark.parametrize("name", ["whole", "redacted", "two"])
def test_the_page_asks_for_nothing_and_complains_of_nothing(tab, reports, name):
    """One request, for itself; no message, no broken policy; nothing of the corpus runs."""
    own = tab(reports[name])
    for details in own.page.locator("details[data-case]").all()[:60]:
        details.evaluate("(one) => { one.open = true }")
    own.page.wait_for_timeout(200)
    assert [url for url in own.asked if not url.startswith("data:,")] == [reports[name].as_uri()]
    assert own.said == []
    assert own.page.evaluate("window.broken") == []


def test_everything_is_read_without_scripts(tab, reports):
    """The verdict, every arm's figures, the charts."""
    own = tab(reports["whole"], scripts=False)
    assert own.texts(".verdict .word")[0].strip()
    arms = " ".join(own.texts("#comparison tbody th"))
    assert (arms.count(A), arms.count(B)) == (2, 2)
    assert own.page.locator("figure svg").count() >= 4
    assert own.page.locator("button, input, select").count() == 0


def test_a_table_is_sorted_by_its_heads(tab, reports):
    """Down, then up; the head says so to those who do not see it."""
    own = tab(reports["whole"])
    table = own.page.locator("#comparison-yesno")
    head = table.locator("th", has=own.page.get_by_role("button", name="quality")).first
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    down = own.texts("#comparison-yesno tbody th")
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert own.texts("#comparison-yesno tbody th") == down[::-1]


def test_a_long_table_is_filtered(tab, reports):
    """By words; the number of rows is said."""
    own = tab(reports["whole"])
    rows = own.page.locator("#slices-forms tbody tr")
    before = rows.filter(visible=True).count()
    box = own.page.locator("#slices").get_by_label("Keep rows with").last
    box.fill("javascript")
    assert rows.filter(visible=True).count() == 1 < before


def test_samples_are_searched_filtered_and_turned(tab, reports):
    """All 230, a hundred at once."""
    own = tab(reports["whole"])
    samples = own.page.locator("#samples")
    samples.get_by_label("Suite").select_option(label="yesno")
    rows = samples.locator("tbody tr")
    assert rows.count() == 100
    assert "1 to 100 of 230" in samples.inner_text()
    samples.get_by_role("button", name="next").click()
    assert "101 to 200 of 230" in samples.inner_text()
    samples.get_by_label("Show").select_option(label=f"not passed by log:{B}")
    assert "of 40" in samples.get_by_role("status").inner_text()
    samples.get_by_label("Search").fill("question 3")
    own.until(lambda: rows.count() == 11)
    assert sorted(own.texts("#samples tbody th")) == sorted(f"s{n}" for n in (3, *range(30, 40)))


def test_a_sample_is_opened_linked_and_closed(tab, reports):
    """By its link; the address names it; focus goes to its head, and back by Esc."""
    own = tab(reports["whole"])
    own.page.locator("#samples").get_by_label("Suite").select_option(label="yesno")
    link = own.page.locator("#samples tbody a").first
    name = link.inner_text()
    link.click()
    opened = own.page.locator(".sample")
    assert opened.locator("h3").inner_text() == name
    assert own.page.evaluate("document.activeElement.tagName") == "H3"
    assert re.search(r"#s-\d+-\d+$", own.page.url)
    assert opened.locator(".sides > div").count() == 2
    own.page.keyboard.press("Escape")
    assert not opened.is_visible()
    assert own.page.evaluate("document.activeElement.textContent") == name
    own.page.go_back()
    assert opened.is_visible()


def test_two_outputs_are_told_apart_by_more_than_colour(tab, reports):
    """What only one says is struck through or underlined."""
    own = tab(reports["whole"])
    own.page.locator("#samples").get_by_label("Suite").select_option(label="yesno")
    own.page.locator("#samples").get_by_label("Show").select_option(label="arms disagree")
    own.page.locator("#samples tbody a").first.click()
    assert (own.texts(".sample del"), own.texts(".sample ins")) == (["yes"], ["no"])
    lines = own.page.evaluate(
        "['del', 'ins'].map((tag) => getComputedStyle(document.querySelector(`.sample ${tag}`))"
        ".textDecorationLine)"
    )
    assert lines == ["line-through", "underline"]


def test_every_text_of_the_corpus_is_shown_as_text(tab, reports):
    """Each output is unpacked to what it was, with what is hidden made visible."""
    own = tab(reports["whole"])
    found = own.page.evaluate(
        """() => JSON.parse(document.getElementById('data').textContent).suites
        .findIndex((suite) => suite.name === 'forms')"""
    )
    own.page.evaluate(f"location.hash = '#s-{found}-0'")
    own.page.wait_for_selector(".sample h3")
    count = own.page.evaluate(
        f"JSON.parse(document.getElementById('data').textContent).suites[{found}].ids.length"
    )
    for place in range(count):
        own.page.evaluate(f"location.hash = '#s-{found}-{place}'")
    own.page.wait_for_timeout(200)
    assert own.said == []
    own.page.locator("#samples").get_by_label("Suite").select_option(label="forms")
    own.page.locator("#samples").get_by_label("Search").fill("<script>alert(1)")
    own.until(lambda: own.page.locator("#samples tbody tr").count() < 5)
    own.page.locator("#samples tbody a").first.click()
    assert "</script><script>alert(1)</script>" in own.page.locator(".sample").inner_text()
    assert own.page.locator("script").count() == 3


def test_a_redacted_page_says_so(tab, reports):
    """Ids and figures stay, texts are gone."""
    own = tab(reports["redacted"])
    own.page.locator("#samples tbody a").first.click()
    assert "Texts are left out of this page." in own.page.locator(".sample").inner_text()
    assert own.page.locator(".sample pre").count() == 0


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_serious_is_found_by_axe(tab, reports, axe, width, dark):
    """With a sample and a case open, light and dark, wide and narrow."""
    own = tab(reports["two"], width=width, dark=dark)
    own.page.locator("details[data-case] summary").first.click()
    own.page.locator("#samples tbody a").first.click()
    own.page.add_script_tag(
        content=axe.read_text(encoding="utf-8")
    ) if False else own.page.evaluate(axe.read_text(encoding="utf-8"))
    assert own.page.evaluate(AUDIT) == []


@pytest.mark.parametrize("name", ["whole", "two"])
def test_a_phone_shows_the_page_without_scrolling_sideways(tab, reports, name):
    """At 360 px wide tables and charts scroll in their own regions."""
    own = tab(reports[name], width=360)
    own.page.locator("details[data-case] summary").first.click()
    own.page.locator("#samples tbody a").first.click()
    assert own.page.evaluate("document.documentElement.scrollWidth") == 360


def test_colours_follow_the_system_and_the_switch(tab, reports):
    """Paper, and what is drawn on it."""
    ground = "getComputedStyle(document.body).backgroundColor"
    light, dark = tab(reports["whole"]), tab(reports["whole"], dark=True)
    assert light.page.evaluate(ground) == "rgb(255, 255, 255)"
    assert dark.page.evaluate(ground) == "rgb(20, 23, 28)"
    drawn = "getComputedStyle(document.querySelector('figure svg text')).fill"
    assert light.page.evaluate(drawn) != dark.page.evaluate(drawn)
    light.page.get_by_label("Colours").select_option("dark")
    assert light.page.evaluate(ground) == "rgb(20, 23, 28)"


def test_the_page_is_printed(tab, reports, tmp_path):
    """Light, with all cases opened and no control left."""
    own = tab(reports["whole"], dark=True)
    own.page.emulate_media(media="print")
    assert (
        own.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    )
    assert own.page.locator(".controls").filter(visible=True).count() == 0
    own.page.pdf(path=tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    assert own.page.locator("details[data-case][open]").count() > 5
    assert own.page.evaluate("getComputedStyle(document.querySelector('thead')).display") == (
        "table-header-group"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_charts_stand_alone_too(chromium, reports, scheme):
    """A chart's file is drawn by the browser, on ground of its own."""
    path = reports["whole"].with_suffix("") / "chart-rungs-forms.svg"
    context = chromium.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.locator("text").count() > 5
    fill = page.evaluate("getComputedStyle(document.querySelector('rect')).fill")
    assert fill == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 23, 28)")
    context.close()
