"""Which two arms a report is about, and what their difference says.

Named arms come first; else the best arm of open weights against the best closed one, for that is
the question; else the two best. Who is best was chosen by the same data: whoever says it must say
that too. It does not write sentences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from evalkit.analysis.compare import Said, reading_of, turned

Row = Mapping[str, Any]
Question = Literal["named", "against baseline", "open or closed", "leader"]


class Contrast(NamedTuple):
    """Two arms, and what is known of their difference.

    Attributes:
        question: Why these two.
        baseline: The label of the arm that is there, or is better known.
        candidate: The label of the other.
        reading: What the difference in quality says of the candidate.
        rows: Rows of `compare` of these two over all samples, by metric.
    """

    question: Question
    baseline: str
    candidate: str
    reading: Said
    rows: Mapping[str, Row]


def contrast_of(
    rows: Sequence[Row], pairs: Sequence[Row], baseline: str | None, candidate: str | None
) -> Contrast | None:
    """Return the two arms that a suite's verdict is about; None where fewer than two answered.

    Args:
        rows: Rows of summary.json of the suite.
        pairs: Rows of `compare` of the suite.
        baseline: The arm in use, where it is named.
        candidate: The arm that may take its place, where it is named.
    """
    answered = [row for row in rows if row["quality"] is not None]
    named = {row["arm"] for row in answered}
    if len(answered) < 2 or (baseline and baseline not in named):
        return None
    if candidate is not None and candidate not in named:
        return None
    question, first, second = _two(answered, baseline, candidate)
    own = _rows(pairs, first, second)
    return Contrast(question, first, second, reading_of(own.get("quality")), own)


def _two(
    answered: Sequence[Row], baseline: str | None, candidate: str | None
) -> tuple[Question, str, str]:
    ordered = [row["arm"] for row in best_first(answered)]
    if baseline is not None and candidate is not None:
        return "named", baseline, candidate
    if baseline is not None:
        return "against baseline", baseline, next(a for a in ordered if a != baseline)
    if candidate is not None:
        return "against baseline", next(a for a in ordered if a != candidate), candidate
    models = [row for row in best_first(answered) if row.get("kind") != "classical"]
    open_ = [row["arm"] for row in models if str(row["weights"] or "").startswith("open")]
    closed = [row["arm"] for row in models if row["weights"] == "closed"]
    if open_ and closed:
        return "open or closed", closed[0], open_[0]
    return "leader", ordered[1], ordered[0]


def best_first(rows: Sequence[Row]) -> list[Row]:
    """Return rows by quality, the best first; equal ones by fewer malformed, then by name."""
    return sorted(
        rows,
        key=lambda r: (
            -r["quality"]["value"],
            (r["malformed_rate"] or {"value": 1.0})["value"],
            r["arm"],
        ),
    )


def _rows(pairs: Sequence[Row], baseline: str, candidate: str) -> dict[str, Row]:
    """Return the rows of two arms by metric, turned round where they stand the other way."""
    found = {}
    for row in pairs:
        if row["slice"] is None:
            if (row["baseline"], row["candidate"]) == (baseline, candidate):
                found[row["metric"]] = row
            elif (row["baseline"], row["candidate"]) == (candidate, baseline) and _can_turn(row):
                found[row["metric"]] = turned(row)
    return found


def _can_turn(row: Row) -> bool:
    """A ratio of 0 has no inverse."""
    return row["difference"] is not None or row["ratio"] > 0
