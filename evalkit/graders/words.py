"""Text as the words that are compared: folded, without punctuation, in order.

This module does not know targets or scores.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

_KEPT_INSIDE = r"(?<=\d)[.,:/-](?=\d)|(?<![\w.,])-(?=\d)"  # 1,234.5 2026-01-02 -5
_MARK = re.compile(rf"({_KEPT_INSIDE})|[^\w\s]|_")
_APOSTROPHE = re.compile(r"(?<=\w)['’](?=\w)")
_EDGE = re.compile(r"[\W_]|[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7af]|"
                   "[\U00020000-\U0003ffff]")  # fmt: skip
MAX_CACHED_CHARS = 256
"""Names, labels and short answers come back often; long texts do not."""


def normalised(text: str, drop: Sequence[str] = ()) -> str:
    """Return words only: NFKC, folded case, punctuation gone, single spaces.

    Punctuation inside numbers and dates stays, and symbols do (€, +, =): "-5" is not "5", "C++"
    is not "C". Words in `drop` are left out.
    """
    if drop or len(text) > MAX_CACHED_CHARS:
        return " ".join(tokens(text, drop))
    return _normalised(text)


@lru_cache(maxsize=4096)
def _normalised(text: str) -> str:
    return " ".join(tokens(text))


def tokens(text: str, drop: Sequence[str] = ()) -> list[str]:
    """Return the words of `normalised` as a list."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = _MARK.sub(_spaced, _APOSTROPHE.sub("", text))
    if not drop:
        return text.split()
    dropped = frozenset(drop)
    return [word for word in text.split() if word not in dropped]


def _spaced(mark: re.Match[str]) -> str:
    character = mark[0]
    return character if mark[1] or not _is_punctuation(character) else " "


def token_f1(target: Sequence[str], answer: Sequence[str]) -> float:
    """Return the F1 of two bags of words, as SQuAD does; symmetric.

    Args:
        target: Words of the reference, at least one.
        answer: Words of the answer; none gives 0.

    Source:
        Rajpurkar et al. 2016, SQuAD, section 6.1, https://aclanthology.org/D16-1264.

    >>> round(token_f1(["the", "cat", "sat"], ["the", "cat"]), 3)
    0.8
    """
    common = sum((Counter(target) & Counter(answer)).values())
    return 2 * common / (len(target) + len(answer)) if common else 0.0


def contains(text: str, part: str) -> bool:
    """Return whether normalised `part` stands in normalised `text` at word boundaries.

    In scripts that write no spaces between words (Chinese, Japanese, Thai), and in Korean, whose
    particles are attached, any place is a boundary.
    """
    start = text.find(part)
    while start >= 0:
        end = start + len(part)
        if not _boundary(text[start - 1 : start], part[0]):
            edge = _EDGE.search(text, start)  # no place inside this word can be a boundary
            start = -1 if edge is None else text.find(part, max(edge.start(), start + 1))
            continue
        if _boundary(part[-1], text[end : end + 1]):
            return True
        start = text.find(part, start + 1)
    return False


def _boundary(before: str, after: str) -> bool:
    if not before or not after or not (before.isalnum() and after.isalnum()):
        return True
    return _unspaced(before) or _unspaced(after)


def _unspaced(character: str) -> bool:
    code = ord(character)
    return (
        0x0E00 <= code <= 0x0EFF  # Thai, Lao
        or 0x1000 <= code <= 0x109F  # Burmese
        or 0x1780 <= code <= 0x17FF  # Khmer
        or 0x2E80 <= code <= 0x9FFF  # Han, kana
        or 0xAC00 <= code <= 0xD7AF  # Hangul
        or 0x20000 <= code <= 0x3FFFF
    )


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] == "P"
