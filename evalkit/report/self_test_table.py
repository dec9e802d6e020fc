"""What `evalkit gate --self-test` prints: false alarms, and what the gate would notice.

It prints nothing itself, and does not know how repeats were dealt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.report.grid import grid
from evalkit.report.terminal import Style, ascii_of
from evalkit.report.values import clean, share


def self_test_table(document: Mapping[str, Any], style: Style) -> str:
    """Return the self-test of a gate for the terminal.

    Args:
        document: The document of `evalkit gate --self-test RUN --json`.
        style: How it may look.
    """
    parts = [f"rules: {clean(', '.join(document['rules']))}"]
    if document["left_out"]:
        left = clean(", ".join(document["left_out"]))
        parts[0] += f"\nleft out, as they hold a level and no change: {left}"
    parts += [_arm(arm, document["splits"], style) for arm in document["arms"]]
    text = "\n\n".join(parts)
    return text if style.unicode else ascii_of(text)


def _arm(arm: Mapping[str, Any], splits: int, style: Style) -> str:
    title = f"{clean(arm['suite'])}: {clean(arm['arm'])}"
    if arm["reason"]:
        return f"{title}: {clean(arm['reason'])}"
    results = arm["results"]
    names = [
        "nothing changed" if not r["drop"] else f"{100 * r['drop']:g} points worse" for r in results
    ]
    columns = [
        ("fail", [share(r["fail"]) for r in results]),
        ("[95%]", [f"[{share(r['fail_low'])}, {share(r['fail_high'])}]" for r in results]),
        ("pass", [share(r["pass"]) for r in results]),
        ("inconclusive", [share(r["inconclusive"]) for r in results]),
    ]
    lines = [
        grid(title, names, columns, style),
        f"{arm['n']} samples, {arm['repeats']} repeats dealt to two sides {splits} times",
        f"false alarms: {share(results[0]['fail'])} of gates on an unchanged model",
    ]
    if arm["warning"]:
        lines.append(f"warning: {clean(arm['warning'])}")
    least = arm["minimum_detectable_effect"]
    if least is not None:
        lines.append(f"a difference in quality of {100 * least:.1f} points would be found in 80 %")
    return "\n".join(lines)
