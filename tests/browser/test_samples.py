"""The sample browser in a real browser: found, opened, compared, linked, closed."""

from __future__ import annotations

import re

import pytest

from evalkit.report.page.texts import shown
from tests.browser.conftest import A, B, legible
from tests.report.hostile import HOSTILE

CUT = 50_000
FIRST = 4_000
HEAD = "document.querySelector('.sample h3')?.textContent"


def samples_of(own, suite):
    """The section, with a suite chosen."""
    samples = own.page.locator("#samples")
    samples.get_by_label("Suite").select_option(label=suite)
    return samples


def test_samples_are_searched_filtered_and_turned(tab, reports):
    """All 230, a hundred at once."""
    own = tab(reports["whole"])
    samples = samples_of(own, "yesno")
    rows = samples.locator("tbody tr")
    assert rows.count() == 100
    assert "1 to 100 of 230" in samples.inner_text()
    samples.get_by_role("button", name="next").click()
    assert "101 to 200 of 230" in samples.inner_text()
    samples.get_by_label("Show").select_option(label=f"not passed by log:{B}")
    assert "of 40" in samples.get_by_role("status").inner_text()
    samples.get_by_label("Search").fill("QUESTION 3")
    own.until(lambda: rows.count() == 11)
    assert sorted(own.texts("#samples tbody th")) == sorted(f"s{n}" for n in (3, *range(30, 40)))


@pytest.mark.parametrize(
    ("field", "choice", "kept"),
    [
        ("Show", "arms disagree", [f"s{n}" for n in range(10, 40)]),
        ("Show", "critical", ["s0", "s1"]),
        ("Show", f"not passed by log:{A}", [f"s{n}" for n in range(10)]),
        ("Slice", "language: de", [f"s{n}" for n in range(0, 230, 4)]),
    ],
)
def test_a_filter_keeps_what_it_says(tab, reports, field, choice, kept):
    """The samples, in the order of their ids as people count: s9 before s10."""
    own = tab(reports["whole"])
    samples = samples_of(own, "yesno")
    samples.get_by_label("Sort by").select_option("id")
    samples.get_by_label(field).select_option(label=choice)
    assert own.texts("#samples tbody th") == kept


def test_status_and_rung_are_filters_where_they_tell_something_apart(tab, reports):
    """Malformed forms of the second arm; in a suite where all are valid neither is offered."""
    own = tab(reports["whole"])
    samples = samples_of(own, "yesno")
    assert samples.get_by_label("Status").count() == 0
    samples = samples_of(own, "forms")
    samples.get_by_label("Status").select_option("malformed")
    marks = own.texts("#samples tbody td:last-child")
    assert len(marks) > 30
    assert [mark for mark in marks if "malformed" not in mark] == []
    samples.get_by_label("Rung").select_option("not_json")
    assert 0 < len(own.texts("#samples tbody th")) <= len(marks)


def test_samples_are_sorted(tab, reports):
    """The lowest score first, or those on which arms are farthest apart."""
    own = tab(reports["whole"])
    samples = samples_of(own, "yesno")
    scores = [float(text) for text in own.texts("#samples tbody td.number")]
    assert scores == sorted(scores)
    assert scores[0] == 0.0
    samples.get_by_label("Sort by").select_option("spread")
    assert set(own.texts("#samples tbody th")[:30]) == {f"s{n}" for n in range(10, 40)}


def test_a_sample_is_opened_linked_and_closed(tab, reports):
    """By its link; the address names it; focus goes to its head, and back by Esc."""
    own = tab(reports["whole"])
    samples_of(own, "yesno")
    link = own.page.locator("#samples tbody a").first
    name = link.inner_text()
    opened = own.open_sample(link)
    assert opened.locator("h3").inner_text() == name
    assert re.search(r"#s-\d+-\d+$", own.page.url)
    assert opened.locator(".sides > div").count() == 2
    own.page.keyboard.press("Escape")
    assert not opened.is_visible()
    assert own.page.evaluate("document.activeElement.textContent") == name
    own.page.go_back()
    opened.wait_for(state="visible")
    own.page.go_back()
    opened.wait_for(state="hidden")


def test_the_next_sample_is_that_of_the_list(tab, reports):
    """Page after page through what was found; closed, the focus is where the way began."""
    own = tab(reports["whole"])
    samples = samples_of(own, "yesno")
    samples.get_by_label("Show").select_option(label="arms disagree")
    samples.get_by_label("Sort by").select_option("id")
    opened = own.open_sample(own.page.locator("#samples tbody a").first)
    assert opened.get_by_role("link", name="sample before").count() == 0
    own.page.locator(".sample").get_by_role("link", name="next sample").click()
    own.until(lambda: opened.locator("h3").inner_text() == "s11")
    opened.get_by_role("link", name="sample before").click()
    own.until(lambda: opened.locator("h3").inner_text() == "s10")
    opened.get_by_role("button", name="Close").click()
    assert own.page.evaluate("document.activeElement.textContent") == "s10"


