"""Hears what the venue says of our orders before it is booked, and says aloud what it does not believe."""

from collections import Counter, OrderedDict

import structlog

from core.domain.instruments import InstrumentId
from core.domain.orders import Fill, FillKey, OrderReport
from core.execution.books import Books
from core.execution.doubts import Judged, MarketPrice, contradiction, judge
from core.execution.order import Order

_REMEMBERED = 1_000
"""Fills that were heard and may not be booked yet."""


class Jury:
    """For messages that bring a picture with its trades: pushed ones, and answers to requests. The trade history is
    heard by `core.execution.reconciliation`."""

    def __init__(self, books: Books, market_price: MarketPrice) -> None:
        self._books = books
        self._market_price = market_price
        self.doubts: Counter[str] = Counter()
        """How often, by code."""
        self._heard: OrderedDict[tuple[InstrumentId, FillKey], Fill] = OrderedDict()
        self._log = structlog.get_logger("execution")

    def hear(self, order: Order, report: OrderReport, *, is_answer: bool = False) -> Judged:
        """`order` as the books have it; `is_answer`: see `judge`. What is doubted must be asked after."""
        judged = judge(order, report, self._market_price, is_answer=is_answer)
        for fill in judged.fills:
            known = self._known(fill)
            if not known.tells_the_same_as(fill):
                judged = judged.doubting(contradiction(known, fill))
        for doubt in judged.doubts:
            self.doubts[doubt.partition(" ")[0]] += 1
            self._log.error("venue_not_believed", client_order_id=order.client_order_id, doubt=doubt)
        return judged

    def _known(self, fill: Fill) -> Fill:
        """What is booked under its id, or was heard first."""
        if (booked := self._books.booked(fill)) is not None:
            return booked
        known = self._heard.setdefault((fill.instrument_id, fill.key), fill)
        if len(self._heard) > _REMEMBERED:
            self._heard.popitem(last=False)
        return known
