"""The gate as JUnit XML: well-formed whatever names hold, one case a rule, names that stay."""

from __future__ import annotations

import itertools
from xml.parsers import expat

import pytest
from gate_by_hand import RULES, document, hostile_document, incomparable, over_budget, rule
from hostile import HOSTILE
from hypothesis import given
from hypothesis import strategies as st
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from evalkit.report.junit import MOST_BODY, gate_junit, legal


def parse(text: str) -> TestSuite:
    """Read it with expat, then with junitparser; return the one suite."""
    expat.ParserCreate().Parse(text.encode("utf-8"), True)
    suites = list(JUnitXml.fromstring(text.encode("utf-8")))
    assert len(suites) == 1
    return suites[0]


def cases(made: dict) -> list[TestCase]:
    return list(parse(gate_junit(made)))


def outcome(case: TestCase) -> type | None:
    """Return how a case ended, as junitparser reads it."""
    assert len(case.result) <= 1
    return type(case.result[0]) if case.result else None


def by_name(made: dict) -> dict[str, TestCase]:
    return {case.name: case for case in cases(made)}


@pytest.mark.parametrize("verdict", ["pass", "fail", "inconclusive"])
def test_there_is_one_case_for_each_rule(verdict):
    """Named as the rule, in a class named after its suite, and no further case."""
    made = document(verdict)
    assert [("gate.extraction", r["name"]) for r in made["rules"]] == [
        (case.classname, case.name) for case in cases(made)
    ]


def test_a_rule_ends_as_its_verdict_says():
    """A failure where it fails, an error where it is open, nothing where it passes."""
    ended = {"pass": None, "fail": Failure, "inconclusive": Error}
    assert [ended[r["verdict"]] for r in RULES] == [outcome(c) for c in cases(document("fail"))]
    assert {
        (c.result[0].type, c.result[0].message.partition(":")[0])
        for c in cases(document("fail"))
        if c.result
    } == {("gate", "FAIL"), ("inconclusive", "INCONCLUSIVE")}


def test_an_open_rule_is_skipped_where_the_policy_only_warns():
    """Then CI stays green, and still shows it."""
    made = document("inconclusive")
    made["policy"]["on_inconclusive"] = "warn"
    assert [None, Skipped, Skipped, None] == [outcome(case) for case in cases(made)]


def test_the_counts_are_those_of_the_cases():
    """As a reader of the attributes and a reader of the cases count them."""
    for made in (document("pass"), document("fail"), document("inconclusive"), over_budget()):
        suite = parse(gate_junit(made))
        told = (suite.tests, suite.failures, suite.errors, suite.skipped)
        suite.update_statistics()
        assert told == (suite.tests, suite.failures, suite.errors, suite.skipped)


def test_the_reason_stands_in_the_body_with_the_figures():
    """GitLab shows nothing else."""
    case = by_name(document("fail"))["quality max_drop [language=de]"]
    assert case.result[0].text.split("\n")[:3] == [
        "FAIL: may drop by at most 5 points, and is beyond that",
        "-8.1 pts [-12.1, -5.2] (90%), limit ≥ -5.0 pts, n 120, 93.0% → 84.9%",
        "rule quality max_drop [language=de] on extraction; method: tango",
    ]
    passed = by_name(document("pass"))["quality max_drop"]
    assert passed.system_out.startswith("PASS: may drop by at most 3 points: within the limit\n")


def test_a_failed_rule_names_the_samples_that_it_looks_at():
    """Critical ones for a rule on critical samples, those of the slice for a rule on a slice."""
    found = by_name(document("fail"))
    critical = found["pass_rate max_regressions [critical]"].result[0].text
    assert "invoice-0001" in critical
    assert "invoice-0002" not in critical
    made = document("fail")
    made["regressions"][1]["slices"] = {"language": "fr"}
    sliced = by_name(made)["quality max_drop [language=de]"].result[0].text
    assert "invoice-0003" in sliced
    assert "invoice-0002" not in sliced


def test_runs_that_cannot_be_compared_are_an_error_of_their_own():
    """With every difference."""
    (case,) = cases(incomparable())
    assert ("gate", "comparable", Error) == (case.classname, case.name, outcome(case))
    assert "extraction: 1 repeats, then 3" in case.result[0].text


@pytest.mark.parametrize("on_inconclusive", ["fail", "warn"])
def test_an_arm_over_its_error_budget_is_an_error_of_its_own(on_inconclusive):
    """Also where open rules only warn: an outage is not an open question."""
    found = by_name(over_budget(on_inconclusive))
    case = found["error budget vllm:llama-4-scout@json_schema"]
    assert outcome(case) is Error
    assert "40 of 400 trials without an answer: 10.0%, error budget 2.0%" in case.result[0].text
    assert outcome(found["quality max_drop"]) is None


