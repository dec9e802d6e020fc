"""Decide whether a candidate model may take a baseline's place, by the rules of gate.yaml.

RUN holds the candidate; --against a run or baseline file that holds the baseline (without it RUN
holds both). Exit codes: 0 passed, 1 failed, 2 wrong usage, 3 inconclusive or not comparable.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.cli.options import add_json, add_providers, example, positive

if TYPE_CHECKING:
    from evalkit.analysis.gates.files import GateRequest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("run", type=Path, metavar="RUN", nargs="?", help="the candidate's run")
    parser.add_argument(
        "--against", type=Path, metavar="RUN|FILE", help="the baseline's run, or a baseline file"
    )
    parser.add_argument("--baseline", metavar="M", help="the arm in use: provider:name[@mode]")
    parser.add_argument("--candidate", metavar="M", help="the arm that may take its place")
    parser.add_argument("--policy", type=Path, metavar="FILE", help="the rules: gate.yaml")
    parser.add_argument(
        "--on-inconclusive", choices=("fail", "warn"), help="exit 3 or 0, in place of gate.yaml's"
    )
    parser.add_argument(
        "--allow-changed", action="store_true",
        help="compare runs that asked or graded differently all the same, and say so",
    )  # fmt: skip
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    parser.add_argument("--summary", type=Path, metavar="FILE", help="write Markdown")
    parser.add_argument(
        "--github", action="store_true",
        help="annotations, and $GITHUB_STEP_SUMMARY and $GITHUB_OUTPUT where they are set",
    )  # fmt: skip
    parser.add_argument(
        "--self-test", type=Path, metavar="RUN",
        help="split a run's repeats against each other: false alarms, and what can be detected",
    )  # fmt: skip
    parser.add_argument(
        "--splits", type=positive, default=200, metavar="N",
        help="how often --self-test deals the repeats (default: 200)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="seed of --self-test")
    parser.epilog = example(
        "evalkit gate results/RUN --baseline openai:gpt-5-mini --candidate vllm:llama-4-scout "
        "--policy gate.yaml --junit gate.xml"
    )
    add_providers(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Gate."""
    from evalkit import api
    from evalkit.cli.output import emit, note, print_json

    if options.self_test is not None:
        return _self_test(options)
    document = api.gate(_request(options))
    code = exit_code(document)
    _write(options, document)
    if options.json:
        print_json(document)
    else:
        from evalkit.report.gate_text import gate_table
        from evalkit.report.terminal import style_of

        emit(gate_table(document, style_of(sys.stdout)))
    if document["verdict"] == "inconclusive" and code == 0:
        note("inconclusive, and on_inconclusive is warn: exit 0")
    return code


def exit_code(document: dict[str, Any]) -> int:
    """Return the exit code of a gate's document."""
    from evalkit.cli.main import EXIT_DONE, EXIT_GATE_FAILED, EXIT_INCONCLUSIVE

    if document["verdict"] == "pass":
        return EXIT_DONE
    if document["verdict"] == "fail":
        return EXIT_GATE_FAILED
    bearable = document["policy"]["on_inconclusive"] == "warn" and document["comparable"]
    measured = all(row["n_scored"] and row["within"] for row in document["evidence"])
    return EXIT_DONE if bearable and measured else EXIT_INCONCLUSIVE


def _request(options: argparse.Namespace) -> GateRequest:
    from evalkit.analysis.gates.files import GateRequest
    from evalkit.core.errors import ConfigError

    if options.run is None:
        raise ConfigError("gate: RUN is missing; it is the folder of the candidate's run")
    if options.policy is None:
        raise ConfigError("gate: --policy is missing; it is the file with the rules, gate.yaml")
    return GateRequest(
        run=options.run,
        policy=options.policy,
        against=options.against,
        baseline=options.baseline,
        candidate=options.candidate,
        providers=options.providers,
        allow_changed=options.allow_changed,
        on_inconclusive=options.on_inconclusive,
    )


def _write(options: argparse.Namespace, document: dict[str, Any]) -> None:
    """Write what CI reads, at every verdict."""
    from evalkit.cli.output import emit
    from evalkit.report.annotations import github_annotations, write_github
    from evalkit.report.gate_text import gate_markdown
    from evalkit.report.junit import gate_junit

    for path, text in ((options.junit, gate_junit), (options.summary, gate_markdown)):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text(document), encoding="utf-8")
    if options.github:
        write_github(document, os.environ)
        lines = github_annotations(document)
        if options.json:
            print("\n".join(lines), file=sys.stderr)
        else:
            emit("\n".join(lines))


def _self_test(options: argparse.Namespace) -> int:
    from evalkit import api
    from evalkit.analysis.gates.self_test import SelfTest
    from evalkit.cli.main import EXIT_DONE, EXIT_INCONCLUSIVE
    from evalkit.cli.output import emit, print_json
    from evalkit.core.errors import ConfigError
    from evalkit.report.self_test_table import self_test_table
    from evalkit.report.terminal import style_of

    others = (options.run, options.against, options.baseline, options.junit, options.summary)
    if any(other is not None for other in others) or options.github:
        raise ConfigError(
            "gate: --self-test RUN goes without another RUN, --against, --baseline, --junit, "
            "--summary and --github"
        )
    document = api.self_test(
        SelfTest(
            run=options.self_test,
            policy=options.policy,
            arm=options.candidate,
            splits=options.splits,
            seed=options.seed,
        )
    )
    if options.json:
        print_json(document)
    else:
        emit(self_test_table(document, style_of(sys.stdout)))
    tested = any(arm["results"] for arm in document["arms"])
    return EXIT_DONE if tested else EXIT_INCONCLUSIVE
