"""What `evalkit drift` prints: for each arm a verdict, its runs, the later ones against the first.

Then the news, which decide nothing. It does not know how the figures were made.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evalkit.report.grid import grid
from evalkit.report.terminal import Style, ascii_of
from evalkit.report.values import (
    MISSING,
    clean,
    duration,
    interval,
    money,
    share,
    value_of,
)

Row = Mapping[str, Any]
Cells = list[tuple[str, list[str]]]
_MOST_FACTS = 3
_UNIT = "_usd_per_mtok"


def drift_table(document: Row, style: Style) -> str:
    """Return what was found, arm by arm."""
    arms = document["arms"]
    same = len({tuple(run["path"] for run in arm["runs"]) for arm in arms}) == 1
    parts = [_arm(arm, style, with_paths=not same) for arm in arms]
    if same:
        parts.append(_paths(arms[0]["runs"]))
    if not parts:
        parts = [["no arm of a suite is in two of these runs: nothing to compare"]]
    lonely = document["in_one_run_only"]
    if lonely:
        names = ", ".join(f"{clean(one['suite'])}: {clean(one['arm'])}" for one in lonely)
        parts.append([_filled(f"in one run only: {names}", style)])
    text = "\n\n".join("\n".join(lines) for lines in parts)
    return text if style.unicode else ascii_of(text)


def _arm(arm: Row, style: Style, *, with_paths: bool) -> list[str]:
    runs: Sequence[Row] = arm["runs"]
    names = _names(runs)
    days = " to ".join(dict.fromkeys([runs[0]["date"], runs[-1]["date"]]))
    head = f"{clean(arm['suite'])}: {clean(arm['arm'])}: {len(runs)} runs, {days}"
    lines = [_filled(head, style), _filled(clean(arm["verdict"]["sentence"]), style), ""]
    lines.append(grid("run", [names[run["run_id"]] for run in runs], _runs(runs), style))
    lines += _against(arm, names, style)
    lines += _cusum(arm["cusum"], style)
    lines += _newest(runs[-1], style)
    lines += _news(arm, style)
    return [*lines, "", *_paths(runs)] if with_paths else lines


def _paths(runs: Sequence[Row]) -> list[str]:
    return [f"run {number}: {clean(run['path'])}" for number, run in enumerate(runs, 1)]


def _names(runs: Sequence[Row]) -> dict[str, str]:
    """Return what each run is called: its number and day, with the time where a day has two."""
    days = Counter(run["date"] for run in runs)
    exact = any(count > 1 for count in days.values())
    return {
        run["run_id"]: f"{number} {run['date']}" + (f" {run['at'][11:16]}" if exact else "")
        for number, run in enumerate(runs, 1)
    }


def _runs(runs: Sequence[Row]) -> Cells:
    unit = runs[0]["output_length"]["unit"]
    columns: Sequence[tuple[str, Callable[[Row], str]]] = (
        ("samples", lambda r: str(r["n_samples"])),
        ("quality [95%]", lambda r: interval(r["quality"])),
        ("pass", lambda r: share(value_of(r["pass_rate"]))),
        ("malf.", lambda r: share(value_of(r["malformed_rate"]))),
        ("refused", lambda r: share(value_of(r["refusal_rate"]))),
        ("err", lambda r: share(r["error_share"])),
        (f"{unit} out", lambda r: _whole(value_of(r["output_length"]["p50"]))),
        ("p50", lambda r: duration(value_of(r["latency_ms"]["p50"]))),
        ("p95", lambda r: duration(value_of(r["latency_ms"]["p95"]))),
        ("$/1000", lambda r: money(r["cost_per_1000_usd"])),
    )
    if all(run["cost_per_1000_usd"] is None for run in runs):
        columns = columns[:-1]
    return [(head, [cell(run) for run in runs]) for head, cell in columns]


def _against(arm: Row, names: Mapping[str, str], style: Style) -> list[str]:
    """Return the later runs against the first, and those that cannot be held against it."""
    lines = []
    rows: dict[str, dict[str, Row]] = {}
    for row in arm["comparisons"]:
        rows.setdefault(row["run_id"], {})[row["metric"]] = row
    if rows:
        columns = _all_columns(arm, rows)
        lines += ["", grid("against run 1", [names[run_id] for run_id in rows], columns, style)]
        lines.append(_filled(_legend(arm["comparisons"]), style))
    for run in arm["runs"]:
        if not run["comparable"]:
            why = "; ".join(map(clean, run["differences"]))
            said = f"run {names[run['run_id']]}: not comparable with run 1: {why}"
            lines += ["", _filled(said, style)]
    return lines


def _all_columns(arm: Row, rows: Mapping[str, Mapping[str, Row]]) -> Cells:
    """Return quality with its sums, then the others; what never occurred is left out."""
    columns: Cells = []
    for metric in dict.fromkeys(row["metric"] for row in arm["comparisons"]):
        own = [row for row in arm["comparisons"] if row["metric"] == metric]
        if metric == "quality" or any(row["baseline"] or row["candidate"] for row in own):
            columns += _columns(metric, list(rows.values()))
        if metric == "quality":
            columns += _sums(arm["cusum"], list(rows))
    return columns


def _columns(metric: str, rows: Sequence[Mapping[str, Row]]) -> Cells:
    own = [row.get(metric) for row in rows]
    if any(row is not None and row["kind"] == "ratio" for row in own):
        return [(f"{_TITLES.get(metric, 'length')} × [95%]", [_ratio(row) for row in own])]
    columns = [(f"{_TITLES[metric]} [95%]", [_difference(row) for row in own])]
    if metric == "quality":
        columns.append(("p", [_p_value(row) for row in own]))
        columns.append(("could see", [_effect(row) for row in own]))
    return columns


_TITLES = {
    "quality": "quality",
    "pass_rate": "pass",
    "malformed_rate": "malf.",
    "refusal_rate": "refused",
    "latency_p50_ms": "p50",
    "latency_p95_ms": "p95",
}


def _legend(rows: Sequence[Row]) -> str:
    tests = max((row["n_comparisons"] for row in rows if row["kind"] == "difference"), default=0)
    p = f"p by Holm over the {tests} comparisons in which some sample differs"
    said = [
        f"in points; {p if tests else 'no sample differs'}",
        "could see: with a power of about 80%",
        "×: ratio of the quantiles",
    ]
    if any(row["change"] != "none" for row in rows):
        said.append("*: shown, the number of comparisons allowed for")
    return "; ".join(said)


def _difference(row: Row | None) -> str:
    if row is None:
        return MISSING
    ends = ", ".join(_points(row[end]) for end in ("low", "high"))
    return f"{_points(row['estimate'])} [{ends}]{_star(row)}"


def _ratio(row: Row | None) -> str:
    if row is None:
        return MISSING
    ends = ", ".join("?" if row[end] is None else f"{row[end]:.2f}" for end in ("low", "high"))
    return f"{row['estimate']:.2f} [{ends}]{_star(row)}"


def _star(row: Row) -> str:
    return " " if row["change"] == "none" else "*"


def _points(value: float) -> str:
    rounded = round(100.0 * value, 1) + 0.0
    return f"{rounded:+.1f}" if rounded else "0.0"


def _p_value(row: Row | None) -> str:
    if row is None:
        return MISSING
    return "<0.001" if row["p_adjusted"] < 0.001 else f"{row['p_adjusted']:.3f}"


def _effect(row: Row | None) -> str:
    if row is None:
        return MISSING
    found = row["minimum_detectable_effect"]
    return "nothing" if found is None else f"{100 * found:.1f}"


def _sums(cusum: Row, run_ids: Sequence[str]) -> Cells:
    """Return the path of both sums."""
    if cusum["reason"] is not None:
        return []
    columns = []
    for name, head in (("lower", "sum ↓"), ("upper", "sum ↑")):
        path = dict(zip(cusum["runs"], cusum[name], strict=True))
        columns.append((head, [_sum(path.get(run_id), cusum["limit"]) for run_id in run_ids]))
    return columns


def _sum(total: float | None, limit: float) -> str:
    if total is None:
        return MISSING
    return f"{total + 0.0:.1f}" + ("*" if total > limit else " ")


def _cusum(cusum: Row, style: Style) -> list[str]:
    if cusum["reason"] is not None:
        return ["", _filled(f"no cumulative sum (CUSUM): {clean(cusum['reason'])}", style)]
    said = (
        f"sums (CUSUM) of quality on the {cusum['n_samples']} samples that {len(cusum['runs'])} "
        f"runs scored; an alarm above {cusum['limit']:g}; a run's own noise: "
        f"{100 * cusum['spread']:.1f} points"
    )
    few = [f"{alarm['direction']} since about {alarm['since']}" for alarm in cusum["alarms"]]
    return [_filled(said + (f"; {'; '.join(few)}" if few else "; no alarm"), style)]


def _newest(run: Row, style: Style) -> list[str]:
    """Say who answered last, and at what price."""
    priced = [price for price in run["unit_prices"] if price["unit_prices"]]
    facts = [
        _counted("answered as", run["models_returned"]),
        _counted("system_fingerprint", run["system_fingerprints"]),
        "; ".join(_price(price) for price in priced[:_MOST_FACTS]),
        _unpriced(run),
    ]
    said = "; ".join(fact for fact in facts if fact)
    return [_filled(f"newest run: {clean(said)}", style)] if said else []


def _counted(word: str, counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    named = ", ".join(f"{name} ({n})" for name, n in list(counts.items())[:_MOST_FACTS])
    more = f" and {len(counts) - _MOST_FACTS} more" if len(counts) > _MOST_FACTS else ""
    return f"{word} {named}{more}"


def _price(price: Row) -> str:
    per_token = [
        f"{name.removesuffix(_UNIT)} {money(value)}"
        for name, value in price["unit_prices"].items()
        if name.endswith(_UNIT)
    ]
    return f"{', '.join(per_token)} per million tokens ({price['source']})"


def _unpriced(run: Row) -> str:
    """Say why nothing has a price, where that is so."""
    if run["cost_per_1000_usd"] is not None or not run["n_answered"]:
        return ""
    why = next((price["source"] for price in run["unit_prices"]), "nothing new was asked")
    return f"unpriced: {why}"


def _news(arm: Row, style: Style) -> list[str]:
    if not arm["information"]:
        return []
    numbers = {run["run_id"]: number for number, run in enumerate(arm["runs"], 1)}
    lines = ["", "news, not part of the verdict"]
    for news in arm["information"]:
        text = clean(f"run {numbers[news['run_id']]} ({news['date']}): {news['text']}")
        lines.append(_filled(f"  {text}", style, "    "))
    return lines


def _whole(value: float | None) -> str:
    return MISSING if value is None else f"{value:.0f}"


def _filled(text: str, style: Style, indent: str = "  ") -> str:
    return textwrap.fill(text, style.width, subsequent_indent=indent, break_on_hyphens=False)
