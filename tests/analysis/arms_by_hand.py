"""Arms made from arrays, for tests of comparisons and gates."""

from __future__ import annotations

from typing import Any

import numpy as np

from evalkit.analysis.gates.document import Contest, gate_document
from evalkit.analysis.gates.policy import GatePolicy, Rule
from evalkit.analysis.outcomes import OK, Outcomes, Slice
from evalkit.analysis.sides import Identity, Side

IDENTITY = Identity(
    hash="h", hashes={"data": "d"}, grading="g", judges=[], judge_models=[], repeats=1,
    params={}, structured=["auto"],
)  # fmt: skip


def outcomes(quality: Any, *, repeats: int = 1, **changes: Any) -> Outcomes:
    """One arm; quality holds the repeats of each sample one after another."""
    values = np.asarray(quality, dtype=np.float64)
    n = len(values)
    unknown = np.full(n, np.nan)
    given = {
        "suite": "s", "arm": "p:m", "primary": "g",
        "sample": np.repeat(np.arange(n // repeats, dtype=np.uint64), repeats),
        "repeat": np.tile(np.arange(1, repeats + 1, dtype=np.int32), n // repeats),
        "state": np.full(n, OK, np.int8), "first_bad": np.zeros(n, bool),
        "passed": np.where(np.isnan(values), np.nan, values >= 1.0), "graders": {"g": values},
        "cost_usd": unknown, "latency_ms": unknown, "ttft_ms": unknown,
        "output_tokens": unknown, "critical": np.zeros(n, bool),
    }  # fmt: skip
    return Outcomes(**{**given, **changes})


def side(quality: Any, *, arm: str = "p:m", **changes: Any) -> Side:
    """One arm with what must agree; `identity`, `expected`, `n_skipped` and arrays may be given."""
    identity = changes.pop("identity", IDENTITY)
    expected = changes.pop("expected", None)
    facts = {name: changes.pop(name) for name in ("n_skipped", "stopping") if name in changes}
    own = outcomes(quality, arm=arm, **changes)
    wanted = len(own) if expected is None else expected
    return Side(own, identity, arm, wanted, facts.pop("n_skipped", 0), "results/r", **facts)


def binary(n: int, lost: int, gained: int, both: int | None = None) -> tuple[Any, Any]:
    """Baseline and candidate of n samples: so many only the first, only the second got right."""
    both = n - lost - gained if both is None else both
    old = np.zeros(n)
    new = np.zeros(n)
    old[: both + lost] = 1.0
    new[:both] = 1.0
    new[both + lost : both + lost + gained] = 1.0
    return old, new


def contest(old: Any, new: Any, **changes: Any) -> Contest:
    """Two arms that differ in nothing but their answers."""
    return Contest(side(old, arm="p:old", **changes), side(new, arm="p:new", **changes))


def rule(metric: str = "quality", **limit: Any) -> Rule:
    """A rule by its limit: rule(max_drop=0.05)."""
    given = {name: limit.pop(name) for name in ("slice", "critical", "suite") if name in limit}
    ((kind, value),) = limit.items()
    return Rule(metric=metric, kind=kind, limit=value, **given)


def gated(found: Contest, *rules: Rule, **changes: Any) -> dict[str, Any]:
    """The gate's document for one contest."""
    return gate_document([found], GatePolicy(rules=rules, **changes))


def by_language(n: int, german: int) -> dict[str, Slice]:
    """The first so many samples are German, the others English."""
    code = np.ones(n, np.int32)
    code[:german] = 0
    return {"language": Slice(("de", "en"), code)}
