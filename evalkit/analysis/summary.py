"""One row for each suite and arm: every figure that a report shows, with its interval and n.

Trials are streamed once, in any order: the rows are the same for each. Counts are of trials,
rates over answered trials; unusable answers score 0, errors and graders' failures are left out
and counted. It does not know where trials come from, nor who reads the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from evalkit.analysis.columns import ANSWERED, TOKENS, ArmColumns, Array, SuiteFacts
from evalkit.analysis.cost import PriceAttempt
from evalkit.analysis.figures import (
    Codes,
    Rows,
    as_figure,
    mean_figure,
    plain_mean,
    quantile_figures,
)
from evalkit.core.records import Record, Trial
from evalkit.stats.ratios import fieller

__all__ = ["ArmFacts", "SuiteFacts", "Summing", "summarise"]

SCHEMA_VERSION = 1
_MOST_SHOWN = 5
_OK = ANSWERED.index("ok")
_REFUSED = ANSWERED.index("refused")


class ArmFacts(Record, frozen=True, kw_only=True):
    """What the trials do not say of an arm.

    Attributes:
        structured_mode: The mode it was asked in; None takes it from the trials.
        kind: `model`, `classical` or `recorded`.
        kin: Why judges are kin to the model, by judge.
    """

    model: str | None = None
    structured_mode: str | None = None
    weights: str | None = None
    licence: str | None = None
    recorded: bool = False
    kind: str = "model"
    kin: dict[str, str] = {}


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
    table = _Table(columns)
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
        **_rates(columns, table),
        "rungs": dict(sorted(columns.rungs.items(), key=lambda item: (-item[1], item[0]))),
        **_times(columns, table),
        "attempts_per_trial": columns.tries / columns.tried if columns.tried else None,
        "tokens": {kind: columns.tokens.get(kind) for kind in TOKENS},
        **_money(columns, table),
        "graders": {
            name: plain_mean(table.column(values), table.rows)
            for name, values in _primary_first(columns)
        },
        "judge": columns.judged.figures(facts.kin),
        "metrics": {
            name: mean_figure(table.column(values), table.rows)
            for name, values in columns.metrics.dense(len(columns))
        },
        "metrics_left_out": columns.metrics.left_out,
        "slices": _slices(columns, table),
    }


class _Table:
    """An arm's columns as vectors, in one order whatever order the trials came in."""

    def __init__(self, columns: ArmColumns) -> None:
        sample = np.frombuffer(columns.sample, dtype=np.uint64)
        repeat = np.frombuffer(columns.repeat, dtype=np.int32)
        self.order = np.lexsort((repeat, sample))
        self.state = np.frombuffer(columns.state, dtype=np.int8)[self.order]
        cluster = None
        if columns.has_clusters:
            cluster = _numbered(np.frombuffer(columns.cluster, dtype=np.uint64)[self.order])
        numbers = _numbered(sample[self.order])
        repeated = len(numbers) > 0 and int(numbers.max()) + 1 < len(numbers)
        self.rows = Rows(numbers, cluster, repeated)
        self.answered = self.state >= 0
        self.quality = self.column(columns.graders[columns.facts.primary])
        self.passed = self.column(columns.passed)

    def column(self, values: Any) -> Array:
        """Return one column in the table's order."""
        return np.frombuffer(values, dtype=np.float64)[self.order]

    def share(self, hits: Any) -> dict[str, Any] | None:
        """Return the share of answered trials for which something holds."""
        return mean_figure(np.where(self.answered, hits, np.nan), self.rows)

    def only(self, values: Array, kept: Any) -> Array:
        """Return values with all others left out."""
        return np.where(kept, values, np.nan)


def _primary_first(columns: ArmColumns) -> list[tuple[str, Any]]:
    primary = columns.facts.primary
    return sorted(columns.graders.items(), key=lambda item: (item[0] != primary, item[0]))


def _numbered(values: Any) -> Codes:
    codes: Codes = np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.int32)
    return codes


