"""The answers of one trial: of one arm, asked again where allowed, or of a policy's arms in turn.

A policy asks the next arm where an answer's form does not hold, or none came; each attempt stands
in the journal under the arm that made it. It does not grade.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from evalkit.core.acceptance import AGREE, grader_of
from evalkit.core.errors import ProviderError
from evalkit.core.ports import Adapter
from evalkit.core.records import (
    Cause,
    Completion,
    OutputSpec,
    Parsed,
    Request,
    canonical_json,
    fingerprint,
)
from evalkit.graders.grading import status_of
from evalkit.graders.parse import Parser
from evalkit.run.ask import Asker, Lane, Question
from evalkit.run.events import TrialKey
from evalkit.run.outage import Outages
from evalkit.run.plan import Arm
from evalkit.run.retry import cause_after

LONG_TEXT = 20_000

Answered = tuple[Completion, Parsed]


class Hop(NamedTuple):
    """One arm as it is asked."""

    arm: Arm
    adapter: Adapter
    lane: Lane

    def answers_wanted(self, output: OutputSpec) -> int:
        """How often to ask while the output is malformed; a recording says the same each time."""
        return 1 if self.arm.provider.wire == "replay" else output.max_attempts


class Route:
    """The arms of a policy on one suite.

    An arm whose every answer is a failure is not asked any more: the next one is.

    Args:
        hops: In the order in which they are asked.
        fallbacks: Asked where the last of them fails.
        accept: When an answer is taken (`core.acceptance`); one that is not goes on to the next
            arm. None takes every one.
        identity: Hash of what decides who is asked.
        promised: What the policy brought on the samples that its maker had locked away.
    """

    def __init__(
        self,
        hops: Sequence[Hop],
        fallbacks: Sequence[Hop],
        *,
        accept: str | None,
        identity: str,
        promised: dict[str, Any] | None = None,
    ) -> None:
        self.hops = tuple(hops)
        self.fallbacks = tuple(fallbacks)
        self.accept = accept
        self.identity = identity
        self.promised = promised
        self._outages: Outages[str] = Outages()

    @property
    def all_hops(self) -> tuple[Hop, ...]:
        """Everybody who may be asked."""
        return (*self.hops, *self.fallbacks)

    def mark(self, requests: Sequence[Request]) -> str:
        """Return what stands for a trial: the policy, and what it would ask each arm."""
        return fingerprint([self.identity, [request.fingerprint() for request in requests]])

    def note(self, hop: Hop, error: ProviderError | None) -> None:
        """Take how an arm answered."""
        self._outages.note(hop.arm.name, error)

    def given_up(self, hop: Hop) -> ProviderError | None:
        """Return why an arm is not asked any more, None where it is."""
        why = self._outages.given_up.get(hop.arm.name)
        return None if why is None else ProviderError(why.kind, f"not sent: {why.said}")


class Asking(NamedTuple):
    """What holds for all questions of one trial.

    Attributes:
        mark: What its attempts stand for in the journal.
        passes: Whether a grader gives an answer full marks without a target.
    """

    key: TrialKey
    mark: str
    parser: Parser
    output: OutputSpec
    asker: Asker
    passes: Callable[[str, Answered], Awaitable[bool]]


class Stored(NamedTuple):
    """What stands in the journal of a trial already.

    Attributes:
        answers: Completions that were paid for, in order.
        answered_by: The arm that gave each.
        was_graded: Nobody is asked: these are graded anew.
    """

    answers: tuple[Completion, ...]
    answered_by: tuple[str, ...]
    was_graded: bool


class Next(NamedTuple):
    """The number and the cause of a trial's next attempt."""

    number: int
    cause: Cause


class Said(NamedTuple):
    """What came: the answers in order, else the last error.

    Attributes:
        arm: Who gave the last answer.
        then: Of the attempt that would be next.
    """

    answers: list[Answered]
    error: ProviderError | None
    arm: Arm
    then: Next


async def ask_arm(
    asking: Asking, hop: Hop, request: Request, stored: Stored, then: Next, *, holds_slot: bool
) -> Said:
    """Ask one arm until its output is no longer malformed, or as often as is allowed.

    Raises:
        NotRecorded: If a recording lacks this sample.
        BudgetSpent: If the budget does not allow a request.
        Interrupted: If the run is being ended.
    """
    left = list(stored.answers)
    answers: list[Answered] = []
    wanted = len(left) if stored.was_graded else hop.answers_wanted(asking.output)
    while len(answers) < wanted:
        completion = left.pop(0) if left else None
        if completion is None:
            question = Question(
                asking.key, request, request.fingerprint(), hop.adapter, hop.lane, hop.arm.name,
                then.number, then.cause, len(answers), holds_slot=holds_slot, mark=asking.mark,
            )  # fmt: skip
            holds_slot = False
            answer = await asking.asker.ask(question)
            then = then._replace(number=then.number + len(answer.attempts))
            if answer.completion is None:
                return Said(answers, answer.error, hop.arm, then)
            completion = answer.completion
        parsed = await _parse(asking.parser, completion)
        answers.append((completion, parsed))
        if status_of(parsed, asking.output) != "malformed":
            break
        then = then._replace(cause="malformed")
    if holds_slot:
        hop.lane.gate.release()
    return Said(answers, None, hop.arm, then)


