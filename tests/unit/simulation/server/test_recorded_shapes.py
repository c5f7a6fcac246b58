"""Our frames and answers beside what the real venue sent: the same keys in the same order, with the same types."""

import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.domain.orders import OrderType, Side
from core.simulation.engine.events import BalancesChanged, Deposited, OrderChange, OrderChanged
from core.simulation.engine.intervals import Interval
from core.simulation.engine.orders import NewOrder, OrderRecord
from core.simulation.engine.requests import Cancel
from core.simulation.server import market_frames, user_frames
from core.simulation.server.endpoint import Call
from core.simulation.server.exchange_info import filters
from core.simulation.server.limits import OrderLimits, RequestLimits
from core.simulation.server.market_endpoints import MarketEndpoints
from core.simulation.server.order_endpoints import OrderEndpoints
from core.simulation.server.parameters import Parameters
from tests.unit.simulation.server.floors import Venue, quiet_venue

BTC = "BTCUSDT"


def shape(value: Any) -> Any:
    """Types instead of values; a list is the shape of its first element."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [shape(value[0])] if value else []
    return type(value).__name__


def with_eight_decimals(value: Any) -> bool:
    if isinstance(value, dict):
        return all(with_eight_decimals(inner) for inner in value.values())
    if isinstance(value, list):
        return all(with_eight_decimals(inner) for inner in value)
    is_amount = isinstance(value, str) and value.replace(".", "", 1).isdigit() and "." in value
    return not is_amount or len(value.partition(".")[2]) == 8


@pytest.fixture(scope="module")
def stream_frames(recorded_data: Path) -> dict[str, Any]:
    """One recorded payload of each spot market stream."""
    found: dict[str, Any] = {}
    with gzip.open(recorded_data / "hftbacktest/spot/btcusdt_20240808.gz", "rt") as lines:
        for _, line in zip(range(2_000), lines, strict=False):
            message = json.loads(line.split(" ", 1)[1])
            if "stream" in message and message["data"].get("b", True) and message["data"].get("a", True):
                found.setdefault(message["stream"].partition("@")[2], message["data"])
    for line in (recorded_data / "cryptofeed/BINANCE.ws.1.0").read_text().splitlines()[1:]:
        if "@kline" in line or "@aggTrade" in line:
            message = json.loads(line.partition(": ")[2])
            found.setdefault(message["stream"].partition("@")[2], message["data"])
    return found


@pytest.fixture
def venue() -> Venue:
    venue = quiet_venue()
    venue.market.trade(BTC, 10, venue.clock.now_ns())
    return venue


def our_frames(venue: Venue) -> Iterator[tuple[str, bytes]]:
    exchange = venue.floor.exchange
    spec = exchange.symbols[BTC]
    yield "trade", market_frames.trade(spec, exchange.recent_trades(BTC, 1)[0], 1)
    yield "aggTrade", market_frames.aggregate_trade(spec, exchange.aggregate_trades(BTC, 1)[0], 1)
    yield "bookTicker", market_frames.book_ticker(spec, exchange.best(BTC), 1, 1)
    candle = exchange.forming_candle(BTC, Interval.M1)
    yield "kline_1m", market_frames.kline(spec, Interval.M1, candle, closed=False, event_ms=1)
    yield "depth@100ms", market_frames.depth_update(spec, market_frames.BookDiff(1, 2, {5: 1}, {6: 1}), 1)


def test_market_frames_are_shaped_as_recorded(stream_frames: dict[str, Any], venue: Venue) -> None:
    compared = 0
    for stream, frame in our_frames(venue):
        recorded = stream_frames[stream]
        ours = msgspec.json.decode(frame)
        assert list(ours) == list(recorded), stream
        assert shape(ours) == shape(recorded), stream
        assert with_eight_decimals(ours), stream
        compared += 1
    assert compared == 5


def test_the_filters_are_among_those_recorded(recorded_data: Path, venue: Venue) -> None:
    text = (recorded_data / "cryptofeed/BINANCE.0").read_text()
    recorded = {
        each["filterType"]: each
        for symbol in json.loads(text[text.index('{"timezone"') :].splitlines()[0])["symbols"]
        for each in symbol["filters"]
    }
    compared = 0
    for ours in filters(venue.floor.exchange.symbols[BTC]):
        if ours["filterType"] in recorded:
            assert shape(ours) == shape(recorded[str(ours["filterType"])])
            compared += 1
    assert compared >= 5


@pytest.fixture(scope="module")
def fixtures(recorded_data: Path) -> Path:
    return recorded_data / "nautilus/payloads/binance/test_data/spot"


def answers(venue: Venue) -> Iterator[tuple[str, Any]]:
    market = MarketEndpoints(venue.floor, RequestLimits(venue.clock.now_ms, 1, 6_000))
    orders = OrderEndpoints(venue.floor, OrderLimits(venue.clock.now_ms))
    limit = {
        "symbol": BTC,
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.5",
        "price": "60000.50",
        "newClientOrderId": "first",
        "newOrderRespType": "FULL",
    }

    def call(handle: Any, **params: str) -> Any:
        return handle(Call(Parameters(params), "alice"))

    yield "new_order_full_response", call(orders.place, **limit)
    call(orders.place, **(limit | {"price": "50000", "newClientOrderId": "second"}))
    yield "order_response", call(orders.query, symbol=BTC, origClientOrderId="second")
    yield "open_orders_response", call(orders.open_orders, symbol=BTC)
    yield "all_orders_response", call(orders.all_orders, symbol=BTC)
    yield "cancel_order_response", call(orders.cancel, symbol=BTC, origClientOrderId="second")
    yield "depth_response", call(market.depth, symbol=BTC)
    yield "trades_response", call(market.trades, symbol=BTC)
    yield "klines_response", call(market.klines, symbol=BTC, interval="1m")
    yield "avg_price_response", call(market.average_price, symbol=BTC)
    yield "ticker_24hr_response", call(market.ticker_24h, symbol=BTC)
    yield "ticker_price_response", call(market.ticker_price, symbol=BTC)
    yield "book_ticker_response", call(market.book_ticker, symbol=BTC)
    yield "server_time_response", call(market.time)
    yield "ping_response", call(market.ping)


def test_answers_are_shaped_as_documented(fixtures: Path, venue: Venue) -> None:
    compared = 0
    for name, payload in answers(venue):
        ours = msgspec.json.decode(msgspec.json.encode(payload))
        documented = json.loads((fixtures / f"http_json/{name}.json").read_text())
        assert shape(ours) == shape(documented), name
        compared += 1
    assert compared == 14


def order_events(venue: Venue) -> list[Any]:
    venue.floor.deposit("alice", "USDT", Decimal(5))
    venue.floor.submit("alice", NewOrder(BTC, Side.BUY, OrderType.MARKET, quantity=Decimal("0.1")))
    order = NewOrder(BTC, Side.BUY, OrderType.LIMIT, quantity=Decimal("0.1"), price=Decimal(50_000))
    record, _ = venue.floor.submit("alice", order)
    venue.floor.cancel("alice", Cancel(BTC, record.order_id, request_id="cancel-1"))
    venue.store.commit()
    return venue.told


def test_private_events_are_shaped_as_documented(fixtures: Path, venue: Venue) -> None:
    documented = {
        event["e"]: event
        for file in ("execution_report_wrapped", "account_position_wrapped", "balance_update_wrapped")
        for event in [json.loads((fixtures / f"user_data_json/{file}.json").read_text())["event"]]
    }
    spec = venue.floor.exchange.symbols[BTC]
    seen = set()
    for event in order_events(venue):
        if isinstance(event, OrderChanged):
            ours = user_frames.execution_report(spec, event, 1)
        elif isinstance(event, BalancesChanged):
            ours = user_frames.account_position(event, 1)
        else:
            assert isinstance(event, Deposited)
            ours = user_frames.balance_update(event, 1)
        model = documented[str(ours["e"])]
        assert list(ours) == list(model)
        # A commission asset is null until there is one.
        assert shape(ours | {"N": None} if "N" in ours else ours) == shape(model)
        seen.add(ours["x"] if "x" in ours else ours["e"])
    assert seen == {"NEW", "TRADE", "CANCELED", "outboundAccountPosition", "balanceUpdate"}


def test_a_cancel_report_names_both_ids(venue: Venue) -> None:
    events = [event for event in order_events(venue) if isinstance(event, OrderChanged)]
    cancelled = events[-1]
    assert cancelled.change is OrderChange.CANCELED
    report = user_frames.execution_report(venue.floor.exchange.symbols[BTC], cancelled, 1)
    order: OrderRecord = cancelled.order
    assert (report["c"], report["C"], report["X"]) == ("cancel-1", order.client_order_id, "CANCELED")
