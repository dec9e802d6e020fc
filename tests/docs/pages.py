"""The pages of the documentation and their code blocks, as the tests read them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/*.md", "suites/*/README.md", "dev/*.md")
    for path in ROOT.glob(pattern)
)
_BLOCK = re.compile(
    r"(?P<runs><!-- runs -->\n)?^(?P<fence>`{3,})(?P<language>\w*)\n(?P<text>.*?)^(?P=fence)$",
    re.DOTALL | re.MULTILINE,
)


class Block(NamedTuple):
    """A fenced block: its language, its text, and whether the page says that it runs."""

    language: str
    text: str
    runs: bool


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(m["language"], m["text"], m["runs"] is not None) for m in found]


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


def name_of(page: Path) -> str:
    """Return a page's path inside the project."""
    return str(page.relative_to(ROOT))
