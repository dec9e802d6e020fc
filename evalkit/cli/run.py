"""Run suites on models: prints the plan, then the table and the run's folder.

Without --models every model takes part whose key is set or whose server answers, the embedded
ones always; the others are listed with what they lack. Exit codes: 0 done, 2 wrong usage (nothing
was sent), 4 incomplete (outage, budget, too many errors; resumable), 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from typing import TYPE_CHECKING

from evalkit.cli.options import (
    add_json,
    add_providers,
    add_settings,
    dollars,
    example,
    names,
    positive,
    shard,
)

if TYPE_CHECKING:
    from evalkit.run.setup import RunOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("suites", nargs="+", metavar="SUITE", help="suite folder")
    parser.add_argument(
        "--models", type=names, action="extend", metavar="M,...",
        help="provider:name or provider:name@mode; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--policy", metavar="policy.json",
        help="ask the arms of a policy of `evalkit route` as if they were one model, policy:NAME; "
        "without --models that alone",
    )  # fmt: skip
    parser.add_argument(
        "--repeats", type=positive, default=1, metavar="K", help="ask each sample K times"
    )
    parser.add_argument(
        "--limit", type=positive, metavar="N", help="only N samples, drawn at random"
    )
    parser.add_argument("--sample-seed", type=int, default=0, metavar="S", help="seed of that draw")
    parser.add_argument("--seed", type=int, default=0, help="seed of the order of requests")
    parser.add_argument(
        "--results", default="results", metavar="DIR", help="where the run's folder is made"
    )
    parser.add_argument(
        "--concurrency", type=positive, metavar="C", help="requests at once, for each provider"
    )
    parser.add_argument("--budget-usd", type=dollars, metavar="X", help="stop before spending more")
    parser.add_argument(
        "--cache", action=argparse.BooleanOptionalAction, default=False,
        help="reuse answers to equal requests; they are left out of latency and cost",
    )  # fmt: skip
    parser.add_argument("--stream", action="store_true", help="stream answers: measures TTFT")
    parser.add_argument("--shard", type=shard, metavar="I/N", help="only this part of the samples")
    parser.add_argument(
        "--stop-when-decided", metavar="GATE", help="end each suite when gate.yaml is decided"
    )
    parser.add_argument(
        "--baseline",
        metavar="M",
        help="the arm in use, for --stop-when-decided (default: the first)",
    )
    parser.add_argument(
        "--candidate", metavar="M", help="the arm that may take its place, likewise"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask, whatever it may cost")
    parser.epilog = example("evalkit run suites/extraction --models local:smollm2,rules:rules")
    add_providers(parser)
    add_settings(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Run."""
    from evalkit import api
    from evalkit.cli.plan import Confirmation, finish
    from evalkit.cli.progress import TqdmLine

    result = api.run(
        run_options(options),
        confirm=Confirmation(assume_yes=options.yes),
        progress=TqdmLine(),
    )
    return finish(result, as_json=options.json)


def run_options(options: argparse.Namespace) -> RunOptions:
    """Return the command line as the record that run.json keeps."""
    from evalkit.core.keys import hide_keys
    from evalkit.run.plan import Selection
    from evalkit.run.setup import RunOptions

    return RunOptions(
        suites=tuple(options.suites),
        models=tuple(options.models) if options.models else None,
        providers=str(options.providers) if options.providers else None,
        settings=tuple(options.settings),
        results=options.results,
        selection=Selection(
            repeats=options.repeats,
            limit=options.limit,
            sample_seed=options.sample_seed,
            shard=options.shard or _shard_of_environment(),
        ),
        concurrency=options.concurrency,
        budget_usd=options.budget_usd,
        cache=options.cache,
        stream=options.stream,
        seed=options.seed,
        allow_code=options.allow_code,
        stop_when_decided=options.stop_when_decided,
        baseline=options.baseline,
        candidate=options.candidate,
        policy=options.policy,
        command=hide_keys(shlex.join(["evalkit", *sys.argv[1:]])),
    )


def _shard_of_environment() -> tuple[int, int] | None:
    """Return the shard that a Slurm array or an indexed Kubernetes job stands for."""
    for index, count in (
        ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT"),
        ("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"),
    ):
        if os.environ.get(index, "").isdigit() and os.environ.get(count, "").isdigit():
            return int(os.environ[index]), int(os.environ[count])
    return None
