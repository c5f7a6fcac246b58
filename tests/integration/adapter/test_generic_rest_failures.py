"""The adapter for any exchange against servers that hang, cut, refuse and ban: calls end in time and say what is
known."""

import dataclasses
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Protocol

import pytest

from core.domain.candles import Timeframe
from core.domain.errors import (
    OrderRefused,
    OutcomeUnknown,
    RequestRefused,
    SymbolRefused,
    VenueError,
    VenueUnavailable,
)
from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, Leg, OrderRequest, OrderStatus, OrderType, Side
from core.ports.venue import Credentials
from core.runtime.clocks import SystemMonotonicClock, WallClock
from core.settings.venue import VenueSettings
from core.venues.ccxt_import import exchange_class
from core.venues.generic.rest import GenericRest
from core.venues.generic.traits import traits_of
from tests.integration.adapter.raw_server import Peer, RawServer, Script, answer
from tests.integration.adapter.test_rest_failures import (
    FILLED,
    close_at_once,
    drip_body,
    drip_head,
    half_close,
    hang,
    reset,
)
from tests.venues import binance_at

BTC = InstrumentId("BTC/USDT")
ORDER = OrderRequest(ClientOrderId("mine-1"), Leg(BTC, Side.BUY, Decimal("0.01"), OrderType.MARKET))
LISTED = (
    b'{"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT",'
    b'"isSpotTradingAllowed":true,"permissions":["SPOT"],"orderTypes":["LIMIT","MARKET"],"filters":['
    b'{"filterType":"PRICE_FILTER","minPrice":"0.01","maxPrice":"1000000","tickSize":"0.01"},'
    b'{"filterType":"LOT_SIZE","minQty":"0.00001","maxQty":"9000","stepSize":"0.00001"},'
    b'{"filterType":"NOTIONAL","minNotional":"5"}]}]}'
)


