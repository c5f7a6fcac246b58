"""What must be the venue's alone before it begins: its ports and its folder."""

import contextlib
import errno
import fcntl
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from core.domain.errors import MetronomeError


class VenueStartError(MetronomeError):
    """The venue can't begin before a person acts: a port in use, a data folder that another venue holds."""

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True, slots=True)
class Doors:
    """Where the venue listens."""

    public: socket.socket
    admin: socket.socket
    proxy: socket.socket | None = None
    """`None`: the settings ask for no proxy."""

    @property
    def urls(self) -> dict[str, str]:
        url = url_of(self.public)
        return {"url": url, "ws_url": url.replace("http:", "ws:"), "admin_url": url_of(self.admin)}


def url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{host}:{port}"


def listen(host: str, port: int, what: str) -> socket.socket:
    """A listening socket. Raises `VenueStartError` that says which port is in use and what to do."""
    try:
        return socket.create_server((host, port), backlog=1_024)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise VenueStartError(
                f"{what}: port {port} on {host} is in use. Stop what listens there, or choose another port "
                "(0 takes any free one)."
            ) from None
        raise VenueStartError(f"{what}: can't listen on {host}:{port}: {error.strerror or error}") from None


@contextlib.contextmanager
def only_venue_of(folder: Path) -> Iterator[None]:
    """Two venues on one store would sell the same balances twice. Raises `VenueStartError` for the second."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "venue.lock").open("a")
    except OSError as error:
        raise VenueStartError(f"the venue's folder {folder} can't be used: {error.strerror or error}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"another venue runs on {folder}; stop it, or choose another data folder"
            raise VenueStartError(message) from None
        yield
