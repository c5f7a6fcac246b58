"""Recordings of Binance's streams (`LOCAL_NS JSON`, gzipped, as hftbacktest's collector writes them): their trades, and
how far the recorder's clock was off.

Trades are named by the exchange's clock (`T`); the local one only says when they were received. Payloads: Binance's
documentation, "Trade Streams" of spot and USD-M.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from core.domain.errors import DataFileError
from core.domain.series import SeriesKind, SeriesName
from core.domain.symbol_names import split_name
from core.history.files.parts import SOURCE, FileSeries, Layout, Part, table_of
from core.runtime.recorded_lines import Line, is_recording, read_lines


class _Trade(msgspec.Struct, frozen=True, gc=False):
    e: str = ""
    s: str = ""
    t: int = 0
    p: str = "nan"
    q: str = "nan"
    T: int = 0
    m: bool = False
    """The buyer was the maker."""
    M: bool | None = None
    """Only spot has it."""


class _Message(msgspec.Struct, frozen=True, gc=False):
    data: _Trade = _Trade()


_DECODER = msgspec.json.Decoder(_Message)
_SIGN = b'"e":"trade"'


def is_one(path: Path) -> bool:
    return path.suffix == ".gz" and is_recording(path)


def series_in(path: Path) -> list[FileSeries]:
    """Trades of each symbol. Reads all of it. Raises `DataFileError` naming file and line."""
    symbols = sorted({_symbol(trade) for _, trade in _trades(path)})
    if not symbols:
        raise DataFileError(f"{path}: a recording without a trade")
    part = (Part(path, Layout.RECORDING),)
    return [FileSeries(SeriesName(SOURCE, SeriesKind.TRADES, symbol), part) for symbol in symbols]


def read_part(part: Part, name: SeriesName) -> pa.Table:
    """Raises `DataFileError` naming file and line."""
    trades = [trade for _, trade in _trades(part.path) if _symbol(trade) == name.symbol]
    if not trades:
        raise DataFileError(f"{part.path}: no trades of {name.symbol}")
    try:
        prices, sizes = (
            np.array(texts, dtype=np.float64) for texts in zip(*((each.p, each.q) for each in trades), strict=True)
        )
    except ValueError as error:
        raise DataFileError(f"{part.path}: a trade of {name.symbol} without a price or size: {error}") from error
    return table_of(
        name,
        {
            "time": np.array([trade.T for trade in trades], dtype=np.int64),
            "trade_id": pa.array([str(trade.t) for trade in trades], pa.string()),
            "price": prices,
            "size": sizes,
            "side": pa.array(["sell" if trade.m else "buy" for trade in trades], pa.string()),
        },
    )


def delays_ms(part: Part, name: SeriesName) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Local time of receipt less the exchange's time of each trade; negative: one of the clocks was wrong."""
    both = [(line.local_ns, trade.T) for line, trade in _trades(part.path) if _symbol(trade) == name.symbol]
    return np.array([local_ns / 1e6 - time_ms for local_ns, time_ms in both], dtype=np.float64)


def _trades(path: Path) -> Iterator[tuple[Line, _Trade]]:
    for line in read_lines([path]):
        if _SIGN not in line.payload:
            continue
        try:
            trade = _DECODER.decode(line.payload).data
        except msgspec.DecodeError as error:
            raise line.error(f"not a trade as Binance writes it: {error}") from error
        if trade.e == "trade":
            yield line, trade


def _symbol(trade: _Trade) -> str:
    base_and_quote = split_name(trade.s)
    if base_and_quote is None:
        return trade.s
    symbol = "/".join(base_and_quote)
    return symbol if trade.M is not None else f"{symbol}:{base_and_quote[1]}"
