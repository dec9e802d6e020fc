"""Write a run for other tools: its answers as a recording, or its figures as a model card.

`replay`: what the `replay` wire reads (JSONL). `cyclonedx`: machine-learning components with model
cards (JSON). `model-index`: the metadata of a hub's model card (YAML).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.options import add_json, example


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument(
        "--format",
        choices=["replay", "cyclonedx", "model-index"],
        default="replay",
        help="of the file",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: in the folder")
    parser.epilog = example("evalkit export results/RUN --format replay -o recordings.jsonl")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Export."""
    from evalkit import api
    from evalkit.cli.output import note, print_json

    if options.format != "replay":
        file = api.export_card(options.run, options.format, options.output)
        if options.json:
            print_json({"schema_version": 1, "path": str(file)})
        else:
            print(file)
        return 0
    path, lines = api.export_replay(options.run, options.output)
    if options.json:
        print_json({"schema_version": 1, "path": str(path), "lines": lines})
    else:
        note(f"{lines} answers written")
        print(path)
    return 0
