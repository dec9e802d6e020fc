"""May the candidate take the baseline's place? Comparability, evidence, rules, one verdict.

The gate passes only when every rule passes: an intersection-union test, which needs no correction
for their number. Errors of a provider have a budget and are never quality. It prints nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from evalkit.analysis.gates.order import asked_order
from evalkit.analysis.gates.policy import GatePolicy, Rule
from evalkit.analysis.gates.rules import Bout, Judged, Verdict, judge_rule
from evalkit.analysis.sides import Side, Unshared, differences, unshared

SCHEMA_VERSION = 1


class Contest(NamedTuple):
    """Two arms on one suite."""

    baseline: Side
    candidate: Side

    @property
    def suite(self) -> str:
        """The suite's name."""
        return self.candidate.outcomes.suite


def gate_document(
    contests: Sequence[Contest], policy: GatePolicy, *, allow_changed: bool = False
) -> dict[str, Any]:
    """Return the gate's verdict and how it came about.

    Args:
        contests: The two arms, on each suite that both have.
        policy: The rules.
        allow_changed: Compare arms that are not comparable all the same; the document says so.
    """
    found = [line for contest in contests for line in differences(*contest)]
    evidence = [row for contest in contests for row in _evidence(contest, policy.error_budget)]
    comparable = bool(contests) and (not found or allow_changed)
    rules = _rules(contests, policy) if comparable else []
    verdict, reason = _verdict(rules, evidence, [] if comparable else found)
    first = contests[0] if contests else None
    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": verdict,
        "sentence": _sentence(verdict, reason, contests),
        "reason": reason,
        "baseline": first.baseline.outcomes.arm if first else None,
        "candidate": first.candidate.outcomes.arm if first else None,
        "suites": [contest.suite for contest in contests],
        "policy": {
            "file": policy.file or None,
            "hash": policy.hash,
            "alpha": policy.alpha,
            "error_budget": policy.error_budget,
            "on_inconclusive": policy.on_inconclusive,
        },
        "comparable": comparable,
        "differences": found,
        "rules": rules,
        "evidence": evidence,
        "left_out": [
            {
                "suite": contest.suite,
                **_counts(unshared(contest.baseline.outcomes, contest.candidate.outcomes)),
            }
            for contest in contests
        ],
        "not_honoured": [
            f"{contest.suite}: {side.outcomes.arm}: {line}"
            for contest in contests
            for side in contest
            for line in side.not_honoured
        ],
        "warnings": [],
        "regressions": [],
    }


def _counts(gone: Unshared) -> dict[str, int]:
    return {"only_baseline": len(gone.only_baseline), "only_candidate": len(gone.only_candidate)}


def _evidence(contest: Contest, budget: float) -> list[dict[str, Any]]:
    """Return how many trials of each arm brought no answer or no score, and if that is bearable.

    What a grader or judge failed on may be the hard samples, as what a provider failed on. A
    sample that was to be skipped in one arm only is a trial without an answer, too: what it would
    have been is not known.
    """
    rows = []
    skipped = contest.baseline.outcomes.skipped, contest.candidate.outcomes.skipped
    shared = len(np.intersect1d(skipped[0], skipped[1], assume_unique=True))
    for role, side in zip(("baseline", "candidate"), contest, strict=True):
        own = len(side.outcomes.skipped)
        repeats = side.identity.repeats
        asked = max(side.expected - shared * repeats, 0)
        missing = side.n_unanswered + (own - shared) * repeats
        unscored = int((side.outcomes.answered & np.isnan(side.outcomes.quality)).sum())
        share = (missing + unscored) / asked if asked else None
        rows.append(
            {
                "suite": contest.suite,
                "role": role,
                "arm": side.outcomes.arm,
                "n_asked": asked,
                "n_unanswered": missing,
                "n_unscored": unscored,
                "n_scored": int((~np.isnan(side.outcomes.quality)).sum()),
                "share": share,
                "budget": budget,
                "within": share is not None and share <= budget,
            }
        )
    return rows


