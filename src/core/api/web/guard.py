"""In front of every route: whose request it is, whether it may come from there, how much and how often."""

import ipaddress
import json
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.api.tokens import Token, Tokens
from core.api.web.access import CALLER
from core.api.web.allowance import Allowance

MOST_BODY_BYTES = 65_536
_UNLIMITED = ("/health/live", "/health/ready")
_SUBPROTOCOL = "bearer."
"""Browsers can't set headers on a WebSocket: the token comes as a subprotocol there."""

Headers = dict[bytes, bytes]


class Guard:
    """ASGI middleware. Answers with 401 only what is left to the routes; here: 400, 403, 413, 421 and 429."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        tokens: Tokens,
        hosts: Iterable[str],
        requests_per_s: float,
        commands_per_s: float,
        now_s: Callable[[], float],
    ) -> None:
        """`hosts`: names by which this server may be called beside addresses and `localhost`."""
        self._app = app
        self._tokens = tokens
        self._hosts = frozenset(each.lower() for each in hosts) | {"localhost"}
        self._reading = Allowance(requests_per_s, now_s)
        self._commanding = Allowance(commands_per_s, now_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers: Headers = dict(scope["headers"])
        caller = self._tokens.find(token) if (token := _token(headers)) is not None else None
        if caller is not None:
            scope[CALLER] = caller
        refusal = self._refusal(scope, headers, caller)
        if refusal is None:
            await self._app(scope, _measured(receive), send)
        else:
            await _refuse(scope, send, *refusal)

    def _refusal(self, scope: Scope, headers: Headers, caller: Token | None) -> tuple[int, str] | None:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if not self._is_ours(host):
            return 421, f"not addressed to this server: add {_name(host)!r} to api.allowed_hosts if it should be"
        if (foreign := _foreign_page(headers, host)) is not None:
            return 403, f"a page of {foreign} may not use this server"
        if scope["path"] in _UNLIMITED:
            return None
        is_command = scope["type"] == "http" and scope["method"] not in ("GET", "HEAD")
        client = scope["client"][0] if scope.get("client") else ""
        key = f"token {caller.name}" if caller is not None else f"address {client}"
        if not (self._commanding if is_command else self._reading).take(key):
            return 429, "too many requests: slow down"
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length[:20]) > MOST_BODY_BYTES:
            return 413, f"a body of at most {MOST_BODY_BYTES} bytes"
        return None

    def _is_ours(self, host: str) -> bool:
        """A name that somebody else's DNS may point here is none of ours; an address always is."""
        name = _name(host)
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True


def _token(headers: Headers) -> str | None:
    scheme, _, given = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer" and given:
        return given.strip()
    for offered in headers.get(b"sec-websocket-protocol", b"").decode("latin-1").split(","):
        if offered.strip().startswith(_SUBPROTOCOL):
            return offered.strip().removeprefix(_SUBPROTOCOL)
    return None


def _name(host: str) -> str:
    """Without the port."""
    return host.rpartition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]


def _foreign_page(headers: Headers, host: str) -> str | None:
    """Whose page a browser sends this for, where that is not ours."""
    origin = headers.get(b"origin")
    if origin is not None:
        try:
            site = urlsplit(origin.decode("latin-1").lower()).netloc
        except ValueError:
            site = ""
        return None if site == host else origin.decode("latin-1")
    if headers.get(b"sec-fetch-site", b"none") in (b"cross-site", b"same-site"):
        # A link to our own page that was followed elsewhere asks for a document, and is harmless.
        return None if headers.get(b"sec-fetch-mode") == b"navigate" else "another site"
    return None


def _measured(receive: Receive) -> Receive:
    """A body that comes without its length is counted as it comes."""
    taken = 0

    async def measured() -> Message:
        nonlocal taken
        message = await receive()
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
            if taken > MOST_BODY_BYTES:
                raise HTTPException(413, f"a body of at most {MOST_BODY_BYTES} bytes")
        return message

    return measured


async def _refuse(scope: Scope, send: Send, status: int, words: str) -> None:
    kind = "http.response" if scope["type"] == "http" else "websocket.http.response"
    body = json.dumps({"detail": words}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 429:
        headers.append((b"retry-after", b"1"))
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})
