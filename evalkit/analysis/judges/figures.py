"""A judge held against people, criterion by criterion: how far its verdicts can be trusted.

Labels and verdicts in, figures out; what is undefined is None with a note that says why. It does
not know how verdicts were had, nor what a gate makes of the figures.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from evalkit.analysis.figures import figure_or_none
from evalkit.analysis.judges.labels import Item, Label
from evalkit.core.records import Record
from evalkit.stats.agreement import cohen_kappa, confusion, gwet_ac1
from evalkit.stats.correction import ppi_mean, rogan_gladen
from evalkit.stats.intervals import Interval, mean_interval, wilson
from evalkit.stats.reliability import krippendorff_alpha, pairwise_agreement
from evalkit.stats.replacement import alt_test

TIE = None
FEW_LABELS = 100
FAIR_KAPPA = 0.4
_LEVEL = 0.95


class CriterionFacts(Record, frozen=True, kw_only=True):
    """A criterion as run.json keeps it; `verdicts` are its words, worst first."""

    id: str
    question: str
    verdicts: tuple[str, ...]
    weight: float = 1.0
    must: bool = False

    @property
    def met(self) -> str:
        """The word that says that it is fully met."""
        return self.verdicts[-1]


class Verdict(NamedTuple):
    """What the judges decided on one output under one criterion.

    Attributes:
        word: In the criterion's words; None where they were tied or gave none.
        lost: No verdict could be had (`judge_error`).
    """

    word: str | None
    lost: bool = False


Verdicts = Mapping[Item, Mapping[str, Verdict]]


def judge_figures(
    criteria: Sequence[CriterionFacts],
    labels: Iterable[Label],
    verdicts: Verdicts,
    *,
    epsilon: float = 0.15,
) -> dict[str, Any]:
    """Return the figures of each criterion.

    Args:
        criteria: Those of the rubric.
        labels: What people say; of outputs that have verdicts.
        verdicts: What the judges say, of labelled outputs and of others.
        epsilon: The advantage that a judge is granted in the alternative annotator test: 0.2
            against experts, 0.15 skilled people, 0.1 crowd workers.

    Returns:
        By criterion: the figures of judge_card.json.
    """
    by_criterion: dict[str, list[Label]] = defaultdict(list)
    for label in labels:
        by_criterion[label.criterion].append(label)
    return {
        criterion.id: _figures(
            _Evidence.of(criterion, by_criterion[criterion.id], verdicts), epsilon
        )
        for criterion in criteria
        if by_criterion[criterion.id]
    }


class _Evidence(NamedTuple):
    """All that is known under one criterion.

    Attributes:
        people: By person, then by item.
        consensus: The word most people chose; items on which they are split are not in it.
        pairs: Items with a consensus and a verdict.
        rest: Verdicts on outputs that nobody labelled.
    """

    criterion: CriterionFacts
    people: dict[str, dict[Item, str]]
    consensus: dict[Item, str]
    verdicts: dict[Item, Verdict]
    pairs: dict[Item, tuple[str, str]]
    rest: dict[Item, str]
    split: int

    @classmethod
    def of(
        cls, criterion: CriterionFacts, labels: Sequence[Label], verdicts: Verdicts
    ) -> _Evidence:
        people: dict[str, dict[Item, str]] = defaultdict(dict)
        said: dict[Item, list[str]] = defaultdict(list)
        for label in labels:
            people[label.annotator][label.item] = label.word
            said[label.item].append(label.word)
        consensus = {item: word for item, words in said.items() if (word := _most(words))}
        own = {
            item: found[criterion.id] for item, found in verdicts.items() if criterion.id in found
        }
        pairs = {
            item: (word, own[item].word or "")
            for item, word in consensus.items()
            if item in own and own[item].word is not None
        }
        rest = {i: v.word for i, v in own.items() if i not in said and v.word is not None}
        split = len(said) - len(consensus)
        return cls(criterion, dict(people), consensus, own, pairs, rest, split)

    def only(self, arm: str) -> _Evidence:
        """Return what concerns one arm."""
        return self._replace(
            consensus={i: w for i, w in self.consensus.items() if i.arm == arm},
            pairs={i: p for i, p in self.pairs.items() if i.arm == arm},
            rest={i: w for i, w in self.rest.items() if i.arm == arm},
        )

    def is_met(self, word: str) -> bool:
        return word == self.criterion.met


def _most(words: Sequence[str]) -> str | None:
    """Return the word that more people chose than any other, None where they are split."""
    ranked = Counter(words).most_common(2)
    return None if len(ranked) > 1 and ranked[0][1] == ranked[1][1] else ranked[0][0]


def _figures(evidence: _Evidence, epsilon: float) -> dict[str, Any]:
    labelled = [evidence.verdicts.get(item) for item in evidence.consensus]
    arms = sorted({item.arm for item in evidence.pairs})
    figures = {
        "n": len(evidence.pairs),
        "n_labelled": len(evidence.consensus),
        "n_human_split": evidence.split,
        "n_judge_error": sum(v is not None and v.lost for v in labelled),
        "n_judge_tie": sum(v is not None and v.word is None and not v.lost for v in labelled),
        "n_unlabelled": len(evidence.rest),
        "verdicts": list(evidence.criterion.verdicts),
        **_agreement(evidence),
        **_rates(evidence),
        **_corrected(evidence),
        "human": _human(evidence),
        "alt_test": _alternative(evidence, epsilon),
        "arms": {arm: _arm(evidence.only(arm)) for arm in arms},
    }
    return {**figures, "notes": _notes(evidence, figures)}


def _arm(evidence: _Evidence) -> dict[str, Any]:
    """Return what must be known of each arm: errors that differ bias a comparison."""
    return {"n": len(evidence.pairs), **_rates(evidence), **_corrected(evidence)}


def _agreement(evidence: _Evidence) -> dict[str, Any]:
    people, judge = _columns(evidence)
    words, units = evidence.criterion.verdicts, _units(evidence.pairs)
    ordinal = len(words) > 2
    place = {word: number for number, word in enumerate(words)}
    x, y = [place[w] for w in people], [place[w] for w in judge]
    same = [a == b for a, b in zip(people, judge, strict=True)]
    return {
        "agreement": figure_or_none(lambda: _rate(same, units)),
        "kappa": _number(lambda: cohen_kappa(x, y, "quadratic" if ordinal else None)),
        "kappa_weights": "quadratic" if ordinal else None,
        "ac1": _number(lambda: gwet_ac1(people, judge, labels=words)),
        "confusion": {
            "rows": "people",
            "columns": "judge",
            "labels": list(words),
            "counts": confusion(people, judge, words).tolist() if people else [],
        },
    }


def _rates(evidence: _Evidence) -> dict[str, Any]:
    """Return TPR, TNR and how often people and judge find the criterion met."""
    met = [(i, evidence.is_met(p), evidence.is_met(j)) for i, (p, j) in evidence.pairs.items()]
    right = {item: judge for item, people, judge in met if people}
    wrong = {item: not judge for item, people, judge in met if not people}
    return {
        "tpr": figure_or_none(lambda: _rate(list(right.values()), _units(right))),
        "tnr": figure_or_none(lambda: _rate(list(wrong.values()), _units(wrong))),
        "prevalence": {
            "people": _share([people for _, people, _ in met]),
            "judge": _share([judge for _, _, judge in met]),
        },
    }


def _units(items: Iterable[Item]) -> list[tuple[str, str]]:
    """Return what outputs are counted by: repeats of one sample and arm are one."""
    return [(item.sample_id, item.arm) for item in items]


def _rate(hits: Sequence[bool], units: Sequence[tuple[str, str]]) -> Interval:
    """Return a rate: Wilson's interval, or one that counts units where there are repeats."""
    if len(set(units)) == len(units):
        return wilson(sum(hits), len(hits), _LEVEL)
    clusters = ["\0".join(unit) for unit in units]
    return mean_interval([float(hit) for hit in hits], clusters, _LEVEL, bounds=(0.0, 1.0))


