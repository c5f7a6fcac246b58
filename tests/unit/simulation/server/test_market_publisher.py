from decimal import Decimal
from typing import Any

import msgspec
import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.protocol import State
from websockets.uri import parse_uri

from core.domain.orders import OrderType, Side
from core.simulation.engine.orders import NewOrder
from core.simulation.server.stream_names import parse_stream_name
from tests.unit.simulation.server.floors import MINUTE_NS, Listener, Venue, quiet_venue

TURNS_PER_S = 50


def listen(venue: Venue, *streams: str, combined: bool = False) -> Listener:
    listener = Listener()
    for stream in streams:
        name = parse_stream_name(stream)
        assert name is not None
        venue.hub.subscribe(listener, name, combined=combined)
    return listener


def payloads(venue: Venue, listener: Listener) -> list[dict[str, Any]]:
    venue.hub.flush()
    client = ClientProtocol(parse_uri("ws://localhost"), state=State.OPEN)
    client.receive_data(b"".join(listener.sent))
    listener.sent.clear()
    return [msgspec.json.decode(event.data) for event in client.events_received() if isinstance(event, Frame)]


def turn(venue: Venue, n: int = TURNS_PER_S) -> None:
    for _ in range(n):
        venue.publisher.turn()


def trade(venue: Venue, lots: int = 50_000) -> None:
    venue.publisher.handle(venue.market.trade("BTCUSDT", lots, venue.clock.now_ns()))


@pytest.fixture
def venue() -> Venue:
    return quiet_venue("BTC/USDT", "ETH/USDT")


def test_trades_and_quotes_go_out_as_they_happen(venue: Venue) -> None:
    listener = listen(venue, "btcusdt@trade", "btcusdt@bookTicker")
    trade(venue, 150_000)
    first, second, quote = payloads(venue, listener)
    assert [event["p"] for event in (first, second)] == ["60000.01000000", "60000.02000000"]
    assert (first["e"], first["t"] + 1, first["m"]) == ("trade", second["t"], False)
    assert (quote["a"], quote["A"], quote["b"]) == ("60000.02000000", "0.50000000", "59999.99000000")


def test_a_quote_that_did_not_change_is_not_repeated(venue: Venue) -> None:
    listener = listen(venue, "btcusdt@bookTicker")
    trade(venue)
    assert len(payloads(venue, listener)) == 1
    venue.floor.submit("alice", _far_bid())
    assert payloads(venue, listener) == []


def test_trades_of_one_taker_at_one_price_are_joined(venue: Venue) -> None:
    listener = listen(venue, "btcusdt@aggTrade", "btcusdt@trade")
    venue.floor.submit("alice", _bid("59999.99"))
    venue.publisher.handle(venue.market.trade("BTCUSDT", 1, venue.clock.now_ns()))
    payloads(venue, listener)
    venue.floor.submit("alice", NewOrder("BTCUSDT", Side.SELL, OrderType.MARKET, quantity=Decimal("1")))
    events = payloads(venue, listener)
    trades = [event for event in events if event["e"] == "trade"]
    joined = [event for event in events if event["e"] == "aggTrade"]
    assert sum(Decimal(event["q"]) for event in joined) == sum(Decimal(event["q"]) for event in trades) == 1
    assert [(event["f"], event["l"]) for event in joined] == [(trades[0]["t"], trades[-1]["t"])]


def test_combined_streams_are_wrapped(venue: Venue) -> None:
    listener = listen(venue, "btcusdt@trade", combined=True)
    trade(venue)
    (frame,) = payloads(venue, listener)
    assert frame["stream"] == "btcusdt@trade"
    assert frame["data"]["e"] == "trade"


def test_nobody_hears_what_he_did_not_ask_for(venue: Venue) -> None:
    listener = listen(venue, "ethusdt@trade", "ethusdt@bookTicker", "ethusdt@kline_1m", "ethusdt@depth@100ms")
    trade(venue)
    turn(venue)
    assert payloads(venue, listener) == []


