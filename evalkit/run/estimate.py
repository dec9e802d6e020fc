"""What a run may cost at most, by its prompts' length and the longest answers it allows.

An estimate for the question "go on?", never a figure of a result.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.core.records import Usage
from evalkit.providers.pricing import PriceBook
from evalkit.run.judges import Judges
from evalkit.run.trial import Entry

_CHARS_PER_TOKEN = 3.5
_LOOKED_AT = 50
_CHARS_OF_JUDGE_PROMPT = 1500
_CHARS_PER_CRITERION = 100
_MOST_TOKENS = 512  # where the suite names no limit


def estimate(
    entries: Sequence[tuple[Entry, Sequence[int]]],
    judges: Judges,
    book: PriceBook,
    now: dt.datetime,
) -> tuple[float | None, list[str]]:
    """Return an upper estimate of one repeat's cost, and the arms and judges without a price.

    Returns:
        Dollars, None where nothing is priced; then the names.
    """
    total, priced = 0.0, False
    unpriced: dict[str, None] = {}
    for entry, numbers in entries:
        costs = _judge_costs(entry, numbers, judges, book, now)
        if not entry.lane.costs_nothing:
            costs[entry.arm.name] = estimate_arm(entry, numbers, book, now)
        for name, cost in costs.items():
            if cost is None:
                unpriced[name] = None
            else:
                priced = True
                total += cost
    return (total if priced else None), list(unpriced)


def estimate_arm(
    entry: Entry, numbers: Sequence[int], book: PriceBook, now: dt.datetime
) -> float | None:
    """Return the most that one repeat of an arm is expected to cost, None where unpriced.

    Prompts of some samples are counted at 3.5 characters a token; each answer is taken to be as
    long as `max_tokens` allows (512 where the suite names none).
    """
    if not numbers:
        return 0.0
    usage = Usage(input=_prompt_tokens(entry, numbers) + 1, output=_most_tokens(entry))
    cost = book.price(usage, entry.arm.model, at=now).cost_usd
    return None if cost is None else float(cost) * len(numbers)


def _judge_costs(
    entry: Entry, numbers: Sequence[int], judges: Judges, book: PriceBook, now: dt.datetime
) -> dict[str, float | None]:
    """Return what judging one repeat of an arm may cost, by judge; free ones are left out."""
    costs: dict[str, float | None] = {}
    for grader in entry.grading.judging:
        facts = grader.facts()
        for name in grader.judges:
            if judges[entry.suite.name, name].lane.costs_nothing:
                continue
            cost = book.price(_verdict(entry, numbers, facts), name, at=now).cost_usd
            calls = len(numbers) * facts["repeats"]
            costs[name] = None if cost is None else float(cost) * calls
    return costs


def _verdict(entry: Entry, numbers: Sequence[int], facts: Mapping[str, Any]) -> Usage:
    """Return the tokens of one verdict: rubric, prompt and the longest answer in, the most out."""
    questions = sum(len(c["question"]) + _CHARS_PER_CRITERION for c in facts["criteria"])
    rubric = int((questions + _CHARS_OF_JUDGE_PROMPT) / _CHARS_PER_TOKEN)
    read = rubric + _prompt_tokens(entry, numbers) + _most_tokens(entry)
    return Usage(input=read, output=int(facts["params"]["max_tokens"]))


def _most_tokens(entry: Entry) -> int:
    return int(entry.arm.params.get("max_tokens") or _MOST_TOKENS)


def _prompt_tokens(entry: Entry, numbers: Sequence[int]) -> int:
    """Return the mean length of some of the prompts."""
    some, suite = list(numbers)[:_LOOKED_AT], entry.suite
    lengths = [len(m.content) for n in some for m in suite.messages(suite.samples[n])]
    return int(sum(lengths) / max(1, len(some)) / _CHARS_PER_TOKEN)
