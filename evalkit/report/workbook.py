"""Tables as one workbook: a sheet for each, whose texts are never formulas or links.

Equal tables give equal bytes. It does not compute.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.report.page.parts import Table
from evalkit.report.values import clean

MOST_ROWS = 1_048_575
MOST_CHARACTERS = 32_767
_NAME_LENGTH = 31
_FORBIDDEN = re.compile(r"[\[\]:*?/\\']")
_CREATED = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - the library takes no zone
_OPTIONS: dict[str, Any] = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "nan_inf_to_errors": False,
}


def write_workbook(tables: Sequence[Table], path: Path) -> Path:
    """Write tables as an .xlsx file: first a sheet of contents, then a sheet for each.

    Args:
        tables: Their `data` is written, unrounded; rows past the format's limit are left out.
        path: The file.
    """
    import xlsxwriter

    draft = path.with_name(f".{path.name}.draft")
    book = xlsxwriter.Workbook(draft, _OPTIONS)
    book.set_properties({"created": _CREATED, "author": "evalkit"})
    bold = book.add_format({"bold": True})
    names = _sheet_names([table.name for table in tables])
    captions = [
        {"sheet": name, "table": table.caption} for name, table in zip(names, tables, strict=True)
    ]
    _fill(book.add_worksheet("contents"), captions, bold)
    for name, table in zip(names, tables, strict=True):
        _fill(book.add_worksheet(name), table.data, bold)
    book.close()
    return draft.replace(path)


def _fill(sheet: Any, rows: Sequence[Mapping[str, Any]], bold: Any) -> None:
    head = list(dict.fromkeys(name for row in rows for name in row))
    sheet.freeze_panes(1, 0)
    for column, name in enumerate(head):
        sheet.set_column(column, column, max(10, min(40, len(name) + 2)))
        sheet.write_string(0, column, clean(name), bold)
    for number, row in enumerate(rows[:MOST_ROWS], 1):
        for column, name in enumerate(head):
            _write(sheet, number, column, row.get(name))


def _write(sheet: Any, row: int, column: int, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, int | float):
        sheet.write_number(row, column, value)
    else:
        sheet.write_string(row, column, clean(value)[:MOST_CHARACTERS])


def _sheet_names(names: Sequence[str]) -> list[str]:
    """Return names that a workbook takes: short, and told apart whatever their case.

    Example:
        >>> _sheet_names(["pairs-a", "PAIRS-A", "x" * 40])[1:]
        ['PAIRS-A~2', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx']
    """
    taken = {"contents", "history"}
    found = []
    for name in names:
        short = base = _FORBIDDEN.sub("-", clean(name))[:_NAME_LENGTH] or "table"
        number = 1
        while short.casefold() in taken:
            number += 1
            short = f"{base[: _NAME_LENGTH - len(str(number)) - 1]}~{number}"
        taken.add(short.casefold())
        found.append(short)
    return found
