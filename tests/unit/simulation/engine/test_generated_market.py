"""The generated venue as its clients see it: full books, candles that equal their trades, one past, one future."""

import os
import subprocess
import sys
from collections import defaultdict
from decimal import Decimal
from hashlib import sha256
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from core.domain.errors import SettingsError
from core.domain.instruments import InstrumentId
from core.domain.orders import OrderStatus
from core.simulation.engine.events import BookChanged, Candle, CandleClosed, Event, Trade
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.intervals import Interval
from core.simulation.engine.liquidity import LEVELS_KEPT
from core.simulation.engine.venue import Venue, generated_venue
from tests.unit.simulation.engine.exchanges import BUY, SELL, limit, market
from tests.unit.simulation.engine.returns import (
    DEVIATION_BPS,
    ONE_TICK_SHARE,
    SPREAD_MEAN_BPS,
    SPREAD_MEDIAN_BPS,
    VOLUME_CORRELATION,
    assert_within_bands,
    log_returns,
    volume_correlation,
)

START_NS = 1_700_000_015_000_000_000
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS


def venue(*symbols: str, seed: int = 1, messages_per_s: float = 1.0) -> Venue:
    return generated_venue(
        [InstrumentId(symbol) for symbol in symbols or ("BTC/USDT", "ETH/USDT")],
        fees=FeeSchedule(),
        seed=seed,
        start_ns=START_NS,
        messages_per_s=messages_per_s,
    )


def digest(events: list[Event]) -> str:
    return sha256(msgspec.msgpack.encode(events)).hexdigest()


def play(of: Venue, minutes: float, step_s: float = 7.0) -> list[Event]:
    events, now_ns, end_ns = [], of.start_ns, of.start_ns + int(minutes * MINUTE_NS)
    while now_ns < end_ns:
        events += of.market.advance(now_ns)
        now_ns += int(step_s * SECOND_NS)
    return events + of.market.advance(end_ns)


def test_books_are_deep_never_crossed_and_follow_from_their_diffs() -> None:
    of = venue("BTC/USDT", "ETH/BTC", "DOGE/USDT", "SYM042/USDT", messages_per_s=0.3)
    books: dict[str, tuple[dict[int, int], dict[int, int]]] = defaultdict(lambda: ({}, {}))
    updates: dict[str, int] = defaultdict(int)
    for minute in range(60):
        for event in of.market.advance(of.start_ns + minute * MINUTE_NS):
            if not isinstance(event, BookChanged):
                continue
            assert event.first_update_id == updates[event.symbol] + 1
            updates[event.symbol] = event.last_update_id
            for book, changed in zip(books[event.symbol], (event.bids, event.asks), strict=True):
                assert all(lots >= 0 and price > 0 for price, lots in changed)
                book.update(changed)
                for price in [price for price, lots in changed if lots == 0]:
                    del book[price]
                assert 50 <= len(book) <= LEVELS_KEPT + 10
            bids, asks = books[event.symbol]
            assert max(bids) == event.best_bid < event.best_ask == min(asks)
    for symbol, (bids, asks) in books.items():
        depth = of.exchange.depth(symbol, 1_000)
        assert (dict(depth.bids), dict(depth.asks)) == (bids, asks)
        assert depth.last_update_id == updates[symbol]


