"""What is concluded from runs: comparisons, gates, baselines, drift, judges against people.

It does not know how a run is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.run.agreement import Confirm
from evalkit.run.folder import Run
from evalkit.run.progress import Progress

if TYPE_CHECKING:
    import datetime as dt

    from evalkit.analysis.comparing import CompareRequest
    from evalkit.analysis.drifting.document import DriftRequest
    from evalkit.analysis.gates.files import GateRequest
    from evalkit.analysis.gates.self_test import SelfTest
    from evalkit.analysis.judges.card import CheckedJudge, JudgeCheck
    from evalkit.run.pair_inputs import PairOptions


def compare(request: CompareRequest) -> dict[str, Any]:
    """Set arms against each other, paired by sample; see `CompareRequest`.

    Returns:
        The document that `evalkit compare --json` prints.

    Raises:
        ConfigError: If an arm is not there, or there is nothing to compare.
        JournalError: If a journal is foreign, mixed or edited.
    """
    from evalkit.analysis.comparing import compare_runs

    return compare_runs(request)


def gate(request: GateRequest) -> dict[str, Any]:
    """Decide whether a candidate may take a baseline's place; see `GateRequest`.

    Returns:
        The document that `evalkit gate --json` prints.

    Raises:
        ConfigError: If gate.yaml is wrong, or an arm is not there.
        JournalError: If a journal is foreign, mixed or edited.
    """
    from evalkit.analysis.gates.files import hold_gate

    return hold_gate(request)


def self_test(request: SelfTest) -> dict[str, Any]:
    """Hold a gate against a model and itself: false alarms, and what it would notice.

    Raises:
        ConfigError: If gate.yaml is wrong.
        JournalError: If the journal is foreign, mixed or edited.
    """
    from evalkit.analysis.gates.self_test import self_test as test

    return test(request)


def accept_baseline(
    folder: Path, output: Path, *, arm: str | None = None, providers: Path | None = None
) -> dict[str, Any]:
    """Write the small file that a gate compares with, and return its document.

    Raises:
        ConfigError: If the arm is not there, or nothing of it was scored.
        JournalError: If the journal is foreign, mixed or edited.
    """
    from evalkit.analysis.gates.baseline import accept, write_baseline
    from evalkit.run.clock import SystemClock

    document = accept(Run(folder), arm, SystemClock().now_iso(), providers)
    write_baseline(document, output)
    return document


def drift(request: DriftRequest, *, today: dt.date | None = None) -> dict[str, Any]:
    """Return what `evalkit drift --json` prints: runs over time, held against the first of them.

    Raises:
        ConfigError: If there are fewer than two runs, or one is still going on.
        JournalError: If a folder is no run, or its journal is foreign, mixed or edited.
    """
    from evalkit.analysis.drifting.document import drift_document
    from evalkit.run.clock import SystemClock
    from evalkit.run.setup import time_of

    return drift_document(request, today or time_of(SystemClock()).date())


def check_judge(
    wanted: JudgeCheck, *, confirm: Confirm | None = None, progress: Progress | None = None
) -> CheckedJudge:
    """Hold a judge against people's labels, and write its card; see `JudgeCheck`.

    Raises:
        ConfigError: If a label is about nothing, or nothing was judged.
        JournalError: If the run's journal is foreign, mixed or edited.
    """
    from evalkit.analysis.judges.card import check_judge as check_it

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
    from evalkit.analysis.judges.preference import preference_figures
    from evalkit.report.export import write_preferences
    from evalkit.run.pairs import compare_pairs

    compared = compare_pairs([Run(folder) for folder in folders], options, progress=progress)
    figures = preference_figures(compared)
    write_preferences(figures, compared.comparisons, compared.folder)
    return figures, compared.folder
