"""When an order is proven never to have arrived. Pure.

The venue's own clock decides, never ours. The request was stamped before the moment at which we ask the venue for its
time, so once that clock is past

    that moment + the request's window + the venue's replica lag + how far ahead a stamp may be

the venue would refuse the request, and whatever it did accept shows in its reads. Two complete reads that begin after
that, and that lack the order in every list, prove its absence. A venue without such a window proves nothing; the
order stays UNKNOWN until the venue or an operator says more.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from core.domain.instruments import InstrumentId
from core.domain.orders import Balance, Fill, OrderReport, OrderType, Side, TimeInForce
from core.execution.order import ZERO, Order

STAMP_LEAD_MS = 1_000
"""Binance refuses stamps that are further ahead of its clock (REST API, "Timing security")."""
READS_NEEDED = 2


@dataclass(frozen=True, slots=True)
class AbsenceCase:
    """How far the proof has come."""

    provable_from_ms: int | None
    """Venue time from which on a read counts; `None`: never."""
    complete_reads: int = 0

    @property
    def is_proven(self) -> bool:
        return self.complete_reads >= READS_NEEDED

    def counts_at(self, server_time_ms: int) -> bool:
        return self.provable_from_ms is not None and server_time_ms > self.provable_from_ms


def open_case(order: Order, server_time_ms: int, replica_lag_ms: int) -> AbsenceCase:
    """`server_time_ms` must have been asked for after the call that sent the order had ended, or died with its
    process."""
    if order.window_ms is None or order.venue_order_id is not None:
        return AbsenceCase(None)
    return AbsenceCase(server_time_ms + order.window_ms + replica_lag_ms + STAMP_LEAD_MS)


@dataclass(frozen=True, slots=True)
class VenueRead:
    """Every list that would have to show the order, read one after the other."""

    began_ms: int
    """The venue's clock before the first of them was asked for."""
    by_id: OrderReport | None
    open_orders: Sequence[OrderReport]
    """Of all instruments: locked balances are checked against them."""
    orders: Sequence[OrderReport]
    fills: Sequence[Fill]
    balances: Mapping[str, Balance]


def sighting(order: Order, read: VenueRead) -> OrderReport | None:
    """The venue's picture of the order, wherever it shows; `None`: nowhere."""
    candidates = (read.by_id, *read.orders, *read.open_orders)
    for report in candidates:
        if report is not None and report.client_order_id == order.client_order_id:
            return report
    return None


def after_read(case: AbsenceCase, order: Order, read: VenueRead) -> AbsenceCase:
    """The case after a read that did not show the order; a trace of it starts the count again."""
    if not case.counts_at(read.began_ms):
        return case
    is_traced = any(fill.client_order_id == order.client_order_id for fill in read.fills)
    if is_traced or _may_be_locked(order, read.open_orders, read.balances):
        return replace(case, complete_reads=0)
    return replace(case, complete_reads=case.complete_reads + 1)


def _may_be_locked(order: Order, open_orders: Iterable[OrderReport], balances: Mapping[str, Balance]) -> bool:
    """Whether more is locked of the order's asset than the open orders explain, by at least what it would lock."""
    if order.leg.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        return False
    lock = _lock(order.instrument_id, order.leg.side, order.leg.quantity, order.leg.price, order.leg.order_type)
    if lock is None:
        return False
    asset, needed = lock
    explained = _explained(asset, open_orders)
    locked = balances[asset].locked if asset in balances else ZERO
    return explained is not None and locked - explained >= needed


def _explained(asset: str, open_orders: Iterable[OrderReport]) -> Decimal | None:
    """What open orders lock of an asset; `None` where that can't be told. The orders of a list lock it once for all of
    them: only one of them trades."""
    locks: dict[tuple[InstrumentId, str], Decimal] = {}
    for report in open_orders:
        rest = report.quantity - report.filled_quantity
        lock = _lock(report.instrument_id, report.side, rest, report.price, report.order_type)
        if lock is None:
            if asset in report.instrument_id.split("/"):
                return None
        elif lock[0] == asset:
            kind, number = ("order", report.venue_order_id) if report.list_id is None else ("list", report.list_id)
            key = report.instrument_id, f"{kind} {number}"
            locks[key] = max(locks.get(key, ZERO), lock[1])
    return sum(locks.values(), ZERO)


def _lock(
    instrument_id: InstrumentId, side: Side, quantity: Decimal, price: Decimal | None, order_type: OrderType
) -> tuple[str, Decimal] | None:
    """Asset and amount that a resting spot order locks; `None` where that can't be told, or nothing rests."""
    base, _, quote = instrument_id.partition("/")
    if ":" in quote or order_type is OrderType.MARKET:
        return None
    if side is Side.SELL:
        return base, quantity
    return None if price is None else (quote, quantity * price)
