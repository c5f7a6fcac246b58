"""From rows back to what is known: the same folds that made them, in the same order."""

import gc
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from copy import deepcopy
from heapq import merge
from operator import attrgetter

from sqlalchemy import Connection, Table, select

from core.domain.facts import PlanView
from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, Fill, FillKey, IntentId, Proposal, VenueOrderId
from core.execution.events import Filled
from core.execution.journal import schema
from core.execution.journal.account_rows import to_fill
from core.execution.journal.cells import AnyRow
from core.execution.journal.fold import Folded, fold_on, proposals_of
from core.execution.journal.order_rows import to_event, to_order, to_proposal
from core.execution.journal.plan_rows import CLOSED, OPENED, to_plan
from core.execution.journal.records import Settlement
from core.execution.journal.state import REMEMBERED_FILLS_NS, REMEMBERED_FUNDING_NS, JournalState
from core.execution.machine import advance
from core.execution.order import Order
from core.execution.plans.plan import view_of

_LAST_INTENTS = 200
_IDS_A_QUERY = 500
_BY_SEQ = attrgetter("seq")

Orders = dict[ClientOrderId, Order]


def load(connection: Connection, book: int, folded: Folded, last_seq: int, retain_closed: int) -> JournalState:
    """Fold what is not settled, and the newest of the rest. `folded` is as far as somebody got before; it is taken on
    to `last_seq`, the book's."""
    with _collector_resting():
        fold_on(connection, book, folded, last_seq)
        of_plans = {each for slices in folded.slices.values() for each in slices}
        newest = _newest_settled(connection, book, retain_closed)
        orders = _folded(connection, book, {*folded.live, *newest, *of_plans})
        unmarked = (order for order in orders.values() if order.client_order_id in folded.live and order.is_settled)
        return JournalState(
            orders=_retained(orders.values(), of_plans, retain_closed),
            ledger=deepcopy(folded.ledger),
            seen=_seen(connection, book, folded.ledger.last_fill_ns),
            seen_funding=_seen_funding(connection, book, folded.ledger.last_funding_ns),
            duties=tuple(folded.duties.values()),
            protective_orders={each: folded.protective_orders.get(each, 0) for each in folded.duties},
            last_intents=_last_intents(connection, book),
            n_orders=folded.n_orders,
            unmarked=tuple(Settlement(order.client_order_id, True, order.changed_ns) for order in unmarked),
            plans=tuple(folded.plans.values()),
        )


def find(
    connection: Connection,
    book: int,
    client_order_ids: Iterable[ClientOrderId],
    venue_order_ids: Iterable[tuple[InstrumentId, VenueOrderId]],
) -> tuple[Order, ...]:
    """The orders of these ids, folded; those that are not in the book are missing."""
    wanted = set(client_order_ids) | _client_order_ids(connection, book, venue_order_ids)
    return tuple(_folded(connection, book, wanted).values())


def find_intent(connection: Connection, book: int, intent_id: IntentId) -> Proposal | None:
    """`None`: it is not in the book."""
    return proposals_of(connection, book, [intent_id]).get(intent_id)


def find_plan(connection: Connection, book: int, plan_id: ClientOrderId) -> PlanView | None:
    """A plan and how far its slices came; `None`: it is not in the book."""
    table, requests = schema.PLANS, schema.REQUESTS
    steps = sorted(
        connection.execute(select(table).where(table.c.book == book, table.c.plan_id == plan_id)), key=_BY_SEQ
    )
    opened = next((row for row in steps if row.kind == OPENED), None)
    if opened is None:
        return None
    plan = to_plan(opened, proposals_of(connection, book, [opened.intent_id])[opened.intent_id])
    is_slice = (requests.c.book == book) & (requests.c.seq > opened.seq) & (requests.c.plan_id == plan_id)
    ids = connection.scalars(select(requests.c.client_order_id).where(is_slice)).all()
    slices = tuple(_folded(connection, book, ids).values())
    return view_of(plan, slices, steps[-1].reason or "", is_over=steps[-1].kind == CLOSED)


@contextmanager
def _collector_resting() -> Iterator[None]:
    """Hundred thousands of rows come, and none of them is garbage: looking through them again and again for cycles
    takes a quarter of the time."""
    was_at_work = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_at_work:
            gc.enable()


