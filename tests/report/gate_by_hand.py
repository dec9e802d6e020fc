"""A gate's document made by hand, as `evalkit.analysis.gate.gate_document` makes it."""

from __future__ import annotations

import copy
from typing import Any

VERDICTS = ("pass", "fail", "inconclusive")


def rule(**changes: Any) -> dict[str, Any]:
    """Return a rule that passes."""
    facts = {
        "suite": "extraction",
        "name": "quality max_drop",
        "metric": "quality",
        "kind": "max_drop",
        "slice": None,
        "critical": False,
        "verdict": "pass",
        "estimate": -0.004,
        "low": -0.021,
        "high": 0.013,
        "level": 0.9,
        "limit": 0.03,
        "n": 400,
        "needed_n": None,
        "reason": "may drop by at most 3 points: within the limit",
        "method": "tango",
        "baseline": 0.912,
        "candidate": 0.908,
    }
    return {**facts, **changes}


def evidence(role: str, **changes: Any) -> dict[str, Any]:
    """Return an arm whose errors are within the budget."""
    arm = {"baseline": "openai:gpt-5-mini", "candidate": "vllm:llama-4-scout@json_schema"}[role]
    facts = {
        "suite": "extraction",
        "role": role,
        "arm": arm,
        "n_asked": 400,
        "n_unanswered": 2,
        "n_scored": 398,
        "share": 0.005,
        "budget": 0.02,
        "within": True,
    }
    return {**facts, **changes}


def regression(number: int, **changes: Any) -> dict[str, Any]:
    """Return a sample on which the candidate lost."""
    facts = {
        "suite": "extraction",
        "sample_id": f"invoice-{number:04}",
        "critical": number == 1,
        "slices": {"language": "de"},
        "baseline": {"quality": 1.0},
        "candidate": {"quality": 0.0, "status": "malformed"},
    }
    return {**facts, **changes}


RULES = (
    rule(),
    rule(
        name="quality max_drop [language=de]", slice={"language": "de"}, verdict="fail",
        estimate=-0.081, low=-0.121, high=-0.052, limit=0.05, n=120,
        baseline=0.93, candidate=0.849,
        reason="may drop by at most 5 points, and is beyond that",
    ),
    rule(
        name="malformed_rate max", metric="malformed_rate", kind="max", estimate=0.018,
        low=0.009, high=0.0304, limit=0.03, verdict="inconclusive", needed_n=1100,
        reason="at most 3 %: undecided; about 700 more samples would decide",
        method="wilson", baseline=None, candidate=None,
    ),
    rule(
        name="latency_p95_ms max_ratio", metric="latency_p95_ms", kind="max_ratio",
        estimate=0.91, low=0.82, high=None, limit=1.2, verdict="inconclusive", needed_n=59,
        reason="may be at most 1.2 times the baseline's: undecided: 40 are too few",
        method="bootstrap", n=40, baseline=4100.0, candidate=3731.0,
    ),
    rule(
        name="cost_per_success_usd max", metric="cost_per_success_usd", kind="max",
        estimate=0.000412, low=0.00039, high=0.00044, limit=0.001,
        reason="at most 0.001: within the limit", method="fieller", baseline=None, candidate=None,
    ),
    rule(
        name="pass_rate max_regressions [critical]", metric="pass_rate", kind="max_regressions",
        critical=True, estimate=1.0, low=1.0, high=1.0, limit=0.0, verdict="fail", n=24,
        reason="1 of 24 regressed", method="count", baseline=None, candidate=None,
    ),
)  # fmt: skip


