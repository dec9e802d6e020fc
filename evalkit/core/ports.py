"""The doors for outside code, and the registry that opens them by name.

An adapter talks one wire, a grader scores one output, a transport moves bytes. Built-ins are
named here as `module:attribute` and imported on first use; other packages join through the entry
point groups `evalkit.adapters` and `evalkit.graders`. This module imports none of them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from evalkit.core.errors import ConfigError
from evalkit.core.records import (
    Completion,
    Message,
    OutputSpec,
    Parsed,
    Record,
    Request,
    Sample,
    Score,
    Trial,
)


class Clock(Protocol):
    """Time as the runner sees it; tests hand in their own."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...

    def now_iso(self) -> str:
        """Return the UTC time as ISO 8601 with microseconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class ModelSpec(Record, frozen=True, kw_only=True):
    """One model entry of providers.yaml as an adapter sees it.

    Attributes:
        provider: The provider's name, `openai` in `openai:gpt-5-mini`.
        name: The model's key, `gpt-5-mini`.
        wire_name: The model's name on the wire.
        options: Every key of the entry that the catalogue does not interpret itself.
        provider_options: The same of the provider (`sdk`, `path`, `headers`, ...).
    """

    provider: str
    name: str
    wire: str
    wire_name: str
    base_url: str | None = None
    api_key_env: str | None = None
    client: str = "http"
    timeout_s: float = 120.0
    concurrency: int = 16
    unsupported_params: tuple[str, ...] = ()
    options: dict[str, Any] = {}
    provider_options: dict[str, Any] = {}


class SuiteView(Record, frozen=True, kw_only=True):
    """What in-process contestants may see of a suite: its folder, form and training rows.

    `train` never holds a scored sample. `folder` is where `rules.py` lies.
    """

    name: str
    folder: Path
    output: OutputSpec
    train: tuple[Sample, ...] = ()
    code_allowed: bool = False


class Adapter(Protocol):
    """One contestant behind one wire.

    `identity` is what decides its answers beside the request (weights hash, training data, code),
    known after `open`; empty for remote models. `modes` are the structured modes that it can be
    asked for; empty where the notion has no meaning (rules, classical baselines, recordings).
    """

    identity: str
    modes: tuple[str, ...]

    async def open(self, suite: SuiteView) -> None:
        """Get ready for one suite: connect, load weights, train. Not part of any latency."""
        ...

    async def complete(self, request: Request) -> Completion:
        """Answer one request; one try, no hidden retry.

        Raises:
            ProviderError: If no completion came.
        """
        ...

    async def close(self) -> None:
        """Give back connections and memory."""
        ...


class WireCall(NamedTuple):
    """One HTTP request as a wire encodes it: no key, no host."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    params_sent: dict[str, Any]
    mode_sent: str | None


