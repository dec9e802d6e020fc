"""Answers kept for the next run: one file per request fingerprint.

Only completions are kept, never failures; the key holds the whole request with its repeat, the
address that it went to and which answer of a trial it was. A cached answer keeps its own latency
and is left out of latency and cost. It does not know when an answer is stale: the user does.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from evalkit.core.records import Completion, fingerprint


class AnswerCache:
    """A folder of stored completions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._decoder = msgspec.json.Decoder(Completion)

    def get(self, request: str, address: str | None, answer: int) -> Completion | None:
        """Return a stored completion, or None; an unreadable file counts as none."""
        path = self._path(request, address, answer)
        try:
            return self._decoder.decode(path.read_bytes())
        except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def put(self, request: str, address: str | None, answer: int, completion: Completion) -> None:
        """Store a completion; readers see all of it or nothing."""
        path = self._path(request, address, answer)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        draft.write_bytes(msgspec.json.encode(completion))
        draft.replace(path)

    def _path(self, request: str, address: str | None, answer: int) -> Path:
        name = fingerprint([request, address, answer])
        return self.folder / name[:2] / f"{name}.json"
