"""Names of market streams: `btcusdt@kline_1m`, `btcusdt@depth5@100ms`, `!miniTicker@arr` ..."""

import re
from dataclasses import dataclass
from enum import Enum

from core.simulation.engine.intervals import Interval


class StreamKind(Enum):
    TRADE = "trade"
    AGG_TRADE = "aggTrade"
    BOOK_TICKER = "bookTicker"
    KLINE = "kline"
    DIFF_DEPTH = "depth"
    PARTIAL_DEPTH = "depthN"
    TICKER = "ticker"
    MINI_TICKER = "miniTicker"
    AVERAGE_PRICE = "avgPrice"


@dataclass(frozen=True, slots=True)
class StreamName:
    """A well-formed stream name. `symbol` is upper case, `None` for streams of all symbols (`!...@arr`)."""

    text: str
    kind: StreamKind
    symbol: str | None
    interval: Interval | None = None
    """Of klines only."""
    levels: int = 0
    """Of partial books only."""
    period_ms: int = 0
    """Between frames of books, venue docs' figure; 0 for streams with one pace."""


_SIMPLE = {
    "trade": StreamKind.TRADE,
    "aggTrade": StreamKind.AGG_TRADE,
    "bookTicker": StreamKind.BOOK_TICKER,
    "ticker": StreamKind.TICKER,
    "miniTicker": StreamKind.MINI_TICKER,
    "avgPrice": StreamKind.AVERAGE_PRICE,
}
_OF_ALL = {
    "!ticker@arr": StreamKind.TICKER,
    "!miniTicker@arr": StreamKind.MINI_TICKER,
    "!bookTicker": StreamKind.BOOK_TICKER,
}
_DEPTH = re.compile(r"^depth(?P<levels>5|10|20)?(?:@(?P<period>100|1000)ms)?$")
_SYMBOL = re.compile(r"^[a-z0-9._-]{1,50}$")


def parse_stream_name(text: str) -> StreamName | None:
    """`None` if the venue has no such stream. Whether the symbol exists is not asked."""
    kind = _OF_ALL.get(text)
    if kind is not None:
        return StreamName(text, kind, symbol=None)
    symbol, at, channel = text.partition("@")
    if not at or not _SYMBOL.match(symbol):
        return None
    symbol = symbol.upper()
    if channel in _SIMPLE:
        return StreamName(text, _SIMPLE[channel], symbol)
    if channel.startswith("kline_"):
        try:
            return StreamName(text, StreamKind.KLINE, symbol, Interval(channel.removeprefix("kline_")))
        except ValueError:
            return None
    if match := _DEPTH.match(channel):
        levels = int(match["levels"] or 0)
        kind = StreamKind.PARTIAL_DEPTH if levels else StreamKind.DIFF_DEPTH
        return StreamName(text, kind, symbol, levels=levels, period_ms=int(match["period"] or 1_000))
    return None
