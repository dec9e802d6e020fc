"""Shards of one run joined into a run of its own.

The events are copied as they were measured, under the new run's id; shards that did not ask the
same (suites, graders, arms, parameters) are refused with what differs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from evalkit.core.errors import ConfigError
from evalkit.run.clock import SystemClock
from evalkit.run.events import TrialKey, attempt_of, key_hash
from evalkit.run.folder import Run, write_manifest
from evalkit.run.journal import NAME, Index, Journal


def merge(folders: Sequence[Path], output: Path) -> Path:
    """Join runs into a new folder.

    Args:
        folders: At least two run folders.
        output: The new run's folder; it must not exist.

    Raises:
        ConfigError: If they did not ask the same, overlap, or `output` exists.
        JournalError: If a journal is foreign, mixed or edited.
    """
    if len(folders) < 2:
        raise ConfigError(f"merge: it needs at least two runs, got {len(folders)}")
    if output.exists():
        raise ConfigError(f"{output}: it exists already; name a new folder")
    runs = [Run(folder) for folder in folders]
    for run in runs:
        run.check()
    stopped = [str(run.folder) for run in runs if run.manifest.get("stopping") is not None]
    if stopped:
        raise ConfigError(
            f"{stopped[0]}: it was to end when it was decided: each shard decides for itself, so "
            "they cannot be joined; allowed: shards of whole runs"
        )
    _refuse_differences(runs)
    _refuse_overlap(runs)
    output.mkdir(parents=True)
    journal = Journal(output, output.name)
    for run in runs:
        for attempts, trial in Index(run.folder / NAME).groups():
            for line in attempts:
                key = TrialKey(line.suite, line.sample_id, line.arm, line.repeat)
                journal.attempt(key, attempt_of(line))
            if trial is not None:
                journal.trial(msgspec.structs.replace(trial, run_id=output.name))
    write_manifest(output, _joined(runs, output.name, journal.close()))
    return output


def asked(run: Run) -> dict[str, Any]:
    """Return what decides whether two runs asked the same, by name."""
    facts: dict[str, Any] = {}
    for suite in run.manifest["suites"]:
        facts[f"suite {suite['name']}: hash"] = suite["hash"]
        facts[f"suite {suite['name']}: graders"] = suite["grading_fingerprint"]
        facts[f"suite {suite['name']}: judges"] = suite.get("judged_by", "")
    for arm in run.manifest["arms"]:
        place = f"{arm['suite']} {arm['arm']}"
        facts[f"{place}: params"] = arm["params"]
        facts[f"{place}: identity"] = arm["identity"]
        facts[f"{place}: mode"] = arm["mode"]
    selection = run.manifest["options"]["selection"]
    for name in ("repeats", "limit", "sample_seed"):
        facts[name] = selection[name]
    return facts


def _refuse_differences(runs: Sequence[Run]) -> None:
    first = asked(runs[0])
    problems = []
    for run in runs[1:]:
        other = asked(run)
        for name in sorted(first.keys() | other.keys()):
            if first.get(name) != other.get(name):
                problems.append(
                    f"{run.folder}: {name} is {other.get(name)!r}, "
                    f"in {runs[0].folder} it is {first.get(name)!r}"
                )
    if problems:
        raise ConfigError(problems)


def _refuse_overlap(runs: Sequence[Run]) -> None:
    seen: dict[int, Path] = {}
    for run in runs:
        for attempts, trial in Index(run.folder / NAME).groups():
            line = trial or attempts[0]
            key = key_hash(line.suite, line.sample_id, line.arm, line.repeat)
            if key in seen:
                raise ConfigError(
                    f"{run.folder}: sample {line.sample_id!r} of {line.arm!r} stands in "
                    f"{seen[key]} as well; shards must not overlap"
                )
            seen[key] = run.folder


def _joined(runs: Sequence[Run], run_id: str, sha256: str) -> dict[str, Any]:
    first = runs[0].manifest
    lacks = [*_unfinished(runs), *_missing(runs)]
    lags = [lag for r in runs if (lag := r.manifest.get("loop_lag_p99_ms")) is not None]
    options = {**first["options"]}
    options["selection"] = {**options["selection"], "shard": None}
    return {
        **first,
        "run_id": run_id,
        "state": "incomplete" if lacks else "complete",
        "state_reason": "; ".join(lacks) or None,
        "options": options,
        "arms": _arms(runs),
        "merged_from": [{"run_id": r.run_id, "sha256": r.manifest["journal_sha256"]} for r in runs],
        "started_at": min(r.manifest["started_at"] for r in runs),
        "ended_at": max((r.manifest.get("ended_at") or "") for r in runs) or None,
        "merged_at": SystemClock().now_iso(),
        "spent_usd": sum(r.manifest.get("spent_usd") or 0.0 for r in runs),
        "unpriced_attempts": sum(r.manifest.get("unpriced_attempts") or 0 for r in runs),
        "loop_lag_p99_ms": max(lags) if lags else None,
        "journal_sha256": sha256,
    }


def _unfinished(runs: Sequence[Run]) -> list[str]:
    """Say which runs did not come to their end, and why."""
    said = []
    for run in runs:
        state, reason = run.state
        if state != "complete":
            said.append(f"{run.run_id} is {state}" + (f": {reason}" if reason else ""))
    return said


def _missing(runs: Sequence[Run]) -> list[str]:
    """Say which shards, or else which suites' samples, are in none of the runs."""
    shards = [run.manifest["options"]["selection"].get("shard") for run in runs]
    counts = {shard[1] for shard in shards if shard}
    if all(shards) and len(counts) == 1:
        (count,) = counts
        here = {index % count for index, _ in shards}
        absent = [f"{n}/{count}" for n in range(1, count + 1) if n % count not in here]
        return [f"missing: shard {', '.join(absent)} ({_short_of(runs)})"] if absent else []
    short = _short_of(runs)
    return [f"missing samples: {short}"] if short else []


def _short_of(runs: Sequence[Run]) -> str:
    """Say of which suites not all samples were asked."""
    limit = runs[0].manifest["options"]["selection"].get("limit")
    most: dict[str, int] = {}
    for arm in _arms(runs):
        most[arm["suite"]] = max(most.get(arm["suite"], 0), arm["samples"])
    said = []
    for suite in runs[0].manifest["suites"]:
        asked, whole = most.get(suite["name"], 0), min(suite["samples"], limit or suite["samples"])
        if asked < whole:
            said.append(f"{suite['name']}: {asked} of {whole} samples")
    return ", ".join(said)


def _arms(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return the arms with the samples of all shards."""
    counts: Counter[tuple[str, str]] = Counter()
    for run in runs:
        for arm in run.manifest["arms"]:
            counts[arm["suite"], arm["arm"]] += arm["samples"]
    first = runs[0].manifest["arms"]
    return [{**arm, "samples": counts[arm["suite"], arm["arm"]]} for arm in first]
