"""The report's page in a real browser: asks for nothing, can be used, and by everybody."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import A, B
from tests.report.hostile import HOSTILE

AUDIT = """async () => (await axe.run(
  {resultTypes: ['violations'], rules: {'target-size': {enabled: true}}})).violations
  .filter((one) => ['serious', 'critical'].includes(one.impact))
  .map((one) => [one.id, one.nodes.slice(0, 3).map((node) => node.html.slice(0, 200))])"""


def leaves(folder: Path) -> list[Any]:
    """The pages of what was printed."""
    from pypdf import PdfReader

    return list(PdfReader(folder / "report.pdf").pages)


@pytest.mark.parametrize("name", ["whole", "redacted", "two", "repeated"])
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
    assert "Without JavaScript" in own.page.locator("noscript").inner_text()


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


def test_a_long_table_is_filtered_and_turned_page_by_page(tab, reports):
    """By words; the number of rows is said; a hundred are drawn at once."""
    own = tab(reports["whole"])
    rows = own.page.locator("#slices-forms tbody tr")
    own.page.locator("#slices-forms").scroll_into_view_if_needed()
    assert (rows.count(), rows.filter(visible=True).count()) == (3 * len(HOSTILE), 100)
    controls = own.page.locator("#slices .controls").last
    controls.get_by_role("button", name="next").click()
    assert rows.filter(visible=True).count() == 3 * len(HOSTILE) - 100
    controls.get_by_label("Keep rows with").fill("javascript")
    own.until(lambda: rows.filter(visible=True).count() == 2)
    assert "1 to 2 of 2" in controls.inner_text()


def test_a_long_table_is_whole_without_scripts(tab, reports):
    """What cannot be turned is not hidden."""
    own = tab(reports["whole"], scripts=False)
    rows = own.page.locator("#slices-forms tbody tr")
    assert rows.filter(visible=True).count() == 3 * len(HOSTILE)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_serious_is_found_by_axe(tab, reports, axe, width, dark):
    """With a sample and a case open, light and dark, wide and narrow."""
    own = tab(reports["two"], width=width, dark=dark)
    own.page.locator("details[data-case] summary").first.click()
    own.open_sample(own.page.locator("#samples tbody a").first)
    own.page.evaluate(axe.read_text(encoding="utf-8"))
    assert own.page.evaluate(AUDIT) == []


@pytest.mark.parametrize("name", ["whole", "two"])
def test_a_phone_shows_the_page_without_scrolling_sideways(tab, reports, name):
    """At 360 px wide tables and charts scroll in their own regions."""
    own = tab(reports[name], width=360)
    own.page.locator("details[data-case] summary").first.click()
    own.open_sample(own.page.locator("#samples tbody a").first)
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
    """Light, without controls: verdict, cases, the sample that is open, every row of a table."""
    own = tab(reports["whole"], dark=True)
    own.page.get_by_label("Suite").select_option(label="yesno")
    own.open_sample(own.page.locator("#samples tbody a").nth(70))
    word = own.texts(".verdict .word")[0]
    own.page.emulate_media(media="print")
    paper = own.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"
    assert own.page.locator(".controls").filter(visible=True).count() == 0
    heads = own.page.evaluate("getComputedStyle(document.querySelector('thead')).display")
    assert heads == "table-header-group"
    own.page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True)
    assert [leaf for leaf in leaves(tmp_path) if leaf.mediabox.width < leaf.mediabox.height] == []
    printed = " ".join(" ".join(leaf.extract_text() for leaf in leaves(tmp_path)).split())
    assert " ".join(word.split()[1:]) in printed
    cases = 20 + 10  # of the worse the first, of nobody's all
    assert len(re.findall(r"question \d+", printed)) == cases + 1
    assert "All trials of this sample" in printed
    assert f"place {len(HOSTILE) - 1}" in printed
    assert not re.search("next sample|Close|open this sample|Sort by", printed)


@pytest.mark.parametrize("name", ["whole", "two"])
def test_no_column_is_cut_off_by_the_paper(tab, reports, name):
    """A US letter on its side holds every table between its margins; swatches keep their colour."""
    own = tab(reports[name], width=round((279 - 2 * 12) / 25.4 * 96))
    own.page.emulate_media(media="print")
    widths = own.page.evaluate(
        """() => [...document.querySelectorAll('main .wide table')]
          .filter((table) => table.getClientRects().length)
          .map((table) => [table.id, table.offsetWidth - table.parentElement.clientWidth])"""
    )
    assert len(widths) > 10
    assert [one for one in widths if one[1] > 0] == []
    swatch = "getComputedStyle(document.querySelector('th .swatch')).printColorAdjust"
    assert own.page.evaluate(swatch) == "exact"


def test_after_printing_the_page_is_as_it_was(tab, reports):
    """Cases closed, a hundred rows of the long table, the page on which the reader was."""
    own = tab(reports["whole"])
    rows = own.page.locator("#slices-forms tbody tr")
    own.page.locator("#slices .controls").last.get_by_role("button", name="next").click()
    before = rows.filter(visible=True).count()
    own.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert own.page.locator("details:not([open])").count() == 0
    assert rows.filter(visible=True).count() == 3 * len(HOSTILE)
    own.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert own.page.locator("details[open]").count() == 0
    assert rows.filter(visible=True).count() == before


def test_the_page_can_be_used_in_the_reader_s_own_colours(chromium, reports):
    """Forced colours: words stay apart from their ground, also in charts; swatches stay."""
    context = chromium.new_context(forced_colors="active", color_scheme="dark")
    page = context.new_page()
    page.goto(reports["whole"].as_uri())
    apart = page.evaluate(
        """() => ['.verdict .word', 'th button', 'figure svg text'].map((selector) => {
          const own = getComputedStyle(document.querySelector(selector));
          const ground = getComputedStyle(document.querySelector('.drawing')).backgroundColor;
          return [selector.endsWith('text') ? own.fill : own.color, ground];
        })"""
    )
    assert [pair for pair in apart if pair[0] == pair[1]] == []
    swatches = page.evaluate(
        "[...document.querySelectorAll('#comparison .swatch')].map((own) =>"
        " getComputedStyle(own).backgroundColor)"
    )
    assert len(set(swatches)) == 2
    context.close()


def test_the_choice_of_colours_is_kept_where_it_may_be(tab, reports):
    """A page opened again has them; a page without storage works all the same."""
    own = tab(reports["whole"])
    own.page.get_by_label("Colours").select_option("dark")
    own.page.reload()
    assert own.page.get_by_label("Colours").input_value() == "dark"
    own.page.add_init_script(
        "Object.defineProperty(window, 'localStorage',"
        " {get() { throw new DOMException('no', 'SecurityError') }})"
    )
    own.page.reload()
    assert own.page.get_by_label("Colours").input_value() == ""
    own.page.get_by_label("Colours").select_option("dark")
    assert own.page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert own.said == []


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
