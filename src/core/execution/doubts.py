"""What a venue says of our orders and can't be, or hardly: whose word is enough to believe it. Pure.

| what is said | code | believed |
|---|---|---|
| a price or quantity that is not above 0; another side or instrument than the order's | ABSURD_FILL | never |
| more than the order asks for, and more than the venue's picture of it says is filled | OVERFILL | never |
| less than nothing filled, or more than its own quantity; another side or instrument | ABSURD_REPORT | never |
| a buy above its limit, a sell below it | WORSE_THAN_LIMIT | from the trade history |
| a price far from the market's | FAR_OFF_PRICE | from the trade history |
| a fee that is more than the trade | FEE_ABOVE_TRADE | from the trade history |
| more in one trade than the same message says is filled in all | MORE_THAN_SAID | from the trade history |
| another trade under an id that is booked | FILL_CONTRADICTED | never |
| other terms than were asked for, with no amendment of ours | EDITED_AT_VENUE | from an answer about the order |

What a message alone can't prove is not booked from it: the venue is asked at once, and its answer counts. What even the
history says wrongly is not booked either: it is a break between the books, said and halted upon, until the history says
something that can be.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from core.domain.instruments import InstrumentId
from core.domain.orders import Fill, OrderReport, Terms
from core.execution.events import AmendWay
from core.execution.order import ZERO, Order

MarketPrice = Callable[[InstrumentId], Decimal | None]
"""What an instrument trades at now; `None`: not known."""

_FAR_OFF = Decimal("0.2")
"""Share of the market's price. Real trades may be further away in a crash: they are booked a moment later."""
_ROUNDING = Decimal("0.00000001")
"""Venues round fees up to so many digits."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A message about an order of ours, without what it alone can't prove."""

    report: OrderReport | None
    """`None`: not even its picture."""
    fills: tuple[Fill, ...]
    doubts: tuple[str, ...]
    """In words, each beginning with its code; empty where all of it is taken."""

    @classmethod
    def unheard(cls, report: OrderReport) -> "Judged":
        """Of an order that nobody knows: there is nothing to hold it against."""
        return cls(report, report.fills, ())

    def doubting(self, doubt: str) -> "Judged":
        return replace(self, doubts=(*self.doubts, doubt))


def judge(order: Order, report: OrderReport, market_price: MarketPrice, *, is_answer: bool = False) -> Judged:
    """`is_answer`: to a question or request of ours about this very order, not pushed."""
    if doubt := _why_doubted_report(order, report, is_answer=is_answer):
        return Judged(None, (), (doubt,))
    taken: list[Fill] = []
    doubts: list[str] = []
    for fill in report.fills:
        if doubt := why_doubted(order, fill, report, market_price(fill.instrument_id)):
            doubts.append(doubt)
        else:
            taken.append(fill)
            order = counted(order, fill)
    return Judged(report, tuple(taken), tuple(doubts))


def why_doubted(order: Order, fill: Fill, report: OrderReport, market_price: Decimal | None) -> str | None:
    """Why a fill is not taken from the message that brings it with `report`; `None`: it is. Fills that are booked
    already say nothing new."""
    if fill.trade_id in order.trade_ids or order.was_not_ours_at(fill):
        return None
    if refused := why_refused(order, fill):
        return refused
    limit = order.leg.price
    if limit is not None and (fill.price - limit) * fill.side.sign > ZERO:
        return f"WORSE_THAN_LIMIT limit={limit} {in_words(fill)}"
    if market_price is not None and abs(fill.price - market_price) > market_price * _FAR_OFF:
        return f"FAR_OFF_PRICE market={market_price} {in_words(fill)}"
    if _is_fee_above_trade(fill):
        return f"FEE_ABOVE_TRADE fee={fill.fee} {fill.fee_asset} {in_words(fill)}"
    if fill.quantity > report.filled_quantity:
        return f"MORE_THAN_SAID filled={report.filled_quantity} {in_words(fill)}"
    return None


