"""Whether what a book says can be true. Reads rows as they are, so that it finds what a replay would trip over."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from sqlalchemy import Connection, Table

from core.domain.errors import JournalError
from core.domain.orders import ClientOrderId, Proposal
from core.execution.events import Filled, OrderEvent
from core.execution.journal import schema, snapshots
from core.execution.journal.account_rows import to_fill, to_funding, to_totals
from core.execution.journal.cells import AnyRow
from core.execution.journal.fold import Folded, fold_on
from core.execution.journal.order_rows import to_duty, to_event, to_order, to_proposal
from core.execution.journal.plan_rows import CLOSED, JOURNAL_FAILED, OPENED, recalls, to_plan
from core.execution.journal.reading import written_rows
from core.execution.machine import IllegalMove, advance
from core.execution.order import Order

_UNREADABLE = (ValueError, KeyError, TypeError, InvalidOperation)
_MOST_FINDINGS = 1_000


@dataclass(frozen=True, slots=True)
class AuditFinding:
    invariant: int
    """Its number in `audit`."""
    seq: int
    """Of the row that breaks it."""
    words: str


@dataclass(frozen=True, slots=True)
class Audit:
    orders: int
    settled: int
    fills: int
    records: int
    findings: tuple[AuditFinding, ...]
    """At most a thousand; empty where all is well."""


def audit(connection: Connection, book: int) -> Audit:
    """Walks through one book in the order of its writing. The invariants:

    1. A number (`seq`) is given once in all tables.
    2. Every row can be read: money is a number, words are those that the program knows.
    3. An intent comes before its orders.
    4. A request comes before everything that happens to its order, save that it never left (`JOURNAL_FAILED`).
    5. What happened to an order is a way through the order machine; no fill is absurd, none fills more than was asked.
    6. An order that is marked as settled is settled. (One that is not marked is folded at the next start.)
    7. A duty is opened for a request or a plan; it is followed, reached, noted and closed after it was opened.
    8. A plan comes after its intent, and before its slices and its end; its slices fill no more than it asks for.
    9. A snapshot says what all records up to its number say.
    """
    walk = _Walk()
    n_records = 0
    for table, row in written_rows(connection, book):
        n_records += 1
        walk.take(table, row)
        if len(walk.findings) >= _MOST_FINDINGS:
            break
    else:
        walk.end()
    walk.findings += _snapshot_findings(connection, book, walk.last_seq)
    settled = sum(order.is_settled for order in walk.orders.values())
    return Audit(len(walk.orders), settled, walk.n_fills, n_records, tuple(walk.findings))


def _snapshot_findings(connection: Connection, book: int, last_seq: int) -> list[AuditFinding]:
    try:
        snapshot = snapshots.read(connection, book, last_seq)
    except snapshots.OtherForm:
        return []  # no start uses it
    except snapshots.SnapshotVoid as error:
        return [AuditFinding(9, last_seq, str(error))]
    if snapshot is None:
        return []
    folded = Folded()
    try:
        fold_on(connection, book, folded, snapshot.seq)
    except (JournalError, *_UNREADABLE):
        return []  # what is wrong with the records is found by then
    if snapshots.sameness(folded) == snapshots.sameness(snapshot):
        return []
    return [AuditFinding(9, snapshot.seq, f"the snapshot of the first {snapshot.seq} records says something else")]


class _Walk:
    def __init__(self) -> None:
        self.orders: dict[ClientOrderId, Order] = {}
        self.findings: list[AuditFinding] = []
        self.n_fills = 0
        self.last_seq = 0
        self._intents: dict[str, Proposal] = {}
        self._duties: set[str] = set()
        self._plans: dict[str, Decimal] = {}
        """What is left to fill of each."""
        self._settled: dict[ClientOrderId, int] = {}
        """Orders that are marked, and the number of the row that says so."""
        self._readers: dict[str, Callable[[AnyRow], None]] = {
            schema.INTENTS.name: self._intent,
            schema.REQUESTS.name: self._request,
            schema.EVENTS.name: self._event,
            schema.FILLS.name: self._fill,
            schema.FUNDING.name: self._funding,
            schema.DUTIES.name: self._duty,
            schema.PLANS.name: self._plan,
            schema.BALANCES.name: self._balances,
            schema.SETTLEMENTS.name: self._settlement,
        }

    def take(self, table: Table, row: AnyRow) -> None:
        if row.seq <= self.last_seq:
            self._find(1, row, f"{table.name}: this number was given before")
        self.last_seq = row.seq
        read = self._readers[table.name]
        try:
            read(row)
        except _UNREADABLE as error:
            self._find(2, row, f"{table.name}: {type(error).__name__} {error}")

    def end(self) -> None:
        for order in self.orders.values():
            marked = order.client_order_id in self._settled
            if marked and not order.is_settled:
                words = f"order {order.client_order_id} is marked as settled, and is {order.state}"
                self.findings.append(AuditFinding(6, self._settled[order.client_order_id], words))

    def _intent(self, row: AnyRow) -> None:
        self._intents[row.intent_id] = to_proposal(row)

    def _request(self, row: AnyRow) -> None:
        order = to_order(row)
        if order.intent_id not in self._intents:
            self._find(3, row, f"order {order.client_order_id} is of intent {order.intent_id}, which is not there")
        if order.plan_id is not None and order.plan_id not in self._plans:
            self._find(8, row, f"order {order.client_order_id} is a slice of plan {order.plan_id}, which is not there")
        self.orders[order.client_order_id] = order

    def _event(self, row: AnyRow) -> None:
        if row.client_order_id not in self.orders and row.kind == "withdrawn" and row.reason == JOURNAL_FAILED:
            return  # of an attempt that the disk never took
        order = self._order(row, "event")
        if order is not None:
            self._advance(row, order, to_event(row, order))

    def _fill(self, row: AnyRow) -> None:
        fill = to_fill(row)
        self.n_fills += 1
        order = self._order(row, "fill") if row.is_ours else None
        if order is not None:
            self._advance(row, order, Filled(order.client_order_id, row.at_ns, fill))
            self._take_from_plan(row, order, fill.quantity)

    def _funding(self, row: AnyRow) -> None:
        to_funding(row)

    def _duty(self, row: AnyRow) -> None:
        if row.kind == "opened":
            to_duty(row)
            self._duties.add(row.duty_id)
            if row.duty_id not in self.orders and row.duty_id not in self._plans:
                self._find(7, row, f"duty {row.duty_id} is opened for an order that is not there")
        elif row.duty_id not in self._duties:
            self._find(7, row, f"duty {row.duty_id} is {row.kind}, and was never opened")
        elif row.kind == "followed":
            Decimal(row.best_price)

    def _plan(self, row: AnyRow) -> None:
        if row.kind == OPENED:
            proposal = self._intents.get(row.intent_id)
            if proposal is None:
                self._find(8, row, f"plan {row.plan_id} is of intent {row.intent_id}, which is not there")
                return
            self._plans[row.plan_id] = to_plan(row, proposal).leg.quantity
        elif row.plan_id not in self._plans and row.reason != JOURNAL_FAILED:
            self._find(8, row, f"plan {row.plan_id} is {row.kind}, and was never opened")
        elif row.kind != CLOSED:
            recalls(row)

    def _take_from_plan(self, row: AnyRow, order: Order, quantity: Decimal) -> None:
        if order.plan_id is None or order.plan_id not in self._plans:
            return
        self._plans[order.plan_id] -= quantity
        if self._plans[order.plan_id] < 0:
            self._find(8, row, f"the slices of plan {order.plan_id} have filled more than it asks for")

    def _balances(self, row: AnyRow) -> None:
        to_totals(row)

    def _settlement(self, row: AnyRow) -> None:
        if self._order(row, "settlement") is None:
            return
        if row.is_settled:
            self._settled[row.client_order_id] = row.seq
        else:
            self._settled.pop(row.client_order_id, None)

    def _order(self, row: AnyRow, what: str) -> Order | None:
        order = self.orders.get(row.client_order_id)
        if order is None:
            self._find(4, row, f"{what} of order {row.client_order_id}, which is not there")
        return order

    def _advance(self, row: AnyRow, order: Order, event: OrderEvent) -> None:
        try:
            after, oddity = advance(order, event)
        except IllegalMove as error:
            self._find(5, row, str(error))
            return
        if oddity is not None and oddity.code in ("ABSURD_FILL", "ABSURD_REPORT", "OVERFILLED"):
            self._find(5, row, f"order {order.client_order_id}: {oddity.code} {oddity.detail}")
        self.orders[order.client_order_id] = after

    def _find(self, invariant: int, row: AnyRow, words: str) -> None:
        self.findings.append(AuditFinding(invariant, row.seq, words))
