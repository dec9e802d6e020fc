"""gate.yaml as a record: what a candidate may lose, in which metric, at which risk.

Every key is checked. It does not know arms, runs or intervals.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

from evalkit.analysis.measures import FAMILIES, Measure, find_measure, known_measures
from evalkit.core.documents import Node, read_yaml
from evalkit.core.records import Record, canonical_json, fingerprint

Limit = Literal["max_drop", "max_increase", "max", "min", "max_ratio", "max_regressions"]
LIMITS: tuple[Limit, ...] = get_args(Limit)
REGRESSING = ("pass_rate", "quality")
LEAST_ALPHA = 0.000001
SCHEMA_VERSION = 1


class Rule(Record, frozen=True, kw_only=True):
    """One rule.

    Attributes:
        metric: What is measured (`measures.py`).
        kind: How it is limited.
        limit: The limit, positive: `max_drop: 0.03` allows a difference of -0.03.
        slice: Only samples of these slices, by column.
        critical: Only samples that are marked critical.
        suite: Only this suite; None for every suite that both arms ran.
        where: `file:line`, for messages.
    """

    metric: str
    kind: Limit
    limit: float
    slice: dict[str, str] = {}
    critical: bool = False
    suite: str | None = None
    where: str = ""

    @property
    def measure(self) -> Measure:
        """What is measured."""
        found = find_measure(self.metric)
        if found is None:
            raise ValueError(f"unknown metric {self.metric!r}; known: {known_measures()}")
        return found

    @property
    def name(self) -> str:
        """A name that does not hang on the rule's place in the file.

        Example:
            >>> Rule(metric="quality", kind="max_drop", limit=0.05, slice={"language": "de"}).name
            'quality max_drop [language=de]'
        """
        parts = [f"{column}={value}" for column, value in sorted(self.slice.items())]
        parts += ["critical"] if self.critical else []
        own = f" [{', '.join(parts)}]" if parts else ""
        return f"{self.metric} {self.kind}{own}"


class GatePolicy(Record, frozen=True, kw_only=True):
    """All that gate.yaml says.

    Attributes:
        alpha: Risk of a wrong verdict of each rule, one-sided: from 0.000001 to below 0.5.
        error_budget: Largest share of trials without an answer, for each arm.
        on_inconclusive: `fail` (exit 3) or `warn` (exit 0).
        baseline: The arm that is in use; the command line may name another.
        candidate: The arm that may take its place.
        file: Where it was read.
    """

    rules: tuple[Rule, ...]
    alpha: float = 0.05
    error_budget: float = 0.02
    on_inconclusive: Literal["fail", "warn"] = "fail"
    baseline: str | None = None
    candidate: str | None = None
    file: str = ""

    @property
    def hash(self) -> str:
        """The hash of what decides a verdict: a change of comments or places leaves it alone."""
        rules = [[r.metric, r.kind, r.limit, r.slice, r.critical, r.suite] for r in self.rules]
        return fingerprint([self.alpha, self.error_budget, rules])


DEFAULT = GatePolicy(
    rules=(
        Rule(metric="quality", kind="max_drop", limit=0.05),
        Rule(metric="malformed_rate", kind="max_increase", limit=0.02),
    )
)
"""What `gate --self-test` checks where no gate.yaml is named."""


def read_gate(path: Path) -> GatePolicy:
    """Read gate.yaml.

    Raises:
        ConfigError: With file and line of every problem.
    """
    root = read_yaml(path)
    root.take("schema_version", int, 1, allowed=(SCHEMA_VERSION,))
    policy = GatePolicy(
        alpha=_share(root, "alpha", 0.05, least=LEAST_ALPHA, below=0.5),
        error_budget=_share(root, "error_budget", 0.02, least=0.0, below=1.0),
        on_inconclusive=root.take("on_inconclusive", str, "fail", allowed=("fail", "warn")),
        baseline=root.take("baseline", str, None),
        candidate=root.take("candidate", str, None),
        rules=_rules(root),
        file=str(path),
    )
    root.refuse_unknown()
    root.stop_on_problems()
    return policy


def _share(root: Node, key: str, default: float, *, least: float, below: float) -> float:
    def valid(value: float) -> bool:
        return least <= value < below

    start = f"{least:f}".rstrip("0").rstrip(".")
    what = f"a share of at least {start} and below {below:g}"
    return float(root.take(key, (int, float), default, valid=valid, what=what))


def _rules(root: Node) -> tuple[Rule, ...]:
    child = root.node("rules")
    if child is None or not isinstance(child.value, list) or not child.value:
        got = "nothing" if child is None else child.shown
        (child or root).refuse(f"`rules` must be a list of at least one rule, got {got}")
        return ()
    found: list[Rule] = []
    for node in child.children.values():
        rule = _rule(node)
        if rule is None:
            continue
        if any((rule.name, rule.suite) == (other.name, other.suite) for other in found):
            node.refuse(f"the rule {rule.name!r} stands twice; keep one")
        found.append(rule)
    return tuple(found)


def _rule(node: Node) -> Rule | None:
    if not isinstance(node.value, dict):
        node.refuse(f"a rule must be a mapping with `metric` and a limit, got {node.shown}")
        return None
    before = len(node.problems)
    critical = node.take("critical", bool, False)
    metric = node.take("metric", str, "pass_rate" if critical else None)
    slices = _slice(node.mapping("slice"))
    suite = node.take("suite", str, None)
    given = [kind for kind in LIMITS if node.node(kind) is not None]
    node.refuse_unknown()
    if len(given) != 1:
        node.refuse(f"a rule needs one limit of {', '.join(LIMITS)}; got {', '.join(given) or 0}")
    measure = None if metric is None else find_measure(metric)
    if metric is None:
        node.refuse(f"`metric` is missing; known: {known_measures()}")
    elif measure is None:
        node.refuse(f"unknown metric {metric!r}; known: {known_measures()}")
    if len(node.problems) > before or measure is None:
        return None
    kind = given[0]
    limit = _limit(node, measure, kind, critical=critical)
    if limit is None:
        return None
    return Rule(
        metric=measure.name,
        kind=kind,
        limit=limit,
        slice=slices,
        critical=critical,
        suite=suite,
        where=node.where,
    )


def _slice(node: Node) -> dict[str, str]:
    wanted = {}
    for column, child in node.items():
        if not isinstance(child.value, str | int | float | bool):
            child.refuse(f"`slice` needs one value for {column!r}, got {child.shown}")
        value = child.value
        wanted[str(column)] = value if isinstance(value, str) else canonical_json(value).decode()
    return wanted


def _limit(node: Node, measure: Measure, kind: Limit, *, critical: bool) -> float | None:
    allowed = allowed_limits(measure, critical=critical)
    if kind not in allowed:
        node.refuse(f"`{kind}` does not fit {measure.name!r}; allowed: {', '.join(allowed)}")
        return None
    if kind == "max_regressions":
        return _number(node, kind, lambda v: v >= 0 and v == int(v), "a whole number from 0 up")
    if measure.kind == "mean":
        return _number(node, kind, lambda v: 0 <= v <= 1, "a share from 0 to 1 (3 points: 0.03)")
    return _number(node, kind, lambda v: 0 < v < float("inf"), "a number above 0")


def _number(node: Node, kind: Limit, valid: Any, what: str) -> float | None:
    value = node.take(kind, (int, float), valid=valid, what=what)
    return None if value is None else float(value)


def allowed_limits(measure: Measure, *, critical: bool = False) -> tuple[Limit, ...]:
    """Return the kinds of limit that a measure can have."""
    if critical and measure.name in REGRESSING:
        return ("max_regressions", *allowed_limits(measure))
    if measure.name.startswith(FAMILIES):  # which way is up, the suite's author knows
        return ("max_drop", "max_increase", "min", "max")
    if measure.kind != "mean":
        return ("max_ratio", "max")
    return ("max_drop", "min") if measure.higher_is_better else ("max_increase", "max")


def describe(rule: Rule) -> str:
    """Return a rule's limit in words.

    Example:
        >>> describe(Rule(metric="quality", kind="max_drop", limit=0.03))
        'may drop by at most 3 points'
    """
    points = f"{100 * rule.limit:g}"
    unit = "point" if points == "1" else "points"
    return {
        "max_drop": f"may drop by at most {points} {unit}",
        "max_increase": f"may rise by at most {points} {unit}",
        "max_ratio": f"may be at most {rule.limit:g} times the baseline's",
        "max_regressions": f"at most {rule.limit:g} may regress",
        "max": f"at most {points} %" if rule.measure.kind == "mean" else f"at most {rule.limit:g}",
        "min": f"at least {points} %",
    }[rule.kind]


__all__ = ["DEFAULT", "GatePolicy", "Rule", "allowed_limits", "describe", "read_gate"]
