"""Two documents compared field by field: one score, and counts of leaves for F1.

The definitions, with a worked example, are in docs/graders/fields.md. This module does not know
samples or scores.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from evalkit.core.records import canonical_json
from evalkit.graders.matchers import (
    DateMatch,
    ExactMatch,
    IgnoreMatch,
    ListMatch,
    Match,
    NumberMatch,
    ObjectMatch,
    SetMatch,
    TextMatch,
    default_match,
)

MAX_PAIRS = 10_000
"""Larger lists first give away their equal elements; what is left then counts against
`MAX_MATRIX`."""
MAX_MATRIX = 40_000
_LEAF_TYPES = frozenset({ExactMatch, TextMatch, NumberMatch, DateMatch})
MAX_COMPARISONS = 1_000_000
"""Of one document, nested lists included: about three seconds. Then every list is paired by equal
elements and in canonical order, so that no answer takes hours."""
MAX_FAULTS = 5
_STEP = re.compile(r"\[\]|[^.\[\]]+")


class Agreement(NamedTuple):
    """How two values agree.

    Attributes:
        score: In [0, 1].
        matched: Leaves that agree, partial credit included.
    """

    score: float
    matched: float


_RIGHT, _WRONG, _NOTHING = Agreement(1.0, 1.0), Agreement(0.0, 0.0), Agreement(1.0, 0.0)


class Work:
    """How many comparisons a document may still take."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_COMPARISONS


class Tally:
    """What a reader sees of one comparison.

    Args:
        work: Shared with other comparisons of the same document.
        counts: Whether leaves are counted; not where pairs are only tried.

    Attributes:
        leaves: By leaf path (`items[].amount`): matched, expected (in the target), given.
        fields: The score of each field of the root.
        faults: The first few disagreements, for a reason.
    """

    def __init__(self, work: Work | None = None, *, counts: bool = True) -> None:
        self.work = work or Work()
        self.counts = counts
        self.leaves: dict[str, list[float]] = {}
        self.fields: dict[str, float] = {}
        self.faults: list[tuple[str, object, object]] = []

    def add(self, path: str, matched: float, expected: float, given: float) -> None:
        """Count a leaf."""
        counts = self.leaves.get(path)
        if counts is None:
            counts = self.leaves[path] = [0.0, 0, 0]
        counts[0] += matched
        counts[1] += expected
        counts[2] += given

    def fault(self, path: str, target: object, answer: object) -> None:
        """Keep a disagreement for the reason."""
        if len(self.faults) < MAX_FAULTS:
            self.faults.append((path, target, answer))


