"""Errors: the first three problems at once, and which failures may be tried again."""

from __future__ import annotations

from typing import get_args

import pytest

from evalkit.core.errors import (
    CannotGrade,
    ConfigError,
    EvalkitError,
    FailureKind,
    JournalError,
    NotRecorded,
    ProviderError,
)


def test_a_config_error_shows_three_problems_and_counts_the_rest() -> None:
    """All of them stay in `problems`."""
    error = ConfigError([f"f:{n}: wrong" for n in range(5)])
    assert str(error) == "f:0: wrong\nf:1: wrong\nf:2: wrong\n... and 2 more"
    assert len(error.problems) == 5


def test_one_problem_is_one_line() -> None:
    """A text is one problem, not a sequence of letters."""
    assert ConfigError("f:1: wrong").problems == ("f:1: wrong",)


def test_every_error_is_of_one_tree() -> None:
    """So that one `except` catches them."""
    for kind in (ConfigError, JournalError, CannotGrade, NotRecorded, ProviderError):
        assert issubclass(kind, EvalkitError)


@pytest.mark.parametrize("kind", get_args(FailureKind))
def test_a_failure_may_be_tried_again_by_its_kind(kind: FailureKind) -> None:
    """Outages may; a wrong key, name, schema or request may not."""
    expected = kind in {"rate_limited", "server_error", "timeout", "connection", "bad_body"}
    assert expected == ProviderError(kind, "x").may_retry


def test_a_recorded_failure_is_not_tried_again() -> None:
    """The recording would say the same."""
    error = ProviderError("timeout", "x")
    error.recorded = True
    assert not error.may_retry
