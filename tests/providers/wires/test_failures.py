"""Error bodies of every vendor's shape, and the headers that say how long to wait."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evalkit.core.ports import WireResponse
from evalkit.providers.failures import failure, filtered, reported, said

OPENAI_SCHEMA = {
    "error": {
        "message": "Invalid schema for response_format 'x': In context=(), ...",
        "type": "invalid_request_error",
        "param": "response_format",
        "code": None,
    }
}
OPENAI_CONTEXT = {
    "error": {
        "message": "This model's maximum context length is 8192 tokens.",
        "type": "invalid_request_error",
        "code": "context_length_exceeded",
    }
}
ANTHROPIC_CONTEXT = {
    "type": "error",
    "error": {
        "type": "invalid_request_error",
        "message": "prompt is too long: 210000 tokens > 200000 maximum",
    },
}
ANTHROPIC_SCHEMA = {
    "type": "error",
    "error": {
        "type": "invalid_request_error",
        "message": "output_config.format.schema: For 'object' type, 'additionalProperties' ...",
    },
}
GEMINI_KEY = {
    "error": {
        "code": 400,
        "message": "API key not valid. Please pass a valid API key.",
        "status": "INVALID_ARGUMENT",
        "details": [{"reason": "API_KEY_INVALID"}],
    }
}
GEMINI_CONTEXT = {
    "error": {
        "code": 400,
        "message": "The input token count (2000000) exceeds the maximum number of tokens allowed",
        "status": "INVALID_ARGUMENT",
    }
}
GEMINI_SCHEMA = {
    "error": {
        "code": 400,
        "message": "Invalid JSON payload: generation_config.response_json_schema",
    }
}
LLAMA_CONTEXT = {
    "error": {
        "code": 400,
        "message": "the request exceeds the available context size, try increasing it",
        "type": "exceed_context_size_error",
    }
}
VLLM = {"object": "error", "message": "Grammar error", "type": "BadRequestError", "code": 400}
MISTRAL = {"object": "error", "message": "Unknown model", "type": "invalid_model", "code": "1500"}
FASTAPI = {"detail": [{"loc": ["body", "response_format"], "msg": "Extra inputs not permitted"}]}
OLLAMA = {"error": "model 'x' not found, try pulling it first"}
SPENT = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}


def answer(status: int, body: Any = None, **headers: str) -> WireResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WireResponse(status, {k.replace("_", "-"): v for k, v in headers.items()}, data, 1.0)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, OPENAI_SCHEMA, "schema_rejected"),
        (400, ANTHROPIC_SCHEMA, "schema_rejected"),
        (400, GEMINI_SCHEMA, "schema_rejected"),
        (400, VLLM, "schema_rejected"),
        (422, FASTAPI, "schema_rejected"),
        (400, OPENAI_CONTEXT, "context_length"),
        (400, ANTHROPIC_CONTEXT, "context_length"),
        (400, GEMINI_CONTEXT, "context_length"),
        (400, LLAMA_CONTEXT, "context_length"),
        (400, GEMINI_KEY, "auth"),
        (400, MISTRAL, "rejected"),
        (404, OLLAMA, "not_found"),
        (429, SPENT, "rejected"),
        (402, {}, "rejected"),
        (418, b"\xff not json", "rejected"),
        (500, b"[" * 100_000, "server_error"),
        (502, b"<html>", "server_error"),
    ],
)
def test_an_error_body_decides_where_the_status_does_not(status: int, body: Any, kind: str) -> None:
    """Each vendor's words for a refused schema, a long prompt, a bad key, a spent account."""
    assert kind == failure(answer(status, body)).kind


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (OLLAMA, "model 'x' not found, try pulling it first"),
        (MISTRAL, "Unknown model"),
        ([GEMINI_KEY], "API key not valid. Please pass a valid API key."),
        ({"error": {"message": ["odd"]}}, ""),
        (None, ""),
        ("text", ""),
    ],
)
def test_the_message_is_found_in_every_shape(body: Any, message: str) -> None:
    """A string, an object, a list of objects, or nothing."""
    assert message == said(body).message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "1.5"}, 1.5),
        ({"retry_after": "-3"}, 0.0),
        ({"retry_after_ms": "250", "retry_after": "1"}, 0.25),
        (
            {
                "retry_after": "Sun, 22 Nov 2026 10:00:30 GMT",
                "date": "Sun, 22 Nov 2026 10:00:00 GMT",
            },
            30.0,
        ),
        ({"x_ratelimit_reset_requests": "6m0s"}, 360.0),
        ({"x_ratelimit_reset_tokens": "2m59.56s"}, 179.56),
        ({"x_ratelimit_reset_tokens": "120ms"}, 0.12),
        (
            {
                "x_ratelimit_reset_requests": "1s",
                "x_ratelimit_remaining_requests": "0",
                "x_ratelimit_reset_tokens": "1h",
                "x_ratelimit_remaining_tokens": "900",
            },
            1.0,
        ),
        (
            {
                "anthropic_ratelimit_requests_reset": "2026-11-22T10:00:12Z",
                "date": "Sun, 22 Nov 2026 10:00:00 GMT",
            },
            12.0,
        ),
        ({"x_ratelimit_reset": "1795341600000"}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "inf"}, None),
        ({}, None),
    ],
)
def test_the_wait_that_a_server_asks_for_is_read(
    headers: dict[str, str], seconds: float | None
) -> None:
    """Seconds, milliseconds, a date by the server's own clock, or the reset of a spent quota."""
    assert seconds == pytest.approx(failure(answer(429, {}, **headers)).retry_after_s)


def test_the_wait_of_google_rpc_is_read_from_the_body() -> None:
    """`RetryInfo` in the details."""
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"}]
    body = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": details}}
    assert failure(answer(429, body)).retry_after_s == 17.0


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"code": 502, "message": "Provider returned error"}}, "server_error"),
        ({"error": {"code": "429", "message": "slow down"}}, "rate_limited"),
        ({"error": {"type": "overloaded_error", "message": "Overloaded"}}, "server_error"),
        ({"error": {"type": "rate_limit_error", "message": "x"}}, "rate_limited"),
        ({"error": {"code": "rate_limit_exceeded"}}, "rate_limited"),
        ({"error": {"status": "RESOURCE_EXHAUSTED", "code": 429}}, "rate_limited"),
        ({"error": {"type": "authentication_error"}}, "auth"),
        ({"error": {"type": "invalid_request_error", "message": "no"}}, "rejected"),
        ({"error": "boom"}, "server_error"),
        ({"error": 1}, "server_error"),
    ],
)
def test_a_failure_reported_under_200_has_the_kind_of_its_words(body: Any, kind: str) -> None:
    """In a body (OpenRouter) or inside a stream (all vendors)."""
    assert kind == reported(body).kind


def test_a_filtered_prompt_is_a_refusal_and_no_failure() -> None:
    """Azure answers 400 where its filter stops a prompt: the service refused, it did not break."""
    body = {
        "error": {"code": "content_filter", "status": 400, "message": "The prompt was filtered"}
    }
    completion = filtered(answer(400, body, x_request_id="r1"))
    assert completion is not None
    assert completion.refusal == "The prompt was filtered"
    assert (
        completion.finish_reason,
        completion.http_status,
        completion.request_id,
    ) == ("content_filter", 400, "r1")
    assert filtered(answer(400, OPENAI_SCHEMA)) is None
