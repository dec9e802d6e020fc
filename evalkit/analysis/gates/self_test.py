"""A gate held against a model and itself: how often it cries wolf, and what it would notice.

The repeats of each sample are dealt at random to two sides that differ in nothing but chance, on
samples that are drawn anew each time; then one side is made worse on purpose. It does not compare
models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from evalkit.analysis.arms import find_arm
from evalkit.analysis.gates.policy import DEFAULT, GatePolicy, read_gate
from evalkit.analysis.gates.rules import Bout, judge_rule
from evalkit.analysis.measures import MEASURES
from evalkit.analysis.outcomes import Ids, Outcomes, numbered, taken
from evalkit.analysis.pairing import detectable, noise, pairs_of, sample_means
from evalkit.analysis.reading import read_run
from evalkit.analysis.sides import sides_of
from evalkit.core.errors import ConfigError
from evalkit.core.records import Record
from evalkit.run.folder import Run
from evalkit.stats.intervals import wilson

Places = npt.NDArray[np.intp]
SCHEMA_VERSION = 1
ABSOLUTE = ("max", "min")
DROPS = (0.0, 0.02, 0.05, 0.1)


class SelfTest(Record, frozen=True, kw_only=True):
    """What `gate --self-test` is asked to do.

    Attributes:
        run: A run with two repeats or more.
        policy: gate.yaml; None takes a quality drop of 5 points and 2 points more malformed.
        splits: How often the repeats are dealt.
        seed: Seed of the dealing.
        arm: Only this arm.
    """

    run: Path
    policy: Path | None = None
    splits: int = 200
    seed: int = 0
    arm: str | None = None


class _Dealt(NamedTuple):
    """Two sides of one arm."""

    one: Outcomes
    other: Outcomes


def self_test(request: SelfTest) -> dict[str, Any]:
    """Return how the gate does where nothing changed, and where something did.

    Raises:
        ConfigError: If gate.yaml is wrong.
        JournalError: If the journal is foreign, mixed or edited.
    """
    policy = DEFAULT if request.policy is None else read_gate(request.policy)
    relative = tuple(rule for rule in policy.rules if rule.kind not in ABSOLUTE)
    left_out = [rule.name for rule in policy.rules if rule.kind in ABSOLUTE]
    if not relative:
        raise ConfigError(
            f"{policy.file}: every rule holds the candidate's own value; --self-test is of rules "
            "that compare: max_drop, max_increase, max_ratio, max_regressions"
        )
    policy = msgspec.structs.replace(policy, rules=relative)
    sides = sides_of(read_run(Run(request.run)))
    arm = None
    if request.arm is not None:
        arm = find_arm(request.arm, (side.named for side in sides.values()))
        if arm is None:
            known = ", ".join(dict.fromkeys(name for _, name in sides))
            raise ConfigError(f"{request.run}: no arm {request.arm!r}; it has: {known}")
    rows = [
        _arm(side.outcomes, policy, request)
        for side in sides.values()
        if arm in (None, side.outcomes.arm)
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "run": str(request.run),
        "policy": policy.file or None,
        "rules": [rule.name for rule in policy.rules],
        "left_out": left_out,
        "splits": request.splits,
        "arms": rows,
    }


def _arm(outcomes: Outcomes, policy: GatePolicy, request: SelfTest) -> dict[str, Any]:
    """Test the gate on one arm of one suite."""
    starts, count = _blocks(outcomes.sample)
    row: dict[str, Any] = {
        "suite": outcomes.suite,
        "arm": outcomes.arm,
        "n": len(starts),
        "repeats": int(count.max()) if len(count) else 0,
        "reason": None,
        "warning": None,
        "results": [],
        "minimum_detectable_effect": None,
    }
    whole = count >= 2
    if not whole.any():
        row["reason"] = "no sample has two repeats: run it with --repeats 2 or more"
        return row
    rng = np.random.default_rng(request.seed)
    dealer = _Dealer(outcomes, starts[whole], count[whole], rng)
    row["n"] = int(whole.sum())
    quality = float(np.nanmean(outcomes.quality))
    drops = [drop for drop in DROPS if drop <= quality]
    row["results"] = [_result(dealer, policy, drop, request.splits) for drop in drops]
    if not noise(sample_means(outcomes, outcomes.quality)) > 0:
        row["warning"] = (
            "all repeats of a sample scored the same: there is no noise that could raise a false "
            "alarm, and what is found in 80 % says nothing of a noisy model"
        )
    dealt = dealer.deal(resample=False)
    pairs = pairs_of(MEASURES["quality"], dealt.one, dealt.other)
    row["minimum_detectable_effect"] = detectable(pairs, 0.05) if len(pairs) else None
    return row


def _result(dealer: _Dealer, policy: GatePolicy, drop: float, splits: int) -> dict[str, Any]:
    """Return the gate's verdicts where one side is worse by `drop` in quality."""
    verdicts: Counter[str] = Counter()
    by_rule: dict[str, Counter[str]] = {rule.name: Counter() for rule in policy.rules}
    for _ in range(splits):
        dealt = dealer.deal()
        worse = dealer.spoiled(dealt.other, drop) if drop else dealt.other
        bout = Bout(dealt.one, worse, policy.alpha, advise=False)
        said = []
        for rule in policy.rules:
            verdict = judge_rule(rule, bout).verdict
            by_rule[rule.name][verdict] += 1
            said.append(verdict)
        verdicts[joined(said)] += 1
    failed = wilson(verdicts["fail"], splits)
    return {
        "drop": drop,
        **{name: verdicts[name] / splits for name in ("pass", "fail", "inconclusive")},
        "fail_low": failed.low,
        "fail_high": failed.high,
        "rules": {
            name: {v: counts[v] / splits for v in ("pass", "fail", "inconclusive")}
            for name, counts in by_rule.items()
        },
    }


