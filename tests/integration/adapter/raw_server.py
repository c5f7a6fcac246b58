"""A TCP server whose misbehaviour is scripted per connection, down to the byte."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable

Script = Callable[["Peer"], None]


class Peer:
    """The server's end of one connection. Methods raise OSError when the client has gone."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = b""

    def request(self) -> bytes:
        """One whole request, head and body; empty when the client closed instead."""
        while b"\r\n\r\n" not in self._buffer:
            chunk = self.sock.recv(65_536)
            if not chunk:
                return b""
            self._buffer += chunk
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(rest) < length:
            rest += self.sock.recv(65_536)
        self._buffer = rest[length:]
        return head + b"\r\n\r\n" + rest[:length]

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def reset(self) -> None:
        """RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def until_client_goes(self) -> None:
        """Blocks, saying nothing."""
        while self.sock.recv(65_536):
            pass


def answer(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


class RawServer:
    """Runs `script` for each connection in a thread of its own; counts connections and requests."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[bytes] = []
        self.connections = 0
        self._stopping = False
        self._threads: list[threading.Thread] = []
        self._peers: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def close(self) -> None:
        self._stopping = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        for sock in self._peers:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while not self._stopping:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._peers.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        peer = _Recorder(sock, self.requests)
        with contextlib.suppress(OSError):
            self.script(peer)
        with contextlib.suppress(OSError):
            sock.close()


class _Recorder(Peer):
    def __init__(self, sock: socket.socket, requests: list[bytes]) -> None:
        super().__init__(sock)
        self._requests = requests

    def request(self) -> bytes:
        seen = super().request()
        if seen:
            self._requests.append(seen)
        return seen
