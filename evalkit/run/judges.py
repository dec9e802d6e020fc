"""Judges of a run: opened like contestants, asked through the same door, journalled alike.

A judge's request goes through its provider's lane, the budget and the journal; what a sample
demands of whoever sees it holds for judges too. A verdict that stands in the journal already is
not paid for again. It does not know rubrics.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from evalkit.core.errors import (
    CannotGrade,
    ConfigError,
    NotRecorded,
    ProviderError,
)
from evalkit.core.policy import Requirement, refusal_reason
from evalkit.core.ports import Adapter, JudgeQuestion
from evalkit.core.records import MODES, Completion, Mode, Request, fingerprint
from evalkit.graders.grading import Grading
from evalkit.providers.catalogue import Catalogue, Model, Provider, missing
from evalkit.providers.families import kinship
from evalkit.run.ask import Asker, Lane, Question
from evalkit.run.events import TrialKey
from evalkit.run.outage import Outages
from evalkit.run.plan import entry_settings, recorded_model


class Judge(NamedTuple):
    """One judge, ready to be asked.

    Attributes:
        name: `provider:name`.
        mode: The strongest structured mode that it declares.
    """

    name: str
    provider: Provider
    entry: Model
    adapter: Adapter
    lane: Lane
    mode: Mode | None

    @property
    def mark(self) -> str:
        """What decides its answers beside the question: another entry is another judge."""
        settings = entry_settings(self.provider, self.entry)
        own = [self.name, self.entry.wire_name, self.provider.base_url, self.mode]
        return fingerprint([*own, self.entry.params, self.adapter.identity, settings])

    def facts(self) -> dict[str, Any]:
        """Return what run.json keeps of a judge."""
        provider, entry = self.provider, self.entry
        return {
            "model": self.name,
            "provider": provider.name,
            "wire": provider.wire,
            "base_url": provider.base_url,
            "wire_name": entry.wire_name,
            "mode": self.mode,
            "identity": self.adapter.identity,
            "params": entry.params,
            "weights": entry.weights,
            "licence": entry.licence,
            "pricing": entry.pricing,
            "governance": msgspec.to_builtins(provider.governance),
        }


def find_judge(catalogue: Catalogue, name: str, where: str) -> tuple[Provider, Model]:
    """Return the entry of a judge.

    Raises:
        ConfigError: If it is unknown, or lacks its key; `where` opens the message.
    """
    provider_name, _, model_name = name.partition(":")
    recording = catalogue.providers.get(provider_name)
    try:
        if recording is not None and recording.wire == "replay":
            provider, model = recording, recorded_model(recording, model_name)
        else:
            provider, model = catalogue.find(name)
    except ConfigError as error:
        said = str(error).replace(f"--models {name!r}", f"judge {name!r}")
        raise ConfigError(f"{where}: {said}") from None
    lack = missing(provider)
    if lack:
        raise ConfigError(f"{where}: judge {name!r} cannot be asked: {lack}")
    return provider, model


def judge_mode(model: Model, modes: Sequence[str]) -> Mode | None:
    """Return the strongest mode that both the entry declares and the wire knows."""
    if not modes:
        return None
    declared = model.structured or "prompt"
    known = [m for m in MODES if m in modes and MODES.index(m) <= MODES.index(declared)]
    return known[-1] if known else "prompt"


Judges = Mapping[tuple[str, str], Judge]
"""By suite and `provider:name`: what answers by a suite's own code is another judge in each."""


def not_allowed(judges: Iterable[Judge], demand: Requirement) -> str | None:
    """Return which judge must not see what makes this demand, and why; None where all may."""
    for judge in judges:
        reason = refusal_reason(demand, judge.provider.governance)
        if reason:
            return f"judge {judge.name}: {reason}"
    return None


def kin_of(provider: Provider, model: Model, judges: Iterable[Judge]) -> dict[str, str]:
    """Return why judges are kin to a model, by judge."""
    found = {judge.name: kinship(provider, model, judge.provider, judge.entry) for judge in judges}
    return {name: reason for name, reason in found.items() if reason}


def kin_of_arm(arm: Mapping[str, Any], judges: Sequence[Judge]) -> dict[str, str]:
    """Return why judges are kin to an arm of run.json, or to one that a policy asks."""
    kin: dict[str, str] = {}
    for own in arm["policy"]["arms"] if "policy" in arm else [arm]:
        kin |= kin_of(*_entry_of(own), judges)
    return kin


def _entry_of(arm: Mapping[str, Any]) -> tuple[Provider, Model]:
    """Return an arm of run.json as the entry it came from, as far as kinship needs it."""
    provider = Provider(name=arm["provider"], wire=arm["wire"], where="")
    model = Model(
        name=arm["model"].partition(":")[2],
        wire_name=arm["wire_name"],
        where="",
        base=arm.get("base"),
        same_weights=arm.get("same_weights"),
    )
    return provider, model


def kin_refusal(kin: Mapping[str, str], grading: Grading) -> str | None:
    """Return why a model must not be judged here: its kin judges, and the rubric is independent."""
    for grader in grading.judging:
        for name in grader.judges:
            if grader.independent and name in kin:
                return (
                    f"{grader.name}: judge {name} is not independent of it: {kin[name]}; "
                    "name another judge, or say `independent: false`"
                )
    return None


