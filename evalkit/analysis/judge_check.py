"""A run's verdicts held against a file of labels, and what came of it as a judge card.

The card is valid for its judges, rubric and prompt: other runs with the same can be read by it. It
does not ask anybody.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from evalkit.analysis.judging import FAIR_KAPPA, CriterionFacts, Verdict, check_judge
from evalkit.analysis.labels import Item, Label, Labels, Vocabulary, read_labels
from evalkit.core.errors import ConfigError
from evalkit.graders.rubric_file import Criterion
from evalkit.run.folder import Run
from evalkit.run.verdicts import decided_words, judged_trials, rubric_facts
from evalkit.suite.data import hash64
from evalkit.suite.loader import Suite

CARD = "judge_card.json"
SCHEMA_VERSION = 1


class Checked(NamedTuple):
    """What a check found.

    Attributes:
        card: The document of judge_card.json.
        unmatched: Labels of outputs that the run does not hold, by arm.
    """

    card: dict[str, Any]
    unmatched: dict[str, int]


def check_against_people(
    run: Run, suite: Suite, labels_file: Path, *, today: dt.date, epsilon: float
) -> Checked:
    """Hold a run's verdicts against people's labels.

    Raises:
        ConfigError: If a label is about nothing, nothing was judged, or no label fits the run.
    """
    facts = rubric_facts(run, suite.name)
    criteria = [_criterion(entry) for entry in facts["criteria"]]
    labels = read_labels(labels_file, _vocabulary(suite, criteria))
    verdicts, quotes, models = _verdicts(run, suite.name, facts, criteria)
    matched, unmatched = _matched(labels, {item.arm for item in verdicts}, verdicts)
    if not matched:
        arms = ", ".join(sorted({item.arm for item in verdicts})) or "none"
        raise ConfigError(
            f"{labels.path}: none of its {len(labels.labels)} labels is about an output that was "
            f"judged in {run.folder}; arms there: {arms}"
        )
    found = check_judge(criteria, matched, verdicts, epsilon=epsilon)
    card = {
        "schema_version": SCHEMA_VERSION,
        "date": today.isoformat(),
        "suite": suite.name,
        "judges": facts["judges"],
        "models_returned": models,
        "panel": facts["panel"],
        "repeats": facts["repeats"],
        "params": facts["params"],
        "rubric_hash": facts["rubric_hash"],
        "prompt_hash": facts["prompt_hash"],
        "run": {"run_id": run.run_id, "journal_sha256": run.manifest.get("journal_sha256")},
        "labels": {
            "file": labels.path.name,
            "sha256": labels.sha256,
            "n": len(matched),
            "n_outputs": len({label.item for label in matched}),
            "annotators": labels.annotators,
        },
        "quotes_found": quotes,
        "criteria": found,
    }
    return Checked(card, unmatched)


def labels_for(suite: Suite, labels_file: Path, facts: Mapping[str, Any]) -> Labels:
    """Read labels before anything is judged.

    Raises:
        ConfigError: With file and line of each label that is about nothing or says nothing.
    """
    criteria = [_criterion(entry) for entry in facts["criteria"]]
    return read_labels(labels_file, _vocabulary(suite, criteria))


def _vocabulary(suite: Suite, criteria: Sequence[CriterionFacts]) -> Vocabulary:
    """Return what labels of a suite may say."""
    ids = {hash64(sample.id) for sample in suite.samples}
    readers = {c.id: _reader(c) for c in criteria}
    return Vocabulary(
        suite.name,
        lambda sample_id: hash64(sample_id) in ids,
        {c.id: c.verdicts for c in criteria},
        lambda name, label: readers[name].read(label),
    )


def write_card(card: Mapping[str, Any], path: Path) -> bool:
    """Write a judge card; False where the place cannot be written."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        draft.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError:
        return False
    return True


def find_card(
    run_folder: Path, suite_folder: Path, facts: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the card that is valid for a run's judges, rubric and prompt, None where none is.

    Args:
        run_folder: Looked into first.
        suite_folder: Looked into next.
        facts: What run.json keeps of the rubric.
    """
    for place in (run_folder / CARD, suite_folder / CARD):
        try:
            card = json.loads(place.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(card, dict) and is_valid_for(card, facts):
            return card
    return None


def doubts(card: Mapping[str, Any]) -> str | None:
    """Return what a card holds against its judge, None where it agrees with people fairly."""
    poor = [
        f"{name} {'undefined' if figures['kappa'] is None else format(figures['kappa'], '.2f')}"
        for name, figures in card["criteria"].items()
        if figures["kappa"] is None or figures["kappa"] < FAIR_KAPPA
    ]
    if not poor:
        return None
    return (
        f"its card of {card['date']} finds little agreement with people beyond chance "
        f"(kappa: {', '.join(poor)}): do not decide by its verdicts"
    )


def is_valid_for(card: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    """Return whether a card was made with these judges, this rubric and this prompt."""
    names = ("judges", "rubric_hash", "prompt_hash", "panel", "repeats", "params")
    return all(card.get(name) == facts.get(name) for name in names)


def _criterion(entry: Mapping[str, Any]) -> CriterionFacts:
    return msgspec.convert(entry, CriterionFacts)


def _reader(criterion: CriterionFacts) -> Criterion:
    """Return the criterion as the rubric's reader knows it, for its way to read a verdict."""
    if criterion.verdicts == ("no", "yes"):
        return Criterion(id=criterion.id, question=criterion.question)
    scale = tuple(float(word) for word in criterion.verdicts)
    return Criterion(id=criterion.id, question=criterion.question, scale=scale)


def _verdicts(
    run: Run, suite: str, facts: Mapping[str, Any], criteria: Sequence[CriterionFacts]
) -> tuple[dict[Item, dict[str, Verdict]], float | None, list[str]]:
    """Return verdicts by output, the share of quotations found, and the models as returned."""
    words = {c.id: c.verdicts for c in criteria}
    verdicts: dict[Item, dict[str, Verdict]] = {}
    quotes = [0, 0]
    models: dict[str, None] = {}
    for trial, score in judged_trials(run, suite, facts["grader"]):
        found = decided_words(score, words)
        lost = score.value is None
        item = Item(trial.sample_id, trial.arm, trial.repeat)
        verdicts[item] = {
            name: Verdict(word, lost and word is None) for name, word in found.items()
        }
        counts = (score.details or {})["judging"]["quotes"]
        quotes = [quotes[0] + counts[0], quotes[1] + counts[1]]
        for attempt in trial.attempts:
            if attempt.role == "judge" and attempt.model_returned:
                models.setdefault(attempt.model_returned)
    return verdicts, quotes[0] / quotes[1] if quotes[1] else None, list(models)


def _matched(
    labels: Labels, arms: set[str], verdicts: Mapping[Item, object]
) -> tuple[list[Label], dict[str, int]]:
    """Return the labels of outputs that the run holds, under the run's names of its arms.

    An arm is known by its whole name, else by what stands behind the provider, if one arm has it.
    """
    known: dict[str, str] = {arm: arm for arm in arms}
    behind = Counter(arm.partition(":")[2] for arm in arms)
    for arm in arms:
        if behind[arm.partition(":")[2]] == 1:
            known.setdefault(arm.partition(":")[2], arm)
    matched, unmatched = [], Counter[str]()
    for label in labels.labels:
        name = label.item.arm
        arm = known.get(name) or known.get(name.partition(":")[2], "")
        item = label.item._replace(arm=arm)
        if item in verdicts:
            matched.append(label._replace(item=item))
        else:
            unmatched[name] += 1
    return matched, dict(unmatched)
