"""The table that `evalkit run` prints: one line for each suite and arm, as wide as it may be.

Too wide a table is cut into blocks that repeat the arm's name. It prints nothing itself: text
out, width and colour in.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TextIO

from evalkit.report.values import (
    MISSING,
    Row,
    arm_name,
    clean,
    duration,
    interval,
    money,
    per_success,
    per_thousand,
    quantile,
    share,
    unpriced,
    value_of,
    weights_of,
    width,
)

_ASCII = {"│": "|", "─": "-", "┼": "+", "↑": "^", "↓": "v", "\ufffd": "?", "×": "x", "…": "..."}
_GAP = 2
_NARROWEST = 40
_MODE = re.compile(r"@(prompt|json_object|json_schema)( \(recorded\))?$")


class Style(NamedTuple):
    """How the table may look.

    Attributes:
        width: Columns of the terminal.
        colour: ANSI colours are allowed.
        unicode: Characters beyond ASCII are allowed.
    """

    width: int = 120
    colour: bool = False
    unicode: bool = True


class Column(NamedTuple):
    """One column: its head, its cell, how it is set, and with which others it stays together."""

    head: str
    cell: Callable[[Row], str]
    left: bool = False
    tint: str = ""
    group: int = 0


COLUMNS = (
    Column("mode", lambda r: clean(r["structured_mode"] or MISSING), left=True),
    Column("weights", weights_of, left=True),
    Column("asked", lambda r: str(r["n_asked"])),
    Column("answered", lambda r: str(r["n_answered"])),
    Column("err", lambda r: str(r["n_error"])),
    Column("skip", lambda r: str(r["n_skipped"])),
    Column("quality ↑ [95%]", lambda r: interval(r["quality"]), tint="1"),
    Column("pass ↑", lambda r: share(value_of(r["pass_rate"]))),
    Column("malf. ↓", lambda r: share(value_of(r["malformed_rate"]))),
    Column("usable ↑", lambda r: share(value_of(r["usable_rate"]))),
    Column("refused", lambda r: share(value_of(r["refusal_rate"]))),
    Column("p50 ↓", lambda r: duration(quantile(r, "latency_ms", "p50")), group=1),
    Column("p95 ↓", lambda r: duration(quantile(r, "latency_ms", "p95")), group=1),
    Column("TTFT ↓", lambda r: duration(quantile(r, "ttft_ms", "p50")), group=1),
    Column("tries", lambda r: _number(r["attempts_per_trial"]), group=1),
    Column("$/1000 ↓", per_thousand, group=1),
    Column("$/success ↓", per_success, group=1),
)


def style_of(stream: TextIO, environ: Mapping[str, str] = os.environ) -> Style:
    """Return what a stream allows: NO_COLOR, its encoding and the terminal's width are heeded."""
    terminal = stream.isatty()
    colour = terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    encoding = (getattr(stream, "encoding", None) or "ascii").lower()
    width = 140
    if terminal:
        import shutil

        width = shutil.get_terminal_size((120, 24)).columns
    return Style(max(width, _NARROWEST), colour, encoding.startswith("utf"))


def summary_table(rows: Sequence[Row], style: Style) -> str:
    """Return the table of a summary's rows.

    Args:
        rows: Rows of summary.json.
        style: How it may look.

    Returns:
        Lines without a newline at the end; a sentence where there are no rows.
    """
    if not rows:
        return "no trial was made"
    lines: list[str] = []
    for suite in dict.fromkeys(row["suite"] for row in rows):
        own = [row for row in rows if row["suite"] == suite]
        lines += ["", *_suite_lines(clean(suite), own, style)]
    lines += ["", *(_wrapped(note, style.width) for note in notes(rows))]
    text = "\n".join(line for part in lines[1:] for line in part.split("\n")).rstrip()
    return text if style.unicode else ascii_of(text)


def _suite_lines(suite: str, rows: Sequence[Row], style: Style) -> list[str]:
    names = [arm_name(row) for row in rows]
    name_width = _name_width([suite, *names], style)
    cells = [[column.cell(row) for row in rows] for column in COLUMNS]
    used = [
        index
        for index, column in enumerate(COLUMNS)
        if column.head != "skip" or set(cells[index]) - {"0"}
    ]
    widths = {i: max(len(COLUMNS[i].head), *map(len, cells[i])) for i in used}
    lines: list[str] = []
    for block in _blocks(used, widths, style.width - name_width):
        lines += [""] if lines else []
        lines.append(_line(suite, name_width, [(COLUMNS[i].head, i) for i in block], widths, None))
        lines.append("─" * min(style.width, len(lines[-1])))
        for row_index, name in enumerate(names):
            texts = [(cells[i][row_index], i) for i in block]
            lines.append(_line(name, name_width, texts, widths, style if style.colour else None))
    lines += _rung_lines(rows, name_width) + _policy_lines(rows, name_width, style)
    lines += _metric_lines(rows, name_width, style)
    return lines + _judge_lines(rows, name_width, style)


