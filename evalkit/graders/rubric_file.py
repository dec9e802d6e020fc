"""rubric.yaml as a record: criteria, judges and how their verdicts are joined, every key checked.

This module does not know how a judge is asked or an output scored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from evalkit.core.documents import Node, node_of, read_yaml, show
from evalkit.core.errors import ConfigError
from evalkit.core.records import Record, fingerprint

Panel = Literal["majority", "mean"]
PANELS: tuple[Panel, ...] = ("majority", "mean")
YES_NO = ("no", "yes")
MAX_CRITERIA = 30
_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_SPELLED = {True: "yes", False: "no"}
_PARAMS = ("temperature", "top_p", "top_k", "max_tokens", "seed", "reasoning_effort")


class Example(Record, frozen=True, kw_only=True):
    """An output and the verdict that is right for it, shown to the judge."""

    output: str
    verdict: str


class Criterion(Record, frozen=True, kw_only=True):
    """One question that the judge answers.

    Attributes:
        scale: The levels of an ordinal question, worst first; empty for yes or no.
        must: A trial passes only where this criterion is fully met.
    """

    id: str
    question: str
    weight: float = 1.0
    scale: tuple[float, ...] = ()
    must: bool = False
    examples: tuple[Example, ...] = ()

    @property
    def verdicts(self) -> tuple[str, ...]:
        """The words of a verdict, worst first."""
        return tuple(f"{level:g}" for level in self.scale) if self.scale else YES_NO

    def read(self, verdict: object) -> str | None:
        """Return a verdict in the criterion's own words, None where it is none of them.

        >>> Criterion(id="a", question="?").read("Yes.")
        'yes'
        >>> Criterion(id="a", question="?", scale=(0, 1, 2)).read(2.0)
        '2'
        """
        if isinstance(verdict, bool):
            word = _SPELLED[verdict]
        elif isinstance(verdict, int | float):
            word = f"{verdict:g}" if self.scale else {1.0: "yes", 0.0: "no"}.get(verdict, "")
        elif isinstance(verdict, str):
            word = verdict.strip().strip(".\"'").casefold()
        else:
            return None
        return word if word in self.verdicts else None

    def worth(self, word: str) -> float:
        """Return what a verdict is worth, 0 for the worst, 1 for the best."""
        if not self.scale:
            return float(word == "yes")
        worst, best = self.scale[0], self.scale[-1]
        return (self.scale[self.verdicts.index(word)] - worst) / (best - worst)


class Rubric(Record, frozen=True, kw_only=True):
    """All that a rubric says.

    Attributes:
        judges: `provider:name` of each judge; empty where none is named.
        independent: Refuse a judge of the same family as the model that it judges.
        repeats: How often each judge is asked the same.
        panel: How the verdicts on a criterion are joined.
        max_attempts: How often one verdict is asked for while the answer cannot be read.
        params: Sampling parameters of the judges.
        where: `file:line`, for messages.
    """

    criteria: tuple[Criterion, ...]
    reference: Literal["target"] | None = None
    judges: tuple[str, ...] = ()
    independent: bool = False
    repeats: int = 1
    panel: Panel = "majority"
    max_attempts: int = 3
    params: dict[str, Any] = {}
    where: str = ""

    @property
    def hash(self) -> str:
        """The hash of what is asked: not of whom, nor of what the verdicts are worth."""
        criteria = [[c.id, c.question, c.scale, c.examples] for c in self.criteria]
        return fingerprint([criteria, self.reference])

    @property
    def weight(self) -> float:
        """The sum of all weights."""
        return sum(criterion.weight for criterion in self.criteria)

    def criterion(self, name: str) -> Criterion | None:
        """Return a criterion by its id."""
        return next((c for c in self.criteria if c.id == name), None)


def read_rubric(path: Path, settings: Mapping[str, Any] | None = None) -> Rubric:
    """Read rubric.yaml.

    Args:
        path: The file.
        settings: Keys that replace those of the file (`judge`, `repeats`, ...).

    Raises:
        ConfigError: With file and line of every problem.
    """
    root = read_yaml(path)
    return rubric_of(root, settings, where=str(path))


def rubric_of(root: Node, settings: Mapping[str, Any] | None = None, *, where: str) -> Rubric:
    """Return the rubric that a document holds.

    Raises:
        ConfigError: With the place of every problem.
    """
    for key, value in (settings or {}).items():
        root.children[key] = node_of(value, f"{where} (set to {show(value)})", root.problems)
    root.take("schema_version", int, 1, allowed=(1,))
    criteria = _criteria(root)
    reference = root.take("reference", str, None, allowed=("target",))
    rubric = Rubric(
        criteria=criteria,
        reference=reference,
        judges=_judges(root),
        independent=root.take("independent", bool, False),
        repeats=_count(root, "repeats", 1),
        panel=root.take("panel", str, "majority", allowed=PANELS),
        max_attempts=_count(root, "max_attempts", 3),
        params=_params(root.mapping("params")),
        where=where,
    )
    root.refuse_unknown()
    if criteria and rubric.weight <= 0 and not root.problems:
        root.refuse("the weights of `criteria` sum to 0; allowed: at least one above 0")
    root.stop_on_problems()
    return rubric


def _criteria(root: Node) -> tuple[Criterion, ...]:
    child = root.node("criteria")
    if child is None or not isinstance(child.value, list) or not child.value:
        got = "nothing" if child is None else child.shown
        (child or root).refuse(f"`criteria` must be a list of at least one, got {got}")
        return ()
    if len(child.value) > MAX_CRITERIA:
        child.refuse(f"`criteria` has {len(child.value)}; allowed: at most {MAX_CRITERIA}")
    criteria: list[Criterion] = []
    for node in child.children.values():
        found = _criterion(node)
        if found is None:
            continue
        if any(found.id == other.id for other in criteria):
            node.refuse(f"criterion {found.id!r} stands twice; give each an id of its own")
        criteria.append(found)
    return tuple(criteria)


def _criterion(node: Node) -> Criterion | None:
    if not isinstance(node.value, dict):
        node.refuse(f"a criterion must be a mapping with `id` and `question`, got {node.shown}")
        return None
    before = len(node.problems)
    name = node.take("id", str, valid=_is_id, what="a short name of letters, digits, _ and -")
    question = node.take("question", str, valid=lambda q: bool(q.strip()), what="a question")
    weight = node.take("weight", (int, float), 1.0, valid=_is_weight, what="a number from 0 up")
    scale = _scale(node)
    must = node.take("must", bool, False)
    if len(node.problems) > before:
        node.refuse_unknown()
        return None
    bare = Criterion(id=name, question=question.strip(), weight=float(weight), scale=scale)
    examples = _examples(node, bare)
    node.refuse_unknown()
    return Criterion(
        id=bare.id,
        question=bare.question,
        weight=bare.weight,
        scale=scale,
        must=must,
        examples=examples,
    )


def _is_id(value: str) -> bool:
    return _ID.fullmatch(value) is not None


def _is_weight(value: float) -> bool:
    return 0 <= value < float("inf")


def _scale(node: Node) -> tuple[float, ...]:
    child = node.node("scale")
    if child is None or child.value in (None, "yes_no"):
        return ()
    levels = child.value
    numbers = isinstance(levels, list) and all(
        isinstance(x, int | float) and not isinstance(x, bool) for x in levels
    )
    if not numbers or len(levels) < 2 or any(a >= b for a, b in pairwise(levels)):
        child.refuse(
            f"`scale` got {child.shown}; allowed: yes_no, or at least two numbers, worst first, "
            "like [0, 1, 2]"
        )
        return ()
    return tuple(float(x) for x in levels)


def _examples(node: Node, criterion: Criterion) -> tuple[Example, ...]:
    child = node.node("examples")
    if child is None or child.value is None:
        return ()
    if not isinstance(child.value, list):
        child.refuse(f"`examples` must be a list of {{output, verdict}}, got {child.shown}")
        return ()
    examples = []
    for item in child.children.values():
        if not isinstance(item.value, dict):
            item.refuse(f"an example must be {{output, verdict}}, got {item.shown}")
            continue
        output = item.take("output", str)
        said = item.node("verdict")
        word = None if said is None else criterion.read(said.value)
        if word is None:
            (said or item).refuse(
                f"`verdict` got {'nothing' if said is None else said.shown}; "
                f"allowed: {', '.join(criterion.verdicts)}"
            )
        item.refuse_unknown()
        if output is not None and word is not None:
            examples.append(Example(output=output, verdict=word))
    return tuple(examples)


def _judges(root: Node) -> tuple[str, ...]:
    judges = tuple(name.strip() for name in root.strings("judge"))
    child = root.children.get("judge")
    for name in judges:
        provider, colon, model = name.partition(":")
        if child is not None and not (provider and colon and model):
            child.refuse(f"`judge` got {name!r}; allowed: provider:name, or a list of them")
    if child is not None and len(set(judges)) != len(judges):
        child.refuse("`judge` names a judge twice; to ask it more often say `repeats`")
    return judges


def _count(root: Node, key: str, default: int) -> int:
    found: int = root.take(
        key, int, default, valid=lambda n: 1 <= n <= 100, what="a whole number from 1 to 100"
    )
    return found


def _params(node: Node) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for key in _PARAMS:
        value = node.take(key, (int, float, str), None)
        if value is not None:
            params[key] = value
    node.refuse_unknown()
    return params


def require_judge(rubric: Rubric, named: Sequence[str], where: str) -> tuple[str, ...]:
    """Return the judges to ask.

    Raises:
        ConfigError: If none is named: nobody judges silently, least of all the model itself.
    """
    judges = tuple(named) or rubric.judges
    if not judges:
        raise ConfigError(
            f"{where}: no judge is named for {rubric.where}; write `judge: provider:name` into it "
            "(a list for a panel), or say --set graders.rubric.judge=provider:name; "
            "`evalkit models` lists who can be asked"
        )
    return judges
