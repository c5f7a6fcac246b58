"""Where the API listens, and the files by which commands of this machine find it."""

import contextlib
import errno
import ipaddress
import secrets
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from core.api.tokens import TokenFile
from core.domain.errors import SettingsError
from core.runtime.durable_files import write_durably
from core.settings.api import ApiSettings

_BACKLOG = 1_024
"""Connections that wait to be accepted."""


def bind(settings: ApiSettings, data_dir: Path) -> socket.socket:
    """A listening socket. Raises `SettingsError` naming the setting when the address is not to be had, or not to be
    had like this."""
    if not _is_loopback(settings.host):
        _require_safety(settings, data_dir)
    _require_files(settings)
    family, kind, protocol, _, address = _resolve(settings)
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingsError(_unavailable(settings, error)) from None
    return listener


@dataclass(frozen=True, slots=True)
class Address:
    """`api.port` and `api.token` in the data folder."""

    data_dir: Path

    @property
    def port_file(self) -> Path:
        return self.data_dir / "api.port"

    @property
    def token_file(self) -> Path:
        return self.data_dir / "api.token"

    def write(self, port: int, token: str | None) -> None:
        """Each file whole or not at all; the token for this user alone. `None`: callers know it from their settings."""
        if token is None:
            self.token_file.unlink(missing_ok=True)
        else:
            _write_private(self.token_file, token)
        _write_private(self.port_file, str(port))

    def remove(self, port: int) -> None:
        """Unless another daemon has put its own there since."""
        try:
            is_ours = self.port_file.read_text("utf-8").strip() == str(port)
        except OSError:
            is_ours = True
        if not is_ours:
            return
        for file in (self.port_file, self.token_file):
            with contextlib.suppress(OSError):
                file.unlink()


def new_token() -> str:
    return secrets.token_urlsafe(32)


def _write_private(file: Path, text: str) -> None:
    write_durably(file, f"{text}\n".encode(), mode=0o600)


def _resolve(settings: ApiSettings) -> tuple[int, int, int, str, tuple[object, ...]]:
    try:
        return socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError:
        raise SettingsError(f'api.host: "{settings.host}" is no address of this machine. Try 127.0.0.1.') from None


def _require_safety(settings: ApiSettings, data_dir: Path) -> None:
    """For an address that other machines can reach."""
    where = f"api.host: {settings.host} can be reached from other machines"
    if settings.token is None and not TokenFile(data_dir).read():
        raise SettingsError(
            f"{where}, so it needs a token of your own: make one with `live_bot.py token new`, set "
            "METRONOME__API__TOKEN or api.token_file, or listen on 127.0.0.1."
        )
    if settings.tls_certificate is None and not settings.plain_http:
        raise SettingsError(
            f"{where}, and tokens must not travel in the clear: give api.tls_certificate (and api.tls_key), or say "
            "api.plain_http = true where a proxy in front of it adds TLS, or listen on 127.0.0.1."
        )


def _require_files(settings: ApiSettings) -> None:
    """What would otherwise end the serving process again and again."""
    if settings.tls_certificate is None:
        if settings.tls_key is not None:
            raise SettingsError("api.tls_key: a key without api.tls_certificate serves nothing.")
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_certificate, settings.tls_key)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(f"api.tls_certificate: {settings.tls_certificate} can't be used: {error}.") from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _unavailable(settings: ApiSettings, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"api.port: port {settings.port} on {settings.host} is in use, perhaps by another daemon "
                "(`live_bot.py status` tells). Choose another with api.port (METRONOME__API__PORT); "
                "0 takes any free one."
            )
        case errno.EACCES:
            return f"api.port: this user may not listen on port {settings.port}. Choose one above 1023."
        case errno.EADDRNOTAVAIL:
            return f'api.host: "{settings.host}" is no address of this machine. Try 127.0.0.1.'
    return f"api: cannot listen on {settings.host}:{settings.port}: {error.strerror or error}."
