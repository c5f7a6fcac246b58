"""From rows back to what is known: the same folds that made them, in the same order."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from heapq import merge
from operator import attrgetter

from sqlalchemy import ColumnElement, Connection, Table, select

from core.domain.facts import FillBooked
from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, Fill, Proposal, VenueOrderId
from core.execution.events import Filled
from core.execution.holdings import held_after, moved_totals
from core.execution.journal import schema
from core.execution.journal.codec import AnyRow, to_duty, to_event, to_fill, to_order, to_proposal, to_totals
from core.execution.journal.state import JournalState
from core.execution.machine import advance
from core.execution.order import ZERO, Order
from core.execution.protection import Duty

_LAST_INTENTS = 200
_IDS_A_QUERY = 500
_BY_SEQ = attrgetter("seq")

Orders = dict[ClientOrderId, Order]
FillRow = tuple[AnyRow, Fill]


def load(connection: Connection, book: int, retain_closed: int) -> JournalState:
    """Fold the whole book."""
    fills = [(row, to_fill(row)) for row in _rows(connection, schema.FILLS, book)]
    orders = _orders(connection, book, fills)
    duties = _duties(connection, book, orders, fills)
    sent = Counter(order.protects for order in orders.values() if order.protects is not None)
    return JournalState(
        orders=_retained(orders.values(), retain_closed),
        bookings=tuple(
            FillBooked(fill, orders[ClientOrderId(row.client_order_id)].view() if row.is_ours else None)
            for row, fill in fills
        ),
        duties=duties,
        protective_orders={duty.duty_id: sent[duty.duty_id] for duty in duties},
        last_intents=_last_intents(connection, book),
        observed_totals=_totals(connection, book, fills),
        n_orders=len(orders),
    )


def find(
    connection: Connection,
    book: int,
    client_order_ids: Iterable[ClientOrderId],
    venue_order_ids: Iterable[tuple[InstrumentId, VenueOrderId]],
) -> tuple[Order, ...]:
    """The orders of these ids, folded; those that are not in the book are missing."""
    wanted = set(client_order_ids) | _client_order_ids(connection, book, venue_order_ids)
    found: list[Order] = []
    for chunk in _chunks(sorted(wanted)):
        rows = _rows(connection, schema.FILLS, book, schema.FILLS.c.client_order_id.in_(chunk))
        found += _orders(connection, book, [(row, to_fill(row)) for row in rows], chunk).values()
    return tuple(found)


def _client_order_ids(
    connection: Connection, book: int, venue_order_ids: Iterable[tuple[InstrumentId, VenueOrderId]]
) -> set[ClientOrderId]:
    wanted = set(venue_order_ids)
    found: set[ClientOrderId] = set()
    events, requests = schema.EVENTS.c, schema.REQUESTS.c
    for chunk in _chunks(sorted({venue_id for _, venue_id in wanted})):
        named = connection.execute(
            select(events.client_order_id, events.venue_order_id, requests.leg)
            .join(
                schema.REQUESTS, (requests.book == events.book) & (requests.client_order_id == events.client_order_id)
            )
            .where(events.book == book, events.venue_order_id.in_(chunk))
            .distinct()
        )
        found.update(row.client_order_id for row in named if _names(row, wanted))
    return found


def _names(row: AnyRow, wanted: set[tuple[InstrumentId, VenueOrderId]]) -> bool:
    """Venue order ids are unique within an instrument only."""
    return any(venue_id == row.venue_order_id and f'"{instrument}"' in row.leg for instrument, venue_id in wanted)


def _orders(connection: Connection, book: int, fills: Sequence[FillRow], only: Sequence[str] | None = None) -> Orders:
    """Requests with what happened to them. A request without any event may have left: it stands as SUBMITTING."""
    requests = map(to_order, _rows(connection, schema.REQUESTS, book, *_among(schema.REQUESTS, only)))
    orders: Orders = {order.client_order_id: order for order in requests}
    events = ((row, None) for row in _rows(connection, schema.EVENTS, book, *_among(schema.EVENTS, only)))
    for row, fill in merge(events, fills, key=lambda pair: pair[0].seq):
        known = orders.get(row.client_order_id)
        if known is not None:
            event = to_event(row, known) if fill is None else Filled(known.client_order_id, row.at_ns, fill)
            orders[known.client_order_id] = advance(known, event)[0]
    return orders


def _duties(connection: Connection, book: int, orders: Orders, fills: Sequence[FillRow]) -> tuple[Duty, ...]:
    """Open duties, with what the fills have left in them."""
    open_duties: dict[InstrumentId, dict[ClientOrderId, Duty]] = defaultdict(dict)
    where: dict[ClientOrderId, InstrumentId] = {}
    steps = ((row, None) for row in _rows(connection, schema.DUTIES, book))
    for row, fill in merge(steps, fills, key=lambda pair: pair[0].seq):
        if fill is not None:
            concerned = open_duties.get(fill.instrument_id)
            if concerned and row.is_ours:
                for duty in held_after(concerned.values(), orders[row.client_order_id], fill):
                    concerned[duty.duty_id] = duty
        elif row.kind == "opened":
            duty = to_duty(row)
            where[duty.duty_id] = duty.instrument_id
            open_duties[duty.instrument_id][duty.duty_id] = duty
        elif row.kind == "closed":
            open_duties[where[row.duty_id]].pop(row.duty_id, None)
    return tuple(duty for duties in open_duties.values() for duty in duties.values())


def _last_intents(connection: Connection, book: int) -> tuple[Proposal, ...]:
    intents = schema.INTENTS
    newest = select(intents).where(intents.c.book == book).order_by(intents.c.seq.desc()).limit(_LAST_INTENTS)
    return tuple(reversed([to_proposal(row) for row in connection.execute(newest)]))


def _totals(connection: Connection, book: int, fills: Sequence[FillRow]) -> dict[str, Decimal]:
    balances = schema.BALANCES
    newest = select(balances).where(balances.c.book == book).order_by(balances.c.seq.desc()).limit(1)
    baseline = connection.execute(newest).first()
    if baseline is None:
        return {}
    totals = to_totals(baseline)
    for row, fill in fills:
        if row.seq > baseline.seq:
            for asset, amount in moved_totals(fill).items():
                totals[asset] = totals.get(asset, ZERO) + amount
    return totals


def _retained(orders: Iterable[Order], retain_closed: int) -> tuple[Order, ...]:
    """All that are not settled, and the newest of the others."""
    every = list(orders)
    surplus = sum(order.is_settled for order in every) - retain_closed
    kept = []
    for order in every:
        if order.is_settled and surplus > 0:
            surplus -= 1
        else:
            kept.append(order)
    return tuple(kept)


def _rows(connection: Connection, table: Table, book: int, *where: ColumnElement[bool]) -> Sequence[AnyRow]:
    return connection.execute(select(table).where(table.c.book == book, *where).order_by(table.c.seq)).all()


def _among(table: Table, only: Sequence[str] | None) -> list[ColumnElement[bool]]:
    return [] if only is None else [table.c.client_order_id.in_(only)]


def _chunks(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[start : start + _IDS_A_QUERY] for start in range(0, len(ids), _IDS_A_QUERY))
