"""Whether the user agrees to a plan before anything is sent; it does not know how one is shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from evalkit.core.errors import ConfigError
from evalkit.run.setup import Plan

Confirm = Callable[[Plan], Awaitable[bool] | bool]
"""Told of the plan, says whether it may be carried out."""


class Declined(ConfigError):
    """The user did not agree to the plan."""


async def agree(plan: Plan, confirm: Confirm | None) -> None:
    """Ask, where there is anybody to ask.

    Raises:
        Declined: If the answer is no.
    """
    if confirm is None:
        return
    agreed = confirm(plan)
    if not isinstance(agreed, bool):
        agreed = await agreed
    if not agreed:
        raise Declined("nothing was sent: the plan was declined")
