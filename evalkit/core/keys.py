"""What looks like a secret key, so that none is ever stored or shown.

A key is known by the name that it stands under (`api_key`, `X-Auth-Token`) or by its own form
(`sk-...`, `Bearer ...`, a password in an address). It does not know where keys come from.
"""

from __future__ import annotations

import re

NOT_SHOWN = "a text that looks like a key (not shown)"

_NAME = re.compile(
    r"(^|_)(api_?keys?|(access|secret|private|subscription|account|auth)_?keys?|secrets?"
    r"|pass(word|wd|phrase)s?|tokens?|authorization|credentials?|cookies?)$",
    re.IGNORECASE,
)
_COUNTS = re.compile(r"(max|min|input|output|completion|prompt)_\w*tokens?$", re.IGNORECASE)
_VALUE = re.compile(
    r"\b(?:(?:sk|pk|rk|gsk|xai|hf|r8|pplx|csk|nvapi|ghp|glpat|xox[abp])[-_]|AIza|AKIA)"
    r"(?:(?=[A-Za-z_\-]*\d)[A-Za-z0-9_\-]{8,}|[A-Za-z0-9_\-]{16,})"
    r"|\bBearer\s+(?=\S*\d)[A-Za-z0-9_\-.=~+/]{8,}"
    r"|(?<=://)[^/\s:@'\"]*:[^/\s@'\"]+(?=@)"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_RANDOM = re.compile(r"(?=.*[a-z])(?=.*\d)[A-Za-z0-9]{20,}\Z")


def is_key_name(name: str) -> bool:
    """Return whether what stands under this name is a key."""
    plain = name.replace("-", "_")
    return bool(_NAME.search(plain)) and not _COUNTS.search(plain)


def holds_key(text: str) -> bool:
    """Return whether a text has the form of a key in it."""
    return bool(_VALUE.search(text)) or bool(re.fullmatch(r"\s*Bearer\s+[^\s$]+\s*", text))


def is_variable(name: str) -> bool:
    """Return whether a text can be the name of an environment variable, and is no key itself."""
    return bool(_VARIABLE.match(name)) and not holds_key(name) and not _RANDOM.match(name)


def hide_keys(text: str) -> str:
    """Return a text with whatever has the form of a key taken out."""
    return _VALUE.sub("(not shown)", text)
