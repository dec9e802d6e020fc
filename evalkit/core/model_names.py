"""Whether a model's name floats: what it means may change without the name changing.

It knows no vendor's list; what others are called comes from outside.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_NEWEST = ("-latest", ":latest", "@latest")
_DATED = re.compile(r"[-@](?:20\d\d-?[01]\d-?[0-3]\d|[01]\d-20\d\d)")


def floating_reason(name: str, others: Iterable[str] = ()) -> str | None:
    """Say why a name floats, None where nothing tells that it does.

    Args:
        name: As it is asked for.
        others: Names of the same model: its vendor's, or those that answers came back with.

    >>> floating_reason("gpt-5-mini", ["gpt-5-mini", "gpt-5-mini-2025-08-07"])
    'it stands for gpt-5-mini-2025-08-07 now'
    >>> floating_reason("mistral-large-latest"), floating_reason("gpt-4o-2024-08-06")
    ('it stands for whatever is newest', None)
    """
    if name.endswith(_NEWEST):
        return "it stands for whatever is newest"
    dated = [o for o in others if o.startswith(name) and _DATED.fullmatch(o[len(name) :])]
    return f"it stands for {max(dated)} now" if dated else None
