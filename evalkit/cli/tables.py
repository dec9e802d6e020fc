"""Write trials.parquet, attempts.parquet and scores.parquet into a run's folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.options import add_json, add_providers, example


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.epilog = example("evalkit tables results/20260101-120000-extraction-ab12")
    add_providers(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Write the tables."""
    from evalkit import api
    from evalkit.cli.output import print_json

    paths = api.write_tables(options.run, providers=options.providers)
    if options.json:
        print_json({"schema_version": 1, "paths": [str(p) for p in paths]})
    else:
        print("\n".join(str(p) for p in paths))
    return 0
