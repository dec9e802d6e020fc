"""What the comparisons and the cumulative sum of one arm come to, in words.

Only rates and quality count; lengths, latencies and what is merely news do not. It does not know
how the figures were made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from evalkit.analysis.drifting.facts import Episode

Outcome = Literal["none", "worse", "better", "changed", "not_comparable", "nothing_scored"]
Row = Mapping[str, Any]
_RANK: tuple[Outcome, ...] = ("worse", "changed", "better")


class Verdict(NamedTuple):
    """What was found of one arm.

    Attributes:
        outcome: The worst of what was found.
        sentence: The same in words.
        since: Run id and date with which it may have begun, None where nothing was found.
        newest_is_in: The newest run could be compared with the first.
    """

    outcome: Outcome
    sentence: str
    since: tuple[str, str] | None = None
    newest_is_in: bool = True

    def document(self) -> dict[str, Any]:
        """Return it as plain data."""
        since = None if self.since is None else {"run_id": self.since[0], "date": self.since[1]}
        return {
            "outcome": self.outcome,
            "sentence": self.sentence,
            "since": since,
            "newest_is_compared": self.newest_is_in,
        }


def verdict_of(
    episodes: Sequence[Episode],
    comparable: Sequence[Episode],
    rows: Sequence[Row],
    cusum: Row,
) -> Verdict:
    """Return the verdict on one arm.

    Args:
        episodes: All of its runs, in the order of time.
        comparable: Those that may be compared, the first among them.
        rows: Later runs against the first.
        cusum: The cumulative sum.
    """
    newest = comparable[-1] is episodes[-1]
    if len(comparable) < 2:
        return Verdict("not_comparable", _lonely(episodes, comparable[0]), None, newest)
    rates = [row for row in rows if row["kind"] == "difference"]
    if all(row["metric"] != "quality" for row in rates):
        said = "nothing was scored in two of these runs: nothing can be said"
        return Verdict("nothing_scored", said, None, newest)
    found = [row for row in rates if row["change"] != "none"]
    kinds = {*(row["change"] for row in found), *map(_kind, cusum["alarms"])}
    outcome = next((kind for kind in _RANK if kind in kinds), None)
    numbers = {episode.run_id: number for number, episode in enumerate(episodes, 1)}
    tail = "" if newest else "; the newest run is not comparable and in none of this"
    if outcome is None:
        return Verdict("none", f"no drift found {_seen(rates)}{tail}", None, newest)
    parts = [*_shown(found, numbers), *(_alarm(alarm, numbers) for alarm in cusum["alarms"])]
    if found and all(row["run_id"] != comparable[-1].run_id for row in found):
        parts.append("not in the newest run")
    sentence = f"{outcome}: {'; '.join(parts)}{tail}"
    return Verdict(outcome, sentence, _since(outcome, found, cusum), newest)


def points(value: float) -> str:
    """Return a difference of shares in points, with its sign.

    Example:
        >>> points(-0.1024), points(0.0), points(0.03)
        ('-10.2', '0.0', '+3.0')
    """
    rounded = round(100.0 * value, 1) + 0.0
    return f"{rounded:+.1f}" if rounded else "0.0"


def title(metric: str) -> str:
    """Return a measure's name for people.

    Example:
        >>> title("malformed_rate"), title("latency_p95_ms")
        ('malformed rate', 'latency p95')
    """
    return metric.removesuffix("_ms").replace("_", " ")


def _kind(alarm: Row) -> Outcome:
    return "worse" if alarm["direction"] == "down" else "better"


def _lonely(episodes: Sequence[Episode], first: Episode) -> str:
    if len(episodes) < 2:
        return "it is in one run only: nothing to compare"
    return f"none of the later runs can be compared with the first, {first.run_id}: leave it out"


def _seen(rates: Sequence[Row]) -> str:
    """Say what the least precise of the comparisons of quality could have shown."""
    own = [row for row in rates if row["metric"] == "quality"] or list(rates)
    effects = [row["minimum_detectable_effect"] for row in own]
    if None in effects:
        return "(too few samples to see any change)"
    return f"(could have seen {100 * max(effects):.1f} points of {title(own[0]['metric'])} or more)"


def _shown(found: Sequence[Row], numbers: Mapping[str, int]) -> list[str]:
    """Say of each measure what its last shown change is, and in how many runs there is one."""
    lines = []
    for metric in dict.fromkeys(row["metric"] for row in found):
        own = [row for row in found if row["metric"] == metric]
        last = max(own, key=lambda row: numbers[row["run_id"]])
        more = f", and in {len(own) - 1} before" if len(own) > 1 else ""
        lines.append(
            f"{title(metric)} {points(last['estimate'])} points "
            f"[{points(last['low'])}, {points(last['high'])}] in run {numbers[last['run_id']]} "
            f"({last['date']}){more}"
        )
    return lines


def _alarm(alarm: Row, numbers: Mapping[str, int]) -> str:
    return (
        f"{points(alarm['shift'])} points since about run {numbers[alarm['since_run_id']]} "
        f"({alarm['since']}) by the CUSUM"
    )


def _since(outcome: Outcome, found: Sequence[Row], cusum: Row) -> tuple[str, str]:
    """Return when it began: by the sum where it tells, else the first run that shows it."""
    for alarm in cusum["alarms"]:
        if _kind(alarm) == outcome:
            return alarm["since_run_id"], alarm["since"]
    first = next(row for row in found if row["change"] == outcome)
    return first["run_id"], first["date"]