def test_candles_equal_their_trades() -> None:
    of = venue(messages_per_s=0.2)
    events = play(of, 95)
    trades: dict[tuple[str, int], list[Trade]] = defaultdict(list)
    for event in events:
        if isinstance(event, Trade):
            for interval in Interval:
                open_ms = interval.open_ms(event.time_ns // 1_000_000)
                trades[event.symbol + interval.value, open_ms].append(event)
    checked = 0
    for event in events:
        if not isinstance(event, CandleClosed) or event.candle.open_ms < of.start_ns // 1_000_000:
            continue
        found = trades.pop((event.symbol + event.interval.value, event.candle.open_ms), [])
        assert prices(event.candle) == (
            (found[0].price, max(t.price for t in found), min(t.price for t in found), found[-1].price)
            if found
            else (event.candle.close,) * 4
        )
        assert event.candle.volume == sum(trade.quantity for trade in found)
        assert event.candle.n_trades == len(found)
        assert event.time_ns == (event.candle.close_ms + 1) * 1_000_000
        checked += event.interval is not Interval.M1
    assert checked > 30


def prices(candle: Candle) -> tuple[int, int, int, int]:
    return candle.open, candle.high, candle.low, candle.close


def test_times_never_go_back_and_sequences_have_no_gap() -> None:
    events = play(venue(), 20)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    times = [event.time_ns for event in events]
    assert times == sorted(times)


def test_what_happens_does_not_depend_on_how_often_one_looks() -> None:
    whole = digest(venue().market.advance(START_NS + 12 * MINUTE_NS))
    assert digest(play(venue(), (START_NS - venue().start_ns) / MINUTE_NS + 12, step_s=0.737)) == whole


def test_seeds_differ() -> None:
    assert digest(play(venue(seed=1), 1)) != digest(play(venue(seed=2), 1))


SCRIPT = """
from tests.unit.simulation.engine.test_generated_market import digest, session
print(digest(session()))
"""


def session() -> list[Event]:
    """A market with accounts trading in it, as one log."""
    of = venue("BTC/USDT", "ETH/USDT", "ETH/BTC", seed=3)
    events = of.market.advance(of.start_ns)
    now_ns = of.start_ns
    for account in ("a", "b", "c"):
        deposits = {"USDT": Decimal(100_000), "BTC": Decimal(2), "ETH": Decimal(5)}
        events += of.exchange.open_account(account, deposits, now_ns, fee_asset="BNB" if account == "c" else None)
    for step in range(120):
        now_ns += 5 * SECOND_NS
        events += of.market.advance(now_ns)
        best, account = of.exchange.best("BTCUSDT"), "abc"[step % 3]
        side, ticks = (BUY, best.bid - step % 7) if step % 2 else (SELL, best.ask + step % 5)
        order = limit(side, "0.01", Decimal(ticks).scaleb(-2)) if step % 4 else market(side, "0.02")
        events += of.exchange.submit(account, order, now_ns)[1]
        if step % 30 == 29:
            events += of.exchange.cancel_all(account, "BTCUSDT", now_ns)[1] if of.exchange.open_orders(account) else []
    return events


@pytest.mark.slow
def test_the_same_seed_gives_the_same_log_in_any_process() -> None:
    here = digest(session())
    for hash_seed in ("0", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        there = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
        )
        assert there.stdout.strip() == here


def test_accounts_meet_the_market() -> None:
    of = venue("BTC/USDT")
    of.market.advance(of.start_ns)
    of.exchange.open_account("a", {"USDT": Decimal(100_000), "BTC": Decimal(1)}, of.start_ns)
    best = of.exchange.best("BTCUSDT")
    resting = [
        of.exchange.submit("a", limit(side, "0.01", Decimal(ticks).scaleb(-2)), of.start_ns)[0]
        for side, ticks in ((BUY, best.bid - 3_000), (SELL, best.ask + 3_000))
    ]
    play(of, 120)
    states = {
        order.status for record in resting if (order := of.exchange.order("a", "BTCUSDT", order_id=record.order_id))
    }
    assert OrderStatus.FILLED in states
    low, high = candles_range(of, "BTCUSDT")
    for record in resting:
        found = of.exchange.order("a", "BTCUSDT", order_id=record.order_id)
        assert found is not None
        passed = low < record.price if record.side is BUY else high > record.price
        assert found.status is (OrderStatus.FILLED if passed else OrderStatus.NEW)


def candles_range(of: Venue, symbol: str) -> tuple[int, int]:
    live = of.exchange.candles(symbol, Interval.M1, start_ms=of.start_ns // 1_000_000, limit=1_500)
    return min(candle.low for candle in live), max(candle.high for candle in live)


@pytest.mark.slow
def test_symbols_of_three_currencies_agree() -> None:
    of = venue("BTC/USDT", "ETH/USDT", "ETH/BTC", messages_per_s=2)
    play(of, 45)
    ether, bitcoin, cross = (
        of.exchange.symbols[name].price_float(of.exchange.best(name).bid) for name in ("ETHUSDT", "BTCUSDT", "ETHBTC")
    )
    assert ether / bitcoin == pytest.approx(cross, rel=2e-3)


def test_the_past_of_three_currencies_agrees() -> None:
    of = venue("BTC/USDT", "ETH/USDT", "ETH/BTC")
    closes = {
        name: {
            candle.open_ms: of.exchange.symbols[name].price_float(candle.close)
            for candle in of.exchange.candles(name, Interval.H1, limit=1_000)
        }
        for name in ("BTCUSDT", "ETHUSDT", "ETHBTC")
    }
    for open_ms, cross in closes["ETHBTC"].items():
        assert closes["ETHUSDT"][open_ms] / closes["BTCUSDT"][open_ms] == pytest.approx(cross, rel=1e-3)


def test_a_market_goes_on_from_given_prices() -> None:
    of = generated_venue(
        [InstrumentId("BTC/USDT"), InstrumentId("ETH/USDT")],
        fees=FeeSchedule(),
        seed=1,
        start_ns=START_NS,
        messages_per_s=1,
        first_prices={InstrumentId("BTC/USDT"): Decimal("43210.98")},
    )
    of.market.advance(of.start_ns)
    assert of.exchange.last_price("BTCUSDT") == 4_321_098
    assert of.exchange.best("BTCUSDT").bid == 4_321_098
    assert of.exchange.last_price("ETHUSDT") == 300_000


def test_the_past_leads_up_to_the_present() -> None:
    of = venue("BTC/USDT", "SYM007/USDT")
    start_ms = of.start_ns // 1_000_000
    for symbol in ("BTCUSDT", "SYM007USDT"):
        for interval in Interval:
            candles = of.exchange.candles(symbol, interval, limit=10_000)
            opens = [candle.open_ms for candle in candles]
            assert opens[-1] == interval.open_ms(start_ms)
            assert all(interval.next_open_ms(a) == b for a, b in pairwise(opens))
            for candle in candles:
                assert 0 < candle.low <= min(candle.open, candle.close) <= max(candle.open, candle.close) <= candle.high
                assert candle.low * candle.volume <= candle.quote_volume <= candle.high * candle.volume
                assert 0 <= candle.taker_buy_volume <= candle.volume
        enough = {Interval.M1: 1_500, Interval.M5: 1_000, Interval.H1: 1_000, Interval.D1: 400}
        for interval, wanted in enough.items():
            assert len(of.exchange.candles(symbol, interval, limit=10_000)) > wanted
        assert of.exchange.last_price(symbol) == of.exchange.candles(symbol, Interval.M1, limit=2)[0].close
        hours = of.exchange.candles(symbol, Interval.H1, limit=3)
        minutes = of.exchange.candles(symbol, Interval.M1, start_ms=hours[1].open_ms, limit=60)
        assert hours[1].volume == sum(candle.volume for candle in minutes)
        assert hours[1].high == max(candle.high for candle in minutes)
    ticker = of.exchange.ticker_24h("BTCUSDT")
    assert ticker.low <= ticker.open <= ticker.high
    assert ticker.n_trades > 1_000


@pytest.mark.slow
def test_quotes_stand_as_far_apart_as_recorded_ones() -> None:
    of = venue("BTC/USDT")
    quotes = [event for event in play(of, 150) if isinstance(event, BookChanged)]
    spreads = np.array([(q.best_ask - q.best_bid) / (q.best_ask + q.best_bid) * 2e4 for q in quotes])
    assert spreads.mean() in SPREAD_MEAN_BPS
    assert float(np.median(spreads)) in SPREAD_MEDIAN_BPS
    assert float(np.mean([q.best_ask - q.best_bid == 1 for q in quotes])) in ONE_TICK_SHARE


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_live_candles_look_recorded(seed: int) -> None:
    """Ten days of minutes, each made of trades in the book."""
    of = venue("BTC/USDT", seed=seed, messages_per_s=1 / 4)
    candles = []
    for hour in range(240):
        events = of.market.advance(of.start_ns + hour * 60 * MINUTE_NS)
        candles += [e.candle for e in events if isinstance(e, CandleClosed) and e.interval is Interval.M1]
    returns = log_returns(np.array([candle.close for candle in candles], dtype=np.float64))
    volumes = np.array([candle.volume for candle in candles[1:]], dtype=np.float64)
    assert_within_bands(returns)
    assert returns.std() * 1e4 in DEVIATION_BPS
    assert volume_correlation(returns, volumes) in VOLUME_CORRELATION


@pytest.mark.parametrize("symbol", ["BTCUSDT", "BTC/USDT:USDT", "/USDT", "BTC/BTC", "btc/usdt", "BTC/US DT"])
def test_what_is_not_a_spot_symbol_is_named(symbol: str) -> None:
    with pytest.raises(SettingsError, match=symbol):
        venue(symbol)


def test_a_symbol_is_listed_once() -> None:
    with pytest.raises(SettingsError, match="twice"):
        venue("BTC/USDT", "BTC/USDT")
