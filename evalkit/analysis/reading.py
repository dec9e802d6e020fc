"""A run's trials read into columns, once; large journals by several processes, arm by arm.

It does not know what the columns are for.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.analysis import reading_cache
from evalkit.analysis.columns import ArmColumns
from evalkit.analysis.runs import summing_of
from evalkit.core.errors import EvalkitError
from evalkit.core.records import Trial, hash64
from evalkit.run.events import TrialKey
from evalkit.run.folder import Run, trials_in
from evalkit.run.journal import NAME, Index, Lines

Columns = dict[tuple[str, str], ArmColumns]
LARGE_BYTES = 60_000_000
_MOST_WORKERS = 8
_WORKER = "evalkit.analysis.reading_worker"


class Reading(NamedTuple):
    """What was read of a run.

    Attributes:
        run: The run.
        columns: By suite and arm.
        names: Ids of the samples by suite, by their hash.
        places: Where the trials' lines stand.
    """

    run: Run
    columns: Columns
    names: Mapping[str, Mapping[int, str]]
    places: Index

    def trials(self, wanted: Sequence[tuple[str, int, str, int]]) -> list[Trial]:
        """Return trials by suite, hash of the sample, arm and repeat; those that are there."""
        keys = [
            TrialKey(suite, self.names[suite][sample], arm, repeat)
            for suite, sample, arm, repeat in wanted
            if sample in self.names.get(suite, {})
        ]
        return list(trials_in(self.places.find(keys)))


class Part(NamedTuple):
    """Arms that were read, without their places."""

    columns: Columns
    names: dict[str, dict[int, str]]


def read_run(
    run: Run,
    providers: Path | None = None,
    *,
    arms: Sequence[str] | None = None,
    seen: Callable[[Trial], None] | None = None,
    values: bool = False,
    checked: bool = False,
) -> Reading:
    """Read a run's trials.

    Args:
        run: The run.
        providers: Another providers file to take prices from.
        arms: Only these arms.
        seen: Told of every trial; the run is then read by this process alone.
        values: Keep a hash of what each answer says.
        checked: This process has just closed the journal itself.

    Raises:
        JournalError: If the journal is foreign, mixed or edited.
        ConfigError: If the providers file is wrong.
    """
    names = list(dict.fromkeys(arm["arm"] for arm in run.manifest["arms"]))
    wanted = [name for name in names if arms is None or name in arms]
    large = (run.folder / NAME).is_file() and (run.folder / NAME).stat().st_size >= LARGE_BYTES
    if seen is None and large:
        return _read_large(run, providers, wanted, whole=len(wanted) == len(names), checked=checked)
    index = run.index()
    kept = None if arms is None else frozenset(wanted)
    own = (t for t in trials_in(index.groups()) if kept is None or t.arm in kept)
    part = read_part(run, providers, own, seen, values=values)
    return Reading(run, part.columns, part.names, index)


def _read_large(
    run: Run, providers: Path | None, arms: Sequence[str], *, whole: bool, checked: bool
) -> Reading:
    """Read a large run by several processes, or take what was kept of an earlier reading."""
    key = reading_cache.key_of(run, providers)
    found = None if key is None else reading_cache.load(key)
    if found is None:
        found = _by_workers(run, providers, arms, checked=checked)
        if key is not None and whole:
            reading_cache.store(key, found)
    part, lines = found
    columns = {name: own for name, own in part.columns.items() if name[1] in arms}
    return Reading(run, columns, part.names, Index(run.folder / NAME, lines))


def _by_workers(
    run: Run, providers: Path | None, arms: Sequence[str], *, checked: bool
) -> tuple[Part, Lines]:
    workers = max(1, min(len(arms), len(os.sched_getaffinity(0)), _MOST_WORKERS))
    processes = [_start(run.folder, providers, arms[i::workers]) for i in range(workers)]
    try:
        if not checked:
            run.check()
        found = [_finish(process) for process in processes]
    finally:
        for process in processes:
            process.kill()
            with process:  # closes its pipe and waits
                pass
    lines = Lines()
    for _, places in found:
        lines.extend(places)
    parts = [part for part, _ in found]
    columns = {key: own for part in parts for key, own in part.columns.items()}
    return Part(columns, _merged(parts)), lines


def summarise_large(run: Run, providers: Path | None, *, checked: bool) -> dict[str, Any] | None:
    """Return the document of summary.json of a large run; None for one that is not large.

    Args:
        run: The run.
        providers: Another providers file to take prices from.
        checked: This process has just closed the journal itself.

    Raises:
        JournalError: If the journal is foreign, mixed or edited.
    """
    path = run.folder / NAME
    if not path.is_file() or path.stat().st_size < LARGE_BYTES:
        return None
    summing = summing_of(run, run.manifest, providers)
    summing.take(read_run(run, providers, checked=checked).columns)
    return summing.document()


def read_part(
    run: Run,
    providers: Path | None,
    trials: Iterable[Trial],
    seen: Callable[[Trial], None] | None = None,
    *,
    values: bool = False,
) -> Part:
    """Put trials of a run into columns."""
    summing = summing_of(run, run.manifest, providers, values=values)
    ids: dict[str, set[str]] = {}
    for trial in trials:
        summing.add(trial)
        ids.setdefault(trial.suite, set()).add(trial.sample_id)
        if seen is not None:
            seen(trial)
    names = {suite: {hash64(one): one for one in own} for suite, own in ids.items()}
    return Part(dict(summing.columns), names)


def _merged(parts: Sequence[Part]) -> dict[str, dict[int, str]]:
    names: dict[str, dict[int, str]] = {}
    for part in parts:
        for suite, own in part.names.items():
            names.setdefault(suite, {}).update(own)
    return names


def _start(folder: Path, providers: Path | None, arms: Sequence[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", _WORKER, str(folder), str(providers or ""), *arms]
    return subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 - ourselves


def _finish(process: subprocess.Popen[bytes]) -> tuple[Part, Lines]:
    out, _ = process.communicate()
    if process.returncode:
        raise EvalkitError(f"reading the journal: a worker ended with {process.returncode}")
    return pickle.loads(out)  # type: ignore[no-any-return]  # noqa: S301 - of our own worker
