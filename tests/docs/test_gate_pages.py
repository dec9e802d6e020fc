"""What docs/gate.md and docs/tutorial-swap.md tell a reader to copy is understood, and adds up."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from commands import commands_in, parsed
from pages import ROOT, blocks

from evalkit.analysis.gates.policy import LIMITS, allowed_limits, read_gate
from evalkit.analysis.measures import MEASURES
from evalkit.providers.catalogue import load_catalogue
from evalkit.stats import sample_size_noninferiority

sys.path.insert(0, str(ROOT / "benchmarks"))

GATE = ROOT / "docs" / "gate.md"
SWAP = ROOT / "docs" / "tutorial-swap.md"
PAGES = (GATE, SWAP)
HERE = re.compile(r"cat > (\S+) <<'END'\n(.*?)^END$", re.DOTALL | re.MULTILINE)


def script(page: Path) -> str:
    """Return what a page gives to a shell, without the files that it writes, `$SET` in full."""
    text = "".join(block.text for block in blocks(page) if block.language == "bash")
    settings = re.search(r'^SET="(.*)"$', text, re.MULTILINE)
    return HERE.sub("", text).replace("$SET", settings[1] if settings else "")


LINES = [(page.name, words) for page in PAGES for words in commands_in(script(page))]


def files_of(page: Path) -> dict[str, str]:
    """Return the files that a page's shell commands write."""
    return {name: text for b in blocks(page) for name, text in HERE.findall(b.text)}


def policies() -> list[str]:
    """Return every gate.yaml of the pages."""
    shown = [b.text for b in blocks(GATE) if b.language == "yaml" and "rules:" in b.text]
    return [*shown, files_of(SWAP)["gate.yaml"]]


@pytest.mark.parametrize(("name", "words"), LINES, ids=[f"{n}: {' '.join(w)}" for n, w in LINES])
def test_a_command_of_the_pages_is_one_that_evalkit_takes(name: str, words: list[str]) -> None:
    """Its options are parsed by the command itself."""
    assert parsed(words)


def test_the_pages_show_every_step_of_a_swap() -> None:
    """Else the test above would have nothing to say of it."""
    for page in PAGES:
        named = {words[0] for name, words in LINES if name == page.name}
        assert {"run", "baseline", "gate"} <= named
    assert {"check", "compare"} <= {words[0] for name, words in LINES if name == SWAP.name}


@pytest.mark.parametrize("number", range(len(policies())))
def test_a_policy_of_the_pages_can_be_copied(number: int, tmp_path: Path) -> None:
    """It is read without a problem."""
    path = tmp_path / "gate.yaml"
    path.write_text(policies()[number], encoding="utf-8")
    assert read_gate(path).rules


def test_the_page_has_a_policy_with_every_kind_of_rule(tmp_path: Path) -> None:
    """The one at its beginning shows drop, increase, ratio, slice and critical samples."""
    path = tmp_path / "gate.yaml"
    path.write_text(policies()[0], encoding="utf-8")
    rules = read_gate(path).rules
    assert {rule.kind for rule in rules} == {
        "max_drop",
        "max_increase",
        "max_ratio",
        "max_regressions",
    }
    assert any(rule.slice for rule in rules)


def test_the_table_of_metrics_has_each_with_its_limits() -> None:
    """As `allowed_limits` has them."""
    rows = re.findall(r"^\| (`\w.*?) \| (`m.*?) \| ", GATE.read_text(encoding="utf-8"), re.M)
    shown = {
        name: tuple(re.findall(r"`(\w+)`", limits))
        for names, limits in rows
        if set(re.findall(r"`(\w+)`", limits)) <= set(LIMITS)
        for name in re.findall(r"`(\w+)`", names)
    }
    assert {n: limits for n, limits in shown.items() if n in MEASURES} == {
        name: allowed_limits(measure) for name, measure in MEASURES.items()
    }


def test_the_providers_of_the_tutorial_load(tmp_path: Path) -> None:
    """And hold every arm that its commands name."""
    path = tmp_path / "providers.yaml"
    path.write_text(files_of(SWAP)["providers.yaml"], encoding="utf-8")
    known = {
        f"{provider}:{model}"
        for provider, entry in load_catalogue(path).providers.items()
        for model in entry.models
    }
    ran = [parsed(words) for name, words in LINES if name == SWAP.name and words[0] == "run"]
    assert {model for options in ran for model in options.models} <= known


def test_the_sizes_of_the_page_are_those_of_the_formula() -> None:
    """And the exact one of its example is the first that passes in 80 % from there on."""
    from gate import exact_size, pass_probability

    text = GATE.read_text(encoding="utf-8")
    for margin in (2, 3, 5, 10):
        cells = re.search(rf"^\| {margin} points \|(.*)\|$", text, re.M)
        assert cells is not None
        shown = [int(cell.replace(",", "")) for cell in cells[1].split("|")]
        assert shown[::2] == [
            sample_size_noninferiority(share, margin / 100) for share in (0.05, 0.1, 0.2)
        ]
        assert all(
            exact >= by_formula for by_formula, exact in zip(shown[::2], shown[1::2], strict=True)
        )
    assert exact_size(62, 0.1, 0.1) == 77
    assert "| 10 points | 31 | 49 | 62 | 77 |" in text
    for n, power in ((687, "79.2"), (705, "80.2"), (720, "80.7")):
        assert f"{100 * pass_probability(n, 0.03, 0.1, 0.0):.1f}" == power
    assert "720 pass in 80.7 %" in re.sub(r"\s+", " ", text)


def test_both_pages_say_what_three_points_need() -> None:
    """Some 720 samples where the models differ on a tenth."""
    for page in PAGES:
        said = re.sub(r"\s+", " ", page.read_text(encoding="utf-8"))
        assert re.search(r"3 points.{0,60}some 720 samples", said)