def test_an_arm_without_a_score_is_never_green():
    """Although a rule on another metric passes."""
    made = over_budget()
    made["evidence"][1] |= {"within": True, "n_scored": 0}
    assert "scored samples vllm:llama-4-scout@json_schema" in by_name(made)


def test_two_sides_of_one_name_are_told_apart():
    """A model against its own earlier run."""
    made = over_budget()
    made["evidence"][0] |= {"within": False}
    made["candidate"] = made["baseline"] = "p:m"
    for row in made["evidence"]:
        row["arm"] = "p:m"
    assert len(by_name(made)) == len(cases(made)) == 3


def test_what_does_not_pass_is_never_all_green():
    """Even if no rule says why."""
    made = document("inconclusive", rules=[])
    (case,) = cases(made)
    assert ("verdict", Error) == (case.name, outcome(case))


def test_no_two_cases_have_the_same_name():
    """GitLab would keep the first only."""
    strict, loose = rule(limit=0.01), rule(limit=0.03)
    made = document(rules=[strict, loose, rule(name="quality max_drop [a=\x01]"),
                           rule(name="quality max_drop [a=\x02]")])  # fmt: skip
    names = [case.name for case in cases(made)]
    assert "quality max_drop (≥ -1.0 pts)" in names
    assert "quality max_drop (≥ -3.0 pts)" in names
    assert len(names) == len(set(names)) == 4


def test_a_name_does_not_hang_on_the_other_rules_order():
    """So a dashboard still knows a rule when another comes, goes or moves."""
    rules = [rule(limit=0.01), rule(limit=0.03), rule(name="quality max_drop [a=\x01]"),
             rule(name="quality max_drop [a=\x02]")]  # fmt: skip
    found = set()
    for order in itertools.permutations(range(4)):
        names = [case.name for case in cases(document(rules=[rules[i] for i in order]))]
        found.add(tuple(names[order.index(i)] for i in range(4)))
    assert len(found) == 1


def test_the_verdict_and_who_was_compared_are_properties():
    """For dashboards that show them."""
    told = {p.name: p.value for p in parse(gate_junit(document("fail"))).properties()}
    assert told == {
        "verdict": "fail",
        "baseline": "openai:gpt-5-mini",
        "candidate": "vllm:llama-4-scout@json_schema",
        "policy": "gate.yaml",
        "policy_hash": "1f0c6f2a9b3d4e5f1f0c6f2a9b3d4e5f",
    }


def test_equal_input_gives_equal_text():
    """No clock, no host; a timestamp only where one is given."""
    assert gate_junit(document("fail")) == gate_junit(document("fail"))
    assert "timestamp" not in gate_junit(document("fail"))
    suite = parse(gate_junit(document("fail"), "2026-01-01T12:00:00"))
    assert suite.timestamp == "2026-01-01T12:00:00"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("verdict", ["pass", "fail"])
def test_no_name_breaks_the_xml(text, verdict):
    """As many cases as rules, no text outside its place, and a file of bearable size."""
    made = hostile_document(text, verdict)
    written = gate_junit(made)
    assert len(made["rules"]) == len(list(parse(written)))
    assert len(written.encode()) < 200_000
    assert not any(0xD800 <= ord(c) <= 0xDFFF or c in "\x00\x07\x1b\u202e" for c in written)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_name_breaks_the_xml_of_runs_that_cannot_be_compared(text):
    """The same where the differences are told."""
    made = hostile_document(text)
    made |= {"comparable": False, "rules": [], "verdict": "inconclusive"}
    assert [case.name for case in cases(made)] == ["comparable"]


def test_a_body_has_an_end():
    """However long a reason is."""
    made = document("fail")
    made["rules"][1] |= {"reason": "reason " * 100_000, "slice": None}
    made["regressions"] = [
        {**row, "sample_id": "x" * 100_000, "slices": {f"k{i}": "v" * 500 for i in range(40)}}
        for row in made["regressions"]
    ]
    assert max(len(c.result[0].text) for c in cases(made) if c.result) == MOST_BODY


@given(st.text(alphabet=st.characters(), max_size=40))
def test_any_text_can_stand_anywhere(text):
    """Any character that Python can hold, lone surrogates among them."""
    assert len(cases(hostile_document(text))) == len(RULES)


def test_what_xml_forbids_is_left_out():
    """And nothing else is."""
    assert legal("a\x00\x0b\x1f\ud800\ufffe\uffffb\t\n\r\x85\ufffd\U0010ffff") == (
        "ab\t\n\r\x85\ufffd\U0010ffff"
    )
