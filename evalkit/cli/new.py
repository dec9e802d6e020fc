"""Scaffold a suite: a folder that runs at once and shows every part that a suite can have."""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.options import add_json, example


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("what", choices=["suite"], help="what to scaffold")
    parser.add_argument("name", help="name of the new suite")
    parser.add_argument(
        "--in", dest="folder", type=Path, default=Path("suites"), metavar="DIR", help="where"
    )
    parser.add_argument(
        "--format", choices=["json", "label", "text"], default="json", help="form of the answers"
    )
    parser.epilog = example("evalkit new suite refunds --format label")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Scaffold."""
    from evalkit import api
    from evalkit.cli.output import note, print_json

    folder = api.new_suite(options.name, options.folder, options.format)
    if options.json:
        print_json({"schema_version": 1, "path": str(folder)})
        return 0
    note(f"next: put your own rows into {folder}/samples.jsonl, then: evalkit check {folder}")
    print(folder)
    return 0
