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
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, TypeVar

import msgspec

from evalkit.core.errors import JournalError
from evalkit.core.records import (
    Attempt,
    Cause,
    Completion,
    FinishReason,
    Mode,
    Score,
    Status,
    ToolCall,
    Trial,
    Usage,
    without_lone_surrogates,
)

NAME = "journal.jsonl"
_CHAIN_BYTES = 16
_SUFFIX = len(b',"chain":""}') + _CHAIN_BYTES
_START = b"evalkit journal 1"


class TrialKey(NamedTuple):
    """What identifies a trial inside a run."""

    suite: str
    sample_id: str
    arm: str
    repeat: int


class AttemptLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An `attempt` event: one try as it stands in the journal, flat."""

    event: Literal["attempt"]
    run_id: str
    suite: str
    sample_id: str
    arm: str
    repeat: int
    number: int
    cause: Cause
    outcome: str
    http_status: int | None
    model_returned: str | None
    system_fingerprint: str | None
    finish_reason: FinishReason | None
    usage: Usage | None
    cached: bool
    scheduled_at: str | None
    queue_ms: float
    rate_wait_ms: float
    ttft_ms: float | None
    service_ms: float | None
    backoff_ms: float
    request_id: str | None
    params: dict[str, Any]
    text: str | None
    tool_calls: tuple[ToolCall, ...]
    role: Literal["model", "judge"] = "model"
    model: str = ""
    request_fingerprint: str = ""
    sent_at: str | None = None
    finish_reason_raw: str | None = None
    service_tier: str | None = None
    mode_sent: Mode | None = None
    reasoning: str | None = None
    refusal: str | None = None
    quota: dict[str, str] = {}
    recorded: bool = False
    recorded_at: str | None = None
    cost_usd: float | None = None
    error: str | None = None
    body: str | None = None
    loop_lag_ms: float | None = None


class TrialLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A `trial` event: what became of one sample × arm × repeat. The last one of a key counts."""

    event: Literal["trial"]
    run_id: str
    suite: str
    sample_id: str
    arm: str
    repeat: int
    status: Status
    output_rung: str | None
    scores: tuple[Score, ...]
    model: str
    finished_at: str | None
    structured_requested: Mode | None
    structured_honoured: Mode | None
    first_rung: str | None = None
    refused_by: str | None = None
    cluster: str | None = None
    slices: dict[str, str] = {}
    critical: bool = False
    parsed: Any = None
    reason: str | None = None
    recorded: bool = False
    request_fingerprint: str = ""
    completion_hash: str | None = None
    grading_fingerprint: str = ""
    regraded: bool = False


class _KeyLine(msgspec.Struct, frozen=True):
    """The part of a line that says where it belongs."""

    event: str
    run_id: str
    suite: str
    sample_id: str
    arm: str
    repeat: int


