"""Pages over HTTP, on loopback: read only, and only for those who ask for this very address.

Another site cannot read them through a name of its own that points here (DNS rebinding): the Host
header is looked at. It does not know what the pages show.
"""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from evalkit.core.errors import ConfigError
from evalkit.report.view.pages import Pages, Served

HOST = "127.0.0.1"
_NAMES = (HOST, "localhost")
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def open_server(pages: Pages, port: int) -> ThreadingHTTPServer:
    """Return a server that listens on loopback; 0 takes any free port.

    Raises:
        ConfigError: If the port is taken or not allowed.
    """

    class Handler(_Handler):
        served = pages

    try:
        server = ThreadingHTTPServer((HOST, port), Handler)
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"view: --port {port} cannot be used: {error}; --port 0 takes a free one"
        ) from None
    server.daemon_threads = True
    return server


class _Handler(BaseHTTPRequestHandler):
    served: Pages
    server_version = "evalkit"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        if not self._is_for_us():
            self._send(Served(421, "This server answers for 127.0.0.1 and localhost alone.\n"))
            return
        self._send(self.served.page(urlsplit(self.path).path), with_body=with_body)

    def _is_for_us(self) -> bool:
        host = self.headers.get("Host", "")
        name, _, port = host.partition(":")
        return name in _NAMES and port in ("", str(self.connection.getsockname()[1]))

    def _send(self, found: Served, *, with_body: bool = True) -> None:
        body = found.html.encode("utf-8", "replace")
        self.send_response(found.status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what is asked for is nobody's business."""