def why_refused(order: Order, fill: Fill) -> str | None:
    """Why a fill is not booked, whoever says it; `None`: it is. `order` is as the venue's newest picture shows it."""
    if is_absurd_fill(order, fill):
        return f"ABSURD_FILL {in_words(fill)}"
    most = max(order.most_quantity, order.reported_quantity)
    if fill.trade_id not in order.trade_ids and order.booked_quantity + fill.quantity > most:
        return f"OVERFILL of={most} booked={order.booked_quantity} {in_words(fill)}"
    return None


def believable(order: Order, fills: Iterable[Fill]) -> list[Fill]:
    """Those of an order's fills, from the trade history, that can be."""
    taken: list[Fill] = []
    for fill in fills:
        if why_refused(order, fill) is None:
            taken.append(fill)
            order = counted(order, fill)
    return taken


def is_absurd_fill(order: Order, fill: Fill) -> bool:
    """Whether it can't be a trade of this order at all."""
    is_of_this_order = fill.side is order.leg.side and fill.instrument_id == order.instrument_id
    return not (is_of_this_order and is_possible(fill))


def is_possible(fill: Fill) -> bool:
    """Whether it can be a trade of anybody's."""
    are_finite = fill.price.is_finite() and fill.quantity.is_finite() and fill.fee.is_finite()
    return are_finite and fill.price > ZERO and fill.quantity > ZERO


def is_absurd_report(order: Order, report: OrderReport) -> bool:
    """Whether it can't be a picture of this order at all. Of a quantity of 0 nothing is known."""
    is_possible = (
        report.quantity.is_finite()
        and report.filled_quantity.is_finite()
        and report.filled_quantity >= ZERO
        and (report.quantity <= ZERO or report.filled_quantity <= report.quantity)
        and report.side is order.leg.side
        and report.instrument_id == order.instrument_id
    )
    return not is_possible


def edited_terms(order: Order, report: OrderReport) -> Terms | None:
    """What somebody else has made of an order of ours by this picture of it; `None`: it has the terms that we know, or
    an amendment of ours is under way, or the picture is older than the last that proved other terms."""
    is_ours_to_tell = order.amendment is not None and order.amendment.way is AmendWay.IN_PLACE
    if order.theirs is not None or is_ours_to_tell or not order.leg.may_rest:
        return None
    if report.quantity <= ZERO or report.event_ns <= order.terms_ns:
        return None
    has_prices = order.leg.price is not None and report.price is not None
    terms = Terms(report.quantity, report.price if has_prices else order.leg.price)
    return None if terms == order.leg.terms else terms


def contradiction(booked: Fill, fill: Fill) -> str:
    """Of a trade whose id is booked with other contents."""
    return f"FILL_CONTRADICTED booked={booked.quantity} at {booked.price} {in_words(fill)}"


def in_words(fill: Fill) -> str:
    return f"trade={fill.trade_id} {fill.side.value} {fill.quantity} at {fill.price}"


def _why_doubted_report(order: Order, report: OrderReport, *, is_answer: bool) -> str | None:
    if is_absurd_report(order, report):
        return f"ABSURD_REPORT {report.side.value} quantity={report.quantity} filled={report.filled_quantity}"
    if is_answer or (terms := edited_terms(order, report)) is None:
        return None
    asked = order.leg.terms
    return f"EDITED_AT_VENUE quantity={asked.quantity}->{terms.quantity} price={asked.price}->{terms.price}"


def counted(order: Order, fill: Fill) -> Order:
    """The order with a fill counted, as far as doubts about the next one are concerned."""
    if fill.trade_id in order.trade_ids:
        return order
    booked = order.booked_quantity + fill.quantity
    return replace(order, booked_quantity=booked, trade_ids=order.trade_ids | {fill.trade_id})


def _is_fee_above_trade(fill: Fill) -> bool:
    """Where they can be compared: spot, and a fee in one of the two assets that were traded. A rebate is a fee below
    0."""
    base, _, quote = fill.instrument_id.partition("/")
    if ":" in quote or fill.fee_asset not in (base, quote):
        return False
    traded = fill.quantity if fill.fee_asset == base else fill.quantity * fill.price
    return abs(fill.fee) > traded + _ROUNDING