def joined(verdicts: Sequence[str]) -> str:
    """Return the verdict of a gate whose rules said these."""
    if "fail" in verdicts:
        return "fail"
    return "inconclusive" if "inconclusive" in verdicts else "pass"


class _Dealer:
    """Deals an arm's repeats to two sides.

    Args:
        outcomes: The arm.
        starts: First trial of each sample, shape (n,).
        count: Its repeats, at least two, shape (n,).
        rng: Draws samples and deals repeats.
    """

    def __init__(
        self,
        outcomes: Outcomes,
        starts: Places,
        count: Places,
        rng: np.random.Generator,
    ) -> None:
        self._outcomes = outcomes
        self._starts, self._count, self._rng = starts, count, rng
        self._half = int(count.min()) // 2
        self._members: list[Places] | None = None
        if outcomes.cluster is not None:
            code = numbered(outcomes.cluster[starts])
            order = np.argsort(code, kind="stable")
            self._members = np.split(order, np.cumsum(np.bincount(code))[:-1])

    def deal(self, *, resample: bool = True) -> _Dealt:
        """Draw samples (or clusters) and deal half of each sample's repeats to either side."""
        drawn, cluster = self._drawn(resample=resample)
        n, most = len(drawn), int(self._count.max())
        keys = self._rng.random((n, most))
        keys[np.arange(most)[None, :] >= self._count[drawn][:, None]] = 2.0
        order = np.argsort(keys, axis=1)[:, : 2 * self._half]
        rows = self._starts[drawn][:, None] + order
        names: Ids = np.repeat(np.arange(n, dtype=np.uint64), self._half)
        halves = rows[:, : self._half].ravel(), rows[:, self._half :].ravel()
        sides = [taken(self._outcomes, half, names) for half in halves]
        if cluster is not None:
            sides = [replace(side, cluster=np.repeat(cluster, self._half)) for side in sides]
        return _Dealt(*sides)

    def _drawn(self, *, resample: bool) -> tuple[Places, Ids | None]:
        """Return which samples were drawn, and the cluster of each where there are clusters."""
        n = len(self._starts)
        if self._members is None:
            return (self._rng.integers(0, n, n) if resample else np.arange(n)), None
        count = len(self._members)
        chosen = self._rng.integers(0, count, count) if resample else np.arange(count)
        own = [self._members[i] for i in chosen]
        cluster = np.repeat(np.arange(count, dtype=np.uint64), [len(m) for m in own])
        return np.concatenate(own), cluster

    def spoiled(self, outcomes: Outcomes, drop: float) -> Outcomes:
        """Let so many samples fail in all repeats that quality drops by `drop` on average."""
        quality = outcomes.quality
        mean = float(np.nanmean(quality))
        share = min(1.0, drop / mean) if mean > 0 else 0.0
        fails = self._rng.random(int(outcomes.sample.max()) + 1) < share
        hit = fails[outcomes.sample.astype(np.intp)]
        graders: Mapping[str, Any] = {
            name: np.where(hit & ~np.isnan(values), 0.0, values)
            for name, values in outcomes.graders.items()
        }
        return replace(outcomes, graders=graders, passed=np.where(hit, 0.0, outcomes.passed))


def _blocks(sample: Ids) -> tuple[Places, Places]:
    """Return where each sample's trials start, and how many there are."""
    first = np.ones(len(sample), dtype=bool)
    np.not_equal(sample[1:], sample[:-1], out=first[1:])
    starts = np.flatnonzero(first)
    return starts, np.diff(starts, append=len(sample))
