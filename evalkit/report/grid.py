"""A plain table for the terminal: names at the left, columns beside, cut where it is too wide.

It does not know what its cells mean.
"""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.report.terminal import Style, ascii_of, shortened
from evalkit.report.values import clean, width

_GAP = 2
WIDEST_NAME = 44


def grid(
    title: str,
    names: Sequence[str],
    columns: Sequence[tuple[str, Sequence[str]]],
    style: Style,
) -> str:
    """Return a table; too wide a one is cut into blocks that repeat the names.

    Args:
        title: Head of the column of names.
        names: One for each row.
        columns: Head and cells of each column, cells in the order of the names.
        style: How it may look.
    """
    own = min(WIDEST_NAME, max(map(width, (title, *map(clean, names)))))
    widths = [max(width(text) for text in (head, *cells)) for head, cells in columns]
    lines: list[str] = []
    for block in _blocks(widths, style.width - own):
        lines += [""] if lines else []
        heads = [columns[i][0].rjust(widths[i]) for i in block]
        lines.append((" " * _GAP).join([title.ljust(own), *heads]))
        lines.append("─" * min(style.width, width(lines[-1])))
        for row, name in enumerate(names):
            shown = shortened(clean(name), own)
            cells = [columns[i][1][row].rjust(widths[i]) for i in block]
            lines.append((" " * _GAP).join([shown + " " * (own - width(shown)), *cells]).rstrip())
    text = "\n".join(lines)
    return text if style.unicode else ascii_of(text)


def _blocks(widths: Sequence[int], room: int) -> list[list[int]]:
    blocks: list[list[int]] = [[]]
    left = room
    for index, wide in enumerate(widths):
        need = wide + _GAP
        if need > left and blocks[-1]:
            blocks.append([])
            left = room
        blocks[-1].append(index)
        left -= need
    return blocks
