"""A file of recorded answers, indexed by where each line starts.

Every line is checked once; in memory stay two numbers a line, so a recording of any size can be
replayed. It does not know what an answer is worth.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Iterator, Mapping
from datetime import datetime
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from evalkit.core.errors import ConfigError

_USAGE = ("input", "output", "cache_read", "cache_write", "reasoning")
_TIMES = ("service_ms", "ttft_ms", "cost_usd")
_TEXTS = ("text", "model_returned", "finish_reason", "refusal", "reasoning", "request_id")
_OTHERS = ("sample_id", "model", "repeat", "suite", "tool_calls", "usage", "http_status", "error",
           "recorded_at", "structured_requested", "structured_honoured")  # fmt: skip
_KNOWN = frozenset((*_OTHERS, *_TIMES, *_TEXTS))
_CLOSE = 0.85  # the share of letters that a misspelled key has in common with the one meant
_SHOWN = 20


class Recording:
    """One recordings file.

    Attributes:
        sha256: Hash of its bytes.
        models: All model names in it, in the order of their first line.

    Raises:
        ConfigError: With file and line of each line that cannot be replayed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keys = array("Q")
        self._offsets = array("Q")
        models: dict[str, None] = {}
        digest = hashlib.sha256()
        problems: list[str] = []
        for offset, number, raw in self._lines():
            digest.update(raw)
            if not raw.strip():
                continue
            try:
                line = read_line(raw)
            except ConfigError as error:
                problems.append(f"{path}:{number}: {error}")
                if len(problems) >= _SHOWN:
                    break
                continue
            models.setdefault(line["model"])
            self._keys.append(_hash(key_of(line)))
            self._offsets.append(offset)
        if problems:
            raise ConfigError(problems)
        self.sha256 = digest.hexdigest()
        self.models = tuple(models)
        self._sort()

    def find(self, suite: str, sample_id: str, model: str, repeat: int) -> dict[str, Any] | None:
        """Return the line for one trial, None where there is none.

        A line that names the suite goes before one that names none.
        """
        for named in (suite, None):
            key = (named, sample_id, model, repeat)
            for offset in self._candidates(_hash(key)):
                line = self._read(offset)
                if key_of(line) == key:
                    return line
        return None

    def _lines(self) -> Iterator[tuple[int, int, bytes]]:
        offset = 0
        with self.path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                yield offset, number, raw
                offset += len(raw)

    def _sort(self) -> None:
        """Order the index by key and refuse a trial that is recorded twice."""
        import numpy as np

        keys = np.frombuffer(self._keys, dtype=np.uint64)
        order = np.argsort(keys, kind="stable")
        self._sorted = keys[order]
        self._where = np.frombuffer(self._offsets, dtype=np.uint64)[order]
        doubles = np.flatnonzero(self._sorted[1:] == self._sorted[:-1])
        problems = []
        for i in doubles[:_SHOWN]:
            first, second = (self._read(int(o)) for o in self._where[i : i + 2])
            if key_of(first) == key_of(second):
                problems.append(self._double(second, int(self._where[i + 1])))
        if problems:
            raise ConfigError(problems)

    def _double(self, line: Mapping[str, Any], offset: int) -> str:
        number = next(number for start, number, _ in self._lines() if start == offset)
        return (
            f"{self.path}:{number}: a trial is recorded twice, got sample {line['sample_id']!r}, "
            f"model {line['model']!r}, repeat {line['repeat']} again; allowed: one line for each"
        )

    def _candidates(self, key: int) -> list[int]:
        import numpy as np

        wanted = np.uint64(key)
        start = int(np.searchsorted(self._sorted, wanted, side="left"))
        end = int(np.searchsorted(self._sorted, wanted, side="right"))
        return [int(offset) for offset in self._where[start:end]]

    def _read(self, offset: int) -> dict[str, Any]:
        with self.path.open("rb") as file:
            file.seek(offset)
            return read_line(file.readline())


Key = tuple[str | None, str, str, int]


