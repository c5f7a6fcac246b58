"""The REST face: an ASGI application that finds the endpoint, reads the request as a real venue does and writes its
headers."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.simulation.server import errors, signature
from core.simulation.server.dispatcher import Answer, Dispatcher, Request, refused
from core.simulation.server.endpoint import Endpoint
from core.simulation.server.errors import ApiError
from core.simulation.server.http_exchange import Headers, HttpExchange, Receive, Scope, Send
from core.simulation.server.parameters import decode_form

MAX_BODY_BYTES = 1_048_576
MAX_QUERY_BYTES = 16_384
PRODUCTS = ("/fapi/", "/dapi/", "/eapi/")
"""Beside spot. Where one lists nothing, no symbol that a client could send there is valid."""

JSON_TYPE = (b"content-type", b"application/json;charset=UTF-8")
HTML_TYPE = (b"content-type", b"text/html")
_TITLES = {404: "404 Not Found", 405: "405 Method Not Allowed", 413: "413 Request Entity Too Large"}


@dataclass(frozen=True, slots=True)
class RestFace:
    """The part of the paths that one market answers."""

    routes: Mapping[tuple[str, str], Endpoint]
    """By method and path."""
    dispatcher: Dispatcher


class ForeignFront(Protocol):
    """Another venue's protocol on the same port."""

    def claims(self, path: str) -> bool:
        """Whether it answers whatever is asked at this path."""
        ...

    async def answer(self, exchange: HttpExchange) -> None: ...


class RestFront:
    """`latency_s` is added to every answer, in real seconds, but not to those of `foreign` protocols."""

    def __init__(self, faces: Sequence[RestFace], *, latency_s: float, foreign: Sequence[ForeignFront] = ()) -> None:
        self._foreign = foreign
        self._routes = {key: (endpoint, face.dispatcher) for face in faces for key, endpoint in face.routes.items()}
        self._paths = {path for _, path in self._routes}
        listed = {path for _, path in self._routes if path.endswith("/depth")}
        self._unlisted = tuple(each for each in PRODUCTS if not any(path.startswith(each) for path in listed))
        self._latency_s = latency_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        exchange = HttpExchange(scope, receive, send)
        method, path, address = scope["method"], scope["path"], scope["client"][0]
        route = self._routes.get((method, path))
        if route is None:
            front = next((each for each in self._foreign if each.claims(path)), None)
            await (self._answer_unknown(exchange, path) if front is None else front.answer(exchange))
            return
        if len(scope["query_string"]) > MAX_QUERY_BYTES:
            await send_page(exchange, 414)
            return
        body = await exchange.body(MAX_BODY_BYTES)
        if body is None:
            await send_page(exchange, 413)
            return
        if self._latency_s:
            await asyncio.sleep(self._latency_s)
        endpoint, dispatcher = route
        query = scope["query_string"].decode("latin-1")
        form = body.decode("utf-8", "replace")
        try:
            values = decode_form(query, form)
        except ApiError as error:
            await send_answer(exchange, refused(error, dispatcher.used_weight(address)))
            return
        payload = signature.form_payload(query, form)
        request = Request(values, payload, _api_key(scope), address, route=f"{method} {path}")
        await send_answer(exchange, await dispatcher.answer(endpoint, request))

    async def _answer_unknown(self, exchange: HttpExchange, path: str) -> None:
        if path not in self._paths and path.startswith(self._unlisted):
            await send_answer(exchange, refused(errors.invalid_symbol()))
        else:
            await send_page(exchange, 405 if path in self._paths else 404)


def html_page(title: str) -> bytes:
    """What load balancers say."""
    return (
        f"<html>\n<head><title>{title}</title></head>\n<body>\n<center><h1>{title}</h1></center>\n</body>\n</html>\n"
    ).encode()


def answer_headers(answer: Answer) -> Headers:
    """All but the length."""
    headers = [JSON_TYPE]
    if answer.used_weight is not None:
        weight = str(answer.used_weight).encode()
        headers += [(b"x-mbx-used-weight", weight), (b"x-mbx-used-weight-1m", weight)]
    for limit, used in answer.order_counts:
        headers.append((f"x-mbx-order-count-{limit.window_name}".encode(), str(used).encode()))
    return headers + [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]


async def send_answer(exchange: HttpExchange, answer: Answer) -> None:
    if answer.delivery is not None:
        await answer.delivery.over_http(exchange, answer)
        return
    await exchange.respond(answer.status, answer_headers(answer), answer.body)


async def send_page(exchange: HttpExchange, status: int) -> None:
    """What the load balancer in front of the real venue answers; it knows no weights."""
    await exchange.respond(status, [HTML_TYPE], html_page(_TITLES.get(status, "414 Request-URI Too Large")))


def _api_key(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-mbx-apikey":
            return str(value.decode("latin-1"))
    return None
