"""What comparing outputs in pairs will ask and may cost at most, told before anything is sent.

It does not know what a judge will say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from evalkit.core.ports import Clock
from evalkit.core.records import Usage
from evalkit.graders.pair_prompt import pair_messages, pair_prompt_hash, what_counts
from evalkit.providers.catalogue import Catalogue, load_catalogue
from evalkit.run.clock import SystemClock
from evalkit.run.events import attempt_of
from evalkit.run.folder import Run
from evalkit.run.journal import NAME, Index
from evalkit.run.judges import find_judge
from evalkit.run.limits import CHARS_PER_TOKEN
from evalkit.run.pair_inputs import PairOptions, answers_of, criteria_of, folder_of, shared_suite
from evalkit.run.pairs import MOST_TOKENS, pairs_of
from evalkit.run.prices import load_price_book
from evalkit.run.setup import Plan, time_of


class PairPlan(NamedTuple):
    """What is going to be asked.

    Attributes:
        comparisons: Of every two arms, on every sample and repeat that both answered.
        asked: Those that form or equal texts do not decide.
        calls: Calls that are left for each judge, each answer being read at once.
        plan: The cost, as the plan of a run without contestants.
    """

    comparisons: int
    asked: int
    calls: dict[str, int]
    plan: Plan


def plan_pairs(
    runs: Sequence[Run], options: PairOptions, *, clock: Clock | None = None
) -> PairPlan:
    """Return what comparing asks and may cost at most; nothing is sent.

    Prompts are counted at 3.5 characters a token, answers as long as they may be. What stands in
    the journal is left out, and what is asked again because it could not be read is not covered.

    Raises:
        ConfigError: If there are not two arms, or a judge is unknown or lacks its key.
    """
    suite = shared_suite(runs, options)
    what = what_counts(criteria_of(suite))
    pairs, _ = pairs_of(answers_of(runs, suite.name, options))
    samples = {sample.id: sample for sample in suite.samples}
    asked = [pair for pair in pairs if pair.without_a_judge() is None]
    shown = (pair.shown(suite, samples[pair.key[0]]) for pair in asked)
    chars = sum(len(m.content) for data in shown for m in pair_messages(what, data)("0" * 16))
    known = _answered(folder_of(runs, suite.name, pair_prompt_hash(what), options) / NAME)
    calls = {name: max(0, 2 * len(asked) - known[name]) for name in options.judges}
    tokens = int(chars / max(1, len(asked)) / CHARS_PER_TOKEN) + 1
    catalogue = load_catalogue(options.providers or runs[0].providers_path)
    total, unpriced = _cost(catalogue, calls, tokens, clock or SystemClock())
    plan = Plan([], [], [], catalogue, total, unpriced, 1, budget_left_usd=options.budget_usd)
    return PairPlan(len(pairs), len(asked), calls, plan)


def _cost(
    catalogue: Catalogue, calls: Mapping[str, int], tokens: int, clock: Clock
) -> tuple[float | None, list[str]]:
    """Return what calls cost at most, None where nothing is priced; and who has no price."""
    book, usage = load_price_book(catalogue), Usage(input=tokens, output=MOST_TOKENS)
    costs: dict[str, float | None] = {}
    for name, count in calls.items():
        provider, _ = find_judge(catalogue, name, "--judge")
        if count and not provider.is_local:
            cost = book.price(usage, name, at=time_of(clock)).cost_usd
            costs[name] = None if cost is None else float(cost) * count
    priced = [cost for cost in costs.values() if cost is not None]
    return sum(priced) if priced else None, [n for n, cost in costs.items() if cost is None]


def _answered(journal: Path) -> Counter[str]:
    """Return how many answers of each judge stand in a journal."""
    if not journal.is_file():
        return Counter()
    groups = Index(journal).groups()
    found = [attempt_of(line) for attempts, _ in groups for line in attempts]
    return Counter(attempt.model for attempt in found if attempt.completion is not None)
