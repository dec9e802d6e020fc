"""A suite's own regular expressions on answers, which may be long and hostile.

A pattern that can only take few steps on a text is matched here; any other in a process that can
be stopped. This module does not know what is searched for.
"""

from __future__ import annotations

import json
import re
from collections import deque

from evalkit.graders.guarded import guarded

MAX_STEPS = 30_000_000
"""About a second of `re`."""
_ESCAPE = re.compile(r"\\.", re.DOTALL)
_CLASS = re.compile(r"\[\^?\]?[^\]]*\]")
_OPENING = re.compile(r"\((?:\?(?:P?<\w+>|<?[:=!>]))?")
_QUANTIFIER = re.compile(r"(?:[*+?]|\{[0-9]*,?[0-9]*\})[?+]?")


def last_match(pattern: re.Pattern[str], text: str) -> str | None:
    """Return the first group (without groups: all) of the last match; None where none matches.

    Raises:
        CannotGrade: If the search was stopped at its limit.

    >>> last_match(re.compile(r"= ([0-9]+)"), "a = 1, b = 22")
    '22'
    """
    if most_steps(pattern.pattern, len(text)) > MAX_STEPS:
        found = guarded("pattern", json.dumps([pattern.pattern, pattern.flags]))(text)
        return None if found is None else str(found)
    return matched_last(pattern, text)


def matched_last(pattern: re.Pattern[str], text: str) -> str | None:
    """Search here and now."""
    matches = deque(pattern.finditer(text), maxlen=1)
    return (matches[0][1 if pattern.groups else 0] or "") if matches else None


def most_steps(pattern: str, length: int) -> float:
    """Return how many steps a search can take at most, infinity where groups are repeated.

    Without repeated groups each quantifier stands behind one character, so that it ends at one of
    at most `length` places for each place of the quantifiers before it and of the start.

    >>> most_steps("= ([0-9]+)", 1000), most_steps("(a+)+", 10)
    (1000000.0, inf)
    """
    if (
        re.compile(pattern).flags & re.VERBOSE
    ):  # blanks may stand between a group and its quantifier
        return float("inf")
    plain = _OPENING.sub("(", _CLASS.sub("x", _ESCAPE.sub("x", pattern)))
    if re.search(r"\)(?:[*+?]|\{)", plain):
        return float("inf")
    try:
        return float(length) ** (1 + len(_QUANTIFIER.findall(plain)))
    except OverflowError:
        return float("inf")
