"""The gate for GitHub Actions: annotations of the change, the step's summary, its outputs.

The runner obeys what a step prints, so text of models and names of samples are a channel for
commands; here they are escaped as the runner unescapes them, and kept from beginning a line. It
does not print.

Source: actions/toolkit, packages/core/src/command.ts; actions/runner,
src/Runner.Common/ActionCommand.cs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from evalkit.report.gate_markdown import gate_markdown
from evalkit.report.gate_values import (
    Document,
    headline,
    regression,
    shown,
    told,
    trusted,
    without_commands,
    word,
)

MOST_ANNOTATIONS = 10
SUMMARY_BYTES = 1 << 20
_MOST_OUTPUT = 1000
_TOKEN = re.compile(r"[0-9A-Za-z_-]{16,}")
Level = Literal["error", "warning", "notice"]


def github_annotations(document: Document) -> list[str]:
    """Return workflow commands, at most ten, worst first.

    What makes the verdict worthless, then rules that fail, then open ones (an error, or a warning
    where the policy says so), then critical samples that regressed. A gate that passes is a notice.
    """
    open_: Level = "warning" if document["policy"]["on_inconclusive"] == "warn" else "error"
    file = document["policy"]["file"]
    found = [*_doubts(document), *_rules(document, "fail", "error")]
    found += _rules(document, "inconclusive", open_)
    if document["verdict"] == "pass":
        found.append(("notice", "gate: PASS", headline(document)))
    elif not found:
        found.append((open_, f"gate: {word(document['verdict'])}", headline(document)))
    found += _critical(document)
    if len(found) > MOST_ANNOTATIONS:
        more = len(found) - MOST_ANNOTATIONS + 1
        kept = found[: MOST_ANNOTATIONS - 1]
        found = [*kept, (kept[-1][0], "gate", f"and {more} more: see the summary of this step")]
    return [_command(level_, title, message, file) for level_, title, message in found]


def _doubts(document: Document) -> list[tuple[Level, str, str]]:
    if document["comparable"] and trusted(document):
        return []
    lines = [headline(document), *(shown(line, 600) for line in document["differences"][:10])]
    return [("error", f"gate: {word(document['verdict'])}", "\n".join(lines))]


def _rules(document: Document, verdict: str, level_: Level) -> list[tuple[Level, str, str]]:
    said = []
    for rule in document["rules"]:
        if rule["verdict"] == verdict:
            title = f"gate: {word(verdict)}: {shown(rule['suite'])}: {shown(rule['name'])}"
            lines = [shown(rule["reason"], 600), told(rule, document)]
            said.append((level_, title, "\n".join(lines)))
    return said


def _critical(document: Document) -> list[tuple[Level, str, str]]:
    level_: Level = "notice" if document["verdict"] == "pass" else "warning"
    return [
        (level_, f"critical sample regressed: {shown(row['suite'])}", ": ".join(regression(row)))
        for row in document["regressions"]
        if row["critical"]
    ]


def _command(level_: Level, title: str, message: str, file: str | None) -> str:
    """Return one workflow command; whatever its texts hold, it stays one, on one line."""
    properties = {"title": shown(title, 200)} | ({"file": shown(file)} if file else {})
    written = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{level_} {written}::{_data(message)}"


def _data(text: str) -> str:
    safe = "\n".join(shown(line, 1000) for line in text.split("\n"))
    return safe.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def guarded(text: str, token: str) -> str:
    """Return text between commands that tell the runner to obey nothing in between.

    Args:
        text: Whatever must be printed in CI.
        token: A fresh random word, as of `secrets.token_hex(16)`: who knew it could end the guard.

    Raises:
        ValueError: If the token can be guessed or stands in the text.
    """
    if not _TOKEN.fullmatch(token):
        raise ValueError(
            f"a token needs 16 or more letters and digits, got {len(token)} characters"
        )
    if token.lower() in text.lower():
        raise ValueError("the token stands in the text; draw another")
    end = "" if text.endswith("\n") else "\n"
    return f"::stop-commands::{token}\n{text}{end}::{token}::"


def write_github(document: Document, environ: Mapping[str, str]) -> list[Path]:
    """Append the gate to the step's summary and outputs, where the environment names their files.

    A summary of more than 1 MiB is refused by GitHub as a whole: what is in it already counts.

    Returns:
        The files that were written.

    Raises:
        OSError: If a file cannot be written.
    """
    written = []
    summary, output = (environ.get(name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"))
    if summary:
        place = Path(summary)
        room = SUMMARY_BYTES - _size(place) - 2
        if room > 0:
            _append(place, gate_markdown(document, room))
            written.append(place)
    if output:
        place = Path(output)
        _append(place, "".join(_outputs(document)))
        written.append(place)
    return written


def _outputs(document: Document) -> Sequence[str]:
    """Return the step's outputs, `name=value`, a line each."""
    sentence = without_commands(shown(headline(document), _MOST_OUTPUT))
    return [f"verdict={shown(document['verdict'])}\n", f"sentence={sentence}\n"]


def _size(place: Path) -> int:
    return place.stat().st_size if place.exists() else 0


def _append(place: Path, text: str) -> None:
    """Append lines; one that stands open at the end of the file is closed first."""
    with place.open("ab+") as file:
        if file.tell():
            file.seek(-1, 2)
            text = text if file.read(1) == b"\n" else "\n" + text
        file.write(text.encode("utf-8", "replace"))
