"""The gate in Markdown, for GitHub's step summaries and comments of merge requests.

Verdict first, then what fails. It holds no text of a model, and never more bytes than allowed.
Names cannot open a cell, a link, an image, HTML or code, and mention neither people nor issues. It
does not write files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from evalkit.report.gate_values import (
    Document,
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
    unanswered,
    word,
    worst_first,
)
from evalkit.report.markdown import escaped, table
from evalkit.report.values import MISSING, share

LIMIT_BYTES = 1_000_000
_MARKS = {"pass": "✅", "fail": "❌", "inconclusive": "⚠️"}
_JOINER = "\u2060"  # word joiner: takes no room, and ends what looks like a name
_REFERENCE = re.compile(
    r"""(@|\#|!|%|\\~|\\\$|\^|&amp;)(?=\\?[\w."'])|:(?=//)|\bGH-(?=\d)|\bwww(?=\.)""", re.IGNORECASE
)
_TICKS = re.compile(r"`+")


class Section(NamedTuple):
    """A part of the page; rows at its end may be left out.

    Attributes:
        head: Lines that stand before the rows.
        rows: A line each, the ones that matter most first.
        what: What a row is, for the line that says how many are left out.
    """

    head: tuple[str, ...]
    rows: tuple[str, ...]
    what: str

    def text(self, kept: int | None = None) -> str:
        """Return the section with its first rows, or all; empty where it has none."""
        if not self.rows:
            return ""
        rows = self.rows if kept is None else self.rows[:kept]
        lost = len(self.rows) - len(rows)
        told = [f"\n{lost} {self.what} left out: there was no room; `--json` has them."]
        return "\n".join([*(self.head if rows else ()), *rows, *(told if lost else ())])


def gate_markdown(document: Document, limit_bytes: int = LIMIT_BYTES) -> str:
    """Return the gate's verdict with its rules, its evidence and what regressed.

    Args:
        document: The document of `evalkit gate --json`.
        limit_bytes: The most that it may take in UTF-8. Regressed samples are left out first,
            then caveats, evidence, reasons and rules; each time the page says how many.
    """
    mark = _MARKS.get(document["verdict"], "⚠️")
    verdict = word(document["verdict"])
    said = headline(document).removeprefix(f"{verdict}: ")
    head = f"## {mark} Gate: {verdict}\n\n{mark} {inert(said, 1000)}\n"
    sections = [
        _rules(document),
        _reasons(document),
        _evidence(document),
        _caveats(document),
        _regressions(document),
        _about(document),
    ]
    text = _fitted(head, sections, limit_bytes)
    return text.encode()[:limit_bytes].decode("utf-8", "ignore")


def _fitted(head: str, sections: Sequence[Section], limit: int) -> str:
    """Return as much as there is room for; what stands last is left out first."""
    texts = [section.text() for section in sections]
    for index in (4, 3, 5, 2, 1, 0):
        over = len(_joined(head, texts).encode()) - limit
        if over <= 0:
            break
        texts[index] = _shortened(sections[index], over)
    return _joined(head, texts)


def _joined(head: str, texts: Sequence[str]) -> str:
    return "\n".join([head, *(f"{text}\n" for text in texts if text)])


def _shortened(section: Section, over: int) -> str:
    """Leave out so many rows at the end that at least `over` bytes are saved, if they can be."""
    room = len(section.text().encode()) - over - len(section.text(0).encode())
    kept, used = 0, len("\n".join(section.head).encode()) + 1
    for row in section.rows:
        used += len(row.encode()) + 1
        if used > room:
            break
        kept += 1
    return section.text(kept)


def inert(text: object, most: int = 300) -> str:
    """Return text that Markdown shows as it is, and that refers to nobody and nothing.

    Mentions and references are found in the rendered page, where an entity is a plain character
    again; so a word joiner ends them.

    Example:
        >>> inert("@all: see https://x.y #1").replace("\u2060", "~")
        '@~all: see https:~//x.y #~1'
    """
    return _REFERENCE.sub(lambda found: found[0] + _JOINER, escaped(shown(text, most)))