def test_the_way_follows_a_list_filtered_anew(tab, reports):
    """With a sample open, the next one is that of the list as it stands now."""
    own = tab(reports["whole"])
    samples = samples_of(own, "yesno")
    samples.get_by_label("Sort by").select_option("id")
    opened = own.open_sample(samples.get_by_role("link", name="s8", exact=True))
    samples.get_by_label("Slice").select_option(label="language: de")
    opened.get_by_role("link", name="next sample").click()
    own.until(lambda: own.page.evaluate(HEAD) == "s12")
    assert opened.get_by_role("link", name="next sample").count() == 1
    samples.get_by_label("Show").select_option(label=f"not passed by log:{A}")
    assert opened.get_by_role("link").count() == 0


def test_the_link_of_the_open_sample_leads_to_it(tab, reports):
    """From far down the list too, though the address stays the same."""
    own = tab(reports["whole"])
    link = samples_of(own, "yesno").locator("tbody a").nth(90)
    own.open_sample(link)
    link.scroll_into_view_if_needed()
    opened = own.open_sample(link)
    own.until(lambda: 0 <= opened.bounding_box()["y"] < 100)


def test_samples_are_read_by_keys_alone(tab, reports):
    """Tab to a link, Enter, on to the next one, Esc: back at the link."""
    own = tab(reports["whole"])
    keys, said = own.page.keyboard, "document.activeElement.textContent"
    sort = samples_of(own, "yesno").get_by_label("Sort by")
    sort.focus()
    keys.press("i")
    assert sort.input_value() == "id"

    def tab_to(text):
        for _ in range(20):
            keys.press("Tab")
            if own.page.evaluate(said) == text:
                return
        pytest.fail(f"{text} is not reached")

    tab_to("s0")
    keys.press("Enter")
    head = f"document.activeElement.tagName + {said}"
    own.until(lambda: own.page.evaluate(head) == "H3s0")
    tab_to("next sample ▶")
    keys.press("Enter")
    own.until(lambda: own.page.evaluate(head) == "H3s1")
    keys.press("Escape")
    assert own.page.evaluate(f"[{said}, document.activeElement.tagName]") == ["s0", "A"]


def test_esc_in_a_field_is_the_field_s(tab, reports):
    """It empties the search; the sample stays open."""
    own = tab(reports["whole"])
    opened = own.open_sample(own.page.locator("#samples tbody a").first)
    own.page.get_by_label("Search").press("Escape")
    assert opened.is_visible()


def test_the_reader_is_told_why_no_input_is_shown(tab, reports):
    """The suite's folder may have gone since."""
    own = tab(reports["moved"])
    own.open_sample(own.page.locator("#samples tbody a").first)
    assert own.texts(".asked") == [
        "Neither input nor target is on this page: the suite's folder is not here."
    ]


def test_a_listed_case_leads_to_its_sample(tab, reports):
    """And a page opened at the address of a sample shows it."""
    own = tab(reports["whole"])
    case = own.page.locator("#look-first-1 ~ ul details[data-case], #look-first details").first
    case.locator("summary").click()
    name = case.locator("code").inner_text()
    opened = own.open_sample(case.get_by_role("link", name="open this sample with all arms"))
    assert opened.locator("h3").inner_text() == name
    own.page.reload()
    own.until(lambda: opened.locator("h3").inner_text() == name)


@pytest.mark.parametrize("address", ["#s-9-0", "#s-0-99999", "#s--1", "#s-0", "#nowhere"])
def test_an_address_that_names_no_sample_opens_none(tab, reports, address):
    """And nothing is complained of."""
    own = tab(reports["whole"])
    own.page.evaluate(f"location.hash = '{address}'")
    own.page.wait_for_timeout(100)
    assert not own.page.locator(".sample").is_visible()
    assert own.said == []


def test_two_outputs_are_told_apart_by_more_than_colour(tab, reports):
    """What only one says is struck through or underlined."""
    own = tab(reports["whole"])
    samples_of(own, "yesno").get_by_label("Show").select_option(label="arms disagree")
    own.open_sample(own.page.locator("#samples tbody a").first)
    assert (own.texts(".sample del"), own.texts(".sample ins")) == (["yes"], ["no"])
    lines = own.page.evaluate(
        "['del', 'ins'].map((tag) => getComputedStyle(document.querySelector(`.sample ${tag}`))"
        ".textDecorationLine)"
    )
    assert lines == ["line-through", "underline"]


