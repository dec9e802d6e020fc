"""What judges did over many trials: calls, votes that could not be read, agreement, quotations.

Sums only, so memory stays flat. It does not know whether a judge is right: people's labels tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from evalkit.core.records import Trial

JUDGE_ERROR = "judge_error"
_MOST_REASONS = 20
_COUNTED = {"votes", "errors", "ties", "retest", "between", "quotes"}


class JudgeTally:
    """Counts of one arm's judged trials."""

    def __init__(self) -> None:
        self.judges: dict[str, None] = {}
        self.paid: dict[str, None] = {}
        self.calls = self.votes = self.errors = self.ties = 0
        self.judged = self.lost = 0
        self.failures: Counter[str] = Counter()
        self._retest, self._between, self._quotes = [0, 0], [0, 0], [0, 0]

    def add(self, trial: Trial) -> None:
        """Take one trial."""
        for attempt in trial.attempts:
            if attempt.role == "judge":
                self.calls += 1
                self.paid.setdefault(attempt.model)
        for score in trial.scores:
            if score.details is None and score.failure is None:
                continue
            counts = (score.details or {}).get("judging")
            if not isinstance(counts, Mapping) or not counts.keys() >= _COUNTED:
                continue  # a grader of the suite's own may use the word as it likes
            for said in (score.details or {}).get("judges", ()):
                self.judges.setdefault(str(said.get("judge")))
            self.judged += score.value is not None
            if (score.failure or "").startswith(JUDGE_ERROR):
                self.lost += 1
                if score.failure in self.failures or len(self.failures) < _MOST_REASONS:
                    self.failures[str(score.failure)] += 1
            self.votes += counts["votes"]
            self.errors += counts["errors"]
            self.ties += counts["ties"]
            for total, name in (
                (self._retest, "retest"),
                (self._between, "between"),
                (self._quotes, "quotes"),
            ):
                total[0] += counts[name][0]
                total[1] += counts[name][1]

    def figures(self, kin: Mapping[str, str]) -> dict[str, Any] | None:
        """Return the figures of summary.json, None where nobody judged.

        Args:
            kin: Why judges are kin to the model.
        """
        if not self.calls and not self.votes:
            return None
        return {
            "judges": list(self.judges),
            "earlier": [name for name in self.paid if name not in self.judges],
            "kin": dict(kin),
            "calls": self.calls,
            "votes": self.votes,
            "vote_errors": self.errors,
            "n_judged": self.judged,
            "n_judge_error": self.lost,
            "failures": dict(self.failures),
            "ties": self.ties,
            "retest_agreement": _share(self._retest),
            "panel_agreement": _share(self._between),
            "quotes_found": _share(self._quotes),
        }


def _share(counts: list[int]) -> float | None:
    return counts[0] / counts[1] if counts[1] else None
