"""One rule of a gate held against two arms: pass, fail or inconclusive, and what would decide.

A rule passes when even the unfavourable one-sided bound is within its limit, and fails when even
the favourable one is beyond it. It does not know whether the arms may be compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.analysis.figures import Rows, mean_interval_of
from evalkit.analysis.gates.policy import Rule, describe
from evalkit.analysis.measures import MEASURES
from evalkit.analysis.outcomes import Array, Mask, Outcomes
from evalkit.analysis.pairing import (
    Pairs,
    SampleMeans,
    difference,
    joined,
    noise,
    pairs_of,
    ratio,
    repeated_pairs,
    sample_means,
    spread,
    worth,
)
from evalkit.stats.distributions import normal_quantile
from evalkit.stats.intervals import Interval, clopper_pearson
from evalkit.stats.power import needed_units
from evalkit.stats.quantiles import quantile_interval
from evalkit.stats.ratios import cost_per_success
from evalkit.stats.sequential import confidence_sequence

Verdict = Literal["pass", "fail", "inconclusive"]
POWER = 0.8
LEAST_FOR_MONEY = 30
_MOST_NEEDED = 10_000_000
_MOST_PAIRS = 20_000
_MOST_REPEATS = 50


class Judged(NamedTuple):
    """A rule's verdict.

    Attributes:
        estimate: Candidate minus baseline, candidate by baseline, or the candidate's own value.
        low: Lower end of the interval at 1 - 2 alpha: a one-sided bound at 1 - alpha.
        high: Its upper end; None where no bound exists.
        n: Units that were compared: pairs of samples, or clusters.
        needed_n: So many would decide, were the estimate to stay; None where that is not known.
        reason: The verdict in words.
        values: The baseline's and the candidate's own value.
    """

    verdict: Verdict
    estimate: float | None
    low: float | None
    high: float | None
    n: int
    needed_n: int | None
    reason: str
    method: str
    values: tuple[float | None, float | None] = (None, None)


class Bout(NamedTuple):
    """Two arms before a rule.

    Attributes:
        baseline: None where a rule needs none.
        candidate: The arm that may take the baseline's place.
        alpha: One-sided risk.
        order: Places the samples in the order in which they were to be asked, where a run was
            stopped early: its bounds hold whenever one looks.
        advise: Say what would decide an open rule.
        unseen: Trials that were not made and may be of critical samples.
    """

    baseline: Outcomes
    candidate: Outcomes
    alpha: float
    order: Callable[[Any], Any] | None = None
    advise: bool = True
    unseen: int = 0


def judge_rule(rule: Rule, bout: Bout) -> Judged:
    """Hold one rule against two arms."""
    kept = kept_trials(rule, bout.baseline), kept_trials(rule, bout.candidate)
    if rule.kind == "max_regressions":
        return _regressions(rule, bout, kept)
    if rule.kind in ("max_drop", "max_increase"):
        return _difference(rule, bout, kept)
    if rule.kind == "max_ratio":
        return _ratio(rule, bout, kept)
    return _own_value(rule, bout, kept[1])


def kept_trials(rule: Rule, outcomes: Outcomes) -> Mask:
    """Return which trials a rule looks at, shape (n,)."""
    mask = outcomes.within(rule.slice)
    return mask & outcomes.critical if rule.critical else mask


def _nothing(reason: str, n: int = 0) -> Judged:
    return Judged("inconclusive", None, None, None, n, None, reason, "none")


def _difference(rule: Rule, bout: Bout, kept: tuple[Mask, Mask]) -> Judged:
    measure, arms = rule.measure, (bout.baseline, bout.candidate)
    means = [
        sample_means(arm, measure.values(arm), mask) for arm, mask in zip(arms, kept, strict=True)
    ]
    pairs = joined(*means)
    if not len(pairs):
        return _nothing(f"no sample has {rule.metric} in both arms")
    used = np.arange(len(pairs)) if bout.order is None else bout.order(pairs.sample)
    if not len(used):
        return _nothing(f"no sample up to the decision has {rule.metric} in both arms")
    found = _paired(pairs, bout, used)
    drops = rule.kind == "max_drop"
    limit = -rule.limit if drops else rule.limit
    judged = _decide(found, limit, larger_is_worse=not drops)
    old, new = pairs.baseline[used], pairs.candidate[used]
    judged = judged._replace(values=(float(old.mean()), float(new.mean())))
    if judged.verdict != "inconclusive" or not bout.advise:
        worse = found.high < 0 if drops else found.low > 0
        return _told(judged, rule, _Advice(worse=worse))
    needed = _needed(spread(pairs), found, limit, bout.alpha)
    if needed is not None and bout.order is None:
        needed = max(needed, _needed_as_it_is(pairs, limit, bout.alpha))
    advice = _Advice(
        needed=needed,
        repeats=_needed_repeats(pairs, means, needed, found.n),
        worse=found.high < 0 if drops else found.low > 0,
        unit="samples" if pairs.cluster is None else "clusters",
    )
    return _told(judged, rule, advice)


def _needed_as_it_is(pairs: Pairs, limit: float, alpha: float) -> int:
    """Return at how many units the interval itself clears the limit, were all as these are."""
    times = 1
    while times * len(pairs) <= _MOST_PAIRS:
        found = difference(repeated_pairs(pairs, times), 1.0 - 2.0 * alpha, cautious=True)
        if found.low > limit or found.high < limit:
            return pairs.units * times
        times = max(times + 1, times * 5 // 4)
    return pairs.units


def _needed_repeats(
    pairs: Pairs, means: Sequence[SampleMeans], needed: int | None, units: int
) -> tuple[int, int] | None:
    """Return how many repeats would do in place of more samples, and how many there are.

    The variance of a difference is that between samples plus that of the repeats by their number.
    """
    if needed is None or pairs.cluster is not None or needed <= units:
        return None
    own = sum(noise(one) for one in means)
    whole = spread(pairs) ** 2
    room = whole * units / needed - (whole - own)
    if not room > 0.0 or own <= 0.0:
        return None
    now = int(min(one.repeats.max() for one in means))
    wanted = math.ceil(now * own / room)
    return (wanted, now) if wanted <= _MOST_REPEATS else None


def _paired(pairs: Pairs, bout: Bout, used: npt.NDArray[np.intp]) -> Interval:
    """Return candidate minus baseline with two bounds, each one-sided at alpha."""
    if bout.order is None:
        return difference(pairs, 1.0 - 2.0 * bout.alpha, cautious=True)
    return confidence_sequence(pairs.difference[used], bout.alpha)


def _ratio(rule: Rule, bout: Bout, kept: tuple[Mask, Mask]) -> Judged:
    measure = rule.measure
    try:
        both = ratio(measure, bout.baseline, bout.candidate, 1.0 - 2.0 * bout.alpha, kept)
    except ValueError as error:
        return _nothing(f"{rule.metric}: {error}")
    found = both.found
    if measure.kind != "quantile" and found.n < LEAST_FOR_MONEY:
        return _too_few(rule, found, both.values)
    judged = _decide(found, rule.limit, larger_is_worse=True)._replace(values=both.values)
    judged = judged._replace(low=judged.low if found.low > 0 else None)
    needed = None
    if found.low > 0 and math.isfinite(found.high) and found.estimate > 0:
        z = normal_quantile(1.0 - bout.alpha)
        scale = (math.log(found.high) - math.log(found.low)) / (2.0 * z)
        distance = abs(math.log(rule.limit) - math.log(found.estimate))
        needed = _units(scale * math.sqrt(found.n), distance, bout.alpha)
    elif measure.kind == "quantile":
        needed = _least_for_quantile(measure.q, bout.alpha)
    unit = "samples" if bout.candidate.cluster is None else "clusters"
    return _told(judged, rule, _Advice(needed, unit=unit))


def _too_few(rule: Rule, found: Interval, values: tuple[float | None, float | None]) -> Judged:
    """Leave a rule on money open: a rare dear answer may be in none of so few samples."""
    open_ = _decide(found, math.nan, larger_is_worse=True)
    reason = f"{describe(rule)}: {found.n} are too few for a rule on money: at least"
    return open_._replace(
        reason=f"{reason} {LEAST_FOR_MONEY}", needed_n=LEAST_FOR_MONEY, values=values
    )


def _own_value(rule: Rule, bout: Bout, kept: Mask) -> Judged:
    """Hold the candidate's own value against a limit."""
    measure, arm = rule.measure, bout.candidate
    level = 1.0 - 2.0 * bout.alpha
    values = np.where(kept, measure.values(arm), np.nan)
    scale = 1.0
    try:
        if measure.kind == "mean":
            found = _mean(values, arm, bout)
        elif measure.kind == "quantile":
            mask = ~np.isnan(values)
            units = arm.rows().units(mask)
            found = quantile_interval(values[mask], measure.q, level, clusters=units)
        else:
            scale = 1000.0 if measure.kind == "per_answer" else 1.0
            found = _money(measure, values, arm, level)
            if found.n < LEAST_FOR_MONEY:
                return _scaled(_too_few(rule, found, (None, found.estimate)), scale)
    except ValueError as error:
        return _nothing(f"{rule.metric}: {error}")
    limit = rule.limit / scale
    judged = _decide(found, limit, larger_is_worse=rule.kind == "max")
    needed = None
    if measure.kind == "mean":
        share = min(max(found.estimate, 1.0 / (found.n + 2)), 1.0 - 1.0 / (found.n + 2))
        needed = _needed(math.sqrt(share * (1.0 - share)), found, limit, bout.alpha)
    elif measure.kind == "quantile" and judged.high is None:
        needed = _least_for_quantile(measure.q, bout.alpha)
    unit = "samples" if arm.cluster is None else "clusters"
    return _told(_scaled(judged, scale), rule, _Advice(needed, unit=unit))


