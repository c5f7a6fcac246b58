"""`/api/v1/events`: the WebSocket of what happens."""

from fastapi import FastAPI, WebSocket

from core.api.tokens import Scope, Token
from core.api.web.access import CALLER
from core.api.web.house import House

_POLICY_VIOLATION = 1008


def add_event_routes(application: FastAPI, house: House) -> None:
    @application.websocket("/api/v1/events")
    async def events(socket: WebSocket) -> None:
        caller: Token | None = socket.scope.get(CALLER)
        if caller is None or caller.scope < Scope.READ:
            await socket.close(_POLICY_VIOLATION)
            return
        offered = socket.scope.get("subprotocols", ())
        await socket.accept(subprotocol="metronome" if "metronome" in offered else None)
        await house.events.serve(socket, house.daemon.status)
