"""How a gate's document is written for people: one way for terminal, Markdown, JUnit and GitHub.

Differences of shares are points, ratios have a ×, times and money their units. Whatever a sample,
an arm or a model is called, its text stays on one line and commands nobody. It does not know where
the text goes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from evalkit.report.values import MISSING, clean, duration, money, share

Document = Mapping[str, Any]
Rule = Mapping[str, Any]
MOST_CHARACTERS = 300
WORSE = "worse, but within the limit"
_COMMAND = re.compile(r"^(\s*)::", re.MULTILINE)
_DIFFERENCES = ("max_drop", "max_increase")
_SIDES = ("baseline", "candidate")
_RANKS = {"inconclusive": 1, "pass": 2}
_WORDS = {"pass": "PASS", "fail": "FAIL", "inconclusive": "INCONCLUSIVE"}


class Figures(NamedTuple):
    """A rule's figures as text.

    Attributes:
        estimate: With its unit.
        interval: `[low, high]`, an end that does not exist is a question mark.
        limit: What the interval is held against.
        baseline: The baseline's own value.
        candidate: The candidate's own value.
    """

    estimate: str
    interval: str
    limit: str
    baseline: str
    candidate: str


def shown(text: object, most: int = MOST_CHARACTERS) -> str:
    r"""Return a text on one line, without characters that steer, and of bearable length.

    Example:
        >>> shown("a\nb\ud800"), shown("x" * 9, 5)
        ('a\ufffdb\ufffd', 'xxxx…')
    """
    safe = clean(str(text)[: most + 1])
    return safe if len(safe) <= most else safe[: most - 1] + "…"


def without_commands(text: str) -> str:
    r"""Return lines of which GitHub's runner takes none for a workflow command.

    It obeys `::name::` at a line's start (blanks before it do not count) and `##[name]` anywhere;
    names are free of both, but where a text is wrapped any word can come to begin a line.

    Example:
        >>> without_commands("a::b\n  ::error::x ##[debug]")
        'a::b\n  \ufffd::error::x ##\ufffd[debug]'
    """
    return _COMMAND.sub("\\1\ufffd::", text).replace("##[", "##\ufffd[")


def word(verdict: str) -> str:
    """Return a verdict as a word that stands out."""
    return _WORDS.get(verdict, shown(verdict))


def headline(document: Document) -> str:
    """Return the gate's sentence; it begins with the verdict."""
    verdict = word(document["verdict"])
    said = shown(document.get("sentence") or document.get("reason") or "", 1000)
    return said if said.startswith(verdict) else f"{verdict}: {said}".removesuffix(": ")


def worst_first(rules: Sequence[Rule]) -> list[Rule]:
    """Return rules with what failed first, then what is open; else in their order."""
    return sorted(rules, key=lambda rule: _RANKS.get(rule["verdict"], 0))


def figures(rule: Rule) -> Figures:
    """Return a rule's figures with their units.

    Example:
        >>> rule = {"kind": "max_drop", "metric": "quality", "estimate": -0.01, "low": -0.04,
        ...         "high": 0.02, "limit": 0.03, "baseline": 0.9, "candidate": 0.89}
        >>> figures(rule)[:3]
        ('-1.0 pts', '[-4.0, +2.0]', '≥ -3.0 pts')
    """
    kind, own = rule["kind"], _own(rule["metric"])
    limit = -rule["limit"] if kind == "max_drop" else rule["limit"]
    write = _way(rule, limit, own)
    unit = " pts" if kind in _DIFFERENCES else ""
    sign = "≥" if kind in ("max_drop", "min") else "≤"
    estimate = MISSING if rule["estimate"] is None else write(rule["estimate"]) + unit
    before, after = (MISSING if rule[side] is None else own(rule[side]) for side in _SIDES)
    return Figures(estimate, _interval(rule, write), f"{sign} {write(limit)}{unit}", before, after)


def _way(rule: Rule, limit: float, own: Callable[[float], str]) -> Callable[[float], str]:
    """Return the roughest way to write a rule's numbers that keeps its bounds off its limit.

    Nobody should read `3.0%`, `≤ 3.0%` and FAIL.
    """
    ends = [rule[end] for end in ("low", "high") if rule[end] not in (None, limit)]
    ways = _ways(rule["kind"], own)
    apart = [way for way in ways if way(limit) not in map(way, ends)]
    return (apart or ways[-1:])[0]


def _ways(kind: str, own: Callable[[float], str]) -> list[Callable[[float], str]]:
    if kind in _DIFFERENCES:
        return [_points(digits) for digits in (1, 2, 3)]
    if kind == "max_ratio":
        return [_ratio(digits) for digits in (2, 3, 4)]
    if kind == "max_regressions":
        return [lambda value: f"{value:g}"]
    return [_percent(digits) for digits in (1, 2, 3)] if own is share else [own]


def _interval(rule: Rule, write: Callable[[float], str]) -> str:
    if rule["estimate"] is None or rule["kind"] == "max_regressions":
        return MISSING
    low, high = ("?" if rule[end] is None else write(rule[end]) for end in ("low", "high"))
    return f"[{low}, {high}]".replace("×", "").replace("$", "")


def _points(digits: int) -> Callable[[float], str]:
    return lambda value: f"{round(100 * value, digits) + 0.0:+.{digits}f}"  # never -0.0


def _ratio(digits: int) -> Callable[[float], str]:
    return lambda value: f"×{value:.{digits}f}"


def _percent(digits: int) -> Callable[[float], str]:
    return lambda value: f"{100 * value:.{digits}f}%"


def _own(metric: str) -> Callable[[float], str]:
    """Return how a metric's own values are written; its name ends with its unit."""
    if metric.endswith("_ms"):
        return duration
    return _dollars if metric.endswith("_usd") else share


