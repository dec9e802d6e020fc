"""The records that travel between floors: frozen, JSON both ways, fingerprinted.

One type per step of the data's way: Sample → Request → Completion → Attempt (journal) → Parsed →
Score → Trial (journal). Nothing here knows a provider, a file or a clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Mode = Literal["prompt", "json_object", "json_schema"]
MODES: tuple[Mode, ...] = ("prompt", "json_object", "json_schema")  # weakest first
OutputFormat = Literal["text", "label", "json", "tool_calls"]
Status = Literal["ok", "malformed", "refused", "error", "skipped"]
Cause = Literal["first", "rate_limited", "server_error", "timeout", "connection", "malformed"]
FinishReason = Literal["stop", "length", "content_filter", "refusal", "tool_calls", "other"]

_encoder = msgspec.json.Encoder(order="deterministic")


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """The root of all records: immutable, keyword-only, compared by value."""


class Message(Record, frozen=True, kw_only=True):
    """One turn of a conversation as rendered from the suite."""

    role: Literal["system", "user", "assistant"]
    content: str


class ToolCall(Record, frozen=True, kw_only=True):
    """A function that the model asked to call.

    `arguments` is the raw argument string as the model wrote it: it may be malformed, and the
    grader decides what that means.
    """

    name: str
    arguments: str
    id: str | None = None


class Usage(Record, frozen=True, kw_only=True):
    """Tokens as billed by the provider; None where the provider did not say.

    `input` counts all prompt tokens, those read from or written to a cache included; `output`
    counts all generated tokens, `reasoning` included. Wires normalise to this.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None


class Sample(Record, frozen=True, kw_only=True):
    """One input with its target.

    Attributes:
        columns: The row without the target column: the variables of the prompt template and
            what in-process contestants see.
        line: 1-based line (or row) in the data file, for messages.
    """

    id: str
    columns: dict[str, Any]
    target: Any = None
    has_target: bool = True
    cluster: str | None = None
    slices: dict[str, str] = {}
    critical: bool = False
    sensitivity: str | None = None
    require: dict[str, Any] | None = None
    line: int = 0


class OutputSpec(Record, frozen=True, kw_only=True):
    """What form an answer must have and which forms are accepted."""

    format: OutputFormat = "text"
    schema: dict[str, Any] | None = None
    labels: tuple[str, ...] = ()
    tools: tuple[dict[str, Any], ...] = ()
    accept: tuple[str, ...] = ("valid", "fenced", "embedded")
    max_attempts: int = 1


class Request(Record, frozen=True, kw_only=True):
    """Everything that decides what is asked of one model for one trial.

    Attributes:
        model: The model's name on the wire.
        mode: The structured mode to request, or None for contestants that know no modes.
        params: Sampling parameters as the suite and the model entry ask for them.
        inputs: The sample's columns; only in-process contestants read them.
        identity: What else decides the answer: weights hash, training data, code hash.
        settings: Hash of further settings of the model's entry that go on the wire.
    """

    suite: str
    sample_id: str
    arm: str
    repeat: int
    provider: str
    model: str
    messages: tuple[Message, ...]
    output: OutputSpec
    mode: Mode | None = None
    params: dict[str, Any] = {}
    inputs: dict[str, Any] = {}
    identity: str = ""
    settings: str = ""
    stream: bool = False

    def fingerprint(self) -> str:
        """Return the hash by which a stored answer belongs to this request."""
        spec = self.output
        return fingerprint(
            {
                "messages": [[m.role, m.content] for m in self.messages],
                "format": spec.format,
                "schema": spec.schema,
                "labels": spec.labels,
                "tools": spec.tools,
                "params": self.params,
                "mode": self.mode,
                "provider": self.provider,
                "model": self.model,
                "repeat": self.repeat,
                "identity": self.identity,
                "settings": self.settings,
                "inputs": self.inputs if self.identity else None,
            }
        )


