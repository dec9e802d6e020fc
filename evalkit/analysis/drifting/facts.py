"""What one run tells of an arm: its figures, and what it did beside being graded.

Ids returned, fingerprints, unit prices and lengths are counted in the pass that fills the columns;
no text is kept. It does not know other runs.
"""

from __future__ import annotations

import datetime as dt
import math
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from evalkit.analysis.cost import PriceAttempt, price_of
from evalkit.analysis.figures import as_figure
from evalkit.analysis.measures import Measure
from evalkit.analysis.outcomes import Array, Outcomes
from evalkit.analysis.sides import Side
from evalkit.core.records import Attempt, Trial
from evalkit.stats.quantiles import quantile_interval

PRICE_TABLE = "genai-prices"
CHARACTERS = "characters"  # a name without a dot is no grader's
_MOST_KEPT = 500
_MOSTLY = 0.9
_RATES = ("quality", "pass_rate", "malformed_rate", "refusal_rate")
_COUNTS = ("n_asked", "n_answered", "n_error", "n_skipped", "n_cached")


class UnitPrice(NamedTuple):
    """A price as it was applied.

    Attributes:
        model_returned: The model's id as the answer named it.
        units: USD per million tokens, by kind; empty where there is no price.
        source: Where the price is from, or why there is none.
        matched: The entry of that source.
    """

    model_returned: str | None
    units: tuple[tuple[str, str], ...]
    source: str
    matched: str


class Tally:
    """Counts of one arm in one run; takes the trials that its columns take, in the same order."""

    def __init__(self) -> None:
        self.models_returned: Counter[str] = Counter()
        self.fingerprints: Counter[str] = Counter()
        self.judges_returned: Counter[tuple[str, str]] = Counter()
        self.prices: Counter[UnitPrice] = Counter()
        self.characters = array("d")
        self.recorded_from: dt.datetime | None = None
        self.recorded_to: dt.datetime | None = None

    def add(self, trial: Trial, price: PriceAttempt) -> None:
        """Take one trial."""
        if trial.status == "skipped":
            return
        self.characters.append(_characters(trial))
        for attempt in trial.attempts:
            if attempt.cached or attempt.completion is None:
                continue  # what a cache serves was said at another time
            if attempt.role == "judge":
                _count(self.judges_returned, (attempt.model, attempt.model_returned or "?"))
                continue
            _count(self.models_returned, attempt.model_returned)
            _count(self.fingerprints, attempt.completion.system_fingerprint)
            _count(self.prices, _unit_price(trial, attempt, price))
            self._date(attempt.completion.recorded_at)

    def _date(self, text: str | None) -> None:
        if text is None:
            return
        at = moment(text)
        self.recorded_from = min(at, self.recorded_from or at)
        self.recorded_to = max(at, self.recorded_to or at)


@dataclass(frozen=True, eq=False)
class Episode:
    """One arm on one suite in one run.

    Attributes:
        run_id: The run.
        path: Its folder.
        at: When the answers were given: a recording's first date, else the start of the run.
        started_at: When the run began.
        state: Its state and the reason.
        side: Outcomes, and what must agree before they can be compared; the length of each answer
            in characters is among the metrics of its outcomes.
        row: Its row of the summary, None where no trial was made.
        tally: What was counted beside.
        arm: The arm as run.json has it.
        environment: What the run ran on.
    """

    run_id: str
    path: str
    at: dt.datetime
    started_at: dt.datetime
    state: tuple[str, str | None]
    side: Side
    row: Mapping[str, Any] | None
    tally: Tally
    arm: Mapping[str, Any]
    environment: Mapping[str, Any]

    @property
    def outcomes(self) -> Outcomes:
        """Its trials."""
        return self.side.outcomes

    @property
    def date(self) -> str:
        """The day, ISO 8601."""
        return self.at.date().isoformat()

    @property
    def has_score(self) -> bool:
        """True where some trial has a quality."""
        return bool((~np.isnan(self.outcomes.quality)).any())

    @property
    def price_table(self) -> str | None:
        """The packaged price table that was installed, with its version."""
        found = self.environment.get("dependencies", {}).get(PRICE_TABLE)
        return None if found is None else f"{PRICE_TABLE} {found}"


