"""The rules of a gate watched while a run goes on, by tests that hold whenever one looks.

Two e-processes for each rule on a mean: against "beyond the limit" and against "within it". A suite
is decided when every such rule passes or one fails. Rules on times, money and single samples are
not looked at before the end. It does not know how a run is ended.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from evalkit.analysis.arms import Named, find_arm
from evalkit.analysis.columns import ArmColumns, SuiteFacts
from evalkit.analysis.gates.names import unknown_names
from evalkit.analysis.gates.policy import GatePolicy, Rule
from evalkit.analysis.gates.rules import kept_trials
from evalkit.analysis.outcomes import Outcomes, outcomes_of
from evalkit.core.errors import ConfigError
from evalkit.core.records import Attempt, Trial
from evalkit.providers.pricing import Priced
from evalkit.run.setup import Plan
from evalkit.stats.sequential import BettingTest
from evalkit.suite.loader import SuiteSpec

_NO_PRICE = Priced(None, {}, "not needed", "")


class Duelists(NamedTuple):
    """Who is the baseline and who the candidate."""

    baseline: str
    candidate: str


class GateStop:
    """A gate as a stop rule (`core/ports.py`).

    Args:
        policy: The rules.
        plan: Who runs on what.
        named: `--baseline` and `--candidate`, where they were given.

    Raises:
        ConfigError: If nothing can be decided early: no such rule, no two arms, or samples that
            are not independent.
    """

    def __init__(
        self, policy: GatePolicy, plan: Plan, named: tuple[str | None, str | None] = (None, None)
    ) -> None:
        self._policy = policy
        self._duel = _duelists(policy, plan, named)
        self.arms = frozenset(self._duel)
        self.asks_critical = any(rule.kind == "max_regressions" for rule in policy.rules)
        self._suites: dict[str, _Watched] = {}
        for suite in plan.suites:
            rules = [r for r in policy.rules if is_watched(r) and r.suite in (None, suite.name)]
            own = {entry.arm.name for entry, _ in plan.entries if entry.suite is suite}
            if not rules or not self.arms <= own:
                raise ConfigError(_why_not(policy, suite.name, self._duel, own))
            if suite.spec.data.cluster is not None:
                raise ConfigError(
                    f"{policy.file}: suite {suite.name!r} has clusters: its samples are not "
                    "independent, so no test that looks after each of them holds; run it whole"
                )
            _refuse_unknown(rules, suite.spec)
            facts = SuiteFacts(primary=suite.spec.primary, pass_at=suite.spec.pass_at)
            self._suites[suite.name] = _Watched(facts, rules, policy.alpha)

    def take(self, suite: str, trials: Sequence[Trial]) -> None:
        """Take all trials of both arms on the next sample."""
        sides = []
        for arm in self._duel:
            columns = ArmColumns(self._suites[suite].facts)
            for trial in trials:
                if trial.arm == arm:
                    columns.add(trial, _unpriced)
            sides.append(outcomes_of(suite, arm, columns))
        self._suites[suite].take(sides[0], sides[1])

    def verdict(self, suite: str) -> str | None:
        """Return `pass` or `fail` where a suite is decided."""
        return self._suites[suite].verdict

    def facts(self) -> dict[str, Any]:
        """Return what decides, for run.json."""
        return {
            "policy": self._policy.file,
            "policy_hash": self._policy.hash,
            "alpha": self._policy.alpha,
            "baseline": self._duel.baseline,
            "candidate": self._duel.candidate,
            "rules": [rule.name for rule in self._policy.rules if is_watched(rule)],
            "not_watched": [rule.name for rule in self._policy.rules if not is_watched(rule)],
            "asks_critical": self.asks_critical,
            "margin": self._margin(),
            "discordance": {name: own.discordance for name, own in self._suites.items()},
        }

    def _margin(self) -> float | None:
        """Return the limit of the first rule, where it is on a difference."""
        first = next(rule for rule in self._policy.rules if is_watched(rule))
        return first.limit if first.kind in ("max_drop", "max_increase") else None


class _Watched:
    """The rules of one suite with their tests."""

    def __init__(self, facts: SuiteFacts, rules: Sequence[Rule], alpha: float) -> None:
        self.facts = facts
        self.verdict: str | None = None
        self._enough = math.log(1.0 / alpha)
        self._tests = [(rule, _test(rule)) for rule in rules]
        self._n = self._spread = 0.0

    @property
    def discordance(self) -> float | None:
        """The mean square of the first rule's values: for zeros and ones the discordant share."""
        return self._spread / self._n if self._n else None

    def take(self, baseline: Outcomes, candidate: Outcomes) -> None:
        """Take one sample's trials of both arms; what has no value in one is left out."""
        for place, (rule, test) in enumerate(self._tests):
            value = _value(rule, baseline, candidate)
            if value is None:
                continue
            test.add(value)
            if place == 0:
                self._n += 1
                self._spread += value * value
        self.verdict = self._verdict()

    def _verdict(self) -> str | None:
        said = [_said(rule, test, self._enough) for rule, test in self._tests]
        if "fail" in said:
            return "fail"
        return "pass" if all(one == "pass" for one in said) else None


