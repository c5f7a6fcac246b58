"""Reconciliation as a pure function: what we know against what the venue says.

Invariants, each restored by the correction named:

I1  Every trade of the venue that belongs to an order of ours is booked exactly once.             BookFill
    One that can't be, or that is another than what is booked under its id, is not booked.        RefuseFill
I2  Every order of ours is in the state that the venue's newest picture of it gives.              ApplyReport
I3  An order that we hold for working and that the venue lists nowhere is asked for by its id;
    being missing from a list proves nothing.                                                     AskAfter
I4  An order that the venue had accepted and no longer knows by its id is UNKNOWN, not over.      MarkVanished
I5  What the venue says is filled is booked trade by trade, or asked for until it is.             AskAfter
I6  Orders and trades of the account that are not ours are noticed: counted and shown for as long
    as they are there. What is done about them is up to `core.execution.strangers`.               NoticeForeign...
I7  Balances move by booked trades and funding only; another difference is said once, as it is.    BalanceUnexplained
    A difference counts when it stays the same for longer than replicas lag behind each other, and
    nothing that could explain it is kept from us.                                                BalanceSuspected
I8  Every funding payment of the venue is booked exactly once.                                    BookFunding
I9  A position at the venue is what all booked trades leave, ours and others'; as I7.     PositionUnexplained

Nothing is concluded from what raced with the reading: orders that changed meanwhile, trades of orders whose venue id is
still to come, balances that moved between the first and the last read.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from core.domain.facts import OrderState
from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, Fill, FillKey, FundingPayment, OrderReport, VenueOrderId
from core.execution.doubts import contradiction, counted, in_words, is_possible, why_refused
from core.execution.events import Reported
from core.execution.holdings import moved_assets, moved_totals, taken_in
from core.execution.machine import advance
from core.execution.order import ZERO, Order

TOTALS_TOLERANCE = Decimal("0.00000001")
"""Venues round fees to so many digits."""


@dataclass(frozen=True, slots=True)
class ApplyReport:
    client_order_id: ClientOrderId
    report: OrderReport


@dataclass(frozen=True, slots=True)
class BookFill:
    client_order_id: ClientOrderId
    fill: Fill


@dataclass(frozen=True, slots=True)
class RefuseFill:
    """The venue's history says what can't be: `reason` (`core.execution.doubts`) begins with its code."""

    fill: Fill
    reason: str
    is_booked_otherwise: bool = False
    """Its id is booked, with other contents."""


@dataclass(frozen=True, slots=True)
class AskAfter:
    client_order_id: ClientOrderId
    reason: str


@dataclass(frozen=True, slots=True)
class MarkVanished:
    client_order_id: ClientOrderId
    reason: str


@dataclass(frozen=True, slots=True)
class NoticeForeignOrder:
    report: OrderReport


@dataclass(frozen=True, slots=True)
class NoticeForeignFill:
    fill: Fill


@dataclass(frozen=True, slots=True)
class BalanceSuspected:
    """Off for the first time: look again, closer."""

    asset: str
    difference: Decimal


@dataclass(frozen=True, slots=True)
class BalanceUnexplained:
    """A deposit, a withdrawal, a fee elsewhere, or a fault."""

    asset: str
    expected: Decimal
    actual: Decimal

    @property
    def difference(self) -> Decimal:
        return self.actual - self.expected


@dataclass(frozen=True, slots=True)
class BookFunding:
    payment: FundingPayment


@dataclass(frozen=True, slots=True)
class PositionSuspected:
    """Off for the first time: look again, at its trades too."""

    instrument_id: InstrumentId
    difference: Decimal


@dataclass(frozen=True, slots=True)
class PositionUnexplained:
    """Somebody else's position from before, or a fault."""

    instrument_id: InstrumentId
    expected: Decimal
    actual: Decimal

    @property
    def difference(self) -> Decimal:
        return self.actual - self.expected


Correction = (
    ApplyReport
    | BookFill
    | RefuseFill
    | AskAfter
    | MarkVanished
    | NoticeForeignOrder
    | NoticeForeignFill
    | BalanceSuspected
    | BalanceUnexplained
    | BookFunding
    | PositionSuspected
    | PositionUnexplained
)


