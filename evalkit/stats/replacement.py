"""May a judge stand in for a person? The alternative annotator test.

It does not know what the labels mean, nor what a judge and a person cost: that is `epsilon`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.stats.distributions import t_cdf
from evalkit.stats.labels import is_missing
from evalkit.stats.multiple import benjamini_yekutieli

Array = npt.NDArray[np.float64]

LEAST_ITEMS = 30
LEAST_PEOPLE = 2
FALSE_DISCOVERY_RATE = 0.05
PASSING_RATE = 0.5


@dataclass(frozen=True, slots=True)
class Comparison:
    """The judge against one person, both measured by their agreement with the others.

    Attributes:
        n: Items on which both were compared.
        advantage: Share of items on which the judge agrees with the others at least as well.
        difference: Share on which the person does, less the judge's share.
        p_value: Of the hypothesis that the difference is epsilon or more.
        adjusted: The same after Benjamini and Yekutieli.
        won: Whether the judge won: adjusted is at most 0.05.
    """

    n: int
    advantage: float
    difference: float
    p_value: float
    adjusted: float
    won: bool


@dataclass(frozen=True, slots=True)
class AltTest:
    """Result of the alternative annotator test.

    Attributes:
        winning_rate: Share of the tested people against whom the judge won.
        advantage_probability: Mean of the judge's advantage over the tested people.
        epsilon: How much worse than a person the judge may be.
        passed: Whether the winning rate is at least 0.5.
        people: The comparison with each tested person.
        left_out: Why a person was not tested, by person.
        n_items: Items with a judge's label and at least two people's.
        unjudged: Items of two people or more for which the judge gave no label, left out.
    """

    winning_rate: float
    advantage_probability: float
    epsilon: float
    passed: bool
    people: Mapping[Hashable, Comparison]
    left_out: Mapping[Hashable, str]
    n_items: int
    unjudged: int

    @property
    def p_values(self) -> dict[Hashable, float]:
        """The p-value of each tested person, not adjusted."""
        return {person: found.p_value for person, found in self.people.items()}


class _Table(NamedTuple):
    """Labels of the items that count: item -> person -> label, and how many were not judged."""

    items: dict[Hashable, dict[Hashable, Any]]
    unjudged: int


def alt_test(
    human: Mapping[Hashable, Mapping[Hashable, Any]],
    judge: Mapping[Hashable, Any],
    epsilon: float,
) -> AltTest:
    """Test whether a judge represents people as well as one of them does.

    Each person in turn is left out. On each of that person's items, judge and person are scored
    by the share of the remaining people who gave the same label; W_judge is 1 where the judge's
    score is at least the person's, W_person the other way round, both in a tie. A one-sided t
    test of W_person - W_judge against epsilon (H0: at least epsilon) gives a p-value for each
    person, adjusted by Benjamini and Yekutieli at 0.05, as the tests share labels.

    Where all differences are equal the statistic is infinite: p is 0 below epsilon, 1 otherwise.

    Args:
        human: person -> item -> label. None and NaN are no label.
        judge: item -> label. An item without a label is left out and counted; to count a missing
            verdict against the judge, give it a label of its own.
        epsilon: What a person's label costs more than the judge's, as a share of items: 0.2 for
            experts, 0.15 for trained people, 0.1 for crowd workers.

    Raises:
        ValueError: If epsilon is not within [0, 1), if labels are no mappings, or if nobody has
            30 items that the judge and another person labelled too.

    Source:
        Calderon, Reichart & Dror (2025), ACL, arXiv:2501.10970; `benjamini_yekutieli`.

    Example:
        >>> judge = {i: i % 2 for i in range(40)}
        >>> people = {
        ...     "ann": {i: i % 2 if i % 8 else 1 for i in range(40)},
        ...     "bob": {i: i % 2 if i % 10 else 1 for i in range(40)},
        ...     "cy": {i: i % 2 if i % 9 else 1 for i in range(40)},
        ... }
        >>> found = alt_test(people, judge, 0.1)
        >>> found.winning_rate, round(found.advantage_probability, 3), found.passed
        (1.0, 0.975, True)
    """
    if not 0.0 <= epsilon < 1.0:
        raise ValueError(f"epsilon must be within [0, 1), got {epsilon!r}")
    _check_labels(human, judge)
    table = _shared(human, judge)
    scored = _scores(human, table, judge)
    enough = {person: found for person, found in scored.items() if len(found) >= LEAST_ITEMS}
    if not enough:
        raise ValueError(
            f"nobody has {LEAST_ITEMS} items that another person and the judge labelled too, got "
            f"at most {max(map(len, scored.values()), default=0)}"
        )
    people = _compared(enough, epsilon)
    rate = sum(found.won for found in people.values()) / len(people)
    advantage = math.fsum(found.advantage for found in people.values()) / len(people)
    return AltTest(
        winning_rate=rate,
        advantage_probability=advantage,
        epsilon=epsilon,
        passed=rate >= PASSING_RATE,
        people=people,
        left_out=_left_out(scored, enough),
        n_items=len(table.items),
        unjudged=table.unjudged,
    )


def _check_labels(human: object, judge: object) -> None:
    people = list(human.values()) if isinstance(human, Mapping) else [human]
    wrong = [found for found in (*people, judge) if not isinstance(found, Mapping)]
    if wrong:
        raise ValueError(
            "mappings person -> item -> label (human) and item -> label (judge) are needed, got "
            f"{type(wrong[0]).__name__}"
        )


def _left_out(
    scored: Mapping[Hashable, Array], enough: Mapping[Hashable, Array]
) -> dict[Hashable, str]:
    """Say why people were not tested."""
    return {
        person: f"{len(found)} items that another person and the judge labelled too; "
        f"at least {LEAST_ITEMS} are needed"
        for person, found in scored.items()
        if person not in enough
    }


def _shared(
    human: Mapping[Hashable, Mapping[Hashable, Any]], judge: Mapping[Hashable, Any]
) -> _Table:
    """Gather the items that two people labelled, and keep those that the judge did too."""
    items: dict[Hashable, dict[Hashable, Any]] = {}
    for person, labels in human.items():
        for item, label in labels.items():
            if not is_missing(label):
                items.setdefault(item, {})[person] = label
    shared = {item: given for item, given in items.items() if len(given) >= LEAST_PEOPLE}
    judged = {i: given for i, given in shared.items() if not is_missing(judge.get(i))}
    return _Table(judged, len(shared) - len(judged))


def _scores(
    people: Iterable[Hashable], table: _Table, judge: Mapping[Hashable, Any]
) -> dict[Hashable, Array]:
    """Return how many others agree with a person and with the judge, shape (items, 2) for each."""
    found: dict[Hashable, list[tuple[int, int]]] = {person: [] for person in people}
    for item, given in table.items.items():
        labels, verdict = list(given.values()), judge[item]
        with_judge = labels.count(verdict)
        for person, label in given.items():
            own = labels.count(label) - 1
            found[person].append((own, with_judge - bool(label == verdict)))
    return {p: np.array(pairs, dtype=np.float64).reshape(-1, 2) for p, pairs in found.items()}


def _compared(scored: Mapping[Hashable, Array], epsilon: float) -> dict[Hashable, Comparison]:
    difference = {person: np.sign(s[:, 0] - s[:, 1]) for person, s in scored.items()}
    p_values = [_p_value(gap, epsilon) for gap in difference.values()]
    adjusted = benjamini_yekutieli(p_values)
    return {
        person: Comparison(
            n=len(gap),
            advantage=float((scored[person][:, 1] >= scored[person][:, 0]).mean()),
            difference=float(gap.mean()),
            p_value=p,
            adjusted=q,
            won=q <= FALSE_DISCOVERY_RATE,
        )
        for (person, gap), p, q in zip(difference.items(), p_values, adjusted, strict=True)
    }


def _p_value(difference: Array, epsilon: float) -> float:
    """One-sided t test of mean difference >= epsilon against less."""
    n, mean = len(difference), float(difference.mean())
    if difference.min() == difference.max():
        return 0.0 if mean < epsilon else 1.0
    error = float(difference.std(ddof=1)) / math.sqrt(n)
    return t_cdf((mean - epsilon) / error, n - 1)