def _mean(values: Array, arm: Outcomes, bout: Bout) -> Interval:
    if not (~np.isnan(values)).any():
        raise ValueError("no trial has a value")
    rows: Rows = arm.rows()
    level = 1.0 - 2.0 * bout.alpha
    if bout.order is None:
        found = mean_interval_of(values, rows, level)
        if found.method != "wilson":
            return found
        return clopper_pearson(round(found.estimate * found.n), found.n, level)
    means = sample_means(arm, values)
    ordered = means.mean[bout.order(means.sample)]
    return confidence_sequence(ordered, bout.alpha, bounds=(0.0, 1.0))


def _money(measure: Any, cost: Array, arm: Outcomes, level: float) -> Interval:
    success = worth(measure, arm)
    known = ~np.isnan(cost) & ~np.isnan(success)
    if not known.any():
        raise ValueError("no trial has a price")
    units = arm.rows().units(known)
    return cost_per_success(cost[known], success[known], level, clusters=units)


def _scaled(judged: Judged, scale: float) -> Judged:
    def times(value: float | None) -> float | None:
        return None if value is None else value * scale

    return judged._replace(
        estimate=times(judged.estimate), low=times(judged.low), high=times(judged.high)
    )


def _regressions(rule: Rule, bout: Bout, kept: tuple[Mask, Mask]) -> Judged:
    """Count samples that the baseline passed in most repeats and the candidate failed in most."""
    marked = len(np.unique(np.concatenate([
        arm.sample[mask] for arm, mask in zip((bout.baseline, bout.candidate), kept, strict=True)
    ])))  # fmt: skip
    if not marked:
        return _nothing("no sample is marked critical" if rule.critical else "no sample is there")
    pairs = pairs_of(MEASURES["pass_rate"], bout.baseline, bout.candidate, kept)
    count = int(((pairs.baseline > 0.5) & (pairs.candidate <= 0.5)).sum())
    unknown = marked - len(pairs) + (bout.unseen if rule.critical else 0)
    verdict: Verdict = "pass"
    reason = f"{count} of {len(pairs)} regressed"
    if count > rule.limit:
        verdict = "fail"
    elif unknown and count + unknown > rule.limit:
        verdict = "inconclusive"
        reason += f", and {unknown} could not be compared"
        reason += " or were not asked and may be critical" if bout.unseen else ""
    value = float(count)
    return Judged(verdict, value, value, value, len(pairs), None, reason, "count")


