"""Does a gate.yaml name what the suites have: slices, their values, graders and suites?

A slip of the pen there is a rule that finds no sample: told before a run, and refused where a rule
is to decide. It does not know runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.analysis.gates.margins import suites_of
from evalkit.analysis.gates.policy import GatePolicy, Rule
from evalkit.core.documents import show

_MOST_SHOWN = 12

Suites = Sequence[Mapping[str, Any]]


def check_names(
    policies: Sequence[GatePolicy], suites: Suites, *, complete: bool
) -> tuple[list[str], list[str]]:
    """Return what rules name and no suite has, as errors and as warnings.

    It is an error in the file beside a suite, and a warning in another one unless these are all
    suites that it can be meant for.

    Args:
        policies: The gate files.
        suites: `folder`, `name`, `slices` and `graders` of each suite that was checked.
        complete: These are all suites that there are.
    """
    errors: list[str] = []
    warnings: list[str] = []
    if not suites:
        return errors, warnings
    for policy in policies:
        own = suites_of(policy, suites)
        beside = Path(policy.file).parent.resolve() == Path(own[0]["folder"]).resolve()
        found = errors if complete or beside else warnings
        found += unknown_names(policy.rules, own, values=True)
    return errors, warnings


def unknown_names(rules: Iterable[Rule], suites: Suites, *, values: bool = False) -> list[str]:
    """Return what rules name that none of these suites has, with file and line of each.

    Args:
        rules: The rules.
        suites: `name`, `slices` (values by column) and `graders` of each suite.
        values: A value of a slice that no sample has is a slip, too.
    """
    return [f"{r.where}: {line}" for r in rules for line in _unknown(r, suites, values=values)]


def _unknown(rule: Rule, suites: Suites, *, values: bool) -> Iterator[str]:
    meant = [suite for suite in suites if rule.suite in (None, suite["name"])]
    if not meant:
        names = (suite["name"] for suite in suites)
        yield f"no such suite, got {show(rule.suite)}; {_allowed(names)}"
        return
    yield from _unknown_slices(rule, meant, values=values)
    graders = [name for suite in meant for name in suite["graders"]]
    family, _, rest = rule.metric.partition(".")
    known = {
        "graders": rest in graders,
        "metrics": any(rest.startswith(f"{name}.") for name in graders),
    }
    if not known.get(family, True):
        yield f"no suite has such a grader, got {show(rule.metric)}; {_allowed(graders)}"


def _unknown_slices(rule: Rule, suites: Suites, *, values: bool) -> Iterator[str]:
    for column, value in rule.slice.items():
        columns = [suite["slices"][column] for suite in suites if column in suite["slices"]]
        if not columns:
            names = (name for suite in suites for name in suite["slices"])
            yield f"no suite has such a column of slices, got {show(column)}; {_allowed(names)}"
        elif values and not any(value in found for found in columns):
            known = (name for found in columns for name in found)
            yield (
                f"no sample lies in this slice of {show(column)}, got {show(value)}; "
                f"{_allowed(known)}"
            )


def _allowed(names: Iterable[str]) -> str:
    found = sorted(set(names))
    more = f" and {len(found) - _MOST_SHOWN} more" if len(found) > _MOST_SHOWN else ""
    return f"allowed: {', '.join(found[:_MOST_SHOWN]) or 'none'}{more}"
