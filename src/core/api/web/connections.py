"""Connections that cost nothing: one that asks nothing is closed, and many of them make room for those that ask."""

import asyncio
from collections import OrderedDict
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

ASK_WITHIN_S = 10.0
"""A request has to be whole by then, counted from the connection, or from the answer before."""
MOST_SILENT = 200
"""Of those that have not asked anything whole yet: beyond, the oldest of them goes."""
MOST_CONNECTIONS = 1_000
MOST_HEADERS, MOST_HEADER_BYTES = 100, 32_768

_silent: "OrderedDict[PatientProtocol, None]" = OrderedDict()


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's, which would wait for a request's end for ever."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # TCP's own
        super().connection_made(transport)
        self._watch_silence()
        if len(self.connections) > MOST_CONNECTIONS:
            next(iter(_silent))._drop()

    def connection_lost(self, exc: Exception | None) -> None:
        self._has_asked()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes = 0
        self._watch_silence()

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._header_bytes += len(name) + len(value)
        if len(self.headers) > MOST_HEADERS or self._header_bytes > MOST_HEADER_BYTES:
            self._drop()

    def on_message_complete(self) -> None:
        self._has_asked()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._has_asked()
        super().handle_websocket_upgrade()

    def _watch_silence(self) -> None:
        if self in _silent:
            return
        _silent[self] = None
        self._deadline: Any = self.loop.call_later(ASK_WITHIN_S, self._drop)
        if len(_silent) > MOST_SILENT:
            next(iter(_silent))._drop()

    def _has_asked(self) -> None:
        if _silent.pop(self, False) is None:
            self._deadline.cancel()

    def _drop(self) -> None:
        self._has_asked()
        self.transport.abort()