async def ask_route(
    asking: Asking, route: Route, requests: Sequence[Request], stored: Stored, then: Next
) -> Said:
    """Ask the arms of a policy in turn.

    An answer that the rule takes ends it, and so does every answer of the route's last arm, and
    of a fallback. Where the last arm fails, fallbacks are asked; where they fail too, the last
    answer that came stands, for all that the rule does not take it.

    Raises:
        NotRecorded: If a recording lacks this sample.
        BudgetSpent: If the budget does not allow a request.
        Interrupted: If the run is being ended.
    """
    if stored.was_graded:
        return await _reread(asking, route, stored, then)
    said = Said([], None, route.hops[0].arm, then)
    taken = _Taking(asking, route)
    for place, (hop, request) in enumerate(zip(route.all_hops, requests, strict=True)):
        if taken.has_no_use_for(place):
            continue
        own = await _ask_hop(
            asking, route, hop, request, stored=_of_arm(stored, hop), then=said.then
        )
        arm = hop.arm if own.answers else said.arm
        said = Said([*said.answers, *own.answers], own.error or said.error, arm, own.then)
        if own.error is None and await taken.takes(place, own.answers[-1]):
            break
    return said


class _Taking:
    """Which answer of a policy is taken."""

    def __init__(self, asking: Asking, route: Route) -> None:
        self._asking = asking
        self._rule = route.accept
        self._last = len(route.hops) - 1
        self._first: Parsed | None = None

    def has_no_use_for(self, place: int) -> bool:
        """Say that an arm need not be asked: the second of two, where the first has no answer."""
        return self._rule == AGREE and place == 1 and self._first is None

    async def takes(self, place: int, answer: Answered) -> bool:
        """Say whether the answer of the arm at a place of the route is taken."""
        if place >= self._last or self._rule is None:
            return True
        if status_of(answer[1], self._asking.output) != "ok":
            return False
        if self._rule == AGREE:
            return self._agrees(place, answer[1])
        grader = grader_of(self._rule)
        return grader is None or await self._asking.passes(grader, answer)

    def _agrees(self, place: int, parsed: Parsed) -> bool:
        if place == 0:
            self._first = parsed
            return False
        first = self._first
        return (
            place == 1
            and first is not None
            and (canonical_json(first.value) == canonical_json(parsed.value))
        )


async def _ask_hop(
    asking: Asking, route: Route, hop: Hop, request: Request, *, stored: Stored, then: Next
) -> Said:
    """Ask one arm of a policy, and say of its next attempt why it is made."""
    lost = None if stored.answers else route.given_up(hop)
    if lost is not None:
        return Said([], lost, hop.arm, then._replace(cause=cause_after(lost.kind)))
    said = await ask_arm(asking, hop, request, stored, then, holds_slot=False)
    route.note(hop, said.error)
    cause: Cause = "malformed" if said.error is None else cause_after(said.error.kind)
    return said._replace(then=said.then._replace(cause=cause))


def _of_arm(stored: Stored, hop: Hop) -> Stored:
    """Return what stands in the journal of one arm."""
    own = tuple(
        done
        for done, arm in zip(stored.answers, stored.answered_by, strict=True)
        if arm == hop.arm.name
    )
    return Stored(own, (hop.arm.name,) * len(own), stored.was_graded)


async def _reread(asking: Asking, route: Route, stored: Stored, then: Next) -> Said:
    """Return stored answers as they came: who was asked is not decided anew."""
    answers = [(done, await _parse(asking.parser, done)) for done in stored.answers]
    by_name = {hop.arm.name: hop.arm for hop in route.all_hops}
    return Said(answers, None, by_name[stored.answered_by[-1]], then)


async def _parse(parser: Parser, completion: Completion) -> Parsed:
    """Parse here where the text is short, beside the loop where it is long."""
    if parser.is_quick and size_of(completion) < LONG_TEXT:
        return parser.parse(completion)
    return await asyncio.to_thread(parser.parse, completion)


def size_of(completion: Completion) -> int:
    """Return how many characters an answer has."""
    return len(completion.text) + sum(len(call.arguments) for call in completion.tool_calls)
