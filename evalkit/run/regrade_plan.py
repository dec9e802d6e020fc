"""What judging stored outputs anew will ask and may cost at most, told before anything is sent.

Every trial is graded as it will be, with a door behind which nobody is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evalkit.core.errors import CannotGrade
from evalkit.core.ports import Clock, JudgeQuestion
from evalkit.core.records import Completion, Usage
from evalkit.providers.catalogue import Catalogue
from evalkit.run.earlier import known_of
from evalkit.run.journal import NAME, Index
from evalkit.run.judges import Judges, request_mark
from evalkit.run.limits import CHARS_PER_TOKEN
from evalkit.run.prices import load_price_book
from evalkit.run.rejudge import judged_line, to_judge
from evalkit.run.setup import Plan, time_of
from evalkit.run.stored import Source

_FENCE = "0" * 16


class _Asked:
    """What one judge would be asked: calls, characters shown, the most tokens of its answers."""

    def __init__(self) -> None:
        self.calls = self.chars = self.most_tokens = 0

    @property
    def usage(self) -> Usage:
        """Mean tokens of a call."""
        read = self.chars / self.calls / CHARS_PER_TOKEN
        return Usage(input=int(read) + 1, output=self.most_tokens // self.calls)


class _Counting:
    """A door behind which nobody is asked: what is not known yet is counted."""

    def __init__(
        self,
        suite: str,
        judges: Judges,
        known: Mapping[str, Completion],
        asked: dict[str, _Asked],
    ) -> None:
        self._suite = suite
        self._judges = judges
        self._known = known
        self._asked = asked

    async def __call__(self, question: JudgeQuestion) -> Completion:
        """Return a verdict that stands in the journal.

        Raises:
            CannotGrade: For every other one.
        """
        judge = self._judges[self._suite, question.judge]
        stored = self._known.get(request_mark(judge, question))
        if stored is not None:
            return stored
        if not judge.lane.costs_nothing:
            of_judge = self._asked.setdefault(judge.name, _Asked())
            of_judge.calls += 1
            of_judge.chars += sum(len(m.content) for m in question.render(_FENCE))
            of_judge.most_tokens += int({**question.params, **judge.entry.params}["max_tokens"])
        raise CannotGrade("counted, not asked")


async def plan_regrade(
    folder: Path,
    sources: Mapping[str, Source],
    judges: Judges,
    catalogue: Catalogue,
    *,
    budget_usd: float | None,
    clock: Clock,
) -> Plan:
    """Return the cost of the verdicts that are lacking, as the plan of a run without contestants.

    Prompts are counted at 3.5 characters a token, verdicts as long as they may be. What stands in
    the journal costs nothing; what is asked again because it could not be read is not covered.
    """
    asked: dict[str, _Asked] = {}
    async for found, attempts in to_judge(Index(folder / NAME), sources):
        known = known_of(attempts, found.trial.request_fingerprint)
        await judged_line(found, _Counting(found.trial.suite, judges, known.verdicts, asked))
    book = load_price_book(catalogue)
    total, unpriced = None, []
    for name, of_judge in asked.items():
        cost = book.price(of_judge.usage, name, at=time_of(clock)).cost_usd
        if cost is None:
            unpriced.append(name)
        else:
            total = (total or 0.0) + float(cost) * of_judge.calls
    return Plan([], [], [], catalogue, total, unpriced, 1, budget_left_usd=budget_usd)
