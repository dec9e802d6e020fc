"""What can be compared between two arms: each measure by its name, and how it is read.

A measure takes its values out of an arm's outcomes; it knows neither limits nor intervals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from evalkit.analysis.outcomes import OK, REFUSED, Array, Outcomes

Kind = Literal["mean", "quantile", "per_success", "per_answer"]


class Measure(NamedTuple):
    """One measure.

    Attributes:
        name: As in `gate.yaml` and in the tables; its unit stands at its end.
        kind: `mean` of a value in [0, 1] for each trial; `quantile` of times; `per_success` and
            `per_answer`: money by passed or answered trials.
        values: Gives the value of each trial, NaN where it has none.
        higher_is_better: Which way is up.
        q: The quantile, for times.
    """

    name: str
    kind: Kind
    values: Callable[[Outcomes], Array]
    higher_is_better: bool = False
    q: float = 0.0


def _named_column(name: str) -> Callable[[Outcomes], Array]:
    family, _, rest = name.partition(".")

    def values(outcomes: Outcomes) -> Array:
        own = outcomes.graders if family == "graders" else outcomes.metrics
        found = own.get(rest)
        return np.full(len(outcomes), np.nan) if found is None else found

    return values


def _times(unit: str, values: Callable[[Outcomes], Array]) -> list[Measure]:
    return [
        Measure(f"{unit}_p{round(100 * q)}_ms", "quantile", values, q=q) for q in (0.5, 0.95, 0.99)
    ]


MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("quality", "mean", lambda o: o.quality, higher_is_better=True),
        Measure("pass_rate", "mean", lambda o: o.passed, higher_is_better=True),
        Measure("malformed_rate", "mean", lambda o: o.share(o.first_bad)),
        Measure("usable_rate", "mean", lambda o: o.share(o.state == OK), higher_is_better=True),
        Measure("refusal_rate", "mean", lambda o: o.share(o.state == REFUSED)),
        *_times("latency", lambda o: o.latency_ms),
        *_times("ttft", lambda o: o.ttft_ms),
        Measure("cost_per_success_usd", "per_success", lambda o: o.cost_usd),
        Measure("cost_per_1000_usd", "per_answer", lambda o: o.cost_usd),
    )
}
FAMILIES = ("graders.", "metrics.")


def find_measure(name: str) -> Measure | None:
    """Return a measure by its name; `graders.NAME` and `metrics.GRADER.NAME` are scores.

    Example:
        >>> find_measure("latency_p95_ms").q, find_measure("graders.fields").kind
        (0.95, 'mean')
    """
    if name.startswith(FAMILIES) and not name.endswith("."):
        return Measure(name, "mean", _named_column(name), higher_is_better=True)
    return MEASURES.get(name)


def known_measures() -> str:
    """Return the names for a message."""
    return ", ".join([*MEASURES, "graders.NAME", "metrics.GRADER.NAME"])
