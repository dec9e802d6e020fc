"""The baseline file: an accepted arm's outcomes, small enough to be committed beside gate.yaml.

It holds scores and outcomes by sample, no text: enough for a paired gate without the run's folder.
It does not know what is compared with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from evalkit.analysis.arms import Named, find_arm
from evalkit.analysis.outcomes import FAILED, MALFORMED, OK, REFUSED, Outcomes, Slice
from evalkit.analysis.reading import read_run
from evalkit.analysis.sides import Identity, Side, sides_of
from evalkit.core.errors import ConfigError
from evalkit.core.records import Record, Trial, hash64
from evalkit.run.folder import Run

SCHEMA_VERSION = 1
KIND = "evalkit baseline"
_FLOATS = ("passed", "cost_usd", "latency_ms", "ttft_ms", "output_tokens")
_HEAD = ("sample_id", "repeat", "cluster", "state", "first_bad", "critical")
_STATES = {FAILED, OK, MALFORMED, REFUSED}


class _Suite(Record, frozen=True, kw_only=True):
    """One suite of a baseline file."""

    suite: str
    arm: str
    model: str
    mode: str | None = None
    primary: str
    identity: Identity
    expected: int
    n_skipped: int
    n_unseen: int = 0
    recorded: bool
    not_honoured: list[str]
    skipped: list[str]
    columns: list[str]
    trials: list[list[Any]]


class _File(Record, frozen=True, kw_only=True):
    """A baseline file."""

    schema_version: int
    kind: str
    run_id: str
    run_started_at: str
    accepted_at: str
    suites: list[_Suite]


class Names:
    """Ids of samples and clusters by their hashes."""

    def __init__(self) -> None:
        self.sample: dict[int, str] = {}
        self.cluster: dict[int, str] = {}

    def add(self, trial: Trial) -> None:
        """Take the names in a trial."""
        self.sample[hash64(trial.sample_id)] = trial.sample_id
        if trial.cluster is not None:
            self.cluster[hash64("cluster\0" + trial.cluster)] = trial.cluster


def accept(run: Run, arm: str | None, now: str, providers: Path | None = None) -> dict[str, Any]:
    """Return the document of a baseline file.

    Args:
        run: The run to accept.
        arm: Which arm; None for the only one.
        now: The time of acceptance, ISO 8601.
        providers: Another providers file to take prices from.

    Raises:
        ConfigError: If the arm is not there, or nothing of it was scored.
        JournalError: If the journal is foreign, mixed or edited.
    """
    if run.manifest.get("stopping") is not None:
        raise ConfigError(
            f"{run.folder}: this run was to end when it was decided: its samples are those that "
            "decided, and no fair baseline; accept a run of the whole suite"
        )
    arm = _only_arm(run) if arm is None else _named(run, arm)
    names = Names()
    reading = read_run(run, providers, arms=[arm], seen=names.add)
    sides = [side for (_, name), side in sides_of(reading).items() if name == arm]
    if not sides:
        known = ", ".join(dict.fromkeys(a["arm"] for a in run.manifest["arms"]))
        raise ConfigError(f"{run.folder}: no arm {arm!r}; it has: {known}")
    if all(np.isnan(side.outcomes.quality).all() for side in sides):
        raise ConfigError(f"{run.folder}: nothing of {arm!r} was scored: it can be no baseline")
    return file_of(sides, names, run_id=run.run_id, started=run.manifest["started_at"], now=now)


def file_of(
    sides: Sequence[Side], names: Names, *, run_id: str, started: str, now: str
) -> dict[str, Any]:
    """Return the document of a baseline file.

    Args:
        sides: The accepted arm on each suite.
        names: Ids of samples and clusters.
        run_id: The accepted run.
        started: When it started, ISO 8601.
        now: When it was accepted, ISO 8601.
    """
    file = _File(
        schema_version=SCHEMA_VERSION,
        kind=KIND,
        run_id=run_id,
        run_started_at=started,
        accepted_at=now,
        suites=[_suite(side, names) for side in sides],
    )
    return dict(msgspec.to_builtins(file))


def write_baseline(document: Mapping[str, Any], path: Path) -> None:
    """Write a baseline file, one trial a line: a change of one sample is one line of a diff."""
    suites = []
    for suite in document["suites"]:
        rows = suite["trials"]
        head = json.dumps({**suite, "trials": []}, ensure_ascii=False, allow_nan=False)
        lines = ",\n".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
        suites.append(head[: -len("[]}")] + "[\n" + lines + "\n]}")
    whole = json.dumps({**document, "suites": []}, ensure_ascii=False, allow_nan=False)
    text = whole[: -len("[]}")] + "[\n" + ",\n".join(suites) + "\n]}\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None


def is_baseline_file(path: Path) -> bool:
    """Return whether a path is to be read as a baseline file and not as a run's folder."""
    return path.is_file()


