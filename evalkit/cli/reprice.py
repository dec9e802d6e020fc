"""A run's cost at the prices of another day: what it was, and what it would be.

Every attempt is priced by itself, by its usage and the id that the answer named. The journal is
not touched.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from evalkit.cli.options import add_json, add_providers, day, example


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument("--at", type=day, required=True, metavar="DATE", help="the day, 2026-11-01")
    parser.epilog = example("evalkit reprice results/RUN --at 2026-06-01")
    add_providers(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Price anew."""
    from evalkit import api
    from evalkit.cli.output import emit, note, print_json
    from evalkit.report.price_table import reprice_table
    from evalkit.report.terminal import style_of

    document = api.reprice(options.run, options.at, providers=options.providers)
    if options.json:
        print_json(document)
    else:
        emit(reprice_table(document, style_of(sys.stdout)))
    for warning in document["warnings"]:
        note(f"warning: {warning}")
    return 0
