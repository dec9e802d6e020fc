"""policy.json: which arm answers which task, who steps in, and the evidence for it.

It does not know any gateway.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.analysis.routing.task import TaskRoute
from evalkit.core.acceptance import asked_always

SCHEMA_VERSION = 1


def policy_document(
    routes: Mapping[str, TaskRoute],
    constraints: Mapping[str, Mapping[str, Any]],
    evidence: Mapping[str, Any],
) -> dict[str, Any]:
    """Return policy.json.

    Args:
        routes: By task; those without a policy are left out.
        constraints: What each task asked for.
        evidence: Runs, hashes of their journals, intervals.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "tasks": {name: _task(own) for name, own in routes.items() if own.chain},
        "constraints": {name: dict(own) for name, own in constraints.items()},
        "evidence": {
            **evidence,
            "intervals": {
                name: _interval(own.document["holdout"])
                for name, own in routes.items()
                if own.chain
            },
        },
    }


def _task(own: TaskRoute) -> dict[str, Any]:
    always = asked_always(own.accept)
    steps = [
        {"when": "always" if place < always else "not accepted", "arm": arm}
        for place, arm in enumerate(own.chain)
    ]
    return {
        "route": steps,
        "fallbacks": list(own.fallbacks),
        "accept": own.accept,
    }


def _interval(holdout: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what the policy promised on the locked samples."""
    if holdout is None:
        return None
    names = ("quality", "cost_per_1000_usd", "escalation_rate", "false_accept_rate", "n")
    return {name: holdout[name] for name in names}
