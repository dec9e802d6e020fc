"""What a run has cost so far, and when it must stop.

Every attempt is charged with its own price at its own time. Attempts without a known price are
counted, not guessed: a budget cannot see them, and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from evalkit.core.records import Attempt

PriceOf = Callable[[str, Attempt], Decimal | None]


class Budget:
    """Adds up attempts and stops a run that would go beyond its limit.

    Args:
        limit_usd: The most to spend, or None for no limit.
        price: Cost of one attempt of an arm, None where unpriced.
        spent_usd: What the run had cost before (on resume).
    """

    def __init__(self, limit_usd: float | None, price: PriceOf, spent_usd: float = 0.0) -> None:
        self.limit_usd = limit_usd
        self.spent_usd = spent_usd
        self.unpriced = 0
        self._price = price
        self._dearest: dict[str, float] = {}
        self._open = 0.0

    def charge(self, model: str, attempt: Attempt) -> None:
        """Book one attempt."""
        if attempt.cached:
            return
        cost = self._price(model, attempt)
        if cost is None:
            self.unpriced += 1
            return
        self.spent_usd += float(cost)
        self._dearest[model] = max(self._dearest.get(model, 0.0), float(cost))

    def reserve(self, model: str) -> float | None:
        """Set aside what one more request may cost; None where the budget does not allow it.

        The first requests of a model cannot be foreseen: only a request whose like has been seen
        is held back before the limit is reached.
        """
        expected = self._dearest.get(model, 0.0)
        if self.limit_usd is not None:
            after = self.spent_usd + self._open + expected
            if after > self.limit_usd or self.spent_usd >= self.limit_usd:
                return None
        self._open += expected
        return expected

    def settle(self, reserved: float) -> None:
        """Give back what was set aside; the real cost has been charged."""
        self._open -= reserved
