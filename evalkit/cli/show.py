"""Print the table of a run again, from its journal."""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.options import add_json, example


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.epilog = example("evalkit show results/20260101-120000-extraction-ab12")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Show."""
    from evalkit import api
    from evalkit.cli.plan import finish

    finish(api.show(options.run), as_json=options.json)
    return 0
