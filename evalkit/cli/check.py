"""Validate suites, the providers file and gate.yaml without sending anything.

Errors name file and line and end with exit code 2; warnings say what a careful suite would have.
Without SUITE every suite below ./suites is checked; one whose data are not here, and whose
README.md names them, is left out with a warning. A gate.yaml in the current directory or beside a
suite is checked too: slices, graders and suites that it names must be there, and what the suite's
samples can decide is said.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.options import add_json, add_providers, add_settings, example


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("suites", nargs="*", type=Path, metavar="SUITE", help="suite folders")
    parser.epilog = example("evalkit check suites/extraction")
    add_providers(parser)
    add_settings(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Check."""
    from evalkit import api
    from evalkit.cli.main import EXIT_DONE, EXIT_USAGE
    from evalkit.cli.output import note, print_json, printable

    report = api.check(
        options.suites or None,
        providers=options.providers,
        settings=options.settings,
        allow_code=options.allow_code,
    )
    if options.json:
        print_json({"schema_version": 1, **report})
    else:
        for line in report["errors"]:
            note(line)
        for line in report["warnings"]:
            note(f"warning: {line}")
        for line in (*report["checked"], *report["margins"]):
            print(printable(line))
    return EXIT_USAGE if report["errors"] else EXIT_DONE
