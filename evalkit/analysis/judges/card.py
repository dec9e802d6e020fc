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

from evalkit.analysis.judges.figures import FAIR_KAPPA, CriterionFacts, Verdict, judge_figures
from evalkit.analysis.judges.labels import Item, Label, Labels, Vocabulary, read_labels
from evalkit.core.errors import ConfigError
from evalkit.core.records import Record, hash64
from evalkit.graders.rubric_file import Criterion
from evalkit.run.agreement import Confirm
from evalkit.run.folder import Run
from evalkit.run.progress import Progress
from evalkit.run.verdicts import (
    OutputsToJudge,
    decided_words,
    drawn,
    judge_outputs,
    judged_trials,
    rubric_facts,
    rubric_to_use,
)
from evalkit.suite.loader import Suite, load_suite

CARD = "judge_card.json"
SCHEMA_VERSION = 1
_OWN = ("judges", "rubric_hash", "prompt_hash", "panel", "repeats", "params")


class JudgeCheck(Record, frozen=True, kw_only=True):
    """What `check_judge` is asked to do.

    Attributes:
        suite: The suite's folder.
        labels: People's labels, a JSON object a line.
        run: A run that was judged; None judges the outputs beside the labels.
        outputs: A recording of the labelled outputs; default: outputs.jsonl beside the labels.
        judges: Who judges the outputs, in place of those that the rubric names.
        rubric: A rubric of the suite's folder, in place of its grader's.
        epsilon: The judge's advantage in the alternative annotator test.
        card: Where the card is written beside the run's folder; default: the suite's folder, for
            a check of the rubric's own judge on all outputs.
        limit: Judge the outputs of so many labelled samples only.
    """

    suite: Path
    labels: Path
    run: Path | None = None
    outputs: Path | None = None
    judges: tuple[str, ...] = ()
    rubric: str | None = None
    providers: Path | None = None
    results: str = "results"
    budget_usd: float | None = None
    epsilon: float = 0.15
    card: Path | None = None
    command: str = ""
    limit: int | None = None


