"""gate.yaml as it is read: every key, and all that can be written wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.analysis.gates.policy import describe, read_gate
from evalkit.core.errors import ConfigError

WHOLE = """
schema_version: 1
alpha: 0.05
error_budget: 0.02
on_inconclusive: fail
rules:
  - {metric: quality, max_drop: 0.03}
  - {metric: malformed_rate, max: 0.02}
  - {metric: latency_p95_ms, max_ratio: 1.2}
  - {metric: cost_per_success_usd, max_ratio: 0.5}
  - {metric: refusal_rate, max_increase: 0.01}
  - {slice: {language: de}, metric: quality, max_drop: 0.05}
  - {critical: true, max_regressions: 0}
"""


@pytest.fixture
def read(tmp_path: Path):
    def read_text(text: str):
        path = tmp_path / "gate.yaml"
        path.write_text(text)
        return read_gate(path)

    return read_text


def test_every_kind_of_rule_is_read(read):
    """As the contract writes them."""
    policy = read(WHOLE)
    assert [rule.name for rule in policy.rules] == [
        "quality max_drop",
        "malformed_rate max",
        "latency_p95_ms max_ratio",
        "cost_per_success_usd max_ratio",
        "refusal_rate max_increase",
        "quality max_drop [language=de]",
        "pass_rate max_regressions [critical]",
    ]
    assert (policy.alpha, policy.error_budget, policy.on_inconclusive) == (0.05, 0.02, "fail")


def test_what_is_not_said_has_the_documented_default(read):
    """One rule is enough."""
    policy = read("rules: [{metric: quality, max_drop: 0.03}]")
    assert (policy.alpha, policy.error_budget, policy.on_inconclusive) == (0.05, 0.02, "fail")
    assert (policy.baseline, policy.candidate) == (None, None)


def test_arms_may_be_named_in_the_file(read):
    """For a gate that always compares the same two."""
    policy = read("baseline: a:b\ncandidate: c:d@prompt\nrules: [{metric: quality, max_drop: 0.1}]")
    assert (policy.baseline, policy.candidate) == ("a:b", "c:d@prompt")


def test_the_hash_is_of_what_decides(read):
    """Comments and places change nothing; a margin does."""
    one, other = read(WHOLE), read("# a comment\n" + WHOLE)
    assert one.hash == other.hash
    assert one.hash != read(WHOLE.replace("0.03", "0.04")).hash
    assert one.hash != read(WHOLE.replace("alpha: 0.05", "alpha: 0.01")).hash


def test_slices_are_compared_as_samples_write_them(read):
    """true and 3 are what the suite's loader makes of them."""
    (rule,) = read("rules: [{metric: quality, max_drop: 0.1, slice: {hard: true, page: 3}}]").rules
    assert rule.slice == {"hard": "true", "page": "3"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "`rules` must be a list of at least one rule, got nothing"),
        ("rules: []", "`rules` must be a list of at least one rule, got []"),
        ("rules: {metric: quality}", "`rules` must be a list"),
        ("rules: [quality]", "a rule must be a mapping"),
        ("rules: [{metric: quality}]", "a rule needs one limit of max_drop"),
        ("rules: [{metric: quality, max_drop: 0.1, min: 0.5}]", "got max_drop, min"),
        ("rules: [{metric: qualty, max_drop: 0.1}]", "unknown metric 'qualty'; known: quality"),
        ("rules: [{max_drop: 0.1}]", "`metric` is missing"),
        ("rules: [{metric: quality, max_drop: 3}]", "a share from 0 to 1 (3 points: 0.03), got 3"),
        ("rules: [{metric: quality, max_drop: -0.1}]", "a share from 0 to 1"),
        ("rules: [{metric: quality, max_drop: '5%'}]", "`max_drop` must be"),
        (
            "rules: [{metric: quality, max_increase: 0.1}]",
            "does not fit 'quality'; allowed: max",
        ),
        ("rules: [{metric: latency_p95_ms, max_drop: 0.1}]", "allowed: max_ratio, max"),
        ("rules: [{metric: malformed_rate, max_drop: 0.1}]", "allowed: max_increase, max"),
        ("rules: [{metric: cost_per_success_usd, max_ratio: 0}]", "a number above 0, got 0"),
        ("rules: [{critical: true, max_regressions: 1.5}]", "a whole number from 0 up, got 1.5"),
        ("rules: [{metric: quality, max_regressions: 0}]", "does not fit 'quality'"),
        (
            "rules: [{metric: malformed_rate, critical: true, max_regressions: 0}]",
            "does not fit 'malformed_rate'; allowed: max_increase, max",
        ),
        ("rules: [{metric: quality, max_drop: 0.1, slices: {a: b}}]", "unknown key 'slices'"),
        ("rules: [{metric: quality, max_drop: 0.1, slice: de}]", "`slice` must be a mapping"),
        (
            "rules: [{metric: quality, max_drop: 0.1}]\nalpha: 5",
            "a share of at least 0.000001",
        ),
        ("rules: [{metric: quality, max_drop: 0.1}]\nalpha: 1.0e-20", "got 1e-20"),
        ("rules: [{metric: quality, max_drop: 0.1}]\nalpha: 0.5", "below 0.5, got 0.5"),
        ("rules: [{metric: quality, max_drop: 0.1}]\nerror_budget: 2", "`error_budget` must be"),
        (
            "rules: [{metric: quality, max_drop: 0.1}]\non_inconclusive: pass",
            "allowed: 'fail', 'warn'",
        ),
        ("rules: [{metric: quality, max_drop: 0.1}]\nschema_version: 2", "allowed: 1"),
        (
            "rules: [{metric: quality, max_drop: 0.1}, {metric: quality, max_drop: 0.2}]",
            "the rule 'quality max_drop' stands twice",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_file_and_line(read, text, said):
    """Nothing is gated by a rule that is not understood."""
    with pytest.raises(ConfigError) as raised:
        read(text)
    assert said in str(raised.value)
    assert "gate.yaml:" in str(raised.value)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path):
    """With its path."""
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        read_gate(tmp_path / "none.yaml")


def test_limits_are_described_in_words(read):
    """Each of them."""
    assert [describe(rule) for rule in read(WHOLE).rules] == [
        "may drop by at most 3 points",
        "at most 2 %",
        "may be at most 1.2 times the baseline's",
        "may be at most 0.5 times the baseline's",
        "may rise by at most 1 point",
        "may drop by at most 5 points",
        "at most 0 may regress",
    ]