class Comparer:
    """The rules of one suite.

    Args:
        matches: By path; `seller.name`, `items[].amount`, `items[]` for the elements.
        weights: By path, relative to the fields beside it; 1 where none is given.
        empty_is_null: `""`, `[]` and `{}` are null.
    """

    def __init__(
        self,
        matches: Mapping[str, Match],
        weights: Mapping[str, float],
        empty_is_null: bool = False,
    ) -> None:
        self._matches = dict(matches)
        self._weights = dict(weights)
        self._ignored = {p for p, m in matches.items() if isinstance(m, IgnoreMatch)}
        self._steps = {path: _STEP.findall(path) for path in matches}
        self._wanted = _Wanted.of(self._matches, self._steps)
        self._empty_is_null = empty_is_null

    def compare(
        self, target: object, answer: object, path: str = "", tally: Tally | None = None
    ) -> Agreement:
        """Compare two values at a path; counts go to `tally` where one is given."""
        if tally is None:
            tally = Tally(counts=False)
        tally.work.left -= 1
        nothing, silence = self._is_null(target), self._is_null(answer)
        if nothing and silence:
            return _NOTHING
        if not (nothing or silence):
            match = self.match_at(path, target, answer)
            if type(match) in _LEAF_TYPES:
                return self._leaf(match, target, answer, path, tally)  # type: ignore[arg-type]
            if isinstance(target, dict) and isinstance(answer, dict):
                return self._objects(target, answer, path, tally)
            if isinstance(target, list) and isinstance(answer, list):
                return self._lists(match, target, answer, path, tally)
        if tally.counts:
            self._one_sided(target, path, tally, of_target=True)
            self._one_sided(answer, path, tally, of_target=False)
            tally.fault(path, target, answer)
        return _WRONG

    def match_at(self, path: str, target: object, answer: object = None) -> Match:
        """Return the match of a path, the default where none is set or the form differs."""
        match = self._matches.get(path)
        return default_match(target, answer) if match is None else match

    def _leaf(
        self,
        match: ExactMatch | TextMatch | NumberMatch | DateMatch,
        target: object,
        answer: object,
        path: str,
        tally: Tally,
    ) -> Agreement:
        similarity = match.similarity(target, answer)
        if tally.counts:
            tally.add(path, similarity, 1, 1)
            if similarity < 1:
                tally.fault(path, target, answer)
        if similarity == 1:
            return _RIGHT
        return Agreement(similarity, similarity) if similarity else _WRONG

    def _objects(
        self, target: dict[str, Any], answer: dict[str, Any], path: str, tally: Tally
    ) -> Agreement:
        total = weights = matched = 0.0
        for key in self._keys(target, answer):
            here = f"{path}.{key}" if path else key
            if here in self._ignored:
                continue
            field = self.compare(target.get(key), answer.get(key), here, tally)
            if tally.counts and not path:
                tally.fields[here] = field.score
            weight = self._weights.get(here, 1.0)
            total += weight * field.score
            weights += weight
            matched += field.matched
        return Agreement(min(1.0, total / weights) if weights else 1.0, matched)

    def _keys(self, target: dict[str, Any], answer: dict[str, Any]) -> list[str]:
        """Return the target's keys, and the answer's own that say something."""
        if target.keys() == answer.keys():
            return list(target)
        own = [k for k, v in answer.items() if k not in target and not self._is_null(v)]
        return [*target, *own]

    def _lists(
        self, match: Match, target: list[Any], answer: list[Any], path: str, tally: Tally
    ) -> Agreement:
        if isinstance(match, SetMatch):
            target, answer = _distinct(target), _distinct(answer)
        here = f"{path}[]"
        if len(target) == len(answer):
            in_place = self._in_place(target, answer, here, tally)
            if in_place is not None:
                return in_place
        if isinstance(match, ListMatch) and match.ordered:
            pairs = [(i, i) for i in range(min(len(target), len(answer)))]
        else:
            pairs = self._assignment(target, answer, here, tally.work)
        agreements = [self.compare(target[i], answer[j], here, tally) for i, j in pairs]
        if tally.counts:
            self._unpaired(target, {i for i, _ in pairs}, here, tally, of_target=True)
            self._unpaired(answer, {j for _, j in pairs}, here, tally, of_target=False)
        longest = max(len(target), len(answer))
        score = sum(a.score for a in agreements) / longest if longest else 1.0
        return Agreement(min(1.0, score), sum(a.matched for a in agreements))

    def _in_place(
        self, target: list[Any], answer: list[Any], path: str, tally: Tally
    ) -> Agreement | None:
        """Return the agreement of lists that agree wholly as they stand, else None."""
        mine = Tally(tally.work, counts=tally.counts)
        matched = 0.0
        for expected, given in zip(target, answer, strict=True):
            agreement = self.compare(expected, given, path, mine)
            if agreement.score != 1:
                return None
            matched += agreement.matched
        for leaf, counts in mine.leaves.items():
            tally.add(leaf, *counts)
        return Agreement(1.0, matched)

    def _unpaired(
        self, values: list[Any], paired: set[int], path: str, tally: Tally, *, of_target: bool
    ) -> None:
        for i, value in enumerate(values):
            if i not in paired:
                self._one_sided(value, path, tally, of_target=of_target)
                tally.fault(path, value if of_target else None, None if of_target else value)

    def _assignment(
        self, target: list[Any], answer: list[Any], path: str, work: Work
    ) -> list[tuple[int, int]]:
        """Return which element is compared with which: the pairs with the largest total score."""
        rows, columns = list(range(len(target))), list(range(len(answer)))
        pairs: list[tuple[int, int]] = []
        if len(rows) * len(columns) > MAX_PAIRS:
            pairs, rows, columns = _equal_pairs(target, answer)
            if len(rows) * len(columns) > MAX_MATRIX:
                return pairs + list(zip(rows, columns, strict=False))
        gains = []
        tried = Tally(work, counts=False)
        for i in rows:
            if work.left <= len(columns):
                pairs, rows, columns = _equal_pairs(target, answer)
                return pairs + list(zip(rows, columns, strict=False))
            agreements = (self.compare(target[i], answer[j], path, tried) for j in columns)
            gains.append([self._gain(agreement) for agreement in agreements])
        return pairs + [(rows[r], columns[c]) for r, c in best_assignment(gains)]

    def _gain(self, agreement: Agreement) -> float:
        return (
            agreement.score + 1e-9 * agreement.matched
        )  # of equal totals, the one with more leaves

    def _fits(self, wanted: _Wanted, value: object) -> bool:
        """Return whether a value and all below it can be compared as the matches ask."""
        if wanted.match is not None and not self._is_null(value) and _misfit(wanted.match, value):
            return False
        if wanted.keys and isinstance(value, dict):
            for key, below in wanted.keys.items():
                if key in value and not self._fits(below, value[key]):
                    return False
        if wanted.element is not None and isinstance(value, list):
            return all(self._fits(wanted.element, item) for item in value)
        return True

    def _one_sided(self, value: object, path: str, tally: Tally, *, of_target: bool) -> None:
        """Count the leaves of a value that nothing stands against."""
        if self._is_null(value):
            return
        match = self.match_at(path, value)
        if isinstance(match, IgnoreMatch):
            return
        if isinstance(value, dict) and type(match) not in _LEAF_TYPES:
            for key, item in value.items():
                here = f"{path}.{key}" if path else key
                self._one_sided(item, here, tally, of_target=of_target)
        elif isinstance(value, list) and type(match) not in _LEAF_TYPES:
            values = _distinct(value) if isinstance(match, SetMatch) else value
            for item in values:
                self._one_sided(item, f"{path}[]", tally, of_target=of_target)
        else:
            tally.add(path, 0.0, int(of_target), int(not of_target))

    def _is_null(self, value: object) -> bool:
        return value is None or (self._empty_is_null and value in ("", [], {}))

    def refusal(self, target: object) -> str | None:
        """Return which part of a target can never be compared as its match asks, else None."""
        if self._fits(self._wanted, target):
            return None
        for path, match in self._matches.items():
            for value in _values_at(target, self._steps[path]):
                if not self._is_null(value) and (problem := _misfit(match, value)):
                    return f"{path} {problem}, got {str(value)[:60]!r}"
        return None