def _newest_settled(connection: Connection, book: int, at_most: int) -> list[ClientOrderId]:
    """The newest word on an order counts."""
    table = schema.SETTLEMENTS.c
    said: dict[ClientOrderId, bool] = {}
    n_settled, before = 0, None
    while n_settled < at_most:
        backwards = select(table.seq, table.client_order_id, table.is_settled).where(table.book == book)
        older = backwards if before is None else backwards.where(table.seq < before)
        rows = connection.execute(older.order_by(table.seq.desc()).limit(at_most)).all()
        for row in rows:
            if row.client_order_id not in said:
                said[row.client_order_id] = is_counted = row.is_settled and n_settled < at_most
                n_settled += is_counted
        if len(rows) < at_most:
            break
        before = rows[-1].seq
    return [each for each, is_settled in said.items() if is_settled]


def _seen(
    connection: Connection, book: int, last_fill_ns: dict[InstrumentId, int]
) -> dict[InstrumentId, dict[FillKey, Fill]]:
    table, seen = schema.FILLS, {}
    for instrument_id, last_ns in last_fill_ns.items():
        is_its = (table.c.book == book) & (table.c.instrument_id == instrument_id)
        recent = select(table).where(is_its, table.c.event_ns >= last_ns - REMEMBERED_FILLS_NS)
        fills = (to_fill(row) for row in connection.execute(recent))
        seen[instrument_id] = {fill.key: fill for fill in fills}
    return seen


def _seen_funding(connection: Connection, book: int, last_ns: int | None) -> dict[tuple[InstrumentId, str], int]:
    if last_ns is None:
        return {}
    table = schema.FUNDING.c
    recent = select(table.instrument_id, table.payment_id, table.event_ns).where(
        table.book == book, table.event_ns >= last_ns - REMEMBERED_FUNDING_NS
    )
    return {(InstrumentId(row.instrument_id), row.payment_id): row.event_ns for row in connection.execute(recent)}


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


def _folded(connection: Connection, book: int, wanted: Iterable[ClientOrderId]) -> Orders:
    """Requests with what happened to them, oldest first, those that are not in the book missing. A request without any
    event may have left: it stands as SUBMITTING."""
    orders: Orders = {}
    written: dict[ClientOrderId, int] = {}
    for chunk in _chunks(sorted(wanted)):
        requests, events, fills = (
            _rows_of(connection, table, book, chunk) for table in (schema.REQUESTS, schema.EVENTS, schema.FILLS)
        )
        orders |= {order.client_order_id: order for order in map(to_order, requests)}
        written |= {row.client_order_id: row.seq for row in requests}
        for row in merge(events, fills, key=_BY_SEQ):
            # What comes before the request is about an attempt of the same name that the disk never took.
            if (known := orders.get(row.client_order_id)) is not None and row.seq > written[row.client_order_id]:
                event = _filled(row) if "trade_id" in row._fields else to_event(row, known)
                orders[known.client_order_id] = advance(known, event)[0]
    return {each: orders[each] for each in sorted(orders, key=written.__getitem__)}


def _filled(row: AnyRow) -> Filled:
    return Filled(row.client_order_id, row.at_ns, to_fill(row))


def _last_intents(connection: Connection, book: int) -> tuple[Proposal, ...]:
    intents = schema.INTENTS
    newest = select(intents).where(intents.c.book == book).order_by(intents.c.seq.desc()).limit(_LAST_INTENTS)
    return tuple(reversed([to_proposal(row) for row in connection.execute(newest)]))


def _retained(orders: Iterable[Order], pinned: Set[ClientOrderId], retain_closed: int) -> tuple[Order, ...]:
    """All that are not settled or are pinned, and the newest of the others."""
    every = list(orders)
    surplus = sum(order.is_settled and order.client_order_id not in pinned for order in every) - retain_closed
    kept = []
    for order in every:
        if order.is_settled and surplus > 0 and order.client_order_id not in pinned:
            surplus -= 1
        else:
            kept.append(order)
    return tuple(kept)


def _rows_of(connection: Connection, table: Table, book: int, client_order_ids: Sequence[str]) -> Sequence[AnyRow]:
    """In the order in which they were written. Sorted here: asked to sort, SQLite would read the whole book in that
    order."""
    wanted = table.c.client_order_id.in_(client_order_ids)
    return sorted(connection.execute(select(table).where(table.c.book == book, wanted)), key=_BY_SEQ)


def _chunks(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[start : start + _IDS_A_QUERY] for start in range(0, len(ids), _IDS_A_QUERY))
