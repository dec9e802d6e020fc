"""The word difference of two outputs, as the browser computes it: whole, shortest, bounded."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import evalkit.report.page as package
from tests.report.hostile import HOSTILE

ASSETS = Path(package.__file__).parent / "assets"
SCRIPT = (ASSETS / "difference.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def differences(chromium: Any) -> Iterator[Any]:
    """`differences(pairs)`: both texts of each pair as lists of [own, words], or None."""
    context = chromium.new_context()
    page = context.new_page()
    yield lambda pairs: page.evaluate(
        f"(pairs) => {{ {SCRIPT}; return pairs.map(([a, b]) => difference(a, b)); }}", pairs
    )
    context.close()


def common(a: list[str], b: list[str]) -> int:
    """Words of the longest common subsequence, by its definition."""

    @cache
    def longest(i: int, j: int) -> int:
        if i == len(a) or j == len(b):
            return 0
        if a[i] == b[j]:
            return 1 + longest(i + 1, j + 1)
        return max(longest(i + 1, j), longest(i, j + 1))

    return longest(0, 0)


def words(parts: list[list[Any]], own: bool) -> str:
    return "".join(text for mine, text in parts if mine is own)


def test_nothing_is_lost_and_as_little_as_can_be_is_marked(differences: Any) -> None:
    """Both sides join to their text; what is not marked is one text, and the longest there is."""
    draw = random.Random(5)
    pairs = [
        [" ".join(draw.choices("abc", k=draw.randint(0, 12))) for _ in range(2)] for _ in range(300)
    ]
    for (a, b), (left, right) in zip(pairs, differences(pairs), strict=True):
        assert ["".join(text for _, text in side) for side in (left, right)] == [a, b]
        assert words(left, own=False) == words(right, own=False)
        assert len(words(left, own=False)) == common(list(a), list(b))


def test_the_corpus_is_compared_without_loss(differences: Any) -> None:
    """Each text with the next; those that are too long are not compared at all."""
    texts = [text.encode("utf-8", "replace").decode()[:50_000] for text in HOSTILE.values()]
    pairs = [list(pair) for pair in pairwise(texts)]
    found = differences(pairs)
    for pair, sides in zip(pairs, found, strict=True):
        if sides is not None:
            assert ["".join(text for _, text in side) for side in sides] == pair
    assert [sides for sides in found if sides is None] == [None]


def test_a_megabyte_does_not_hang(differences: Any) -> None:
    """Equal ends are cut first; what is left is compared up to a bound."""
    line, many = "x" * 1_000_000, "a b " * 250_000
    pairs = [[line, line + "y"], [many, many + "c"], [many + "c " + many, many + many]]
    pairs.append([many, "b a c " * 170_000])
    before = time.perf_counter()
    found = differences(pairs)
    assert time.perf_counter() - before < 60
    assert found[0] == [[[True, line]], [[True, line + "y"]]]
    assert found[1] == [[[False, many]], [[False, many], [True, "c"]]]
    assert words(found[2][0], own=True) == "c "
    assert found[3] is None


@pytest.mark.parametrize(
    ("first", "second", "own"),
    [
        ("Total: 67.73 EUR", "Total: 68.73 EUR", ("67", "68")),
        ("naïve Müller", "naïve Mueller", ("Müller", "Mueller")),
        ("東京", "東京都", ("東京", "東京都")),
        ("a b", "a  b", (" ", "  ")),
        ("", "a", ("", "a")),
    ],
)
def test_words_are_words_of_any_script(
    differences: Any, first: str, second: str, own: tuple[str, str]
) -> None:
    """Letters and digits belong together, each mark stands alone, so does each gap."""
    ((left, right),) = differences([[first, second]])
    assert own == (words(left, own=True), words(right, own=True))


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("a b", "a b", "Both outputs are the same."),
        ("a b", "a\n b ", "The outputs differ in white space alone."),
        ("a b", "a c", "Struck through: only in the first output; underlined: only in the second."),
        ("a " * 2000, "b " * 2000, "The outputs are too long to be compared word by word."),
        (None, "a", ""),
    ],
)
def test_the_reader_is_told_how_two_outputs_differ(
    chromium: Any, first: str | None, second: str, said: str
) -> None:
    """Above them, in a sentence; where one is missing there is nothing to say."""
    script = SCRIPT + (ASSETS / "samples.js").read_text(encoding="utf-8")
    context = chromium.new_context()
    found = context.new_page().evaluate(
        f"([a, b]) => {{ {script}; return toldOf(a, b, a && difference(a, b)); }}", [first, second]
    )
    context.close()
    assert found == said
