"""Candidate answers inside a text: dates, amounts and stretches of words, each with its features.

A candidate is described by its own words and shape, its neighbours, its line and its rank among
its kind. It does not know fields, schemas or training.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

from evalkit.providers.surface_forms import Found, amounts, dates

Kind = Literal["date", "amount", "text"]
SHORT_TOKENS = 40  # up to here every stretch of words is a candidate
LONGEST = 8  # tokens of a candidate
_TOKEN = re.compile(r"\w+(?:[.,:/'’_-]\w+)*|[^\w\s]")
_BREAK = re.compile(r"\n|\s{2,}|\t|\||\.{3,}|(?<=:)\s|,\s|\s[-–—]\s")
_SYMBOL = re.compile(r"[$€£¥₹]|\b(?:USD|EUR|GBP|CHF|PLN|JPY|CAD|AUD)\b|zł|kr")


class Candidate(NamedTuple):
    """A stretch of a text and the value that it would be: character offsets, end exclusive."""

    start: int
    end: int
    value: float | str
    form: str


class Document:
    """A text cut into tokens, lines and segments, once for all candidates."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.spans = [m.span() for m in _TOKEN.finditer(text)]
        self.words = [text[s:e].lower() for s, e in self.spans]
        self.starts = [s for s, _ in self.spans]
        self.shapes = [shape(text[s:e]) for s, e in self.spans]
        self.line_starts = [0, *(m.end() for m in re.finditer("\n", text))]
        self.lines = [bisect_right(self.line_starts, s) - 1 for s in self.starts]
        symbol = _SYMBOL.search(text)
        self.symbol = symbol.group() if symbol else "none"

    def candidates(self, kind: Kind) -> list[Candidate]:
        """Return all candidates of one kind in the order of the text."""
        if kind == "text":
            return [self._stretch(i, j) for i, j in self._stretches()]
        days = list(dates(self.text))
        found = days if kind == "date" else [a for a in amounts(self.text) if not _inside(a, days)]
        return [Candidate(*f) for f in sorted(found, key=lambda f: f.start)]

    def features(self, kind: Kind, candidates: list[Candidate]) -> list[list[str]]:
        """Return the features of each candidate, as words for a hasher."""
        ranks = _ranks(kind, candidates)
        return [
            [f"{kind}|{f}" for f in (*self._features(c), *rank)]
            for c, rank in zip(candidates, ranks, strict=True)
        ]

    def line_texts(self) -> list[str]:
        """Return the lines that hold more than blanks."""
        return [line for line in self.text.split("\n") if line.strip()]

    def _stretch(self, first: int, last: int) -> Candidate:
        start, end = self.spans[first][0], self.spans[last][1]
        return Candidate(start, end, self.text[start:end], "words")

    def _stretches(self) -> Iterator[tuple[int, int]]:
        """Iterate over first and last token of every stretch that could be an answer."""
        count = len(self.spans)
        if count <= SHORT_TOKENS and "\n" not in self.text.strip():
            for i in range(count):
                for j in range(i, min(i + LONGEST, count)):
                    yield i, j
            return
        for first, last in self._segments():
            for i in range(first, last + 1):
                marked = self.shapes[i][0] in "Xd"
                reach = LONGEST if i == first else 4 if marked else 0
                for j in range(i, min(i + LONGEST, last + 1)):
                    if j < i + reach or (j == last and marked):
                        yield i, j

    def _segments(self) -> Iterator[tuple[int, int]]:
        """Iterate over first and last token between line ends, columns, colons and commas."""
        start = 0
        for gap in (*_BREAK.finditer(self.text), None):
            end = gap.start() if gap else len(self.text)
            first, last = bisect_left(self.starts, start), bisect_left(self.starts, end) - 1
            if first <= last:
                yield first, last
            start = gap.end() if gap else end

    def _features(self, c: Candidate) -> Iterator[str]:
        i = bisect_right(self.starts, c.start) - 1
        j = max(bisect_left(self.starts, c.end) - 1, i)
        yield from self._inner(c, i, j)
        yield from self._neighbours(i, j)
        line = self.lines[i]
        before = [k for k in range(max(0, i - 6), i) if self.lines[k] == line]
        yield from (f"L={self.words[k]}" for k in before)
        after = range(j + 1, min(j + 4, len(self.words)))
        yield from (f"A={self.words[k]}" for k in after if self.lines[k] == line)
        if not before:
            yield "first"
            above = range(max(0, i - 5), i)
            yield from (f"P={self.words[k]}" for k in above if self.lines[k] == line - 1)
        yield f"line={min(line, 8)}"
        yield f"end={min(len(self.line_starts) - line, 8)}"
        yield f"{c.form}{self.symbol}"

    def _inner(self, c: Candidate, i: int, j: int) -> Iterator[str]:
        yield f"n={j - i + 1}"
        yield f"w0={self.words[i]}"
        yield f"w1={self.words[j]}"
        yield f"s={self.shapes[i]}~{self.shapes[j]}"
        yield f"h={shape(self.text[c.start : c.end])[:12]}"
        if c.form == "words":
            yield from (f"w={word}" for word in self.words[i : j + 1])
            yield from (f"z={self.shapes[k]}" for k in range(i, j + 1))

    def _neighbours(self, i: int, j: int) -> Iterator[str]:
        words = self.words
        p1 = words[i - 1] if i > 0 else "^"
        p2 = words[i - 2] if i > 1 else "^"
        n1 = words[j + 1] if j + 1 < len(words) else "$"
        n2 = words[j + 2] if j + 2 < len(words) else "$"
        yield from (f"p={p1}", f"pp={p2}", f"p2={p2} {p1}", f"x={n1}", f"xx={n2}", f"x2={n1} {n2}")
        yield f"px={p1} {n1}"
        yield f"ps={self.shapes[i - 1] if i else '^'}"
        yield f"xs={self.shapes[j + 1] if j + 1 < len(words) else '$'}"


@lru_cache(maxsize=1 << 16)
def shape(text: str) -> str:
    """Return a text's shape: `Xx` for a name, `d` for digits, marks as they are.

    >>> [shape(t) for t in ("Berlin", "RG-25-1804", "IBM")]
    ['Xx', 'X-d-d', 'X']
    """
    classes = "".join(
        "X" if c.isupper() else "d" if c.isdigit() else "x" if c.isalpha() else c for c in text
    )
    return re.sub(r"(.)\1+", r"\1", classes)


def _inside(found: Found, others: list[Found]) -> bool:
    return any(o.start <= found.start and found.end <= o.end for o in others)


def _ranks(kind: Kind, candidates: list[Candidate]) -> list[list[str]]:
    """Return where each value stands among its kind: largest, second, smallest, first, last."""
    if kind == "text":
        return [[] for _ in candidates]
    values = sorted({c.value for c in candidates}, key=lambda v: (str(type(v)), v))
    last = len(candidates) - 1
    ranks = []
    for position, candidate in enumerate(candidates):
        rank = values.index(candidate.value)
        ranks.append(
            [
                f"top={min(len(values) - 1 - rank, 4)}",
                f"low={min(rank, 4)}",
                f"at={min(position, 4)}",
                f"left={min(last - position, 4)}",
                f"of={min(len(values), 4)} top={min(len(values) - 1 - rank, 4)}",
            ]
        )
    return ranks
