"""The same suite and model over time: runs read, matched by suite and arm, held against the first.

Each journal is read once. Runs that asked or graded something else are named and left out. It does
not know the day: that is handed in.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.analysis.columns import ArmColumns
from evalkit.analysis.drifting.comparisons import ALPHA, comparisons
from evalkit.analysis.drifting.facts import (
    CHARACTERS,
    Episode,
    Tally,
    length_unit,
    moment,
    run_figures,
)
from evalkit.analysis.drifting.news import news_of
from evalkit.analysis.drifting.verdict import verdict_of
from evalkit.analysis.drifting.watch import watch_document
from evalkit.analysis.outcomes import Array
from evalkit.analysis.runs import arm_facts, pricing, providers_path, suite_facts
from evalkit.analysis.sides import Side, differences, sides_from
from evalkit.analysis.summary import Summing
from evalkit.core.errors import ConfigError, JournalError
from evalkit.core.records import Record
from evalkit.providers.catalogue import Catalogue, load_catalogue
from evalkit.run.folder import Run

SCHEMA_VERSION = 1

Key = tuple[str, str]


class DriftRequest(Record, frozen=True, kw_only=True):
    """What `drift` is asked to do.

    Attributes:
        runs: Folders of two runs or more, in any order.
        suite: Only this suite.
        arms: Only these arms.
        providers: Another providers file, for prices and retirement dates.
    """

    runs: tuple[Path, ...]
    suite: str | None = None
    arms: tuple[str, ...] | None = None
    providers: Path | None = None


def drift_document(request: DriftRequest, today: dt.date) -> dict[str, Any]:
    """Return what `evalkit drift --json` prints.

    Args:
        request: Which runs.
        today: The day from which retirement dates lie ahead.

    Raises:
        ConfigError: If there are fewer than two runs, one is given twice or is still going on,
            or a named suite or arm is in none of them.
        JournalError: If a folder is no run, or its journal is foreign, mixed or edited.
    """
    runs = _opened(request)
    _refuse_unknown(runs, request)
    found: dict[Key, list[Episode]] = {}
    for run in runs:
        for episode in _episodes(run, request):
            key = (episode.outcomes.suite, episode.outcomes.arm)
            found.setdefault(key, []).append(episode)
    catalogue, warning = _catalogue(runs, request.providers)
    several = {key: episodes for key, episodes in found.items() if len(episodes) > 1}
    return {
        "schema_version": SCHEMA_VERSION,
        "today": today.isoformat(),
        "alpha": ALPHA,
        "arms": [arm_document(own, catalogue, today) for own in several.values()],
        "in_one_run_only": [
            {"suite": suite, "arm": arm, "run_id": own[0].run_id, "date": own[0].date}
            for (suite, arm), own in found.items()
            if len(own) == 1
        ],
        "warnings": [warning] if warning else [],
    }


def arm_document(
    episodes: Sequence[Episode], catalogue: Catalogue | None, today: dt.date
) -> dict[str, Any]:
    """Return what became of one arm.

    Args:
        episodes: Its runs, in any order.
        catalogue: The providers file as it is now; None where it cannot be read.
        today: The day from which retirement dates lie ahead.
    """
    ordered = sorted(episodes, key=lambda episode: (episode.at, episode.started_at))
    first = ordered[0]
    reasons = {e.run_id: differences(first.side, e.side) for e in ordered}
    comparable = [episode for episode in ordered if not reasons[episode.run_id]]
    scored = [episode for episode in comparable if episode.has_score]
    unit = length_unit(ordered)
    rows = comparisons(comparable, unit) if len(comparable) > 1 else []
    cusum = watch_document(scored or comparable[:1])
    figures = [
        {
            **run_figures(episode, unit),
            "comparable": not reasons[episode.run_id],
            "differences": reasons[episode.run_id],
        }
        for episode in ordered
    ]
    return {
        "suite": first.outcomes.suite,
        "arm": first.outcomes.arm,
        "model": ordered[-1].side.model,
        "runs": figures,
        "comparisons": rows,
        "cusum": cusum,
        "information": news_of(ordered, catalogue, today),
        "verdict": verdict_of(ordered, comparable, rows, cusum).document(),
    }


def runs_below(folder: Path, suite: str | None) -> tuple[Path, ...]:
    """Return the runs of a results folder that have ended and hold a suite, by name.

    Raises:
        ConfigError: If there is no such folder.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder of results")
    found = []
    for place in sorted(folder.iterdir()):
        try:
            run = Run(place)
        except JournalError:
            continue
        named = suite is None or any(own["name"] == suite for own in run.manifest["suites"])
        if named and run.state[0] != "running":
            found.append(place)
    return tuple(found)


