"""The evidence of a run: its journal held against its hash, inputs, terms, exclusions.

Writes audit.json and audit.md with -o. Exit codes: 0 the journal holds, 1 it does not.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.options import add_json, example


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument(
        "--gate", type=Path, metavar="FILE", help="what `evalkit gate --json` printed: kept with it"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="write audit.json and audit.md there"
    )
    parser.epilog = example("evalkit audit results/RUN -o evidence/")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Audit."""
    from evalkit import api
    from evalkit.cli.main import EXIT_DONE, EXIT_GATE_FAILED
    from evalkit.cli.output import emit, print_json
    from evalkit.report.audit_text import audit_lines

    document = api.audit(options.run, gate=options.gate, output=options.output)
    if options.json:
        print_json(document)
    else:
        emit("\n".join(audit_lines(document)))
    return EXIT_DONE if document["journal"]["holds"] else EXIT_GATE_FAILED
