"""One row for each suite and arm: every figure that a report shows, with its interval and n.

Trials are streamed once, in any order: the rows are the same for each. Counts are of trials,
rates over answered trials; unusable answers score 0, errors and graders' failures are left out
and counted. It does not know where trials come from, nor who reads the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from evalkit.analysis.columns import ANSWERED, TOKENS, ArmColumns, SuiteFacts
from evalkit.analysis.cost import PriceAttempt
from evalkit.analysis.figures import Rows, as_figure, mean_figure, plain_mean, quantile_figures
from evalkit.analysis.outcomes import OK, REFUSED, Array, Outcomes, outcomes_of
from evalkit.core.acceptance import asked_always
from evalkit.core.records import Record, Trial
from evalkit.stats.ratios import cost_per_success

__all__ = ["ArmFacts", "SuiteFacts", "Summing", "summarise"]

SCHEMA_VERSION = 1
_MOST_SHOWN = 5


class ArmFacts(Record, frozen=True, kw_only=True):
    """What the trials do not say of an arm.

    Attributes:
        structured_mode: The mode it was asked in; None takes it from the trials.
        kind: `model`, `classical`, `recorded` or `policy`.
        kin: Why judges are kin to the model, by judge.
        policy: Of a policy, as run.json has it.
    """

    model: str | None = None
    structured_mode: str | None = None
    weights: str | None = None
    licence: str | None = None
    recorded: bool = False
    kind: str = "model"
    kin: dict[str, str] = {}
    policy: dict[str, Any] | None = None


def summarise(
    trials: Iterable[Trial],
    *,
    run_id: str,
    suites: Mapping[str, SuiteFacts],
    arms: Mapping[tuple[str, str], ArmFacts],
    price: PriceAttempt,
) -> dict[str, Any]:
    """Return the document of summary.json.

    Args:
        trials: Each trial once, in any order.
        run_id: The run that they belong to.
        suites: Facts by suite name; rows come in this order.
        arms: Facts by suite and arm; within a suite rows come in this order, others after by name.
        price: Prices one attempt of `provider:name`.

    Raises:
        KeyError: If a trial's suite is not among the suites.
    """
    summing = Summing(run_id, suites, arms, price)
    for trial in trials:
        summing.add(trial)
    return summing.document()


class Summing:
    """A summary in the making: takes one trial at a time.

    Args:
        run_id: As of `summarise`, like the others.
        suites: Facts by suite name.
        arms: Facts by suite and arm.
        price: Prices one attempt.
    """

    def __init__(
        self,
        run_id: str,
        suites: Mapping[str, SuiteFacts],
        arms: Mapping[tuple[str, str], ArmFacts],
        price: PriceAttempt,
    ) -> None:
        self._run_id = run_id
        self._suites = suites
        self._arms = arms
        self._price = price
        self._columns: dict[tuple[str, str], ArmColumns] = {}

    def add(self, trial: Trial) -> None:
        """Take one trial.

        Raises:
            KeyError: If its suite is not among the suites.
        """
        key = (trial.suite, trial.arm)
        found = self._columns.get(key)
        if found is None:
            found = self._columns[key] = ArmColumns(self._suites[trial.suite])
        found.add(trial, self._price)

    def take(self, columns: Mapping[tuple[str, str], ArmColumns]) -> None:
        """Take trials that were put into columns elsewhere; they are given up with the document."""
        self._columns |= columns

    @property
    def columns(self) -> Mapping[tuple[str, str], ArmColumns]:
        """What has been taken so far, by suite and arm."""
        return self._columns

    def document(self) -> dict[str, Any]:
        """Return the document; the columns are given up on the way."""
        columns, arms = self._columns, self._arms
        place = {name: index for index, name in enumerate(arms)}
        order = {name: index for index, name in enumerate(self._suites)}
        keys = sorted(columns, key=lambda k: (order[k[0]], place.get(k, len(place)), k[1]))
        rows = [summary_row(*key, columns.pop(key), arms.get(key, ArmFacts())) for key in keys]
        return {"schema_version": SCHEMA_VERSION, "run_id": self._run_id, "rows": rows}


def summary_row(suite: str, arm: str, columns: ArmColumns, facts: ArmFacts) -> dict[str, Any]:
    """Return one row of summary.json."""
    table = _Table(suite, arm, columns)
    outcomes = table.outcomes
    return {
        "suite": suite,
        "arm": arm,
        "model": facts.model or columns.model,
        "structured_mode": facts.structured_mode or columns.mode,
        "weights": facts.weights,
        "licence": facts.licence,
        "kind": facts.kind,
        "recorded": facts.recorded or columns.recorded,
        **_counts(columns, table),
        **_rates(table),
        "rungs": dict(sorted(columns.rungs.items(), key=lambda item: (-item[1], item[0]))),
        **_times(columns, table),
        "attempts_per_trial": columns.tries / columns.tried if columns.tried else None,
        "tokens": {kind: columns.tokens.get(kind) for kind in TOKENS},
        **_money(columns, table),
        "graders": {
            name: plain_mean(values, table.rows) for name, values in _primary_first(outcomes)
        },
        "judge": columns.judged.figures(facts.kin),
        "policy": None if facts.policy is None else _policy(columns, table, facts.policy),
        "metrics": {name: table.mean(values) for name, values in outcomes.metrics.items()},
        "metrics_left_out": columns.metrics.left_out,
        "slices": _slices(table),
    }


def _policy(columns: ArmColumns, table: _Table, policy: Mapping[str, Any]) -> dict[str, Any]:
    """Return who answered for a policy, and what it had promised."""
    arms = [*policy["route"], *policy["fallbacks"]]
    always = policy["route"][: asked_always(policy["accept"])]
    known = [columns.hops[arm] for arm in always if arm in columns.hops]
    passed_on = ~np.isin(table.outcomes.asked_last, known)
    return {
        "answered_by": {arm: columns.answered_by[arm] for arm in arms},
        "escalation_rate": table.share(passed_on),
        "promised": policy["promised"],
    }


class _Table:
    """An arm's outcomes with what its figures count."""

    def __init__(self, suite: str, arm: str, columns: ArmColumns) -> None:
        self.outcomes = outcomes_of(suite, arm, columns)
        self.rows = self.outcomes.rows()

    def mean(self, values: Array, kept: Any = True) -> dict[str, Any] | None:
        """Return the mean over trials, those that are not kept left out."""
        return mean_figure(np.where(kept, values, np.nan), self.rows)

    def share(self, hits: Any) -> dict[str, Any] | None:
        """Return the share of answered trials for which something holds."""
        return mean_figure(self.outcomes.share(hits), self.rows)