@dataclass(frozen=True, slots=True)
class OurSide:
    """What we know, read after the venue was."""

    orders: Mapping[ClientOrderId, Order]
    """All that are not settled, and any other that the venue's answers name."""
    unmoved: frozenset[ClientOrderId]
    """Those that have not changed since before the venue was read, nor within its replica lag before that."""
    seen: Mapping[InstrumentId, Mapping[FillKey, Fill]] = field(default_factory=dict)
    """Booked trades, ours or foreign, of the instruments read."""
    foreign_orders: frozenset[tuple[InstrumentId, VenueOrderId]] = frozenset()
    """Noticed before and still open then."""
    totals: Mapping[str, Decimal] | None = None
    """What booked trades make of the balances last observed; `None`: never observed."""
    suspected: Mapping[str, Decimal] = field(default_factory=dict)
    """Differences that count if this round finds them once more."""
    nets: Mapping[InstrumentId, Decimal] = field(default_factory=dict)
    """What booked trades leave of each instrument, other hands' included."""
    suspected_positions: Mapping[InstrumentId, Decimal] = field(default_factory=dict)
    """As `suspected`."""
    seen_funding: frozenset[tuple[InstrumentId, str]] = frozenset()
    """Booked payments."""
    at_ns: int = 0


@dataclass(frozen=True, slots=True)
class VenueSide:
    """What the venue says."""

    open_orders: Sequence[OrderReport]
    """Of the whole account."""
    by_id: Mapping[ClientOrderId, OrderReport | None]
    """Answers about orders of ours that the list of open ones lacks; `None`: not known."""
    fills: Sequence[Fill] = ()
    """Trades of the instruments that were looked at."""
    totals: Mapping[str, Decimal] | None = None
    """`None`: they moved while the venue was read, so nothing can be said."""
    positions: Mapping[InstrumentId, Decimal] | None = None
    """Open ones, signed; `None`: the venue has none, or they moved while it was read."""
    funding: Sequence[FundingPayment] = ()
    unread: frozenset[InstrumentId] = frozenset()
    """Instruments of which it tells nothing now."""


def reconcile(ours: OurSide, venue: VenueSide) -> list[Correction]:
    """What must change on our side, in the order in which to do it."""
    reports = [*venue.open_orders, *(report for report in venue.by_id.values() if report is not None)]
    told = list(_fills(ours, reports, venue.fills))
    fills = [each for each in told if not isinstance(each, RefuseFill)]
    funding = [
        BookFunding(payment)
        for payment in venue.funding
        if (payment.instrument_id, payment.payment_id) not in ours.seen_funding
    ]
    return [
        *_pictures(ours, reports),
        *told,
        *_missing(ours, venue),
        *_unbooked(ours, reports, fills),
        *_foreign_orders(ours, venue.open_orders),
        *funding,
        *_balances(ours, venue.totals, fills, funding, venue.unread),
        *_positions(ours, venue.positions, fills, venue.unread),
    ]


def _pictures(ours: OurSide, reports: Iterable[OrderReport]) -> Iterator[Correction]:
    """I2"""
    for report in reports:
        order = ours.orders.get(report.client_order_id)
        if order is not None and _after(order, report, ours.at_ns) != order:
            yield ApplyReport(order.client_order_id, report)


def _fills(
    ours: OurSide, reports: Iterable[OrderReport], fills: Iterable[Fill]
) -> Iterator[BookFill | RefuseFill | NoticeForeignFill]:
    """I1, I6"""
    said = {report.client_order_id: report for report in reports}
    pictured = {
        client_order_id: _after(order, said[client_order_id], ours.at_ns) if client_order_id in said else order
        for client_order_id, order in ours.orders.items()
    }
    named = {
        (order.instrument_id, name): order.client_order_id for order in ours.orders.values() for name in order.names
    }
    for report in reports:
        if report.client_order_id in ours.orders:
            named[report.instrument_id, report.venue_order_id] = report.client_order_id
    still_nameless = {
        order.instrument_id
        for order in ours.orders.values()
        if not order.is_settled and order.client_order_id not in named.values()
    }
    for fill in fills:
        if (booked := ours.seen.get(fill.instrument_id, {}).get(fill.key)) is not None:
            if not booked.tells_the_same_as(fill):
                yield RefuseFill(fill, contradiction(booked, fill), is_booked_otherwise=True)
            continue
        owner = named.get((fill.instrument_id, fill.venue_order_id))
        if owner is None and fill.client_order_id in ours.orders:
            owner = fill.client_order_id
        if owner is not None and not ours.orders[owner].was_not_ours_at(fill):
            if reason := why_refused(pictured[owner], fill):
                yield RefuseFill(fill, reason)
                continue
            pictured[owner] = counted(pictured[owner], fill)
            yield BookFill(owner, fill)
        elif fill.instrument_id not in still_nameless:
            yield NoticeForeignFill(fill) if is_possible(fill) else RefuseFill(fill, f"ABSURD_FILL {in_words(fill)}")


