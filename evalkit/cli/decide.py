"""Buy, host, run oneself, or no model at all? Five questions answered, and what follows.

From a run's measurements and business.yaml: where the data may go, how special the task is, what
volume, who would run it, how fast it must be. With -o one page for a manager, figures below.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from evalkit.cli.options import add_json, add_providers, example


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument(
        "--profile",
        type=Path,
        required=True,
        metavar="business.yaml",
        help="what the business knows",
    )
    parser.add_argument(
        "--margin", type=float, default=0.03, metavar="X",
        help="without a quality limit: how far below the best arm is allowed (default: 0.03)",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE.html",
        help="write the page, and the same as Markdown and JSON beside it",
    )  # fmt: skip
    parser.epilog = example("evalkit decide results/RUN --profile business.yaml -o decision.html")
    add_providers(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Decide."""
    from evalkit import api
    from evalkit.analysis.decision.document import DecideRequest
    from evalkit.cli.output import emit, note, print_json
    from evalkit.report.decision_files import decision_table
    from evalkit.report.terminal import style_of

    document = api.decide(
        DecideRequest(
            run=options.run,
            profile=options.profile,
            margin=options.margin,
            providers=options.providers,
        ),
        output=options.output,
    )
    if options.json:
        print_json(document)
    else:
        emit(decision_table(document, style_of(sys.stdout)))
        if options.output is not None:
            emit(str(options.output))
    for warning in document["warnings"]:
        note(f"warning: {warning}")
    return 0
