"""The `evalkit` commands of a script as a shell would split them, and the commands' own parsers."""

from __future__ import annotations

import argparse
import importlib
import shlex
from collections.abc import Iterator

from evalkit.cli.main import COMMANDS, Parser

_ENDS = set("<>|&;()")
_BEFORE = ("do", "then", "else", "{", "if", "!")


def commands_in(script: str) -> Iterator[list[str]]:
    """Yield the arguments of every `evalkit ...` in a script, without redirections."""
    for line in script.replace("\\\n", " ").split("\n"):
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        own: list[str] | None = None
        before = ""
        for token in [*words, ";"]:
            if set(token) <= _ENDS:
                if own is not None:
                    yield own
                own = None
            elif own is not None:
                own.append(token)
            elif token == "evalkit" and (set(before) <= _ENDS or before in _BEFORE):
                own = []
            before = token


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Return what a command makes of its arguments; a wrong one ends in `SystemExit`."""
    name, *rest = arguments
    parser = Parser(prog=f"evalkit {name}", allow_abbrev=False)
    importlib.import_module(COMMANDS[name].module).add_arguments(parser)
    return parser.parse_args(rest)