def _primary_first(outcomes: Outcomes) -> list[tuple[str, Array]]:
    primary = outcomes.primary
    return sorted(outcomes.graders.items(), key=lambda item: (item[0] != primary, item[0]))


def _counts(columns: ArmColumns, table: _Table) -> dict[str, Any]:
    status = columns.status
    return {
        "n_asked": status.total(),
        "n_answered": sum(status[s] for s in ANSWERED),
        "n_error": status["error"],
        "n_skipped": status["skipped"],
        "n_trials": int((~np.isnan(table.outcomes.quality)).sum()),
        "n_grader_failed": columns.n_grader_failed,
        "skip_reasons": _most_common(columns.skip_reasons),
        "grader_failures": _most_common(columns.grader_failures),
    }


def _most_common(reasons: Mapping[str, int]) -> dict[str, int]:
    """Return the five most common reasons, in an order that does not hang on the trials' order."""
    return dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))[:_MOST_SHOWN])


def _rates(table: _Table) -> dict[str, Any]:
    outcomes = table.outcomes
    return {
        "quality": table.mean(outcomes.quality),
        "quality_given_valid": table.mean(outcomes.quality, outcomes.state == OK),
        "pass_rate": table.mean(outcomes.passed),
        "malformed_rate": table.share(outcomes.first_bad),
        "usable_rate": table.share(outcomes.state == OK),
        "refusal_rate": table.share(outcomes.state == REFUSED),
    }


def _times(columns: ArmColumns, table: _Table) -> dict[str, Any]:
    return {
        "latency_ms": quantile_figures(table.outcomes.latency_ms, table.rows),
        "n_censored": columns.n_censored,
        "n_cached": columns.n_cached,
        "attempt_latency_ms": _attempt_times(columns, table),
        "ttft_ms": quantile_figures(table.outcomes.ttft_ms, table.rows),
    }


def _attempt_times(columns: ArmColumns, table: _Table) -> dict[str, Any] | None:
    """Return quantiles over attempts, grouped as their trials are."""
    order = np.lexsort((columns.repeat, columns.sample)) if len(columns) else np.zeros(0, np.intp)
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(len(place), dtype=np.int32)
    row = place[np.frombuffer(columns.attempt_row, dtype=np.int32)]
    cluster = table.rows.cluster
    retried = len(row) > len(place) or len(np.unique(row)) < len(row)
    attempts = Rows(
        table.rows.sample[row],
        None if cluster is None else cluster[row],
        table.rows.repeated or retried,
    )
    return quantile_figures(np.frombuffer(columns.attempt_latency, dtype=np.float64), attempts)


def _money(columns: ArmColumns, table: _Table) -> dict[str, Any]:
    cost = table.outcomes.cost_usd
    priced = ~np.isnan(cost)
    answered = int((priced & table.outcomes.answered).sum())
    per_success = _cost_per_success(table)
    return {
        "cost_usd": None if columns.cost_usd is None else float(columns.cost_usd),
        "judge_cost_usd": _number(columns.judge_cost_usd),
        "cost_per_1000_usd": 1000 * float(cost[priced].sum()) / answered if answered else None,
        "cost_per_success_usd": None if per_success is None else per_success["value"],
        "cost_per_success_interval": per_success,
        "priced_fraction": columns.priced / columns.answers if columns.answers else None,
    }


def _number(money: Any) -> float | None:
    return None if money is None else float(money)


def _cost_per_success(table: _Table) -> dict[str, Any] | None:
    """Return money per passed trial; an errored trial's money counts, its success is 0."""
    cost, success = table.outcomes.cost_usd, table.outcomes.success
    known = ~np.isnan(cost) & ~np.isnan(success)
    if not known.any() or success[known].sum() <= 0:
        return None
    kept, won = cost[known], success[known]
    try:
        return as_figure(cost_per_success(kept, won, clusters=table.rows.units(known)))
    except ValueError:  # one unit, or one price for everything
        units = table.rows.units(known)
        n = len(kept) if units is None else len(np.unique(units))
        value = float(kept.sum() / won.sum())
        return {"value": value, "low": None, "high": None, "n": n, "method": "none"}


def _slices(table: _Table) -> dict[str, Any]:
    slices: dict[str, Any] = {}
    outcomes = table.outcomes
    for name, column in sorted(outcomes.slices.items()):
        slices[name] = {}
        for value in sorted(column.values):
            own = outcomes.within({name: value})
            scored = own & ~np.isnan(outcomes.quality)
            slices[name][value] = {
                "quality": table.mean(outcomes.quality, own),
                "n": len(np.unique(table.rows.sample[scored])),
            }
    return slices
