"""A service manager that only listens: the socket of `NOTIFY_SOCKET`."""

import socket
from pathlib import Path


class NotifySocket:
    """Bound at once; to be closed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.settimeout(60)

    def told_until(self, wanted: str) -> list[str]:
        """The lines since the last call, up to one that begins with `wanted`."""
        told: list[str] = []
        while not any(line.startswith(wanted) for line in told):
            told += self._socket.recv(65_536).decode().splitlines()
        return told

    def close(self) -> None:
        self._socket.close()
