"""HTTP: `GET /api/v2/public/METHOD?a=b`, or a JSON-RPC message posted to `/api/v2`."""

import functools
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from core.simulation.server.deribit import errors
from core.simulation.server.deribit.calls import Calls
from core.simulation.server.deribit.errors import RpcError
from core.simulation.server.dispatcher import Request
from core.simulation.server.http_exchange import HttpExchange
from core.simulation.server.rest_front import MAX_BODY_BYTES, MAX_QUERY_BYTES, send_answer, send_page

ROOT = "/api/v2"


class DeribitFront:
    """`rest_front.ForeignFront`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @staticmethod
    def claims(path: str) -> bool:
        return path == ROOT or path.startswith((f"{ROOT}/public/", f"{ROOT}/private/"))

    async def answer(self, exchange: HttpExchange) -> None:
        """Whatever the request; raises nothing but `CancelledError`."""
        scope = exchange.scope
        if scope["method"] not in ("GET", "POST"):
            await send_page(exchange, 405)
            return
        if len(scope["query_string"]) > MAX_QUERY_BYTES:
            await send_page(exchange, 414)
            return
        body = await exchange.body(MAX_BODY_BYTES)
        if body is None:
            await send_page(exchange, 413)
            return
        path = scope["path"].removeprefix(ROOT).strip("/")
        try:
            method, params, request_id = _read(path, scope["query_string"], body)
        except RpcError as error:
            await send_answer(exchange, self._calls.refused(error))
            return
        address = scope["client"][0]
        # Where a route is named in a fault, it is this, or the method that was posted.
        told = {name: value for name, value in params.items() if isinstance(value, str)}
        told["symbol"] = str(params.get("instrument_name", ""))
        request = Request(told, "", None, address, route=f"{scope['method']} {ROOT}/{method}")
        proceed = functools.partial(self._calls.answer, method, params, request_id, address)
        await send_answer(exchange, await self._calls.ask(request, proceed))


def _read(path: str, query: bytes, body: bytes) -> tuple[str, Mapping[str, Any], object]:
    """Method, parameters and id (`None`: none). Raises `RpcError`."""
    if body:
        method, params, request_id = read_message(body)
        return path or method, params, request_id
    if not path:
        raise errors.invalid_request()
    return path, dict(parse_qsl(query.decode("latin-1"))), None


def read_message(text: bytes) -> tuple[str, Mapping[str, Any], object]:
    """Of a JSON-RPC request. Raises `RpcError`."""
    try:
        message = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise errors.parse_error() from None
    if not isinstance(message, dict):
        raise errors.invalid_request()
    method, params, request_id = message.get("method"), message.get("params"), message.get("id")
    if not isinstance(method, str) or not isinstance(params or {}, dict) or isinstance(request_id, dict | list):
        raise errors.invalid_request()
    return method, params or {}, request_id
