"""What a run may cost at most, by its prompts' length and the longest answers it allows.

An estimate for the question "go on?", never a figure of a result.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from evalkit.core.records import Usage
from evalkit.graders.judge_prompt import MAX_SHOWN_CHARS
from evalkit.providers.pricing import PriceBook
from evalkit.run.earlier import Earlier
from evalkit.run.events import TrialKey
from evalkit.run.judges import Judges
from evalkit.run.limits import CHARS_PER_TOKEN
from evalkit.run.plan import Arm, skip_reason
from evalkit.run.trial import Entry, grading_key

_LOOKED_AT = 50
_CHARS_OF_JUDGE_PROMPT = 1500
_CHARS_PER_CRITERION = 100
_MOST_TOKENS = 512  # where the suite names no limit


class Open(NamedTuple):
    """What one trial still needs: an answer, and its judges' verdicts."""

    answer: bool = True
    verdicts: bool = True


Left = Callable[[Entry, int, int], Open]
"""What is left to do of an arm's trial, by the sample's number and the repeat."""


class _Work(NamedTuple):
    """What is left to be paid for of one arm.

    Attributes:
        answers: How many trials are to be asked.
        verdicts: How many are to be judged, by each judge.
        output_tokens: Mean length of the outputs to be judged.
    """

    answers: int
    verdicts: int
    output_tokens: int


def estimate(
    entries: Sequence[tuple[Entry, Sequence[int]]],
    judges: Judges,
    book: PriceBook,
    now: dt.datetime,
    *,
    repeats: int = 1,
    left: Left | None = None,
) -> tuple[float | None, list[str]]:
    """Return an upper estimate of the cost, and the arms and judges without a price.

    It covers one answer for each trial and `repeats` verdicts of each judge on each output: prompts
    by their length, answers and verdicts as long as they may be, recorded outputs as long as
    they are; a policy as if every answer went through its whole route. Not covered: what is asked
    again because it could not be read (`max_attempts`), and a policy's fallbacks.

    Args:
        entries: Each arm with the numbers of its samples.
        judges: Who judges.
        book: Prices.
        now: The day whose prices hold.
        repeats: How often each sample is asked.
        left: What is left to do of each trial; None for everything.

    Returns:
        Dollars, None where nothing is priced; then the names.
    """
    total, priced = 0.0, False
    unpriced: dict[str, None] = {}
    given = _Given(judges, book, now, _trials(repeats, left))
    for entry, numbers in entries:
        for name, cost in _costs(entry, numbers, given).items():
            if cost is None:
                unpriced[name] = None
            else:
                priced = True
                total += cost
    return (total if priced else None), list(unpriced)


def what_is_left(earlier: Earlier, *, stream: bool) -> Left:
    """Return what tells of a trial what an earlier part of the run has left to do."""

    def left(entry: Entry, number: int, repeat: int) -> Open:
        suite, sample = entry.suite, entry.suite.samples[number]
        if skip_reason(suite, sample, entry.arm):
            return Open(answer=False, verdicts=False)
        key = TrialKey(suite.name, sample.id, entry.arm.name, repeat)
        finished, known = earlier.look(key)
        if finished is None and known is None:
            return Open()
        asked = entry.mark(entry.requests(sample, repeat, stream=stream))
        if finished is not None and finished.request_fingerprint == asked:
            same = finished.grading_fingerprint == grading_key(entry.grading, sample)
            return Open(answer=False, verdicts=finished.pending or not same)
        stands = known is not None and known.request_fingerprint == asked
        answered = known is not None and len(known.answers) >= entry.answers_wanted
        return Open(answer=not (stands and answered))

    return left


_Trials = Callable[[Entry, Sequence[int]], Iterator[tuple[int, int, Open]]]


class _Given(NamedTuple):
    """What holds for all arms."""

    judges: Judges
    book: PriceBook
    now: dt.datetime
    trials: _Trials


def _trials(repeats: int, left: Left | None) -> _Trials:
    """Return what gives an arm's trials: sample, repeat, what is left to do."""
    everything = Open()

    def trials(entry: Entry, numbers: Sequence[int]) -> Iterator[tuple[int, int, Open]]:
        for number in numbers:
            for repeat in range(1, repeats + 1):
                yield number, repeat, left(entry, number, repeat) if left else everything

    return trials


