"""From which volume on is self-hosting cheaper than buying? A month's cost, and how sure that is.

Tokens, attempts, quality and prices are what the run measured; volumes, GPU prices and people's
hours come from business.yaml, or from documented defaults that are listed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from evalkit.cli.options import add_json, add_providers, example, names


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
        "--suites", type=names, action="extend", metavar="NAME,...", help="only these suites"
    )
    parser.add_argument(
        "--models", type=names, action="extend", metavar="M,...", help="only these arms"
    )
    parser.add_argument(
        "--margin", type=float, default=0.03, metavar="X",
        help="quality may be lower than the API's by this much, in shares (default: 0.03)",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR",
        help="write breakeven.md, breakeven.json and the charts into this folder",
    )  # fmt: skip
    parser.epilog = example("evalkit breakeven results/RUN --profile business.yaml -o reports/")
    add_providers(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Work it out."""
    from evalkit import api
    from evalkit.analysis.economics.document import BreakevenRequest
    from evalkit.cli.output import emit, note, print_json
    from evalkit.report.breakeven_table import breakeven_table
    from evalkit.report.terminal import style_of

    document = api.breakeven(
        BreakevenRequest(
            run=options.run,
            profile=options.profile,
            suites=tuple(options.suites) if options.suites else None,
            models=tuple(options.models) if options.models else None,
            margin=options.margin,
            providers=options.providers,
        ),
        output=options.output,
    )
    if options.json:
        print_json(document)
    else:
        emit(breakeven_table(document, style_of(sys.stdout)))
    for warning in document["warnings"]:
        note(f"warning: {warning}")
    return 0
