"""Built candles against pandas, exactly: its sums are of decimals, and all else is only picked, not computed."""

import io
import zipfile
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.candles import Candle, Timeframe
from core.domain.market import TradePrinted
from core.market.candle_builder import CandleAggregator, EmptyIntervals, TradeCandleBuilder
from tests.unit.market.recorded_book import SPOT, USDM, replay

MINUTE_MS = 60_000
COLUMNS = ["open", "high", "low", "close", "volume"]


def reference(texts: pd.DataFrame, rule: str) -> list[tuple[int, float, float, float, float, float]]:
    """Decimal texts in `COLUMNS`, by UTC time; empty intervals are left out. The volume column holds Python decimals,
    which pandas adds one by one."""
    frame = texts[COLUMNS[:4]].astype(float).assign(volume=texts["volume"].map(Decimal))
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    groups = frame.resample(rule)
    table = groups.agg(how).loc[groups["open"].count() > 0]
    return [
        (int(open_ms), *(float(value) for value in row))
        for open_ms, row in zip(milliseconds(table), table.itertuples(index=False), strict=True)
    ]


def milliseconds(table: pd.DataFrame) -> list[int]:
    index = table.index
    assert isinstance(index, pd.DatetimeIndex)
    return [int(number) for number in index.as_unit("ms").astype("int64")]


def rows(candles: list[Candle]) -> list[tuple[int, float, float, float, float, float]]:
    return [(c.open_ms, c.open, c.high, c.low, c.close, c.volume) for c in candles]


def aggregate(candles: list[Candle], target: Timeframe, source: Timeframe = Timeframe.M1) -> list[Candle]:
    aggregator = CandleAggregator(source, target)
    built = [closed for candle in candles for closed in aggregator.add(candle)]
    return [closed.candle for closed in [*built, *aggregator.flush()]]


def minute_candles(table: pd.DataFrame) -> list[Candle]:
    """From decimal texts indexed by time."""
    texts = table[COLUMNS].itertuples(index=False)
    return [Candle(ms, *(float(text) for text in row)) for ms, row in zip(milliseconds(table), texts, strict=True)]


@pytest.fixture(scope="session")
def perpetual(recorded_data: Path) -> pd.DataFrame:
    """45,031 one-minute candles as decimal texts."""
    path = recorded_data / "nautilus/market/btc-perp-20211231-20220201_1m.csv"
    table = pd.read_csv(path, dtype=str)
    return table.set_index(pd.to_datetime(table["timestamp"], utc=True))


@pytest.fixture(scope="session")
def coinbase(recorded_data: Path) -> pd.DataFrame:
    """A day of Coinbase minute trades, with minutes missing, as decimal texts."""
    with zipfile.ZipFile(recorded_data / "lean/crypto/coinbase/minute/btcusd/20180404_trade.zip") as archive:
        text = archive.read(archive.namelist()[0]).decode()
    table = pd.read_csv(io.StringIO(text), names=["ms", "open", "high", "low", "close", "volume"], dtype=str)
    return table.set_index(pd.to_datetime(table["ms"].astype("int64"), unit="ms", utc=True) + pd.Timedelta("17625D"))


@pytest.mark.parametrize(("target", "rule"), [(Timeframe.M5, "5min"), (Timeframe.H1, "1h")])
def test_recorded_minutes_become_the_candles_that_pandas_makes(
    perpetual: pd.DataFrame, target: Timeframe, rule: str
) -> None:
    assert len(perpetual) == 45_031
    assert rows(aggregate(minute_candles(perpetual), target)) == reference(perpetual, rule)


@pytest.mark.parametrize(("target", "rule"), [(Timeframe.M5, "5min"), (Timeframe.H1, "1h")])
def test_minutes_that_are_missing_leave_no_trace_but_a_count(
    coinbase: pd.DataFrame, target: Timeframe, rule: str
) -> None:
    candles = minute_candles(coinbase)
    assert rows(aggregate(candles, target)) == reference(coinbase, rule)
    aggregator = CandleAggregator(Timeframe.M1, target)
    built = [closed for candle in candles for closed in aggregator.add(candle)] + aggregator.flush()
    minutes = target.ms // MINUTE_MS
    assert sum(minutes - closed.missing for closed in built) == len(candles)
    assert any(closed.missing for closed in built)


def test_minutes_to_five_minutes_to_hours_is_what_pandas_makes_of_minutes(perpetual: pd.DataFrame) -> None:
    five_minutes = aggregate(minute_candles(perpetual), Timeframe.M5)
    assert rows(aggregate(five_minutes, Timeframe.H1, Timeframe.M5)) == reference(perpetual, "1h")


