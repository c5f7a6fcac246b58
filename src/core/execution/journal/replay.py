"""From rows back to what is known: the same folds that made them, in the same order."""

import gc
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from decimal import Decimal
from heapq import merge
from operator import attrgetter

from sqlalchemy import Connection, Table, select

from core.domain.facts import PlanView
from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, Fill, FundingPayment, IntentId, Proposal, VenueOrderId
from core.domain.tickets import MANUAL
from core.execution.duty import Duty
from core.execution.events import Filled
from core.execution.holdings import held_after, moved_totals, shrunk_by, taken_in
from core.execution.journal import schema
from core.execution.journal.account_rows import to_fill, to_funding, to_totals
from core.execution.journal.cells import PURPOSES, AnyRow
from core.execution.journal.order_rows import changed_duty, to_duty, to_event, to_order, to_proposal
from core.execution.journal.plan_rows import CLOSED, OPENED, recalls, to_plan
from core.execution.journal.records import Settlement
from core.execution.journal.state import Booking, JournalState
from core.execution.machine import advance
from core.execution.order import ZERO, Errand, Order
from core.execution.plans.open_plans import OpenPlans
from core.execution.plans.plan import view_of

_LAST_INTENTS = 200
_IDS_A_QUERY = 500
_BY_SEQ = attrgetter("seq")
_ERRAND = ("client_order_id", "purpose", "protects", "plan_id", "strategies")
_BY_HAND = json.dumps((MANUAL,))

Orders = dict[ClientOrderId, Order]
FillRow = tuple[AnyRow, Fill]
FundingRow = tuple[AnyRow, FundingPayment]


def load(connection: Connection, book: int, retain_closed: int) -> JournalState:
    """Fold what is not settled, and the newest of the rest; of what was settled long ago only the fills are read."""
    with _collector_resting():
        return _load(connection, book, retain_closed)


def _load(connection: Connection, book: int, retain_closed: int) -> JournalState:
    errands = {
        ClientOrderId(row.client_order_id): _errand(row)
        for row in _rows(connection, schema.REQUESTS, book, only=_ERRAND)
    }
    settled = _settled(connection, book)
    live = [client_order_id for client_order_id in errands if client_order_id not in settled]
    newest = list(settled)[max(len(settled) - retain_closed, 0) :]
    fills = [(row, to_fill(row)) for row in _rows(connection, schema.FILLS, book)]
    funding = [(row, to_funding(row)) for row in _rows(connection, schema.FUNDING, book)]
    bookings = tuple(Booking(fill, errands[row.client_order_id] if row.is_ours else None) for row, fill in fills)
    plans = _plans(connection, book, fills, bookings)
    of_plans = {each for each, errand in errands.items() if plans.get(errand.plan_id) is not None}
    orders = _folded(connection, book, {*live, *newest, *of_plans})
    duties = _duties(connection, book, fills, bookings)
    sent = Counter(errand.protects for errand in errands.values() if errand.protects is not None)
    return JournalState(
        orders=_retained([orders[each] for each in errands if each in orders], of_plans, retain_closed),
        bookings=bookings,
        duties=duties,
        protective_orders={duty.duty_id: sent[duty.duty_id] for duty in duties},
        last_intents=_last_intents(connection, book),
        observed_totals=_totals(connection, book, fills, funding),
        n_orders=len(errands),
        unmarked=tuple(Settlement(each, True, orders[each].changed_ns) for each in live if orders[each].is_settled),
        funding=tuple(payment for _, payment in funding),
        plans=tuple(plans.all()),
    )


def _errand(row: AnyRow) -> Errand:
    is_by_hand = row.strategies == _BY_HAND
    return Errand(row.client_order_id, PURPOSES[row.purpose], row.protects, row.plan_id, is_by_hand=is_by_hand)


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
    return _proposals(connection, book, [intent_id]).get(intent_id)


def find_plan(connection: Connection, book: int, plan_id: ClientOrderId) -> PlanView | None:
    """A plan and how far its slices came; `None`: it is not in the book."""
    table, requests = schema.PLANS, schema.REQUESTS
    steps = sorted(
        connection.execute(select(table).where(table.c.book == book, table.c.plan_id == plan_id)), key=_BY_SEQ
    )
    opened = next((row for row in steps if row.kind == OPENED), None)
    if opened is None:
        return None
    plan = to_plan(opened, _proposals(connection, book, [opened.intent_id])[opened.intent_id])
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


def _settled(connection: Connection, book: int) -> dict[ClientOrderId, None]:
    """In the order in which they were settled."""
    settled: dict[ClientOrderId, None] = {}
    for row in _rows(connection, schema.SETTLEMENTS, book, only=("client_order_id", "is_settled")):
        settled.pop(row.client_order_id, None)
        if row.is_settled:
            settled[row.client_order_id] = None
    return settled


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
    """Requests with what happened to them, those that are not in the book missing. A request without any event may
    have left: it stands as SUBMITTING."""
    orders: Orders = {}
    for chunk in _chunks(sorted(wanted)):
        requests, events, fills = (
            _rows_of(connection, table, book, chunk) for table in (schema.REQUESTS, schema.EVENTS, schema.FILLS)
        )
        orders |= {order.client_order_id: order for order in map(to_order, requests)}
        asked = {row.client_order_id: row.seq for row in requests}
        for row in merge(events, fills, key=_BY_SEQ):
            # What comes before the request is about an attempt of the same name that the disk never took.
            if (known := orders.get(row.client_order_id)) is not None and row.seq > asked[row.client_order_id]:
                event = _filled(row) if "trade_id" in row._fields else to_event(row, known)
                orders[known.client_order_id] = advance(known, event)[0]
    return orders


