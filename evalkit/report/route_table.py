"""What `evalkit route` prints: for each task who answers it, what that gains, and what it rests on.

It does not know how the figures were made.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.core.acceptance import AGREE, grader_of
from evalkit.report.grid import grid
from evalkit.report.markdown import escaped, table
from evalkit.report.terminal import Style, ascii_of
from evalkit.report.values import MISSING, clean, duration, interval, money, share

Row = Mapping[str, Any]
Columns = list[tuple[str, list[str]]]


def route_table(document: Row, style: Style) -> str:
    """Return all tasks for the terminal."""
    blocks = []
    for name, task in document["tasks"].items():
        lines = [_filled(line, style) for line in sentences(name, task)]
        for title, names, columns in tables(task):
            lines += ["", grid(title, names, columns, style)]
        blocks.append("\n".join(lines))
    text = "\n\n".join(blocks)
    return text if style.unicode else ascii_of(text)


def route_markdown(document: Row) -> str:
    """Return all tasks as Markdown."""
    parts = ["# Routing"]
    for name, task in document["tasks"].items():
        parts.append(f"## {escaped(name)}")
        parts.append("\n".join(f"- {escaped(line)}" for line in sentences(name, task)))
        for title, names, columns in tables(task):
            rows = [
                [escaped(own), *(escaped(cells[place]) for _, cells in columns)]
                for place, own in enumerate(names)
            ]
            parts.append(table([title, *(head for head, _ in columns)], rows))
    return "\n\n".join(parts) + "\n"


def sentences(name: str, task: Row) -> list[str]:
    """Return what follows from the figures, a sentence each."""
    lines = [
        f"{clean(name)}: {task['n']:,} samples that all arms answered ({task['n_units']:,} "
        f"independent, {task['n_left_out']:,} left out), {task['n_holdout']:,} of them locked away."
    ]
    lines.append(_assigned(task))
    lines += _gained(task)
    lines += _learned(task["learned"])
    if task["oracle"] is not None:
        quality = task["oracle"]["quality"]
        lines.append(
            f"Oracle, the best arm for each sample: {interval(quality)}; an upper bound that takes "
            "luck for skill."
        )
    rules = {row["accept"] for row in task["cascades"]}
    if AGREE in rules:
        lines.append("Of cascades: a = b → c takes what a and b say alike, else asks c.")
    lines += [
        f"Of cascades: a [{clean(name)}] → b takes what gets full marks of it, else asks b."
        for name in sorted(filter(None, map(grader_of, rules)))
    ]
    lines += [f"{clean(arm)} is left out: {clean(why)}." for arm, why in task["left_out"].items()]
    return lines


def _assigned(task: Row) -> str:
    chosen, assigned = task["chosen"], task["assignment"]
    if chosen is None:
        return f"Nobody is assigned: {clean(assigned['reason'])}."
    return f"Assigned: {clean(chosen['name'])} ({clean(chosen['reason'])})."


def _gained(task: Row) -> list[str]:
    """Say what the policy brings on the locked samples."""
    found = task["holdout"]
    if found is None:
        return []
    against = found["against_best"]
    if against["against"] == found["name"]:
        return [
            f"On the {found['n']:,} locked samples it has {interval(found['quality'])}; it is the "
            "best single arm, so routing gains nothing."
        ]
    lines = [
        f"On the {found['n']:,} locked samples: quality {interval(found['quality'])}, "
        f"{_points(against['quality_difference'])} against {clean(against['against'])} alone; it "
        f"saves {_saving(against['saving'])} of its cost."
    ]
    if len(found["arms"]) > 1:
        lines.append(
            f"It escalates {share(found['escalation_rate'])}; of what it accepts "
            f"{share(found['false_accept_rate'])} did not pass; regret against the oracle "
            f"{100 * found['regret']:.1f} points."
        )
    return lines


def _learned(learned: Row) -> list[str]:
    if learned["why"] is not None:
        return [f"No learned router: {clean(learned['why'])}."]
    against = learned["against_best"]
    line = (
        f"A router that learns from the request ({clean(learned['cheap'])} or "
        f"{clean(learned['strong'])}), out of fold: quality {interval(learned['quality'])}, "
        f"{_points(against['quality_difference'])} and {_saving(against['saving'])} saved against "
        f"{clean(against['against'])}; it asks the strong arm for "
        f"{share(learned['escalation_rate'])}"
    )
    if learned["apgr"] is not None:
        line += f"; APGR {learned['apgr']:.3f}, where chance has 0.5"
    else:
        line += "; no APGR, since it is not sure that the two differ"
    lines = [line + "."]
    holdout = learned["holdout"]
    if holdout is not None:
        own = holdout["against_best"]
        lines.append(
            f"On the {holdout['n']:,} locked samples it has {interval(holdout['quality'])}, "
            f"{_points(own['quality_difference'])}, and saves {_saving(own['saving'])}."
        )
    return lines


def _points(found: Row | None) -> str:
    if found is None:
        return "no difference"
    low, high = found["low"], found["high"]
    ends = f" [{100 * low:+.1f}, {100 * high:+.1f}]" if low is not None else ""
    return f"{100 * found['value']:+.1f}{ends} points"


def _saving(found: Row | None) -> str:
    if found is None:
        return "an unknown share"
    low, high = found["low"], found["high"]
    ends = f" [{100 * low:.0f}, {100 * high:.0f}]" if low is not None else ""
    return f"{100 * found['value']:.0f}{ends} %"


def tables(task: Row) -> list[tuple[str, list[str], Columns]]:
    """Return a task's tables: title, names and columns of each."""
    found = []
    if task["singles"]:
        found.append(("arm", [row["name"] for row in task["singles"]], _singles(task)))
    if task["cascades"]:
        rows: Sequence[Row] = task["cascades"]
        found.append(("cascade", [row["name"] for row in rows], _plays(rows)))
    if task["stress"]:
        found.append(("if", [row["event"] for row in task["stress"]], _stress(task["stress"])))
    return found