def test_an_interval_closes_with_its_last_part_without_waiting_for_the_next() -> None:
    aggregator = CandleAggregator(Timeframe.M1, Timeframe.M5)
    parts = [Candle(n * MINUTE_MS, 1.0 + n, 9.0, 0.5, 2.0 + n, 0.1, 0.2, 3) for n in range(5)]
    assert all(not aggregator.add(part) for part in parts[:4])
    (built,) = aggregator.add(parts[4])
    assert built.missing == 0
    assert built.candle == Candle(0, 1.0, 9.0, 0.5, 6.0, 0.5, 1.0, 15)
    assert aggregator.flush() == []


def test_a_part_that_came_before_is_ignored() -> None:
    aggregator = CandleAggregator(Timeframe.M1, Timeframe.M5)
    part = Candle(0, 1.0, 1.0, 1.0, 1.0, 0.1)
    aggregator.add(part)
    assert aggregator.add(part) == []
    (built,) = aggregator.flush()
    assert (built.candle.volume, built.missing) == (0.1, 4)


@pytest.mark.parametrize(
    ("source", "target"), [(Timeframe.M5, Timeframe.M1), (Timeframe.M1, Timeframe.M1), (Timeframe.H4, Timeframe.H6)]
)
def test_a_timeframe_that_does_not_fit_is_refused(source: Timeframe, target: Timeframe) -> None:
    with pytest.raises(ValueError, match="cannot be built"):
        CandleAggregator(source, target)


@pytest.mark.parametrize("file", [SPOT, USDM])
def test_recorded_trades_become_the_candles_that_pandas_makes(recorded_data: Path, file: str) -> None:
    trades = [event for event in replay(recorded_data / file).events if isinstance(event, TradePrinted)]
    trades.sort(key=lambda trade: trade.trade_id)
    builder = TradeCandleBuilder(Timeframe.M1, EmptyIntervals.SKIP)
    built = [c for t in trades for c in builder.add(t.event_ns // 1_000_000, t.price, t.quantity)]
    built += builder.advance(trades[-1].event_ns // 1_000_000 + MINUTE_MS)
    prices = [trade.price for trade in trades]
    texts = {**dict.fromkeys(COLUMNS[:4], prices), "volume": [trade.quantity for trade in trades]}
    index = pd.to_datetime([trade.event_ns for trade in trades], utc=True)
    assert builder.late == 0
    assert rows(built) == reference(pd.DataFrame(texts, index=index), "1min")
    assert sum(candle.n_trades for candle in built) == len(trades)
    notional = sum((Decimal(trade.price) * Decimal(trade.quantity) for trade in trades), Decimal(0))
    assert sum(candle.quote_volume for candle in built) == pytest.approx(float(notional), rel=1e-15)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 500), st.integers(1, 500)), min_size=1, max_size=60),
    st.sampled_from(list(EmptyIntervals)),
)
def test_candles_hold_every_trade_once(trades: list[tuple[int, int, int]], empty: EmptyIntervals) -> None:
    builder = TradeCandleBuilder(Timeframe.M1, empty)
    time_ms, total, built = 0, Decimal(0), []
    for minutes, price, quantity in trades:
        time_ms += minutes * MINUTE_MS // 3
        total += Decimal(quantity) / 1_000
        built += builder.add(time_ms, f"{Decimal(price) / 100:f}", f"{Decimal(quantity) / 1_000:f}")
    built += builder.advance(time_ms + MINUTE_MS)
    assert builder.forming is None
    assert sum((Decimal(repr(candle.volume)) for candle in built), Decimal(0)) == total
    assert sum(candle.n_trades for candle in built) == len(trades)
    for earlier, later in pairwise(built):
        if empty is EmptyIntervals.FLAT:
            assert later.open_ms == earlier.open_ms + MINUTE_MS
        assert later.open_ms > earlier.open_ms
        if later.n_trades == 0:
            assert (later.open, later.high, later.low, later.close, later.volume) == (*[earlier.close] * 4, 0.0)
    assert all(candle.low <= min(candle.open, candle.close) <= candle.high for candle in built)


def test_a_trade_after_its_candle_closed_is_counted_and_left_out() -> None:
    builder = TradeCandleBuilder(Timeframe.M1)
    builder.add(1_000, "10", "1")
    (closed,) = builder.advance(MINUTE_MS)
    assert closed.volume == 1.0
    assert builder.add(59_999, "99", "5") == []
    assert builder.late == 1
    builder.add(MINUTE_MS, "11", "2")
    forming = builder.forming
    assert forming is not None and (forming.open, forming.volume) == (11.0, 2.0)


def test_sums_are_of_decimals_not_of_floats() -> None:
    builder = TradeCandleBuilder(Timeframe.M1)
    for _ in range(10):
        builder.add(0, "1", "0.1")
    forming = builder.forming
    assert forming is not None and forming.volume == 1.0
    assert sum([0.1] * 10) != 1.0
