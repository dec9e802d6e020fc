"""The gate in Markdown, as GitHub's own renderer reads it: nothing in it acts, and it fits."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from gate_by_hand import document, hostile_document, incomparable, rule
from hostile import HOSTILE
from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.gate_markdown import code, gate_markdown, inert
from evalkit.report.gate_values import shown


class Page(HTMLParser):
    """What a browser would make of a rendered page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.cells: list[list[str]] = []
        self.codes: list[str] = []
        self._in_code = self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "tr":
            self.cells.append([])
        elif tag in ("td", "th"):
            self.cells[-1].append("")
            self._in_cell = True
        elif tag == "code":
            self._in_code = True
            self.codes.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_code = self._in_code and tag != "code"
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._in_code:
            self.codes[-1] += data
        else:
            self.text += data
        if self._in_cell:
            self.cells[-1][-1] += data


def rendered(markdown: str) -> Page:
    """Render as GitHub does: its own fork of cmark, raw HTML let through, links made of text."""
    page = Page()
    options = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES
    page.feed(cmarkgfm.github_flavored_markdown_to_html(markdown, options))
    page.close()
    return page


PLAIN_TAGS = {"h2", "h3", "p", "table", "thead", "tbody", "tr", "th", "td", "code"}
MENTION = re.compile(r"(?:^|\W)@[a-z0-9]|[\w/]*[#!~%$&^][\w\"]|\bGH-\d", re.IGNORECASE)


def test_the_page_shows_verdict_rules_evidence_and_regressions():
    """Worst rules first."""
    page = rendered(gate_markdown(document("fail")))
    assert page.tags == PLAIN_TAGS
    assert "Gate: FAIL" in page.text
    rules = [row for row in page.cells if len(row) == 9 and row[1][:1] in "❌⚠✅"]
    assert [row[1].split()[1] for row in rules] == ["FAIL", "FAIL", "INCONCLUSIVE",
                                                    "INCONCLUSIVE", "PASS", "PASS"]  # fmt: skip
    assert rules[0] == ["quality max_drop [language=de]", "❌ FAIL", "-8.1 pts", "[-12.1, -5.2]",
                        "≥ -5.0 pts", "120", "-", "93.0%", "84.9%"]  # fmt: skip
    assert ["candidate", "vllm:llama-4-scout@json_schema", "extraction", "400", "0", "0.0%",
            "✅ ≤ 2.0%", "400"] in page.cells  # fmt: skip
    assert ["extraction", "invoice-0012 [language=de]", "1.000 → 0.000 malformed"] in page.cells


def test_the_verdict_is_a_word_in_the_heading():
    """With a mark beside it."""
    for verdict, mark in (("pass", "✅"), ("fail", "❌"), ("inconclusive", "⚠️")):
        text = gate_markdown(document(verdict))
        assert text.startswith(f"## {mark} Gate: {verdict.upper()}\n\n{mark} ")
        assert text.count("\n\n\n") == 0


def test_rules_of_several_suites_name_theirs():
    """In a column of their own."""
    rules = [rule(), rule(suite="chat")]
    page = rendered(gate_markdown(document("pass", suites=["extraction", "chat"], rules=rules)))
    assert [row[:2] for row in page.cells if len(row) == 10] == [
        ["suite", "rule"],
        ["extraction", "quality max_drop"],
        ["chat", "quality max_drop"],
    ]


def test_differences_stand_in_the_page():
    """Where nothing else could be said."""
    page = rendered(gate_markdown(incomparable()))
    assert ["not comparable", "extraction: 1 repeats, then 3"] in page.cells


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_name_acts_in_the_page(text):
    """No link, image, HTML or heading of its own; as many cells and rows as without it."""
    made = hostile_document(text)
    page, plain = rendered(gate_markdown(made)), rendered(gate_markdown(hostile_document("name")))
    assert page.tags == PLAIN_TAGS
    assert page.attributes <= {"align"}
    assert list(map(len, page.cells)) == list(map(len, plain.cells))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_name_mentions_anybody(text):
    """Platforms look for `@name` and `#1` in the rendered text, but not in code."""
    found = {
        m.strip() for m in MENTION.findall(rendered(gate_markdown(hostile_document(text))).text)
    }
    assert found == set()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_line_is_a_command_of_a_platform(text):
    """GitLab obeys lines of a comment that begin with a slash; each line begins with our own."""
    for line in gate_markdown(hostile_document(text)).split("\n"):
        assert line[:2] in ("", "##", "| ", "❌ "), line[:80]


@given(st.text(alphabet=st.characters(), max_size=30))
def test_code_in_a_cell_shows_the_text(text):
    """Whatever backticks, pipes and backslashes it holds: it can be copied."""
    page = rendered(f"| a | b |\n| --- | --- |\n| {code(text)} | x |\n")
    assert [len(row) for row in page.cells] == [2, 2]
    wanted = [shown(text, 120)] if shown(text).strip(" ") else []
    assert wanted == page.codes
    assert page.tags <= PLAIN_TAGS


@given(st.text(alphabet=st.sampled_from("@#!%~$^&|\\`*_[]()<>:/.'\"aw1 -+=GH"), max_size=30))
def test_inert_text_shows_the_text_and_nothing_acts(text):
    """In a cell; but for blanks at its ends and the joiners that end references."""
    page = rendered(f"| a | b |\n| --- | --- |\n| {inert(text)} | x |\n")
    assert [len(row) for row in page.cells] == [2, 2]
    assert page.tags <= PLAIN_TAGS - {"code"}
    assert page.cells[1][0].replace("\u2060", "") == shown(text).strip()
    assert MENTION.findall(page.cells[1][0]) == []


def test_the_page_never_grows_beyond_its_limit():
    """Samples are left out first, then the rest; what is left out is counted."""
    made = hostile_document("東" * 300)
    made["regressions"] *= 200
    text = gate_markdown(made)
    assert 900_000 < len(text.encode()) <= 1_000_000
    lost = int(re.search(r"(\d+) samples left out", text)[1])
    page = rendered(text)
    kept = sum(row[-1].startswith("1.000 → ") for row in page.cells)
    assert kept + lost == 2_400
    assert "candidate" in page.text


@pytest.mark.parametrize("limit", [0, 1, 10, 200, 500, 1000, 2000, 4000, 8000, 60_000])
def test_any_limit_is_kept(limit):
    """The verdict is what stays longest; no character is cut in two."""
    for made in (document("fail"), hostile_document("東京" * 300)):
        text = gate_markdown(made, limit)
        assert len(text.encode()) <= limit
        assert limit < 200 or text.startswith("## ❌ Gate: FAIL")
        assert "\ufffd" not in text


def test_rules_stay_longer_than_samples():
    """A small page still says why."""
    text = gate_markdown(document("fail"), 2600)
    assert "12 samples left out" in text
    assert "quality max_drop [language=de]" in text
