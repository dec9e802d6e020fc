"""Tables as a workbook, read back by a library that did not write it."""

from __future__ import annotations

from pathlib import Path

import openpyxl

from evalkit.report.page.parts import Table
from evalkit.report.workbook import write_workbook
from tests.report.hostile import HOSTILE


def table(name: str, *rows: dict[str, str | int | float | bool | None]) -> Table:
    return Table(name, f"caption of {name}", (), (), rows)


def test_figures_come_back_as_numbers(tmp_path: Path) -> None:
    """Unrounded, with their heads; None is an empty cell."""
    path = write_workbook([table("a", {"arm": "p:m", "quality": 0.123456789, "n": None})],
                          tmp_path / "x.xlsx")  # fmt: skip
    sheet = openpyxl.load_workbook(path)["a"]
    assert [("arm", "quality", "n"), ("p:m", 0.123456789, None)] == list(sheet.values)


def test_no_hostile_text_is_a_formula_or_a_link(tmp_path: Path) -> None:
    """Each is a string, and the file can be read."""
    rows = [{"text": text} for text in HOSTILE.values()]
    path = write_workbook([table(name[:9], *rows) for name in HOSTILE], tmp_path / "x.xlsx")
    book = openpyxl.load_workbook(path)
    assert len(HOSTILE) + 1 == len(book.sheetnames)
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type in ("s", "n")
                assert cell.hyperlink is None


def test_equal_tables_give_equal_bytes(tmp_path: Path) -> None:
    """No date of today is in it."""
    one, other = (write_workbook([table("a", {"x": 1})], tmp_path / f"{n}.xlsx") for n in "ab")
    assert one.read_bytes() == other.read_bytes()
