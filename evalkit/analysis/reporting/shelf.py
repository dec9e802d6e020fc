"""A folder of runs as an index needs it: what each run was, and its figures as it wrote them.

Journals are not read. It does not know how the index looks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.core.errors import ConfigError, JournalError
from evalkit.run.folder import MANIFEST, read_manifest, state_of

SUMMARY = "summary.json"


@dataclass(frozen=True, slots=True)
class ShelvedRun:
    """One run of a folder.

    Attributes:
        folder: Where it lies.
        run_id: Its id.
        state: Its state as it is now; empty where it cannot be read.
        started_at: ISO 8601, UTC.
        suites: Names of its suites.
        arms: Names of its arms.
        spent_usd: What it cost, None where nothing is known.
        rows: Rows of its summary.json; none where it has not been written, or is of another run.
        problem: Why it cannot be read, None where it can.
    """

    folder: Path
    run_id: str
    state: str
    started_at: str
    suites: tuple[str, ...]
    arms: tuple[str, ...]
    spent_usd: float | None
    rows: tuple[Mapping[str, Any], ...]
    problem: str | None = None


def shelved_runs(folder: Path) -> list[ShelvedRun]:
    """Return the runs of a folder, the newest first; one that cannot be read says why.

    Raises:
        ConfigError: If there is no such folder.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder of results")
    runs = [_shelved(place) for place in folder.iterdir() if (place / MANIFEST).is_file()]
    return sorted(runs, key=lambda run: (run.started_at, run.run_id), reverse=True)


def _shelved(place: Path) -> ShelvedRun:
    try:
        manifest = read_manifest(place)
    except JournalError as error:
        return ShelvedRun(place, place.name, "", "", (), (), None, (), str(error))
    return ShelvedRun(
        folder=place,
        run_id=str(manifest["run_id"]),
        state=state_of(place, manifest)[0],
        started_at=str(manifest["started_at"]),
        suites=tuple(str(suite["name"]) for suite in manifest["suites"]),
        arms=tuple(dict.fromkeys(str(arm["arm"]) for arm in manifest["arms"])),
        spent_usd=manifest.get("spent_usd"),
        rows=_rows(place / SUMMARY, str(manifest["run_id"])),
    )


def _rows(path: Path, run_id: str) -> tuple[Mapping[str, Any], ...]:
    """Return the rows of a summary; none where it is missing, broken or of another run."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return ()
    if not isinstance(document, dict) or document.get("run_id") != run_id:
        return ()
    rows = document.get("rows")
    kept = [row for row in rows if _is_row(row)] if isinstance(rows, list) else []
    return tuple(kept)


def _is_row(row: Any) -> bool:
    names = ("suite", "arm", "model")
    return isinstance(row, dict) and all(isinstance(row.get(name), str) for name in names)
