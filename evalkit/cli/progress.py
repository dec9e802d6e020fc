"""The progress line on stderr: rate, spend, errors and time left."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from evalkit.core.records import Attempt, Status


class TqdmLine:
    """Draws with tqdm; where stderr is no terminal, a plain line now and then."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._counts: Counter[str] = Counter()
        self._spent = 0.0

    def begin(self, total: int, done: int) -> None:
        """Open the line."""
        from tqdm import tqdm

        on_terminal = sys.stderr.isatty()
        self._bar = tqdm(
            total=total,
            initial=done,
            unit="trial",
            file=sys.stderr,
            mininterval=0.2 if on_terminal else 10.0,
            ascii=not on_terminal,
            dynamic_ncols=on_terminal,
        )

    def attempt(self, attempt: Attempt, spent_usd: float) -> None:
        """Count retries and spend."""
        self._spent = spent_usd
        if attempt.outcome != "answered":
            self._counts["failed attempts"] += 1

    def trial(self, status: Status) -> None:
        """Move on by one."""
        self._counts[status] += 1
        self._bar.update()
        if self._bar.n % 10 == 0:
            self._bar.set_postfix_str(self._postfix(), refresh=False)

    def end(self) -> None:
        """Close the line."""
        self._bar.set_postfix_str(self._postfix())
        self._bar.close()

    def _postfix(self) -> str:
        parts = [f"${self._spent:.4f}"] if self._spent else []  # nothing priced is not $0
        for name in ("error", "malformed", "failed attempts"):
            if self._counts[name]:
                parts.append(f"{self._counts[name]} {name}")
        return ", ".join(parts)
