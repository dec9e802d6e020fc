"""Server-sent events: bytes in, at any boundaries, whole events out.

It knows the event-stream format and nothing of who sends it or what the data mean.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

from typing import NamedTuple

_BOM = b"\xef\xbb\xbf"


class SseEvent(NamedTuple):
    """One event: its name (`message` where the stream names none) and its data lines joined."""

    name: str
    data: bytes


class SseParser:
    r"""Collects bytes until events are whole.

    >>> parser = SseParser()
    >>> parser.feed(b"data: {}")
    []
    >>> parser.feed(b"\r\n\r\n")
    [SseEvent(name='message', data=b'{}')]
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._name = b""
        self._data: list[bytes] = []
        self._at_start = True

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """Take some bytes and return the events that they complete."""
        if b"\n" not in chunk and b"\r" not in chunk and not self._ends_with_cr():
            self._pieces.append(chunk)
            return []
        events: list[SseEvent] = []
        for line in self._whole_lines(chunk):
            self._take(line, events)
        return events

    def flush(self) -> list[SseEvent]:
        """Return the event that the end of the stream left without its blank line, if any."""
        events: list[SseEvent] = []
        self._take(b"".join(self._pieces).rstrip(b"\r"), events)
        self._take(b"", events)
        self._pieces = []
        return events

    def _ends_with_cr(self) -> bool:
        return bool(self._pieces) and self._pieces[-1].endswith(b"\r")

    def _whole_lines(self, chunk: bytes) -> list[bytes]:
        text = b"".join((*self._pieces, chunk))
        if self._at_start and len(text) >= len(_BOM):
            text = text.removeprefix(_BOM)
            self._at_start = False
        lines = text.splitlines(keepends=True)
        # A lone CR at the end may be the first half of CRLF: wait for the next byte.
        self._pieces = [lines.pop()] if lines and not lines[-1].endswith(b"\n") else []
        return [line.rstrip(b"\r\n") for line in lines]

    def _take(self, line: bytes, events: list[SseEvent]) -> None:
        if not line:
            if self._data:
                name = self._name.decode("utf-8", "replace") or "message"
                events.append(SseEvent(name, b"\n".join(self._data)))
            self._name, self._data = b"", []
            return
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
        elif field == b"event":
            self._name = value.removeprefix(b" ")