def _filled(row: AnyRow) -> Filled:
    return Filled(row.client_order_id, row.at_ns, to_fill(row))


def _duties(
    connection: Connection, book: int, fills: Sequence[FillRow], bookings: Sequence[Booking]
) -> tuple[Duty, ...]:
    """Open duties, with what the fills have left in them."""
    open_duties: dict[InstrumentId, dict[ClientOrderId, Duty]] = defaultdict(dict)
    held: dict[InstrumentId, Decimal] = defaultdict(Decimal)
    where: dict[ClientOrderId, InstrumentId] = {}
    steps = ((row, None) for row in _rows(connection, schema.DUTIES, book))
    booked = ((row, booking) for (row, _), booking in zip(fills, bookings, strict=True))
    for row, booking in merge(steps, booked, key=lambda pair: pair[0].seq):
        if booking is not None:
            instrument_id = booking.fill.instrument_id
            if concerned := open_duties.get(instrument_id):
                changed = _changed(concerned.values(), booking, held[instrument_id])
                concerned.update({duty.duty_id: duty for duty in changed})
            if booking.is_ours:
                held[instrument_id] += taken_in(booking.fill)
        elif row.kind == "opened":
            duty = to_duty(row)
            where[duty.duty_id] = duty.instrument_id
            open_duties[duty.instrument_id][duty.duty_id] = duty
        elif row.kind == "closed":
            open_duties[where[row.duty_id]].pop(row.duty_id, None)
        elif (known := open_duties[where[row.duty_id]].get(row.duty_id)) is not None:
            open_duties[known.instrument_id][known.duty_id] = changed_duty(row, known)
    return tuple(duty for duties in open_duties.values() for duty in duties.values())


def _changed(duties: Collection[Duty], booking: Booking, held: Decimal) -> list[Duty]:
    """`held`: before it."""
    if booking.errand is not None:
        return held_after(duties, booking.errand, booking.fill, held)
    return shrunk_by(duties, booking.fill) if booking.is_ours else []


def _plans(connection: Connection, book: int, fills: Sequence[FillRow], bookings: Sequence[Booking]) -> OpenPlans:
    """Open plans, with what happened to them."""
    plans = OpenPlans()
    steps: Sequence[AnyRow] = _rows(connection, schema.PLANS, book)
    over: set[str] = set()
    for row in steps:  # closed before it was opened: an attempt of the same name that the disk never took
        (over.add if row.kind == CLOSED else over.discard)(row.plan_id)
    steps = [row for row in steps if row.plan_id not in over and row.kind != CLOSED]
    proposals = _proposals(connection, book, [row.intent_id for row in steps if row.kind == OPENED])
    said = ((row, None) for row in steps)
    booked = ((row, booking) for (row, _), booking in zip(fills, bookings, strict=True)) if steps else ()
    for row, booking in merge(said, booked, key=lambda pair: pair[0].seq):
        if booking is not None:
            plans.note_fill(booking.fill, booking.errand)
        elif row.kind == OPENED:
            plans.open(to_plan(row, proposals[row.intent_id]))
        else:
            plans.end(row.plan_id, row.reason, recalls=recalls(row))
    return plans


def _proposals(connection: Connection, book: int, intent_ids: Sequence[str]) -> dict[str, Proposal]:
    intents = schema.INTENTS
    return {
        row.intent_id: to_proposal(row)
        for chunk in _chunks(intent_ids)
        for row in connection.execute(select(intents).where(intents.c.book == book, intents.c.intent_id.in_(chunk)))
    }


def _last_intents(connection: Connection, book: int) -> tuple[Proposal, ...]:
    intents = schema.INTENTS
    newest = select(intents).where(intents.c.book == book).order_by(intents.c.seq.desc()).limit(_LAST_INTENTS)
    return tuple(reversed([to_proposal(row) for row in connection.execute(newest)]))


def _totals(
    connection: Connection, book: int, fills: Sequence[FillRow], funding: Sequence[FundingRow]
) -> dict[str, Decimal]:
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
    for row, payment in funding:
        if row.seq > baseline.seq:
            totals[payment.asset] = totals.get(payment.asset, ZERO) + payment.amount
    return totals


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


def _rows(connection: Connection, table: Table, book: int, *, only: Sequence[str] = ()) -> Sequence[AnyRow]:
    """All of a book, in the order in which they were written; `only` these columns, all by default."""
    columns = [table.c[name] for name in only or table.c.keys()]
    return connection.execute(select(*columns).where(table.c.book == book).order_by(table.c.seq)).all()


def _rows_of(connection: Connection, table: Table, book: int, client_order_ids: Sequence[str]) -> Sequence[AnyRow]:
    """As `_rows`, of these orders. Sorted here: asked to sort, SQLite would read the whole book in that order."""
    wanted = table.c.client_order_id.in_(client_order_ids)
    return sorted(connection.execute(select(table).where(table.c.book == book, wanted)), key=_BY_SEQ)


def _chunks(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[start : start + _IDS_A_QUERY] for start in range(0, len(ids), _IDS_A_QUERY))
