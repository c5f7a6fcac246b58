"""The market streams of USD-M, as Binance's stream documentation lists them, and their limits."""

from core.simulation.server.stream_front import StreamRules
from core.simulation.server.stream_names import OF_ALL_SYMBOLS, OF_ANY_SYMBOL, StreamKind, Vocabulary

PREFIX = "/fut"
"""Of all futures sockets; `/stream` in a spot path and nowhere else is how clients tell the two apart."""
MARK_PRICE_PERIODS_MS = (1_000, 3_000)

STREAMS = Vocabulary(
    of_symbol={
        **OF_ANY_SYMBOL,
        "markPrice": (StreamKind.MARK_PRICE, 3_000),
        "markPrice@1s": (StreamKind.MARK_PRICE, 1_000),
        "forceOrder": (StreamKind.FORCED_ORDER, 0),
    },
    of_all={
        **OF_ALL_SYMBOLS,
        "!markPrice@arr": (StreamKind.MARK_PRICE, 3_000),
        "!markPrice@arr@1s": (StreamKind.MARK_PRICE, 1_000),
        "!forceOrder@arr": (StreamKind.FORCED_ORDER, 0),
    },
    book_period_ms=250,
    book_periods_ms=(0, 100, 250, 500),
)
RULES = StreamRules(STREAMS, max_streams=200, max_messages_per_s=10)
