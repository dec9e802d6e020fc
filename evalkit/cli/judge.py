"""Hold a judge against people's labels, or let one compare two models' outputs.

`evalkit judge check SUITE --labels FILE` says how far verdicts can be trusted, criterion by
criterion, and writes judge_card.json. With --run the verdicts of that run are checked; without, the
outputs beside the labels (outputs.jsonl, a recording) are judged first.
`evalkit judge pairs RUN --judge M` compares the outputs of every two arms, in both orders.
Both take --help and --json.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.cli.options import add_json, add_providers, dollars, example, names, positive

if TYPE_CHECKING:
    from evalkit.analysis.judges.card import CheckedJudge


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_check(
        actions.add_parser("check", help="the judge against people's labels", allow_abbrev=False)
    )
    _add_pairs(
        actions.add_parser("pairs", help="two models' outputs, compared", allow_abbrev=False)
    )
    parser.epilog = example(
        "evalkit judge check suites/summarization --labels suites/summarization/judge/labels.jsonl"
    )


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.description = "Hold a judge against people's labels; writes judge_card.json."
    parser.add_argument("suite", type=Path, metavar="SUITE", help="suite folder")
    parser.add_argument(
        "--labels", type=Path, required=True, metavar="FILE",
        help="people's labels: {sample_id, arm, repeat, criterion, label, annotator} a line",
    )  # fmt: skip
    parser.add_argument("--run", type=Path, metavar="RUN", help="a run that has been judged")
    parser.add_argument(
        "--outputs", type=Path, metavar="FILE",
        help="recording of the outputs to judge (default: outputs.jsonl beside the labels)",
    )  # fmt: skip
    parser.add_argument(
        "--judge", type=names, action="extend", metavar="M,...",
        help="who judges the outputs, in place of the rubric's judge",
    )  # fmt: skip
    parser.add_argument(
        "--limit", type=positive, metavar="N", help="judge the outputs of N labelled samples only"
    )
    parser.add_argument("--rubric", metavar="FILE", help="a rubric of the suite's folder")
    parser.add_argument(
        "--epsilon", type=_share, default=0.15, metavar="E",
        help="the judge's advantage in the alternative annotator test: 0.2 against experts, "
        "0.15 skilled people, 0.1 crowd workers",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", type=Path, metavar="CARD",
        help="where the card is written beside the run's folder (default: judge_card.json in the "
        "suite's folder, if the rubric's own judge has judged everything)",
    )  # fmt: skip
    parser.add_argument(
        "--results", default="results", metavar="DIR", help="where the judges' run is made"
    )
    parser.add_argument("--budget-usd", type=dollars, metavar="X", help="stop before spending more")
    parser.add_argument("--yes", action="store_true", help="do not ask, whatever it may cost")
    add_providers(parser)
    add_json(parser)


def _add_pairs(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Let a judge compare the outputs of every two arms of a run, always in both orders."
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument(
        "--judge", type=names, action="extend", required=True, metavar="M,...",
        help="who judges; several are a panel by majority",
    )  # fmt: skip
    parser.add_argument(
        "--models", type=names, action="extend", metavar="M,...",
        help="the arms to compare (default: all that the runs hold)",
    )  # fmt: skip
    parser.add_argument("--suite", metavar="NAME", help="the suite, where the runs hold several")
    parser.add_argument("--limit", type=positive, metavar="N", help="only N samples, at random")
    parser.add_argument("--sample-seed", type=int, default=0, metavar="S", help="seed of that draw")
    parser.add_argument(
        "--independent", action="store_true", help="refuse a judge of a compared model's family"
    )
    parser.add_argument("--budget-usd", type=dollars, metavar="X", help="stop before spending more")
    parser.add_argument("--yes", action="store_true", help="do not ask, whatever it may cost")
    add_providers(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Check, or compare."""
    return _check(options) if options.action == "check" else _pairs(options)