def rungs(row: Row) -> str:
    """Return the share of each rung among the answered trials, the largest first."""
    total = sum(row["rungs"].values())
    ordered = sorted(row["rungs"].items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{clean(rung)} {share(count / total)}" for rung, count in ordered)


def _rung_lines(rows: Sequence[Row], name_width: int) -> list[str]:
    """Say on which rungs the outputs stand, where any is not `valid`."""
    odd = [row for row in rows if set(row["rungs"]) - {"valid"}]
    if not odd:
        return []
    said = [f"{shortened(arm_name(r), name_width):<{name_width}}  {rungs(r)}" for r in odd]
    return ["", f"{'outputs':<{name_width}}  share of each rung", *said]


def _policy_lines(rows: Sequence[Row], name_width: int, style: Style) -> list[str]:
    """Say who answered for a policy, and what it had promised."""
    told = [(arm_name(row), policy_of(row)) for row in rows if row.get("policy")]
    return _told_lines("policy", "who answered", told, name_width, style)


def _told_lines(
    title: str, head: str, told: Sequence[tuple[str, str]], name_width: int, style: Style
) -> list[str]:
    """Return a sentence for each arm, wrapped beside its name; nothing where there is none."""
    if not told:
        return []
    room = max(_NARROWEST, style.width - name_width - _GAP)
    said = []
    for arm, text in told:
        name = f"{shortened(arm, name_width):<{name_width}}"
        for line in _wrapped(text, room).split("\n"):
            said.append(f"{name}  {line}")
            name = " " * name_width
    return ["", f"{title:<{name_width}}  {head}", *said]


def policy_of(row: Row) -> str:
    """Return who answered for a policy, how often it went on, and what it had promised."""
    own = row["policy"]
    total = sum(own["answered_by"].values())
    parts = [
        f"{clean(arm)} {share(count / total if total else None)}"
        for arm, count in own["answered_by"].items()
    ]
    parts.append(f"went on {share(value_of(own['escalation_rate']))}")
    promised = own["promised"]
    if promised is not None:
        parts.append(
            f"promised: quality {interval(promised['quality'])}, "
            f"{money(promised['cost_per_1000_usd'])} a thousand, going on "
            f"{share(promised['escalation_rate'])}"
        )
    return "; ".join(parts)


def _judge_lines(rows: Sequence[Row], name_width: int, style: Style) -> list[str]:
    """Say who judged, what was lost, and how the judge agreed with itself."""
    told = [(arm_name(row), judging(row)) for row in rows if row.get("judge")]
    return _told_lines("judged", "by whom", told, name_width, style)


def judging(row: Row) -> str:
    """Return who judged an arm's answers, what was lost, and what it cost beside the model."""
    judge = row["judge"]
    parts = [", ".join(map(clean, judge["judges"])) or "nobody", f"{judge['n_judged']} outputs"]
    if judge["n_judge_error"]:
        parts.append(f"{judge['n_judge_error']} judge_error{_most_common(judge['failures'])}")
    for name, text in (
        ("retest_agreement", "agrees with itself"),
        ("panel_agreement", "panel agrees"),
        ("quotes_found", "quotes found"),
    ):
        if judge[name] is not None:
            parts.append(f"{text} {share(judge[name])}")
    cost = row["judge_cost_usd"]
    if cost or (cost is None and judge["votes"] > judge["vote_errors"]):
        earlier = ", ".join(map(clean, judge["earlier"]))
        parts.append(f"cost {money(cost)}" + (f", that of {earlier} included" if earlier else ""))
    parts += [f"kin: {clean(name)} ({clean(why)})" for name, why in judge["kin"].items()]
    return "; ".join(parts)


def _most_common(failures: Mapping[str, int]) -> str:
    if not failures:
        return ""
    reason = min(failures.items(), key=lambda item: (-item[1], item[0]))[0]
    return f" ({clean(reason.removeprefix('judge_error: '))})"


def metrics(rows: Sequence[Row]) -> list[tuple[Row, str, Mapping[str, Any]]]:
    """Return the graders' further metrics: row, name and figure of each, row by row."""
    return [(row, name, f) for row in rows for name, f in row.get("metrics", {}).items()]


def _metric_lines(rows: Sequence[Row], name_width: int, style: Style) -> list[str]:
    """Say what graders tell beside their scores; where it is narrow, each arm has its own line."""
    told = metrics(rows)
    if not told:
        return []
    most = max(width(clean(name)) for _, name, _ in told)
    values = max(len("value [95%]"), *(len(interval(figure)) for _, _, figure in told))
    digits = max(len(str(figure["n"])) for _, _, figure in told)
    room = style.width - values - digits - 2 * _GAP
    beside = room - name_width - _GAP >= most
    names = name_width if beside else 0
    metric = min(most, max(8, room - names - _GAP))
    gap = " " * _GAP

    def line(name: str, what: str, value: str, n: str) -> str:
        first = f"{shortened(name, names):<{names}}" if beside else ""
        shown = f"{shortened(what, metric):<{metric}}"
        return gap.join([first, shown, f"{value:>{values}}", f"{n:>{digits}}"]).rstrip()

    lines = ["", line("metrics", "", "value [95%]", "n") if beside else "metrics"]
    last = None
    for row, name, figure in told:
        if not beside and row is not last:
            lines.append(shortened(arm_name(row), style.width))
            last = row
        lines.append(line(arm_name(row), clean(name), interval(figure), str(figure["n"])))
    return lines


def _blocks(used: Sequence[int], widths: Mapping[int, int], room: int) -> list[list[int]]:
    """Split the columns so that each block fits beside the names, groups kept whole if they can."""
    if sum(widths[index] + _GAP for index in used) <= room:
        return [list(used)]
    blocks: list[list[int]] = []
    left = group = -1
    for index in used:
        need = widths[index] + _GAP
        if need > left or COLUMNS[index].group != group:
            blocks.append([])
            left, group = room, COLUMNS[index].group
        blocks[-1].append(index)
        left -= need
    return blocks


def _line(
    name: str,
    name_width: int,
    cells: Sequence[tuple[str, int]],
    widths: Mapping[int, int],
    style: Style | None,
) -> str:
    shown = shortened(name, name_width)
    parts = [shown + " " * (name_width - width(shown))]
    for text, index in cells:
        column = COLUMNS[index]
        padded = text.ljust(widths[index]) if column.left else text.rjust(widths[index])
        tinted = style is not None and column.tint and text != MISSING
        parts.append(f"\x1b[{column.tint}m{padded}\x1b[0m" if tinted else padded)
    return (" " * _GAP).join(parts).rstrip()


def _name_width(names: Sequence[str], style: Style) -> int:
    """Return the width of the column of names: narrow, but no two names are cut to the same."""
    most = max(map(width, names))
    found = min(max(12, min(44, style.width // 3)), most)
    while found < most and len({shortened(n, found) for n in names}) < len(set(names)):
        found += 1
    return found


def shortened(name: str, most: int) -> str:
    """Cut a name in its middle: provider, version and the whole mode stay."""
    if width(name) <= most:
        return name
    mode = _MODE.search(name)
    kept = mode.group() if mode and width(mode.group()) <= most - 3 else ""
    rest = name.removesuffix(kept)
    middle = len(rest) // 2
    head, tail = rest[:middle][: 4 * most], rest[middle:][-4 * most :]
    while width(head) + width(tail) > most - 1 - width(kept):
        head, tail = _trimmed(head, tail)
    return f"{head}…{tail}{kept}"


def _trimmed(head: str, tail: str) -> tuple[str, str]:
    return (head[:-1], tail) if width(head) > width(tail) else (head, tail[1:])


def notes(rows: Sequence[Row]) -> list[str]:
    """Return what a reader of these rows must know beside them."""
    said = [*_ungraded(rows), *_all_skipped(rows)]
    loud = sorted({name for row in rows for name in row.get("metrics_left_out", ())})
    if loud:
        said.append(f"{', '.join(map(clean, loud))}: too many names of metrics: none is kept")
    if any(row["recorded"] for row in rows):
        said.append("(recorded): answers, times and costs come from a recording")
    if any(unpriced(row) for row in rows):
        said.append("unpriced: no price is known, which is not a price of 0; see providers.yaml")
    if any(row["priced_fraction"] and row["priced_fraction"] < 1 for row in rows):
        said.append("*: only a part of the answers is priced; the figure is of that part")
    censored = sum(row["n_censored"] for row in rows)
    if censored:
        said.append(f"{censored} timed out: their latency is at least the time limit")
    cached = sum(row["n_cached"] for row in rows)
    if cached:
        said.append(f"{cached} came from the cache: they are in no latency or cost figure")
    return said


def _ungraded(rows: Sequence[Row]) -> list[str]:
    """Say how many answers no figure of quality knows, and the most common reason."""
    failed = sum(row["n_grader_failed"] for row in rows)
    if not failed:
        return []
    reasons: Counter[str] = Counter()
    for row in rows:
        reasons.update(row["grader_failures"])
    reason, count = min(reasons.items(), key=lambda item: (-item[1], item[0]))
    return [
        f"{failed} could not be graded: {clean(reason)} ({count} of {failed}); "
        "they are in no quality figure"
    ]


def _all_skipped(rows: Sequence[Row]) -> list[str]:
    """Say why arms were not asked at all."""
    said = []
    for row in rows:
        if row["n_skipped"] and row["n_skipped"] == row["n_asked"]:
            reason = next(iter(row["skip_reasons"]))
            said.append(f"skipped: {arm_name(row)}: {row['n_skipped']} trials: {clean(reason)}")
    return said


def _wrapped(text: str, width: int) -> str:
    import textwrap

    return textwrap.fill(text, width)


def _number(value: float | None) -> str:
    return MISSING if value is None else f"{value:.2f}"


def ascii_of(text: str) -> str:
    """Return a text in ASCII, for terminals that know no more."""
    for character, plain in _ASCII.items():
        text = text.replace(character, plain)
    return text.encode("ascii", "replace").decode()
