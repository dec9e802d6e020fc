"""The comparison: a row for each arm of a suite, with what decides; and all figures as a table.

It does not choose what is best.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from evalkit.analysis.reporting.evidence import ShownArm, SuiteEvidence
from evalkit.report.export import flat_row
from evalkit.report.page.parts import Cell, Column, Table
from evalkit.report.sections.cells import (
    Colours,
    arm_cell,
    file_name,
    money_cell,
    number_cell,
    plain,
    share_cell,
    time_cell,
)
from evalkit.report.values import MISSING, UNPRICED, clean, share, unpriced, weights_of

_COLUMNS = (
    Column("arm", help="provider:model, with its structured mode where there are several"),
    Column("quality ↑", True, "mean score of the primary grader; unusable answers count as 0"),
    Column("passed ↑", True, "share of answered trials that reach the suite's threshold"),
    Column("malformed ↓", True, "share whose first answer was neither valid nor a refusal"),
    Column("usable ↑", True, "share whose last answer could be used, after recovery"),
    Column("breaks schema ↓", True, "share whose answer is JSON that the schema refuses"),
    Column("refused ↓", True, "share of answered trials that were refused"),
    Column("no answer ↓", True, "trials that the provider failed; they are in no other figure"),
    Column("p50 ↓", True, "median latency: service and backoff, without our own queue"),
    Column("p95 ↓", True, "of 20 answers one takes longer"),
    Column("first token ↓", True, "median time to the first content, where it was streamed"),
    Column("cost per 1000 ↓", True, "of a thousand answers"),
    Column("cost per success ↓", True, "money spent, by answers that passed"),
    Column("weights", help="open, closed, or no language model at all"),
    Column("processor, regions", help="who sees the data, as declared, not verified"),
)


def comparison_table(suite: SuiteEvidence, colours: Colours) -> Table:
    """Return what a reader decides by, a row for each arm."""
    shown = [_cells(suite, arm, colours) for arm in suite.arms]
    used = [
        place
        for place, column in enumerate(_COLUMNS)
        if place == 0
        or any(row[place].text != MISSING for row in shown)
        or column.head == "weights"
    ]
    return Table(
        name=file_name("comparison", suite.name),
        caption=f"{clean(suite.name)}: figures with their 95 % intervals",
        columns=tuple(_COLUMNS[place] for place in used),
        rows=tuple(tuple(row[place] for place in used) for row in shown),
        data=tuple(flat_row(arm.row) for arm in suite.arms),
    )


def _cells(suite: SuiteEvidence, arm: ShownArm, colours: Colours) -> list[Cell]:
    row = arm.row
    latency = row["latency_ms"] or {"p50": None, "p95": None}
    missing = UNPRICED if unpriced(row) else MISSING
    mark = "*" if row["priced_fraction"] and row["priced_fraction"] < 1 else ""
    return [
        _with_role(suite, arm, arm_cell(arm, colours)),
        share_cell(row["quality"]),
        share_cell(row["pass_rate"]),
        share_cell(row["malformed_rate"]),
        share_cell(row["usable_rate"]),
        _schema_cell(row),
        share_cell(row["refusal_rate"]),
        _unanswered(row),
        time_cell(latency["p50"]),
        time_cell(latency["p95"]),
        time_cell(row["ttft_ms"] and row["ttft_ms"]["p50"]),
        money_cell(row["cost_per_1000_usd"], missing, mark=mark),
        money_cell(
            row["cost_per_success_usd"],
            missing,
            figure=row["cost_per_success_interval"],
            mark=mark,
        ),
        Cell(weights_of(row), tone="faint" if weights_of(row) == MISSING else ""),
        hosting(arm),
    ]


def _with_role(suite: SuiteEvidence, arm: ShownArm, cell: Cell) -> Cell:
    """Mark the two arms that the verdict is about."""
    contrast = suite.contrast
    role = ""
    if contrast is not None and arm.label == contrast.baseline:
        role = "held against" if contrast.question in ("leader", "open or closed") else "baseline"
    elif contrast is not None and arm.label == contrast.candidate:
        role = "in the verdict" if role != "baseline" else role
    return Cell(cell.text, cell.sort, cell.tone, cell.link, cell.colour, role)


def _schema_cell(row: Mapping[str, Any]) -> Cell:
    """Return the share of answers that the schema refuses; a dash where there is no schema."""
    total = sum(row["rungs"].values())
    if not total or set(row["rungs"]) <= {"unchecked"}:
        return Cell(MISSING, tone="faint")
    value = sum(n for rung, n in row["rungs"].items() if rung.startswith("schema:")) / total
    return Cell(share(value), value)


def _unanswered(row: Mapping[str, Any]) -> Cell:
    failed = row["n_error"]
    title = f"{row['n_skipped']:,} not asked" if row["n_skipped"] else ""
    return Cell(f"{failed:,} of {row['n_asked']:,}", failed, "bad" if failed else "", title=title)


def hosting(arm: ShownArm) -> Cell:
    """Return who processes the data and where, as declared."""
    if arm.facts["kind"] == "classical":
        return Cell("this process")
    declared = arm.facts.get("governance") or {}
    regions = declared.get("regions")
    said = [clean(declared["processor"])] if declared.get("processor") else []
    said += [", ".join(map(clean, regions))] if regions else []
    return Cell("; ".join(said)) if said else plain(None)


_ALL: tuple[tuple[str, Callable[[Mapping[str, Any]], Any]], ...] = (
    ("arm", lambda r: None),
    ("mode", lambda r: r["structured_mode"]),
    ("asked", lambda r: r["n_asked"]),
    ("answered", lambda r: r["n_answered"]),
    ("failed", lambda r: r["n_error"]),
    ("not asked", lambda r: r["n_skipped"]),
    ("scored trials", lambda r: r["n_trials"]),
    ("not gradable", lambda r: r["n_grader_failed"]),
    ("timed out", lambda r: r["n_censored"]),
    ("from cache", lambda r: r["n_cached"]),
    ("tries per trial", lambda r: r["attempts_per_trial"]),
    ("tokens in", lambda r: r["tokens"]["input"]),
    ("tokens out", lambda r: r["tokens"]["output"]),
    ("cost", lambda r: r["cost_usd"]),
    ("judges' cost", lambda r: r["judge_cost_usd"]),
    ("priced", lambda r: r["priced_fraction"]),
)


def counts_table(suite: SuiteEvidence, colours: Colours) -> Table:
    """Return what was counted: trials, tokens, money in all."""
    rows = tuple(
        (arm_cell(arm, colours), *(_count(head, read(arm.row)) for head, read in _ALL[1:]))
        for arm in suite.arms
    )
    return Table(
        name=file_name("counts", suite.name),
        caption=f"{clean(suite.name)}: what was counted, in trials",
        columns=tuple(Column(head, place > 1) for place, (head, _) in enumerate(_ALL)),
        rows=rows,
        data=tuple(flat_row(arm.row) for arm in suite.arms),
    )


def _count(head: str, value: Any) -> Cell:
    if value is None:
        return Cell(UNPRICED if "cost" in head else MISSING, tone="faint")
    if "cost" in head:
        return money_cell(value, UNPRICED)
    if head == "priced":
        return Cell(share(value), value)
    if isinstance(value, str):
        return Cell(clean(value))
    return number_cell(value, 2 if head == "tries per trial" else 0)


def graders_table(suite: SuiteEvidence, colours: Colours) -> Table | None:
    """Return the mean of each grader and metric; None where there is only the primary grader."""
    names = list(dict.fromkeys(n for arm in suite.arms for n in arm.row["graders"]))
    metrics = list(dict.fromkeys(n for arm in suite.arms for n in arm.row["metrics"]))
    if len(names) < 2 and not metrics:
        return None
    rows, data = [], []
    for arm in suite.arms:
        graders = [arm.row["graders"].get(name) for name in names]
        told = [arm.row["metrics"].get(name) for name in metrics]
        rows.append(
            (
                arm_cell(arm, colours),
                *(Cell(share(value), value) for value in graders),
                *(share_cell(figure) for figure in told),
            )
        )
        data += _grader_data(arm)
    heads = [*names, *metrics]
    return Table(
        name=file_name("graders", suite.name),
        caption=f"{clean(suite.name)}: mean score of each grader, and further metrics",
        columns=(Column("arm"), *(Column(clean(head), True) for head in heads)),
        rows=tuple(rows),
        data=tuple(data),
    )


def _grader_data(arm: ShownArm) -> list[dict[str, Any]]:
    key = {"suite": arm.row["suite"], "arm": arm.label}
    found = [
        {**key, "grader": name, "value": value, "low": None, "high": None, "n": None}
        for name, value in arm.row["graders"].items()
    ]
    return found + [
        {**key, "grader": name, **{k: f[k] for k in ("value", "low", "high", "n")}}
        for name, f in arm.row["metrics"].items()
        if f is not None
    ]
