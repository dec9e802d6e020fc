"""What changes or shows a run: made, gone on with, graded anew, joined, summed up, written out.

It does not know what is concluded from several.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from evalkit.core.errors import ConfigError
from evalkit.core.ports import Clock, StopRule
from evalkit.run.agreement import Confirm
from evalkit.run.execute import Closed, go_on, start, stored_options
from evalkit.run.folder import Run, read_manifest
from evalkit.run.progress import Progress
from evalkit.run.setup import Plan, RunOptions

if TYPE_CHECKING:
    from evalkit.analysis.summary import Summing
    from evalkit.core.records import Trial
    from evalkit.run.regrade import Regraded, RegradeOptions


class Result(NamedTuple):
    """A run with its summary.

    Attributes:
        folder: The run's folder.
        state: `complete`, `incomplete`, `interrupted`, or `running` while a process writes to it.
        reason: Why it is not complete, else None.
        summary: The document of summary.json.
        warnings: What a reader of the table should know.
        early: What ending it early came to, for each suite (`analysis/gates/stop_report.py`).
    """

    folder: Path
    state: str
    reason: str | None
    summary: dict[str, Any]
    warnings: tuple[str, ...]
    early: tuple[dict[str, Any], ...] = ()


def run(
    options: RunOptions,
    *,
    confirm: Confirm | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> Result:
    """Run suites on models and summarise.

    Raises:
        ConfigError: Before anything is sent, if anything is wrong.
    """
    stop = _stop_rule(options)
    return _result(start(options, confirm=confirm, progress=progress, clock=clock, stop=stop))


def resume(
    folder: Path,
    *,
    options: Callable[[RunOptions], RunOptions] = lambda stored: stored,
    confirm: Confirm | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> Result:
    """Go on with a run: ask what is missing, and grade anew what another grader would.

    Raises:
        ConfigError: If its suites or providers cannot be read any more.
        JournalError: If its journal is foreign, mixed or edited.
    """
    stop = _stop_rule(options(stored_options(read_manifest(folder))))
    return _result(
        go_on(folder, options=options, confirm=confirm, progress=progress, clock=clock, stop=stop)
    )


def regrade(
    folder: Path,
    options: RegradeOptions | None = None,
    *,
    confirm: Confirm | None = None,
    progress: Progress | None = None,
) -> tuple[Result, Regraded]:
    """Grade a run's stored outputs anew and summarise.

    Args:
        folder: The run's folder.
        options: By which suite and settings, with which judges.
        confirm: Told of what judges may cost, says whether they may be asked.
        progress: Told of every attempt of a judge.

    Returns:
        The run, and what was done: trials graded anew, judges asked.

    Raises:
        ConfigError: If the suite cannot be read or is not part of the run.
        JournalError: If the journal is foreign, mixed or edited.
    """
    from evalkit.analysis.runs import summing_of
    from evalkit.run.regrade import regrade as grade_anew

    started: list[Summing] = []

    def begin(manifest: Mapping[str, Any]) -> Callable[[Trial], None]:
        started.append(summing_of(Run(folder), manifest))
        return started[0].add

    done = grade_anew(folder, options, progress=progress, begin=begin, confirm=confirm)
    if started:  # it was summed up on the way
        result = _shown(Run(folder), started[0].document(), write=True)
    else:
        result = show(folder, write=True, checked=True)
    if done.unknown_samples:
        note = f"{done.unknown_samples} trials are of samples that the suite no longer has"
        result = result._replace(warnings=(*result.warnings, note))
    return result, done


def merge(folders: Sequence[Path], output: Path) -> Result:
    """Join shards into a new run and summarise.

    Raises:
        ConfigError: If they did not ask the same, or overlap.
    """
    from evalkit.run.merge import merge as join

    return show(join(folders, output), write=True)


def show(folder: Path, *, write: bool = False, checked: bool = False) -> Result:
    """Summarise a run from its journal.

    Args:
        folder: The run's folder.
        write: Write summary.{json,csv,md} as well.
        checked: This process has just closed the journal itself.

    Raises:
        JournalError: If it is no run, or its journal is foreign, mixed or edited.
    """
    return _shown(Run(folder), summarise(folder, checked=checked), write=write)


def summarise(
    folder: Path, *, providers: Path | None = None, checked: bool = False
) -> dict[str, Any]:
    """Return a run's summary as plain data, derived from its journal.

    Args:
        folder: The run's folder.
        providers: Another providers file to take prices from.
        checked: This process has just closed the journal itself.

    Raises:
        JournalError: If it is no run, or its journal is foreign, mixed or edited.
    """
    from evalkit.analysis.reading import summarise_large
    from evalkit.analysis.runs import summarise_run

    run = Run(folder)
    found = summarise_large(run, providers, checked=checked)
    return found or summarise_run(run, providers=providers, checked=checked)


def write_tables(folder: Path, *, providers: Path | None = None) -> list[Path]:
    """Write trials.parquet, attempts.parquet and scores.parquet into a run's folder."""
    from evalkit.analysis.runs import write_run_tables

    return write_run_tables(Run(folder), providers=providers)


def draw_chart(folder: Path) -> list[Path]:
    """Draw quality against cost (or latency) into a run's folder, as PNG and SVG."""
    from evalkit.report.charts.quality import quality_chart

    return list(quality_chart(summarise(folder)["rows"], folder))


def export_replay(folder: Path, output: Path | None = None) -> tuple[Path, int]:
    """Write a run's answers as a recording; return the file and its number of lines."""
    from evalkit.run.export import export_replay as export

    return export(folder, output)


def _stop_rule(options: RunOptions) -> Callable[[Plan], StopRule] | None:
    """Return what may end a run early, None where it is to be run whole.

    Raises:
        ConfigError: If gate.yaml is wrong, or two arms are named without it.
    """
    named = options.baseline, options.candidate
    if options.stop_when_decided is None:
        if any(named):
            raise ConfigError("--baseline and --candidate go with --stop-when-decided gate.yaml")
        return None
    if options.selection.shard is not None:
        raise ConfigError(
            "--stop-when-decided goes without --shard: a shard cannot know what the others found"
        )
    from evalkit.analysis.gates.early_stop import GateStop
    from evalkit.analysis.gates.policy import read_gate

    policy = read_gate(Path(options.stop_when_decided))
    return lambda plan: GateStop(policy, plan, named)


def _result(closed: Closed) -> Result:
    from evalkit.analysis.caveats import caveats

    summary = summarise(closed.folder, checked=True)
    manifest = read_manifest(closed.folder)
    outlook = closed.outlook
    warnings = caveats(manifest, closed.folder)
    _write(summary, closed.folder, warnings)
    early = _early(manifest)
    return Result(closed.folder, outlook.state, outlook.reason, summary, warnings, early)


def _early(manifest: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    if manifest.get("stopping") is None:
        return ()
    from evalkit.analysis.gates.stop_report import stop_report

    return tuple(stop_report(manifest))


def _shown(found: Run, summary: dict[str, Any], *, write: bool) -> Result:
    from evalkit.analysis.caveats import caveats

    state, reason = found.state
    warnings = caveats(found.manifest, found.folder)
    if write:
        _write(summary, found.folder, warnings)
    return Result(found.folder, state, reason, summary, warnings)


def _write(summary: dict[str, Any], folder: Path, warnings: Sequence[str]) -> None:
    from evalkit.report.export import write_summary

    write_summary(summary, folder, warnings)