def _corrected(evidence: _Evidence) -> dict[str, Any]:
    """Return the judge's pass rate over everything, and what people's labels make of it."""
    met = [(evidence.is_met(p), evidence.is_met(j)) for p, j in evidence.pairs.values()]
    rest = [evidence.is_met(word) for word in evidence.rest.values()]
    judged = [judge for _, judge in met] + rest
    positives = [judge for people, judge in met if people]
    negatives = [not judge for people, judge in met if not people]
    units, others = _units(evidence.pairs), _units(evidence.rest)
    people_, judge_ = (_averaged([pair[i] for pair in met], units) for i in range(2))
    return {
        "judge_pass_rate": figure_or_none(lambda: _rate(judged, [*units, *others])),
        "corrected_pass_rate": figure_or_none(
            lambda: ppi_mean(people_, judge_, _averaged(rest, others), _LEVEL)
        ),
        "rogan_gladen": figure_or_none(
            lambda: rogan_gladen(
                sum(rest or judged),
                len(rest or judged),
                true_positives=sum(positives),
                positives=len(positives),
                true_negatives=sum(negatives),
                negatives=len(negatives),
            )
        ),
    }


def _averaged(values: Sequence[bool], units: Sequence[tuple[str, str]]) -> list[float]:
    """Return one value for each unit: its repeats averaged."""
    own: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for value, unit in zip(values, units, strict=True):
        own[unit].append(value)
    return [sum(said) / len(said) for said in own.values()]