_Line = TypeVar("_Line", Attempt, TrialLine)
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

    Raises:
        JournalError: If another process is writing to it, or has written since it was checked;
            later, if a line cannot be written (a full disk): it is then left out as a whole.
    """

    def __init__(self, folder: Path, run_id: str, tail: Tail | None = None) -> None:
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

    def attempt(self, key: TrialKey, attempt: Attempt) -> Attempt:
        """Append one attempt; return it as it now stands in the file (lone surrogates replaced)."""
        try:
            payload = _encoder.encode(attempt_line(self.run_id, key, attempt))
        except UnicodeEncodeError:
            attempt = _storable(attempt)
            payload = _encoder.encode(attempt_line(self.run_id, key, attempt))
        self._append(payload)
        return attempt

    def trial(self, line: TrialLine) -> None:
        """Append one trial."""
        try:
            payload = _encoder.encode(line)
        except UnicodeEncodeError:
            payload = _encoder.encode(_storable(line))
        self._append(payload)

    def sync(self) -> None:
        """Force what was appended to the disk."""
        os.fsync(self._fd)

    def close(self) -> str:
        """Sync, close and return the SHA-256 of the whole file."""
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
        line = payload[:-1] + b',"chain":"' + chain + b'"}\n'
        try:
            written = os.write(self._fd, line)
            while written < len(line):
                written += os.write(self._fd, line[written:])
        except OSError as error:
            os.ftruncate(self._fd, self._size)  # what was written of the line would tear the next
            raise JournalError(f"{self.path}: cannot be written: {error.strerror}") from None
        self._size += len(line)
        self._chain = chain
        self._hash.update(line)


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
    path = folder / NAME
    chain, size, lines = _START, 0, 0
    digest = hashlib.sha256()
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
            if _keys.decode(raw).run_id != run_id:
                raise JournalError(
                    f"{path}:{lines + 1}: this line is of another run than {run_id!r}"
                )
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


def attempt_line(run_id: str, key: TrialKey, attempt: Attempt) -> AttemptLine:
    """Return an attempt as its journal line."""
    done = attempt.completion or _NOTHING
    return AttemptLine(
        event="attempt",
        run_id=run_id,
        suite=key.suite,
        sample_id=key.sample_id,
        arm=key.arm,
        repeat=key.repeat,
        number=attempt.number,
        cause=attempt.cause,
        outcome=attempt.outcome,
        http_status=attempt.http_status,
        model_returned=done.model_returned,
        system_fingerprint=done.system_fingerprint,
        finish_reason=done.finish_reason,
        usage=done.usage,
        cached=attempt.cached,
        scheduled_at=attempt.scheduled_at,
        queue_ms=attempt.queue_ms,
        rate_wait_ms=attempt.rate_wait_ms,
        ttft_ms=done.ttft_ms,
        service_ms=attempt.service_ms,
        backoff_ms=attempt.backoff_ms,
        request_id=attempt.request_id,
        params=attempt.params_sent,
        text=None if attempt.completion is None else done.text,
        tool_calls=done.tool_calls,
        role=attempt.role,
        model=attempt.model,
        request_fingerprint=attempt.request_fingerprint,
        sent_at=attempt.sent_at,
        finish_reason_raw=done.finish_reason_raw,
        service_tier=done.service_tier,
        mode_sent=done.mode_sent,
        reasoning=done.reasoning,
        refusal=done.refusal,
        quota=done.quota,
        recorded=attempt.recorded or done.recorded,
        recorded_at=done.recorded_at,
        cost_usd=done.cost_usd,
        error=attempt.error,
        body=attempt.body,
        loop_lag_ms=attempt.loop_lag_ms,
    )


def attempt_of(line: AttemptLine) -> Attempt:
    """Return a journal line as the attempt it came from."""
    return Attempt(
        number=line.number,
        cause=line.cause,
        outcome=line.outcome,
        role=line.role,
        model=line.model,
        request_fingerprint=line.request_fingerprint,
        scheduled_at=line.scheduled_at,
        sent_at=line.sent_at,
        queue_ms=line.queue_ms,
        rate_wait_ms=line.rate_wait_ms,
        backoff_ms=line.backoff_ms,
        cached=line.cached,
        completion=None if line.text is None else _completion(line),
        error=line.error,
        http_status=line.http_status,
        request_id=line.request_id,
        service_ms=line.service_ms,
        body=line.body,
        params_sent=line.params,
        recorded=line.recorded,
        loop_lag_ms=line.loop_lag_ms,
    )


def trial_of(line: TrialLine, attempts: tuple[Attempt, ...]) -> Trial:
    """Return a trial's line with its attempts as the record that analysis reads."""
    answered = [a for a in attempts if a.completion is not None and a.role == "model"]
    return Trial(
        run_id=line.run_id,
        suite=line.suite,
        sample_id=line.sample_id,
        arm=line.arm,
        model=line.model,
        repeat=line.repeat,
        status=line.status,
        output_rung=line.output_rung,
        first_rung=line.first_rung,
        refused_by=line.refused_by,
        cluster=line.cluster,
        slices=line.slices,
        critical=line.critical,
        structured_requested=line.structured_requested,
        structured_honoured=line.structured_honoured,
        text=answered[-1].text if answered else None,
        parsed=line.parsed,
        scores=line.scores,
        reason=line.reason,
        recorded=line.recorded,
        request_fingerprint=line.request_fingerprint,
        completion_hash=line.completion_hash,
        grading_fingerprint=line.grading_fingerprint,
        finished_at=line.finished_at,
        attempts=attempts,
    )


