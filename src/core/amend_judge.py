"""The risk gate's word on amendments, with the market as it is at each step."""

from collections.abc import Callable, Mapping

from core.domain.facts import OrderView
from core.domain.freshness import Moment, Quote
from core.domain.instruments import Instrument, InstrumentId
from core.domain.orders import ClientOrderId, Terms
from core.risk.account import Account
from core.risk.approval import ApprovedAmendment, Refused


class MarketJudge:
    """The `core.risk.approval.AmendJudge` of a running daemon. Call it on the loop."""

    def __init__(
        self,
        account: Account,
        instruments: Callable[[], Mapping[InstrumentId, Instrument]],
        quote: Callable[[InstrumentId], Quote | None],
        now: Callable[[], Moment],
    ) -> None:
        """`instruments` are those that are traded."""
        self._account = account
        self._instruments = instruments
        self._quote = quote
        self._now = now

    def judge(self, order: OrderView, terms: Terms, *, in_place: bool) -> ApprovedAmendment | Refused:
        quote = self._quote(order.leg.instrument_id)
        quotes = {} if quote is None else {order.leg.instrument_id: quote}
        return self._account.judge_amendment(order, terms, self._instruments(), quotes, self._now(), in_place=in_place)

    def release(self, client_order_id: ClientOrderId) -> None:
        self._account.gate.keep_terms(client_order_id)