def served_models(judges: Iterable[Judge]) -> dict[str, str]:
    """Return what model each judge is on the wire: what a judge card holds for."""
    return {judge.name: judge.entry.wire_name for judge in judges}


class JudgeDesk:
    """Where a run's judges are asked.

    A judge whose every answer is a failure is not asked any more.

    Args:
        judges: By suite and `provider:name`.
        asker: Sends and journals.
        salt: Makes fences unguessable; by default drawn anew for each run.
    """

    def __init__(self, judges: Judges, asker: Asker, salt: bytes | None = None) -> None:
        self.judges = judges
        self.asker = asker
        self._salt = salt or secrets.token_bytes(16)
        self._outages: Outages[str] = Outages()

    def door(
        self,
        key: TrialKey,
        subject: str,
        demand: Requirement,
        known: Mapping[str, Completion],
    ) -> Door:
        """Return where the graders of one trial ask.

        Args:
            key: The trial.
            subject: Fingerprint of the request whose answer is judged.
            demand: What the sample demands of whoever sees it.
            known: Verdicts that stand in the journal, by the fingerprint of their request.
        """
        return Door(self, key, subject, demand, known)

    @property
    def given_up(self) -> str | None:
        """Why judges are not asked any more; None while all are."""
        said = [f"judge {judge}: {why.said}" for judge, why in self._outages.given_up.items()]
        return "; ".join(said) or None

    def fence(self, fingerprint_: str) -> str:
        """Return the mark that encloses data in one request."""
        return hashlib.blake2b(fingerprint_.encode(), digest_size=8, key=self._salt).hexdigest()

    def refuse_given_up(self, judge: str) -> None:
        """Raise for a judge that is not asked any more.

        Raises:
            ProviderError: With the failure that ended it.
        """
        given_up = self._outages.given_up.get(judge)
        if given_up is not None:
            raise ProviderError(given_up.kind, f"not sent: {given_up.said}")

    def note(self, judge: str, error: ProviderError | None) -> None:
        """Take the end of one question."""
        self._outages.note(judge, error)


class Door:
    """The `Ask` of one trial's graders."""

    def __init__(
        self,
        desk: JudgeDesk,
        key: TrialKey,
        subject: str,
        demand: Requirement,
        known: Mapping[str, Completion],
    ) -> None:
        self._desk = desk
        self._key = key
        self._subject = subject
        self._demand = demand
        self._known = known
        self._attempts: Counter[tuple[str, int]] = Counter()

    async def __call__(self, question: JudgeQuestion) -> Completion:
        """Ask one judge, or take its verdict from the journal.

        Raises:
            ProviderError: If no answer came.
            CannotGrade: If the judge must not see this sample, or a recording lacks it.
            BudgetSpent: If the budget does not allow the request.
            Interrupted: If the run is being ended.
        """
        judge = self._desk.judges[self._key.suite, question.judge]
        reason = refusal_reason(self._demand, judge.provider.governance)
        if reason:
            raise CannotGrade(f"not allowed: {reason}")
        mark = request_mark(judge, question)
        stored = self._known.get(mark)
        if stored is not None:
            return stored
        if judge.provider.wire == "replay" and question.answer:
            raise CannotGrade("unreadable, and a recording says the same each time")
        try:
            return await self._ask(judge, question, mark)
        except NotRecorded as lacking:
            raise CannotGrade(str(lacking)) from None

    async def _ask(self, judge: Judge, question: JudgeQuestion, mark: str) -> Completion:
        place = (judge.name, question.repeat)
        answer = await self._desk.asker.ask(
            Question(
                self._key,
                self._request(judge, question, mark),
                mark,
                judge.adapter,
                judge.lane,
                judge.name,
                first_number=self._attempts[place] + 1,
                cause="malformed" if question.answer else "first",
                answer=question.answer,
                role="judge",
                subject=self._subject,
                refuse=lambda: self._desk.refuse_given_up(judge.name),
            )
        )
        self._attempts[place] += len(answer.attempts)
        self._desk.note(judge.name, answer.error)
        if answer.completion is None:
            raise answer.error or ProviderError("adapter", "no answer and no error")
        return answer.completion

    def _request(self, judge: Judge, question: JudgeQuestion, mark: str) -> Request:
        return Request(
            suite=self._key.suite,
            sample_id=self._key.sample_id,
            arm=self._key.arm,
            repeat=question.repeat,
            provider=judge.provider.name,
            model=judge.entry.wire_name,
            messages=question.render(self._desk.fence(mark)),
            output=question.output,
            mode=judge.mode,
            params={**question.params, **judge.entry.params},
            inputs=question.inputs,
            identity=judge.adapter.identity,
            settings=entry_settings(judge.provider, judge.entry),
        )


def request_mark(judge: Judge, question: JudgeQuestion) -> str:
    """Return the fingerprint of a judge's request: all that decides its answer, the fence aside."""
    return fingerprint(
        [
            "judge",
            question.content,
            question.output.schema,
            {**question.params, **judge.entry.params},
            judge.provider.name,
            judge.entry.wire_name,
            judge.mode,
            judge.adapter.identity,
            entry_settings(judge.provider, judge.entry),
            question.repeat,
            question.answer,
        ]
    )
