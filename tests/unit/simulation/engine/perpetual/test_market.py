"""The market around a spot market: the same in every process and however time is cut, and near its index."""

import os
import subprocess
import sys
from decimal import Decimal
from hashlib import sha256
from itertools import pairwise

import msgspec
import pytest

from core.domain.errors import SettingsError
from core.domain.instruments import InstrumentId, InstrumentKind
from core.domain.orders import OrderType, Side
from core.simulation.engine.events import CandleClosed, Trade
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.intervals import Interval
from core.simulation.engine.liquidity import LEVELS_SHOWN
from core.simulation.engine.perpetual.events import MarkPriceChanged, PerpetualEvent
from core.simulation.engine.perpetual.orders import NewPerpetualOrder
from core.simulation.engine.perpetual.venue import PerpetualVenue, spot_pair, with_perpetuals
from core.simulation.engine.venue import generated_venue
from tests.unit.simulation.engine.perpetual.perpetuals import SECOND_NS, START_NS, USUAL

PAIRS = [InstrumentId(name) for name in ("BTC/USDT", "DOGE/USDT", "XYZ/USDT")]
PERPETUALS = [InstrumentId(f"{pair}:USDT") for pair in PAIRS]


def venue(seed: int = 3) -> PerpetualVenue:
    spot = generated_venue(PAIRS, fees=FeeSchedule(), seed=seed, start_ns=START_NS, messages_per_s=2.0)
    return with_perpetuals(spot, PERPETUALS, fees=USUAL, seed=seed, messages_per_s=2.0)


def digest(seed: int, cut_ns: int, n: int) -> str:
    """Of both event logs, with an order on the way."""
    both, log = venue(seed), sha256()
    both.exchange.open_account("a", {"USDT": Decimal(1_000)}, START_NS)
    order = NewPerpetualOrder(
        symbol="BTCUSDT", side=Side.BUY, order_type=OrderType.MARKET, quantity=Decimal("0.01"), client_order_id="x"
    )
    for turn in range(n + 1):
        spot_events, events = both.market.advance(START_NS + turn * cut_ns)
        if turn * cut_ns == 30 * SECOND_NS:
            events += both.exchange.submit("a", order, START_NS + turn * cut_ns)[1]
        for event in (*spot_events, *events):
            log.update(msgspec.json.encode(event))
    return log.hexdigest()


def play(both: PerpetualVenue, seconds: int) -> list[PerpetualEvent]:
    return [event for turn in range(seconds + 1) for event in both.market.advance(START_NS + turn * SECOND_NS)[1]]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_log_in_another_process() -> None:
    code = (
        "from tests.unit.simulation.engine.perpetual.test_market import digest, SECOND_NS\n"
        "print(digest(3, SECOND_NS, 65))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4242", "PYTHONPATH": os.pathsep.join(sys.path)}
    other = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest(3, SECOND_NS, 65)
    assert digest(4, SECOND_NS, 65) != other.stdout.strip()


@pytest.mark.slow
def test_how_time_is_cut_does_not_matter() -> None:
    def run(cut_ns: int) -> list[bytes]:
        both = venue()
        events = [
            event
            for turn in range(60 * SECOND_NS // cut_ns + 1)
            for event in both.market.advance(START_NS + turn * cut_ns)[1]
        ]
        return [msgspec.json.encode(event) for event in events]

    assert run(SECOND_NS) == run(12 * SECOND_NS) == run(SECOND_NS // 4)


@pytest.mark.slow
def test_spot_is_as_it_would_be_alone() -> None:
    alone = generated_venue(PAIRS, fees=FeeSchedule(), seed=3, start_ns=START_NS, messages_per_s=2.0)
    both = venue()
    for turn in range(30):
        now_ns = START_NS + turn * SECOND_NS
        assert both.market.advance(now_ns)[0] == alone.market.advance(now_ns)


def test_quotes_stay_near_the_index_and_books_are_full() -> None:
    both = venue()
    events = play(both, 180)
    marks = [event for event in events if isinstance(event, MarkPriceChanged)]
    assert len(marks) == 181 * len(PERPETUALS)
    assert all(abs(event.mark_price / event.index_price - 1) < 0.01 for event in marks)
    for name, spec in both.exchange.symbols.items():
        best, mark = both.exchange.best(name), both.exchange.mark_price(name)
        middle = (best.bid + best.ask) * spec.tick_atoms / 2
        assert abs(middle / mark.index_price - 1) < 0.02
        assert best.bid < best.ask
        depth = both.exchange.depth(name, 1_000)
        assert min(len(depth.bids), len(depth.asks)) >= LEVELS_SHOWN
        assert any(isinstance(event, Trade) and event.symbol == name for event in events)


def test_candles_go_on_from_the_spot_history() -> None:
    both = venue()
    events = play(both, 125)
    closed = [event for event in events if isinstance(event, CandleClosed) and event.interval is Interval.M1]
    assert len(closed) == 2 * len(PERPETUALS)
    for name in both.exchange.symbols:
        candles = both.exchange.candles(name, Interval.M1, limit=100)
        gaps = {later.open_ms - earlier.open_ms for earlier, later in pairwise(candles)}
        assert (len(candles), gaps) == (100, {60_000})
        assert all(candle.low <= min(candle.open, candle.close) for candle in candles)
        assert all(candle.high >= max(candle.open, candle.close) for candle in candles)
        assert all(0 <= candle.taker_buy_volume <= candle.volume for candle in candles)
        assert abs(candles[-1].close / candles[0].close - 1) < 0.2


def test_instruments() -> None:
    found = {spec.name: spec.instrument for spec in venue().exchange.symbols.values()}
    bitcoin = found["BTCUSDT"]
    assert (bitcoin.id, bitcoin.kind) == ("BTC/USDT:USDT", InstrumentKind.PERPETUAL)
    assert (bitcoin.tick_size, bitcoin.lot_size, bitcoin.settle) == (Decimal("0.1"), Decimal("0.001"), "USDT")
    for each in found.values():
        assert (each.tick_size * each.lot_size) % Decimal("1e-8") == 0


@pytest.mark.parametrize(
    ("symbols", "text"),
    [
        (["BTC/USDT"], "is not a perpetual"),
        (["BTC/USD:BTC"], "is not a perpetual"),
        (["ETH/USDT:USDT"], "needs 'ETH/USDT' to be listed"),
        (["BTC/USDT:USDT", "BTC/USDT:USDT"], "listed twice"),
    ],
)
def test_what_cannot_be_listed_is_said(symbols: list[str], text: str) -> None:
    spot = generated_venue(PAIRS, fees=FeeSchedule(), seed=1, start_ns=START_NS, messages_per_s=2.0)
    with pytest.raises(SettingsError, match=text):
        with_perpetuals(spot, [InstrumentId(each) for each in symbols], fees=USUAL, seed=1, messages_per_s=2.0)


def test_the_pair_of_a_perpetual() -> None:
    assert spot_pair(InstrumentId("BTC/USDT:USDT")) == "BTC/USDT"
