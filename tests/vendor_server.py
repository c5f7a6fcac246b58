"""A vendor's HTTP on loopback that answers what a test tells it to."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    path: str
    query: dict[str, str]


@dataclass(frozen=True)
class Reply:
    body: bytes = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    promised: int | None = None
    """Content-Length; `None`: that of the body. A larger one, and the connection closes in mid body."""
    drips: bool = False
    """A byte now and then, for ever: no read timeout ever ends it."""


class VendorServer:
    """`reply` is called in the server's threads."""

    def __init__(self, reply: Callable[[Asked], Reply]) -> None:
        self.asked: list[Asked] = []
        self.reply = reply
        self.ended = threading.Event()
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                asked = Asked(parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()})
                vendor.asked.append(asked)
                vendor.send(self, vendor.reply(asked))

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def send(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        length = len(reply.body) if reply.promised is None else reply.promised
        handler.send_response(reply.status)
        headers = {"Content-Type": "application/json", "Content-Length": str(length), **reply.headers}
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(reply.body)
        handler.wfile.flush()
        while reply.drips and not self.ended.wait(0.05):
            try:
                handler.wfile.write(b" ")
            except OSError:  # the client has had enough
                return
        if length != len(reply.body):
            handler.close_connection = True

    def close(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def vendor_server(reply: Callable[[Asked], Reply]) -> Iterator[VendorServer]:
    server = VendorServer(reply)
    try:
        yield server
    finally:
        server.close()
