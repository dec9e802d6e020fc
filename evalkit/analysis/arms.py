"""Arms by the names that people give them: with a mode or without.

An arm is written without `@mode` wherever its suite has one mode, so `p:m@json_schema` may stand
for the arm `p:m`, and `p:m` for `p:m@prompt` where there is no other of this model. It does not
know runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from evalkit.run.plan import parse_choice


class Named(NamedTuple):
    """An arm: its name, its model and the mode that it was asked in."""

    arm: str
    model: str
    mode: str | None


def find_arm(name: str, known: Iterable[Named]) -> str | None:
    """Return the arm that a name stands for, None where it is none or could be several.

    Example:
        >>> arms = [Named("p:m", "p:m", "json_schema"), Named("p:n@prompt", "p:n", "prompt")]
        >>> find_arm("p:m@json_schema", arms), find_arm("p:n", arms), find_arm("p:m@prompt", arms)
        ('p:m', 'p:n@prompt', None)
    """
    arms = list(known)
    if any(own.arm == name for own in arms):
        return name
    choice = parse_choice(name)
    found = {
        own.arm for own in arms if own.model == choice.model and choice.mode in (None, own.mode)
    }
    return found.pop() if len(found) == 1 else None
