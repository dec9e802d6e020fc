"""A chat server on loopback that counts what it is asked and answers by a script with faults."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Call(NamedTuple):
    """One request as it was heard; `nth` counts the requests for this sample, from 1."""

    sample_id: str
    nth: int
    number: int
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def prompt(self) -> str:
        return self.body["messages"][-1]["content"]

    @property
    def model(self) -> str:
        return self.body["model"]


class Reply(NamedTuple):
    """What is sent back: a completion of `text`, or `raw` as it stands."""

    text: str = "yes"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    raw: bytes | None = None
    cut: bool = False
    usage: tuple[int, int] | None = (10, 5)
    finish_reason: str = "stop"
    wait_for: threading.Event | None = None
    drop: bool = False


Script = Callable[[Call], Reply]


def failing(status: int, message: str = "no", **headers: str) -> Reply:
    """An error in OpenAI's form, with headers like `retry_after=1`."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Reply(status=status, headers=named, raw=json.dumps({"error": message}).encode())


def always(text: str) -> Script:
    return lambda call: Reply(text)


class CountingServer:
    """Serves one script; every request is remembered, whatever was answered.

    Attributes:
        calls: Requests in the order in which they came.
        most_at_once: How many requests were under way at once, at most.
    """

    def __init__(self) -> None:
        self.script = always("yes")
        self.calls: list[Call] = []
        self.bytes_heard = 0
        self.most_at_once = 0
        self._active = 0
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                owner._serve(self)

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 128

            def handle_error(self, *_: object) -> None:
                """A client that was killed is expected here."""

        self._http = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def forget(self) -> None:
        """Count anew."""
        with self._lock:
            self.calls.clear()
            self._seen.clear()
            self.bytes_heard = self.most_at_once = 0

    @property
    def asked(self) -> Counter[str]:
        """How often each sample was asked."""
        with self._lock:
            return Counter(call.sample_id for call in self.calls)

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        raw = handler.rfile.read(int(handler.headers["Content-Length"]))
        call = self._note(json.loads(raw), dict(handler.headers.items()), len(raw))
        try:
            reply = self.script(call)
            if reply.wait_for is not None:
                reply.wait_for.wait(30)
        finally:
            with self._lock:
                self._active -= 1
        if reply.drop:
            handler.close_connection = True
            return
        self._send(handler, reply, _document(reply, call) if reply.raw is None else reply.raw)

    def _note(self, body: dict[str, Any], headers: dict[str, str], size: int) -> Call:
        sample_id = body["messages"][-1]["content"].partition("|")[0]
        with self._lock:
            self._seen[sample_id] += 1
            self._active += 1
            self.bytes_heard += size
            self.most_at_once = max(self.most_at_once, self._active)
            call = Call(sample_id, self._seen[sample_id], len(self.calls) + 1, body, headers)
            self.calls.append(call)
            return call

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, reply: Reply, body: bytes) -> None:
        handler.send_response(reply.status)
        handler.send_header("Content-Type", "application/json")
        for name, value in reply.headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: len(body) // 2] if reply.cut else body)
        if reply.cut:
            handler.close_connection = True


def _document(reply: Reply, call: Call) -> bytes:
    message = {"role": "assistant", "content": reply.text}
    document: dict[str, Any] = {
        "id": f"call-{call.number}",
        "model": f"{call.model}-2026-11-01",
        "choices": [{"index": 0, "message": message, "finish_reason": reply.finish_reason}],
    }
    if reply.usage is not None:
        prompt, completion = reply.usage
        document["usage"] = {"prompt_tokens": prompt, "completion_tokens": completion}
    return json.dumps(document).encode()
