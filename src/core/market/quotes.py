"""The latest quote and trade of each instrument, with their ages."""

import msgspec

from core.domain.instruments import InstrumentId
from core.domain.market import QuoteChanged, StreamInterrupted, TradePrinted
from core.runtime.clocks import NS_PER_S


class Touch(msgspec.Struct, frozen=True, gc=False):
    """A two-sided quote. Prices in quote units, quantities in base units, `age_s` in real seconds."""

    bid: float
    bid_quantity: float
    ask: float
    ask_quantity: float
    age_s: float

    @property
    def mid(self) -> float:
        return (self.bid + self.ask) / 2


class Quotes:
    """Latest wins: a quote whose update id is older than the one held is dropped (events of two connections may cross
    while one is being replaced)."""

    def __init__(self) -> None:
        self._quotes: dict[InstrumentId, QuoteChanged] = {}
        self._trades: dict[InstrumentId, TradePrinted] = {}

    def apply(self, event: QuoteChanged | TradePrinted) -> None:
        if isinstance(event, QuoteChanged):
            held = self._quotes.get(event.instrument_id)
            if held is None or event.sequence >= held.sequence:
                self._quotes[event.instrument_id] = event
        else:
            self._trades[event.instrument_id] = event

    def interrupted(self, event: StreamInterrupted) -> None:
        """Forgets the quotes of these instruments: a venue that restarted may count its update ids from new."""
        for instrument_id in event.instrument_ids:
            self._quotes.pop(instrument_id, None)

    def touch(self, instrument_id: InstrumentId, now_ns: int) -> Touch | None:
        """Best bid and ask now (`now_ns` monotonic); `None` before the first quote and while a side is empty."""
        quote = self._quotes.get(instrument_id)
        if quote is None or quote.bid <= 0 or quote.ask <= 0:
            return None
        return Touch(
            quote.bid, quote.bid_quantity, quote.ask, quote.ask_quantity, (now_ns - quote.received_ns) / NS_PER_S
        )

    def quote(self, instrument_id: InstrumentId) -> QuoteChanged | None:
        return self._quotes.get(instrument_id)

    def last_trade(self, instrument_id: InstrumentId) -> TradePrinted | None:
        return self._trades.get(instrument_id)
