"""From a provider's report of a failure to a ProviderError of the right kind.

Status codes, error bodies of every vendor's shape, and the headers that say how long to wait. It
does no I/O and knows no vendor by name; only the words that their errors use.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from evalkit.core.errors import FailureKind, ProviderError
from evalkit.core.ports import WireResponse
from evalkit.core.records import Completion, without_lone_surrogates
from evalkit.providers.wire import BODY_KEPT, mapping, quota, request_id, stamped, text_of

_BY_STATUS: dict[int, FailureKind] = {
    401: "auth",
    403: "auth",
    404: "not_found",
    408: "timeout",
    429: "rate_limited",
}
# The words of errors that come without a status of their own: inside a stream, or under 200.
_BY_WORD: tuple[tuple[str, int], ...] = (
    ("rate_limit", 429),
    ("resource_exhausted", 429),
    ("overloaded", 529),
    ("authentication", 401),
    ("unauthenticated", 401),
    ("permission", 403),
    ("not_found", 404),
    ("deadline_exceeded", 504),
    ("context_length", 400),
    ("invalid", 400),
    ("failed_precondition", 400),
)
_CONTEXT = re.compile(
    r"context[ _-]?(length|window|size)|prompt is too long|input is too long|too many tokens"
    r"|maximum number of tokens|(exceeds|larger than) the (available|maximum) "
    r"(context|number of tokens)|reduce the length",
    re.IGNORECASE,
)
_SCHEMA = re.compile(
    r"schema|response_?format|output_config|response_?mime_?type|text\.format"
    r"|structured output|grammar",
    re.IGNORECASE,
)
_BAD_KEY = re.compile(r"api[ _]key (not valid|expired|not found|is invalid)|api_key_invalid", re.I)
_SPENT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_error"})
_FILTERED = frozenset({"content_filter", "content_policy_violation"})
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|us|h|m|s)")
_UNIT_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 0.000001}


class Said(NamedTuple):
    """What an error body says, in whatever shape: a message, code words and a status."""

    message: str
    words: frozenset[str]
    status: int | None
    param: str
    details: Any


def said(document: object) -> Said:
    """Read an error document of any vendor's shape; never raises."""
    if isinstance(document, list) and document:
        document = document[0]
    outer = mapping(document)
    inner = outer.get("error", outer)
    if not isinstance(inner, dict):
        inner = {"message": inner if isinstance(inner, str) else outer.get("message")}
    message = text_of(inner.get("message")) or _detail(outer.get("detail"))
    named = (inner.get(key) for key in ("type", "code", "status"))
    words = frozenset(word.lower() for word in named if isinstance(word, str))
    code = inner.get("code")
    if isinstance(code, str) and code.isdigit():
        code = int(code)
    status = code if isinstance(code, int) and 400 <= code <= 599 else None
    details = inner.get("metadata") or inner.get("details") or inner.get("innererror")
    return Said(message, words, status, str(inner.get("param") or ""), details)


def _detail(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)[:500] if value else ""


def failure(response: WireResponse) -> ProviderError:
    """Return the failure that an answer with another status than 2xx is."""
    told = said(_json(response.body))
    kind = "rejected" if 300 <= response.status < 400 else _kind(response.status, told)
    text = response.body[:BODY_KEPT].decode("utf-8", "replace")
    error = ProviderError(
        kind,
        _message(response, told, text),
        http_status=response.status,
        retry_after_s=_wait(response, told) if response.status in (429, 503, 529) else None,
        request_id=request_id(response.headers),
        body=text,
    )
    error.service_ms = response.service_ms
    error.quota = quota(response.headers)
    return error


def reported(document: object) -> ProviderError:
    """Return the failure that a provider reports inside an answer that began with 200."""
    told = said(document)
    status = told.status or _status_of_words(told.words)
    shown = told.message or ", ".join(sorted(told.words)) or "an error without a message"
    message = without_lone_surrogates(f"the provider reports a failure, got {shown[:500]!r}")
    return ProviderError(_kind(status, told), message, http_status=None)