class CheckedJudge(NamedTuple):
    """A judge held against people.

    Attributes:
        card: The document of judge_card.json.
        paths: Where it was written.
        kept: Why it is not in the suite's folder, or nowhere; None where it is.
        run: The run whose verdicts were checked.
        state: That run's state; a judge that could not be reached leaves it `incomplete`.
        reason: Why it is in that state.
        unmatched: Labels of outputs that the run does not hold, by arm.
    """

    card: dict[str, Any]
    paths: tuple[Path, ...]
    kept: str | None
    run: Path
    state: str
    reason: str | None
    unmatched: dict[str, int]


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
    found = judge_figures(criteria, matched, verdicts, epsilon=epsilon)
    card = {
        "schema_version": SCHEMA_VERSION,
        "date": today.isoformat(),
        "suite": suite.name,
        "judges": facts["judges"],
        "judge_models": facts["judge_models"],
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


def check_judge(
    wanted: JudgeCheck, *, confirm: Confirm | None = None, progress: Progress | None = None
) -> CheckedJudge:
    """Hold a judge against people's labels, and write its card.

    Raises:
        ConfigError: If a label is about nothing, or nothing was judged.
        JournalError: If the run's journal is foreign, mixed or edited.
    """
    if wanted.card is not None:
        _refuse_place(wanted.card)
    suite = load_suite(wanted.suite)
    folder = wanted.run or _judged_outputs(wanted, suite, confirm, progress)
    run = Run(folder)
    today = dt.datetime.now(dt.UTC).date()
    checked = check_against_people(run, suite, wanted.labels, today=today, epsilon=wanted.epsilon)
    state, reason = run.state
    lacking = _lacking(wanted, checked.card, state)
    kept = lacking or _kept(wanted, checked.card, state, suite)
    places = [] if lacking or _is_larger(folder / CARD, checked.card) else [folder / CARD]
    if wanted.card is not None and not lacking:
        places.append(wanted.card)
    elif kept is None:
        places.append(suite.spec.folder / CARD)
    written = tuple(place for place in places if write_card(checked.card, place))
    return CheckedJudge(checked.card, written, kept, folder, state, reason, checked.unmatched)


def _lacking(wanted: JudgeCheck, card: Mapping[str, Any], state: str) -> str | None:
    """Return why this check is no card at all."""
    if not any(figures["n"] for figures in card["criteria"].values()):
        return "no labelled output has a verdict that can be read"
    if wanted.run is None and state != "complete":
        return "not all labelled outputs were judged"
    return None


def _kept(wanted: JudgeCheck, card: Mapping[str, Any], state: str, suite: Suite) -> str | None:
    """Return why this check must not replace the card in the suite's folder."""
    if wanted.card is not None:
        return f"it was wanted in {wanted.card}"
    if state != "complete":
        return f"the run is {state}"
    if wanted.limit is not None:
        return "it is of a part of the labelled outputs (--limit)"
    own = _own_rubric(wanted)
    if own is not None and not _same(card, own, _OWN):
        return "it is of another judge or rubric than the suite names"
    larger = _is_larger(suite.spec.folder / CARD, card)
    return f"the one there rests on more labels ({larger})" if larger else None


def _is_larger(place: Path, card: Mapping[str, Any]) -> int | None:
    """Return on how many labels a valid card there rests, if they are more than this one's."""
    try:
        earlier = json.loads(place.read_bytes())
        count = int(earlier["labels"]["n"])
    except (OSError, ValueError, TypeError, KeyError):
        return None  # there is none, or none that can be read
    return count if count > card["labels"]["n"] and is_valid_for(earlier, card) else None


def _refuse_place(place: Path) -> None:
    """Refuse, before anybody is paid, a place where no card can be written.

    Raises:
        ConfigError: With the reason.
    """
    if place.exists() and not place.is_file():  # a folder, a device: nothing to replace by a card
        raise ConfigError(f"--output {place}: it is no ordinary file; name one")
    if not place.parent.is_dir():
        raise ConfigError(f"--output {place}: there is no folder {place.parent}")


def _own_rubric(wanted: JudgeCheck) -> dict[str, Any] | None:
    """Return the facts of the rubric that the suite names; None where it names no judge."""
    try:
        return rubric_to_use(OutputsToJudge(suite=wanted.suite, outputs=wanted.labels))
    except ConfigError:
        return None


def _judged_outputs(
    wanted: JudgeCheck, suite: Suite, confirm: Confirm | None, progress: Progress | None
) -> Path:
    """Judge the outputs that have labels; wrong labels are refused before anything is asked."""
    judging = OutputsToJudge(
        suite=wanted.suite,
        outputs=wanted.outputs or wanted.labels.parent / "outputs.jsonl",
        judges=wanted.judges,
        rubric=wanted.rubric,
        providers=str(wanted.providers) if wanted.providers else None,
        results=wanted.results,
        budget_usd=wanted.budget_usd,
        command=wanted.command,
    )
    items = labels_for(suite, wanted.labels, rubric_to_use(judging)).items
    judging = msgspec.structs.replace(
        judging,
        repeats=max(item.repeat for item in items),
        samples=drawn({item.sample_id for item in items}, wanted.limit),
    )
    return judge_outputs(judging, confirm=confirm, progress=progress).folder


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


def doubtful(manifest: Mapping[str, Any], folder: Path) -> list[str]:
    """Return which figures of a run come from judges that people were not, or not well, matched by.

    Args:
        manifest: run.json.
        folder: The run's folder.
    """
    said = []
    for suite in manifest["suites"]:
        for facts in suite.get("judging") or ():
            card = find_card(folder, Path(suite["folder"]), facts)
            judges = ", ".join(facts["judges"])
            if card is None:
                said.append(
                    f"{suite['name']}: judged by {judges}, and no judge card is valid for that: "
                    f"evalkit judge check {suite['folder']} --labels FILE says how far to trust it"
                )
            elif (doubt := doubts(card)) is not None:
                said.append(f"{suite['name']}: judged by {judges}: {doubt}")
    return said


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
    return _same(card, facts, (*_OWN, "judge_models"))


def _same(card: Mapping[str, Any], facts: Mapping[str, Any], names: Sequence[str]) -> bool:
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
    words = {c.id: _reader(c) for c in criteria}
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
            if attempt.model in facts["judges"] and attempt.model_returned:
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
