"""Keys: known by their name or their form, and never shown."""

from __future__ import annotations

import pytest

from evalkit.core.errors import ConfigError
from evalkit.core.keys import hide_keys, holds_key, is_key_name, is_variable

KEYS = [
    "sk-proj-abcDEF123456",
    "sk-abcdefghijklmnopqrst",
    "sk-ant-api03-AAAAbbbb0000",
    "gsk_abcdefghij0123456789",
    "hf_abcdefghijklmnopqrstuv",
    "AIzaSyA1234567890abcdefghijklmnopqrstu",
    "AKIAIOSFODNN7EXAMPLE",
    "Bearer abcdef123456",
    "-----BEGIN RSA PRIVATE KEY-----",
]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_seen_in_any_text(key: str) -> None:
    """Alone, quoted, or in a sentence."""
    for text in (key, f"'{key}'", f"use {key} please"):
        assert holds_key(text)
        assert key not in hide_keys(text)


def test_a_password_in_an_address_is_seen() -> None:
    """`https://user:password@host` would stand in run.json."""
    assert holds_key("https://me:hunter2@host/v1")
    assert hide_keys("https://me:hunter2@host/v1") == "https://(not shown)@host/v1"


@pytest.mark.parametrize(
    "text",
    ["skill-based-matchmaking-in-games", "skin-care-recommendations", "pkgutil",
     "sk-learn", "Bearer of bad news", "http://127.0.0.1:8000/v1", "mail me@example.org",
     "https://host/a:b@c", "risk-adjusted-return-on-capital"],
)  # fmt: skip
def test_honest_text_is_left_alone(text: str) -> None:
    """Words that begin like a key are none."""
    assert not holds_key(text)
    assert text == hide_keys(text)


@pytest.mark.parametrize(
    "name",
    ["api_key", "API_KEY", "apiKey", "api-key", "X-Api-Key", "x-goog-api-key", "token",
     "Authorization", "client_secret", "db_password", "secret_key", "aws_access_key",
     "Ocp-Apim-Subscription-Key", "Cookie", "credentials", "api_keys"],
)  # fmt: skip
def test_what_stands_under_this_name_is_a_key(name: str) -> None:
    """Whatever its form."""
    assert is_key_name(name)


@pytest.mark.parametrize(
    "name",
    ["max_tokens", "output_tokens", "max_completion_tokens", "key", "monkey", "keyword",
     "tokenizer", "id", "secretary", "api_version"],
)  # fmt: skip
def test_what_stands_under_that_name_is_none(name: str) -> None:
    """Numbers of tokens are no tokens."""
    assert not is_key_name(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("OPENAI_API_KEY", True),
        ("key2", True),
        ("MY_TEAMS_VERY_LONG_VARIABLE_2026", True),
        ("sk-abc", False),
        ("2FAST", False),
        ("", False),
        ("A B", False),
        ("OPENAI_API_KEY\n", False),
        ("AIzaSyA1234567890abcdefghijklmnopqrstu", False),
        ("abcdef0123456789abcdef0123456789", False),  # 32 hex digits: a key of Azure
        ("x9Kd83jfA0s8dfjKq2m4Zp7L", False),
    ],
)
def test_a_variable_is_told_from_a_key(name: str, expected: bool) -> None:
    """What is taken for a name is echoed when it is not set."""
    assert expected == is_variable(name)


def test_an_error_shows_no_key() -> None:
    """Whoever builds the message."""
    error = ConfigError(["a.yaml:1: unknown key 'sk-abcdefghijklmnopqrst'"])
    assert error.problems == ("a.yaml:1: unknown key '(not shown)'",)
    assert "abcdef" not in str(error)
