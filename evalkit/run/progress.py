"""Counts that a reader watches while a run goes on; how they are drawn is not known here."""

from __future__ import annotations

from typing import Protocol

from evalkit.core.records import Attempt, Status


class Progress(Protocol):
    """Is told of every attempt and trial; draws what it likes."""

    def begin(self, total: int, done: int) -> None:
        """A run of so many trials starts, some of them done before."""
        ...

    def attempt(self, attempt: Attempt, spent_usd: float) -> None:
        """One attempt ended."""
        ...

    def trial(self, status: Status) -> None:
        """One trial ended."""
        ...

    def end(self) -> None:
        """Nothing more will come."""
        ...


class Silent:
    """Draws nothing."""

    def begin(self, total: int, done: int) -> None:
        """Ignore it."""

    def attempt(self, attempt: Attempt, spent_usd: float) -> None:
        """Ignore it."""

    def trial(self, status: Status) -> None:
        """Ignore it."""

    def end(self) -> None:
        """Ignore it."""