class _Wanted:
    """What the matches ask of one place in a target, and of the places below it."""

    __slots__ = ("element", "keys", "match")

    def __init__(self) -> None:
        self.match: Match | None = None
        self.keys: dict[str, _Wanted] = {}
        self.element: _Wanted | None = None

    @classmethod
    def of(cls, matches: Mapping[str, Match], steps: Mapping[str, Sequence[str]]) -> _Wanted:
        root = cls()
        for path, match in matches.items():
            place = root
            for step in steps[path]:
                if step == "[]":
                    place.element = place.element or cls()
                    place = place.element
                else:
                    place = place.keys.setdefault(step, cls())
            place.match = match
        return root


def _misfit(match: Match, value: object) -> str | None:
    if type(match) in _LEAF_TYPES:
        return match.refusal(value)  # type: ignore[union-attr]
    if isinstance(match, ObjectMatch):
        return None if isinstance(value, dict) else "is no object"
    if isinstance(match, ListMatch | SetMatch):
        return None if isinstance(value, list) else "is no list"
    return None


def _values_at(value: object, steps: Sequence[str]) -> Iterable[object]:
    """Yield the values of a document at a path, `[]` standing for each element."""
    if not steps:
        yield value
    elif steps[0] == "[]" and isinstance(value, list):
        for item in value:
            yield from _values_at(item, steps[1:])
    elif isinstance(value, dict) and steps[0] in value:
        yield from _values_at(value[steps[0]], steps[1:])


def best_assignment(gains: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """Return pairs (row, column), each used once, with the largest total gain.

    Where every row (or column, where there are fewer) has a best partner of its own, that is it;
    else the assignment problem is solved.

    Args:
        gains: Rows x columns, none negative.

    Source:
        Crouse 2016, On implementing 2D rectangular assignment algorithms,
        doi:10.1109/TAES.2016.140952 (scipy.optimize.linear_sum_assignment).

    >>> best_assignment([[0.9, 0.8], [0.8, 0.1]])
    [(0, 1), (1, 0)]
    """
    if not gains or not gains[0]:
        return []
    if len(gains) > len(gains[0]):
        flipped = best_assignment(list(zip(*gains, strict=True)))
        return sorted((row, column) for column, row in flipped)
    best = [max(range(len(row)), key=row.__getitem__) for row in gains]
    if len(set(best)) == len(best):
        return list(enumerate(best))
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(gains, maximize=True)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True)]


def _equal_pairs(
    target: list[Any], answer: list[Any]
) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """Pair equal elements; return the pairs and the rest of both sides, in canonical order."""
    spelled = {j: canonical_json(value) for j, value in enumerate(answer)}
    free: dict[bytes, list[int]] = {}
    for j, text in spelled.items():
        free.setdefault(text, []).append(j)
    pairs, rows = [], []
    for i, value in enumerate(target):
        text = canonical_json(value)
        if free.get(text):
            pairs.append((i, free[text].pop()))
        else:
            rows.append((text, i))
    columns = sorted((text, j) for text, left in free.items() for j in left)
    return pairs, [i for _, i in sorted(rows)], [j for _, j in columns]


def _distinct(values: list[Any]) -> list[Any]:
    return list({canonical_json(value): value for value in reversed(values)}.values())[::-1]
