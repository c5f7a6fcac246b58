"""Names of market streams: `btcusdt@kline_1m`, `btcusdt@depth5@100ms`, `!miniTicker@arr` ..."""

import re
from collections.abc import Mapping
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
    MARK_PRICE = "markPrice"
    FORCED_ORDER = "forceOrder"


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
    """Between frames, the venue docs' figure; 0 for streams with one pace."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The streams that one market has."""

    of_symbol: Mapping[str, tuple[StreamKind, int]]
    """Kind and period in ms (0: one pace) by what stands behind `btcusdt@`."""
    of_all: Mapping[str, tuple[StreamKind, int]]
    """The same for streams of all symbols, by their whole name."""
    book_period_ms: int
    """Between frames of a book whose name states no period."""
    book_periods_ms: tuple[int, ...]


OF_ANY_SYMBOL = {
    "trade": (StreamKind.TRADE, 0),
    "aggTrade": (StreamKind.AGG_TRADE, 0),
    "bookTicker": (StreamKind.BOOK_TICKER, 0),
    "ticker": (StreamKind.TICKER, 0),
    "miniTicker": (StreamKind.MINI_TICKER, 0),
}
"""Of every market, as in `Vocabulary.of_symbol`."""
OF_ALL_SYMBOLS = {
    "!ticker@arr": (StreamKind.TICKER, 0),
    "!miniTicker@arr": (StreamKind.MINI_TICKER, 0),
    "!bookTicker": (StreamKind.BOOK_TICKER, 0),
}
"""The same of `Vocabulary.of_all`."""
SPOT_STREAMS = Vocabulary(
    of_symbol=OF_ANY_SYMBOL | {"avgPrice": (StreamKind.AVERAGE_PRICE, 0)},
    of_all=OF_ALL_SYMBOLS,
    book_period_ms=1_000,
    book_periods_ms=(100, 1_000),
)
_DEPTH = re.compile(r"^depth(?P<levels>5|10|20)?(?:@(?P<period>0|[1-9][0-9]{0,3})ms)?$")
_SYMBOL = re.compile(r"^[a-z0-9._-]{1,50}$")


def parse_stream_name(text: str, vocabulary: Vocabulary = SPOT_STREAMS) -> StreamName | None:
    """`None` if the market has no such stream. Whether the symbol exists is not asked."""
    if text in vocabulary.of_all:
        kind, period_ms = vocabulary.of_all[text]
        return StreamName(text, kind, symbol=None, period_ms=period_ms)
    symbol, at, channel = text.partition("@")
    if not at or not _SYMBOL.match(symbol):
        return None
    symbol = symbol.upper()
    if channel in vocabulary.of_symbol:
        kind, period_ms = vocabulary.of_symbol[channel]
        return StreamName(text, kind, symbol, period_ms=period_ms)
    if channel.startswith("kline_"):
        try:
            return StreamName(text, StreamKind.KLINE, symbol, Interval(channel.removeprefix("kline_")))
        except ValueError:
            return None
    if match := _DEPTH.match(channel):
        levels, period_ms = int(match["levels"] or 0), int(match["period"] or vocabulary.book_period_ms)
        kind = StreamKind.PARTIAL_DEPTH if levels else StreamKind.DIFF_DEPTH
        if period_ms in vocabulary.book_periods_ms:
            return StreamName(text, kind, symbol, levels=levels, period_ms=period_ms)
    return None