class Completion(Record, frozen=True, kw_only=True):
    """What came back, decoded from the wire but not yet interpreted.

    Attributes:
        text: The visible answer, reasoning excluded where the wire separates it.
        refusal: The provider's own refusal signal (its text or code), else None.
        finish_reason: Normalised; `finish_reason_raw` keeps the provider's word.
        ttft_ms: Time to the first content, only where the answer was streamed.
        service_ms: From sending the request to the last byte of the answer.
        mode_sent: The structured mode that really went on the wire.
        params_sent: Parameters as they really went on the wire.
        quota: Rate-limit headers as received, lower-case names.
        recorded: True where this is a replayed recording; its timings are the recording's.
        cost_usd: Cost as recorded; None for live calls, whose cost is derived later.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str | None = None
    refusal: str | None = None
    finish_reason: FinishReason | None = None
    finish_reason_raw: str | None = None
    usage: Usage | None = None
    model_returned: str | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    request_id: str | None = None
    http_status: int | None = None
    ttft_ms: float | None = None
    service_ms: float | None = None
    mode_sent: Mode | None = None
    params_sent: dict[str, Any] = {}
    quota: dict[str, str] = {}
    recorded: bool = False
    recorded_at: str | None = None
    cost_usd: float | None = None

    def content_hash(self) -> str:
        """Return the hash of what is graded: text, tool calls, refusal and finish reason."""
        calls = [[c.name, c.arguments] for c in self.tool_calls]
        return fingerprint([self.text, calls, self.refusal, self.finish_reason])


class Attempt(Record, frozen=True, kw_only=True):
    """One try on the wire, as it stands in the journal before anything parses it.

    `outcome` is `answered`, or the kind of failure (`evalkit.core.errors.FailureKind`).
    A failed attempt that was billed all the same, as a recording may tell, has `failed_usage` or
    `failed_cost_usd`. A judge's attempt names in `subject` the request whose answer it judged.
    Times: `scheduled_at` and `sent_at` are UTC ISO 8601, the rest are milliseconds.
    """

    number: int
    cause: Cause
    outcome: str
    role: Literal["model", "judge"] = "model"
    model: str = ""
    request_fingerprint: str = ""
    subject: str = ""
    scheduled_at: str | None = None
    sent_at: str | None = None
    queue_ms: float = 0.0
    rate_wait_ms: float = 0.0
    backoff_ms: float = 0.0
    cached: bool = False
    completion: Completion | None = None
    error: str | None = None
    http_status: int | None = None
    request_id: str | None = None
    service_ms: float | None = None
    body: str | None = None
    params_sent: dict[str, Any] = {}
    recorded: bool = False
    failed_usage: Usage | None = None
    failed_cost_usd: float | None = None
    failed_recorded_at: str | None = None
    loop_lag_ms: float | None = None

    @property
    def answered(self) -> bool:
        """True where a completion came."""
        return self.completion is not None

    @property
    def usage(self) -> Usage | None:
        """Tokens as billed, or None where nothing came or the provider did not say."""
        return self.completion.usage if self.completion else self.failed_usage

    @property
    def model_returned(self) -> str | None:
        """The model's id as the provider returned it."""
        return self.completion.model_returned if self.completion else None

    @property
    def ttft_ms(self) -> float | None:
        """Time to the first content, only where the answer was streamed."""
        return self.completion.ttft_ms if self.completion else None

    @property
    def text(self) -> str | None:
        """The raw text of the answer."""
        return self.completion.text if self.completion else None


class Parsed(Record, frozen=True, kw_only=True):
    """An answer put on its rung (CONTRACT section 5) with its value where it has one.

    Attributes:
        rung: `valid`, `fenced`, `schema:required`, `not_json`, ... ; for text and labels `valid`,
            `empty`, `truncated`, `refusal`, `not_label`.
        value: The parsed document, label, text or list of calls; None where unusable.
        whole_json: The whole text was one JSON document, whatever the schema says of it.
        refused_by: `signal` or `phrase` where the rung is `refusal`.
        detail: What failed, for a reader.
    """

    rung: str
    value: Any = None
    whole_json: bool = False
    refused_by: Literal["signal", "phrase"] | None = None
    detail: str | None = None


class Score(Record, frozen=True, kw_only=True):
    """One grader's verdict on one trial.

    `value` is in [0, 1], or None where the grader refused (`failure` then says why): a failure is
    never a score of 0. `pending` marks a failure that asking again may mend, such as a judge's
    outage: `resume` does.
    """

    grader: str
    version: str
    value: float | None
    passed: bool | None = None
    reason: str = ""
    details: dict[str, Any] | None = None
    failure: str | None = None
    pending: bool = False


class Trial(Record, frozen=True, kw_only=True):
    """One sample × one arm × one repeat with all its attempts, as `Run.trials()` gives it."""

    run_id: str
    suite: str
    sample_id: str
    arm: str
    model: str
    repeat: int
    status: Status
    output_rung: str | None = None
    first_rung: str | None = None
    refused_by: str | None = None
    cluster: str | None = None
    slices: dict[str, str] = {}
    critical: bool = False
    structured_requested: Mode | None = None
    structured_honoured: Mode | None = None
    text: str | None = None
    parsed: Any = None
    scores: tuple[Score, ...] = ()
    reason: str | None = None
    recorded: bool = False
    request_fingerprint: str = ""
    completion_hash: str | None = None
    grading_fingerprint: str = ""
    finished_at: str | None = None
    attempts: tuple[Attempt, ...] = ()


def canonical_json(value: object) -> bytes:
    """Return the one JSON text of a value: sorted keys, no spaces, UTF-8."""
    return _encoder.encode(value)


def fingerprint(value: object) -> str:
    """Return 32 hex digits that identify a value by its canonical JSON."""
    return hashlib.blake2b(canonical_json(value), digest_size=16).hexdigest()


def hash64(text: str) -> int:
    """Return 64 bits that stand for a text, the same on every machine."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def to_builtins(record: msgspec.Struct) -> dict[str, Any]:
    """Return a record as plain dictionaries and lists."""
    return dict(msgspec.to_builtins(record))


def without_lone_surrogates(text: str) -> str:
    """Replace lone surrogates by U+FFFD: they are no text and cannot be stored as UTF-8."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def frozen_mapping(value: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a plain copy of a mapping, empty for None."""
    return dict(value or {})