def _dollars(value: float) -> str:
    return f"-{money(-value)}" if value < 0 else money(value)


def level(document: Document) -> str:
    """Return the head of the column of intervals."""
    alpha = document["policy"]["alpha"]
    return f"[{100 * (1 - 2 * alpha):.3g}%]"


def told(rule: Rule, document: Document | None = None) -> str:
    """Return a rule's figures on one line; with a document the interval's level is named.

    Example:
        >>> rule = {"kind": "min", "metric": "quality", "estimate": 0.9, "low": 0.87, "high": None,
        ...         "limit": 0.8, "n": 40, "needed_n": None, "baseline": None, "candidate": None}
        >>> told(rule, {"policy": {"alpha": 0.05}})
        '90.0% [87.0%, ?] (90%), limit ≥ 80.0%, n 40'
    """
    found = figures(rule)
    interval = "" if found.interval == MISSING else f" {found.interval}"
    interval += f" ({level(document)[1:-1]})" if interval and document is not None else ""
    parts = [] if found.estimate == MISSING else [found.estimate + interval]
    parts += [f"limit {found.limit}", f"n {rule['n']}"]
    parts += [] if rule["needed_n"] is None else [f"needed {needed(rule)}"]
    if MISSING not in (found.baseline, found.candidate):
        parts.append(f"{found.baseline} → {found.candidate}")
    return ", ".join(parts)


def key(document: Document) -> str:
    """Return how the intervals are to be read."""
    sure = f"{100 * (1 - document['policy']['alpha']):.3g}%"
    return (
        f"{level(document)}: each end holds at {sure} by itself; a rule passes where the worse end "
        "is within its limit, and fails where even the better one is beyond"
    )


def needed(rule: Rule) -> str:
    """Return how many samples would decide an open rule."""
    return MISSING if rule["needed_n"] is None else str(rule["needed_n"])


def about(document: Document) -> list[tuple[str, str, str | None]]:
    """Return who was compared, on what, by which rules: what it is, its name, where it is from."""
    policy = document["policy"]
    against = document.get("against") or document.get("run")
    return [
        ("baseline", _name(document["baseline"]), _optional(against)),
        ("candidate", _name(document["candidate"]), _optional(document.get("run"))),
        *(("suite", shown(suite), None) for suite in document["suites"]),
        ("policy", _name(policy["file"]), f"hash {shown(policy['hash'], 17)}"),
    ]


def _optional(value: object) -> str | None:
    return None if value is None else shown(value)


def _name(value: object) -> str:
    return MISSING if value is None else shown(value)


def reasons(document: Document) -> list[tuple[str, str]]:
    """Return name and reason of each rule that does not hold, or holds though it is worse."""
    several = len(document["suites"]) > 1
    return [
        (rule_name(rule, several=several), f"{word(rule['verdict'])}: {shown(rule['reason'], 600)}")
        for rule in worst_first(document["rules"])
        if rule["verdict"] != "pass" or WORSE in rule["reason"]
    ]


def rule_name(rule: Rule, *, several: bool) -> str:
    """Return a rule's name, with its suite where there are several."""
    return f"{shown(rule['suite'])}: {shown(rule['name'])}" if several else shown(rule["name"])


def caveats(document: Document) -> list[tuple[str, list[str]]]:
    """Return what a reader must know beside the rules: a head, and lines below it."""
    differ = "compared although they differ" if document["comparable"] else "not comparable"
    left = [
        f"{shown(row['suite'])}: {_answered(row)}"
        for row in document["left_out"]
        if row["only_baseline"] or row["only_candidate"]
    ]
    said = [
        ("not trusted", _untrusted(document)),
        (differ, [shown(line, 600) for line in document["differences"]]),
        ("left out", left),
        ("not honoured", [shown(line, 600) for line in document["not_honoured"]]),
        ("warning", [shown(line, 600) for line in document["warnings"]]),
    ]
    return [(head, lines) for head, lines in said if lines]


def trusted(document: Document) -> bool:
    """Say whether each arm was answered and scored enough for the rules to mean anything."""
    return all(row["within"] and row["n_scored"] for row in document["evidence"])


def unanswered(row: Mapping[str, Any]) -> str:
    """Return how many trials brought no answer, and how many answers no score.

    Example:
        >>> unanswered({"n_unanswered": 3, "n_unscored": 2})
        '3 + 2 without a score'
    """
    unscored = row.get("n_unscored")
    return f"{row['n_unanswered']}" + (f" + {unscored} without a score" if unscored else "")


def _untrusted(document: Document) -> list[str]:
    if trusted(document) or not document["rules"]:
        return []
    return ["while an arm lacks answers or scores, no rule's verdict counts"]


def _answered(row: Mapping[str, Any]) -> str:
    parts = [
        f"{count} sample{'s' if count > 1 else ''} only the {who} answered"
        for count, who in ((row["only_baseline"], "baseline"), (row["only_candidate"], "candidate"))
        if count
    ]
    return ", ".join(parts)


def regression(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return a regressed sample's name, and what it scored before and after."""
    marks = [f"{shown(k, 60)}={shown(v, 60)}" for k, v in sorted((row["slices"] or {}).items())]
    marks += ["critical"] if row["critical"] else []
    own = f" [{', '.join(marks)}]" if marks else ""
    before, after = (_scored(row[side]) for side in _SIDES)
    return shown(row["sample_id"], 120) + own, f"{before} → {after}"


def _scored(side: Mapping[str, Any]) -> str:
    quality, status = side.get("quality"), side.get("status")
    figure = MISSING if quality is None else f"{quality:.3f}"
    return f"{figure} {shown(status, 40)}" if status not in (None, "ok") else figure