def read_baseline(path: Path) -> dict[tuple[str, str], Side]:
    """Return the arm of a baseline file on each of its suites.

    Raises:
        ConfigError: If it is no baseline file, or of another schema.
    """
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as a baseline file: {error}") from None
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise ConfigError(
            f"{path}: this is no baseline file; `evalkit baseline accept RUN -o FILE` writes one"
        )
    if document.get("schema_version") != SCHEMA_VERSION:
        raise ConfigError(
            f"{path}: schema_version {document.get('schema_version')!r}; this evalkit reads "
            f"{SCHEMA_VERSION}"
        )
    try:
        file = msgspec.convert(document, _File)
        found = {(suite.suite, suite.arm): _side(suite, path) for suite in file.suites}
        if not found or len(found) < len(file.suites):
            raise ValueError("each suite must stand in it once")
        return found
    except (ValueError, KeyError, IndexError, TypeError, OverflowError) as error:
        raise ConfigError(f"{path}: this baseline file is damaged: {error}") from None


def _named(run: Run, name: str) -> str:
    known = [Named(arm["arm"], arm["model"], arm["mode"]) for arm in run.manifest["arms"]]
    return find_arm(name, known) or name


def _only_arm(run: Run) -> str:
    names = list(dict.fromkeys(arm["arm"] for arm in run.manifest["arms"]))
    if len(names) != 1:
        raise ConfigError(f"{run.folder}: --arm is missing; it has the arms: {', '.join(names)}")
    return str(names[0])


def _suite(side: Side, names: Names) -> _Suite:
    outcomes = side.outcomes
    graders, metrics, slices = sorted(outcomes.graders), sorted(outcomes.metrics), outcomes.slices
    head: list[Sequence[Any]] = [
        [names.sample[int(one)] for one in outcomes.sample],
        outcomes.repeat.tolist(),
        _clusters(outcomes, names),
        outcomes.state.tolist(),
        outcomes.first_bad.astype(int).tolist(),
        outcomes.critical.astype(int).tolist(),
    ]
    body = [_numbers(getattr(outcomes, name)) for name in _FLOATS]
    body += [_numbers(outcomes.graders[name]) for name in graders]
    body += [_numbers(outcomes.metrics[name]) for name in metrics]
    ends = [
        [None if code < 0 else column.values[code] for code in column.code.tolist()]
        for column in slices.values()
    ]
    return _Suite(
        suite=outcomes.suite,
        arm=outcomes.arm,
        model=side.model,
        mode=side.mode,
        primary=outcomes.primary,
        identity=side.identity,
        expected=side.expected,
        n_skipped=side.n_skipped,
        n_unseen=side.n_unseen,
        recorded=outcomes.recorded,
        not_honoured=list(side.not_honoured),
        skipped=sorted(names.sample[int(one)] for one in outcomes.skipped),
        columns=[
            *_HEAD,
            *_FLOATS,
            *(f"graders.{name}" for name in graders),
            *(f"metrics.{name}" for name in metrics),
            *(f"slices.{name}" for name in slices),
        ],
        trials=[list(row) for row in zip(*head, *body, *ends, strict=True)],
    )


