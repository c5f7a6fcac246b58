"""The API's HTTP server: uvicorn as one task of the daemon's loop."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvicorn

from core.api.address import Address, bind, new_token
from core.api.application import build_application
from core.api.controls import DaemonControls
from core.api.view import DaemonView
from core.settings.api import ApiSettings

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ApiStatistics:
    port: int | None
    """`None`: not listening."""
    requests: int


class ApiServer:
    """`bind()` first, while a wrong address can still end the start with a message; then `run()` as a task.

    Cancelling `run` is safe: requests in flight get a second to end, then the address files are removed.
    """

    def __init__(self, settings: ApiSettings, data_dir: Path, view: DaemonView, controls: DaemonControls) -> None:
        self._settings = settings
        self._address = Address(data_dir)
        self._view = view
        self._controls = controls
        self._listener: socket.socket | None = None
        self._server: uvicorn.Server | None = None

    def bind(self) -> None:
        """Takes the port. Raises `SettingsError` when it is not to be had."""
        if self._listener is None:
            self._listener = bind(self._settings)

    async def run(self) -> None:
        """Serves until cancelled."""
        self.bind()
        assert self._listener is not None  # noqa: S101 - bind has just made it
        own = new_token() if self._settings.token is None else None
        token = own or (self._settings.token.get_secret_value() if self._settings.token else "")
        self._server = server = _Embedded(_config(self._view, self._controls, token))
        port = self._listener.getsockname()[1]
        try:
            self._address.write(port, own)
            _log.info("api_listening", host=self._settings.host, port=port)
            await server.serve([self._listener])
        finally:
            self._address.remove(port)
            if server.started:
                await server.shutdown([self._listener])
            self.close()

    def close(self) -> None:
        """Gives the port back; only needed where `run` was never started."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def statistics(self) -> ApiStatistics:
        return ApiStatistics(
            port=self._listener.getsockname()[1] if self._listener else None,
            requests=self._server.server_state.total_requests if self._server else 0,
        )


class _Embedded(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the daemon's."""
        yield


def _config(view: DaemonView, controls: DaemonControls, token: str) -> uvicorn.Config:
    return uvicorn.Config(
        build_application(view, controls, token),
        http="httptools",
        ws="none",
        loop="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=64,
        timeout_graceful_shutdown=1,
    )