def _decide(found: Interval, limit: float, *, larger_is_worse: bool) -> Judged:
    low = found.low if math.isfinite(found.low) else None
    high = found.high if math.isfinite(found.high) else None
    if larger_is_worse:
        within, beyond = found.high <= limit, found.low > limit
    else:
        within, beyond = found.low > limit, found.high < limit
    verdict: Verdict = "pass" if within else "fail" if beyond else "inconclusive"
    return Judged(verdict, found.estimate, low, high, found.n, None, "", found.method)


def _needed(scale: float, found: Interval, limit: float, alpha: float) -> int | None:
    return _units(scale, abs(found.estimate - limit), alpha)


def _units(scale: float, distance: float, alpha: float) -> int | None:
    """Return how many units decide with a power of 80 %, were estimate and spread to stay."""
    if not (distance > 0.0 and math.isfinite(scale)):
        return None
    try:
        units = needed_units(scale, min(distance, 1.0), alpha, POWER)
    except ValueError:
        return None
    return int(units) if units <= _MOST_NEEDED else None


def _least_for_quantile(q: float, alpha: float) -> int:
    """Return the least n at which an upper bound of a quantile exists."""
    return math.ceil(math.log(alpha) / math.log(q))


class _Advice(NamedTuple):
    """What would decide an open rule.

    Attributes:
        needed: So many units in all.
        repeats: So many repeats in place of so many.
        worse: The whole interval says that the candidate is worse.
        unit: What is counted.
    """

    needed: int | None = None
    repeats: tuple[int, int] | None = None
    worse: bool = False
    unit: str = "samples"


def _told(judged: Judged, rule: Rule, advice: _Advice) -> Judged:
    """Put the verdict into words; only an open one needs more samples."""
    head = describe(rule)
    if judged.verdict == "fail":
        return judged._replace(reason=f"{head}, and is beyond that")
    if judged.verdict == "pass":
        note = "worse, but within the limit" if advice.worse else "within the limit"
        return judged._replace(reason=f"{head}: {note}")
    reason = "worse, margin undecided" if advice.worse else "undecided"
    if judged.high is None:
        reason = f"undecided: {judged.n} {advice.unit} are too few for an upper bound"
    if advice.needed is None:
        return judged._replace(reason=f"{head}: {reason}; the estimate is near the limit")
    if advice.needed <= judged.n:
        more = f"a few more {advice.unit} would decide, if the estimate stays"
        return judged._replace(reason=f"{head}: {reason}; {more}")
    reason += f"; about {advice.needed - judged.n} more {advice.unit} would decide"
    if advice.repeats is not None:
        reason += f", or {advice.repeats[0]} repeats in place of {advice.repeats[1]}"
    return judged._replace(
        reason=f"{head}: {reason}, if the estimate stays", needed_n=advice.needed
    )
