"""Calls that are due against calls that were made: which belongs to which, and how they agree.

Definitions: docs/graders/tool_calls.md. This module does not know samples, scores or rungs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from evalkit.graders.comparing import Comparer, Tally, best_assignment
from evalkit.graders.matchers import EXACT, OBJECT, IgnoreMatch, ListMatch, Match
from evalkit.graders.scoring import shown

MAX_FAULTS = 5
_IN_ORDER = ListMatch(ordered=True)
_ALL_BUT = 1 - 1e-9  # sums of thirds are not exact


class DueCall(NamedTuple):
    """A call of the target.

    Attributes:
        optional: Arguments that may be left out; one without a value in `arguments` may have any.
    """

    name: str
    arguments: dict[str, Any]
    optional: frozenset[str]


class CallAgreement(NamedTuple):
    """How a call that was made agrees with one that is due.

    Attributes:
        score: In [0, 1]: the function and each argument count alike.
        faults: What differs, for a reader; empty where the call is right.
    """

    score: float
    faults: tuple[str, ...]


class Matching(NamedTuple):
    """All calls of an answer against all that are due.

    Attributes:
        pairs: Agreement of each pair of calls of the same function.
        missing: Due calls that nothing was made for.
        extra: Made calls that were not due.
    """

    pairs: tuple[CallAgreement, ...]
    missing: tuple[DueCall, ...]
    extra: tuple[dict[str, Any], ...]

    @property
    def right(self) -> int:
        """How many pairs agree wholly."""
        return sum(not pair.faults for pair in self.pairs)

    def faults(self) -> Iterator[str]:
        """Yield what is wrong, one line each."""
        for pair in self.pairs:
            yield from pair.faults
        for due in self.missing:
            yield f"missing call {spelled(due.name, due.arguments)}"
        for made in self.extra:
            yield f"extra call {spelled(made['name'], made['arguments'])}"


class ArgumentComparer(Comparer):
    """Argument values by their matches; without one they are the same JSON, lists in order."""

    def match_at(self, path: str, target: object, answer: object = None) -> Match:
        """Return the match of a path; what has matches below it is walked, all else is exact."""
        match = self._matches.get(path)
        if match is not None:
            return match
        if any(other.startswith((f"{path}.", f"{path}[]")) for other in self._matches):
            if isinstance(target, dict):
                return OBJECT
            if isinstance(target, list):
                return _IN_ORDER
        return EXACT

    def ignores(self, argument: str) -> bool:
        """Return whether an argument is neither compared nor counted."""
        return isinstance(self._matches.get(argument), IgnoreMatch)


def match_calls(
    due: Sequence[DueCall],
    made: Sequence[dict[str, Any]],
    comparers: Mapping[str, ArgumentComparer],
) -> Matching:
    """Pair calls of the same function so that the total agreement is largest, in any order.

    Args:
        due: The calls of the target.
        made: The calls of the answer, `{name, arguments}`.
        comparers: By function; functions that are not named compare exactly.
    """
    exact, tried = ArgumentComparer({}, {}), Tally(counts=False)
    table = [
        [
            agreement(call, one["arguments"], comparers.get(call.name, exact), tried)
            if one["name"] == call.name
            else None
            for one in made
        ]
        for call in due
    ]
    gains = [[0.0 if cell is None else cell.score for cell in row] for row in table]
    chosen = {row: column for row, column in best_assignment(gains) if gains[row][column] > 0}
    pairs = [cell for row, column in chosen.items() if (cell := table[row][column]) is not None]
    taken = set(chosen.values())
    return Matching(
        tuple(pairs),
        tuple(call for i, call in enumerate(due) if i not in chosen),
        tuple(one for j, one in enumerate(made) if j not in taken),
    )


def agreement(
    due: DueCall, made: dict[str, Any], comparer: ArgumentComparer, tried: Tally | None = None
) -> CallAgreement:
    """Return how the arguments of a call agree with those of a due call of the same function.

    Args:
        due: The call of the target.
        made: The arguments of the answer's call.
        comparer: Compares the function's arguments.
        tried: Whose work is used up; shared by all calls of an answer.

    >>> due = DueCall("weather", {"city": "Bern", "days": 3}, frozenset({"days"}))
    >>> agreement(due, {"city": "Basel"}, ArgumentComparer({}, {}))
    CallAgreement(score=0.5, faults=("weather.city: expected 'Bern', got 'Basel'",))
    """
    total, count, faults = 1.0, 1, []
    for name in [*due.arguments, *(key for key in made if key not in due.arguments)]:
        if comparer.ignores(name) or (name not in made and name in due.optional):
            continue
        count += 1
        if name in made and name in due.arguments:
            score = comparer.compare(due.arguments[name], made[name], name, tried).score
        else:  # only one side has a value
            score = float(name in made and name in due.optional)
        total += score
        if score < _ALL_BUT:
            faults.append(_fault(due, made, name))
    return CallAgreement(total / count, tuple(faults))


def spelled(name: str, arguments: Mapping[str, Any]) -> str:
    """Return a call for a message."""
    inside = ", ".join(f"{key}={shown(value, 30)}" for key, value in list(arguments.items())[:6])
    return shown(f"{name}({inside})", 90)


def _fault(due: DueCall, made: dict[str, Any], name: str) -> str:
    where = f"{due.name}.{name}"
    if name not in made:
        return f"{where} is missing, expected {_value(due.arguments[name])}"
    if name not in due.arguments:
        return f"{where} is extra, got {_value(made[name])}"
    return f"{where}: expected {_value(due.arguments[name])}, got {_value(made[name])}"


def _value(value: object) -> str:
    return shown(repr(value), 40)