def document(verdict: str = "pass", **changes: Any) -> dict[str, Any]:
    """Return a document of a verdict, with the rules that go with it."""
    kept = {"pass": ("pass",), "inconclusive": ("pass", "inconclusive"), "fail": VERDICTS}[verdict]
    candidate = "vllm:llama-4-scout@json_schema"
    said = {
        "pass": f"PASS: {candidate} may take the place of openai:gpt-5-mini on extraction: "
        "all 2 rules hold",
        "fail": f"FAIL: {candidate} may not take the place of openai:gpt-5-mini on extraction: "
        "extraction: quality max_drop [language=de]: may drop by at most 5 points, and is beyond "
        "that; and 1 more",
        "inconclusive": f"INCONCLUSIVE: not decided whether {candidate} may replace "
        "openai:gpt-5-mini on extraction: extraction: malformed_rate max: at most 3 %: undecided; "
        "about 700 more samples would decide; and 1 more",
    }[verdict]
    facts = {
        "schema_version": 1,
        "verdict": verdict,
        "sentence": said,
        "reason": said.partition(": ")[2],
        "baseline": "openai:gpt-5-mini",
        "candidate": candidate,
        "suites": ["extraction"],
        "policy": {
            "file": "gate.yaml",
            "hash": "1f0c6f2a9b3d4e5f1f0c6f2a9b3d4e5f",
            "alpha": 0.05,
            "error_budget": 0.02,
            "on_inconclusive": "fail",
        },
        "comparable": True,
        "differences": [],
        "rules": [r for r in copy.deepcopy(RULES) if r["verdict"] in kept],
        "evidence": [evidence("baseline"), evidence("candidate", n_unanswered=0, share=0.0,
                                                    n_scored=400)],
        "left_out": [{"suite": "extraction", "only_baseline": 0, "only_candidate": 2}],
        "not_honoured": [f"extraction: {candidate}: temperature=0 was not sent"],
        "warnings": [],
        "regressions": [] if verdict == "pass" else [regression(i) for i in range(1, 13)],
        "run": "results/20260101-120000-extraction-ab12",
        "against": "baseline.json",
    }  # fmt: skip
    return {**facts, **changes}


def incomparable() -> dict[str, Any]:
    """Return the document of two runs that cannot be compared."""
    line = "extraction: the suite changed (data, prompts)"
    return document(
        "inconclusive",
        comparable=False,
        differences=[line, "extraction: 1 repeats, then 3"],
        rules=[],
        regressions=[],
        sentence=f"INCONCLUSIVE: not decided: the runs are not comparable: {line}",
    )


def over_budget(on_inconclusive: str = "fail") -> dict[str, Any]:
    """Return the document of a candidate that failed too often to be judged."""
    made = document(
        "inconclusive",
        rules=[rule()],
        evidence=[
            evidence("baseline"),
            evidence("candidate", n_unanswered=40, share=0.1, within=False, n_scored=360),
        ],
        sentence="INCONCLUSIVE: not decided: the candidate has no answer to 40 of 400 trials",
    )
    made["policy"]["on_inconclusive"] = on_inconclusive
    return made


def hostile_document(text: str, verdict: str = "fail") -> dict[str, Any]:
    """Return a document that holds a text wherever a name or a sentence stands."""
    made = document(verdict)
    for key in ("sentence", "reason", "baseline", "candidate", "run", "against"):
        made[key] = text
    made["policy"] |= {"file": text, "hash": text}
    made["suites"] = [text, "other"]
    for found in made["rules"]:
        found |= {"suite": text, "name": f"{found['metric']} {found['kind']} [column={text}]",
                  "reason": text, "method": text,
                  "slice": {text: text} if found["slice"] else None}  # fmt: skip
    for row in made["evidence"]:
        row |= {"suite": text, "arm": text}
    made["left_out"] = [{"suite": text, "only_baseline": 1, "only_candidate": 2}]
    for key in ("differences", "not_honoured", "warnings"):
        made[key] = [text, f"{text} and {text}"]
    for row in made["regressions"]:
        row |= {"suite": text, "sample_id": text, "slices": {text: text},
                "candidate": {"quality": 0.0, "status": text}}  # fmt: skip
    return made