def _rules(contests: Sequence[Contest], policy: GatePolicy) -> list[dict[str, Any]]:
    rows = []
    for rule in policy.rules:
        own = [c for c in contests if rule.suite in (None, c.suite)]
        for contest in own:
            bout = Bout(
                contest.baseline.outcomes,
                contest.candidate.outcomes,
                policy.alpha,
                asked_order(contest.baseline, contest.candidate, rule),
                unseen=max(side.n_unseen for side in contest),
            )
            rows.append(_row(rule, contest.suite, judge_rule(rule, bout), policy.alpha))
        if not own:
            reason = f"no suite {rule.suite!r} was run by both arms"
            missing = Judged("inconclusive", None, None, None, 0, None, reason, "none")
            rows.append(_row(rule, str(rule.suite), missing, policy.alpha))
    return rows


def _row(rule: Rule, suite: str, judged: Judged, alpha: float) -> dict[str, Any]:
    return {
        "suite": suite,
        "name": rule.name,
        "metric": rule.metric,
        "kind": rule.kind,
        "slice": rule.slice or None,
        "critical": rule.critical,
        "verdict": judged.verdict,
        "estimate": judged.estimate,
        "low": judged.low,
        "high": judged.high,
        "level": 1.0 - 2.0 * alpha,
        "limit": rule.limit,
        "n": judged.n,
        "needed_n": judged.needed_n,
        "reason": judged.reason,
        "method": judged.method,
        "baseline": judged.values[0],
        "candidate": judged.values[1],
    }


def _verdict(
    rules: Sequence[Mapping[str, Any]], evidence: Sequence[Mapping[str, Any]], found: Sequence[str]
) -> tuple[Verdict, str]:
    """Return the verdict and what it hangs on."""
    if found:
        return "inconclusive", f"the runs are not comparable: {found[0]}"
    lacking = [row for row in evidence if not row["n_scored"]]
    if lacking or not evidence:
        who = lacking[0]["arm"] if lacking else "no arm"
        return "inconclusive", f"{who} has no scored sample: nothing was measured"
    over = [row for row in evidence if not row["within"]]
    if over:
        row = max(over, key=lambda r: r["share"] or 0.0)
        lost = f"no answer to {row['n_unanswered']}"
        if row["n_unscored"]:
            lost += f" and no score for {row['n_unscored']}"
        return "inconclusive", (
            f"{row['arm']} has {lost} of {row['n_asked']} trials of {row['suite']}, more than the "
            f"error budget of {100 * row['budget']:g} %"
        )
    failed = [row for row in rules if row["verdict"] == "fail"]
    if failed:
        return "fail", _named(failed, rules)
    open_ = [row for row in rules if row["verdict"] == "inconclusive"]
    if open_:
        return "inconclusive", _named(open_, rules)
    return "pass", f"all {len(rules)} rules hold"


def _sentence(verdict: Verdict, reason: str, contests: Sequence[Contest]) -> str:
    """Return the verdict in one sentence."""
    if not contests:
        return f"{verdict.upper()}: {reason}"
    baseline, candidate = (side.outcomes.arm for side in contests[0])
    suites = ", ".join(contest.suite for contest in contests)
    said = {
        "pass": f"{candidate} may take the place of {baseline} on {suites}",
        "fail": f"{candidate} may not take the place of {baseline} on {suites}",
        "inconclusive": f"not decided whether {candidate} may replace {baseline} on {suites}",
    }[verdict]
    return f"{verdict.upper()}: {said}: {reason}"


def _named(rows: Sequence[Mapping[str, Any]], rules: Sequence[Mapping[str, Any]]) -> str:
    """Return the first of some rules with its reason; its suite where there are several."""
    several = len({row["suite"] for row in rules}) > 1
    first = f"{rows[0]['name']}: {rows[0]['reason']}"
    first = f"{rows[0]['suite']}: {first}" if several else first
    return first if len(rows) == 1 else f"{first}; and {len(rows) - 1} more"
