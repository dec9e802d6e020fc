"""Grade the stored outputs of a run anew, with no model call; judges alone are asked.

With --suite the graders, schema and targets of that folder are used; by default those of the
folder that the run names. Outputs whose grade cannot have changed are left alone, and a verdict
that stands in the journal is not asked for again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.options import add_json, add_providers, add_settings, dollars, example


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument("--suite", type=Path, metavar="DIR", help="the suite to grade by")
    parser.epilog = example("evalkit regrade results/RUN --suite suites/extraction")
    parser.add_argument(
        "--budget-usd", type=dollars, metavar="X", help="the most that judges may cost"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask, whatever it may cost")
    add_providers(parser)
    add_settings(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Regrade."""
    from evalkit import api
    from evalkit.cli.main import EXIT_DONE, EXIT_INCOMPLETE, EXIT_INTERRUPTED
    from evalkit.cli.output import note
    from evalkit.cli.plan import Confirmation, finish
    from evalkit.cli.progress import TqdmLine
    from evalkit.run.regrade import RegradeOptions

    result, regraded = api.regrade(
        options.run,
        RegradeOptions(
            suite=options.suite,
            settings=tuple(options.settings) or None,
            allow_code=options.allow_code,
            providers=options.providers,
            budget_usd=options.budget_usd,
        ),
        confirm=Confirmation(assume_yes=options.yes),
        progress=TqdmLine(),
    )
    asked = "no model was asked"
    if regraded.judge_calls:
        asked = f"judges were asked {regraded.judge_calls} times (${regraded.spent_usd:.4f})"
    note(f"{regraded.changed} trials graded anew, {asked}")
    finish(result, as_json=options.json)
    if regraded.stopped:
        note(f"not all was judged: {regraded.stopped}")
        note("the old grades count; the same command goes on and buys no verdict twice")
    if regraded.stopped or regraded.unjudged:
        return EXIT_INTERRUPTED if regraded.stopped == "interrupted" else EXIT_INCOMPLETE
    return EXIT_DONE  # grading is done, whatever the run still lacks
