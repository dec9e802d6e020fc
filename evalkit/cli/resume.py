"""Go on with a run after a crash, an interruption, an outage or a spent budget.

Asks again what ended in an error and what is missing; a finished trial is paid for once. An edited
prompt is asked anew, an edited grader grades the stored outputs anew.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.cli.options import add_json, add_providers, dollars, example, positive

if TYPE_CHECKING:
    from evalkit.run.setup import RunOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument(
        "--concurrency", type=positive, metavar="C", help="requests at once, for each provider"
    )
    parser.add_argument(
        "--budget-usd",
        type=dollars,
        metavar="X",
        help="the whole run's budget, spent part included (default: that of the run)",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask, whatever it may cost")
    parser.epilog = example("evalkit resume results/20260101-120000-extraction-ab12")
    add_providers(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Resume."""
    from evalkit import api
    from evalkit.cli.output import note
    from evalkit.cli.plan import Confirmation, finish
    from evalkit.cli.progress import TqdmLine

    manifest = api.open_run(options.run).manifest
    if manifest.get("merged_from"):
        count = len(manifest["merged_from"])
        lacks = manifest.get("state_reason") or "nothing is missing"
        note(f"{options.run}: joined from {count} runs ({lacks}); what is missing is asked here")

    result = api.resume(
        options.run,
        options=lambda stored: changed(stored, options),
        confirm=Confirmation(assume_yes=options.yes),
        progress=TqdmLine(),
    )
    return finish(result, as_json=options.json)


def changed(stored: RunOptions, options: argparse.Namespace) -> RunOptions:
    """Return the run's own options with those of this command."""
    import msgspec

    return msgspec.structs.replace(
        stored,
        providers=str(options.providers) if options.providers else stored.providers,
        concurrency=options.concurrency or stored.concurrency,
        budget_usd=options.budget_usd or stored.budget_usd,
    )