def code(text: object, most: int = 120) -> str:
    r"""Return text as code in a cell of a table: it can be copied, and nothing in it acts.

    Example:
        >>> print(code("a|b"), code("a`b"))
        `a\|b` ``a`b``
    """
    safe = shown(text, most)
    if not safe.strip(" "):
        return "(blank)"
    ticks = "`" * (1 + max((len(run) for run in _TICKS.findall(safe)), default=0))
    pad = " " if safe[0] in "` " or safe[-1] in "` " else ""
    return f"{ticks}{pad}{safe.replace('|', chr(92) + '|')}{pad}{ticks}"


def _section(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], what: str) -> Section:
    """Return a section that is a table; its cells are escaped already."""
    top, *lines = table(head, rows, left=_words(head)).split("\n")
    titled = (f"### {title}", "") if title else ()
    return Section((*titled, top, lines[0]), tuple(lines[1:]), what)


def _words(head: Sequence[str]) -> int:
    """Return how many columns at the left hold words."""
    return sum(name in _WORDS for name in head)


_WORDS = ("rule", "suite", "verdict", "why", "arm", "what", "sample", "", "from")


def _rules(document: Document) -> Section:
    several = len({rule["suite"] for rule in document["rules"]}) > 1
    rules = worst_first(document["rules"])
    head = ["rule", "verdict", "estimate", escaped(level(document)), "limit", "n", "needed",
            "baseline", "candidate"]  # fmt: skip
    rows = [_rule(rule) for rule in rules]
    if several:
        head = ["suite", *head]
        rows = [[code(rule["suite"]), *row] for rule, row in zip(rules, rows, strict=True)]
    return _section("Rules", head, rows, "rules")


def _rule(rule: Rule) -> list[str]:
    found = figures(rule)
    verdict = f"{_MARKS.get(rule['verdict'], '⚠️')} {word(rule['verdict'])}"
    cells = [found.estimate, found.interval, found.limit, str(rule["n"]), needed(rule)]
    own = [found.baseline, found.candidate]
    return [code(rule["name"], 200), verdict, *map(inert, cells), *map(inert, own)]


def _reasons(document: Document) -> Section:
    rows = [[code(name, 200), inert(reason, 700)] for name, reason in reasons(document)]
    rows += [["", inert(key(document))]] if document["rules"] else []
    return _section("Why", ["rule", "why"], rows, "reasons")


def _evidence(document: Document) -> Section:
    head = ["", "arm", "suite", "asked", "no answer", "share", "budget", "scored"]
    return _section("Evidence", head, [_asked(r) for r in document["evidence"]], "arms")


def _asked(row: Mapping[str, Any]) -> list[str]:
    return [
        escaped(row["role"]),
        code(row["arm"]),
        code(row["suite"]),
        str(row["n_asked"]),
        unanswered(row),
        share(row["share"]),
        f"{'✅ ≤' if row['within'] else '❌ >'} {share(row['budget'])}",
        str(row["n_scored"]),
    ]


def _caveats(document: Document) -> Section:
    rows = [[inert(head), inert(line, 700)] for head, lines in caveats(document) for line in lines]
    return _section("Also to know", ["", "what"], rows, "lines")


def _regressions(document: Document) -> Section:
    rows = []
    for row in document["regressions"]:
        name, change = regression(row)
        rows.append([code(row["suite"]), code(name, 300), inert(change)])
    title = "Samples that lost most in quality"
    return _section(title, ["suite", "sample", "baseline → candidate"], rows, "samples")


def _about(document: Document) -> Section:
    rows = [[inert(head), code(name), MISSING if place is None else code(place)]
            for head, name, place in about(document)]  # fmt: skip
    return _section("Compared", ["", "what", "from"], rows, "lines")
