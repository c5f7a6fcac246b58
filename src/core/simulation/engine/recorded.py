"""Recorded candles in the engine's units, and the instruments they imply."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor, log10

import numpy as np
from numpy.typing import NDArray

from core.domain.candles import Candle
from core.domain.errors import DataFileError
from core.domain.instruments import Instrument, InstrumentId
from core.simulation.engine.catalogue import spot_instrument
from core.simulation.engine.intervals import LENGTH_MS, Interval
from core.simulation.engine.series import ROW, Rows, join_rows
from core.simulation.engine.symbols import SymbolSpec

Table = NDArray[np.float64]
"""(n_candles, 8): open_ms, open, high, low, close, volume, quote_volume, n_trades."""

_MOST_STEPS = 4e18
"""A day's quote volume must stay below it in price x quantity steps, to fit the 64 bits of a candle row."""
_DAY_MS = 86_400_000
_FINEST = 8
"""Decimals of the finest step."""


@dataclass(frozen=True, slots=True)
class RecordedSymbol:
    name: str
    interval: Interval
    rows: Rows
    """All recorded candles."""
    first_played: int
    """Index of the first candle that is played; those before are history."""

    @property
    def played(self) -> Rows:
        return self.rows[self.first_played :]

    @property
    def before(self) -> Rows:
        return self.rows[: self.first_played]

    @property
    def end_ns(self) -> int:
        """When the last candle ends."""
        return self.interval.next_open_ms(int(self.rows[-1, 0])) * 1_000_000


class RecordedHistory:
    """Candles from before the first one played, joined to all intervals they divide."""

    def __init__(self, parts: Mapping[str, Sequence[tuple[Interval, Rows]]]) -> None:
        """By symbol: stretches of candles in order of time, coarsest first; a symbol may have none."""
        self._parts = parts

    def rows(self, symbol: str) -> Mapping[Interval, Rows]:
        return {interval: join_rows(self._parts[symbol], interval) for interval in Interval}


def table(candles: Iterable[Candle]) -> Table:
    rows = [
        (each.open_ms, each.open, each.high, each.low, each.close, each.volume, each.quote_volume, each.n_trades)
        for each in candles
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 8)


def interval_of(symbol: InstrumentId, candles: Table) -> Interval:
    """The candles' length, from the shortest distance between two. Raises `DataFileError` when it is none known."""
    if len(candles) < 2:
        raise DataFileError(f"{symbol}: needs at least two candles")
    shortest = int(np.diff(candles[:, 0]).min())
    found = next((interval for interval, length_ms in LENGTH_MS.items() if length_ms == shortest), None)
    if found is None:
        raise DataFileError(f"{symbol}: candles {shortest / 1000:g} s apart are of no known length")
    return found


def implied_instrument(symbol: InstrumentId, candles: Table) -> Instrument:
    """Steps that express all but a few odd prices exactly, and quantities worth some cents."""
    price = float(np.median(candles[:, 4]))
    tick = max(min(-_decimals(candles[:, 1:5]), floor(log10(price)) - 4), -_FINEST)
    days = np.floor(candles[:, 0] / _DAY_MS).astype(np.int64)
    turnover = float(np.bincount(days - days[0], weights=candles[:, 5] * candles[:, 4]).max())
    smallest_lot = ceil(log10(max(turnover, 1.0) / _MOST_STEPS)) - tick
    lot = max(round(log10(0.1 / price)), smallest_lot, -9 - tick, -_FINEST)
    return spot_instrument(symbol, Decimal(1).scaleb(tick), Decimal(1).scaleb(lot), price)


def _decimals(prices: NDArray[np.float64]) -> int:
    """Digits after the point that all but one in a thousand prices make do with."""
    for digits in range(_FINEST):
        if np.mean(np.isclose(prices, np.round(prices, digits), rtol=1e-10, atol=0)) >= 0.999:
            return digits
    return _FINEST


def to_rows(spec: SymbolSpec, candles: Table) -> Rows:
    """Prices to the nearest tick, volumes to the nearest lot."""
    tick, lot = spec.price_float(1), spec.quantity_float(1)
    rows = np.zeros((len(candles), ROW), dtype=np.int64)
    rows[:, 0] = candles[:, 0]
    rows[:, 1:5] = np.maximum(1, np.rint(candles[:, 1:5] / tick))
    rows[:, 5] = np.rint(candles[:, 5] / lot)
    typical = candles[:, 1:5].mean(axis=1)
    quote = np.where(candles[:, 6] > 0, candles[:, 6], candles[:, 5] * typical)
    rows[:, 6] = np.minimum(np.rint(quote / (tick * lot)), _MOST_STEPS)
    rows[:, 7] = np.where(rows[:, 5] > 0, np.maximum(1, candles[:, 7]), 0)
    rows[:, 8], rows[:, 9] = rows[:, 5] // 2, rows[:, 6] // 2
    return rows


def common_start_ms(tables: Sequence[Table], history_candles: int) -> int:
    """Open time of the first candle after `history_candles` in every table; fewer where a table is short."""
    return max(int(each[min(history_candles, len(each) // 2), 0]) for each in tables)
