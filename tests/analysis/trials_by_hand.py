"""Trials and attempts made by hand for tests of analysis and report."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from evalkit.analysis.summary import ArmFacts, SuiteFacts, summarise
from evalkit.core.records import Attempt, Completion, Score, Trial, Usage
from evalkit.providers.pricing import Priced

SUITES = {"s": SuiteFacts(primary="fields", pass_at=1.0), "t": SuiteFacts(primary="fields")}


def completion(**changes: Any) -> Completion:
    usage = Usage(input=100, output=10)
    return Completion(**{"text": "{}", "usage": usage, "service_ms": 100.0, **changes})


def attempt(number: int = 1, **changes: Any) -> Attempt:
    outcome = changes.pop("outcome", "answered")
    done = changes.pop("completion", completion() if outcome == "answered" else None)
    given = {"cause": "first", "completion": done, "service_ms": 100.0, **changes}
    return Attempt(number=number, outcome=outcome, **given)


def trial(sample_id: str = "a", value: float | None = 1.0, **changes: Any) -> Trial:
    status = changes.get("status", "ok")
    rung = {"ok": "valid", "refused": "refusal", "malformed": "not_json"}.get(status)
    score = Score(
        grader="fields", version="1", value=value, failure="no" if value is None else None
    )
    given = {
        "run_id": "r", "suite": "s", "arm": "p:m", "model": "p:m", "repeat": 1, "status": status,
        "output_rung": rung, "first_rung": rung, "attempts": (attempt(),),
        "scores": (score,) if status == "ok" else (),
    }  # fmt: skip
    return Trial(sample_id=sample_id, **{**given, **changes})


def error(sample_id: str, outcome: str = "server_error", **changes: Any) -> Trial:
    failed = attempt(outcome=outcome, **changes)
    return trial(sample_id, status="error", attempts=(failed,))


def price(model: str, made: Attempt) -> Priced:
    """One dollar a million tokens; models of the provider `own` have no price."""
    done = made.completion
    if done is None or done.usage is None or model.startswith("own:"):
        return Priced(None, {}, "no known price", "")
    cost = Decimal((done.usage.input or 0) + (done.usage.output or 0)) / 1_000_000
    return Priced(cost, {"input_usd_per_mtok": Decimal(1)}, "test", "m")


def rows(trials: Any, **changes: Any) -> list[dict[str, Any]]:
    """Rows of a summary; `arms` may be by name alone: then they are so in every suite."""
    given = {"run_id": "r", "suites": SUITES, "arms": {}, "price": price, **changes}
    if all(isinstance(arm, str) for arm in given["arms"]):
        given["arms"] = {
            (s, a): facts for s in given["suites"] for a, facts in given["arms"].items()
        }
    return summarise(trials, **given)["rows"]


def row(trials: Any, **changes: Any) -> dict[str, Any]:
    (only,) = rows(trials, **changes)
    return only


__all__ = ["SUITES", "ArmFacts", "attempt", "completion", "error", "price", "row", "rows", "trial"]