class Exchange:
    """Lists BTC/USDT to whoever asks, then does what `script` says with every other request."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.server = RawServer(self._serve)

    def _serve(self, peer: Peer) -> None:
        while peer.sock.recv(1, 2):  # MSG_PEEK: something comes
            head = peer.sock.recv(64, 2)
            if b"exchangeInfo" not in head:
                self.script(peer)
                return
            peer.request()
            peer.send(answer(LISTED))

    @property
    def others(self) -> list[bytes]:
        return [request for request in self.server.requests if b"exchangeInfo" not in request]


class Connect(Protocol):
    def __call__(self, script: Script, request_timeout_s: float = 10.0) -> tuple[Exchange, GenericRest]: ...


SHORT_S = 0.4
"""For answers that do not come; where some do, a busy machine takes longer."""


@pytest.fixture
def connect() -> Iterator[Connect]:
    made: list[tuple[Exchange, GenericRest]] = []

    def begin(script: Script, request_timeout_s: float = 10.0) -> tuple[Exchange, GenericRest]:
        exchange = Exchange(script)
        settings = VenueSettings(
            name="binance",
            adapter="ccxt",
            request_timeout_s=request_timeout_s,
            ccxt={**binance_at(exchange.server.url, ""), "rateLimit": 1},
        )
        traits = traits_of(exchange_class("binance"))
        rest = GenericRest(settings, Credentials("the-key", "the-secret"), WallClock(), SystemMonotonicClock(), traits)
        made.append((exchange, rest))
        while not is_listed(rest):
            pass
        return made[-1]

    yield begin
    for exchange, rest in made:
        rest.close()
        exchange.server.close()


def is_listed(rest: GenericRest) -> bool:
    """With a short time limit a busy machine may need several tries."""
    try:
        return bool(rest.instruments())
    except VenueUnavailable:
        return False


def says(body: bytes, status: str = "200 OK", headers: str = "") -> Script:
    def script(peer: Peer) -> None:
        while peer.request():
            peer.send(answer(body, status, headers))

    return script


def cut(peer: Peer) -> None:
    peer.request()
    peer.send(answer(FILLED)[:-20])


@pytest.mark.parametrize("script", [hang, drip_head, drip_body, half_close, close_at_once, reset, cut])
def test_an_order_whose_answer_is_lost_is_of_unknown_outcome_and_sent_once(connect: Connect, script: Script) -> None:
    exchange, rest = connect(script, SHORT_S)
    with pytest.raises(OutcomeUnknown):
        rest.place(ORDER)
    with pytest.raises(OutcomeUnknown):
        rest.cancel(BTC, ORDER.client_order_id)
    with pytest.raises(VenueUnavailable):
        rest.balances()
    assert len(exchange.others) == 3


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (b'{"code":-2010,"msg":"Account has insufficient balance for requested action."}', "400 Bad", OrderRefused),
        (b'{"code":-1121,"msg":"Invalid symbol."}', "400 Bad", SymbolRefused),
        (b'{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}', "401 No", RequestRefused),
        (b'{"code":-2010,"msg":"Duplicate order sent."}', "400 Bad", OutcomeUnknown),
        (b'{"code":-1007,"msg":"Timeout waiting for response from backend server."}', "503 Late", OutcomeUnknown),
        (b"<html>502 Bad Gateway</html>", "502 Bad Gateway", OutcomeUnknown),
        (b"<html>moved</html>", "302 Found", OutcomeUnknown),
        (b"", "200 OK", OutcomeUnknown),
        (b"[]", "200 OK", OutcomeUnknown),
        (b'{"orderId":5}', "200 OK", None),
        (b'{"code":-1003,"msg":"Way too much request weight used."}', "429 Slow", VenueUnavailable),
    ],
)
def test_what_an_exchange_says_of_an_order(
    connect: Connect, body: bytes, status: str, expected: type[VenueError] | None
) -> None:
    exchange, rest = connect(says(body, status, "Location: /elsewhere\r\n"))
    if expected is None:
        assert rest.place(ORDER).status is OrderStatus.NEW
    else:
        with pytest.raises(expected) as failed:
            rest.place(ORDER)
        assert type(failed.value) is expected and failed.value.message
        assert "the-key" not in str(failed.value) and "signature" not in str(failed.value)
    assert len(exchange.others) == 1


def test_an_exchange_that_asks_to_be_left_alone_is(connect: Connect) -> None:
    exchange, rest = connect(says(b"{}", "429 Slow", "Retry-After: 30\r\n"))
    for _ in range(3):
        with pytest.raises(VenueUnavailable) as refused:
            rest.ohlcv(BTC, Timeframe.M1, None, 5)
        assert refused.value.retry_after_s is not None and 29 < refused.value.retry_after_s <= 30
    assert len(exchange.others) == 1


def test_an_exchange_that_is_not_there_is_unavailable(connect: Connect) -> None:
    exchange, rest = connect(hang, SHORT_S)
    exchange.server.close()
    calls: list[Callable[[], object]] = [lambda: rest.place(ORDER), rest.balances, rest.server_time_ms]
    for call in calls:
        with pytest.raises(VenueUnavailable, match=r"cannot be reached|broke before an answer"):
            call()


@pytest.mark.parametrize(
    "body", [b"[[1]]", b'[["x",1,2,3,4,5]]', b'{"a":1}', b"[null]", b'[[1,"nan","2","1","1","1"]]']
)
def test_candles_that_cannot_be_read_are_no_candles(connect: Connect, body: bytes) -> None:
    _, rest = connect(says(body))
    with pytest.raises(VenueUnavailable):
        rest.ohlcv(BTC, Timeframe.M1, None, 5)


def test_an_exchange_without_a_clock_is_taken_at_its_date(connect: Connect) -> None:
    book = b'{"lastUpdateId":1,"bids":[["1","1"]],"asks":[["2","1"]]}'
    _, rest = connect(says(book, headers="Date: Fri, 15 Jan 2027 08:00:00 GMT\r\n"))
    rest._traits = dataclasses.replace(rest._traits, has_time=False)
    assert rest.server_time_ms() == 1_800_000_000_500
    assert (rest.clock_speed(), rest.epoch_id()) == (1.0, None)
