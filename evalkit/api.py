"""The façade for the command line, notebooks and CI: everything that evalkit does, by name.

Each function takes paths and records and returns plain data or a record; none prints or exits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from evalkit.core.errors import ConfigError, EvalkitError, JournalError
from evalkit.core.ports import Clock
from evalkit.run.agreement import Confirm
from evalkit.run.execute import Closed, go_on, start
from evalkit.run.folder import Run, read_manifest, state_of
from evalkit.run.progress import Progress
from evalkit.run.setup import RunOptions
from evalkit.suite.loader import Suite

if TYPE_CHECKING:
    from evalkit.analysis.judge_check import CheckedJudge, JudgeCheck
    from evalkit.analysis.summary import Summing
    from evalkit.core.records import Trial
    from evalkit.run.pair_inputs import PairOptions
    from evalkit.run.regrade import Regraded, RegradeOptions

_LAG_LIMIT_MS = 50.0


class Result(NamedTuple):
    """A run with its summary.

    Attributes:
        folder: The run's folder.
        state: `complete`, `incomplete`, `interrupted`, or `running` while a process writes to it.
        reason: Why it is not complete, else None.
        summary: The document of summary.json.
        warnings: What a reader of the table should know.
    """

    folder: Path
    state: str
    reason: str | None
    summary: dict[str, Any]
    warnings: tuple[str, ...]


def load_suite(folder: str | Path, *, settings: Sequence[str] = ()) -> Suite:
    """Load a suite folder; see `evalkit.suite.loader.load_suite`."""
    from evalkit.suite.loader import load_suite as load

    return load(Path(folder), settings=settings)


def open_run(folder: str | Path) -> Run:
    """Open a run's folder for reading.

    Raises:
        JournalError: If it is no run.
    """
    return Run(Path(folder))


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
    return _result(start(options, confirm=confirm, progress=progress, clock=clock))


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
    return _result(go_on(folder, options=options, confirm=confirm, progress=progress, clock=clock))


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


def check_judge(
    wanted: JudgeCheck, *, confirm: Confirm | None = None, progress: Progress | None = None
) -> CheckedJudge:
    """Hold a judge against people's labels, and write its card; see `JudgeCheck`.

    Raises:
        ConfigError: If a label is about nothing, or nothing was judged.
        JournalError: If the run's journal is foreign, mixed or edited.
    """
    from evalkit.analysis.judge_check import check_judge as check_it

    return check_it(wanted, confirm=confirm, progress=progress)


def compare_by_judge(
    folders: Sequence[Path], options: PairOptions, *, progress: Progress | None = None
) -> tuple[dict[str, Any], Path]:
    """Let judges compare the outputs of two or more arms, in both orders.

    Args:
        folders: One run or several of the same suite.
        options: Whose outputs, by whom.
        progress: Told of every attempt and comparison.

    Returns:
        The document of preferences.json, and the folder in which it lies with its journal.

    Raises:
        ConfigError: If there are not two arms, or a judge cannot be asked.
        JournalError: If a journal is foreign, mixed or edited.
    """
    from evalkit.analysis.preference import preference_figures
    from evalkit.report.export import write_preferences
    from evalkit.run.pairs import compare_pairs

    compared = compare_pairs([Run(folder) for folder in folders], options, progress=progress)
    figures = preference_figures(compared)
    write_preferences(figures, compared.comparisons, compared.folder)
    return figures, compared.folder


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


def _shown(found: Run, summary: dict[str, Any], *, write: bool) -> Result:
    state, reason = found.state
    warnings = _warnings(found.manifest, found.folder)
    if write:
        _write(summary, found.folder, warnings)
    return Result(found.folder, state, reason, summary, warnings)


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
    from evalkit.analysis.runs import summarise_run

    return summarise_run(Run(folder), providers=providers, checked=checked)


def write_tables(folder: Path, *, providers: Path | None = None) -> list[Path]:
    """Write trials.parquet, attempts.parquet and scores.parquet into a run's folder."""
    from evalkit.analysis.runs import write_run_tables

    return write_run_tables(Run(folder), providers=providers)


def draw_chart(folder: Path) -> list[Path]:
    """Draw quality against cost (or latency) into a run's folder, as PNG and SVG."""
    from evalkit.report.charts import quality_chart

    return list(quality_chart(summarise(folder)["rows"], folder))


