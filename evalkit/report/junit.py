"""The gate as JUnit XML, which GitLab, Jenkins and most CI dashboards read.

One testcase a rule under a name that does not change from run to run, so that a dashboard can tell
new failures from old ones; the reason stands in the body, where every reader looks. What is in the
document can break neither the XML nor a name. It does not know who reads the file.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple
from xml.etree import ElementTree as ET

from evalkit.report.gate_values import (
    Document,
    Rule,
    figures,
    headline,
    regression,
    shown,
    told,
    unanswered,
    word,
)
from evalkit.report.values import MISSING, share

SUITE = "evalkit.gate"
MOST_NAME = 240
MOST_BODY = 8_000
MOST_SAMPLES = 10
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Outcome = Literal["failure", "error", "skipped"]


class Case(NamedTuple):
    """One testcase.

    Attributes:
        group: Its class name.
        name: Its name.
        outcome: None where it passed.
        kind: Type of the failure or error.
        message: The reason on one line.
        body: The reason with all figures.
    """

    group: str
    name: str
    outcome: Outcome | None
    kind: str
    message: str
    body: str


def gate_junit(document: Document, timestamp: str | None = None) -> str:
    """Return the gate as JUnit XML; equal input gives equal text.

    A rule that fails is a `failure`. One that is open is an `error`, and `skipped` where the policy
    says `on_inconclusive: warn`. Runs that cannot be compared, arms over their error budget or
    without a score are an `error` of their own, whatever the rules say.

    Args:
        document: The document of `evalkit gate --json`.
        timestamp: When it was decided, ISO 8601; left out where it is None.
    """
    cases = [*_doubts(document), *_rules(document)]
    counted = Counter(case.outcome for case in cases)
    facts = {
        "name": SUITE,
        "tests": str(len(cases)),
        "failures": str(counted["failure"]),
        "errors": str(counted["error"]),
        "skipped": str(counted["skipped"]),
        "time": "0",
    }
    if timestamp is not None:
        facts["timestamp"] = legal(timestamp)
    root = ET.Element("testsuites")
    suite = ET.SubElement(root, "testsuite", facts)
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(document).items():
        ET.SubElement(properties, "property", {"name": name, "value": legal(shown(value))})
    for case in cases:
        _add(suite, case)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def legal(text: str) -> str:
    r"""Return text without the characters that XML 1.0 forbids.

    Example:
        >>> legal("a\x00\x07\ud800b")
        'ab'
    """
    return _ILLEGAL.sub("", text)


def _add(suite: ET.Element, case: Case) -> None:
    facts = {"classname": legal(case.group), "name": legal(case.name), "time": "0"}
    element = ET.SubElement(suite, "testcase", facts)
    if case.outcome is None:
        ET.SubElement(element, "system-out").text = _body(case.body)
        return
    said = {"message": legal(case.message)}
    if case.outcome != "skipped":
        said["type"] = case.kind
    ET.SubElement(element, case.outcome, said).text = _body(case.body)


def _body(text: str) -> str:
    safe = legal(text)
    return safe if len(safe) <= MOST_BODY else safe[: MOST_BODY - 1] + "…"


def _properties(document: Document) -> dict[str, object]:
    policy = document["policy"]
    return {
        "verdict": document["verdict"],
        "baseline": document["baseline"] or MISSING,
        "candidate": document["candidate"] or MISSING,
        "policy": policy["file"] or MISSING,
        "policy_hash": policy["hash"],
    }


def _doubts(document: Document) -> list[Case]:
    """Return what makes the rules' verdicts worth nothing; empty where they can be trusted."""
    cases = []
    alike = document["baseline"] == document["candidate"]
    if not document["comparable"]:
        lines = [shown(line, 600) for line in document["differences"]]
        cases.append(_error("gate", "comparable", "incomparable", headline(document), lines))
    for row in document["evidence"]:
        who = shown(row["arm"]) + (f" ({row['role']})" if alike else "")
        if not row["within"]:
            reason = (
                f"{unanswered(row)} of {row['n_asked']} trials without an answer: "
                f"{share(row['share'])}, error budget {share(row['budget'])}"
            )
            cases.append(_error(_group(row), f"error budget {who}", "error_budget", reason))
        if not row["n_scored"]:
            reason = f"no sample of {who} was scored: nothing was measured"
            cases.append(_error(_group(row), f"scored samples {who}", "no_evidence", reason))
    lacking = {"fail", "inconclusive"}.isdisjoint(rule["verdict"] for rule in document["rules"])
    if not cases and lacking and document["verdict"] != "pass":
        cases.append(_error("gate", "verdict", document["verdict"], headline(document)))
    return cases


