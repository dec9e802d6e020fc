"""See whether a model has changed: its runs over time, on the same suite, held against the first.

Quality, malformed and refusal rates are paired with the first run's; a cumulative sum tells since
when. Lengths, latencies, prices, returned ids, fingerprints and retirement dates are told, and
decide nothing. Exit codes: 0 done, 1 with --fail-on drift where something got worse, 2 wrong usage,
3 fewer than two runs can be compared (with --fail-on drift: or an arm's newest run cannot).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalkit.cli.options import add_json, example, names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="runs, in any order")
    parser.add_argument(
        "--results", type=Path, metavar="DIR",
        help="beside those, every run of this folder that has ended and holds --suite",
    )  # fmt: skip
    parser.add_argument("--suite", metavar="NAME", help="only this suite")
    parser.add_argument(
        "--arm", type=names, action="extend", metavar="M,...",
        help="only these arms: provider:name[@mode]",
    )  # fmt: skip
    parser.add_argument(
        "--fail-on", choices=("drift",), help="exit 1 where an arm got worse than in its first run"
    )
    parser.epilog = example(
        "evalkit drift --results results --suite extraction-canaries --fail-on drift"
    )
    parser.add_argument(
        "--providers", type=Path, metavar="FILE",
        help="providers file, for prices and retirement dates (default: those that the runs name)",
    )  # fmt: skip
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Compare."""
    from evalkit import api
    from evalkit.analysis.drifting.document import DriftRequest
    from evalkit.cli.output import emit, note, print_json

    document = api.drift(
        DriftRequest(
            runs=_folders(options),
            suite=options.suite,
            arms=tuple(options.arm) if options.arm else None,
            providers=options.providers,
        )
    )
    if options.json:
        print_json(document)
    else:
        from evalkit.report.drift_table import drift_table
        from evalkit.report.terminal import style_of

        emit(drift_table(document, style_of(sys.stdout)))
    for line in document["warnings"]:
        note(f"warning: {line}")
    return exit_code(document, fails=options.fail_on == "drift")


def exit_code(document: Mapping[str, Any], *, fails: bool) -> int:
    """Return the exit code of a document.

    Args:
        document: What was found.
        fails: What got worse is a failure, and so is a newest run that nobody could compare.
    """
    from evalkit.cli.main import EXIT_DONE, EXIT_GATE_FAILED, EXIT_INCONCLUSIVE

    verdicts = [arm["verdict"] for arm in document["arms"]]
    open_ = [v for v in verdicts if v["outcome"] in ("not_comparable", "nothing_scored")]
    if fails and any(verdict["outcome"] == "worse" for verdict in verdicts):
        return EXIT_GATE_FAILED
    if len(open_) == len(verdicts):
        return EXIT_INCONCLUSIVE
    if fails and (open_ or not all(verdict["newest_is_compared"] for verdict in verdicts)):
        return EXIT_INCONCLUSIVE
    return EXIT_DONE


def _folders(options: argparse.Namespace) -> tuple[Path, ...]:
    """Return the named runs and those of the results folder, each once."""
    if options.results is None:
        return tuple(options.runs)
    from evalkit.analysis.drifting.document import runs_below

    named = {folder.resolve() for folder in options.runs}
    below = runs_below(options.results, options.suite)
    return (*options.runs, *(folder for folder in below if folder.resolve() not in named))
