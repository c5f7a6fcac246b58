"""The forwarded market's rules, one by one. Prices in USDT, a tick of 0.01, quantities in lots of 0.001."""

from decimal import Decimal

import pytest

from core.domain.errors import SettingsError
from core.domain.orders import OrderStatus, OrderType
from core.simulation.engine.events import CandleClosed, Event
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.forwarded import (
    LADDER_LEVELS,
    MOST_WAITING,
    ForwardedMarket,
    MarketLost,
    QuoteShown,
    TradeSeen,
    forwarded_venue,
)
from core.simulation.engine.orders import NewOrder, OrderRecord
from core.simulation.engine.refusals import Refusal
from tests.unit.instruments import spot
from tests.unit.simulation.engine.exchanges import (
    BUY,
    FREE,
    SELL,
    START_NS,
    SYMBOL,
    limit,
    market,
    stop,
)

SELLER, BUYER = True, False
"""Who came to trade: `buyer_is_maker` of a trade."""


class Paper:
    """A forwarded venue with one account, fed by hand; each event a millisecond after the one before."""

    def __init__(self) -> None:
        instrument = spot(lot_size=Decimal("0.001"), min_quantity=Decimal("0.001"), min_notional=Decimal(0))
        venue = forwarded_venue([instrument], fees=FREE, start_ns=START_NS)
        assert isinstance(venue.market, ForwardedMarket)
        self.exchange: Exchange = venue.exchange
        self.market: ForwardedMarket = venue.market
        self.now_ns = START_NS
        self.exchange.open_account("a", {"BTC": Decimal(1_000), "USDT": Decimal(10_000_000)}, START_NS)

    def play(self, event: QuoteShown | TradeSeen | MarketLost) -> list[Event]:
        self.now_ns += 1_000_000
        assert self.market.offer([event])
        return self.market.advance(self.now_ns)

    def quote(self, bid: float, bid_lots: int, ask: float, ask_lots: int) -> list[Event]:
        return self.play(QuoteShown(SYMBOL, round(bid * 100), bid_lots, round(ask * 100), ask_lots))

    def trade(self, price: float, lots: int, taker: bool, *, late_ns: int = 0) -> list[Event]:
        when_ns = self.now_ns + 1_000_000 - late_ns
        return self.play(TradeSeen(SYMBOL, round(price * 100), lots, taker, when_ns))

    def place(self, order: NewOrder) -> OrderRecord:
        self.now_ns += 1_000_000
        self.market.advance(self.now_ns)
        return self.exchange.submit("a", order, self.now_ns)[0]

    def now(self, record: OrderRecord) -> OrderRecord:
        found = self.exchange.order("a", SYMBOL, order_id=record.order_id)
        assert found is not None
        return found

    def fills(self) -> list[tuple[float, int]]:
        return [(trade.price / 100, trade.quantity) for trade in self.exchange.trades("a")]


@pytest.fixture
def paper() -> Paper:
    return Paper()


@pytest.fixture
def quoted(paper: Paper) -> Paper:
    paper.quote(99, 10, 101, 10)
    return paper


# Taking


def test_before_the_first_quote_orders_rest_and_takers_find_nothing(paper: Paper) -> None:
    resting = paper.place(limit(BUY, 1, 200))
    taker = paper.place(market(BUY, 1))
    paper.trade(50, 1_000, SELLER)
    assert paper.now(resting).status is OrderStatus.NEW
    assert (taker.status, taker.filled) == (OrderStatus.EXPIRED, 0)
    assert paper.exchange.recent_trades(SYMBOL, 10) == []


def test_a_taker_fills_at_the_touch_up_to_its_size(quoted: Paper) -> None:
    record = quoted.place(market(BUY, "0.010"))
    assert record.status is OrderStatus.FILLED
    assert quoted.fills() == [(101, 10)]


def test_beyond_the_touch_the_ladder_is_walked(quoted: Paper) -> None:
    quoted.place(market(SELL, "0.050"))
    # Two hundredths of a per cent of 99 are 1.98 ticks: two.
    assert quoted.fills() == [(99, 10), (98.98, 20), (98.96, 20)]


def test_what_even_the_ladder_lacks_expires(quoted: Paper) -> None:
    record = quoted.place(market(BUY, 100))
    assert record.status is OrderStatus.EXPIRED
    assert record.filled == 10 * (2 ** (LADDER_LEVELS + 1) - 1)


def test_what_was_taken_comes_back_with_another_quote_only(quoted: Paper) -> None:
    quoted.place(limit(BUY, "0.010", 101))
    quoted.quote(98, 10, 101, 10)
    assert quoted.place(market(BUY, "0.001")).filled == 1
    assert quoted.fills()[-1] == (101.03, 1)
    quoted.quote(98, 10, 101, 11)
    quoted.place(market(BUY, "0.011"))
    assert quoted.fills()[-1] == (101, 11)