def _clusters(outcomes: Outcomes, names: Names) -> list[str | None]:
    """Return the cluster of each trial; one that stands for itself has none."""
    if outcomes.cluster is None:
        return [None] * len(outcomes)
    return [names.cluster.get(int(one)) for one in outcomes.cluster]


def _numbers(values: Any) -> list[float | None]:
    """Return numbers as they are, None where there is none; whole ones without a point."""
    found: list[float | None] = []
    for value in values.tolist():
        if np.isnan(value):
            found.append(None)
        else:
            found.append(int(value) if value == int(value) else value)
    return found


def _side(stored: _Suite, path: Path) -> Side:
    rows = stored.trials
    if any(len(row) != len(stored.columns) for row in rows):
        raise ValueError("a trial has another number of values than there are columns")
    table: dict[str, list[Any]] = {
        name: [row[place] for row in rows] for place, name in enumerate(stored.columns)
    }
    sample = np.array([hash64(one) for one in table["sample_id"]], dtype=np.uint64)
    repeat = np.array(table["repeat"], dtype=np.int32)
    order = np.lexsort((repeat, sample))

    def floats(name: str) -> Any:
        return np.array(table[name], dtype=np.float64)[order]

    def family(prefix: str) -> list[str]:
        return [name for name in stored.columns if name.startswith(prefix)]

    _check(table, stored)
    outcomes = Outcomes(
        suite=stored.suite,
        arm=stored.arm,
        primary=stored.primary,
        sample=sample[order],
        repeat=repeat[order],
        state=np.array(table["state"], dtype=np.int8)[order],
        first_bad=np.array(table["first_bad"], dtype=bool)[order],
        passed=floats("passed"),
        graders={name.partition(".")[2]: floats(name) for name in family("graders.")},
        cost_usd=floats("cost_usd"),
        latency_ms=floats("latency_ms"),
        ttft_ms=floats("ttft_ms"),
        output_tokens=floats("output_tokens"),
        critical=np.array(table["critical"], dtype=bool)[order],
        cluster=_cluster_hashes(table, sample, order),
        metrics={name.partition(".")[2]: floats(name) for name in family("metrics.")},
        slices={name.partition(".")[2]: _slice(table[name], order) for name in family("slices.")},
        skipped=np.array(sorted(hash64(one) for one in stored.skipped), dtype=np.uint64),
        recorded=stored.recorded,
    )
    return Side(
        outcomes=outcomes,
        identity=stored.identity,
        model=stored.model,
        mode=stored.mode,
        graders=tuple(outcomes.graders),
        expected=stored.expected,
        n_skipped=stored.n_skipped,
        n_unseen=stored.n_unseen,
        source=str(path),
        not_honoured=tuple(stored.not_honoured),
    )


def _check(table: Mapping[str, list[Any]], stored: _Suite) -> None:
    """Refuse what no run can have left.

    Raises:
        ValueError: With what is wrong.
    """
    keys = set(zip(table["sample_id"], table["repeat"], strict=True))
    if len(keys) < len(stored.trials):
        raise ValueError("a trial stands in it twice")
    if not set(table["state"]) <= _STATES:
        raise ValueError(f"a state is none of {sorted(_STATES)}")
    for name in stored.columns:
        bounded = name == "passed" or name.startswith(("graders.", "metrics."))
        if bounded and not all(value is None or 0 <= value <= 1 for value in table[name]):
            raise ValueError(f"{name} must lie within 0..1")


def _cluster_hashes(table: Mapping[str, list[Any]], sample: Any, order: Any) -> Any:
    clusters = table["cluster"]
    if all(one is None for one in clusters):
        return None
    own = [
        int(sample[i]) if one is None else hash64("cluster\0" + one)
        for i, one in enumerate(clusters)
    ]
    return np.array(own, dtype=np.uint64)[order]


def _slice(values: list[Any], order: Any) -> Slice:
    known: dict[str, int] = {}
    codes = [-1 if v is None else known.setdefault(str(v), len(known)) for v in values]
    return Slice(tuple(known), np.array(codes, dtype=np.int32)[order])
