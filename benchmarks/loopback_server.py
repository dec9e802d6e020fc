"""A CPU-cheap chat-completions server with a fixed latency, for measuring the harness alone.

It answers every request on /v1/chat/completions with one word after `--latency-ms`, counts what it
was asked (GET /stats) and can fail a share of the requests (`--fail-share`, answered with 429 and
Retry-After, by a counter, so equal runs see equal faults). One process, one event loop, no
parsing of bodies beyond the last user message.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re

import uvloop

_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
_ASKED = re.compile(rb'"content":"(?:[^"\\]|\\.)*?answer (\w+)')


class State:
    """What the server has seen."""

    def __init__(self, latency_s: float, fail_every: int) -> None:
        self.latency_s = latency_s
        self.fail_every = fail_every
        self.requests = 0
        self.answered = 0
        self.failed = 0


class ChatProtocol(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, one request at a time on a connection."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.buffer = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Answer each whole request in the buffer."""
        self.buffer += data
        while True:
            head_end = self.buffer.find(b"\r\n\r\n")
            if head_end < 0:
                return
            found = _LENGTH.search(self.buffer, 0, head_end)
            end = head_end + 4 + (int(found[1]) if found else 0)
            if len(self.buffer) < end:
                return
            head, body = self.buffer[:head_end], self.buffer[head_end + 4 : end]
            self.buffer = self.buffer[end:]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET"):
            state = self.state
            counts = {
                "requests": state.requests,
                "answered": state.answered,
                "failed": state.failed,
            }
            self._send(200, json.dumps(counts).encode())
            return
        self.state.requests += 1
        asked = _ASKED.findall(body)
        word = asked[-1] if asked else b"yes"
        asyncio.get_running_loop().call_later(self.state.latency_s, self._reply, word)

    def _reply(self, word: bytes) -> None:
        state = self.state
        if state.fail_every and state.requests % state.fail_every == 0:
            state.failed += 1
            self._send(429, b'{"error":{"message":"slow down"}}', b"retry-after-ms: 200\r\n")
            return
        state.answered += 1
        self._send(
            200,
            b'{"id":"chatcmpl-1","object":"chat.completion","model":"loopback","choices":[{"index":0,'
            b'"message":{"role":"assistant","content":"' + word + b'"},"finish_reason":"stop"}],'
            b'"usage":{"prompt_tokens":20,"completion_tokens":2,"total_tokens":22}}',
        )

    def _send(self, status: int, body: bytes, headers: bytes = b"") -> None:
        if self.transport is None or self.transport.is_closing():
            return
        self.transport.write(
            b"HTTP/1.1 %d OK\r\ncontent-type: application/json\r\n%scontent-length: %d\r\n\r\n%s"
            % (status, headers, len(body), body)
        )


async def serve(port: int, state: State) -> None:
    """Serve until cancelled; prints the port first."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: ChatProtocol(state), "127.0.0.1", port, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--fail-every", type=int, default=0, help="every n-th answer is a 429")
    options = parser.parse_args()
    uvloop.run(serve(options.port, State(options.latency_ms / 1000, options.fail_every)))


if __name__ == "__main__":
    main()