def test_an_empty_side_sells_nothing(paper: Paper) -> None:
    paper.quote(99, 10, 0, 0)
    assert paper.place(market(BUY, 1)).filled == 0
    assert paper.place(market(SELL, "0.010")).filled == 10


def test_a_trade_beyond_the_touch_takes_it_away(quoted: Paper) -> None:
    quoted.trade(95, 3, SELLER)
    quoted.place(market(SELL, "0.001"))
    assert quoted.fills() == [(94.98, 1)]
    quoted.quote(99, 10, 101, 10)
    quoted.place(market(SELL, "0.001"))
    assert quoted.fills()[-1] == (99, 1)


def test_a_seller_found_above_the_ask_takes_the_ask_away(quoted: Paper) -> None:
    quoted.trade(103, 3, SELLER)
    quoted.place(market(BUY, "0.001"))
    assert quoted.fills() == [(103.03, 1)]


# Resting


def test_an_order_at_the_touch_waits_for_what_stood_ahead_of_it(quoted: Paper) -> None:
    record = quoted.place(limit(BUY, "0.005", 99))
    quoted.trade(99, 8, SELLER)
    assert quoted.now(record).filled == 0
    quoted.trade(99, 4, SELLER)
    assert quoted.now(record).filled == 2
    quoted.trade(99, 100, SELLER)
    assert quoted.now(record).status is OrderStatus.FILLED
    assert quoted.fills() == [(99, 2), (99, 3)]


def test_a_shrinking_or_growing_quote_moves_nobody_forward_or_back(quoted: Paper) -> None:
    record = quoted.place(limit(BUY, "0.005", 99))
    quoted.quote(99, 2, 101, 10)
    quoted.quote(99, 500, 101, 10)
    quoted.trade(99, 10, SELLER)
    assert quoted.now(record).filled == 0
    quoted.trade(99, 1, SELLER)
    assert quoted.now(record).filled == 1


def test_buyers_do_not_fill_buyers(quoted: Paper) -> None:
    record = quoted.place(limit(BUY, "0.005", 99))
    quoted.trade(99, 100, BUYER)
    assert quoted.now(record).filled == 0


def test_a_trade_above_a_buyers_price_does_not_fill_it(quoted: Paper) -> None:
    record = quoted.place(limit(BUY, "0.005", 99))
    quoted.trade(100, 100, SELLER)
    assert quoted.now(record).filled == 0


def test_the_first_in_a_spread_has_nobody_ahead(quoted: Paper) -> None:
    record = quoted.place(limit(BUY, "0.005", 100))
    quoted.trade(100, 3, SELLER)
    assert quoted.now(record).filled == 3


def test_an_order_behind_the_touch_waits_for_the_touch_to_reach_it(quoted: Paper) -> None:
    record = quoted.place(limit(BUY, "0.005", 98))
    quoted.trade(98, 100, SELLER)  # how much stood there is not known
    assert quoted.now(record).filled == 0
    quoted.quote(98, 7, 101, 10)
    quoted.trade(98, 8, SELLER)
    assert quoted.now(record).filled == 1


def test_an_order_that_the_touch_has_passed_is_first(quoted: Paper) -> None:
    record = quoted.place(limit(BUY, "0.005", 98))
    quoted.quote(97, 7, 101, 10)
    quoted.quote(98, 7, 101, 10)
    quoted.trade(98, 2, SELLER)
    assert quoted.now(record).filled == 2


def test_a_trade_through_the_price_fills_by_its_quantity(quoted: Paper) -> None:
    record = quoted.place(limit(BUY, "0.005", "98.50"))
    quoted.trade(98, 2, SELLER)
    assert quoted.now(record).filled == 2
    assert quoted.fills() == [(98.5, 2)]
    assert quoted.exchange.last_price(SYMBOL) == 9_850


def test_two_orders_share_a_trade_in_their_order(quoted: Paper) -> None:
    first, second = quoted.place(limit(BUY, "0.005", 100)), quoted.place(limit(BUY, "0.005", 100))
    quoted.trade(100, 7, SELLER)
    assert (quoted.now(first).filled, quoted.now(second).filled) == (5, 2)


def test_an_ask_at_or_below_fills_by_what_it_shows(quoted: Paper) -> None:
    record = quoted.place(limit(BUY, "0.030", 100))
    quoted.quote(99, 10, 100, 10)
    quoted.quote(98, 10, 100, 10)  # the same ask again
    assert quoted.now(record).filled == 10
    quoted.quote(98, 10, 99.5, 4)
    assert quoted.now(record).filled == 14
    assert quoted.fills() == [(100, 10), (100, 4)]


def test_what_an_order_met_is_no_longer_for_takers(quoted: Paper) -> None:
    quoted.place(limit(BUY, "0.004", 100))
    quoted.quote(99, 10, 100, 10)
    quoted.place(limit(BUY, "1", 100))
    assert quoted.fills() == [(100, 4), (100, 6)]