def open_recording(path: Path) -> Recording:
    """Return a recording, read once for all of its models.

    Raises:
        ConfigError: If the file is missing or a line cannot be replayed.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such file of recordings")
    status = path.stat()
    return _cached(path.resolve(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4)
def _cached(path: Path, size: int, changed: int) -> Recording:
    return Recording(path)


def key_of(line: Mapping[str, Any]) -> Key:
    """Return what a line answers: suite (None for any), sample, model, repeat."""
    return (line.get("suite"), line["sample_id"], line["model"], line["repeat"])


def read_line(raw: bytes) -> dict[str, Any]:
    """Return one line with its key filled in.

    Raises:
        ConfigError: If it is no recorded answer; says what is wrong, without file and line.
    """
    try:
        line = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"the line is not JSON: {error}") from None
    if not isinstance(line, dict):
        raise ConfigError(f"a line must be a JSON object, got {_shown(line)}")
    _check_names(line)
    sample_id = line.get("sample_id")
    if isinstance(sample_id, int) and not isinstance(sample_id, bool):
        line["sample_id"] = str(sample_id)
    line.setdefault("repeat", 1)
    _check_key(line)
    _check_answer(line)
    _check_figures(line)
    return line


def _check_names(line: Mapping[str, Any]) -> None:
    for name in line.keys() - _KNOWN:
        meant = _meant(name)
        if meant is not None and meant not in line:
            raise ConfigError(
                f"unknown key {_shown(name)}; did you mean {meant!r}? "
                "Other keys are ignored, one so near to a known key is not"
            )


@lru_cache(maxsize=1024)
def _meant(name: str) -> str | None:
    """Return the known key that a name misspells, None where it is a name of its own."""
    plain = name.casefold().replace("-", "_")
    near = get_close_matches(plain, sorted(_KNOWN), n=1, cutoff=_CLOSE)
    if not near or plain.startswith(f"{near[0]}_"):
        return None
    words = zip(plain.split("_"), near[0].split("_"), strict=False)
    return near[0] if all(set(a) & set(b) for a, b in words) else None  # recorded_by is no typo


def _check_key(line: Mapping[str, Any]) -> None:
    for name in ("sample_id", "model"):
        if not isinstance(line.get(name), str) or not line[name].strip():
            raise ConfigError(f"`{name}` must be a text, got {_shown(line.get(name))}")
    repeat = line["repeat"]
    if not isinstance(repeat, int) or isinstance(repeat, bool) or repeat < 1:
        raise ConfigError(f"`repeat` must be a whole number >= 1, got {_shown(repeat)}")
    if not isinstance(line.get("suite"), str | None):
        raise ConfigError(f"`suite` must be a text or absent, got {_shown(line['suite'])}")


def _check_answer(line: Mapping[str, Any]) -> None:
    status = line.get("http_status")
    if status is not None and (not isinstance(status, int) or not 100 <= status <= 599):
        raise ConfigError(f"`http_status` must be from 100 to 599, got {_shown(status)}")
    for name in _TEXTS:
        if not isinstance(line.get(name), str | None):
            raise ConfigError(f"`{name}` must be a text, got {_shown(line[name])}")
    calls = line.get("tool_calls")
    if calls is not None and (
        not isinstance(calls, list) or not all(_is_call(call) for call in calls)
    ):
        raise ConfigError(
            f"`tool_calls` must be a list of {{name, arguments}}, got {_shown(calls)}"
        )
    if has_failed(line):
        return
    if line.get("text") is None and calls is None and line.get("refusal") is None:
        raise ConfigError(
            f"it holds no answer, got {', '.join(sorted(line))}; allowed: `text`, `tool_calls`, "
            "`refusal` or `error`"
        )


def has_failed(line: Mapping[str, Any]) -> bool:
    """Return whether the recorded call brought no answer."""
    return bool(line.get("error")) or (line.get("http_status") or 0) >= 400


def function_of(call: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the part of a tool call that holds name and arguments, in either form."""
    function = call.get("function")
    return function if isinstance(function, dict) else call


def _is_call(call: object) -> bool:
    if not isinstance(call, dict):
        return False
    function = function_of(call)
    arguments = function.get("arguments")
    return isinstance(function.get("name"), str) and isinstance(arguments, str | dict | None)


def _check_figures(line: Mapping[str, Any]) -> None:
    for name in _TIMES:
        if not _is_amount(line.get(name), float):
            raise ConfigError(f"`{name}` must be a number >= 0, got {_shown(line[name])}")
    usage = line.get("usage")
    if usage is not None:
        _check_usage(usage)
    day = line.get("recorded_at")
    if day is None:
        return
    try:
        datetime.fromisoformat(day)
    except (TypeError, ValueError):
        raise ConfigError(f"`recorded_at` must be ISO 8601, got {_shown(day)}") from None


def _check_usage(usage: object) -> None:
    if not isinstance(usage, dict):
        raise ConfigError(f"`usage` must be an object, got {_shown(usage)}")
    for name, tokens in usage.items():
        if name not in _USAGE:
            raise ConfigError(f"`usage` has {name!r}; allowed: {', '.join(_USAGE)}")
        if not _is_amount(tokens, int):
            raise ConfigError(f"`usage.{name}` must be a whole number >= 0, got {_shown(tokens)}")
    read, total = usage.get("cache_read"), usage.get("input")
    if read is not None and total is not None and read > total:
        raise ConfigError(
            f"`usage.cache_read` is a part of `usage.input`, got {read} of {total}; "
            "allowed: at most `usage.input`"
        )


def _is_amount(value: object, kind: type) -> bool:
    if value is None:
        return True
    if isinstance(value, bool) or not isinstance(value, (int, kind)):
        return False
    return isinstance(value, (int, float)) and math.isfinite(value) and value >= 0


def _hash(key: Key) -> int:
    digest = hashlib.blake2b(msgspec.json.encode(key), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
