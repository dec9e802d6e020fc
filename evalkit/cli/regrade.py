"""Grade the stored outputs of a run anew, with no model call.

With --suite the graders, schema and targets of that folder are used; by default those of the
folder that the run names. Outputs whose grade cannot have changed are left alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.options import add_json, add_settings, example


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument("--suite", type=Path, metavar="DIR", help="the suite to grade by")
    parser.epilog = example("evalkit regrade results/RUN --suite suites/extraction")
    add_settings(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Regrade."""
    from evalkit import api
    from evalkit.cli.main import EXIT_DONE
    from evalkit.cli.output import note
    from evalkit.cli.plan import finish

    result, regraded = api.regrade(
        options.run,
        suite=options.suite,
        settings=options.settings,
        allow_code=options.allow_code,
    )
    note(f"{regraded} trials graded anew, no model was asked")
    finish(result, as_json=options.json)
    return EXIT_DONE  # grading is done, whatever the run still lacks