def _pairs(options: argparse.Namespace) -> int:
    from evalkit import api
    from evalkit.cli.main import EXIT_DONE, EXIT_INCOMPLETE, EXIT_INTERRUPTED, EXIT_USAGE
    from evalkit.cli.output import note, print_json, printable
    from evalkit.cli.plan import Confirmation
    from evalkit.cli.progress import TqdmLine
    from evalkit.report.judge_table import preference_table
    from evalkit.report.terminal import style_of
    from evalkit.run.folder import Run
    from evalkit.run.pair_inputs import PairOptions
    from evalkit.run.pair_plan import plan_pairs

    wanted = PairOptions(
        judges=tuple(options.judge),
        suite=options.suite,
        arms=tuple(options.models) if options.models else None,
        limit=options.limit,
        sample_seed=options.sample_seed,
        independent=options.independent,
        providers=options.providers,
        budget_usd=options.budget_usd,
    )
    planned = plan_pairs([Run(folder) for folder in options.runs], wanted)
    calls = ", ".join(f"{count} calls of {name}" for name, count in planned.calls.items())
    note(printable(f"{planned.comparisons} comparisons, {planned.asked} by a judge: {calls}"))
    if not Confirmation(assume_yes=options.yes)(planned.plan):
        return EXIT_USAGE
    figures, folder = api.compare_by_judge(options.runs, wanted, progress=TqdmLine())
    if options.json:
        print_json({**figures, "path": str(folder)})
    else:
        print(preference_table(figures, style_of(sys.stdout)))
        print(printable(f"comparisons: {folder}"))
    if figures["stopped"]:
        note(f"not all was compared: {figures['stopped']}; the same command goes on")
        return EXIT_INTERRUPTED if figures["stopped"] == "interrupted" else EXIT_INCOMPLETE
    return EXIT_DONE


def _check(options: argparse.Namespace) -> int:
    from evalkit import api
    from evalkit.analysis.judges.card import JudgeCheck
    from evalkit.cli.main import EXIT_DONE, EXIT_INCOMPLETE, EXIT_INTERRUPTED
    from evalkit.cli.output import print_json, printable
    from evalkit.cli.plan import Confirmation
    from evalkit.cli.progress import TqdmLine
    from evalkit.core.errors import ConfigError
    from evalkit.core.keys import hide_keys
    from evalkit.report.judge_table import judge_table
    from evalkit.report.terminal import style_of

    if options.run and (options.outputs or options.judge or options.rubric or options.limit):
        raise ConfigError(
            "judge check: --outputs, --judge, --rubric and --limit go without --run, whose "
            "verdicts are checked as they are; evalkit regrade RUN asks another judge"
        )
    checked = api.check_judge(
        JudgeCheck(
            suite=options.suite,
            labels=options.labels,
            run=options.run,
            outputs=options.outputs,
            judges=tuple(options.judge or ()),
            rubric=options.rubric,
            providers=options.providers,
            results=options.results,
            budget_usd=options.budget_usd,
            epsilon=options.epsilon,
            card=options.output,
            limit=options.limit,
            command=hide_keys(shlex.join(["evalkit", *sys.argv[1:]])),
        ),
        confirm=Confirmation(assume_yes=options.yes),
        progress=TqdmLine(),
    )
    paths = [str(path) for path in checked.paths]
    if options.json:
        print_json({**checked.card, "path": paths[-1] if paths else None, "state": checked.state})
    else:
        print(judge_table(checked.card, style_of(sys.stdout)))
        for path in paths:
            print(printable(f"card: {path}"))
        print(printable(f"run: {checked.run}"))
    _check_notes(options, checked)
    if checked.state == "interrupted":
        return EXIT_INTERRUPTED
    found = any(figures["n"] for figures in checked.card["criteria"].values())
    return EXIT_DONE if found and checked.state == "complete" else EXIT_INCOMPLETE


def _check_notes(options: argparse.Namespace, checked: CheckedJudge) -> None:
    """Say what is in no figure, why no card was written, and how to go on."""
    from evalkit.cli.output import note, printable

    for arm, count in checked.unmatched.items():
        why = "left out by --limit" if options.limit else "that were not judged here"
        note(f"warning: {count} labels of {arm!r} are about outputs {why}")
    if checked.kept and not checked.paths:
        note(f"no card: {checked.kept}")
    elif checked.kept and options.output is None:
        note(f"no card in the suite's folder: {checked.kept}")
    if checked.state != "complete" and options.run is None:
        again = f"evalkit judge check {options.suite} --labels {options.labels} --run {checked.run}"
        resume = f"evalkit resume {checked.run}"
        if options.budget_usd is not None:
            resume += " --budget-usd MORE"
        reason = f"{checked.state}: {checked.reason}" if checked.reason else checked.state
        note(printable(f"{reason}; go on with: {resume}, then {again}"))


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to below 1, got {text!r}")
    return value
