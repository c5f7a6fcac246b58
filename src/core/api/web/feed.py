"""What happens, as it happens, to any number of pages; each message is made once for all of them."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
from fastapi import WebSocket, WebSocketDisconnect

from core.api.web.daemon import DaemonSilent
from core.api.web.sentences import in_sentences
from core.domain.status import DaemonStatus

MOST_CLIENTS = 64
MOST_WAITING = 64
"""Messages for one client; one that takes no more is let go."""
_TRY_AGAIN_LATER = 1013

Object = dict[str, Any]


class Events:
    """`standing` and `happened` take what the daemon sends; never wait."""

    def __init__(self, watch: Callable[[bool], None]) -> None:
        """`watch` is told whether anybody looks."""
        self._watch = watch
        self._clients: dict[asyncio.Queue[str], asyncio.Task[None]] = {}
        """What waits for each, and who sends it."""
        self._shown: Object | None = None
        """The last status that was sent; `None` where nobody looked."""
        self.let_go = 0
        """Clients that did not keep up."""

    @property
    def clients(self) -> int:
        return len(self._clients)

    def standing(self, status: DaemonStatus) -> None:
        """Sends what has changed since the last one."""
        if not self._clients:
            return
        now: Object = msgspec.to_builtins(status)
        message = _message("status", now) if self._shown is None else _changes(self._shown, now)
        self._shown = now
        self._tell(message)

    def happened(self, events: bytes) -> None:
        self._tell('{"type":"events","events":' + in_sentences(events).decode() + "}")

    async def serve(self, socket: WebSocket, status: Callable[[], DaemonStatus]) -> None:
        """One client, until it goes or is let go. `status` raises `DaemonSilent`."""
        if len(self._clients) >= MOST_CLIENTS:
            await socket.close(_TRY_AGAIN_LATER, f"{MOST_CLIENTS} pages are open")
            return
        waiting: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
        with suppress(DaemonSilent):
            waiting.put_nowait(_message("status", status()))
        sending = self._clients[waiting] = asyncio.create_task(_send(socket, waiting), name="events: send")
        self._watch(True)
        listening = asyncio.create_task(_listen(socket), name="events: listen")
        try:
            await asyncio.wait((sending, listening), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._clients.pop(waiting, None)
            if not self._clients:
                self._shown = None
                self._watch(False)
            for each in (sending, listening):
                each.cancel()
            await asyncio.gather(sending, listening, return_exceptions=True)

    def _tell(self, message: str) -> None:
        for waiting, sending in list(self._clients.items()):
            try:
                waiting.put_nowait(message)
            except asyncio.QueueFull:
                self.let_go += 1
                del self._clients[waiting]
                sending.cancel()


async def _send(socket: WebSocket, waiting: asyncio.Queue[str]) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):  # RuntimeError: starlette's for a socket that is closed
        while True:
            await socket.send_text(await waiting.get())


async def _listen(socket: WebSocket) -> None:
    """Nothing is expected of a client but its going."""
    with suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await socket.receive_text()


def _message(kind: str, status: Object | DaemonStatus) -> str:
    return msgspec.json.encode({"type": kind, "status": status}).decode()


def _changes(before: Object, now: Object) -> str:
    symbols_before = {each["symbol"]: each for each in before["symbols"]}
    symbols_now = {each["symbol"]: each for each in now["symbols"]}
    if symbols_before.keys() != symbols_now.keys():
        return _message("status", now)
    changed = {key: value for key, value in now.items() if key != "symbols" and before.get(key) != value}
    symbols = {}
    for name, symbol in symbols_now.items():
        if different := {key: value for key, value in symbol.items() if symbols_before[name].get(key) != value}:
            symbols[name] = different
    return msgspec.json.encode({"type": "changes", "status": changed, "symbols": symbols}).decode()
