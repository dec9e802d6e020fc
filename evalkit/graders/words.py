"""Text as the words that are compared: folded, without punctuation, in order.

This module does not know targets or scores.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

_KEPT_INSIDE = re.compile(r"(?<=\d)[.,:/-](?=\d)|(?<![\w.,])-(?=\d)")  # 1,234.5 2026-01-02 -5
_APOSTROPHE = re.compile(r"(?<=\w)['’](?=\w)")


def normalised(text: str, drop: Sequence[str] = ()) -> str:
    """Return words only: NFKC, folded case, punctuation gone, single spaces.

    Punctuation inside numbers and dates stays, and symbols do (€, +, =): "-5" is not "5", "C++"
    is not "C". Words in `drop` are left out.
    """
    return " ".join(tokens(text, drop))


def tokens(text: str, drop: Sequence[str] = ()) -> list[str]:
    """Return the words of `normalised` as a list."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = _APOSTROPHE.sub("", text)
    if any(_is_punctuation(c) for c in set(text)):
        kept = {match.start() for match in _KEPT_INSIDE.finditer(text)}
        text = "".join(
            " " if _is_punctuation(c) and i not in kept else c for i, c in enumerate(text)
        )
    dropped = frozenset(drop)
    return [word for word in text.split() if word not in dropped]


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
        if _boundary(text[start - 1 : start], part[0]) and _boundary(part[-1], text[end : end + 1]):
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
