"""Built candles are exact: 1m to 5m to 1h of the recorded candles against pandas, and trades to candles against both
the simulated venue's own candles and pandas. What is claimed is the number of candles that differ; it must be none.

The volumes are compared as the decimals that they are: pandas adds Python decimals one by one. The recorded half needs
`METRONOME_DATA` (or `shared/data` beside the checkout); without it its verdict is null.
"""

import os
import sys
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import pandas as pd
from benchmarks._daemon import ROOT, claim

from core.domain.candles import Candle, Timeframe
from core.domain.instruments import InstrumentId
from core.market.candle_builder import CandleAggregator, TradeCandleBuilder
from core.simulation.engine.events import Candle as VenueCandle
from core.simulation.engine.events import CandleClosed, Trade
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.intervals import Interval
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.engine.venue import generated_venue

DATA = Path(os.environ.get("METRONOME_DATA", ROOT.parent / "shared" / "data"))
RECORDED = DATA / "nautilus" / "market" / "btc-perp-20211231-20220201_1m.csv"
START_NS = 1_700_000_040_000_000_000
MINUTES = 600
COLUMNS = ["open", "high", "low", "close", "volume"]

Row = tuple[int, float, float, float, float, float]


def main() -> int:
    return recorded() | simulated()


def recorded() -> int:
    name = "built candles that differ from pandas, recorded 1m to 5m to 1h"
    if not RECORDED.is_file():
        return claim(name, None, 0, None, reason="recorded market data is absent (METRONOME_DATA)")
    table = pd.read_csv(RECORDED, dtype=str)
    table.index = pd.to_datetime(table["timestamp"], utc=True)
    times = [int(each.value) // 1_000_000 for each in table.index]
    texts = table[COLUMNS].itertuples(index=False)
    minutes = [Candle(ms, *(float(text) for text in row)) for ms, row in zip(times, texts, strict=True)]
    fives = aggregated(minutes, Timeframe.M1, Timeframe.M5)
    hours = aggregated(fives, Timeframe.M5, Timeframe.H1)
    differing = difference(fives, reference(table, "5min")) + difference(hours, reference(table, "1h"))
    return claim(name, differing, 0, differing == 0, minutes=len(minutes), five_minutes=len(fives), hours=len(hours))


def simulated() -> int:
    """The venue's engine alone, on its own clock: every trade it prints, every minute it closes."""
    venue = generated_venue(
        [InstrumentId("BTC/USDT"), InstrumentId("XRP/USDT")],
        fees=FeeSchedule(),
        seed=3,
        start_ns=START_NS,
        messages_per_s=1.0,
    )
    events = venue.market.advance(START_NS + MINUTES * 60_000_000_000)
    differing = compared = trades_seen = 0
    for name, spec in venue.exchange.symbols.items():
        texts = [
            (each.time_ns // 1_000_000, spec.price_text(each.price), spec.quantity_text(each.quantity))
            for each in events
            if isinstance(each, Trade) and each.symbol == name
        ]
        closed = [
            venues_own(spec, each.candle)
            for each in events
            if isinstance(each, CandleClosed) and each.symbol == name and each.interval is Interval.M1
        ]
        builder = TradeCandleBuilder(Timeframe.M1)
        built = [candle for text in texts for candle in builder.add(*text)]
        built += builder.advance(START_NS // 1_000_000 + MINUTES * 60_000)
        by_pandas = of_trades(texts)
        differing += difference(built, [row for row in closed if row[0] >= built[0].open_ms])
        differing += difference([each for each in built if each.volume], by_pandas)
        compared += len(built) + len(by_pandas)
        trades_seen += len(texts)
    name = "candles built from trades that differ from the venue's own or from pandas"
    return claim(name, differing, 0, compared > 0 and differing == 0, compared=compared, trades=trades_seen)


def aggregated(candles: list[Candle], source: Timeframe, target: Timeframe) -> list[Candle]:
    aggregator = CandleAggregator(source, target)
    built = [closed for candle in candles for closed in aggregator.add(candle)]
    return [closed.candle for closed in [*built, *aggregator.flush()]]


def reference(texts: pd.DataFrame, rule: str) -> list[Row]:
    """What pandas makes of decimal texts in `COLUMNS`; empty intervals are left out."""
    frame = texts[COLUMNS[:4]].astype(float).assign(volume=texts["volume"].map(Decimal))
    groups = frame.resample(rule)
    table = groups.agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"})
    table = table.loc[groups["open"].count() > 0]
    starts = (each.value // 1_000_000 for each in table.index)
    return [
        (int(ms), *(float(value) for value in row))
        for ms, row in zip(starts, table.itertuples(index=False), strict=True)
    ]


def of_trades(texts: list[tuple[int, str, str]]) -> list[Row]:
    times, prices, quantities = zip(*texts, strict=True)
    columns = dict.fromkeys(COLUMNS[:4], prices) | {"volume": quantities}
    return reference(pd.DataFrame(columns, index=pd.to_datetime(list(times), unit="ms", utc=True)), "1min")


def venues_own(spec: SymbolSpec, candle: VenueCandle) -> Row:
    prices = (candle.open, candle.high, candle.low, candle.close)
    return (candle.open_ms, *map(spec.price_float, prices), spec.quantity_float(candle.volume))


def difference(built: list[Candle], wanted: list[Row]) -> int:
    """How many differ in any value, or are there on one side only."""
    have = {candle.open_ms: (candle.open_ms, *(getattr(candle, name) for name in COLUMNS)) for candle in built}
    want = {row[0]: row for row in wanted}
    return sum(have.get(open_ms) != want.get(open_ms) for open_ms in have.keys() | want.keys())


if __name__ == "__main__":
    sys.exit(main())
