"""The market streams of USD-M, as Binance's stream documentation lists them, and their limits."""

from core.simulation.server.stream_front import StreamRules
from core.simulation.server.stream_names import StreamKind, Vocabulary

PREFIX = "/fut"
"""Of all futures sockets; `/stream` in a spot path and nowhere else is how clients tell the two apart."""
MARK_PRICE_PERIODS_MS = (1_000, 3_000)

STREAMS = Vocabulary(
    of_symbol={
        "trade": (StreamKind.TRADE, 0),
        "aggTrade": (StreamKind.AGG_TRADE, 0),
        "bookTicker": (StreamKind.BOOK_TICKER, 0),
        "ticker": (StreamKind.TICKER, 0),
        "miniTicker": (StreamKind.MINI_TICKER, 0),
        "markPrice": (StreamKind.MARK_PRICE, 3_000),
        "markPrice@1s": (StreamKind.MARK_PRICE, 1_000),
        "forceOrder": (StreamKind.FORCED_ORDER, 0),
    },
    of_all={
        "!ticker@arr": (StreamKind.TICKER, 0),
        "!miniTicker@arr": (StreamKind.MINI_TICKER, 0),
        "!bookTicker": (StreamKind.BOOK_TICKER, 0),
        "!markPrice@arr": (StreamKind.MARK_PRICE, 3_000),
        "!markPrice@arr@1s": (StreamKind.MARK_PRICE, 1_000),
        "!forceOrder@arr": (StreamKind.FORCED_ORDER, 0),
    },
    book_period_ms=250,
    book_periods_ms=(0, 100, 250, 500),
)
RULES = StreamRules(STREAMS, max_streams=200, max_messages_per_s=10)
