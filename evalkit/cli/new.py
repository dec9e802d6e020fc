"""Scaffold a suite, or choose canaries from past runs.

`evalkit new suite NAME` writes a folder that runs at once and shows every part that a suite can
have. `evalkit new canaries RUN... -k 50` writes a copy of a suite with the samples whose history
shows a change of a model soonest: to be run often, and read with `evalkit drift`.
Both take --help and --json.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.options import add_json, example, names, positive


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    actions = parser.add_subparsers(dest="what", required=True)
    _add_suite(actions.add_parser("suite", help="a suite to fill in", allow_abbrev=False))
    _add_canaries(
        actions.add_parser("canaries", help="a suite to watch a model with", allow_abbrev=False)
    )
    parser.epilog = example("evalkit new suite refunds --format label")


def _add_suite(parser: argparse.ArgumentParser) -> None:
    parser.description = "Scaffold a suite: a folder that runs at once."
    parser.add_argument("name", help="name of the new suite")
    parser.add_argument(
        "--in", dest="folder", type=Path, default=Path("suites"), metavar="DIR", help="where"
    )
    parser.add_argument(
        "--format", choices=["json", "label", "text"], default="json", help="form of the answers"
    )
    add_json(parser)


def _add_canaries(parser: argparse.ArgumentParser) -> None:
    parser.description = "Choose the samples of a suite that show a change of a model soonest."
    parser.epilog = example("evalkit new canaries results/RUN -k 50 --arm openai:gpt-5-mini")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="runs: the history")
    parser.add_argument(
        "-k", type=positive, default=50, metavar="K", help="how many samples (default: 50)"
    )
    parser.add_argument(
        "--arm", type=names, action="extend", metavar="M,...",
        help="choose by the history of these arms (default: of all)",
    )  # fmt: skip
    parser.add_argument(
        "--suite", type=Path, metavar="DIR",
        help="the suite's folder, where the runs hold several or it has moved",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR",
        help="the new folder (default: NAME-canaries beside the suite)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="breaks ties")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Scaffold, or choose."""
    return _suite(options) if options.what == "suite" else _canaries(options)


def _suite(options: argparse.Namespace) -> int:
    from evalkit import api
    from evalkit.cli.output import note, print_json

    folder = api.new_suite(options.name, options.folder, options.format)
    if options.json:
        print_json({"schema_version": 1, "path": str(folder)})
        return 0
    note(f"next: put your own rows into {folder}/samples.jsonl, then: evalkit check {folder}")
    print(folder)
    return 0


def _canaries(options: argparse.Namespace) -> int:
    from evalkit import api
    from evalkit.analysis.drifting.canaries import CanaryRequest
    from evalkit.cli.output import note, print_json, printable

    document = api.new_canaries(
        CanaryRequest(
            runs=tuple(options.runs),
            k=options.k,
            arms=tuple(options.arm) if options.arm else None,
            suite=options.suite,
            output=options.output,
            seed=options.seed,
        )
    )
    if options.json:
        print_json(document)
        return 0
    for line in document["notes"]:
        note(f"warning: {line}")
    roles = ", ".join(f"{count} {role}" for role, count in document["roles"].items())
    source = document["chosen_from"]
    note(f"{len(document['samples'])} of {source['samples']} samples: {roles}")
    folder = document["path"]
    note(f"next: evalkit run {folder}, again and again, then: evalkit drift RUN RUN...")
    print(printable(folder))
    return 0
