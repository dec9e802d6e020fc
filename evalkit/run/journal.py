"""The journal: an append-only file of attempts and trials, the one source of truth of a run.

Each line is one JSON object ending in `"chain"`, the hash of all lines up to and including it, so
that a torn last line is told from an edited, foreign or mixed file. A line is written to the
operating system before anything parses what it holds (a killed process loses nothing) and synced
to disk about once a second. It does not know what a score means.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec

from evalkit.core.errors import JournalError
from evalkit.core.records import Attempt
from evalkit.run.events import (
    AttemptLine,
    TrialKey,
    TrialLine,
    attempt_line,
    key_hash,
    storable,
)

NAME = "journal.jsonl"
_CHAIN_BYTES = 16
_SUFFIX = len(b',"chain":""}') + _CHAIN_BYTES
_START = b"evalkit journal 1"


class _KeyLine(msgspec.Struct, frozen=True):
    """The part of a line that says where it belongs."""

    event: str
    run_id: str
    suite: str
    sample_id: str
    arm: str
    repeat: int


_encoder = msgspec.json.Encoder()
_keys = msgspec.json.Decoder(_KeyLine)
_attempts = msgspec.json.Decoder(AttemptLine)
_trials = msgspec.json.Decoder(TrialLine)


class Journal:
    """Appends events to one run's journal.

    Args:
        folder: The run's folder.
        run_id: Every line names it.
        tail: Where an existing journal is gone on with, as `check` returned it.
        hold_bytes: Write only when so many bytes have come together: for events that can be made
            again at no cost. By default each is written at once.

    Raises:
        JournalError: If another process is writing to it, or has written since it was checked;
            later, if a line cannot be written (a full disk): it is then left out as a whole.
    """

    def __init__(
        self, folder: Path, run_id: str, tail: Tail | None = None, *, hold_bytes: int = 0
    ) -> None:
        self.path = folder / NAME
        self.run_id = run_id
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | (0 if tail else os.O_EXCL)
        self._fd = os.open(self.path, flags, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._fd)
            raise JournalError(f"{self.path}: another process is writing to this run") from None
        if tail is not None:
            self._go_on_from(tail)
        self._chain = tail.chain if tail else _START
        self._size = tail.size if tail else 0
        self._hash = tail.digest if tail else hashlib.sha256()
        self._held = bytearray()
        self._hold_bytes = hold_bytes

    def attempt(self, key: TrialKey, attempt: Attempt) -> Attempt:
        """Append one attempt; return it as it now stands in the file (lone surrogates replaced)."""
        try:
            payload = _encoder.encode(attempt_line(self.run_id, key, attempt))
        except UnicodeEncodeError:
            attempt = storable(attempt)
            payload = _encoder.encode(attempt_line(self.run_id, key, attempt))
        self._append(payload)
        return attempt

    def trial(self, line: TrialLine) -> None:
        """Append one trial."""
        try:
            payload = _encoder.encode(line)
        except UnicodeEncodeError:
            payload = _encoder.encode(storable(line))
        self._append(payload)

    def sync(self) -> None:
        """Force what was written to the disk; another thread may append meanwhile."""
        os.fsync(self._fd)

    def close(self) -> str:
        """Sync, close and return the SHA-256 of the whole file."""
        self._write()
        self.sync()
        os.close(self._fd)
        return self._hash.hexdigest()

    def _go_on_from(self, tail: Tail) -> None:
        """Cut off a torn last line; what was checked must still be what is there."""
        if os.fstat(self._fd).st_size != tail.size + tail.torn_bytes:
            os.close(self._fd)
            raise JournalError(
                f"{self.path}: another process wrote to this run while it was read; try again"
            )
        if tail.torn_bytes:
            os.ftruncate(self._fd, tail.size)

    def _append(self, payload: bytes) -> None:
        chain = _next(self._chain, payload)
        self._held += payload[:-1] + b',"chain":"' + chain + b'"}\n'
        if len(self._held) > self._hold_bytes:
            self._write()
        self._chain = chain

    def _write(self) -> None:
        """Write what is held: all of it, or nothing."""
        lines = bytes(self._held)
        self._held.clear()
        try:
            written = 0
            while written < len(lines):
                written += os.write(self._fd, lines[written:])
        except OSError as error:
            os.ftruncate(self._fd, self._size)  # what was written of a line would tear the next
            raise JournalError(f"{self.path}: cannot be written: {error.strerror}") from None
        self._size += len(lines)
        self._hash.update(lines)


class Tail(NamedTuple):
    """The state of a checked journal: where writing may go on.

    Attributes:
        size: Bytes up to the last whole line.
        torn_bytes: Bytes of a torn last line, to be cut off.
        lines: How many whole lines there are.
        chain: The last line's chain value.
        digest: A running SHA-256 over the whole lines.
    """

    size: int
    torn_bytes: int
    lines: int
    chain: bytes
    digest: Any


def check(folder: Path, run_id: str, sha256: str | None = None) -> Tail:
    """Read a journal from end to end and make sure that it is whole and this run's own.

    Args:
        folder: The run's folder.
        run_id: The id that each line must name.
        sha256: The hash with which run.json was closed, or None for a run that did not end.

    Raises:
        JournalError: If it is missing, foreign, mixed or edited; with the line's number.
    """
    return _scan(folder / NAME, run_id, sha256, None)


def checked_index(folder: Path, run_id: str, sha256: str | None = None) -> Index:
    """Check a journal as `check` does, and index it in the same pass.

    Raises:
        JournalError: As `check`.
    """
    lines = Lines()
    _scan(folder / NAME, run_id, sha256, lines)
    return Index(folder / NAME, lines)


def lines_of(
    path: Path,
    only: Callable[[str, str, str], bool] | None = None,
    *,
    arms: Collection[str] | None = None,
) -> Lines:
    """Return the lines of a journal that is known to be whole.

    Args:
        path: The journal.
        only: Takes suite, sample id and arm; lines for which it is false are left out.
        arms: Only lines of these arms: others are passed over without being decoded.
    """
    found, offset = Lines(), 0
    marks = tuple(_encoder.encode({"arm": arm})[1:-1] for arm in arms or ())
    with path.open("rb") as file:
        for raw in file:
            wanted = arms is None or raw.startswith(marks, raw.find(b'"arm":'))
            if wanted and raw.endswith(b"\n"):
                line = _key_line(raw)
                if only is None or only(line.suite, line.sample_id, line.arm):
                    found.add(line, offset)
            offset += len(raw)
    return found


class Lines:
    """Where lines stand and which trial they belong to: 17 bytes a line."""

    def __init__(self) -> None:
        self.keys, self.offsets, self.kinds = array("Q"), array("Q"), array("b")

    def extend(self, other: Lines) -> None:
        """Take the lines of another part of the same journal; those of one trial in one part."""
        self.keys.extend(other.keys)
        self.offsets.extend(other.offsets)
        self.kinds.extend(other.kinds)

    def add(self, line: _KeyLine, offset: int) -> None:
        """Take one line."""
        self.keys.append(key_hash(line.suite, line.sample_id, line.arm, line.repeat))
        self.offsets.append(offset)
        self.kinds.append(line.event == "trial")


def _scan(path: Path, run_id: str, sha256: str | None, found: Lines | None) -> Tail:
    chain, size, lines = _START, 0, 0
    digest = hashlib.sha256()
    own = tuple(_head(event, run_id) for event in ("attempt", "trial"))
    try:
        file = path.open("rb")
    except OSError as error:
        raise JournalError(f"{path}: cannot be read: {error.strerror}") from None
    with file:
        for raw in file:
            if not raw.endswith(b"\n"):
                _refuse_foreign(raw, run_id, f"{path}:{lines + 1}")
                break
            chain = _checked(raw, chain, path, lines + 1)
            if found is not None or not raw.startswith(own):
                line = _key_line(raw)
                if line.run_id != run_id:
                    raise JournalError(
                        f"{path}:{lines + 1}: this line is of another run than {run_id!r}"
                    )
                if found is not None:
                    found.add(line, size)
            digest.update(raw)
            size += len(raw)
            lines += 1
    torn = path.stat().st_size - size
    if sha256 is not None and (torn or digest.hexdigest() != sha256):
        raise JournalError(
            f"{path}:{lines}: the content up to here is not what run.json was closed with: "
            "the file was edited or cut"
        )
    return Tail(size, torn, lines, chain, digest)


class Index:
    """Where each trial's lines stand in a journal; holds numbers, not texts.

    Groups come in the order in which their first line was written.

    Args:
        path: The journal.
        lines: Its lines, as far as they matter; by default all are read.
    """

    def __init__(self, path: Path, lines: Lines | None = None) -> None:
        import numpy as np  # 0.1 s: only where a journal is read back

        lines = lines_of(path) if lines is None else lines
        self.path = path
        self._offsets, self._kinds = lines.offsets, lines.kinds
        self._keys = keys = lines.keys
        all_keys = np.frombuffer(keys, dtype=np.uint64) if keys else np.zeros(0, np.uint64)
        order = np.argsort(all_keys, kind="stable").astype(np.uint32)
        ordered = all_keys[order]
        new = np.ones(len(order), dtype=bool)
        np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
        starts = np.flatnonzero(new).astype(np.uint32)
        sizes = np.diff(starts, append=np.uint32(len(order)))
        by_time = np.argsort(order[starts], kind="stable")
        self._order, self._starts, self._sizes = order, starts[by_time], sizes[by_time]
        self._by_hash: dict[int, int] | None = None

    def __len__(self) -> int:
        return len(self._starts)

    def groups(self) -> Iterator[tuple[list[AttemptLine], TrialLine | None]]:
        """Iterate over keys: all attempts in order, and the last trial event if there is one."""
        with self.path.open("rb") as file:
            for group in range(len(self)):
                yield self._read(file, group)

    def group(self, number: int) -> tuple[list[AttemptLine], TrialLine | None]:
        """Return one of the groups by its number."""
        with self.path.open("rb") as file:
            return self._read(file, number)

    def find(
        self, keys: Iterable[TrialKey]
    ) -> Iterator[tuple[list[AttemptLine], TrialLine | None]]:
        """Iterate over the groups of some keys; those that are not there are left out."""
        with self.path.open("rb") as file:
            for group in self._groups_of(keys):
                yield self._read(file, group)

    def located(
        self, keys: Iterable[TrialKey]
    ) -> Iterator[tuple[int, list[AttemptLine], TrialLine | None]]:
        """Iterate over the groups of some keys, each with the number of its last line.

        Lines are counted from 1; the number is that of the file where all its lines are indexed.
        """
        starts = array("Q", sorted(self._offsets))
        with self.path.open("rb") as file:
            for group in self._groups_of(keys):
                last = self._order[self._starts[group] + self._sizes[group] - 1]
                line = bisect_left(starts, self._offsets[int(last)]) + 1
                yield line, *self._read(file, group)

    def _groups_of(self, keys: Iterable[TrialKey]) -> Iterator[int]:
        if self._by_hash is None:
            hashes = [self._keys[i] for i in self._order[self._starts].tolist()]
            self._by_hash = {value: group for group, value in enumerate(hashes)}
        for key in keys:
            group = self._by_hash.get(key_hash(*key))
            if group is not None:
                yield group

    def _read(self, file: IO[bytes], group: int) -> tuple[list[AttemptLine], TrialLine | None]:
        attempts: list[AttemptLine] = []
        trial: bytes | None = None
        start = self._starts[group]
        for number in self._order[start : start + self._sizes[group]].tolist():
            file.seek(self._offsets[number])
            if self._kinds[number]:
                trial = file.readline()
            else:
                attempts.append(_attempts.decode(file.readline()))
        return attempts, None if trial is None else _trials.decode(trial)


def _key_line(raw: bytes) -> _KeyLine:
    """Decode the beginning of a line, where its keys stand, and not the texts behind them.

    Before `repeat` stand texts, in which no quote is bare: the first bare name is its own.
    """
    at = raw.find(b',"repeat":')
    end = raw.find(b",", at + 1)
    return _keys.decode(raw[:end] + b"}") if 0 < at < end else _keys.decode(raw)


def _next(chain: bytes, payload: bytes) -> bytes:
    return hashlib.blake2b(chain + payload, digest_size=_CHAIN_BYTES // 2).hexdigest().encode()


def _checked(raw: bytes, chain: bytes, path: Path, number: int) -> bytes:
    """Return a line's chain value after making sure that it follows from the lines before."""
    made = hashlib.blake2b(chain, digest_size=_CHAIN_BYTES // 2)
    made.update(memoryview(raw)[: -_SUFFIX - 1])
    made.update(b"}")
    expected = made.hexdigest().encode()
    if raw[-_SUFFIX - 1 : -1] != b',"chain":"' + expected + b'"}':
        raise JournalError(
            f"{path}:{number}: this line does not follow from the lines before it: the file was "
            "edited, mixed or cut in the middle"
        )
    return expected


def _refuse_foreign(torn: bytes, run_id: str, where: str) -> None:
    """Refuse a last line that cannot be the beginning of an event of this run.

    A file system may leave zero bytes where a write was lost.
    """
    text = torn.rstrip(b"\0")
    for head in (_head("attempt", run_id), _head("trial", run_id)):
        if text.startswith(head) or head.startswith(text):
            return
    raise JournalError(f"{where}: this torn line is no event of run {run_id!r}: a foreign file")


def _head(event: str, run_id: str) -> bytes:
    """Return how each line of an event begins."""
    return _encoder.encode({"event": event, "run_id": run_id})[:-1] + b","
