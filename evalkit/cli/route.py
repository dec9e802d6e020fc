"""Which model for which task? The portfolio that a run's samples allow, without a further call.

Decided by lower bounds on samples to work with, and measured on samples that were locked away.
Writes policy.json; `--export` writes it for a gateway too.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from evalkit.cli.options import add_json, add_providers, example, names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument(
        "--profile", type=Path, metavar="business.yaml", help="limits, sensitivity, volumes"
    )
    parser.add_argument(
        "--suites", type=names, action="extend", metavar="NAME,...", help="only these suites"
    )
    parser.add_argument(
        "--models", type=names, action="extend", metavar="M,...", help="only these arms"
    )
    parser.add_argument(
        "--margin", type=float, default=0.03, metavar="X",
        help="without a quality limit: how far below the best arm is allowed (default: 0.03)",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=int, help="of the holdout and the folds (default: profile's)"
    )
    parser.add_argument(
        "--force", action="store_true", help="decide on fewer than 50 samples all the same"
    )
    parser.add_argument(
        "--accept", type=names, action="extend", metavar="RULE,...",
        help="when a cascade may take an answer: usable (its form holds), agree (two arms say the "
        "same), or a grader that needs no target (default: usable,agree; with --export usable)",
    )  # fmt: skip
    parser.add_argument(
        "--export", choices=["litellm", "portkey"], help="write the policy for a gateway too"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="F",
        help="the exported file, or without --export the policy (default: in the run's folder)",
    )  # fmt: skip
    parser.epilog = example("evalkit route results/RUN --profile business.yaml --export litellm")
    add_providers(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Route."""
    from evalkit import api
    from evalkit.analysis.routing.document import RouteRequest
    from evalkit.cli.output import emit, note, print_json
    from evalkit.report.route_table import route_table
    from evalkit.report.terminal import style_of

    document = api.route(
        RouteRequest(
            run=options.run,
            profile=options.profile,
            suites=tuple(options.suites) if options.suites else None,
            models=tuple(options.models) if options.models else None,
            margin=options.margin,
            seed=options.seed,
            force=options.force,
            providers=options.providers,
            accept=_accept(options),
        ),
        export=options.export,
        output=options.output,
    )
    if options.json:
        print_json(document)
    else:
        emit(route_table(document, style_of(sys.stdout)))
        for path in (document["policy_path"], document["export_path"]):
            if path is not None:
                emit(path)
    for warning in document["warnings"]:
        note(f"warning: {warning}")
    return 0


def _accept(options: argparse.Namespace) -> tuple[str, ...]:
    """Return the rules: a gateway can hold the form against its schema, and nothing else."""
    from evalkit.core.acceptance import AGREE, USABLE

    if options.accept:
        return tuple(options.accept)
    return (USABLE,) if options.export else (USABLE, AGREE)
