"""Quality in each slice: where an arm is good or bad, with intervals.

It does not draw: `report.charts` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from evalkit.analysis.compare import reading_of
from evalkit.analysis.reporting.evidence import SuiteEvidence
from evalkit.report.charts.heat import Field, SliceFields, heat_chart
from evalkit.report.compare_table import difference, probability, said
from evalkit.report.page.parts import Cell, Chart, Column, Table, Tone
from evalkit.report.sections.cells import arm_text, file_name, share_cell
from evalkit.report.sections.pairwise import slice_changes
from evalkit.report.values import clean, share

MOST_ROWS, MOST_ARMS = 24, 10
_TONES: dict[str, Tone] = {"better": "good", "worse": "bad"}


class SliceRow(NamedTuple):
    """One value of a column, and each arm's quality in it, in the order of the arms."""

    column: str
    value: str
    cells: tuple[Mapping[str, Any] | None, ...]

    @property
    def n(self) -> int:
        """Samples of the arm that has most."""
        return max((cell["n"] for cell in self.cells if cell), default=0)


def slice_rows(suite: SuiteEvidence) -> list[SliceRow]:
    """Return the suite's slices, the largest of each column first."""
    names = dict.fromkeys(
        (column, value)
        for arm in suite.arms
        for column, values in arm.row["slices"].items()
        for value in values
    )
    rows = [
        SliceRow(
            column, value, tuple(arm.row["slices"].get(column, {}).get(value) for arm in suite.arms)
        )
        for column, value in names
    ]
    return sorted(rows, key=lambda row: (row.column, -row.n, row.value))


def slice_table(suite: SuiteEvidence, rows: list[SliceRow]) -> Table:
    """Return quality by slice, a column for each arm."""
    return Table(
        name=file_name("slices", suite.name),
        caption=f"{clean(suite.name)}: quality in each slice, with 95 % intervals",
        columns=(
            Column("slice"),
            Column("samples", True),
            *(Column(arm_text(arm), True) for arm in suite.arms),
        ),
        rows=tuple(
            (
                Cell(f"{clean(row.column)}: {clean(row.value)}"),
                Cell(f"{row.n:,}", row.n),
                *(share_cell(cell and cell["quality"]) for cell in row.cells),
            )
            for row in rows
        ),
        data=tuple(record for row in rows for record in _data(suite, row)),
    )


def heat_blocks(suite: SuiteEvidence, rows: list[SliceRow]) -> list[Chart]:
    """Return the heat map of the slices with most samples; a table holds all of them."""
    shown = [row for row in rows if row.value not in ("", None)]
    kept = {id(row) for row in sorted(shown, key=lambda row: -row.n)[:MOST_ROWS]}
    arms = suite.arms[:MOST_ARMS]
    fields = [
        SliceFields(f"{row.column}: {row.value}", row.n, tuple(map(_field, row.cells[: len(arms)])))
        for row in rows
        if id(row) in kept
    ]
    known = [
        (f.value, own.label, arm)
        for own in fields
        for f, arm in zip(own.fields, arms, strict=True)
        if f
    ]
    if not known:
        return []
    worst = min(known, key=lambda one: one[0])
    left = len(rows) - len(fields) or len(suite.arms) - len(arms)
    name = file_name("slices", suite.name)
    alt = (
        f"A heat map of quality in {len(fields)} slices for {len(arms)} arms. Lowest: "
        f"{arm_text(worst[2])} with {share(worst[0])} in {clean(worst[1])}."
    )
    return [
        Chart(
            name,
            f"{clean(suite.name)}: quality by slice, with 95 % intervals in percent"
            + ("; the table holds the rest" if left else ""),
            alt,
            heat_chart(name, alt, [arm_text(arm) for arm in arms], fields),
            name,
        )
    ]


def _field(cell: Mapping[str, Any] | None) -> Field | None:
    quality = cell and cell["quality"]
    return Field(quality["value"], quality["low"], quality["high"]) if quality else None


def _data(suite: SuiteEvidence, row: SliceRow) -> list[dict[str, Any]]:
    return [
        {
            "suite": suite.name,
            "column": row.column,
            "value": row.value,
            "arm": arm.label,
            "samples": cell["n"],
            "quality": cell["quality"] and cell["quality"]["value"],
            "quality_low": cell["quality"] and cell["quality"]["low"],
            "quality_high": cell["quality"] and cell["quality"]["high"],
            "method": cell["quality"] and cell["quality"]["method"],
        }
        for arm, cell in zip(suite.arms, row.cells, strict=True)
        if cell is not None
    ]


def change_table(suite: SuiteEvidence) -> Table | None:
    """Return the differences of the two arms of the verdict by slice; None where there is none."""
    rows = slice_changes(suite)
    contrast = suite.contrast
    if not rows or contrast is None:
        return None
    return Table(
        name=file_name("slice-changes", suite.name),
        caption=(
            f"{clean(suite.name)}: {clean(contrast.candidate)} minus {clean(contrast.baseline)} in "
            "each slice, in points; p-values are adjusted for the number of slices"
        ),
        columns=(
            Column("slice"),
            Column("n", True),
            Column("difference, points", True),
            Column("p (Holm)", True),
            Column("says"),
        ),
        rows=tuple(
            (
                Cell(", ".join(f"{clean(k)}: {clean(v)}" for k, v in row["slice"].items())),
                Cell(f"{row['n']:,}", row["n"]),
                Cell(difference(row), row["difference"]),
                Cell(probability(row), row["p_adjusted"]),
                Cell(said(row), tone=_TONES.get(reading_of(row), "")),
            )
            for row in rows
        ),
        data=tuple(
            {
                "suite": suite.name,
                **{f"slice_{k}": v for k, v in row["slice"].items()},
                **{k: row[k] for k in ("baseline", "candidate", "n", "difference", "low", "high")},
                **{k: row[k] for k in ("p_value", "p_adjusted", "method")},
            }
            for row in rows
        ),
    )
