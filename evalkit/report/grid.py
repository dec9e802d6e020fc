"""A plain table for the terminal: names at the left, columns beside, cut where it is too wide.

It does not know what its cells mean.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from evalkit.report.terminal import Style, ascii_of, shortened
from evalkit.report.values import clean, width

_GAP = 2
_NARROWEST = 24
_FIGURE_WORDS = 4  # "-39 [-41, -36] %"; what has more is a sentence
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
    room = max(_NARROWEST, style.width - own - _GAP)
    drawn = [_column(head, cells, room) for head, cells in columns]
    lines: list[str] = []
    for block in _blocks([column.width for column in drawn], style.width - own):
        lines += [""] if lines else []
        heads = [drawn[i].set(drawn[i].head) for i in block]
        lines.append((" " * _GAP).join([title.ljust(own), *heads]).rstrip())
        wide = own + sum(drawn[i].width + _GAP for i in block)
        lines.append("─" * min(style.width, wide))
        for row, name in enumerate(names):
            shown = shortened(clean(name), own)
            first = shown + " " * (own - width(shown))
            lines += _row(first, [(drawn[i], drawn[i].cells[row]) for i in block])
    text = "\n".join(lines)
    return text if style.unicode else ascii_of(text)


class _Column(NamedTuple):
    """A column: its cells as lines; sentences stand at the left, figures at the right."""

    head: str
    cells: list[list[str]]
    width: int
    is_prose: bool

    def set(self, text: str) -> str:
        """Return a text in the column's width."""
        space = " " * max(0, self.width - width(text))
        return text + space if self.is_prose else space + text


def _column(head: str, cells: Sequence[str], room: int) -> _Column:
    """Return a column; sentences that are wider than the room are wrapped."""
    is_prose = any(len(cell.split()) > _FIGURE_WORDS for cell in cells)
    found = [textwrap.wrap(cell, room) or [""] if is_prose else [cell] for cell in cells]
    widest = max(map(width, [head, *(line for own in found for line in own)]))
    return _Column(head, found, widest, is_prose)


def _row(name: str, cells: Sequence[tuple[_Column, list[str]]]) -> list[str]:
    lines = []
    for place in range(max((len(own) for _, own in cells), default=1)):
        texts = [column.set(own[place] if place < len(own) else "") for column, own in cells]
        first = name if place == 0 else " " * width(name)
        lines.append((" " * _GAP).join([first, *texts]).rstrip())
    return lines


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
