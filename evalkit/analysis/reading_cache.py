"""Columns of large runs kept in the user's cache folder, so that a journal is read once.

They are kept by what they were made of: the journal's hash (the file is hashed again each time),
run.json, the prices, this code. Nothing is lost with them. It does not read journals.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from evalkit.analysis.runs import price_identity
from evalkit.core.records import fingerprint
from evalkit.core.version import VERSION
from evalkit.providers.weights import home
from evalkit.run.folder import Run
from evalkit.run.journal import NAME

_FOLDER = "columns"
_MOST_BYTES = 2_000_000_000
_NO_PLACE = (OSError, RuntimeError)  # RuntimeError: the user has no home folder
_BROKEN = (*_NO_PLACE, EOFError, ValueError, pickle.UnpicklingError, AttributeError, ImportError)


def key_of(run: Run, providers: Path | None) -> str | None:
    """Return what a run's columns are kept by; None for a run that is open or was changed.

    Args:
        run: The run.
        providers: Another providers file to take prices from.
    """
    closed = run.manifest.get("journal_sha256")
    if closed is None:
        return None
    try:
        with (run.folder / NAME).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
    if found != closed:
        return None
    facts = [run.manifest[name] for name in ("run_id", "started_at", "suites", "arms")]
    return fingerprint([VERSION, _code(), closed, facts, price_identity(run.manifest, providers)])


def load(key: str) -> Any | None:
    """Return what was kept by a key, None where nothing can be read."""
    try:
        path = _path(key)
        if not _is_private(path.parent):
            return None
        with path.open("rb") as file:
            found = pickle.load(file)  # noqa: S301 - in a folder that only this user writes
        path.touch()
    except _BROKEN:
        return None
    return found


def store(key: str, value: Any) -> None:
    """Keep something; where there is no room for it, it is not kept."""
    with contextlib.suppress(*_NO_PLACE):
        path = _path(key)
        draft = path.with_suffix(f".{os.getpid()}")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_private(path.parent):
            return
        try:
            with draft.open("wb") as file:
                pickle.dump(value, file, protocol=pickle.HIGHEST_PROTOCOL)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        _prune(path.parent)


def _path(key: str) -> Path:
    return home() / _FOLDER / f"{key}.pickle"


def _is_private(folder: Path) -> bool:
    """Say whether nobody else can put a file there: what is read back is run as code."""
    facts = folder.stat()
    return facts.st_uid == os.getuid() and not facts.st_mode & 0o022


def _prune(folder: Path) -> None:
    """Give up what was not used for longest."""
    left = _MOST_BYTES
    for path in _newest_first(folder):
        left -= path.stat().st_size
        if left < 0:
            path.unlink()


def _newest_first(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("*.pickle"), key=lambda p: p.stat().st_mtime, reverse=True)


@cache
def _code() -> str:
    """Return what stands for the code that makes columns."""
    package = Path(__file__).parent.parent
    files = sorted(package.rglob("*.py"))
    return fingerprint(
        [[str(p.relative_to(package)), p.stat().st_size, p.stat().st_mtime_ns] for p in files]
    )
