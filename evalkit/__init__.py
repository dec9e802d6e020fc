"""evalkit: can an open-weight model replace or join a commercial API, on your own tasks?

The names below are the public face, imported on first use, so `import evalkit` is quick;
`evalkit.api.run` runs suites.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from evalkit.core.version import VERSION

__version__ = VERSION

if TYPE_CHECKING:
    from evalkit.api import (
        Result,
        check,
        export_replay,
        load_suite,
        merge,
        open_run,
        regrade,
        resume,
        show,
        summarise,
        write_tables,
    )
    from evalkit.core.errors import ConfigError, EvalkitError, JournalError, ProviderError
    from evalkit.run.plan import Selection
    from evalkit.run.setup import RunOptions

_HOMES = {
    "ConfigError": "evalkit.core.errors",
    "EvalkitError": "evalkit.core.errors",
    "JournalError": "evalkit.core.errors",
    "ProviderError": "evalkit.core.errors",
    "Result": "evalkit.api",
    "RunOptions": "evalkit.run.setup",
    "Selection": "evalkit.run.plan",
    "check": "evalkit.api",
    "export_replay": "evalkit.api",
    "load_suite": "evalkit.api",
    "merge": "evalkit.api",
    "open_run": "evalkit.api",
    "regrade": "evalkit.api",
    "resume": "evalkit.api",
    "show": "evalkit.api",
    "summarise": "evalkit.api",
    "write_tables": "evalkit.api",
}

__all__ = [
    "ConfigError",
    "EvalkitError",
    "JournalError",
    "ProviderError",
    "Result",
    "RunOptions",
    "Selection",
    "check",
    "export_replay",
    "load_suite",
    "merge",
    "open_run",
    "regrade",
    "resume",
    "show",
    "summarise",
    "write_tables",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'evalkit' has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)