def test_a_trade_older_than_the_order_does_not_fill_it(quoted: Paper) -> None:
    record = quoted.place(limit(BUY, "0.005", 100))
    quoted.trade(98, 100, SELLER, late_ns=5_000_000)
    assert quoted.now(record).filled == 0
    quoted.trade(98, 100, SELLER)
    assert quoted.now(record).filled == 5


def test_an_order_that_rests_after_taking_is_met_by_the_next_quote(quoted: Paper) -> None:
    record = quoted.place(limit(BUY, "0.015", 101))
    assert record.filled == 10
    quoted.quote(99, 10, 101, 3)
    assert quoted.now(record).filled == 13
    best = quoted.exchange.best(SYMBOL)
    assert (best.bid, best.bid_quantity) == (10_100, 2)
    assert best.ask > best.bid


def test_sell_orders_mirror_buy_orders(quoted: Paper) -> None:
    record = quoted.place(limit(SELL, "0.005", 101))
    quoted.trade(101, 11, BUYER)
    assert quoted.now(record).filled == 1
    quoted.trade(102, 2, BUYER)
    assert quoted.now(record).filled == 3
    quoted.quote(101.5, 1, 103, 10)
    assert quoted.now(record).filled == 4


# Stops


def test_a_stop_triggers_on_trades_not_on_quotes(quoted: Paper) -> None:
    quoted.trade(100, 1, SELLER)
    record = quoted.place(stop(OrderType.STOP_LOSS, SELL, "0.005", 98))
    quoted.quote(97, 10, 97.5, 10)
    assert quoted.now(record).status is OrderStatus.NEW
    quoted.trade(97, 1, SELLER)
    assert quoted.now(record).status is OrderStatus.FILLED
    assert quoted.fills() == [(97, 5)]


def test_a_stop_in_a_gap_fills_behind_the_trade_that_triggered_it(quoted: Paper) -> None:
    quoted.trade(100, 1, SELLER)
    record = quoted.place(stop(OrderType.STOP_LOSS, SELL, "0.005", 98))
    quoted.trade(90, 1, SELLER)
    assert quoted.now(record).status is OrderStatus.FILLED
    assert quoted.fills() == [(89.98, 5)]


# The feed


def test_a_lost_market_leaves_orders_resting_and_takers_alone(quoted: Paper) -> None:
    record = quoted.place(limit(BUY, "0.005", 99))
    quoted.play(MarketLost(SYMBOL))
    quoted.trade(90, 100, SELLER)
    assert quoted.now(record).status is OrderStatus.NEW
    assert quoted.place(market(BUY, 1)).filled == 0
    assert quoted.exchange.best(SYMBOL).ask_quantity == 0


def test_the_place_in_the_queue_is_lost_with_the_market(quoted: Paper) -> None:
    record = quoted.place(limit(BUY, "0.005", 99))
    quoted.trade(99, 9, SELLER)
    quoted.market.lose()
    quoted.quote(99, 20, 101, 10)
    quoted.trade(99, 20, SELLER)
    assert quoted.now(record).filled == 0
    quoted.trade(99, 1, SELLER)
    assert quoted.now(record).filled == 1


def test_too_many_events_are_refused_whole(paper: Paper) -> None:
    quote = QuoteShown(SYMBOL, 9_900, 1, 10_100, 1)
    assert paper.market.offer([quote] * (MOST_WAITING - 1))
    assert not paper.market.offer([quote, quote])
    assert paper.market.offer([quote])
    paper.market.advance(paper.now_ns)
    assert paper.market.offer([quote, quote])


def test_trades_make_the_tape_and_the_candles(quoted: Paper) -> None:
    quoted.trade(100, 3, SELLER)
    quoted.trade(102, 4, BUYER)
    quoted.now_ns += 60_000_000_000
    closed = [event for event in quoted.market.advance(quoted.now_ns) if isinstance(event, CandleClosed)]
    candle = closed[0].candle
    assert (candle.open, candle.high, candle.low, candle.close, candle.volume) == (10_000, 10_200, 10_000, 10_200, 7)
    assert [(each.price, each.quantity) for each in quoted.exchange.recent_trades(SYMBOL, 5)] == [
        (10_000, 3),
        (10_200, 4),
    ]


def test_a_maker_only_order_that_would_take_is_refused(quoted: Paper) -> None:
    with pytest.raises(Refusal):
        quoted.place(limit(BUY, 1, 101, order_type=OrderType.LIMIT_MAKER))


def test_an_instrument_finer_than_the_engine_counts_is_named() -> None:
    fine = spot(tick_size=Decimal("0.00000001"), lot_size=Decimal("0.00001"))
    with pytest.raises(SettingsError, match="the paper venue can't list BTCUSDT: tick x lot"):
        forwarded_venue([fine], fees=FREE, start_ns=START_NS)