def filtered(response: WireResponse) -> Completion | None:
    """Return the refusal that an error is, where a content filter stopped the prompt.

    Some services answer a filtered prompt with a 4xx: the model's service refused, it did not
    fail, so the outcome is a refusal and no error.
    """
    if response.status not in (400, 403):
        return None
    told = said(_json(response.body))
    flagged = "flagged_input" in mapping(told.details)
    if not flagged and _FILTERED.isdisjoint(told.words):
        return None
    refusal = Completion(
        refusal=told.message or "content_filter",
        finish_reason="content_filter",
        finish_reason_raw="content_filter",
    )
    return stamped(refusal, response)


def _kind(status: int, told: Said) -> FailureKind:
    if status in _BY_STATUS and not (status == 429 and told.words & _SPENT):
        return _BY_STATUS[status]
    if status >= 500:
        return "server_error"
    if status in (400, 413, 422):
        return _kind_of_bad_request(told)
    return "rejected"


def _kind_of_bad_request(told: Said) -> FailureKind:
    words = " ".join((told.message, told.param, *told.words))
    if _CONTEXT.search(words):
        return "context_length"
    if _BAD_KEY.search(words + json.dumps(told.details, default=str)):
        return "auth"
    if _SCHEMA.search(words):
        return "schema_rejected"
    return "rejected"


def _status_of_words(words: frozenset[str]) -> int:
    joined = " ".join(words)
    return next((status for word, status in _BY_WORD if word in joined), 500)


def _message(response: WireResponse, told: Said, text: str) -> str:
    if 300 <= response.status < 400:
        place = response.headers.get("location", "nowhere")
        shown = f"a redirect to {place!r}; redirects are not followed, correct base_url"
    else:
        shown = repr((told.message or text.strip() or "an empty body")[:500])
    codes = f" ({', '.join(sorted(told.words))})" if told.words else ""
    return without_lone_surrogates(f"HTTP {response.status}{codes}, got {shown}")


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


# ------------------------------------------------------------------- how long to wait


def _wait(response: WireResponse, told: Said) -> float | None:
    headers = response.headers
    if (ms := _number(headers.get("retry-after-ms"))) is not None:
        return ms / 1000
    if "retry-after" in headers:
        return _retry_after(headers["retry-after"], headers)
    waited = _from_details(told)
    return _from_resets(headers) if waited is None else waited


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return max(value, 0.0) if math.isfinite(value) else None


def _retry_after(text: str, headers: Mapping[str, str]) -> float | None:
    seconds = _number(text)
    return seconds if seconds is not None else _until(text, headers)


def _until(text: str, headers: Mapping[str, str]) -> float | None:
    """Return seconds until a date, by the server's own clock where it sent one."""
    moment, now = _date(text), _date(headers.get("date", ""))
    if moment is None:
        return None
    return max((moment - (now or datetime.now(UTC))).total_seconds(), 0.0)


def _date(text: str) -> datetime | None:
    for reader in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = reader(text)
        except ValueError:
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def _from_details(told: Said) -> float | None:
    """Read google.rpc.RetryInfo: `{"retryDelay": "17s"}`."""
    details = told.details if isinstance(told.details, list) else [told.details]
    delays = [text_of(mapping(detail).get("retryDelay")) for detail in details]
    return next((_duration(delay) for delay in delays if delay), None)


def _from_resets(headers: Mapping[str, str]) -> float | None:
    """Return the longest wait among the quotas that are used up, else among all named."""
    resets: dict[str, float] = {}
    for name, value in headers.items():
        if "ratelimit" in name and "reset" in name:
            seconds = _duration(value) if _DURATION.search(value) else _number(value)
            seconds = _until(value, headers) if seconds is None else seconds
            if seconds is not None and seconds < 86400:  # a larger number is an epoch, not a wait
                resets[name] = seconds
    spent = [
        s for name, s in resets.items() if headers.get(name.replace("reset", "remaining")) == "0"
    ]
    return max(spent or resets.values(), default=None)


def _duration(text: str) -> float | None:
    """Return seconds of `1s`, `6m0s`, `2m59.56s`, `120ms`; None for anything else."""
    if not re.fullmatch(rf"(?:{_DURATION.pattern})+", text):
        return None
    return sum(float(number) * _UNIT_S[unit] for number, unit in _DURATION.findall(text))