def test_forming_candles_are_paced_and_closing_ones_prompt(venue: Venue) -> None:
    listener = listen(venue, "btcusdt@kline_1m", "btcusdt@kline_5m")
    for _ in range(TURNS_PER_S):
        trade(venue, 10)
        venue.publisher.turn()
    frames = payloads(venue, listener)
    assert len(frames) == 2 * 4, "four a second and stream"
    assert {frame["k"]["i"] for frame in frames} == {"1m", "5m"}
    assert not any(frame["k"]["x"] for frame in frames)
    venue.clock.time_ns += MINUTE_NS
    venue.floor.advance()
    (closed,) = payloads(venue, listener)
    assert (closed["k"]["i"], closed["k"]["x"], closed["k"]["n"]) == ("1m", True, TURNS_PER_S)
    assert closed["E"] > closed["k"]["T"] == closed["k"]["t"] + 59_999


def test_a_candle_without_trades_closes_flat(venue: Venue) -> None:
    trade(venue)
    listener = listen(venue, "btcusdt@kline_1m")
    venue.clock.time_ns += 2 * MINUTE_NS
    venue.floor.advance()
    _, flat = payloads(venue, listener)
    candle = flat["k"]
    assert candle["x"] and candle["o"] == candle["h"] == candle["l"] == candle["c"] == "60000.01000000"
    assert (candle["n"], candle["f"], candle["L"]) == (0, -1, -1)


def test_book_diffs_rebuild_the_book(venue: Venue) -> None:
    listener = listen(venue, "btcusdt@depth@100ms", "btcusdt@depth")
    trade(venue)
    turn(venue)
    payloads(venue, listener)
    book = venue.floor.exchange.depth("BTCUSDT", 1_000)
    levels = {"b": dict(book.bids), "a": dict(book.asks)}
    last_id = book.last_update_id
    fast = []
    for round_number in range(4):
        trade(venue, 40_000)
        venue.floor.submit("alice", _bid(f"{59_000 + round_number}"))
        turn(venue, 5)
        fast += payloads(venue, listener)
    turn(venue)
    (slow,) = payloads(venue, listener)
    assert (slow["U"], slow["u"]) == (fast[0]["U"], fast[-1]["u"])
    for diff in fast:
        assert diff["U"] == last_id + 1
        last_id = diff["u"]
        for side in ("b", "a"):
            for price, quantity in diff[side]:
                levels[side][round(float(price) * 100)] = round(float(quantity) * 100_000)
    after = venue.floor.exchange.depth("BTCUSDT", 1_000)
    assert {price: lots for price, lots in levels["b"].items() if lots} == dict(after.bids)
    assert {price: lots for price, lots in levels["a"].items() if lots} == dict(after.asks)
    assert last_id == after.last_update_id


def test_partial_books_come_only_when_something_changed(venue: Venue) -> None:
    listener = listen(venue, "btcusdt@depth5@100ms")
    turn(venue, 10)
    (book,) = payloads(venue, listener)
    assert len(book["bids"]) == len(book["asks"]) == 5
    assert book["bids"][0][0] == "59999.99000000"
    turn(venue, 10)
    assert payloads(venue, listener) == []


def test_tickers_come_once_a_second_after_trades(venue: Venue) -> None:
    listener = listen(venue, "btcusdt@ticker", "btcusdt@miniTicker", "btcusdt@avgPrice")
    turn(venue)
    assert payloads(venue, listener) == []
    trade(venue)
    turn(venue)
    assert {event["e"] for event in payloads(venue, listener)} == {"24hrTicker", "24hrMiniTicker", "avgPrice"}
    everything = listen(venue, "!miniTicker@arr")
    turn(venue)
    (tickers,) = payloads(venue, everything)
    assert [ticker["s"] for ticker in tickers] == ["BTCUSDT", "ETHUSDT"]


def _bid(price: str) -> NewOrder:
    return NewOrder("BTCUSDT", Side.BUY, OrderType.LIMIT, quantity=Decimal("0.1"), price=Decimal(price))


def _far_bid() -> NewOrder:
    return _bid("50000")