def _singles(task: Row) -> Columns:
    rows: Sequence[Row] = task["singles"]
    hull = {row["model"] for row in task["frontier"]}
    return [
        ("quality [95%]", [interval(row["quality"]) for row in rows]),
        ("$/1000", [money(row["cost_per_1000_usd"]) for row in rows]),
        ("p95", [duration(row["latency_p95_ms"]) for row in rows]),
        ("frontier", ["yes" if row["name"] in hull else "" for row in rows]),
        ("not assigned, because", [clean(row["refused"] or "") for row in rows]),
    ]


def _plays(rows: Sequence[Row]) -> Columns:
    return [
        ("quality [95%]", [interval(row["quality"]) for row in rows]),
        ("$/1000", [money(row["cost_per_1000_usd"]) for row in rows]),
        ("p95", [duration(row["latency_p95_ms"]) for row in rows]),
        ("escalates", [share(row["escalation_rate"]) for row in rows]),
        ("false accepts", [share(row["false_accept_rate"]) for row in rows]),
        ("regret", [f"{100 * row['regret']:.1f}" for row in rows]),
        ("saves against best", [_saving(row["against_best"]["saving"]) for row in rows]),
    ]


def _stress(rows: Sequence[Row]) -> Columns:
    return [
        ("answered by", [clean(" → ".join(row["arms"]) or MISSING) for row in rows]),
        ("quality", [share(row["quality"]) for row in rows]),
        ("$/1000", [money(row["cost_per_1000_usd"], MISSING) for row in rows]),
        ("p95", [duration(row["latency_p95_ms"]) for row in rows]),
        ("unanswered", [share(row["unanswered"]) for row in rows]),
        ("note", [clean(row["note"] or "") for row in rows]),
    ]


def _filled(text: str, style: Style) -> str:
    return textwrap.fill(text, style.width, subsequent_indent="  ")
