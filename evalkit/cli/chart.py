"""Draw quality against cost, or against latency where nothing is priced, as PNG and SVG."""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.options import add_json, example


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.epilog = example("evalkit chart results/20260101-120000-extraction-ab12")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Draw."""
    from evalkit import api
    from evalkit.cli.output import print_json

    paths = api.draw_chart(options.run)
    if options.json:
        print_json({"schema_version": 1, "paths": [str(p) for p in paths]})
    else:
        print("\n".join(str(p) for p in paths))
    return 0
