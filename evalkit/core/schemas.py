"""JSON Schemas (draft 2020-12) of the files that evalkit reads and writes.

They are for editors, other programs and the tests; evalkit's own loaders check more and say it
better. This module does not validate anything.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

NAMES: tuple[str, ...] = (
    "attempt", "baseline", "business", "gate", "judge_card", "label", "policy", "prices",
    "providers", "recording", "rubric", "run", "suite", "summary", "trial",
)  # fmt: skip


def schema_of(name: str) -> dict[str, Any]:
    """Return the schema of a file format, freshly read.

    Args:
        name: `suite`, `providers`, `prices`, `gate`, `business`, `rubric`, `recording` and `label`
            (one line each), `run` (run.json), `attempt` and `trial` (events of the journal),
            `summary`, `baseline`, `policy` or `judge_card`.

    Raises:
        ValueError: If there is no schema of this name.

    Example:
        >>> schema_of("suite")["title"]
        'suite.yaml'
    """
    if name not in NAMES:
        raise ValueError(f"schema_of: unknown schema {name!r}; known: {', '.join(NAMES)}")
    file = resources.files("evalkit").joinpath("schemas", f"{name}.json")
    schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return schema
