"""What the market's door takes, and that nothing sent there breaks it."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.forwarded import MOST_WAITING, ForwardedMarket, QuoteShown, forwarded_venue
from core.simulation.server.feed_messages import MOST_EVENTS, FeedAnswer
from core.simulation.server.market_feed import MarketFeed
from tests.unit.instruments import spot

START_NS = 1_700_000_000_000_000_000
QUOTE = {
    "type": "quote",
    "instrument_id": "BTC/USDT",
    "bid": 60_000.01,
    "bid_quantity": 0.5,
    "ask": 60_000.02,
    "ask_quantity": 1.25,
}
TRADE = {
    "type": "trade",
    "instrument_id": "BTC/USDT",
    "price": "60000.01",
    "quantity": "0.5",
    "buyer_is_maker": True,
    "event_ns": START_NS,
}


class Door:
    def __init__(self) -> None:
        venue = forwarded_venue([spot("BTC/USDT"), spot("ETH/USDT")], fees=FeeSchedule(), start_ns=START_NS)
        assert isinstance(venue.market, ForwardedMarket)
        self.exchange, self.market = venue.exchange, venue.market
        self.feed = MarketFeed(self.market, self.exchange.symbols.values())

    def take(self, *events: dict[str, Any]) -> FeedAnswer:
        answer = self.feed.take(msgspec.json.encode(events))
        self.market.advance(START_NS + 1)
        return answer


@pytest.fixture
def door() -> Door:
    return Door()


class Line:
    """Stands for a connection."""

    address = "here"

    def __init__(self) -> None:
        self.sent: list[FeedAnswer] = []
        self.closed_for = ""

    def send(self, payload: bytes) -> None:
        self.sent.append(msgspec.json.decode(payload, type=FeedAnswer))

    def close(self, code: int, reason: str) -> None:
        self.closed_for = reason


def test_quotes_and_trades_reach_the_exchange_exactly(door: Door) -> None:
    assert door.take(QUOTE, TRADE) == FeedAnswer(taken=2)
    best = door.exchange.best("BTCUSDT")
    assert (best.bid, best.bid_quantity, best.ask, best.ask_quantity) == (6_000_001, 50_000, 6_000_002, 125_000)
    (trade,) = door.exchange.recent_trades("BTCUSDT", 5)
    assert (trade.price, trade.quantity, trade.buyer_is_maker) == (6_000_001, 50_000, True)


def test_what_lies_between_steps_goes_to_the_worse_side(door: Door) -> None:
    door.take({**QUOTE, "bid": 99.998, "ask": 100.003, "bid_quantity": 0.000019, "ask_quantity": 0.00001})
    best = door.exchange.best("BTCUSDT")
    assert (best.bid, best.bid_quantity, best.ask, best.ask_quantity) == (9_999, 1, 10_001, 1)
    door.take({**TRADE, "price": "99.991"}, {**TRADE, "price": "100.009", "buyer_is_maker": False})
    assert [trade.price for trade in door.exchange.recent_trades("BTCUSDT", 5)] == [10_000, 10_000]


def test_a_lost_stream_takes_the_quotes_away(door: Door) -> None:
    door.take(QUOTE)
    door.take({"type": "lost", "instrument_ids": ["BTC/USDT"]})
    assert door.exchange.best("BTCUSDT").bid_quantity == 0


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({**QUOTE, "instrument_id": "DOGE/USDT"}, "DOGE/USDT is not listed here"),
        ({**QUOTE, "bid": 60_000.03}, "bid 60000.03 is not below ask 60000.02"),
        ({**QUOTE, "bid": -1.0}, "-1.0 is neither a price nor a quantity"),
        ({**QUOTE, "ask_quantity": 1e300}, "1e+300 is neither a price nor a quantity"),
        ({**QUOTE, "bid": 0.0}, "a price of 0.00000000 is out of range"),
        ({**TRADE, "price": "much"}, "'much' is no number"),
        ({**TRADE, "price": "NaN"}, "'NaN' is neither a price nor a quantity"),
        ({**TRADE, "quantity": "1e999999"}, "'1e999999' is no number"),
        ({**TRADE, "quantity": "0.000001"}, "no trade of 0.000001 at 60000.01 can be"),
        ({"type": "lost", "instrument_ids": ["DOGE/USDT"]}, "DOGE/USDT is not listed here"),
    ],
)
def test_an_event_that_means_nothing_is_refused_by_itself(door: Door, event: dict[str, Any], reason: str) -> None:
    answer = door.take(event, TRADE, QUOTE)
    assert (answer.taken, answer.refused) == (2, 1)
    assert reason in answer.reason
    assert door.exchange.best("BTCUSDT").bid_quantity == 50_000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "Input data was truncated"),
        (b"[{", "Input data was truncated"),
        (b"{}", "Expected `array`, got `object`"),
        (b"[7]", "Expected `object`, got `int` - at `$[0]`"),
        (b'[{"type": "order"}]', "Invalid value 'order' - at `$[0].type`"),
        (b'[{"type": "lost"}]', "missing required field `instrument_ids`"),
        (b'[{"type": "lost", "instrument_ids": [], "more": 1}]', "unknown field `more`"),
        (msgspec.json.encode([QUOTE] * (MOST_EVENTS + 1)), "1001 events in one message, at most 1000 are taken"),
        (b"[" * 100_000, ""),
    ],
)
def test_a_message_that_cannot_be_read_is_refused_with_its_reason(door: Door, text: bytes, reason: str) -> None:
    answer = door.feed.take(text)
    assert (answer.taken, answer.refused) == (0, 1)
    assert reason in answer.reason


def test_a_full_market_asks_for_patience(door: Door) -> None:
    door.market.offer([QuoteShown("BTCUSDT", 1, 1, 2, 1)] * MOST_WAITING)
    text = msgspec.json.encode([QUOTE])
    assert door.feed.take(text).is_full
    door.market.advance(START_NS + 1)
    assert door.feed.take(text) == FeedAnswer(taken=1)
    assert door.feed.statistics().taken == 1


_numbers = st.one_of(st.floats(), st.integers(), st.text(), st.none(), st.booleans())
_events = st.one_of(
    st.fixed_dictionaries({key: st.one_of(st.just(value), _numbers) for key, value in QUOTE.items()}),
    st.fixed_dictionaries({key: st.one_of(st.just(value), _numbers) for key, value in TRADE.items()}),
    st.dictionaries(st.text(), _numbers),
)


@given(st.lists(_events, max_size=4))
def test_no_message_breaks_it(events: list[Any]) -> None:
    door = Door()
    door.feed.take(msgspec.json.encode(events))
    door.market.advance(START_NS + 1)


@given(st.binary())
def test_no_bytes_break_it(text: bytes) -> None:
    assert Door().feed.take(text).taken == 0 or text.strip() == b"[]"


def test_the_newest_connection_is_the_feed(door: Door) -> None:
    first: Any = Line()
    second: Any = Line()
    door.feed.opened(first, "/market", "")
    door.feed.message(first, msgspec.json.encode([QUOTE]))
    door.feed.opened(second, "/market", "")
    door.market.advance(START_NS + 1)
    assert first.closed_for == "another feed came"
    assert door.exchange.best("BTCUSDT").bid_quantity == 0
    door.feed.message(first, msgspec.json.encode([QUOTE]))
    door.feed.message(second, msgspec.json.encode([TRADE]))
    assert (len(first.sent), len(second.sent)) == (1, 1)
    door.feed.closed(first)
    assert door.feed.statistics().is_connected


def test_the_end_of_the_feed_is_the_end_of_the_market(door: Door) -> None:
    line: Any = Line()
    door.feed.opened(line, "/market", "")
    door.feed.message(line, msgspec.json.encode([QUOTE]))
    door.feed.closed(line)
    door.market.advance(START_NS + 1)
    assert door.exchange.best("BTCUSDT").bid_quantity == 0
    assert not door.feed.statistics().is_connected


def test_it_is_found_on_one_path_only(door: Door) -> None:
    assert door.feed.route("/market") is door.feed
    assert door.feed.route("/ledger") is None


def test_a_quote_of_a_fine_lot_is_not_rounded_away() -> None:
    fine = spot("SHIB/USDT", tick_size=Decimal("0.00000001"), lot_size=Decimal(1), min_quantity=Decimal(1))
    venue = forwarded_venue([fine], fees=FeeSchedule(), start_ns=START_NS)
    assert isinstance(venue.market, ForwardedMarket)
    feed = MarketFeed(venue.market, venue.exchange.symbols.values())
    quote = {**QUOTE, "instrument_id": "SHIB/USDT", "bid": 0.00001234, "ask": 0.00001235, "bid_quantity": 98_765_432.0}
    feed.take(msgspec.json.encode([quote]))
    venue.market.advance(START_NS + 1)
    best = venue.exchange.best("SHIBUSDT")
    assert (best.bid, best.bid_quantity, best.ask, best.ask_quantity) == (1_234, 98_765_432, 1_235, 1)
