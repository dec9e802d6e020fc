"""`evalkit COMMAND`: finds the command's module, runs it, turns errors into exit codes.

Only the module of the command that was asked for is imported, so `--help` is quick.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

EXIT_DONE = 0
EXIT_GATE_FAILED = 1
EXIT_USAGE = 2
EXIT_INCONCLUSIVE = 3
EXIT_INCOMPLETE = 4
EXIT_INTERRUPTED = 130


class Command(NamedTuple):
    """One command: the module that holds `add_arguments` and `run`, and its line of help."""

    module: str
    help: str


class Parser(argparse.ArgumentParser):
    """An argument parser that says what is wrong in one line, and repeats no key."""

    def error(self, message: str) -> NoReturn:
        """Print the line and stop."""
        from evalkit.cli.output import printable
        from evalkit.core.keys import hide_keys

        said = printable(hide_keys(message))
        self.exit(EXIT_USAGE, f"{self.prog}: {said}; see {self.prog} --help\n")


COMMANDS: dict[str, Command] = {
    "run": Command("evalkit.cli.run", "run suites on models and print the table"),
    "resume": Command("evalkit.cli.resume", "go on after a crash, an interruption or an outage"),
    "regrade": Command("evalkit.cli.regrade", "grade stored outputs anew, with no model call"),
    "judge": Command("evalkit.cli.judge", "a judge against people's labels, or between two models"),
    "compare": Command("evalkit.cli.compare", "arms against each other, paired by sample"),
    "gate": Command("evalkit.cli.gate", "may the candidate take the baseline's place?"),
    "baseline": Command("evalkit.cli.baseline", "accept a run as what later ones are held against"),
    "drift": Command("evalkit.cli.drift", "has a model changed? its runs over time"),
    "report": Command("evalkit.cli.report", "one HTML page that a stakeholder reads"),
    "decide": Command("evalkit.cli.decide", "buy, host, self-host or no model: what follows"),
    "breakeven": Command("evalkit.cli.breakeven", "from which volume on self-hosting is cheaper"),
    "route": Command("evalkit.cli.route", "which model for which task, from a run's samples"),
    "prices": Command("evalkit.cli.prices", "what a model costs, since when, from where"),
    "reprice": Command("evalkit.cli.reprice", "a run's cost at the prices of another day"),
    "audit": Command(
        "evalkit.cli.audit", "the evidence of a run, its journal held against its hash"
    ),
    "view": Command("evalkit.cli.view", "serve the reports of a folder of runs to this machine"),
    "merge": Command("evalkit.cli.merge", "join the shards of one run"),
    "show": Command("evalkit.cli.show", "print the table of a run again"),
    "tables": Command("evalkit.cli.tables", "write a run's trials, attempts and scores as Parquet"),
    "chart": Command("evalkit.cli.chart", "draw quality against cost or latency (PNG and SVG)"),
    "export": Command("evalkit.cli.export", "write a run's answers as a recording"),
    "models": Command("evalkit.cli.models", "list models and what they lack; pull weights"),
    "suites": Command("evalkit.cli.suites", "list the suites below a folder"),
    "runs": Command("evalkit.cli.runs", "list the runs of a results folder"),
    "check": Command("evalkit.cli.check", "validate suites and providers; send nothing"),
    "new": Command("evalkit.cli.new", "scaffold a suite, or choose canaries from runs"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments without the program's name; those of the process by default.

    Returns:
        The exit code: 0 done, 1 gate failed, 2 wrong usage, 3 inconclusive, 4 incomplete,
        130 interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    _replace_closed_streams()
    if arguments[:1] in ([], ["-h"], ["--help"], ["help"]):
        print(_overview())
        return EXIT_DONE if arguments else EXIT_USAGE
    if arguments[0] in ("-V", "--version", "version"):
        import evalkit

        print(f"evalkit {evalkit.__version__}")
        return EXIT_DONE
    command = COMMANDS.get(arguments[0])
    if command is None:
        print(_unknown(arguments[0]), file=sys.stderr)
        return EXIT_USAGE
    return _run(arguments[0], command, arguments[1:])


def _run(name: str, command: Command, arguments: list[str]) -> int:
    module = importlib.import_module(command.module)
    parser = Parser(
        prog=f"evalkit {name}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Unicode still gets its table
    try:
        options = parser.parse_args(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    from evalkit.cli.output import note
    from evalkit.core.errors import EvalkitError

    try:
        code = int(module.run(options))
        sys.stdout.flush()
    except EvalkitError as error:
        note(str(error))
        return EXIT_USAGE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    except OSError as error:
        note(f"{error.filename or f'evalkit {name}'}: {error.strerror or error}")
        return EXIT_INCOMPLETE if name in ("run", "resume") else EXIT_USAGE
    except KeyboardInterrupt:
        note("interrupted")
        return EXIT_INTERRUPTED
    return code


def _replace_closed_streams() -> None:
    """Let output go nowhere where the shell has closed it (`>&-`): Python then has no stream."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.help}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: evalkit COMMAND [OPTIONS]",
            "",
            "Find out on your own tasks whether an open-weight model can replace or join a",
            "commercial API: quality, malformed output, latency, cost.",
            "",
            "commands:",
            *lines,
            "",
            "example: evalkit run suites/extraction --limit 20",
            "`evalkit COMMAND --help` shows a command's options. No telemetry.",
        ]
    )


def _unknown(name: str) -> str:
    from difflib import get_close_matches

    from evalkit.core.keys import hide_keys

    near = get_close_matches(name, COMMANDS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "known: " + ", ".join(COMMANDS)
    return f"evalkit: unknown command {hide_keys(name)!r}; {hint}"
