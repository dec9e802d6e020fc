"""Set arms against each other, paired by sample: differences with intervals, slices, flips.

One run: every two arms, or all against --baseline. Two runs: each arm against itself, where both
have it. Exit codes: 0 done, 2 wrong usage, 3 not comparable.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from evalkit.cli.options import add_json, add_providers, example, names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument("--baseline", metavar="M", help="set every other arm against this one")
    parser.add_argument(
        "--models", type=names, action="extend", metavar="M,...", help="only these arms"
    )
    parser.add_argument(
        "--flips", type=_count, default=5, metavar="N",
        help="show N samples of each pair that passed with one arm only (default: 5)",
    )  # fmt: skip
    parser.add_argument(
        "--draws", type=_count, default=10_000, metavar="N",
        help="draws of the bootstrap that checks graded scores (default: 10000; 0: none)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="seed of those draws")
    parser.add_argument(
        "--allow-changed", action="store_true",
        help="compare runs that asked or graded differently all the same, and say so",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write the comparison as Markdown too"
    )
    parser.epilog = example("evalkit compare results/RUN --baseline openai:gpt-5-mini")
    add_providers(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Compare."""
    from evalkit import api
    from evalkit.analysis.comparing import CompareRequest
    from evalkit.cli.main import EXIT_DONE, EXIT_INCONCLUSIVE
    from evalkit.cli.output import emit, note, print_json
    from evalkit.report.compare_table import compare_markdown, compare_table
    from evalkit.report.terminal import style_of

    document = api.compare(
        CompareRequest(
            runs=tuple(options.runs),
            baseline=options.baseline,
            models=tuple(options.models) if options.models else None,
            flips=options.flips,
            draws=options.draws,
            seed=options.seed,
            providers=options.providers,
            allow_changed=options.allow_changed,
        )
    )
    if options.output is not None:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(compare_markdown(document), encoding="utf-8")
    if options.json:
        print_json(document)
    else:
        emit(compare_table(document, style_of(sys.stdout)))
    for warning in document["warnings"]:
        note(f"warning: {warning}")
    return EXIT_DONE if document["comparable"] else EXIT_INCONCLUSIVE


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number from 0, got {text!r}")
    return int(text)
