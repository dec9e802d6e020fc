"""Every two arms against each other, as a matrix to look at and a table to keep.

The matrix says what a row's arm gains over a column's arm. It does not compute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.analysis.compare import reading_of, turned
from evalkit.analysis.reporting.evidence import ShownArm, SuiteEvidence
from evalkit.report.compare_table import difference, levels, points, probability, ratio, said, wins
from evalkit.report.page.parts import Cell, Column, Notes, Table, Tone
from evalkit.report.sections.cells import (
    BETTER,
    LEVEL,
    OPEN,
    WORSE,
    Colours,
    arm_cell,
    arm_text,
    file_name,
)
from evalkit.report.values import MISSING, clean

Row = Mapping[str, Any]
MOST_IN_MATRIX = 12
_MARKS: dict[str, tuple[Tone, str]] = {
    "better": ("good", BETTER),
    "worse": ("bad", WORSE),
    "not told apart": ("", LEVEL),
    "too few": ("faint", OPEN),
}
_RATIOS = (
    ("latency_p50_ms", "p50 ×"),
    ("latency_p95_ms", "p95 ×"),
    ("cost_per_success_usd", "cost per success ×"),
)


def pairwise_blocks(suite: SuiteEvidence, colours: Colours) -> list[Table | Notes]:
    """Return the matrix, where it is not too wide, and the table of pairs."""
    blocks: list[Table | Notes] = []
    matrix = _matrix(suite, colours)
    blocks += [matrix] if matrix is not None else []
    pairs = _pairs(suite)
    blocks += [pairs] if pairs is not None else []
    if suite.unlike:
        blocks.append(Notes(tuple(map(clean, suite.unlike)), listed=True))
    return blocks


def _matrix(suite: SuiteEvidence, colours: Colours) -> Table | None:
    """Return the differences in quality; None for fewer than three arms or too many."""
    arms = [arm for arm in suite.arms if arm.answered]
    found = {
        (row["candidate"], row["baseline"]): row
        for row in suite.pairs
        if row["metric"] == "quality" and row["slice"] is None
    }
    found |= {(b, c): turned(row) for (c, b), row in list(found.items())}
    if not 2 < len(arms) <= MOST_IN_MATRIX or len(found) < len(arms) * (len(arms) - 1) / 2:
        return None
    rows = [
        (arm_cell(row, colours), *(_cell(found, row, column) for column in arms)) for row in arms
    ]
    return Table(
        name=file_name("pairwise", suite.name),
        caption=(
            f"{clean(suite.name)}: quality of the row's arm minus that of the column's arm, in "
            "points, paired by sample, with 95 % intervals; "
            f"{BETTER} better, {WORSE} worse (p < 0.05, Holm), {LEVEL} not told apart"
        ),
        columns=(Column("arm"), *(Column(f"minus {arm_text(arm)}", True) for arm in arms)),
        rows=tuple(rows),
        data=tuple(_flat(row) for row in suite.pairs if row["metric"] == "quality"),
    )


def _cell(found: Mapping[tuple[str, str], Row], row: ShownArm, column: ShownArm) -> Cell:
    own = found.get((row.label, column.label))
    if own is None:
        return Cell("·" if row is column else MISSING, tone="faint")
    tone, mark = _MARKS.get(reading_of(own), ("faint", OPEN))
    limits = f"{points(own['low'])} to {points(own['high'])}"
    return Cell(f"{mark} {points(own['difference'])}", own["difference"], tone, title=limits)


def _pairs(suite: SuiteEvidence) -> Table | None:
    """Return the table of pairs; None where there is none."""
    whole: dict[tuple[str, str], dict[str, Row]] = {}
    for row in suite.pairs:
        if row["slice"] is None:
            whole.setdefault((row["baseline"], row["candidate"]), {})[row["metric"]] = row
    if not whole:
        return None
    return Table(
        name=file_name("pairs", suite.name),
        caption=f"{clean(suite.name)}: every pair; a difference is candidate minus baseline",
        columns=_PAIR_COLUMNS,
        rows=tuple(_pair_cells(*pair, rows) for pair, rows in whole.items()),
        data=tuple(_flat(row) for row in suite.pairs),
    )


_PAIR_COLUMNS = (
    Column("baseline → candidate"),
    Column("n", True, "independent samples, or clusters of them"),
    Column("quality, %", True, "of the baseline and of the candidate, on shared samples"),
    Column("difference, points", True, "with its 95 % interval"),
    Column("wins / losses / ties", True, "samples on which the candidate is better, worse, equal"),
    Column("p (Holm)", True, "adjusted for the number of pairs"),
    Column("says", help="what the difference says; else the difference that would show"),
    Column("malformed, points", True),
    Column("refused, points", True),
    *(Column(head, True, "candidate by baseline") for _, head in _RATIOS),
)


def _pair_cells(baseline: str, candidate: str, rows: Mapping[str, Row]) -> tuple[Cell, ...]:
    quality = rows.get("quality")
    tone = "" if quality is None else _MARKS.get(reading_of(quality), ("faint", OPEN))[0]
    return (
        Cell(f"{clean(baseline)} → {clean(candidate)}"),
        Cell("0" if quality is None else f"{quality['n']:,}", _sort(quality, "n")),
        Cell(levels(quality), _sort(quality, "candidate_value")),
        Cell(difference(quality), _sort(quality, "difference")),
        Cell(wins(quality), _sort(quality, "wins")),
        Cell(probability(quality), _sort(quality, "p_adjusted")),
        Cell(said(quality), tone=tone),
        *(
            Cell(difference(rows.get(metric)), _sort(rows.get(metric), "difference"))
            for metric in ("malformed_rate", "refusal_rate")
        ),
        *(Cell(ratio(rows.get(metric)), _sort(rows.get(metric), "ratio")) for metric, _ in _RATIOS),
    )


def _sort(row: Row | None, name: str) -> float | None:
    return None if row is None else row[name]


def _flat(row: Row) -> dict[str, Any]:
    """Return a row of `compare` as one flat record."""
    kept = {k: v for k, v in row.items() if k not in ("check", "slice") and not isinstance(v, dict)}
    column, value = next(iter((row["slice"] or {"": ""}).items()))
    return {**kept, "slice": column or None, "slice_value": value or None}


def slice_changes(suite: SuiteEvidence) -> Sequence[Row]:
    """Return the slices' rows of the two arms that the verdict is about."""
    contrast = suite.contrast
    if contrast is None:
        return ()
    pair = {contrast.baseline, contrast.candidate}
    own = [r for r in suite.pairs if r["slice"] and {r["baseline"], r["candidate"]} == pair]
    return [r if r["candidate"] == contrast.candidate else turned(r) for r in own]
