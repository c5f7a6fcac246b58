"""The REST face: an ASGI application that finds the endpoint, reads the request as a real venue does and writes its
headers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.simulation.server import signature
from core.simulation.server.dispatcher import Answer, Dispatcher, Request, refused
from core.simulation.server.endpoint import Endpoint
from core.simulation.server.errors import ApiError
from core.simulation.server.parameters import decode_form

MAX_BODY_BYTES = 1_048_576
MAX_QUERY_BYTES = 16_384

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_JSON = (b"content-type", b"application/json;charset=UTF-8")
_HTML = (b"content-type", b"text/html")


@dataclass(frozen=True, slots=True)
class RestFace:
    """The part of the paths that one market answers."""

    routes: Mapping[tuple[str, str], Endpoint]
    """By method and path."""
    dispatcher: Dispatcher


class RestFront:
    """`latency_s` is added to every answer, in real seconds."""

    def __init__(self, faces: Sequence[RestFace], *, latency_s: float) -> None:
        self._routes = {key: (endpoint, face.dispatcher) for face in faces for key, endpoint in face.routes.items()}
        self._paths = {path for _, path in self._routes}
        self._latency_s = latency_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        route = self._routes.get((scope["method"], scope["path"]))
        if route is None:
            await _send_page(send, 405 if scope["path"] in self._paths else 404)
            return
        if len(scope["query_string"]) > MAX_QUERY_BYTES:
            await _send_page(send, 414)
            return
        body = await _read_body(receive)
        if body is None:
            await _send_page(send, 413)
            return
        if self._latency_s:
            await asyncio.sleep(self._latency_s)
        query = scope["query_string"].decode("latin-1")
        form = body.decode("utf-8", "replace")
        try:
            values = decode_form(query, form)
        except ApiError as error:
            await _send_answer(send, refused(error))
            return
        request = Request(values, signature.form_payload(query, form), _api_key(scope), scope["client"][0])
        endpoint, dispatcher = route
        await _send_answer(send, await dispatcher.answer(endpoint, request))


async def _read_body(receive: Receive) -> bytes | None:
    """The whole body; `None` if it is too large."""
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= MAX_BODY_BYTES:
            chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks) if size <= MAX_BODY_BYTES else None


def _api_key(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-mbx-apikey":
            return str(value.decode("latin-1"))
    return None


async def _send_answer(send: Send, answer: Answer) -> None:
    weight = str(answer.used_weight).encode()
    headers = [
        _JSON,
        (b"content-length", str(len(answer.body)).encode()),
        (b"x-mbx-used-weight", weight),
        (b"x-mbx-used-weight-1m", weight),
    ]
    for limit, used in answer.order_counts:
        headers.append((f"x-mbx-order-count-{limit.window_name}".encode(), str(used).encode()))
    headers += [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _send_page(send: Send, status: int) -> None:
    """What the load balancer in front of the real venue answers."""
    title = {404: "404 Not Found", 405: "405 Method Not Allowed", 413: "413 Request Entity Too Large"}.get(
        status, "414 Request-URI Too Large"
    )
    body = f"<html>\n<head><title>{title}</title></head>\n<body>\n<center><h1>{title}</h1></center>\n</body>\n</html>\n"
    headers = [_HTML, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})