def test_arms_and_repeats_are_chosen_and_all_stand_in_a_table(tab, reports):
    """Two arms asked twice are four trials; each can stand on either side."""
    own = tab(reports["repeated"])
    samples = own.page.locator("#samples")
    samples.get_by_label("Sort by").select_option("spread")
    opened = own.open_sample(samples.locator("tbody a").first)
    names = [f"log:{arm}, repeat {repeat}" for arm in (A, B) for repeat in (1, 2)]
    assert opened.locator("tbody th").all_inner_texts() == names
    assert opened.get_by_label("First").locator("option").all_inner_texts() == names
    opened.get_by_label("First").select_option(label=names[2])
    opened.get_by_label("Second").select_option(label=names[3])
    assert opened.locator(".sides .arm").all_inner_texts() == [
        f"{name} (recorded)" for name in names[2:]
    ]
    opened.get_by_label("First").select_option(label=names[3])
    assert "Both outputs are the same." in opened.inner_text()
    heads = "arm status rung score passed latency cost tries output-begins journal-line"
    assert heads.split() == [
        text.replace(" ", "-") for text in opened.locator("thead th").all_inner_texts()
    ]


def cut(text):
    """A text as the page has it."""
    if len(text) <= CUT:
        return text
    return f"{text[:CUT]}\n[... {len(text) - CUT:,} more characters: see the journal]"


def test_every_output_of_the_corpus_is_unpacked_to_what_it_was(tab, reports):
    """Shown as text, whole on demand, with what is hidden made visible; nothing of it runs."""
    own = tab(reports["whole"])
    number = own.suite_number("forms")
    data = "JSON.parse(document.getElementById('data').textContent)"
    count = own.page.evaluate(f"{data}.suites[{number}].ids.length")
    found = {}
    for place in range(count):
        own.page.evaluate(f"location.hash = '#s-{number}-{place}'")
        name = own.page.evaluate(f"{data}.suites[{number}].ids[{place}]")
        own.until(lambda name=name: own.page.evaluate(HEAD) == name)
        for more in own.page.locator(".sample").get_by_role("button", name="Show all").all()[::-1]:
            more.click()
        found |= own.page.evaluate(
            """() => {
              const [left, right] = document.querySelectorAll('.sample .sides > div');
              const output = (box) => {
                const title = [...box.querySelectorAll('strong')]
                  .find((own) => own.textContent === 'output');
                const text = title.nextElementSibling;
                return text.matches('pre') ? text.textContent : '';
              };
              return {[JSON.parse(output(left)).name]: output(right)};
            }"""
        )
    assert {name: shown(cut(legible(text))) for name, text in HOSTILE.items()} == found
    assert own.said == []
    assert own.page.evaluate("window.broken") == []
    assert own.page.locator("script").count() == 3


def test_an_empty_output_is_called_empty(tab, reports):
    """Beside the other output, and in the table."""
    own = tab(reports["whole"])
    samples_of(own, "forms")
    opened = own.open_sample(own.page.get_by_role("link", name="empty", exact=True))
    assert opened.locator(".sides > div").last.locator("strong + p").inner_text() == "(empty)"
    assert opened.locator("td.begins").all_inner_texts() == ['{"name": "empty"}', "(empty)"]


def test_a_long_text_is_shown_by_its_beginning(tab, reports):
    """4,000 characters, and a button that brings the others and gives the focus to the text."""
    own = tab(reports["whole"])
    samples_of(own, "forms").get_by_label("Search").fill("PASS ::error::x PASS")
    own.until(lambda: own.page.locator("#samples tbody tr").count() == 1)
    opened = own.open_sample(own.page.locator("#samples tbody a").first)
    right = opened.locator(".sides > div").last
    text = right.locator("pre").first
    assert len(text.inner_text()) == FIRST
    assert "of 50,0" in right.locator(".more").inner_text()
    assert "too long to be compared" in opened.inner_text()
    right.get_by_role("button", name="Show all").click()
    assert len(text.inner_text()) > CUT
    assert own.page.evaluate("document.activeElement.tagName") == "PRE"


def test_a_redacted_page_says_so(tab, reports):
    """Ids and figures stay, texts are gone."""
    own = tab(reports["redacted"])
    samples = own.page.locator("#samples")
    assert "Inputs, outputs and reasons are left out of this page" in samples.inner_text()
    assert samples.get_by_label("Search ids", exact=True).count() == 1
    opened = own.open_sample(samples.locator("tbody a").first)
    assert "Texts are left out of this page." in opened.inner_text()
    assert opened.locator("pre").count() == 0
    assert "output begins" not in opened.inner_text()
