"""What a page is made of: frozen data between the figures and the template.

Texts stand here as they are; whoever writes HTML, CSV, a workbook or Markdown makes them safe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from evalkit.report.charts.drawing import Drawing

Tone = Literal["", "good", "bad", "open", "faint"]
Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table as it is shown.

    Attributes:
        text: What is read; a symbol or word carries what the tone says.
        sort: By what the column is sorted; None sorts last, whichever way.
        tone: How it is set off.
        link: Where it leads: inside the page (`#s-...`) or on its server (`/run/...`).
        colour: Role of the palette (`c0`) whose swatch stands before the text, else empty.
        title: What a reader may want to know beside it; shown below the text, small.
    """

    text: str
    sort: str | float | None = None
    tone: Tone = ""
    link: str = ""
    colour: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its head, whether it holds figures (set right), and what the head means."""

    head: str
    numeric: bool = False
    help: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table, for the page and as a file of its own.

    Attributes:
        name: Fit for a file name and an id: `comparison`, `pairwise-extraction`.
        caption: What it shows.
        columns: Of what is shown.
        rows: Cells, as many as columns; the first heads its row.
        data: One flat record a row of the file: unrounded values under plain names. Its rows may
            be others than those shown.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    data: tuple[Mapping[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn chart.

    Attributes:
        name: Fit for a file name and an id, as a table's.
        caption: What it shows.
        alt: What it says, in words, for those who do not see it.
        drawing: The chart itself.
        table: Name of the table on the page that holds its data.
    """

    name: str
    caption: str
    alt: str
    drawing: Drawing
    table: str


@dataclass(frozen=True, slots=True)
class Notes:
    """Paragraphs, or a list where `listed`."""

    lines: tuple[str, ...]
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Terms with what they are here: a description list."""

    pairs: tuple[tuple[str, str], ...]
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A sample that deserves a look: opened, it shows the outputs of two arms side by side.

    Attributes:
        link: Its sample in the page's data: `#s-SUITE-NUMBER`.
        sample_id: Its id.
        tone: How it is set off.
        mark: Symbol and word: `▼ regression`.
        said: One line: who passed, who did not.
        arms: Places of the two arms within their suite.
    """

    link: str
    sample_id: str
    tone: Tone
    mark: str
    said: str
    arms: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Cases:
    """Samples to look at first, with how many there are in all."""

    caption: str
    cases: tuple[Case, ...]
    total: int


Block = Table | Chart | Notes | Facts | Cases


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with blocks, and parts below it (one for each suite, as a rule)."""

    id: str
    heading: str
    blocks: tuple[Block, ...] = ()
    parts: tuple[Section, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the page says first.

    Attributes:
        tone: How it is set off; the symbol and the word say it too.
        symbol: `✓`, `✗`, `?`, `≈`.
        word: `PASS`, `better`, `not decided`.
        sentence: The verdict in one sentence.
        lines: One for each suite, and what must be known beside it.
    """

    tone: Tone
    symbol: str
    word: str
    sentence: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page.

    Attributes:
        title: Of the document and its only h1.
        verdict: What is read first; None on an index.
        facts: Date, suites, numbers: a line of terms below the verdict.
        sections: In the order in which they are read.
        samples: What the page's script reads; None where there is none.
        texts: Texts that `samples` refers to by number, each once, made safe to be shown.
        footer: Last line.
        home: Address of the index that the page belongs to; empty where it stands alone.
    """

    title: str
    verdict: Verdict | None
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    samples: Mapping[str, Any] | None = None
    texts: tuple[str, ...] = ()
    footer: str = ""
    home: str = ""
