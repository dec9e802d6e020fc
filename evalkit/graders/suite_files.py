"""Files that a grader's options name: inside the suite's folder, nowhere else.

This module does not know what is in them.
"""

from __future__ import annotations

from pathlib import Path

from evalkit.core.errors import ConfigError
from evalkit.core.ports import GraderContext


def suite_file(context: GraderContext, name: str, where: str) -> Path:
    """Return the path of a file of the suite.

    Raises:
        ConfigError: If it lies outside the suite's folder or is not there.
    """
    folder = context.suite_folder.resolve()
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise ConfigError(f"{where}: {name!r} is outside the suite's folder; allowed: files in it")
    if not path.is_file():
        raise ConfigError(f"{where}: no file {name!r} in the suite's folder {context.suite_folder}")
    return path
