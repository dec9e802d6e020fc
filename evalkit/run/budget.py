"""What a run has cost so far, and when it must stop.

Every attempt is charged with its own price at its own time. Answers without a known price are
counted, not guessed: a budget cannot see them, and says so. It does not know what is asked.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

from evalkit.core.records import Attempt

PriceOf = Callable[[str, Attempt], Decimal | None]


class Budget:
    """Adds up attempts and stops a run that would go beyond its limit.

    Near the limit requests wait for each other, so that what is under way never costs more than
    is left; only the very first request of a model, whose cost nobody knows, goes on trust.

    Args:
        limit_usd: The most to spend, or None for no limit.
        price: Cost of one attempt of an arm, None where unpriced.
    """

    def __init__(self, limit_usd: float | None, price: PriceOf) -> None:
        self.limit_usd = limit_usd
        self.unpriced = 0
        self._limit = None if limit_usd is None else Decimal(repr(limit_usd))
        self._spent = Decimal(0)
        self._price = price
        self._dearest: dict[str, Decimal] = {}
        self._reserved = Decimal(0)
        self._open: Counter[str] = Counter()
        self._settled = asyncio.Event()

    @property
    def spent_usd(self) -> float:
        """What all attempts so far have cost."""
        return float(self._spent)

    def charge(self, model: str, attempt: Attempt) -> None:
        """Book one attempt; without an answer there is nothing that could be priced."""
        if attempt.cached or attempt.completion is None:
            return
        cost = self._price(model, attempt)
        if cost is None:
            self.unpriced += 1
        self._spent += cost or 0
        self._dearest[model] = max(self._dearest.get(model, Decimal(0)), cost or Decimal(0))

    async def reserve(self, model: str) -> Decimal | None:
        """Set aside what one more request may cost; None where the budget does not allow it.

        It is taken to cost as much as the model's dearest so far. Where that is not known, or
        does not fit while others are under way, this waits for them.
        """
        if self._limit is None:
            return Decimal(0)
        while self._spent < self._limit:
            expected = self._dearest.get(model)
            if expected is None:
                fits = not self._open[model]
            else:
                fits = self._spent + self._reserved + expected <= self._limit
            if fits:
                self._open[model] += 1
                self._reserved += expected or 0
                return expected or Decimal(0)
            if not self._open.total():
                return None
            await self._settled.wait()
        return None

    def settle(self, model: str, reserved: Decimal) -> None:
        """Give back what was set aside; the real cost has been charged."""
        if self._limit is None:
            return
        self._open[model] -= 1
        self._reserved -= reserved
        self._settled.set()
        self._settled = asyncio.Event()
