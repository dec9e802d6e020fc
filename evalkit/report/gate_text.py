"""What `evalkit gate` prints: the verdict, a line a rule, why rules do not hold, the evidence.

No line that it returns is a workflow command to GitHub's runner, whatever arms and samples are
called. It does not know how the verdict came about, and prints nothing itself.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.report.gate_markdown import gate_markdown
from evalkit.report.gate_values import (
    Document,
    Figures,
    Rule,
    about,
    caveats,
    figures,
    headline,
    key,
    level,
    needed,
    reasons,
    regression,
    shown,
    told,
    unanswered,
    without_commands,
    word,
)
from evalkit.report.grid import grid
from evalkit.report.terminal import Style, ascii_of
from evalkit.report.values import MISSING, share

MOST_REGRESSIONS = 5
_MARKS = {"pass": "✓", "fail": "✗", "inconclusive": "?"}
_COLOURS = {"PASS": "32", "FAIL": "31", "INCONCLUSIVE": "33"}
_PLAIN = str.maketrans({"✓": "+", "✗": "!", "≥": ">=", "≤": "<=", "→": "->"})
_BOUND = "\u00a0→\u00a0"
_VERDICT = re.compile(r"[✓✗+!?] (PASS|FAIL|INCONCLUSIVE)\b")


def gate_table(document: Document, style: Style) -> str:
    """Return the gate's verdict with its rules and what speaks against trusting them.

    Args:
        document: The document of `evalkit gate --json`.
        style: How it may look.

    Returns:
        Lines without a newline at the end.
    """
    parts = [
        _filled(f"{_MARKS.get(document['verdict'], '?')} {headline(document)}", style),
        _about(document, style),
        *(_rules(document, suite, style) for suite in _suites(document)),
        _filled(key(document), style) if document["rules"] else "",
        _reasons(document, style),
        _evidence(document, style),
        _caveats(document, style),
        _regressions(document, style),
    ]
    text = without_commands("\n\n".join(part for part in parts if part))
    if not style.unicode:
        text = ascii_of(text.translate(_PLAIN))
    return _coloured(text) if style.colour else text


def _about(document: Document, style: Style) -> str:
    lines = [
        f"{head:<9}  {name}" + ("" if place is None else f"  ({place})")
        for head, name, place in about(document)
    ]
    return "\n".join(_filled(line, style) for line in lines)


def _suites(document: Document) -> list[str]:
    return list(dict.fromkeys(rule["suite"] for rule in document["rules"]))


def _rules(document: Document, suite: str, style: Style) -> str:
    """Return one suite's rules: a table, and where it is too wide for that, two lines a rule."""
    rules = [rule for rule in document["rules"] if rule["suite"] == suite]
    found = [figures(rule) for rule in rules]
    columns = [
        ("verdict", list(map(_verdict, rules))),
        ("estimate", [f.estimate for f in found]),
        (level(document), [f.interval for f in found]),
        ("limit", [f.limit for f in found]),
        ("n", [str(rule["n"]) for rule in rules]),
        *_spare(rules, found),
    ]
    names = [shown(rule["name"]) for rule in rules]
    text = _grid(shown(suite), names, columns, style)
    fits = text.count("\n") == len(rules) + 1
    return text if fits else _stacked(rules, style)


def _spare(rules: Sequence[Rule], found: Sequence[Figures]) -> list[tuple[str, list[str]]]:
    """Return the columns that are left out where they say nothing."""
    spare = [
        ("needed", [needed(rule) for rule in rules]),
        ("baseline", [f.baseline for f in found]),
        ("candidate", [f.candidate for f in found]),
    ]
    return [(head, cells) for head, cells in spare if set(cells) != {MISSING}]


def _stacked(rules: Sequence[Rule], style: Style) -> str:
    most = max(len(_verdict(rule)) for rule in rules) + 2
    lines = [shown(rules[0]["suite"])]
    for rule in rules:
        lines.append(_filled(f"{_verdict(rule):<{most}}{shown(rule['name'])}", style, most))
        lines.append(_filled(" " * most + told(rule), style, most))
    return "\n".join(lines)


def _verdict(rule: Rule) -> str:
    return f"{_MARKS.get(rule['verdict'], '?')} {word(rule['verdict'])}"


def _grid(
    title: str, names: Sequence[str], columns: Sequence[tuple[str, Sequence[str]]], style: Style
) -> str:
    """Return a table whose words are set left, its figures right, in characters of the style."""

    def plain(text: str) -> str:
        return text if style.unicode else text.translate(_PLAIN)

    ready = []
    for head, cells in columns:
        texts = [plain(cell) for cell in cells]
        if head == "verdict":
            most = max(map(len, (head, *texts)))
            head, texts = head.ljust(most), [text.ljust(most) for text in texts]
        ready.append((head, texts))
    return grid(title, names, ready, style)


def _reasons(document: Document, style: Style) -> str:
    found = [_filled(f"{name}: {reason}", style) for name, reason in reasons(document)]
    return "\n".join(["why:", *found]) if found else ""


def _evidence(document: Document, style: Style) -> str:
    """Return how many trials of each arm were asked, answered and scored."""
    rows: Sequence[Mapping[str, Any]] = document["evidence"]
    if not rows:
        return ""
    several = len(document["suites"]) > 1
    names = [row["role"] + (f" on {shown(row['suite'])}" if several else "") for row in rows]
    columns = [
        ("asked", [str(row["n_asked"]) for row in rows]),
        ("no answer", [unanswered(row) for row in rows]),
        ("share", [share(row["share"]) for row in rows]),
        ("budget", [f"{'✓ ≤' if row['within'] else '✗ >'} {share(row['budget'])}" for row in rows]),
        ("scored", [str(row["n_scored"]) for row in rows]),
    ]
    return _grid("evidence", names, columns, style)


def _caveats(document: Document, style: Style) -> str:
    return "\n".join(
        _filled(f"{head}: {line}", style) for head, lines in caveats(document) for line in lines
    )


def _regressions(document: Document, style: Style) -> str:
    """Return the samples on which the candidate lost most, by id and score."""
    rows = document["regressions"]
    if not rows:
        return ""
    several = len(document["suites"]) > 1
    worst = rows[:MOST_REGRESSIONS]
    lines = []
    for row in worst:
        name, change = regression(row)
        suite = f"{shown(row['suite'])}: " if several else ""
        lines.append(_filled(f"{suite}{name}  {change}", style))
    more = len(rows) - len(worst)
    lines += [_filled(f"and {more} more, in the Markdown and in --json", style)] if more else []
    return "\n".join(["lost most in quality:", *lines])


def _filled(text: str, style: Style, indent: int = 2) -> str:
    """Wrap a text, but not at an arrow: what it was and what it is stay together."""
    bound = text.replace(" → ", _BOUND)
    filled = textwrap.fill(
        bound, style.width, subsequent_indent=" " * indent, break_on_hyphens=False
    )
    return filled.replace(_BOUND, " → ")


def _coloured(text: str) -> str:
    """Tint the verdicts; their words and marks say the same without."""
    return _VERDICT.sub(lambda m: f"\x1b[{_COLOURS[m[1]]}m{m[0]}\x1b[0m", text)


__all__ = ["gate_markdown", "gate_table"]
