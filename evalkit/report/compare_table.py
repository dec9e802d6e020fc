"""What `evalkit compare` prints: duels as a table, slices and flipped samples below.

It prints nothing itself, and does not know how a figure was made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evalkit.analysis.compare import reading_of
from evalkit.report.grid import WIDEST_NAME, grid
from evalkit.report.markdown import escaped, table
from evalkit.report.terminal import Style, ascii_of
from evalkit.report.values import MISSING, clean

Row = Mapping[str, Any]
_SHOWN_TEXT = 90
_LEAST_SHOWN = 5
_MOST_IDS = 5
_MOST_DUELS_WITH_FLIPS = 3
_DIFFERENCES = (("malformed_rate", "malf. Δ"), ("refusal_rate", "refused Δ"))
_RATIOS = (
    ("latency_p50_ms", "p50 ×"),
    ("latency_p95_ms", "p95 ×"),
    ("cost_per_success_usd", "$/success ×"),
)


def compare_table(document: Row, style: Style) -> str:
    """Return a comparison for the terminal.

    Args:
        document: The document of `evalkit compare --json`.
        style: How it may look.
    """
    if not document["comparable"]:
        return "\n".join(["not comparable:", *(f"  {clean(d)}" for d in document["differences"])])
    parts = []
    for suite in dict.fromkeys(row["suite"] for row in document["pairs"]):
        rows = [row for row in document["pairs"] if row["suite"] == suite]
        parts.append(_suite(suite, rows, style))
        parts += _slices(rows, style)
        parts += [flips for own in document["flips"] if own["suite"] == suite
                  if (flips := _flips(own, document, style))]  # fmt: skip
    parts.append("\n".join(notes(document)))
    text = "\n\n".join(part for part in parts if part)
    return text if style.unicode else ascii_of(text)


def difference(row: Row | None) -> str:
    """Return a difference in points with its limits.

    Example:
        >>> difference({"difference": -0.021, "low": -0.045, "high": 0.003})
        '-2.1 [-4.5, +0.3]'
    """
    if row is None:
        return MISSING
    return f"{points(row['difference'])} [{points(row['low'])}, {points(row['high'])}]"


def points(value: float) -> str:
    """Return a share as points with its sign."""
    return f"{100 * value:+.1f}"


def ratio(row: Row | None) -> str:
    """Return a ratio with its limits; one that does not exist is a question mark."""
    if row is None:
        return MISSING
    low, high = ("?" if row[end] is None else f"{row[end]:.2f}" for end in ("low", "high"))
    return f"{row['ratio']:.2f} [{low}, {high}]"


def wins(row: Row | None) -> str:
    """Return wins, losses and ties of the candidate."""
    return MISSING if row is None else f"{row['wins']}/{row['losses']}/{row['ties']}"


def probability(row: Row | None) -> str:
    """Return the adjusted p-value."""
    if row is None or row["p_adjusted"] is None:
        return MISSING
    return "<.0001" if row["p_adjusted"] < 0.0001 else f"{row['p_adjusted']:.4f}"


def said(row: Row | None) -> str:
    """Return what a difference says: better, worse, or what it could have seen."""
    if row is None:
        return "no shared sample"
    reading = reading_of(row)
    if reading in ("better", "worse"):
        return reading
    least = row["would_show"]
    if least is None:
        return "too few to show any difference"
    return f"none found; {100 * least:.1f} would show"


def levels(row: Row | None) -> str:
    """Return both arms' values in percent.

    Example:
        >>> levels({"baseline_value": 0.321, "candidate_value": 0.5})
        '32.1 → 50.0'
    """
    if row is None:
        return MISSING
    return f"{100 * row['baseline_value']:.1f} → {100 * row['candidate_value']:.1f}"


def _suite(suite: str, rows: Sequence[Row], style: Style) -> str:
    columns = duel_columns(rows)
    duels = _duels(rows)
    names = [f"{clean(b)} → {clean(c)}" for b, c in duels]
    if max(map(len, names)) <= WIDEST_NAME:
        return grid(f"{clean(suite)}: baseline → candidate", names, columns, style)
    first = ("baseline", [clean(b) for b, _ in duels])
    title = f"{clean(suite)}: candidate"
    return grid(title, [clean(c) for _, c in duels], [first, *columns], style)


def duel_columns(rows: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """Return head and cells of each column, a cell for each duel."""
    whole = {(r["baseline"], r["candidate"], r["metric"]): r for r in rows if r["slice"] is None}
    duels = _duels(rows)

    def cells(metric: str, show: Callable[[Row | None], str]) -> list[str]:
        return [show(whole.get((*duel, metric))) for duel in duels]

    columns = [
        ("n", cells("quality", lambda r: "0" if r is None else str(r["n"]))),
        ("quality", cells("quality", levels)),
        ("Δ points [95%]", cells("quality", difference)),
        ("win/loss/tie", cells("quality", wins)),
        ("p (Holm)", cells("quality", probability)),
        ("reading", cells("quality", said)),
        *((head, cells(metric, difference)) for metric, head in _DIFFERENCES),
        *((head, cells(metric, ratio)) for metric, head in _RATIOS),
    ]
    return [column for column in columns if set(column[1]) != {MISSING}]


def _duels(rows: Sequence[Row]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((row["baseline"], row["candidate"]) for row in rows))


def _slices(rows: Sequence[Row], style: Style) -> list[str]:
    """Return the slices of each duel; of many duels only those that differ."""
    duels = _duels(rows)
    parts = []
    for duel in duels:
        own = [r for r in rows if r["slice"] and (r["baseline"], r["candidate"]) == duel]
        own = [row for row in own if row["n"] >= _LEAST_SHOWN]
        if len(duels) > _MOST_DUELS_WITH_FLIPS:
            own = [row for row in own if said(row) in ("better", "worse")]
        if not own:
            continue
        own.sort(key=lambda row: (*row["slice"], -row["n"]))
        names = [", ".join(f"{clean(k)}={clean(v)}" for k, v in r["slice"].items()) for r in own]
        columns = [
            ("n", [str(row["n"]) for row in own]),
            ("quality", [levels(row) for row in own]),
            ("Δ points [95%]", [difference(row) for row in own]),
            ("win/loss/tie", [wins(row) for row in own]),
            ("p (Holm)", [probability(row) for row in own]),
            ("reading", [said(row) for row in own]),
        ]
        title = f"slices of {clean(duel[0])} → {clean(duel[1])}"
        parts.append(f"{title}\n{grid('slice', names, columns, style)}")
    return parts


def _flips(own: Row, document: Row, style: Style) -> str:
    """Return samples that flipped with both outputs on one line each."""
    if not own["samples"] or len(document["flips"]) > _MOST_DUELS_WITH_FLIPS:
        return ""
    head = (
        f"{clean(own['baseline'])} → {clean(own['candidate'])}: {own['regressed']} regressed, "
        f"{own['improved']} improved"
    )
    lines = [head]
    room = max(30, min(_SHOWN_TEXT, style.width - 16))
    for sample in own["samples"]:
        mark = "regressed" if sample["regressed"] else "improved"
        critical = ", critical" if sample["critical"] else ""
        lines.append(f"  {clean(sample['sample_id'])} ({mark}{critical})")
        for role in ("baseline", "candidate"):
            lines.append(f"    {role:<9}  {output(sample[role], room)}")
    return "\n".join(lines)


def output(side: Row, most: int) -> str:
    """Return an output on one line, quoted, with its rung where that is not valid."""
    text = side["output"]
    if text is None:
        return f"({clean(side['status'] or 'no answer')})"
    shown = clean(" ".join(text.split()))
    shown = shown if len(shown) <= most else shown[: most - 1] + "…"
    rung = "" if side["rung"] in ("valid", None) else f"  ({clean(side['rung'])})"
    return f"“{shown}”{rung}"


def notes(document: Row) -> list[str]:
    """Return what a reader must know beside the figures."""
    lines = []
    if len(document["runs"]) > 1:
        lines += [f"run {n}: {clean(run)}" for n, run in enumerate(document["runs"], 1)]
    for own in document["left_out"]:
        gone = own["only_baseline"] + own["only_candidate"]
        if gone:
            lines.append(
                f"left out of {clean(own['baseline'])} → {clean(own['candidate'])} on "
                f"{clean(own['suite'])}: {own['only_baseline']} samples only the first answered, "
                f"{own['only_candidate']} only the second ({_ids(own['samples'], gone)})"
            )
    lines += _clusters(document["pairs"])
    if any(row["slice"] and row["n"] < _LEAST_SHOWN for row in document["pairs"]):
        lines.append(f"slices of fewer than {_LEAST_SHOWN} are in --json alone")
    count = max((row["n_comparisons"] for row in document["pairs"] if not row["slice"]), default=1)
    if count > 1:
        lines.append(f"p-values are adjusted for {count} comparisons of each metric (Holm)")
    slices = max((row["n_comparisons"] for row in document["pairs"] if row["slice"]), default=1)
    if slices > 1:
        lines.append(f"those of slices are adjusted for {slices} slices of two arms (Holm)")
    doubtful = [row for row in document["pairs"] if row["check"] and not row["check"]["agrees"]]
    lines += [
        f"{clean(row['suite'])}: {clean(row['baseline'])} → {clean(row['candidate'])}: a bootstrap "
        f"disagrees ({points(row['check']['low'])} to {points(row['check']['high'])}): read the "
        "wider interval"
        for row in doubtful
    ]
    if document["differences"]:
        lines += [f"compared although changed: {clean(line)}" for line in document["differences"]]
    lines += [f"not honoured: {clean(line)}" for line in document["not_honoured"]]
    return lines


def _ids(ids: Sequence[str], count: int) -> str:
    shown = ", ".join(clean(one) for one in ids[:_MOST_IDS])
    return shown if count <= _MOST_IDS else f"{shown}, …"


def _clusters(rows: Sequence[Row]) -> list[str]:
    """Say where n counts clusters, and of how many samples they are."""
    found = {}
    for row in rows:
        if row["metric"] == "quality" and not row["slice"]:
            samples = row["wins"] + row["losses"] + row["ties"]
            if samples > row["n"]:
                found[row["suite"]] = f"{row['n']} of {samples} samples"
    return [f"{clean(suite)}: n counts clusters: {text}" for suite, text in found.items()]


def compare_markdown(document: Row) -> str:
    """Return a comparison in Markdown, without any model's text."""
    parts = ["# Comparison"]
    if not document["comparable"]:
        parts.append("Not comparable:")
        parts.append("\n".join(f"- {escaped(line)}" for line in document["differences"]))
    for suite in dict.fromkeys(row["suite"] for row in document["pairs"]):
        rows = [row for row in document["pairs"] if row["suite"] == suite]
        columns = duel_columns(rows)
        cells = [
            [f"{escaped(b)} → {escaped(c)}", *(escaped(column[1][i]) for column in columns)]
            for i, (b, c) in enumerate(_duels(rows))
        ]
        head = ["baseline → candidate", *(escaped(name) for name, _ in columns)]
        parts += [f"## {escaped(suite)}", table(head, cells), _flip_lines(document, suite)]
    lines = [*notes(document), *document["warnings"]]
    parts.append("\n".join(f"- {escaped(line)}" for line in lines))
    return "\n\n".join(part for part in parts if part) + "\n"


def _flip_lines(document: Row, suite: str) -> str:
    lines = []
    for own in document["flips"]:
        lost = [s for s in own["samples"] if s["regressed"]]
        if own["suite"] == suite and lost:
            ids = ", ".join(escaped(sample["sample_id"]) for sample in lost)
            ids += ", …" if len(lost) < own["regressed"] else ""
            lines.append(
                f"- {escaped(own['baseline'])} → {escaped(own['candidate'])}: "
                f"{own['regressed']} regressed ({ids})"
            )
    return "\n".join(["Flipped:", "", *lines]) if lines else ""
