"""When nobody is asked any more whose every answer is a failure; it does not know who asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

from evalkit.core.errors import FailureKind, ProviderError

_HOPELESS = ("auth", "not_found")
_HOPELESS_IN_A_ROW = 3
_OUTAGE_IN_A_ROW = 20

K = TypeVar("K", bound=Hashable)


class GivenUp(NamedTuple):
    """Why somebody is not asked any more: the last failure's kind, and in words."""

    kind: FailureKind
    said: str


class Outages(Generic[K]):
    """Failures in a row, by who failed: 3 that asking again cannot mend, or 20 of any kind."""

    def __init__(self) -> None:
        self.given_up: dict[K, GivenUp] = {}
        self._in_a_row: Counter[K] = Counter()
        self._hopeless: Counter[K] = Counter()

    def note(self, who: K, error: ProviderError | None) -> None:
        """Take the end of one request; a recorded failure says nothing of today."""
        if error is None:
            self._in_a_row[who] = self._hopeless[who] = 0
            return
        if error.recorded:
            return
        self._in_a_row[who] += 1
        self._hopeless[who] = self._hopeless[who] + 1 if error.kind in _HOPELESS else 0
        count = self._in_a_row[who]
        if count >= _OUTAGE_IN_A_ROW or self._hopeless[who] >= _HOPELESS_IN_A_ROW:
            said = f"{count} failures in a row, the last: {error.kind}: {error}"
            self.given_up.setdefault(who, GivenUp(error.kind, said))
