"""What a model costs, since when, and from where: declared prices first, then the packaged table.

Nothing is sent. Without MODEL: all models of the providers file.
"""

from __future__ import annotations

import argparse
import sys

from evalkit.cli.options import add_json, add_providers, day, example


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("model", nargs="?", metavar="MODEL", help="provider:name, or a name alone")
    parser.add_argument("--at", type=day, metavar="DATE", help="on this day (default: today)")
    parser.epilog = example("evalkit prices openai:gpt-4.1-mini")
    add_providers(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """List."""
    from evalkit import api
    from evalkit.cli.output import emit, print_json
    from evalkit.report.price_table import price_table
    from evalkit.report.terminal import style_of

    document = api.prices(options.model, providers=options.providers, at=options.at)
    if options.json:
        print_json(document)
    else:
        emit(price_table(document, style_of(sys.stdout)))
    return 0