def _human(evidence: _Evidence) -> dict[str, Any]:
    """Return how far people agree with each other: no judge can be asked for more."""
    people = evidence.people
    items = sorted({item for said in people.values() for item in said})
    words = evidence.criterion.verdicts
    table = [[_place(words, said.get(item)) for item in items] for said in people.values()]
    level = "ordinal" if len(words) > 2 else "nominal"
    several = len(people) > 1
    return {
        "annotators": sorted(people),
        "agreement": figure_or_none(lambda: pairwise_agreement(table, _LEVEL)) if several else None,
        "krippendorff_alpha": _number(lambda: krippendorff_alpha(table, level))
        if several
        else None,
    }


def _place(words: Sequence[str], word: str | None) -> float | None:
    return None if word is None else float(words.index(word))


def _alternative(evidence: _Evidence, epsilon: float) -> dict[str, Any]:
    judge: dict[Hashable, Any] = {
        item: verdict.word
        for item, verdict in evidence.verdicts.items()
        if verdict.word is not None
    }
    people: dict[Hashable, dict[Hashable, Any]] = {person: {} for person in evidence.people}
    for person, said in evidence.people.items():
        people[person].update(said.items())
    try:
        found = alt_test(people, judge, epsilon)
    except ValueError as problem:
        return {"epsilon": epsilon, "winning_rate": None, "reason": str(problem)}
    return {
        "epsilon": epsilon,
        "winning_rate": found.winning_rate,
        "advantage_probability": found.advantage_probability,
        "passed": found.passed,
        "n_items": found.n_items,
        "left_out": {str(person): why for person, why in found.left_out.items()},
    }


def _columns(evidence: _Evidence) -> tuple[list[str], list[str]]:
    pairs = list(evidence.pairs.values())
    return [people for people, _ in pairs], [judge for _, judge in pairs]


def _share(values: Sequence[bool]) -> float | None:
    return sum(values) / len(values) if values else None


def _number(make: Callable[[], float]) -> float | None:
    try:
        return make()
    except ValueError:
        return None


def _notes(evidence: _Evidence, figures: Mapping[str, Any]) -> list[str]:
    """Return what a reader must not overlook, in plain words."""
    notes = []
    n, kappa = figures["n"], figures["kappa"]
    judge = figures["prevalence"]["judge"]
    if n == 0:
        return ["no labelled output has a verdict: nothing can be said of the judge"]
    if judge in (0.0, 1.0) and n > 1:
        word = evidence.criterion.met if judge else f"other than {evidence.criterion.met}"
        notes.append(f"the judge said {word} to all {n}: its verdicts tell nothing apart")
    if kappa is not None and kappa < FAIR_KAPPA:
        notes.append(f"kappa {kappa:.2f}: hardly more than chance; do not decide by this judge")
    if figures["tpr"] is None or figures["tnr"] is None:
        notes.append("people found all outputs met, or none: TPR or TNR cannot be measured")
    if n < FEW_LABELS:
        notes.append(f"{n} labels: intervals are wide; {FEW_LABELS} to 200 a criterion are advised")
    for name, why in (
        ("n_judge_error", "got no readable verdict"),
        ("n_human_split", "have as many people for one verdict as for another"),
        ("n_judge_tie", "left the panel tied"),
    ):
        if figures[name]:
            notes.append(f"{figures[name]} labelled outputs {why}: they are in no figure")
    return notes