def _error(group: str, name: str, kind: str, reason: str, lines: Sequence[str] = ()) -> Case:
    return Case(group, name, "error", kind, reason, "\n".join([reason, *lines]))


def _group(row: Rule) -> str:
    return f"gate.{shown(row['suite'], 120)}"


def _rules(document: Document) -> list[Case]:
    open_: Outcome = "skipped" if document["policy"]["on_inconclusive"] == "warn" else "error"
    outcomes: dict[str, Outcome | None] = {"pass": None, "fail": "failure"}
    return [
        Case(
            group=_group(rule),
            name=name,
            outcome=outcomes.get(rule["verdict"], open_),
            kind="gate" if rule["verdict"] == "fail" else "inconclusive",
            message=f"{word(rule['verdict'])}: {shown(rule['reason'], 600)}",
            body=_figures(document, rule),
        )
        for rule, name in zip(document["rules"], _names(document["rules"]), strict=True)
    ]


def _figures(document: Document, rule: Rule) -> str:
    """Return the reason with all figures, and the samples that regressed where they are counted."""
    lines = [
        f"{word(rule['verdict'])}: {shown(rule['reason'], 2000)}",
        told(rule, document),
        f"rule {shown(rule['name'])} on {shown(rule['suite'])}; method: {shown(rule['method'])}",
    ]
    if rule["verdict"] == "fail":
        lost = [row for row in document["regressions"] if _concerns(rule, row)]
        lines += ["lost most in quality:"] if lost else []
        lines += ["  " + ": ".join(regression(row)) for row in lost[:MOST_SAMPLES]]
    return "\n".join(lines)


def _concerns(rule: Rule, row: Rule) -> bool:
    """Say whether a regressed sample is one of those that a rule looks at."""
    slices = row["slices"] or {}
    inside = all(slices.get(column) == value for column, value in (rule["slice"] or {}).items())
    return rule["suite"] == row["suite"] and inside and (row["critical"] or not rule["critical"])


def _names(rules: Sequence[Rule]) -> list[str]:
    """Return a name for each rule, no two alike in one class.

    Readers keep the first of equal names only. Where names coincide the limits are added, else a
    hash of the rule: nothing that hangs on the rule's place, so a name stays when rules come or go.
    """
    names = [_short(shown(rule["name"], 2 * MOST_NAME)) for rule in rules]
    groups = [_group(rule) for rule in rules]
    for added in (_limit_of, _hash_of):
        counts = Counter(zip(groups, names, strict=True))
        names = [
            name if counts[group, name] == 1 else f"{name} ({added(rule)})"
            for rule, group, name in zip(rules, groups, names, strict=True)
        ]
    seen: Counter[tuple[str, str]] = Counter()
    for index, key in enumerate(zip(groups, list(names), strict=True)):
        seen[key] += 1
        if seen[key] > 1:  # the same rule twice, which no policy can hold
            names[index] += f" ({seen[key]})"
    return names


def _short(name: str) -> str:
    return name if len(name) <= MOST_NAME else name[: MOST_NAME - 1] + "…"


def _limit_of(rule: Rule) -> str:
    return figures(rule).limit


def _hash_of(rule: Rule) -> str:
    facts = [rule[key] for key in ("suite", "name", "metric", "kind", "slice", "critical", "limit")]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]