def _missing(ours: OurSide, venue: VenueSide) -> Iterator[Correction]:
    """I3, I4"""
    for client_order_id, report in venue.by_id.items():
        order = ours.orders.get(client_order_id)
        if report is not None or order is None or client_order_id not in ours.unmoved:
            continue
        if order.state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED):
            yield MarkVanished(client_order_id, "the venue lists it nowhere and does not know its id")
        elif order.state is OrderState.UNKNOWN:
            yield AskAfter(client_order_id, "UNKNOWN")


def _unbooked(
    ours: OurSide, reports: Sequence[OrderReport], fills: Iterable[BookFill | NoticeForeignFill]
) -> Iterator[Correction]:
    """I5"""
    found: dict[ClientOrderId, Decimal] = {}
    for booking in fills:
        if isinstance(booking, BookFill):
            found[booking.client_order_id] = found.get(booking.client_order_id, ZERO) + booking.fill.quantity
    said = {report.client_order_id: report for report in reports}
    for client_order_id, order in ours.orders.items():
        known = _after(order, said[client_order_id], ours.at_ns) if client_order_id in said else order
        if known.unbooked_quantity > found.get(client_order_id, ZERO):
            yield AskAfter(client_order_id, "FILLS_MISSING")


def _foreign_orders(ours: OurSide, open_orders: Iterable[OrderReport]) -> Iterator[Correction]:
    """I6"""
    for report in open_orders:
        key = (report.instrument_id, report.venue_order_id)
        if report.client_order_id not in ours.orders and key not in ours.foreign_orders:
            yield NoticeForeignOrder(report)


def _balances(
    ours: OurSide,
    totals: Mapping[str, Decimal] | None,
    fills: Iterable[BookFill | NoticeForeignFill],
    funding: Iterable[BookFunding],
    unread: Iterable[InstrumentId],
) -> Iterator[Correction]:
    """I7"""
    if ours.totals is None or totals is None:
        return
    expected = dict(ours.totals)
    for booking in fills:
        for asset, amount in moved_totals(booking.fill).items():
            expected[asset] = expected.get(asset, ZERO) + amount
    for payment in (booking.payment for booking in funding):
        expected[payment.asset] = expected.get(payment.asset, ZERO) + payment.amount
    untold = moved_assets(unread)
    for asset in sorted(expected.keys() | totals.keys()):
        actual, hoped = totals.get(asset, ZERO), expected.get(asset, ZERO)
        difference = actual - hoped
        if abs(difference) <= TOTALS_TOLERANCE:
            continue
        if ours.suspected.get(asset) == difference and asset not in untold:
            yield BalanceUnexplained(asset, hoped, actual)
        else:
            yield BalanceSuspected(asset, difference)


def _positions(
    ours: OurSide,
    positions: Mapping[InstrumentId, Decimal] | None,
    fills: Iterable[BookFill | NoticeForeignFill],
    unread: Collection[InstrumentId],
) -> Iterator[Correction]:
    """I9"""
    if positions is None:
        return
    expected = dict(ours.nets)
    for booking in fills:
        instrument_id = booking.fill.instrument_id
        expected[instrument_id] = expected.get(instrument_id, ZERO) + taken_in(booking.fill)
    for instrument_id in sorted(expected.keys() | positions.keys()):
        actual, hoped = positions.get(instrument_id, ZERO), expected.get(instrument_id, ZERO)
        if actual == hoped:
            continue
        if ours.suspected_positions.get(instrument_id) == actual - hoped and instrument_id not in unread:
            yield PositionUnexplained(instrument_id, hoped, actual)
        else:
            yield PositionSuspected(instrument_id, actual - hoped)


def _after(order: Order, report: OrderReport, at_ns: int) -> Order:
    return advance(order, Reported(order.client_order_id, at_ns, report))[0]