def moment(text: str) -> dt.datetime:
    """Return a time; one without a zone is UTC."""
    at = dt.datetime.fromisoformat(text)
    return at.replace(tzinfo=dt.UTC) if at.tzinfo is None else at.astimezone(dt.UTC)


def length_unit(episodes: list[Episode]) -> str:
    """Return what lengths are counted in: tokens where each run knows those of most answers."""
    for episode in episodes:
        outcomes = episode.outcomes
        known = ~np.isnan(outcomes.output_tokens[outcomes.answered])
        if len(known) and known.mean() < _MOSTLY:
            return "characters"
    return "tokens"


def lengths_of(outcomes: Outcomes, unit: str) -> Array:
    """Return how long each trial's answer is, NaN where that is not known, shape (n,)."""
    own = outcomes.output_tokens if unit == "tokens" else outcomes.metrics[CHARACTERS]
    return np.where(outcomes.answered, own, np.nan)


def length_measure(unit: str) -> Measure:
    """Return the median length of the answers as a measure; an empty answer counts as 1."""
    name = f"output_{unit}_p50"
    return Measure(name, "quantile", lambda o: np.maximum(lengths_of(o, unit), 1.0), q=0.5)


def run_figures(episode: Episode, unit: str) -> dict[str, Any]:
    """Return one run of an arm as the document has it.

    Args:
        episode: The run.
        unit: What lengths are counted in.
    """
    row = episode.row or {}
    state, reason = episode.state
    tally = episode.tally
    latency = row.get("latency_ms") or {}
    asked = row.get("n_asked", 0) - row.get("n_skipped", 0)
    return {
        "run_id": episode.run_id,
        "path": episode.path,
        "date": episode.date,
        "at": episode.at.isoformat(),
        "started_at": episode.started_at.isoformat(),
        "state": state,
        "state_reason": reason,
        "recorded": bool(row.get("recorded")),
        **{name: row.get(name, 0) for name in _COUNTS},
        "n_samples": len(np.unique(episode.outcomes.sample)),
        "error_share": row["n_error"] / asked if asked else None,
        **{name: row.get(name) for name in _RATES},
        "output_length": {"unit": unit, "p50": _median_length(episode.outcomes, unit)},
        "latency_ms": {name: latency.get(name) for name in ("p50", "p95")},
        "cost_per_1000_usd": row.get("cost_per_1000_usd"),
        "priced_fraction": row.get("priced_fraction"),
        "unit_prices": [_price_row(price, n) for price, n in tally.prices.most_common()],
        "price_table": episode.price_table,
        "models_returned": dict(tally.models_returned.most_common()),
        "system_fingerprints": dict(tally.fingerprints.most_common()),
    }


def _median_length(outcomes: Outcomes, unit: str) -> dict[str, Any] | None:
    lengths = lengths_of(outcomes, unit)
    mask = ~np.isnan(lengths)
    if not mask.any():
        return None
    return as_figure(quantile_interval(lengths[mask], 0.5, clusters=outcomes.rows().units(mask)))


def _price_row(price: UnitPrice, count: int) -> dict[str, Any]:
    return {
        "model_returned": price.model_returned,
        "unit_prices": {name: float(value) for name, value in price.units},
        "source": price.source,
        "matched": price.matched,
        "n": count,
    }


def _characters(trial: Trial) -> float:
    """Return the length of the last answer with its tool calls, NaN where none came."""
    for attempt in reversed(trial.attempts):
        done = attempt.completion
        if attempt.role == "model" and done is not None:
            calls = sum(len(call.name) + len(call.arguments) for call in done.tool_calls)
            return float(len(done.text) + calls)
    return math.nan


def _unit_price(trial: Trial, attempt: Attempt, price: PriceAttempt) -> UnitPrice:
    found = price_of(trial, attempt, price)
    units = tuple(sorted((name, str(value)) for name, value in found.unit_prices.items()))
    return UnitPrice(attempt.model_returned, units, found.source, found.matched)


def _count(counter: Counter[Any], value: Any) -> None:
    """Count a value; past so many different ones no new one is kept, so that memory stays flat."""
    if value is not None and (value in counter or len(counter) < _MOST_KEPT):
        counter[value] += 1