class Index:
    """Where each trial's lines stand in a journal; holds numbers, not texts.

    Groups come in the order in which their first line was written.
    """

    def __init__(self, path: Path) -> None:
        import numpy as np  # 0.1 s: only where a journal is read back

        keys, offsets, kinds = array("Q"), array("Q"), array("b")
        offset = 0
        with path.open("rb") as file:
            for raw in file:
                if raw.endswith(b"\n"):
                    line = _keys.decode(raw)
                    keys.append(key_hash(line.suite, line.sample_id, line.arm, line.repeat))
                    offsets.append(offset)
                    kinds.append(line.event == "trial")
                offset += len(raw)
        self.path = path
        all_keys = np.frombuffer(keys, dtype=np.uint64) if keys else np.zeros(0, np.uint64)
        self._offsets = np.frombuffer(offsets, dtype=np.uint64) if keys else np.zeros(0, np.uint64)
        self._kinds = np.frombuffer(kinds, dtype=np.int8) if keys else np.zeros(0, np.int8)
        self._order = np.argsort(all_keys, kind="stable")
        ordered = all_keys[self._order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if keys else self._order
        ends = np.r_[starts[1:], len(ordered)] if keys else starts
        first = self._order[starts] if keys else starts
        by_time = np.argsort(first, kind="stable")
        self._starts, self._ends = starts[by_time], ends[by_time]

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

    def _read(self, file: IO[bytes], group: int) -> tuple[list[AttemptLine], TrialLine | None]:
        attempts: list[AttemptLine] = []
        trial: bytes | None = None
        for number in self._order[self._starts[group] : self._ends[group]]:
            file.seek(int(self._offsets[number]))
            if self._kinds[number]:
                trial = file.readline()
            else:
                attempts.append(_attempts.decode(file.readline()))
        return attempts, None if trial is None else _trials.decode(trial)


def key_hash(suite: str, sample_id: str, arm: str, repeat: int) -> int:
    """Return 64 bits that stand for a trial's key."""
    text = f"{suite}\0{sample_id}\0{arm}\0{repeat}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def _next(chain: bytes, payload: bytes) -> bytes:
    return hashlib.blake2b(chain + payload, digest_size=_CHAIN_BYTES // 2).hexdigest().encode()


def _checked(raw: bytes, chain: bytes, path: Path, number: int) -> bytes:
    """Return a line's chain value after making sure that it follows from the lines before."""
    line = raw[:-1]
    payload = line[:-_SUFFIX] + b"}"
    expected = _next(chain, payload)
    if line[-_SUFFIX:] != b',"chain":"' + expected + b'"}':
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
    for event in ("attempt", "trial"):
        head = _encoder.encode({"event": event, "run_id": run_id})[:-1] + b","
        if text.startswith(head) or head.startswith(text):
            return
    raise JournalError(f"{where}: this torn line is no event of run {run_id!r}: a foreign file")


def _storable(record: _Line) -> _Line:
    """Return a record whose texts can be written as UTF-8."""
    return msgspec.convert(_sound(msgspec.to_builtins(record)), type(record))


def _sound(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return without_lone_surrogates(value)
    if isinstance(value, dict):
        return {_sound(key): _sound(item) for key, item in value.items()}
    return [_sound(item) for item in value] if isinstance(value, list | tuple) else value


def _completion(line: AttemptLine) -> Completion:
    return Completion(
        text=line.text or "",
        tool_calls=line.tool_calls,
        reasoning=line.reasoning,
        refusal=line.refusal,
        finish_reason=line.finish_reason,
        finish_reason_raw=line.finish_reason_raw,
        usage=line.usage,
        model_returned=line.model_returned,
        system_fingerprint=line.system_fingerprint,
        service_tier=line.service_tier,
        request_id=line.request_id,
        http_status=line.http_status,
        ttft_ms=line.ttft_ms,
        service_ms=line.service_ms,
        mode_sent=line.mode_sent,
        params_sent=line.params,
        quota=line.quota,
        recorded=line.recorded,
        recorded_at=line.recorded_at,
        cost_usd=line.cost_usd,
    )


_NOTHING = Completion()
