"""Serve the reports of a folder of runs to this machine: an index, and pages of runs and suites.

Listens on 127.0.0.1 alone and never leaves it. Pages are made when they are asked for; new runs
appear on reload. Ends with Ctrl-C.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.options import add_json, add_providers, example


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("results"), metavar="RESULTS_DIR",
        help="the folder of runs (default: results)",
    )  # fmt: skip
    parser.add_argument(
        "--port", type=int, default=8765, metavar="N", help="the port; 0 takes a free one"
    )
    parser.add_argument("--open", action="store_true", help="open it in the browser")
    parser.add_argument(
        "--redact", action="store_true", help="leave out every prompt, output and reason"
    )
    parser.epilog = example("evalkit view results/ --open")
    add_providers(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from evalkit import api
    from evalkit.cli.output import emit, note, print_json

    server = api.view(
        options.folder, options.port, redact=options.redact, providers=options.providers
    )
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    if options.json:
        print_json({"schema_version": 1, "url": url, "results": str(options.folder)})
    else:
        emit(url)
    note("Ctrl-C ends it")
    if options.open:
        import webbrowser

        webbrowser.open(url)
    with server:
        server.serve_forever()
    return 0
