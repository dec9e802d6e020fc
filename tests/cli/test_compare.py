"""`evalkit compare` on real runs of recorded answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from recorded import record, run, write_suite

N = 200
KEYS = {
    "suite", "metric", "slice", "baseline", "candidate", "difference", "low", "high", "n", "method",
    "p_value", "wins", "losses", "ties", "minimum_detectable_effect",
}  # fmt: skip


@pytest.fixture
def three(evalkit):
    """A run of three arms, of which `bad` errs on half."""
    write_suite(N)
    arms = {"old": range(20), "new": range(10, 30), "bad": range(100)}
    return run(evalkit, record(arms, N))


def compared(evalkit, *arguments):
    said = evalkit("compare", *arguments, "--json")
    assert said.code in (0, 3), said.err
    return json.loads(said.out)


def quality(document):
    return [r for r in document["pairs"] if r["metric"] == "quality" and r["slice"] is None]


def test_every_two_arms_are_compared(evalkit, three):
    """With the keys that the contract names; candidate minus baseline."""
    document = compared(evalkit, three)
    rows = quality(document)
    assert [(r["baseline"], r["candidate"]) for r in rows] == [
        ("log:old", "log:new"),
        ("log:old", "log:bad"),
        ("log:new", "log:bad"),
    ]
    assert all(set(row) >= KEYS for row in document["pairs"])
    assert [r["difference"] for r in rows] == pytest.approx([0.0, -0.4, -0.4])
    assert (rows[0]["wins"], rows[0]["losses"], rows[0]["ties"]) == (10, 10, 180)


def test_all_are_set_against_a_baseline(evalkit, three):
    """Two duels of three arms."""
    rows = quality(compared(evalkit, three, "--baseline", "log:new"))
    assert [(r["baseline"], r["candidate"]) for r in rows] == [
        ("log:new", "log:old"),
        ("log:new", "log:bad"),
    ]


def test_samples_that_flipped_are_shown_with_both_outputs(evalkit, three):
    """The worst first, as many as are asked for."""
    document = compared(evalkit, three, "--baseline", "log:old", "--flips", 4)
    flips = next(f for f in document["flips"] if f["candidate"] == "log:bad")
    assert (flips["regressed"], flips["improved"], len(flips["samples"])) == (80, 0, 4)
    for sample in flips["samples"]:
        assert 20 <= int(sample["sample_id"][1:]) < 100
        assert (sample["baseline"]["output"], sample["candidate"]["output"]) == ("yes", "no")
        assert sample["regressed"] is True


def test_two_runs_set_each_arm_against_itself(evalkit, three):
    """Named by the place of their runs, which stand below the table."""
    later = run(evalkit, record({"old": range(40), "new": range(10, 30)}, N, name="later"))
    rows = quality(compared(evalkit, three, later))
    assert [(r["baseline"], r["candidate"]) for r in rows] == [
        ("log:old (run 1)", "log:old (run 2)"),
        ("log:new (run 1)", "log:new (run 2)"),
    ]
    assert [r["difference"] for r in rows] == pytest.approx([-0.1, 0.0])


def test_runs_of_a_changed_suite_are_not_compared(evalkit, three):
    """Exit 3 and what changed; --allow-changed compares and says so."""
    write_suite(N, note="added")
    later = run(evalkit, Path("log.yaml"))
    said = evalkit("compare", three, later)
    assert said.code == 3
    assert "the suite changed (data)" in said.out
    said = evalkit("compare", three, later, "--allow-changed")
    assert said.code == 0
    assert "compared although changed: yesno: the suite changed (data)" in said.out


def test_the_table_says_what_the_figures_say(evalkit, three):
    """Better, worse, or what would have shown."""
    said = evalkit("compare", three)
    lines = said.out.splitlines()
    new, bad = (
        next(line for line in lines if f"log:old → log:{n}" in line) for n in ("new", "bad")
    )
    assert "none found" in new
    assert "worse" in bad
    assert "p-values are adjusted for 3 comparisons" in said.out


def test_markdown_is_written_without_any_model_text(evalkit, three):
    """For a pull request."""
    evalkit("compare", three, "--baseline", "log:old", "-o", "out/compare.md")
    text = Path("out/compare.md").read_text()
    assert "log:old → log:bad" in text
    assert "80 regressed" in text
    assert "“" not in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("{run}", "--baseline", "log:odl"), "--baseline 'log:odl' is no arm of these runs"),
        (("{run}", "--models", "log:old"), "there are no two arms of one suite to compare"),
        (("{run}", "--models", "log:x,log:old"), "--models 'log:x' is no arm"),
        (("nowhere",), "nowhere: no run.json"),
        (("{run}/run.json",), "run.json"),
        (("{run}", "--draws", "10"), "at least 1000"),
        (("{run}", "--flips", "-1"), "whole number from 0"),
        (("{run}", "{run}"), "named twice"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(evalkit, three, arguments, said):
    """Where, what came, what is allowed."""
    found = evalkit("compare", *(argument.format(run=three) for argument in arguments))
    assert found.code == 2
    assert said in found.err
    assert len(found.err.strip().splitlines()) == 1