def _counts(columns: ArmColumns, table: _Table) -> dict[str, Any]:
    status = columns.status
    return {
        "n_asked": status.total(),
        "n_answered": sum(status[s] for s in ANSWERED),
        "n_error": status["error"],
        "n_skipped": status["skipped"],
        "n_trials": int((~np.isnan(table.quality)).sum()),
        "n_grader_failed": columns.n_grader_failed,
        "skip_reasons": _most_common(columns.skip_reasons),
        "grader_failures": _most_common(columns.grader_failures),
    }


def _most_common(reasons: Mapping[str, int]) -> dict[str, int]:
    """Return the five most common reasons, in an order that does not hang on the trials' order."""
    return dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))[:_MOST_SHOWN])


def _rates(columns: ArmColumns, table: _Table) -> dict[str, Any]:
    bad = np.frombuffer(columns.first_bad, dtype=np.int8)[table.order]
    return {
        "quality": mean_figure(table.quality, table.rows),
        "quality_given_valid": mean_figure(
            table.only(table.quality, table.state == _OK), table.rows
        ),
        "pass_rate": mean_figure(table.passed, table.rows),
        "malformed_rate": table.share(bad),
        "usable_rate": table.share(table.state == _OK),
        "refusal_rate": table.share(table.state == _REFUSED),
    }


def _times(columns: ArmColumns, table: _Table) -> dict[str, Any]:
    place = np.empty(len(table.order), dtype=np.int32)
    place[table.order] = np.arange(len(place), dtype=np.int32)
    attempt_row = place[np.frombuffer(columns.attempt_row, dtype=np.int32)]
    cluster = table.rows.cluster
    retried = len(attempt_row) > len(place) or len(np.unique(attempt_row)) < len(attempt_row)
    attempts = Rows(
        table.rows.sample[attempt_row],
        None if cluster is None else cluster[attempt_row],
        table.rows.repeated or retried,
    )
    return {
        "latency_ms": quantile_figures(table.column(columns.latency.values), table.rows),
        "n_censored": columns.n_censored,
        "n_cached": columns.n_cached,
        "attempt_latency_ms": quantile_figures(
            np.frombuffer(columns.attempt_latency, dtype=np.float64), attempts
        ),
        "ttft_ms": quantile_figures(table.column(columns.ttft.values), table.rows),
    }


def _money(columns: ArmColumns, table: _Table) -> dict[str, Any]:
    cost = table.column(columns.cost.values)
    priced = ~np.isnan(cost)
    answered = int((priced & table.answered).sum())
    per_success = _cost_per_success(cost, table)
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


def _cost_per_success(cost: Array, table: _Table) -> dict[str, Any] | None:
    """Return money per passed trial; an errored trial's money counts, its success is 0."""
    success = np.where(table.answered, table.passed, 0.0)
    known = ~np.isnan(cost) & ~np.isnan(success)
    if not known.any() or success[known].sum() <= 0:
        return None
    kept, won = cost[known], success[known]
    try:
        figure = as_figure(fieller(kept, won, clusters=table.rows.units(known)))
        return {**figure, "low": max(0.0, figure["low"])}
    except ValueError:  # too few units, or too few successes for a finite interval
        units = table.rows.units(known)
        n = len(kept) if units is None else len(np.unique(units))
        value = float(kept.sum() / won.sum())
        return {"value": value, "low": None, "high": None, "n": n, "method": "none"}


def _slices(columns: ArmColumns, table: _Table) -> dict[str, Any]:
    slices: dict[str, Any] = {}
    for name, values in sorted(columns.slice_values.items()):
        codes = np.frombuffer(columns.slices[name], dtype=np.int32)[table.order]
        slices[name] = {}
        for value in sorted(values):
            quality = table.only(table.quality, codes == values[value])
            scored = ~np.isnan(quality)
            slices[name][value] = {
                "quality": mean_figure(quality, table.rows),
                "n": len(np.unique(table.rows.sample[scored])),
            }
    return slices
