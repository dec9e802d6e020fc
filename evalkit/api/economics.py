"""What is concluded about money: where self-hosting pays.

It does not know how it is shown.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datetime as dt

    from evalkit.analysis.economics.document import BreakevenRequest


def breakeven(
    request: BreakevenRequest, *, output: Path | None = None, today: dt.date | None = None
) -> dict[str, Any]:
    """Return what `evalkit breakeven --json` prints; see `BreakevenRequest`.

    Args:
        request: Which run and which business.
        output: A folder for the document, its Markdown and its charts.
        today: For the age of the defaults; by default the day it is.

    Raises:
        ConfigError: If the profile is wrong, or names what the run does not have.
        JournalError: If the folder is no run, or its journal is foreign, mixed or edited.
    """
    from evalkit.analysis.economics.document import breakeven_document
    from evalkit.report.breakeven_files import write_breakeven
    from evalkit.run.clock import SystemClock
    from evalkit.run.setup import time_of

    document = breakeven_document(request, today or time_of(SystemClock()).date())
    if output is not None:
        write_breakeven(document, output)
    return document
