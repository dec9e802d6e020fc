"""Join the shards of one run; refuses runs of different suites, arms or parameters."""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.options import add_json, example


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="the shards' folders")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="RUN", help="the new run's folder"
    )
    parser.epilog = example("evalkit merge results/SHARD1 results/SHARD2 -o results/whole")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Merge."""
    from evalkit import api
    from evalkit.cli.plan import finish

    return finish(api.merge(options.runs, options.output), as_json=options.json)