def _costs(entry: Entry, numbers: Sequence[int], given: _Given) -> dict[str, float | None]:
    """Return what an arm and its judges may cost, by name; free ones are left out."""
    asked = [(g.facts(), name) for g in entry.grading.judging for name in g.judges]
    paid = [(f, n) for f, n in asked if not given.judges[entry.suite.name, n].lane.costs_nothing]
    if not numbers or (entry.lane.costs_nothing and not paid):
        return {}
    work = _work(entry, numbers, given.trials, is_judged=bool(paid))
    prompt = _prompt_tokens(entry, numbers)
    bills = [
        (name, name, _verdict(facts, prompt + work.output_tokens), work.verdicts * facts["repeats"])
        for facts, name in paid
    ]
    asked_of = entry.hops if entry.route is None else entry.route.hops
    bills += [
        (hop.arm.name, hop.arm.model, Usage(input=prompt + 1, output=_most_tokens(hop.arm)),
         work.answers)
        for hop in asked_of
        if not hop.lane.costs_nothing
    ]  # fmt: skip
    costs: dict[str, float | None] = {}
    for name, model, usage, calls in bills:
        cost = given.book.price(usage, model, at=given.now).cost_usd if calls else 0
        before = costs.get(name, 0.0)
        costs[name] = None if cost is None or before is None else before + float(cost) * calls
    return costs


def _work(entry: Entry, numbers: Sequence[int], trials: _Trials, *, is_judged: bool) -> _Work:
    """Count what is left, and how long the outputs are that are to be judged."""
    recorded = _recorded_chars(entry) if is_judged else None
    answers = verdicts = chars = 0
    for number, repeat, todo in trials(entry, numbers):
        answers += todo.answer
        if not todo.verdicts:
            continue
        length = recorded(number, repeat) if recorded else 0
        if length is not None:
            verdicts += 1
            chars += length
    mean = _most_tokens(entry.hops[0].arm)
    if recorded:
        mean = int(chars / max(1, verdicts) / CHARS_PER_TOKEN) + 1
    return _Work(answers, verdicts, mean)


def _recorded_chars(entry: Entry) -> Callable[[int, int], int | None] | None:
    """Return what gives the length of a recorded output, as a judge sees it.

    It gives None where nothing was recorded. For an arm that is no recording this is None itself.
    """
    path = entry.arm.provider.path
    if entry.arm.provider.wire != "replay" or path is None:
        return None
    from evalkit.providers.recording import has_failed, open_recording

    recording = open_recording(path)

    def chars(number: int, repeat: int) -> int | None:
        sample_id = entry.suite.samples[number].id
        line = recording.find(entry.suite.name, sample_id, entry.arm.entry.wire_name, repeat)
        if line is None or has_failed(line):
            return None
        calls = line.get("tool_calls")
        spelled = len(json.dumps(calls, ensure_ascii=False)) if calls else 0
        return min(len(line.get("text") or "") + spelled, MAX_SHOWN_CHARS)

    return chars


def _verdict(facts: Mapping[str, Any], shown_tokens: int) -> Usage:
    """Return the tokens of one verdict: rubric and what is shown in, the most out."""
    questions = sum(len(c["question"]) + _CHARS_PER_CRITERION for c in facts["criteria"])
    rubric = int((questions + _CHARS_OF_JUDGE_PROMPT) / CHARS_PER_TOKEN)
    return Usage(input=rubric + shown_tokens, output=int(facts["params"]["max_tokens"]))


def _most_tokens(arm: Arm) -> int:
    return int(arm.params.get("max_tokens") or _MOST_TOKENS)


def _prompt_tokens(entry: Entry, numbers: Sequence[int]) -> int:
    """Return the mean length of some of the prompts."""
    some, suite = list(numbers)[:_LOOKED_AT], entry.suite
    lengths = [len(m.content) for n in some for m in suite.messages(suite.samples[n])]
    return int(sum(lengths) / max(1, len(some)) / CHARS_PER_TOKEN)