def _opened(request: DriftRequest) -> list[Run]:
    for folder in request.runs:
        if not folder.is_dir():
            got = "a file" if folder.exists() else "nothing there"
            raise ConfigError(f"{folder}: it is no run, got {got}; allowed: a run's folder")
    runs = [Run(folder) for folder in request.runs]
    if len(runs) < 2:
        raise ConfigError(
            f"drift: too few runs, got {len(runs)}; allowed: two or more of the same suite"
        )
    (run_id, count) = Counter(run.run_id for run in runs).most_common(1)[0]
    if count > 1:
        raise ConfigError(f"drift: a run is given twice, got {run_id!r}; allowed: each run once")
    for run in runs:
        if run.state[0] == "running":
            raise ConfigError(
                f"{run.folder}: it is still going on, got state 'running'; "
                "allowed: runs that have ended"
            )
    return runs


def _refuse_unknown(runs: Sequence[Run], request: DriftRequest) -> None:
    """Refuse a suite or an arm that no run has."""
    arms = [arm for run in runs for arm in run.manifest["arms"]]
    for what, wanted, key in (
        ("--suite", [request.suite] if request.suite else [], "suite"),
        ("--arm", request.arms or (), "arm"),
    ):
        known = dict.fromkeys(arm[key] for arm in arms)
        for name in wanted:
            if name not in known:
                raise ConfigError(
                    f"drift: {what}: in none of these runs, got {name!r}; "
                    f"allowed: {', '.join(known) or 'they hold none'}"
                )


def _episodes(run: Run, request: DriftRequest) -> list[Episode]:
    """Read one run's journal, once."""

    def wanted(suite: str, arm: str) -> bool:
        named = request.arms is None or arm in request.arms
        return named and request.suite in (None, suite)

    manifest = run.manifest
    price = pricing(run, request.providers)
    summing = Summing(run.run_id, suite_facts(manifest), arm_facts(manifest), price)
    tallies: dict[Key, Tally] = {}
    for trial in run.trials(only=lambda suite, _sample, arm: wanted(suite, arm)):
        summing.add(trial)
        tallies.setdefault((trial.suite, trial.arm), Tally()).add(trial, price)
    characters = {key: _in_order(tally, summing.columns[key]) for key, tally in tallies.items()}
    sides = sides_from(run, summing.columns)
    rows = {(row["suite"], row["arm"]): row for row in summing.document()["rows"]}
    found = []
    for arm in manifest["arms"]:
        key = (arm["suite"], arm["arm"])
        if wanted(*key):
            side = _with_lengths(sides[key], characters.get(key))
            found.append(_episode(run, arm, side, rows.get(key), tallies.get(key) or Tally()))
    return found


def _episode(
    run: Run, arm: Mapping[str, Any], side: Side, row: Mapping[str, Any] | None, tally: Tally
) -> Episode:
    started = moment(run.manifest["started_at"])
    return Episode(
        run_id=run.run_id,
        path=str(run.folder),
        at=tally.recorded_from or started,
        started_at=started,
        state=run.state,
        side=side,
        row=row,
        tally=tally,
        arm=arm,
        environment=run.manifest.get("environment") or {},
    )


def _in_order(tally: Tally, columns: ArmColumns) -> Array:
    """Return the lengths in the order of the outcomes: by sample and repeat."""
    sample = np.frombuffer(columns.sample, dtype=np.uint64)
    repeat = np.frombuffer(columns.repeat, dtype=np.int32)
    order = np.lexsort((repeat, sample))
    return np.frombuffer(tally.characters, dtype=np.float64)[order]


def _with_lengths(side: Side, characters: Array | None) -> Side:
    outcomes = side.outcomes
    lengths = np.full(len(outcomes), np.nan) if characters is None else characters
    metrics = {**outcomes.metrics, CHARACTERS: lengths}
    return replace(side, outcomes=replace(outcomes, metrics=metrics))


def _catalogue(runs: Sequence[Run], providers: Path | None) -> tuple[Catalogue | None, str | None]:
    """Return the providers file as it is now: the named one, else the newest run's."""
    newest = max(runs, key=lambda run: moment(run.manifest["started_at"]))
    path = providers or providers_path(newest.manifest)
    try:
        return load_catalogue(path), None
    except ConfigError:
        if providers is not None:
            raise
        return None, f"{path}: cannot be read: retirement dates are those that the runs have kept"
