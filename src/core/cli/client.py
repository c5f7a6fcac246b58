"""Asks the running daemon over its loopback API; says clearly when there is none."""

import http.client
import json
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from core.domain.commands import CommandRefused
from core.domain.errors import MetronomeError, SettingsError
from core.settings.tree import Settings

T = TypeVar("T")


class DaemonUnreachable(MetronomeError):
    """No daemon answers: exit code 1."""


class UnknownName(SettingsError):
    """The daemon knows no such symbol: an argument was wrong."""


class DaemonClient:
    """Blocking requests; each takes at most `timeout_s`. Raises `DaemonUnreachable`, `UnknownName` and, for commands,
    `CommandRefused`."""

    def __init__(self, settings: Settings, timeout_s: float = 5.0) -> None:
        self._api = settings.api
        self._data_dir = settings.storage.data_dir
        self._timeout_s = timeout_s

    def get(self, path: str, answer: type[T], **query: str | int | None) -> T:
        """The decoded answer to `GET path`."""
        asked = urlencode({key: value for key, value in query.items() if value is not None})
        return self._decoded(self._body("GET", f"{quote(path)}?{asked}" if asked else quote(path)), answer)

    def text(self, path: str) -> str:
        """What `GET path` answers, as it is."""
        return self._body("GET", quote(path)).decode(errors="replace")

    def post(self, path: str, command: Any, answer: type[T]) -> T:
        """The decoded answer to `POST path` with `command` as JSON."""
        return self._decoded(self._body("POST", quote(path), msgspec.json.encode(command)), answer)

    def _decoded(self, body: bytes, answer: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=answer)
        except msgspec.MsgspecError as error:
            raise DaemonUnreachable(
                f"{self._where()} answers, but not as a Metronome daemon of this version: {error}."
            ) from None

    def _body(self, method: str, target: str, content: bytes | None = None) -> bytes:
        port, token = self._port(), self._token()
        connection = http.client.HTTPConnection(self._host(), port, timeout=self._timeout_s)
        try:
            connection.request(method, target, content, headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            body = answer.read()
        except TimeoutError:
            raise DaemonUnreachable(
                f"{self._where()} takes connections but does not answer within {self._timeout_s:g} s: "
                "its loop may be stuck. Its log and its watchdog say more."
            ) from None
        except (OSError, http.client.HTTPException) as error:
            raise DaemonUnreachable(f"no daemon answers at {self._where()} ({error}). {self._advice()}") from None
        finally:
            connection.close()
        return self._checked(answer.status, body)

    def _checked(self, status: int, body: bytes) -> bytes:
        match status:
            case 200:
                return body
            case 401:
                raise DaemonUnreachable(
                    f"the daemon at {self._where()} refuses our token. It belongs to another data folder than "
                    f"{self._data_dir}, or has a token of its own: give this command the daemon's settings (-c FILE)."
                )
            case 404:
                raise UnknownName(_detail(body))
            case 400:
                raise SettingsError(_detail(body))
            case 409:
                raise CommandRefused(_detail(body))
        raise DaemonUnreachable(f"the daemon at {self._where()} answers with status {status}: {_detail(body)}")

    def _host(self) -> str:
        """Where the daemon listens on all addresses, this machine's own is the nearest."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._api.host, self._api.host)  # noqa: S104 - compared, not bound

    def _port(self) -> int:
        text = self._read("api.port")
        if text is not None and text.isdigit():
            return int(text)
        if self._api.port == 0:
            raise DaemonUnreachable(f"no daemon runs: {self._data_dir / 'api.port'} is absent. {self._advice()}")
        return self._api.port

    def _token(self) -> str:
        if self._api.token is not None:
            return self._api.token.get_secret_value()
        token = self._read("api.token")
        if token is None:
            raise DaemonUnreachable(f"no daemon runs: {self._data_dir / 'api.token'} is absent. {self._advice()}")
        return token

    def _read(self, name: str) -> str | None:
        file = self._data_dir / name
        try:
            return file.read_text("utf-8").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except PermissionError:
            raise DaemonUnreachable(
                f"no permission to read {file}. Ask as the user that runs the daemon, e.g. `sudo -u USER …`."
            ) from None

    def _where(self) -> str:
        return f"{self._host()}:{self._read('api.port') or self._api.port}"

    def _advice(self) -> str:
        return (
            "Start one with `live_bot.py run`; if one runs with other settings, give this command the same -c FILE "
            f"(this one looked in {Path(self._data_dir).absolute()})."
        )


def _detail(body: bytes) -> str:
    try:
        parsed: Any = json.loads(body)
    except ValueError:
        return body[:200].decode(errors="replace")
    return str(parsed["detail"]) if isinstance(parsed, dict) and "detail" in parsed else str(parsed)
