"""What venues answer when they do not take a request: nothing of it has happened, and nothing will."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from core.simulation.server.dispatcher import Answer
from core.simulation.server.faults.delivery import Page

Refusal = Literal[
    "overloaded",
    "weight",
    "banned",
    "bad_gateway",
    "unavailable",
    "maintenance",
    "would_take",
    "would_trigger",
    "market_closed",
    "forbidden",
    "unprocessable",
    "gateway_timeout",
]
PAGES = {
    "bad_gateway": "502 Bad Gateway",
    "unavailable": "503 Service Temporarily Unavailable",
    "gateway_timeout": "504 Gateway Time-out",
}
_MESSAGES = {
    "overloaded": (503, -1008, "Request throttled by system-level protection. Please try again in a few minutes."),
    "weight": (429, -1003, "Too much request weight used; please use WebSocket Streams to avoid polling the API."),
    "banned": (418, -1003, "Way too much request weight used; IP banned until {until_ms}."),
    "maintenance": (503, 1, "System is under maintenance."),
    "would_take": (400, -2010, "Order would immediately match and take."),
    "would_trigger": (400, -2010, "Order would trigger immediately."),
    "market_closed": (400, -1013, "Market is closed."),
    "forbidden": (403, -2015, "Invalid API-key, IP, or permissions for action."),
    "unprocessable": (422, -1130, "Data sent for a parameter is not valid."),
}
_ALPACA_WORDS = {"weight": "too many requests.", "forbidden": "subscription does not permit this request"}
_DERIBIT_CODES = {"weight": (10028, "too_many_requests"), "forbidden": (13403, "forbidden")}
_DERIBIT_REST = (11051, "system_maintenance")
_FUTURES_MESSAGES = {
    "would_take": (
        400,
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected. The order will not be "
        "recorded in the order history",
    ),
    "would_trigger": (400, -2021, "Order would immediately trigger."),
}


def refusal(what: Refusal, *, route: str, until_ms: int, retry_after_s: int, headers: Mapping[str, str]) -> Answer:
    """`headers` go onto it whatever it is; `retry_after_s` onto those that ask for patience."""
    if what in PAGES:
        return Answer(int(PAGES[what].split()[0]), b"{}", 0, headers=headers, delivery=Page(PAGES[what]))
    is_futures = "/fapi/" in route
    status, code, message = (_FUTURES_MESSAGES if is_futures and what in _FUTURES_MESSAGES else _MESSAGES)[what]
    waits = {"retry-after": str(retry_after_s)} if status in (418, 429, 503) else {}
    if "/v2/stocks/" in route or "/v1beta1/options/" in route:
        body: dict[str, object] = {"message": _ALPACA_WORDS.get(what, message.format(until_ms=until_ms))}
        return Answer(status, msgspec.json.encode(body), None, headers={**headers, **waits})
    if "/api/v2/" in route or route.startswith("public/"):
        number, words = _DERIBIT_CODES.get(what, _DERIBIT_REST)
        body = {"jsonrpc": "2.0", "error": {"message": words, "code": number}, "testnet": False}
        return Answer(status, msgspec.json.encode(body), None, headers={**headers, **waits})
    body = {"code": code, "msg": message.format(until_ms=until_ms)}
    return Answer(status, msgspec.json.encode(body), 0, headers={**headers, **waits})
