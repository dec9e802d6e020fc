"""The command line run in this process, in a folder of its own."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from evalkit.cli.main import main

RULES = """
schema_version: 1
providers:
  rules:
    wire: python
    governance: {processor: self, regions: [on-premises], retention_days: 0,
      trains_on_data: no, allowed_sensitivity: special, as_of: 2026-11-01}
    models: {rules: {}}
"""


class Said(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with a providers file of the rules contestant alone."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "providers.yaml").write_text(RULES)
    return tmp_path


@pytest.fixture
def evalkit(here: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command; an error message never holds a traceback."""

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        said = Said(code, *capsys.readouterr())
        assert "Traceback" not in said.err
        return said

    return run


class Server:
    """Answers every POST with one status and body, and counts."""

    def __init__(self, status: int, body: bytes) -> None:
        self.asked = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked += 1
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                """Keep stderr clean."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        """Stop and free the port."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[[int, bytes], Server]]:
    """Start servers that end with the test."""
    servers: list[Server] = []

    def start(status: int, body: bytes) -> Server:
        servers.append(Server(status, body))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
