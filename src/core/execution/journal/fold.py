"""A book's rows, folded: what a start needs to know of everything that is long over, and what is not over.

The rows may be taken in one go or in parts of any size, and what is folded may be written down in between: what comes
out is the same.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from typing import Any

from sqlalchemy import Connection, Select, Table, select

from core.domain.errors import JournalError
from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, Fill, Proposal
from core.domain.tickets import MANUAL
from core.execution.duty import Duty
from core.execution.holdings import held_after, shrunk_by
from core.execution.journal import schema
from core.execution.journal.account_rows import to_fill, to_funding, to_totals
from core.execution.journal.cells import PURPOSES, AnyRow
from core.execution.journal.order_rows import changed_duty, strategies_of, to_duty, to_proposal
from core.execution.journal.plan_rows import CLOSED, OPENED, recalls, to_plan
from core.execution.ledger import Ledger
from core.execution.order import ZERO, Errand
from core.execution.plans.open_plans import OpenPlans
from core.execution.plans.plan import Plan

_A_PART = 20_000
"""Numbers: bounds the rows that are held in memory."""
_IDS_A_QUERY = 500
_FILLS, _REQUESTS = schema.FILLS.c, schema.REQUESTS.c


@dataclass(slots=True)
class Folded:
    """Grows with what is open, and with the number of instruments; not with age."""

    seq: int = 0
    """The last number that is in it."""
    n_orders: int = 0
    live: dict[ClientOrderId, None] = field(default_factory=dict)
    """Orders that are not marked as settled."""
    ledger: Ledger = field(default_factory=Ledger)
    duties: dict[ClientOrderId, Duty] = field(default_factory=dict)
    """Open ones, with what is held under each."""
    protective_orders: dict[ClientOrderId, int] = field(default_factory=dict)
    """How many were ever sent for each open duty."""
    plans: dict[ClientOrderId, Plan] = field(default_factory=dict)
    """Open ones."""
    slices: dict[ClientOrderId, list[ClientOrderId]] = field(default_factory=dict)
    """Of each open plan, all that were ever made."""


def fold_on(connection: Connection, book: int, folded: Folded, until_seq: int) -> None:
    """Take all rows up to that number. Raises `JournalError` for a fill of an order that is not there."""
    while folded.seq < until_seq:
        part_ends = min(folded.seq + _A_PART, until_seq)
        _Part(connection, book, folded, part_ends).take()
        folded.seq = part_ends


class _Part:
    """The rows whose numbers are above those folded, up to `until_seq`."""

    def __init__(self, connection: Connection, book: int, folded: Folded, until_seq: int) -> None:
        self._connection = connection
        self._book = book
        self._folded = folded
        self._until_seq = until_seq
        self._plans = OpenPlans()
        for plan in folded.plans.values():
            self._plans.open(plan)
        self._duties: defaultdict[InstrumentId, dict[ClientOrderId, Duty]] = defaultdict(dict)
        self._where: dict[ClientOrderId, InstrumentId] = {}
        for duty in folded.duties.values():
            self._open(duty)

    def take(self) -> None:
        folded = self._folded
        asked = self._take_requests()
        for row in self._rows(schema.SETTLEMENTS, "client_order_id", "is_settled"):
            if row.seq < asked.get(row.client_order_id, 0):
                continue  # about an attempt of the same name that the disk never took
            if row.is_settled:
                folded.live.pop(row.client_order_id, None)
            else:
                folded.live[row.client_order_id] = None
        self._take_what_moves()
        folded.duties = {each: duty for duties in self._duties.values() for each, duty in duties.items()}
        folded.plans = {plan.plan_id: plan for plan in self._plans.all()}
        folded.protective_orders = {
            each: count for each, count in folded.protective_orders.items() if each in folded.duties
        }
        folded.slices = {each: slices for each, slices in folded.slices.items() if each in folded.plans}

    def _take_requests(self) -> dict[ClientOrderId, int]:
        """Before everything else in the part; the number of each."""
        folded = self._folded
        asked: dict[ClientOrderId, int] = {}
        for row in self._rows(schema.REQUESTS, "client_order_id", "protects", "plan_id"):
            folded.n_orders += 1
            asked[row.client_order_id] = row.seq
            folded.live[row.client_order_id] = None
            if row.protects is not None:
                folded.protective_orders[row.protects] = folded.protective_orders.get(row.protects, 0) + 1
            if row.plan_id is not None:
                folded.slices.setdefault(row.plan_id, []).append(row.client_order_id)
        return asked

    def _take_what_moves(self) -> None:
        """What depends on what came before: fills and payments, duties, plans, balances."""
        ledger = self._folded.ledger
        steps: Sequence[AnyRow] = self._rows(schema.PLANS)
        proposals = proposals_of(self._connection, self._book, [row.intent_id for row in steps if row.kind == OPENED])
        kinds: dict[str, Iterable[AnyRow]] = {
            "fill": self._connection.execute(self._fills()),
            "funding": self._rows(schema.FUNDING),
            "duty": self._rows(schema.DUTIES),
            "plan": steps,
            "balances": self._rows(schema.BALANCES),
        }
        for kind, row in merge(*(_named(*each) for each in kinds.items()), key=_seq_of):
            match kind:
                case "fill":
                    self._take_fill(row)
                case "duty":
                    self._take_duty(row)
                case "plan":
                    self._take_plan(row, proposals)
                case "funding":
                    ledger.note_funding(to_funding(row))
                case "balances":
                    ledger.totals = to_totals(row)

    def _take_fill(self, row: AnyRow) -> None:
        fill, errand = to_fill(row), _errand(row) if row.is_ours else None
        if (errand is not None or fill.is_forced) and (duties := self._duties.get(fill.instrument_id)):
            duties.update({duty.duty_id: duty for duty in self._changed(duties.values(), fill, errand)})
        self._plans.note_fill(fill, errand)
        self._folded.ledger.note_fill(fill, errand)

    def _changed(self, duties: Collection[Duty], fill: Fill, errand: Errand | None) -> list[Duty]:
        if errand is None:
            return shrunk_by(duties, fill)
        return held_after(duties, errand, fill, self._folded.ledger.held.get(fill.instrument_id, ZERO))

    def _take_duty(self, row: AnyRow) -> None:
        if row.kind == "opened":
            self._open(to_duty(row))
            return
        duties = self._duties[self._where[row.duty_id]] if row.duty_id in self._where else {}
        if row.kind == "closed":
            duties.pop(row.duty_id, None)
        elif (known := duties.get(row.duty_id)) is not None:
            duties[known.duty_id] = changed_duty(row, known)

    def _open(self, duty: Duty) -> None:
        self._where[duty.duty_id] = duty.instrument_id
        self._duties[duty.instrument_id][duty.duty_id] = duty

    def _take_plan(self, row: AnyRow, proposals: Mapping[str, Proposal]) -> None:
        if row.kind == OPENED:
            self._plans.open(to_plan(row, proposals[row.intent_id]))
        elif row.kind == CLOSED:
            self._plans.close(row.plan_id)
        else:
            self._plans.end(row.plan_id, row.reason, recalls=recalls(row))

    def _rows(self, table: Table, *only: str) -> Sequence[AnyRow]:
        """In the order in which they were written; `only` these columns, all by default."""
        columns = [table.c[name] for name in ("seq", *only)] if only else list(table.c)
        return self._connection.execute(self._of_part(select(*columns), table)).all()

    def _fills(self) -> Select[Any]:
        """With the errands of the orders that they fill."""
        is_its_order = (_REQUESTS.book == _FILLS.book) & (_REQUESTS.client_order_id == _FILLS.client_order_id)
        errand = (_REQUESTS.purpose, _REQUESTS.protects, _REQUESTS.plan_id, _REQUESTS.strategies)
        found = select(schema.FILLS, *errand).outerjoin_from(schema.FILLS, schema.REQUESTS, is_its_order)
        return self._of_part(found, schema.FILLS)

    def _of_part(self, query: Select[Any], table: Table) -> Select[Any]:
        of_part = (table.c.book == self._book, table.c.seq > self._folded.seq, table.c.seq <= self._until_seq)
        return query.where(*of_part).order_by(table.c.seq)


def proposals_of(connection: Connection, book: int, intent_ids: Sequence[str]) -> dict[str, Proposal]:
    """By intent; those that are not in the book are missing."""
    intents = schema.INTENTS
    parts = (intent_ids[start : start + _IDS_A_QUERY] for start in range(0, len(intent_ids), _IDS_A_QUERY))
    return {
        row.intent_id: to_proposal(row)
        for part in parts
        for row in connection.execute(select(intents).where(intents.c.book == book, intents.c.intent_id.in_(part)))
    }


def _errand(row: AnyRow) -> Errand:
    if row.purpose is None:
        raise JournalError(
            f"record {row.seq} is a fill of order {row.client_order_id}, which is not there: see `journal verify`"
        )
    is_by_hand = strategies_of(row.strategies) == (MANUAL,)
    return Errand(row.client_order_id, PURPOSES[row.purpose], row.protects, row.plan_id, is_by_hand=is_by_hand)


def _named(kind: str, rows: Iterable[AnyRow]) -> Iterable[tuple[str, AnyRow]]:
    return ((kind, row) for row in rows)


def _seq_of(pair: tuple[str, AnyRow]) -> int:
    return int(pair[1].seq)
