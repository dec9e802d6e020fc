"""What run.json says of a run: options, suites and arms as they were declared at its start.

Plain data in, plain data out; reading and writing the file is `evalkit.run.folder`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from evalkit.graders.grading import Grading
from evalkit.run.answers import Route
from evalkit.run.folder import SCHEMA_VERSION, environment
from evalkit.run.judges import Judges, served_models
from evalkit.run.plan import Arm
from evalkit.run.setup import Plan, RunOptions
from evalkit.run.trial import Entry
from evalkit.suite.loader import Suite


def make_manifest(options: RunOptions, plan: Plan, run_id: str, started: str) -> dict[str, Any]:
    """Return the manifest of a run that starts now."""
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": run_id,
        "state": "running",
        "state_reason": None,
        "command": options.command,
        "started_at": started,
        "ended_at": None,
        "journal_sha256": None,
        "seed": options.seed,
        "options": msgspec.to_builtins(options),
        "suites": [_suite_facts(suite, plan) for suite in plan.suites],
        "arms": [_arm_facts(entry, numbers, plan) for entry, numbers in plan.entries],
        "judges": list({judge.name: judge.facts() for judge in plan.judges.values()}.values()),
        "not_run": [msgspec.to_builtins(n) for n in plan.not_run],
        "providers_file": plan.catalogue.file,
        "providers_path": str(Path(plan.catalogue.file).resolve()),
        "prices": {"estimate_usd": plan.estimate_usd, "unpriced_arms": plan.unpriced},
        "environment": environment(),
    }


def _suite_facts(suite: Suite, plan: Plan) -> dict[str, Any]:
    spec = suite.spec
    grading = next(e.grading for e, _ in plan.entries if e.suite is suite)
    return {
        "name": suite.name,
        "version": spec.version,
        "folder": str(spec.folder),
        "description": spec.description,
        "licence": spec.licence,
        "task": spec.task,
        "sensitivity": spec.sensitivity,
        "require": spec.require,
        "hash": suite.hash,
        "hashes": suite.hashes,
        "grading_fingerprint": grading.fingerprint,
        "judged_by": grading.judged_by,
        "graders": [{"name": g.name, "version": g.version} for g in grading.graders],
        "judging": judging_facts(suite.name, grading, plan.judges),
        "primary": spec.primary,
        "pass_at": spec.pass_at,
        "format": spec.output.format,
        "accept": list(spec.output.accept),
        "max_attempts": spec.output.max_attempts,
        "structured": list(spec.structured),
        "params": spec.params,
        "slices": list(spec.data.slices),
        "clustered": spec.data.cluster is not None,
        "samples": len(suite.samples),
        "train": len(suite.train),
    }


def judging_facts(suite: str, grading: Grading, judges: Judges) -> list[dict[str, Any]]:
    """Return what run.json keeps of a suite's rubrics, with the models that their judges are."""
    return [
        {
            **grader.facts(),
            "judge_models": served_models(judges[suite, name] for name in grader.judges),
        }
        for grader in grading.judging
    ]


def _arm_facts(entry: Entry, numbers: Sequence[int], plan: Plan) -> dict[str, Any]:
    facts = {
        "suite": entry.suite.name,
        **_declared(entry.arm, entry.identity),
        "samples": len(numbers),
        "kin_judges": dict(plan.kin.get((entry.suite.name, entry.arm.name), {})),
    }
    return facts if entry.route is None else {**facts, **_policy_facts(entry.route)}


def _policy_facts(route: Route) -> dict[str, Any]:
    """Return what is different for a policy: it is recorded where all that it asks is."""
    recorded = all(hop.arm.provider.kind == "recorded" for hop in route.all_hops)
    return {
        "kind": "recorded" if recorded else "policy",
        "policy": {
            "route": [hop.arm.name for hop in route.hops],
            "fallbacks": [hop.arm.name for hop in route.fallbacks],
            "accept": route.accept,
            "promised": route.promised,
            "arms": [_declared(hop.arm, hop.adapter.identity) for hop in route.all_hops],
        },
    }


def _declared(arm: Arm, identity: str) -> dict[str, Any]:
    """Return an arm as its entry declares it."""
    provider, model = arm.provider, arm.entry
    return {
        "arm": arm.name,
        "model": arm.model,
        "provider": provider.name,
        "wire": provider.wire,
        "kind": provider.kind,
        "base_url": provider.base_url,
        "client": provider.client,
        "wire_name": model.wire_name,
        "mode": arm.mode,
        "params": arm.params,
        "identity": identity,
        "weights": model.weights,
        "licence": model.licence,
        "base": model.base,
        "same_weights": model.same_weights,
        "quantisation": model.quantisation,
        "retires_on": model.retires_on,
        "pricing": model.pricing,
        "limits": msgspec.to_builtins(provider.limits),
        "governance": msgspec.to_builtins(provider.governance),
    }