class WireResponse(NamedTuple):
    """One HTTP answer: status, lower-case headers, body, and when its parts came."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    service_ms: float
    first_byte_ms: float | None = None


class Grader(Protocol):
    """Scores one output against its sample.

    `name` and `version` go into each score; `fingerprint` changes whenever equal input could get
    another score (options, code).
    """

    name: str
    version: str
    fingerprint: str

    def check(self, sample: Sample) -> str | None:
        """Return why this sample can never be graded (a target of the wrong form), else None."""
        ...

    def grade(self, sample: Sample, completion: Completion, parsed: Parsed) -> Score:
        """Score one output.

        Raises:
            CannotGrade: If it cannot be graded: recorded as a failure, never as 0.
        """
        ...


class GraderContext(Record, frozen=True, kw_only=True):
    """What a grader is built from: its options and where its suite lies."""

    options: dict[str, Any]
    output: OutputSpec
    suite_folder: Path
    where: str
    code_allowed: bool = False
    pass_at: float = 1.0


class JudgeQuestion(NamedTuple):
    """One question to one judge.

    Attributes:
        judge: `provider:name`.
        render: Gives the messages for a fence: an unguessable mark in which data is enclosed, so
            that no data can pass for the end of itself.
        content: Hash of all that the messages say, the fence aside: by it a stored verdict is
            found again.
        output: The form of the verdict.
        params: Sampling parameters; the model entry's own go before them.
        repeat: Which repetition of the same question, from 1.
        answer: How many answers to it could not be read so far.
        inputs: What a judge in this process sees instead of messages.
    """

    judge: str
    render: Callable[[str], tuple[Message, ...]]
    content: str
    output: OutputSpec
    params: dict[str, Any]
    repeat: int = 1
    answer: int = 0
    inputs: dict[str, Any] = {}


class Ask(Protocol):
    """The door through which a grader may ask a judge: limits, budget and journal hold there."""

    async def __call__(self, question: JudgeQuestion) -> Completion:
        """Ask one judge.

        Raises:
            ProviderError: If no answer came, or none may be asked for.
        """
        ...


class Judged(NamedTuple):
    """What a judge is shown: the sample, what the model was asked, and what it answered."""

    sample: Sample
    messages: tuple[Message, ...]
    completion: Completion
    parsed: Parsed


@runtime_checkable
class JudgingGrader(Protocol):
    """A grader that asks judges; beside `check` and the identity of any grader.

    `judges` are the models that it asks, `provider:name`. With `independent` a judge of the same
    family as the model that it judges is refused.
    """

    name: str
    version: str
    fingerprint: str
    judges: tuple[str, ...]
    independent: bool

    def check(self, sample: Sample) -> str | None:
        """Return why this sample can never be judged, else None."""
        ...

    async def judge(self, judged: Judged, ask: Ask) -> Score:
        """Score one output.

        A judge that gives no readable verdict makes a score without a value, with its `failure`.
        """
        ...

    def facts(self) -> dict[str, Any]:
        """Return what run.json keeps of it: judges, hashes of rubric and prompt, criteria."""
        ...


class StopRule(Protocol):
    """Watches a run sample by sample, in an order fixed beforehand, and says when to end it.

    `arms` are those that it watches. With `asks_critical` critical samples are asked even after
    the decision. `facts` is what run.json keeps of it.
    """

    arms: frozenset[str]
    asks_critical: bool

    def take(self, suite: str, trials: Sequence[Trial]) -> None:
        """Take all trials of the watched arms on the next sample of a suite."""
        ...

    def verdict(self, suite: str) -> str | None:
        """Return what is decided of a suite, None where nothing is yet."""
        ...

    def facts(self) -> dict[str, Any]:
        """Return what decides: the rules, their hash, the arms."""
        ...


AdapterFactory = Callable[[ModelSpec], Adapter]
GraderFactory = Callable[[GraderContext], Grader]

ADAPTERS: dict[str, str] = {
    "openai_chat": "evalkit.providers.openai_chat:adapter",
    "openai_responses": "evalkit.providers.openai_responses:adapter",
    "anthropic_messages": "evalkit.providers.anthropic_messages:adapter",
    "gemini": "evalkit.providers.gemini:adapter",
    "llama_cpp": "evalkit.providers.llama_cpp:adapter",
    "sklearn": "evalkit.providers.sklearn_baseline:adapter",
    "python": "evalkit.providers.python_function:adapter",
    "replay": "evalkit.providers.replay:adapter",
}
GRADERS: dict[str, str] = {
    "exact": "evalkit.graders.exact:grader",
    "label": "evalkit.graders.label:grader",
    "number": "evalkit.graders.number:grader",
    "text": "evalkit.graders.text:grader",
    "json_schema": "evalkit.graders.json_schema:grader",
    "fields": "evalkit.graders.fields:grader",
    "tool_calls": "evalkit.graders.tool_calls:grader",
    "abstain": "evalkit.graders.abstain:grader",
    "forbidden": "evalkit.graders.forbidden:grader",
    "python": "evalkit.graders.python:grader",
    "rubric": "evalkit.graders.rubric:grader",
}


def adapter_factory(wire: str, where: str) -> AdapterFactory:
    """Return the factory of a wire, importing its module now.

    Raises:
        ConfigError: If no wire has this name; `where` opens the message.
    """
    return _resolve(wire, ADAPTERS, "evalkit.adapters", f"{where}: unknown wire")  # type: ignore[no-any-return]


def grader_factory(name: str, where: str) -> GraderFactory:
    """Return the factory of a grader, importing its module now.

    Raises:
        ConfigError: If no grader has this name; `where` opens the message.
    """
    return _resolve(name, GRADERS, "evalkit.graders", f"{where}: unknown grader")  # type: ignore[no-any-return]


def _resolve(name: str, builtin: Mapping[str, str], group: str, problem: str) -> Any:
    target = builtin.get(name)
    if target is None:
        from importlib.metadata import entry_points  # 60 ms: only where a name is not ours

        found = {point.name: point for point in entry_points(group=group)}
        if name in found:
            return found[name].load()
        known = ", ".join(repr(n) for n in sorted({*builtin, *found}))
        raise ConfigError(f"{problem} {name!r}; known: {known}")
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)
