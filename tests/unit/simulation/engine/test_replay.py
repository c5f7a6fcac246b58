"""Replayed candles come out of the exchange as they went in."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import pytest

from core.domain.candles import Candle
from core.domain.errors import DataFileError
from core.domain.instruments import InstrumentId
from core.domain.orders import OrderStatus
from core.simulation.engine.events import BookChanged
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.intervals import Interval
from core.simulation.engine.recorded import implied_instrument, table
from core.simulation.engine.replay import replay_venue
from core.simulation.engine.venue import Venue
from core.simulation.server.candle_files import read_candles
from tests.unit.simulation.engine.exchanges import BUY, SELL, limit

BTC = InstrumentId("BTC/USDT")
FIRST_MS = 1_700_000_040_000
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Walk:
    """A made-up recording on the grid of 0.01 and 0.001."""

    n_candles: int
    seed: int = 1
    step_ms: int = MINUTE_MS
    price: float = 50_000.0

    def candles(self) -> list[Candle]:
        rng = np.random.default_rng(self.seed)
        closes = self.price + np.cumsum(rng.normal(0, 30, self.n_candles))
        candles, open_ = [], self.price
        for index, close in enumerate(closes.round(2).tolist()):
            high = round(max(open_, close) + abs(rng.normal(0, 10)), 2)
            low = round(min(open_, close) - abs(rng.normal(0, 10)), 2)
            volume = round(float(rng.exponential(5)), 3)
            candles.append(Candle(FIRST_MS + index * self.step_ms, open_, high, low, close, volume))
            open_ = round(close + rng.normal(0, 1), 2)
        return candles


def replay(candles: dict[InstrumentId, list[Candle]], **options: object) -> Venue:
    settings: dict[str, object] = {"seed": 1, "messages_per_s": 0.5, "history_candles": 20, **options}
    return replay_venue(candles, fees=FeeSchedule(), **settings)


def assert_replayed(of: Venue, symbol: str, recorded: Sequence[Candle], interval: Interval = Interval.M1) -> None:
    spec = of.exchange.symbols[symbol]
    start_ms = of.start_ns // 1_000_000
    played = {
        candle.open_ms: candle for candle in of.exchange.candles(symbol, interval, start_ms=start_ms, limit=5_000)
    }
    for candle in recorded:
        if candle.open_ms < start_ms:
            continue
        got = played[candle.open_ms]
        assert [got.open, got.high, got.low, got.close] == [
            round(price / spec.price_float(1)) for price in (candle.open, candle.high, candle.low, candle.close)
        ]
        lots = round(candle.volume / spec.quantity_float(1))
        assert got.volume == lots or got.volume <= 4


def test_every_candle_is_played_exactly() -> None:
    recorded = Walk(120).candles()
    of = replay({BTC: recorded})
    assert of.start_ns == recorded[20].open_ms * 1_000_000
    of.market.advance((recorded[-1].open_ms + MINUTE_MS) * 1_000_000)
    assert_replayed(of, "BTCUSDT", recorded)


def test_the_candles_before_are_history() -> None:
    recorded = Walk(120).candles()
    of = replay({BTC: recorded})
    history = of.exchange.candles("BTCUSDT", Interval.M1, end_ms=recorded[19].open_ms, limit=100)
    assert [candle.open_ms for candle in history] == [candle.open_ms for candle in recorded[:20]]
    assert of.exchange.last_price("BTCUSDT") == round(recorded[19].close * 100)
    assert all(candle.taker_buy_volume == candle.volume // 2 for candle in history)
    (five,) = of.exchange.candles("BTCUSDT", Interval.M5, start_ms=recorded[5].open_ms, limit=1)
    parts = [candle for candle in recorded if five.open_ms <= candle.open_ms < five.open_ms + 5 * MINUTE_MS]
    assert five.high == round(max(candle.high for candle in parts) * 100)


@pytest.mark.parametrize("step_ms", [5 * MINUTE_MS, 60 * MINUTE_MS])
def test_longer_candles_are_played_in_their_own_length(step_ms: int) -> None:
    recorded = Walk(40, step_ms=step_ms).candles()
    shifted = [msgspec.structs.replace(candle, open_ms=candle.open_ms - FIRST_MS % step_ms) for candle in recorded]
    of = replay({BTC: shifted}, messages_per_s=0.05)
    of.market.advance((shifted[-1].open_ms + step_ms) * 1_000_000)
    assert_replayed(of, "BTCUSDT", shifted, Interval.M5 if step_ms == 5 * MINUTE_MS else Interval.H1)


def test_symbols_begin_together_and_one_that_has_ended_stands_still() -> None:
    long, short = Walk(120).candles(), Walk(90, seed=2, price=3_000.0).candles()[10:60]
    of = replay({BTC: long, InstrumentId("ETH/USDT"): short})
    assert of.start_ns == short[20].open_ms * 1_000_000
    of.market.advance((long[-1].open_ms + MINUTE_MS) * 1_000_000)
    assert_replayed(of, "BTCUSDT", long)
    assert_replayed(of, "ETHUSDT", short)
    ends_ns = {
        name: (each[-1].open_ms + MINUTE_MS) * 1_000_000 for name, each in (("BTCUSDT", long), ("ETHUSDT", short))
    }
    assert of.ends_ns == ends_ns
    last = of.exchange.candles("ETHUSDT", Interval.M1, limit=2)[0]
    assert (last.n_trades, last.close) == (0, round(short[-1].close / of.exchange.symbols["ETHUSDT"].price_float(1)))


def test_a_gap_in_the_recording_is_a_quiet_time() -> None:
    recorded = Walk(80).candles()
    del recorded[40:50]
    of = replay({BTC: recorded})
    of.market.advance((recorded[-1].open_ms + MINUTE_MS) * 1_000_000)
    assert_replayed(of, "BTCUSDT", recorded)
    (quiet,) = of.exchange.candles("BTCUSDT", Interval.M1, start_ms=recorded[39].open_ms + MINUTE_MS, limit=1)
    assert quiet.n_trades == 0


def test_books_stay_deep_and_uncrossed() -> None:
    recorded = Walk(60).candles()
    of = replay({BTC: recorded}, messages_per_s=2.0)
    for minute in range(30):
        events = of.market.advance(of.start_ns + minute * MINUTE_MS * 1_000_000)
        assert all(event.best_bid < event.best_ask for event in events if isinstance(event, BookChanged))
        depth = of.exchange.depth("BTCUSDT", 1_000)
        assert min(len(depth.bids), len(depth.asks)) >= 50


def test_how_often_one_looks_and_which_process_changes_nothing() -> None:
    recorded = Walk(60).candles()

    def log(step_s: int) -> str:
        of = replay({BTC: recorded})
        events, now_ns = [], of.start_ns
        for _ in range(1_200 // step_s):
            events += of.market.advance(now_ns)
            now_ns += step_s * 1_000_000_000
        events += of.market.advance(of.start_ns + 1_200_000_000_000)
        return sha256(msgspec.msgpack.encode(events)).hexdigest()

    assert log(1) == log(400)


def test_orders_of_accounts_trade_when_the_recorded_price_passes_them() -> None:
    recorded = Walk(120).candles()
    of = replay({BTC: recorded})
    of.market.advance(of.start_ns)
    of.exchange.open_account("a", {"USDT": Decimal(1_000_000), "BTC": Decimal(10)}, of.start_ns)
    start = recorded[20].open
    orders = [
        of.exchange.submit("a", limit(side, "0.01", Decimal(str(round(start + offset, 2)))), of.start_ns)[0]
        for side, offset in ((BUY, -20), (SELL, 20), (BUY, -5_000), (SELL, 5_000))
    ]
    of.market.advance((recorded[-1].open_ms + MINUTE_MS) * 1_000_000)
    low, high = min(candle.low for candle in recorded[20:]), max(candle.high for candle in recorded[20:])
    spec = of.exchange.symbols["BTCUSDT"]
    for record in orders:
        found = of.exchange.order("a", "BTCUSDT", order_id=record.order_id)
        assert found is not None
        price = spec.price_float(record.price)
        passed = low < price if record.side is BUY else high > price
        assert found.status is (OrderStatus.FILLED if passed else OrderStatus.NEW)


@pytest.mark.parametrize(
    ("price", "digits", "tick"), [(46_319.0, 0, "1"), (46_319.0, 1, "0.1"), (0.12345678, 8, "1E-8"), (123.4, 1, "0.01")]
)
def test_steps_follow_from_the_recorded_prices(price: float, digits: int, tick: str) -> None:
    rng = np.random.default_rng(1)
    prices = np.round(price * (1 + 0.01 * rng.standard_normal(500)), digits).tolist()
    recorded = [Candle(index * MINUTE_MS, each, each, each, each, 2.5) for index, each in enumerate(prices)]
    instrument = implied_instrument(BTC, table(recorded))
    assert instrument.tick_size == Decimal(tick)
    assert instrument.lot_size * Decimal(str(price)) <= 1


def test_volumes_in_the_wrong_unit_still_play() -> None:
    recorded = [msgspec.structs.replace(candle, volume=candle.volume * 1e9) for candle in Walk(60).candles()]
    of = replay({BTC: recorded})
    of.market.advance((recorded[-1].open_ms + MINUTE_MS) * 1_000_000)
    assert of.exchange.ticker_24h("BTCUSDT").volume > 0
    assert of.exchange.candles("BTCUSDT", Interval.MONTH, limit=1)[0].n_trades > 0


@pytest.mark.parametrize(
    ("recorded", "text"),
    [
        ([], "two candles"),
        (Walk(1).candles(), "two candles"),
        (Walk(9, step_ms=7_000).candles(), "7 s apart"),
    ],
)
def test_what_can_not_be_played_is_refused(recorded: list[Candle], text: str) -> None:
    with pytest.raises(DataFileError, match=text):
        replay({BTC: recorded})


def test_recordings_that_never_meet_are_refused() -> None:
    early = Walk(50).candles()
    late = [msgspec.structs.replace(candle, open_ms=candle.open_ms + 10**9) for candle in Walk(50).candles()]
    with pytest.raises(DataFileError, match="BTC/USDT: its candles end before"):
        replay({BTC: early, InstrumentId("ETH/USDT"): late})


def test_a_recorded_day_is_played_exactly(recorded_data: Path) -> None:
    (file,) = (recorded_data / "nautilus" / "market").glob("btc-perp-*_1m.csv")
    recorded = read_candles(file)[:1_940]
    of = replay({BTC: recorded}, history_candles=500, messages_per_s=0.1)
    of.market.advance((recorded[-1].open_ms + MINUTE_MS) * 1_000_000)
    assert_replayed(of, "BTCUSDT", recorded)
