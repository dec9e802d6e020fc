"""Every error that evalkit raises on purpose.

::

    EvalkitError
    ├── ConfigError            wrong usage or configuration: nothing was sent (exit 2)
    ├── JournalError           a run's folder cannot be trusted or read (exit 2)
    ├── CannotGrade            a grader refuses an input; recorded, never a score of 0
    ├── NotRecorded            a recording holds no answer for a sample: the trial is `skipped`
    └── ProviderError          one attempt failed; recorded, retried where its kind allows it

Each message reads `where: what is wrong, got 'x'; what is allowed`. This module does not know
exit codes beyond the names above: only `evalkit.cli` turns an error into one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from evalkit.core.keys import hide_keys

if TYPE_CHECKING:
    from evalkit.core.records import Usage
from evalkit.core.records import Usage

FailureKind = Literal[
    "rate_limited",
    "server_error",
    "timeout",
    "connection",
    "bad_body",
    "auth",
    "not_found",
    "schema_rejected",
    "rejected",
    "context_length",
    "adapter",
]
RETRYABLE: frozenset[FailureKind] = frozenset(
    {"rate_limited", "server_error", "timeout", "connection", "bad_body"}
)


class EvalkitError(Exception):
    """The root of evalkit's own errors."""


class ConfigError(EvalkitError):
    """Wrong usage or configuration; raised before anything is sent.

    Attributes:
        problems: One line each, `where: what is wrong, got ...; what is allowed`; what looks
            like a key is taken out.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        """Keep all problems; the message shows the first three."""
        lines = (problems,) if isinstance(problems, str) else tuple(problems)
        self.problems = tuple(hide_keys(line) for line in lines)
        shown = list(self.problems[:3])
        if len(self.problems) > 3:
            shown.append(f"... and {len(self.problems) - 3} more")
        super().__init__("\n".join(shown))


class JournalError(EvalkitError):
    """A journal or manifest is torn in the middle, foreign, mixed, edited or unreadable."""


class CannotGrade(EvalkitError):
    """A grader refuses an output or target that it cannot grade."""


class NotRecorded(EvalkitError):
    """A recording holds no answer for this sample, arm and repeat: skipped, never wrong."""


class ProviderError(EvalkitError):
    """One attempt did not bring a completion.

    Attributes:
        kind: What failed; `RETRYABLE` kinds may be tried again.
        http_status: The status, or None where there was no answer.
        retry_after_s: What the server asked to wait, or None.
        request_id: The server's id of the request, or None.
        body: The start of the raw answer, for the journal; keys are never in it.
        service_ms: Time from sending to the failure, or None where nothing was sent.
        params_sent: Parameters as sent on the wire.
        quota: Quota headers as received (lower-case names).
        recorded: True where a recording says so: `service_ms` is the recording's, and asking
            again would bring the same.
        usage: Tokens billed for the failed attempt, or None where nobody said; only recordings do.
        cost_usd: What it cost in US dollars, or None where that is not known.
        recorded_at: When it was recorded (ISO 8601), or None.
        model_returned: The model's id as the provider named it, or None.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        http_status: int | None = None,
        retry_after_s: float | None = None,
        request_id: str | None = None,
        body: str | None = None,
    ) -> None:
        """Record what is known of the failure."""
        super().__init__(message)
        self.kind: FailureKind = kind
        self.http_status = http_status
        self.retry_after_s = retry_after_s
        self.request_id = request_id
        self.body = body
        self.service_ms: float | None = None
        self.params_sent: dict[str, object] = {}
        self.quota: dict[str, str] = {}
        self.recorded = False
        self.usage: Usage | None = None
        self.cost_usd: float | None = None
        self.recorded_at: str | None = None
        self.model_returned: str | None = None

    @property
    def may_retry(self) -> bool:
        """True where another try could bring an answer."""
        return self.kind in RETRYABLE and not self.recorded
