"""Further metrics that graders give with their scores, kept as sparse columns.

A metric has a value only in the trials in which its grader gave one. This module does not know
what a metric means, nor its interval.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.core.records import Score

MOST_NAMES = 50
"""Of one grader in one arm. A grader with more has named something else than metrics (samples,
words): all of its metrics are left out, whatever the order of the trials."""


class MetricColumns:
    """Metrics of one arm's trials: a row number and a value for each that was given."""

    def __init__(self) -> None:
        self._columns: dict[str, dict[str, tuple[array[int], array[float]]]] = {}
        self._left_out: set[str] = set()

    def add(self, row: int, scores: Sequence[Score]) -> None:
        """Take the metrics of one trial; a score without a value has none."""
        for score in scores:
            metrics = (score.details or {}).get("metrics")
            if score.value is not None and isinstance(metrics, Mapping):
                self._add(row, score.grader, metrics)

    def _add(self, row: int, grader: str, metrics: Mapping[str, Any]) -> None:
        if grader in self._left_out:
            return
        own = self._columns.setdefault(grader, {})
        for name, value in metrics.items():
            if not (isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= 1):
                continue  # written by an older version, which did not check
            rows, values = own.setdefault(name, (array("i"), array("d")))
            rows.append(row)
            values.append(value)
        if len(own) > MOST_NAMES:
            self._left_out.add(grader)
            del self._columns[grader]

    @property
    def left_out(self) -> list[str]:
        """Graders that gave too many names."""
        return sorted(self._left_out)

    def dense(self, length: int) -> Iterator[tuple[str, array[float]]]:
        """Yield each metric as `grader.name` with a value for each trial, NaN where it has none."""
        for grader, columns in sorted(self._columns.items()):
            for name, (rows, values) in sorted(columns.items()):
                column = array("d", [math.nan]) * length
                for row, value in zip(rows, values, strict=True):
                    column[row] = value
                yield f"{grader}.{name}", column