def export_replay(folder: Path, output: Path | None = None) -> tuple[Path, int]:
    """Write a run's answers as a recording; return the file and its number of lines."""
    from evalkit.run.export import export_replay as export

    return export(folder, output)


def pull_weights(name: str) -> Path:
    """Fetch an embedded model's weights and return their file.

    Raises:
        ConfigError: If the name is unknown or the weights cannot be had.
    """
    from evalkit.providers import weights

    return weights.pull(name)


def list_models(providers: Path | None = None) -> list[dict[str, Any]]:
    """Return every model of a providers file with what it lacks to be asked here.

    Raises:
        ConfigError: If the file is missing or wrong.
    """
    from evalkit.run.listing import list_models as list_all

    return list_all(providers)


def list_suites(folder: Path) -> list[dict[str, Any]]:
    """Return the suites below a folder; one that cannot be read says why.

    Raises:
        ConfigError: If there is no such folder.
    """
    from evalkit.run.listing import list_suites as list_all

    return list_all(folder)


def list_runs(folder: Path) -> list[dict[str, Any]]:
    """Return the runs of a results folder, newest first.

    Raises:
        ConfigError: If there is no such folder.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder of results")
    rows = []
    for place in sorted(folder.iterdir(), reverse=True):
        try:
            manifest = read_manifest(place)
        except JournalError:
            continue
        rows.append(
            {
                "run_id": manifest["run_id"],
                "state": state_of(place, manifest)[0],
                "suites": [suite["name"] for suite in manifest["suites"]],
                "arms": sorted({arm["arm"] for arm in manifest["arms"]}),
                "started_at": manifest["started_at"],
                "ended_at": manifest["ended_at"],
                "spent_usd": manifest.get("spent_usd"),
                "path": str(place),
            }
        )
    return rows


def check(
    suites: Sequence[Path] | None,
    *,
    providers: Path | None = None,
    settings: Sequence[str] = (),
    allow_code: bool = False,
) -> dict[str, list[str]]:
    """Validate suites and the providers file; nothing is sent.

    Returns:
        `errors`, `warnings` and `checked`, a line each.
    """
    from evalkit.run.checking import check_all

    return check_all(suites, providers=providers, settings=settings, allow_code=allow_code)


def new_suite(name: str, folder: Path, form: str) -> Path:
    """Write the scaffold of a suite and return its folder.

    Raises:
        ConfigError: If the folder exists or the name cannot be one.
    """
    from evalkit.suite.scaffold import new_suite as write

    return write(name, folder, form)


def _result(closed: Closed) -> Result:
    summary = summarise(closed.folder, checked=True)
    manifest = read_manifest(closed.folder)
    outlook = closed.outlook
    warnings = _warnings(manifest, closed.folder)
    _write(summary, closed.folder, warnings)
    return Result(closed.folder, outlook.state, outlook.reason, summary, warnings)


def _write(summary: dict[str, Any], folder: Path, warnings: Sequence[str]) -> None:
    from evalkit.report.export import write_summary

    write_summary(summary, folder, warnings)


def _warnings(manifest: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    from evalkit.analysis.runs import price_warning

    unread = price_warning(manifest)
    warnings = [unread] if unread else []
    measured = any(arm["kind"] != "recorded" for arm in manifest["arms"])
    lag = manifest.get("loop_lag_p99_ms")
    if measured and lag is not None and lag > _LAG_LIMIT_MS:
        warnings.append(
            f"the event loop was late by {lag:.0f} ms (p99): latencies are too long by up to that"
        )
    if manifest.get("unpriced_attempts") and manifest["options"].get("budget_usd"):
        count = manifest["unpriced_attempts"]
        warnings.append(f"{count} attempts have no price: the budget does not see them")
    if any(suite.get("judging") for suite in manifest["suites"]):
        from evalkit.analysis.judge_check import doubtful

        warnings += doubtful(manifest, folder)
    return tuple(warnings)


__all__ = [
    "EvalkitError",
    "Result",
    "check",
    "check_judge",
    "compare_by_judge",
    "draw_chart",
    "export_replay",
    "list_models",
    "list_runs",
    "list_suites",
    "load_suite",
    "merge",
    "new_suite",
    "open_run",
    "pull_weights",
    "regrade",
    "resume",
    "run",
    "show",
    "summarise",
    "write_tables",
]
