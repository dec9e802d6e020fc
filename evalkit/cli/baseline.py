"""Accept a run as the baseline that later runs are held against: a small file to be committed.

`evalkit baseline accept RUN` writes scores and outcomes by sample, no text; it takes --help and
--json. `evalkit gate RUN --against FILE` reads it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.options import add_json, add_providers, example


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    accept = actions.add_parser("accept", help="write the baseline file", allow_abbrev=False)
    accept.description = "Write a run's scores and outcomes by sample into a baseline file."
    accept.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    accept.add_argument("--arm", metavar="M", help="which arm, where the run has several")
    accept.add_argument(
        "-o", "--output", type=Path, default=Path("baseline.json"), metavar="FILE",
        help="where it is written (default: baseline.json)",
    )  # fmt: skip
    parser.epilog = example("evalkit baseline accept results/RUN --arm openai:gpt-5-mini")
    add_providers(accept)
    add_json(accept)


def run(options: argparse.Namespace) -> int:
    """Accept."""
    from evalkit import api
    from evalkit.cli.output import note, print_json, printable
    from evalkit.run.folder import Run

    state, reason = Run(options.run).state
    document = api.accept_baseline(
        options.run, options.output, arm=options.arm, providers=options.providers
    )
    suites = [
        {"suite": suite["suite"], "arm": suite["arm"], "n_trials": len(suite["trials"])}
        for suite in document["suites"]
    ]
    if state != "complete":
        note(f"warning: the run is {state}" + (f": {reason}" if reason else ""))
    if options.json:
        print_json({"path": str(options.output), "run_id": document["run_id"], "suites": suites})
        return 0
    for suite in suites:
        print(printable(f"{suite['suite']}: {suite['arm']}: {suite['n_trials']} trials"))
    print(printable(f"baseline: {options.output}"))
    return 0