def _refuse_unknown(rules: Sequence[Rule], spec: SuiteSpec) -> None:
    """Refuse rules on slices or graders that the suite does not have: they decide nothing.

    Raises:
        ConfigError: With file and line of each.
    """
    suite = {
        "name": spec.name,
        "slices": {column: () for column in spec.data.slices},
        "graders": [grader.name for grader in spec.graders],
    }
    problems = unknown_names(rules, [suite])
    if problems:
        raise ConfigError(problems)


def is_watched(rule: Rule) -> bool:
    """Return whether a rule is decided by a mean of values that come sample by sample."""
    return rule.measure.kind == "mean" and rule.kind != "max_regressions"


def _test(rule: Rule) -> BettingTest:
    if rule.kind in ("max_drop", "max_increase"):
        return BettingTest(-rule.limit if rule.kind == "max_drop" else rule.limit)
    return BettingTest(rule.limit, bounds=(0.0, 1.0))


def _value(rule: Rule, baseline: Outcomes, candidate: Outcomes) -> float | None:
    """Return a sample's value before a rule: the difference, or the candidate's own."""
    new = _mean(rule, candidate)
    if rule.kind in ("max", "min") or new is None:
        return new
    old = _mean(rule, baseline)
    return None if old is None else new - old


def _mean(rule: Rule, outcomes: Outcomes) -> float | None:
    values = rule.measure.values(outcomes)[kept_trials(rule, outcomes)]
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else None


def _said(rule: Rule, test: BettingTest, enough: float) -> str | None:
    above, below = test.most_above >= enough, test.most_below >= enough
    if rule.kind in ("max_increase", "max"):
        above, below = below, above
    return "pass" if above else "fail" if below else None


def _unpriced(model: str, attempt: Attempt) -> Priced:
    return _NO_PRICE


def _duelists(policy: GatePolicy, plan: Plan, named: tuple[str | None, str | None]) -> Duelists:
    """Return the two arms: as named, else the two that run, in the order of --models."""
    arms = list(dict.fromkeys(entry.arm.name for entry, _ in plan.entries))
    known = [Named(entry.arm.name, entry.arm.model, entry.arm.mode) for entry, _ in plan.entries]
    found: list[str | None] = []
    for option, name in (
        ("--baseline", named[0] or policy.baseline),
        ("--candidate", named[1] or policy.candidate),
    ):
        found.append(None if name is None else find_arm(name, known))
        if name is not None and found[-1] is None:
            raise ConfigError(f"{option} {name!r} takes no part; these do: {', '.join(arms)}")
    baseline, candidate = found
    left = [name for name in arms if name not in (baseline, candidate)]
    if (baseline is None) + (candidate is None) > 0 and len(arms) != 2:
        raise ConfigError(
            f"{policy.file}: who is compared? {len(arms)} arms take part: name --baseline and "
            f"--candidate of: {', '.join(arms)}"
        )
    baseline = baseline or left.pop(0)
    candidate = candidate or left.pop(0)
    if baseline == candidate:
        raise ConfigError(f"--baseline and --candidate are both {baseline!r}; name two arms")
    return Duelists(baseline, candidate)


def _why_not(policy: GatePolicy, suite: str, duel: Duelists, arms: set[str]) -> str:
    missing = [name for name in duel if name not in arms]
    if missing:
        return (
            f"{policy.file}: {missing[0]!r} is no arm of suite {suite!r}: nothing is decided there"
        )
    return (
        f"{policy.file}: no rule for suite {suite!r} is on a mean (quality, pass_rate, "
        "malformed_rate, ...): times and money cannot be decided early"
    )
