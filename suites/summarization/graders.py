"""Counts the words of a summary."""

from typing import Any


def words(text: str) -> int:
    """Number of words: pieces between white space that hold a letter or a digit."""
    return sum(any(sign.isalnum() for sign in piece) for piece in text.split())


def length(sample: dict[str, Any], output: str, parsed: object) -> dict[str, Any]:
    """Is the summary within the words that the prompt allows?

    Args:
        sample: The sample's columns; `limit_words` is read.
        output: The summary.
        parsed: The same, unused.

    Returns:
        Value 1 or 0, with the count as the reason.
    """
    count, limit = words(output), int(sample["limit_words"])
    return {"value": float(count <= limit), "reason": f"{count} of {limit} words"}
