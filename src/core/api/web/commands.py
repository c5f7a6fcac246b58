"""Commands on their way to the daemon: once each, and on the record."""

import re
import uuid
from typing import Annotated, Any

import msgspec
from fastapi import Header, HTTPException, Request, Response

from core.api.tokens import Token
from core.api.web.audit import Audit
from core.api.web.daemon import DaemonBusy, DaemonSilent, Refused, RemoteDaemon

_KEY = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_STATUSES = {"BadTicket": 400, "UnknownOrder": 404, "CommandRefused": 409, "KeyReused": 409, "SettingsError": 409}
"""By the daemon's error; any other is its own fault: 503."""

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=64,
        pattern=f"^{_KEY.pattern}$",
        description="A command that is sent again with the same key is not carried out again: it gets the same answer.",
    ),
]


class Commands:
    def __init__(self, daemon: RemoteDaemon, audit: Audit) -> None:
        self._daemon = daemon
        self._audit = audit

    async def carry_out(self, request: Request, caller: Token, name: str, command: Any) -> Response:
        """The daemon's answer. Raises `HTTPException` with its refusal, and `DaemonSilent` or `DaemonBusy`."""
        key = request.headers.get("idempotency-key") or uuid.uuid4().hex
        body = msgspec.json.encode(command)
        outcome = "UNKNOWN the caller left"
        try:
            answer = await self._daemon.order(name, body, key, caller.name)
            outcome = "DONE"
        except Refused as refused:
            outcome = f"REFUSED {refused}"
            raise HTTPException(_STATUSES.get(refused.kind, 503), str(refused)) from None
        except DaemonBusy as busy:
            outcome = f"REFUSED {busy}"
            raise
        except DaemonSilent as silent:
            outcome = f"UNKNOWN {silent}"
            raise
        finally:
            client = request.client.host if request.client else ""
            said = {"command": body.decode(), "key": key}
            self._audit.write(who=caller.name, client=client, what=request.url.path, outcome=outcome, **said)
        return Response(answer, media_type="application/json")
