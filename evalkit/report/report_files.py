"""A report as files: the page, its tables as CSV, and a summary for a pull request.

The page stands alone; the rest lies in a folder of its name beside it. It does not compute.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from evalkit.analysis.reporting.browsing import browse
from evalkit.analysis.reporting.evidence import Evidence
from evalkit.report.export import safe_cell
from evalkit.report.markdown import escaped, table
from evalkit.report.page.parts import Block, Cases, Chart, Page, Section, Table
from evalkit.report.page.render import render
from evalkit.report.sections.assemble import report_page
from evalkit.report.workbook import write_workbook

MOST_CHARACTERS = 60_000
MOST_CASES = 10


class Written(NamedTuple):
    """What was written: the page first, then the summary and the tables."""

    page: Page
    paths: tuple[Path, ...]


def write_report_files(evidence: Evidence, output: Path) -> Written:
    """Write a report.

    Args:
        evidence: What it shows.
        output: The page's file.

    Returns:
        The page and the paths of all files.
    """
    browsed, texts = browse(evidence)
    folder = output.with_suffix("")
    folder = folder if folder != output else output.with_name(f"{output.name}-tables")
    folder.mkdir(parents=True, exist_ok=True)
    page = report_page(evidence, browsed, texts, output.parent)
    paths = [_written(output, render(page))]
    paths.append(_written(folder / "summary.md", summary(page, link=output.name)))
    paths += [_written(folder / f"{own.name}.csv", table_csv(own)) for own in tables_of(page)]
    paths.append(write_workbook(tables_of(page), folder / "tables.xlsx"))
    for chart in charts_of(page):
        paths.append(_written(folder / f"chart-{chart.name}.svg", chart.drawing.svg))
        paths.append(folder / f"chart-{chart.name}.png")
        paths[-1].write_bytes(chart.drawing.png)
    return Written(page, tuple(paths))


def _written(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text, encoding="utf-8", errors="replace", newline="")
    draft.replace(path)
    return path


def tables_of(page: Page) -> list[Table]:
    """Return the tables of a page, each once."""
    found = {
        own.name: own
        for section in page.sections
        for own in _blocks(section)
        if isinstance(own, Table)
    }
    return list(found.values())


def charts_of(page: Page) -> list[Chart]:
    """Return the charts of a page, in its order."""
    return [b for section in page.sections for b in _blocks(section) if isinstance(b, Chart)]


def _blocks(section: Section) -> Iterator[Block]:
    yield from section.blocks
    for part in section.parts:
        yield from _blocks(part)


def table_csv(own: Table) -> str:
    """Return a table's data as CSV that no spreadsheet takes for formulas."""
    head = list(dict.fromkeys(name for row in own.data for name in row))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([safe_cell(name) for name in head])
    for row in own.data:
        writer.writerow([safe_cell(row.get(name)) for name in head])
    return out.getvalue()


def summary(page: Page, *, link: str) -> str:
    """Return a page's verdict and comparison in Markdown, fit for a pull request comment."""
    parts = [f"# {escaped(page.title)}"]
    if page.verdict is not None:
        mark = f"**{escaped(page.verdict.symbol)} {escaped(page.verdict.word)}**"
        parts.append(f"{mark}: {escaped(page.verdict.sentence)}")
        parts += ["\n".join(f"- {escaped(line)}" for line in page.verdict.lines)]
    parts.append("; ".join(f"{escaped(t)}: {escaped(text)}" for t, text in page.facts))
    compared = next((s for s in page.sections if s.id == "comparison"), None)
    compared_blocks = _blocks(compared) if compared else ()
    parts += [_markdown(own) for own in compared_blocks if isinstance(own, Table)]
    parts += _cases(page)
    text = ""
    for part in filter(None, parts):
        if len(text) + len(part) > MOST_CHARACTERS:
            text += "*More is left out here and stands in the page.*\n\n"
            break
        text += f"{part}\n\n"
    return f"{text}The whole report: {escaped(link)}\n"


def _markdown(own: Table) -> str:
    head = [escaped(column.head) for column in own.columns]
    rows = [
        [escaped(f"{cell.text} [{cell.title}]" if cell.title else cell.text) for cell in row]
        for row in own.rows
    ]
    return f"**{escaped(own.caption)}**\n\n{table(head, rows)}"


def _cases(page: Page) -> list[str]:
    """Return the first samples of the first list, by id and without outputs."""
    sections: Sequence[Section] = [s for s in page.sections if s.id == "look-first"]
    lists = [b for own in sections for b in _blocks(own) if isinstance(b, Cases)]
    return [
        f"{escaped(own.caption)}: "
        + ", ".join(escaped(c.sample_id) for c in own.cases[:MOST_CASES])
        for own in lists[:1]
    ]
