"""A run's costs as they were, and as they would be at the prices of another day.

The journal is read, never written. It does not know how it is shown.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import msgspec

from evalkit.analysis.cost import PriceAttempt, bill, price_of
from evalkit.analysis.runs import price_warning, pricing
from evalkit.core.records import Attempt, Trial
from evalkit.providers.pricing import Priced
from evalkit.run.folder import Run


def reprice_document(run: Run, at: dt.date, providers: Path | None = None) -> dict[str, Any]:
    """Return what `evalkit reprice --json` prints.

    Recorded costs stand beside; at the other day all is priced by its usage alone, at noon UTC.

    Raises:
        JournalError: If the journal is foreign, mixed or edited.
        ConfigError: If the providers file is wrong.
    """
    then, now = pricing(run, providers), _at(pricing(run, providers), at)
    sums: dict[tuple[str, str], dict[str, Any]] = {}
    for trial in run.trials():
        row = sums.setdefault((trial.suite, trial.arm), _empty(trial.suite, trial.arm))
        row["n_asked"] += trial.status != "skipped"
        for name, price in (("then", then), ("now", now)):
            _add(row[name], bill(trial, price))
        _note(row, trial, now)
    warning = price_warning(run.manifest) if providers is None else None
    return {
        "schema_version": 1,
        "run_id": run.run_id,
        "at": at.isoformat(),
        "rows": [_row(own) for own in sums.values()],
        "warnings": [] if warning is None else [warning],
    }


def _at(price: PriceAttempt, day: dt.date) -> PriceAttempt:
    """Return what prices every attempt as if it had been made on a day."""
    moment = dt.datetime.combine(day, dt.time(12), dt.UTC).isoformat()

    def at_noon(model: str, attempt: Attempt) -> Priced:
        done = attempt.completion
        if done is not None:
            done = msgspec.structs.replace(
                done, cost_usd=None, recorded_at=moment if done.recorded else done.recorded_at
            )
        return price(
            model,
            msgspec.structs.replace(
                attempt,
                completion=done,
                sent_at=moment,
                failed_cost_usd=None,
                failed_recorded_at=None,
            ),
        )

    return at_noon


def _empty(suite: str, arm: str) -> dict[str, Any]:
    side = {"cost_usd": None, "judge_cost_usd": None, "answered": 0, "priced": 0}
    return {
        "suite": suite, "arm": arm, "n_asked": 0, "then": dict(side), "now": dict(side),
        "source": None, "matched": None,
    }  # fmt: skip


def _add(side: dict[str, Any], own: Any) -> None:
    for name in ("cost_usd", "judge_cost_usd"):
        paid = getattr(own, name)
        if paid is not None:
            side[name] = (side[name] or 0) + paid
    side["answered"] += own.answered
    side["priced"] += own.priced


def _note(row: dict[str, Any], trial: Trial, price: PriceAttempt) -> None:
    """Keep where the first price of an arm came from."""
    if row["source"] is not None:
        return
    for attempt in trial.attempts:
        if attempt.role == "model" and attempt.completion is not None:
            priced = price_of(trial, attempt, price)
            row["source"], row["matched"] = priced.source, priced.matched or None
            return


def _row(own: dict[str, Any]) -> dict[str, Any]:
    sides = {}
    for name in ("then", "now"):
        side = own[name]
        sides[name] = {
            "cost_usd": None if side["cost_usd"] is None else float(side["cost_usd"]),
            "judge_cost_usd": (
                None if side["judge_cost_usd"] is None else float(side["judge_cost_usd"])
            ),
            "priced_fraction": side["priced"] / side["answered"] if side["answered"] else None,
        }
    before, after = sides["then"]["cost_usd"], sides["now"]["cost_usd"]
    ratio = after / before if before and after is not None else None
    return {**own, **sides, "ratio": ratio}
