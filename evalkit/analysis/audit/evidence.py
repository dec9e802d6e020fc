"""The evidence of a run: journal, inputs, who answered under which terms, what is in no figure.

It states what is recorded; it does not say whether that is enough for anything.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from evalkit.analysis.audit.acts import MAPPING
from evalkit.analysis.audit.signature import manifest_sha256
from evalkit.analysis.columns import ArmColumns
from evalkit.analysis.reading import read_run
from evalkit.analysis.reporting.inputs import current_hashes
from evalkit.core.errors import ConfigError, JournalError
from evalkit.core.model_names import floating_reason
from evalkit.providers.openness import openness
from evalkit.run.folder import Run
from evalkit.run.journal import NAME, check

_MOST_REASONS = 20
_CARD = "judge_card.json"


def audit_document(run: Run, day: str, gate: Path | None = None) -> dict[str, Any]:
    """Return the audit record of a run.

    Args:
        run: The run.
        day: ISO 8601, the day of the audit.
        gate: The document that `evalkit gate --json` printed, where a decision is to stand beside.

    Raises:
        ConfigError: If the gate's document cannot be read.
        JournalError: If the folder is no run.
    """
    manifest = run.manifest
    journal = _journal(run)
    columns = read_run(run).columns if journal["holds"] else None
    return {
        "schema_version": 1,
        "audited_on": day,
        "run": {
            "run_id": run.run_id,
            "manifest_sha256": manifest_sha256(run),
            "state": run.state[0],
            "command": manifest.get("command"),
            "started_at": manifest["started_at"],
            "ended_at": manifest["ended_at"],
            "seed": manifest["seed"],
            "environment": manifest["environment"],
            "providers_file": manifest["providers_file"],
        },
        "journal": journal,
        "inputs": [_inputs(run, suite) for suite in manifest["suites"]],
        "arms": [
            _arm(arm, None if columns is None else columns.get((arm["suite"], arm["arm"])))
            for arm in manifest["arms"]
        ],
        "judges": _judges(run),
        "exclusions": _exclusions(run, columns),
        "gate": None if gate is None else _gate(gate, run.folder.resolve().name),
        "evidence_for": [dict(own) for own in MAPPING],
        "declared_not_verified": [
            "governance of every provider", "licences and weights of every model",
            "licences of the suites' data",
        ],
        "signed_by": None,
        "signed_on": None,
    }  # fmt: skip


def _journal(run: Run) -> dict[str, Any]:
    """Return whether the journal is whole: each line follows from those before it."""
    closed = run.manifest.get("journal_sha256")
    found: dict[str, Any] = {
        "file": NAME, "closed_with_sha256": closed, "lines": None, "sha256": None,
        "chain_head": None, "holds": False, "problem": None,
    }  # fmt: skip
    try:
        tail = check(run.folder, run.run_id, closed)
    except JournalError as error:
        return {**found, "problem": str(error)}
    found |= {
        "lines": tail.lines,
        "sha256": tail.digest.hexdigest(),
        "chain_head": tail.chain.decode(),
        "holds": True,
    }
    if closed is None:
        found["problem"] = "the run was never closed: run.json keeps no hash to hold it against"
    return found


def _inputs(run: Run, suite: Mapping[str, Any]) -> dict[str, Any]:
    """Return a suite's hashes, and whether what lies there now still has them."""
    now = current_hashes(run.manifest, suite)
    changed = [name for name, value in suite["hashes"].items() if now and now.get(name) != value]
    return {
        **{key: suite[key] for key in ("name", "version", "licence", "sensitivity", "require")},
        "samples": suite["samples"],
        "hashes": dict(suite["hashes"]),
        "today": "not here" if now is None else "as it was" if not changed else "changed",
        "changed": changed,
    }


def _arm(arm: Mapping[str, Any], columns: ArmColumns | None) -> dict[str, Any]:
    returned: dict[str, int] = {}
    for served, count in (columns.served if columns is not None else {}).items():
        name = served.model_returned or "not named"
        returned[name] = returned.get(name, 0) + count
    names = ("suite", "arm", "model", "wire", "weights", "licence", "base", "quantisation",
             "retires_on", "params", "identity", "governance")  # fmt: skip
    return {
        **{name: arm.get(name) for name in names},
        "requested": arm["wire_name"],
        "returned": dict(sorted(returned.items())),
        "floats": floating_reason(str(arm["wire_name"]), returned),
        "differs": sorted(set(returned) - {arm["wire_name"], "not named"}),
        "openness": _openness(arm),
        "host": urlsplit(arm["base_url"]).hostname if arm["base_url"] else None,
        "params_sent": None if columns is None else columns.params_sent,
    }


def _openness(arm: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return how open a model is said to be; None of what has no weights that one could open."""
    declared = (arm.get("weights"), arm.get("licence"))
    return None if arm.get("kind") != "model" and declared == (None, None) else openness(*declared)


def _judges(run: Run) -> list[dict[str, Any]]:
    """Return who judged, and whether a card of them lies in the run's folder."""
    has_card = (run.folder / _CARD).is_file()
    return [
        {"model": judge["model"], "requested": judge.get("wire_name"), "card": has_card}
        for judge in run.manifest.get("judges", [])
    ]


def _exclusions(run: Run, columns: Mapping[tuple[str, str], ArmColumns] | None) -> dict[str, Any]:
    """Return what is in no figure of quality, and why; no arms where the journal does not hold."""
    arms: list[dict[str, Any]] = []
    if columns is not None:
        arms = [
            _excluded(arm, columns.get((arm["suite"], arm["arm"])), _repeats(run))
            for arm in run.manifest["arms"]
        ]
    return {
        "known": columns is not None,
        "arms": arms,
        "not_run": run.manifest.get("not_run", []),
    }


def _repeats(run: Run) -> int:
    """Return how often each sample was to be asked."""
    return int((run.manifest["options"].get("selection") or {}).get("repeats") or 1)


def _excluded(arm: Mapping[str, Any], own: ArmColumns | None, repeats: int) -> dict[str, Any]:
    """Return one arm's exclusions; `not_ended` are trials that were planned and are not there."""
    status = own.status if own is not None else Counter[str]()
    return {
        "suite": arm["suite"],
        "arm": arm["arm"],
        "planned": arm["samples"] * repeats,
        "asked": status.total(),
        "not_ended": max(0, arm["samples"] * repeats - status.total()),
        "failed": status["error"],
        "skipped": status["skipped"],
        "skip_reasons": {} if own is None else dict(own.skip_reasons.most_common(_MOST_REASONS)),
        "not_graded": 0 if own is None else own.n_grader_failed,
        "grader_failures": (
            {} if own is None else dict(own.grader_failures.most_common(_MOST_REASONS))
        ),
    }


def _gate(path: Path, run_folder: str) -> dict[str, Any]:
    """Return a gate's decision with the hash of its document.

    Raises:
        ConfigError: If it cannot be read, is no gate's document, or is of other runs.
    """
    try:
        raw = path.read_bytes()
        document = json.loads(raw)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: the gate's document cannot be read: {error}") from None
    if not isinstance(document, dict) or "verdict" not in document or "rules" not in document:
        raise ConfigError(f"{path}: this is not what `evalkit gate --json` prints")
    named = [str(document.get(key) or "") for key in ("run", "against")]
    if named[0] and run_folder not in {Path(name).resolve().name for name in named}:
        raise ConfigError(
            f"{path}: this gate was held over {named[0]}, and the audit is of {run_folder}"
        )
    return {
        "sha256": hashlib.sha256(raw).hexdigest(),
        "verdict": document["verdict"],
        "rules": document["rules"],
    }
