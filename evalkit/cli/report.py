"""Write one HTML page that a stakeholder reads, with its tables as CSV and a summary beside it.

The page is one file that asks for nothing: verdict, figures and tables stand in it without
scripts. Of an arm that stands in several runs the newest counts, and its history is shown.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.options import add_json, add_providers, example, names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE.html",
        help="the page's file (default: reports/RUN_ID.html)",
    )  # fmt: skip
    parser.add_argument(
        "--redact", action="store_true",
        help="leave out every prompt, output and reason: for wide sharing",
    )  # fmt: skip
    parser.add_argument("--baseline", metavar="M", help="hold every other arm against this one")
    parser.add_argument("--candidate", metavar="M", help="the arm that the verdict is about")
    parser.add_argument(
        "--policy", type=Path, metavar="gate.yaml", help="let the verdict be this gate's"
    )
    parser.add_argument(
        "--models", type=names, action="extend", metavar="M,...", help="only these arms"
    )
    parser.add_argument(
        "--suites", type=names, action="extend", metavar="NAME,...", help="only these suites"
    )
    parser.add_argument(
        "--profile", type=Path, metavar="business.yaml", help="show break-evens for this business"
    )
    parser.add_argument("--title", help="the page's title")
    parser.epilog = example("evalkit report results/RUN -o reports/extraction.html")
    add_providers(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Write the report."""
    from evalkit import api
    from evalkit.analysis.reporting.evidence import ReportRequest
    from evalkit.cli.output import emit, note, print_json

    request = ReportRequest(
        runs=tuple(options.runs),
        baseline=options.baseline,
        candidate=options.candidate,
        policy=options.policy,
        models=tuple(options.models) if options.models else None,
        suites=tuple(options.suites) if options.suites else None,
        redact=options.redact,
        providers=options.providers,
        title=options.title,
        profile=options.profile,
    )
    written = api.write_report(request, options.output)
    if options.json:
        print_json(written)
    else:
        emit("\n".join([written["path"], f"{written['folder']}/ (tables and summary.md)"]))
    for warning in written["warnings"]:
        note(f"warning: {warning}")
    return 0
