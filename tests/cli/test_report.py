"""`evalkit report`: one page that stands alone, with its tables, from real runs of recordings."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.cli.recorded import record, run, write_suite


class Page(HTMLParser):
    """What a browser would find: scripts and styles by their text, attributes, words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.code: list[tuple[str, str]] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag in ("script", "style"):
            self._inside = tag
            self.code.append((tag, ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.code[-1] = (self._inside, self.code[-1][1] + data)
        else:
            self.words.append(data)

    def value(self, tag: str, name: str) -> str:
        return next(v for t, n, v in self.attributes if (t, n) == (tag, name))


@pytest.fixture
def two_arms(evalkit: Any) -> Path:
    """Two recorded arms on 40 samples; the second errs on eight."""
    write_suite(40)
    return run(evalkit, record({"a": [1], "b": range(8)}, 40))


def report(evalkit: Any, *arguments: object) -> tuple[dict[str, Any], str]:
    said = evalkit("report", *arguments, "-o", "out/x.html", "--json")
    assert said.code == 0, said.err
    return json.loads(said.out), Path("out/x.html").read_text(encoding="utf-8")


def content(path: Path) -> str:
    """Return what stands in a file; of a workbook, in all its parts."""
    if path.suffix != ".xlsx":
        return path.read_text(encoding="latin-1" if path.suffix == ".png" else "utf-8")
    with zipfile.ZipFile(path) as book:
        return "".join(book.read(name).decode() for name in book.namelist())


def test_every_script_and_style_has_its_hash_in_the_policy(evalkit: Any, two_arms: Path) -> None:
    """The page's policy allows what it holds and nothing else."""
    page = Page(report(evalkit, two_arms)[1])
    policy = next(v for t, n, v in page.attributes if (t, n) == ("meta", "content") and "src" in v)
    assert policy.startswith("default-src 'none'")
    assert len(page.code) == 4
    for _, text in page.code:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_the_page_asks_for_nothing(evalkit: Any, two_arms: Path) -> None:
    """No attribute fetches, styles or runs anything."""
    page = Page(report(evalkit, two_arms)[1])
    for _, name, value in page.attributes:
        assert name != "style"
        assert not name.startswith("on")
        if name in ("src", "href", "srcset", "action"):
            assert value.startswith(("#", "data:"))


def test_every_arms_figures_stand_there_without_scripts(evalkit: Any, two_arms: Path) -> None:
    """The verdict, and quality with its interval, are in the HTML itself."""
    words = " ".join(" ".join(Page(report(evalkit, two_arms)[1]).words).split())
    assert "log:a" in words
    assert "97.5%" in words
    assert "80.0%" in words
    assert "log:b and log:a" in words or "log:a is better than log:b" in words


def test_a_redacted_page_holds_no_output_and_no_prompt(evalkit: Any, two_arms: Path) -> None:
    """Neither the page nor the files beside it."""
    for text, redact in (("question 3", False), ("question 3", True)):
        document, page = report(evalkit, two_arms, *(["--redact"] if redact else []))
        files = [content(Path(name)) for name in document["files"]]
        assert (text in page) is not redact
        assert redact is not any(text in own for own in files)


def test_equal_runs_give_equal_bytes(evalkit: Any, two_arms: Path) -> None:
    """Nothing of the day or the machine's mood is in it."""
    assert report(evalkit, two_arms) == report(evalkit, two_arms)


def test_tables_are_read_back_by_a_csv_reader(evalkit: Any, two_arms: Path) -> None:
    """Unrounded figures, one row an arm."""
    report(evalkit, two_arms)
    with Path("out/x/comparison-yesno.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [("log:a", "0.975"), ("log:b", "0.8")] == [(r["arm"], r["quality"]) for r in rows]


def test_a_named_baseline_makes_the_verdict(evalkit: Any, two_arms: Path) -> None:
    """The candidate is told against it."""
    document, _ = report(evalkit, two_arms, "--baseline", "log:a", "--candidate", "log:b")
    assert document["verdict"]["word"] == "worse"
    assert "log:b is worse than log:a" in document["verdict"]["sentence"]


def test_two_runs_of_one_arm_are_a_history(evalkit: Any, two_arms: Path) -> None:
    """The newest counts, the older one stands below."""
    later = run(evalkit, record({"a": range(20), "b": [0]}, 40, name="later"))
    _, page = report(evalkit, two_arms, later)
    assert "Over time" in page
    assert "▼ worse from" in page


def test_hostile_outputs_stay_text(evalkit: Any) -> None:
    """An output that ends scripts ends none."""
    write_suite(12)
    providers = record({"a": [], "b": range(12)}, 12)
    lines = [json.loads(line) for line in Path("log.jsonl").read_text().splitlines()]
    for line in lines:
        line["text"] = "</script><script>alert(1)</script>\u202e\x00<!--"
    Path("log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    _, page = report(evalkit, run(evalkit, providers))
    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert len(Page(page).code) == 4
    assert not re.search("[\x00\u202e]", page)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--baseline", "log:x"], "'log:x' is no arm of these runs; they have: log:a, log:b"),
        (["--models", "nobody"], "'nobody' is no arm of these runs"),
        (["-o", "x.pdf"], "-o must end in .html"),
        (["-o", "suites"], "-o must end in .html"),
        (["--policy", "gone.yaml"], "gone.yaml"),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    evalkit: Any, two_arms: Path, arguments: list[str], said: str
) -> None:
    """Exit code 2, nothing written."""
    answer = evalkit("report", two_arms, *arguments)
    assert answer.code == 2
    assert said in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    assert not Path("reports").exists()


def test_a_run_named_twice_is_refused(evalkit: Any, two_arms: Path) -> None:
    """By its place, not by its spelling."""
    answer = evalkit("report", two_arms, two_arms)
    assert answer.code == 2
    assert "is named twice" in answer.err


def test_ten_thousand_trials_stay_small(evalkit: Any) -> None:
    """1.5 MB, and 1.1 times the texts that are shown: all samples are there."""
    write_suite(1000)
    arms = {f"arm-{n}": range(n * 40) for n in range(10)}
    _, page = report(evalkit, run(evalkit, record(arms, 1000)))
    texts = next(t for _, t in Page(page).code if "question 999" in t)
    assert len(page.encode()) <= 1_500_000 + 1.1 * len(texts)
    data = json.loads(next(t for _, t in Page(page).code if t.startswith("{")))
    assert [1000] * 10 == [arm["n"] for arm in data["suites"][0]["arms"]]


def test_above_the_budget_the_page_says_what_is_left_out(
    evalkit: Any, two_arms: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only listed samples are on it then, and where the others are is said."""
    monkeypatch.setattr("evalkit.analysis.reporting.browsing.MOST_TRIALS", 30)
    _, page = report(evalkit, two_arms)
    data = json.loads(next(t for _, t in Page(page).code if t.startswith("{")))
    assert 0 < len(data["suites"][0]["ids"]) < 40
    assert "the runs hold 40 samples" in data["suites"][0]["left_out"]
    assert data["journals"][0].endswith("/journal.jsonl")
