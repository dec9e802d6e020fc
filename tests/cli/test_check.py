"""`evalkit check` on gate.yaml: what its samples can decide, and names that no suite has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from recorded import SUITE, write_suite


@pytest.fixture
def suite(evalkit) -> Path:
    """A suite of 40 samples, ten of them German."""
    return write_suite(40)


def write_gate(*rules: str, folder: Path = Path(), head: str = "") -> None:
    lines = "".join(f"  - {rule}\n" for rule in rules)
    (folder / "gate.yaml").write_text(f"{head}rules:\n{lines}")


def cluster(folder: Path, clusters: list[str | None]) -> None:
    """Write a suite with one sample for each of these clusters."""
    write_suite(len(clusters), folder)
    file = folder / "samples.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    lines = [json.dumps({**r, "doc": c}) for r, c in zip(rows, clusters, strict=True)]
    file.write_text("\n".join(lines))
    (folder / "suite.yaml").write_text(SUITE.replace("data: {", "data: {cluster: doc, "))


# ------------------------------------------------------------------- sizes


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("1", None),
        ("1.0e-200", "no number of samples would do for a limit of 1e-200"),
        ("1.0e-160", "no number of samples would do"),
        ("1.0e-12", "no number of samples would do"),
        ("0.05", "5 points need some 250 samples, yesno has 40"),
    ],
)
def test_check_says_what_a_limit_needs_whatever_it_is(evalkit, suite, limit, said):
    """A limit of 1 needs nothing; one that no number of samples reaches says so."""
    write_gate(f"{{metric: quality, max_drop: {limit}}}")
    found = evalkit("check", suite)
    assert found.code == 0, found.err
    lines = [line for line in found.out.splitlines() if "gate.yaml: quality" in line]
    assert lines == [] if said is None else said in lines[0]


def test_check_refuses_an_alpha_that_no_gate_can_hold(evalkit, suite):
    """The bounds would not exist."""
    write_gate("{metric: quality, max_drop: 0.1}", head="alpha: 1.0e-20\n")
    found = evalkit("check", suite)
    assert found.code == 2
    assert "`alpha` must be a share of at least 0.000001 and below 0.5, got 1e-20" in found.err


def test_check_counts_clusters_and_slices(evalkit, suite):
    """A sample without a cluster stands for itself."""
    cluster(suite, ["a", "a", "a", "b", "b", None, "", None])
    write_gate("{metric: quality, max_drop: 0.05}")
    document = json.loads(evalkit("check", suite, "--json").out)
    assert document["suites"] == [
        {
            "folder": str(suite),
            "name": "yesno",
            "samples": 8,
            "units": 5,
            "slices": {"language": {"de": 2, "en": 6}},
            "graders": ["label"],
        }
    ]
    assert "yesno: 8 samples in 5 clusters can rule out a drop of " in document["margins"][0]
    assert "need some 690 clusters" in document["margins"][0]
    assert "5 points need some 250 clusters, yesno has 5" in document["margins"][1]


def test_a_rule_on_a_slice_is_judged_by_the_samples_of_the_slice(evalkit, suite):
    """Not by those of the whole suite; of clusters by the smaller number."""
    write_suite(400)
    write_gate(
        "{metric: quality, max_drop: 0.05}",
        "{metric: quality, max_drop: 0.05, slice: {language: de}}",
        "{metric: quality, max_drop: 0.05, slice: {language: en}}",
    )
    said = [line for line in evalkit("check", suite).out.splitlines() if "max_drop" in line]
    assert said == [
        "gate.yaml: quality max_drop [language=de]: 5 points need some 250 samples, "
        "yesno has 100 in this slice"
    ]
    cluster(suite, [f"c{n // 2}" for n in range(400)])
    said = [line for line in evalkit("check", suite).out.splitlines() if "max_drop" in line]
    assert [line.partition(" need some ")[2] for line in said] == [
        "250 clusters, yesno has 200",
        "250 clusters, yesno has 100 in this slice",
        "250 clusters, yesno has 200 in this slice",
    ]


# ------------------------------------------------------------------- names

WRONG = [
    ("{metric: quality, max_drop: 0.5, slice: {lang: de}}",
     "no suite has such a column of slices, got 'lang'; allowed: language"),
    ("{metric: quality, max_drop: 0.5, slice: {language: fr}}",
     "no sample lies in this slice of 'language', got 'fr'; allowed: de, en"),
    ("{metric: graders.labl, max_drop: 0.5}",
     "no suite has such a grader, got 'graders.labl'; allowed: label"),
    ("{metric: metrics.fields.f1, min: 0.5}",
     "no suite has such a grader, got 'metrics.fields.f1'; allowed: label"),
    ("{metric: quality, max_drop: 0.5, suite: yesn}", "no such suite, got 'yesn'; allowed: yesno"),
]  # fmt: skip
RIGHT = (
    "{metric: quality, max_drop: 0.5, slice: {language: de}, suite: yesno}",
    "{metric: graders.label, max_drop: 0.5}",
    "{metric: metrics.label.f1, min: 0.5}",
)


@pytest.mark.parametrize(("rule", "said"), WRONG)
def test_a_name_that_the_suite_beside_it_lacks_is_an_error(evalkit, suite, rule, said):
    """With file and line, what was got and what is allowed."""
    write_gate(*RIGHT, rule, folder=suite)
    found = evalkit("check", suite)
    assert found.code == 2
    assert found.err.splitlines()[0] == f"{suite}/gate.yaml:5: {said}"


@pytest.mark.parametrize(("rule", "said"), WRONG)
def test_a_name_that_no_suite_has_is_an_error_where_all_were_checked(evalkit, suite, rule, said):
    """Where some were named, the rule may be meant for another: a warning."""
    write_gate(*RIGHT, rule)
    found = evalkit("check")
    assert (found.code, f"gate.yaml:5: {said}" in found.err.splitlines()) == (2, True)
    named = evalkit("check", suite)
    assert named.code == 0
    assert f"warning: gate.yaml:5: {said}" in named.err.splitlines()


def test_a_name_that_one_of_all_suites_has_is_right(evalkit, suite):
    """A rule without `suite` goes for every suite; beside a suite it is meant for that one."""
    other = write_suite(8, Path("suites/other"))
    text = SUITE.replace("name: yesno", "name: other").replace("[language]", "[critical]")
    (other / "suite.yaml").write_text(text)
    rule = "{metric: quality, max_drop: 0.5, slice: {critical: true}}"
    write_gate(*RIGHT, rule)
    assert evalkit("check").code == 0
    write_gate(*RIGHT, rule, folder=suite)
    found = evalkit("check")
    assert found.code == 2
    assert [line for line in found.err.splitlines() if not line.startswith("warning")] == [
        f"{suite}/gate.yaml:5: no suite has such a column of slices, got 'critical'; "
        "allowed: language"
    ]


def test_a_suite_that_could_not_be_read_may_have_the_name(evalkit, suite):
    """What was not checked is not known to lack it."""
    write_gate(WRONG[0][0])
    broken = write_suite(3, Path("suites/broken"))
    (broken / "suite.yaml").write_text("name: broken")
    assert f"warning: gate.yaml:2: {WRONG[0][1]}" in evalkit("check").err.splitlines()
