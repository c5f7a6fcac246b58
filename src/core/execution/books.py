"""What we know: our orders, our holdings, our duties. Folds events; says what to journal and what to publish. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from decimal import Decimal
from operator import attrgetter

from core.domain.facts import ExecutionFact, FillBooked, FundingBooked, OrderChanged, OrderState
from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, Fill, FillKey, FundingPayment, OrderReport, Proposal, VenueOrderId
from core.execution.duty import Duty
from core.execution.events import Filled, Oddity, OrderEvent, Reported, Sent
from core.execution.holdings import held_after, shrunk_by, unguarded
from core.execution.journal.records import (
    ForeignFillRecorded,
    FundingRecorded,
    IntentRecorded,
    Record,
    RequestRecorded,
    Settlement,
)
from core.execution.journal.state import JournalState
from core.execution.ledger import Ledger
from core.execution.machine import advance
from core.execution.order import ZERO, Errand, Order
from core.execution.plans.open_plans import OpenPlans


@dataclass(frozen=True, slots=True)
class Change:
    """What an event changed; without records and facts where it told nothing new."""

    records: tuple[Record, ...] = ()
    facts: tuple[ExecutionFact, ...] = ()
    oddity: Oddity | None = None


class Books:
    """One account's orders, folded. Settled orders beyond `retain_closed` leave memory, oldest first."""

    def __init__(self, retain_closed: int) -> None:
        self._retain_closed = retain_closed
        self._orders: dict[ClientOrderId, Order] = {}
        self._by_venue_id: dict[tuple[InstrumentId, VenueOrderId], ClientOrderId] = {}
        self._unsettled: defaultdict[InstrumentId, dict[ClientOrderId, None]] = defaultdict(dict)
        self._settled: dict[ClientOrderId, None] = {}
        self._ledger = Ledger()
        self._duties: defaultdict[InstrumentId, dict[ClientOrderId, Duty]] = defaultdict(dict)
        self._duty_instruments: dict[ClientOrderId, InstrumentId] = {}
        self._protective_orders: Counter[ClientOrderId] = Counter()
        self.plans = OpenPlans()
        self._seen: defaultdict[InstrumentId, dict[FillKey, Fill]] = defaultdict(dict)
        self._seen_funding: dict[tuple[InstrumentId, str], int] = {}
        self.n_orders = 0
        self.oddities: Counter[str] = Counter()

    def restore(self, state: JournalState) -> None:
        """Take over what the journal says; the books must be new."""
        for plan in state.plans:
            self.plans.open(plan)
        for order in state.orders:
            self.recall(order)
        self._ledger = deepcopy(state.ledger)
        self._seen.update(state.seen)
        self._seen_funding.update(state.seen_funding)
        for duty in state.duties:
            self.open_duty(duty)
        self._protective_orders = Counter(state.protective_orders)
        self.n_orders = state.n_orders

    @property
    def totals(self) -> dict[str, Decimal] | None:
        """Balances as last observed, with the effect of all bookings since; `None` before the first observation."""
        return self._ledger.totals

    def observe_totals(self, totals: Mapping[str, Decimal]) -> None:
        self._ledger.totals = dict(totals)

    @property
    def n_fills(self) -> int:
        """Ours."""
        return self._ledger.n_fills

    @property
    def n_foreign_fills(self) -> int:
        return self._ledger.n_foreign_fills

    def add(self, order: Order) -> None:
        """A new order that the journal now has."""
        self.n_orders += 1
        if order.protects is not None:
            self._protective_orders[order.protects] += 1
        self._store(order)

    def recall(self, order: Order) -> None:
        """Back into memory, as the journal has it."""
        if order.client_order_id not in self._orders:
            self._store(order)

    def apply(self, event: OrderEvent) -> Change:
        """Fold an event of an order in memory (KeyError otherwise). Raises `IllegalMove` for impossible steps of
        ours."""
        before = self._orders[event.client_order_id]
        after, oddity = advance(before, event)
        if oddity is not None:
            self.oddities[oddity.code] += 1
        if after == before:
            return Change(oddity=oddity)
        self._store(after)
        facts: list[ExecutionFact] = []
        if isinstance(event, Filled):
            self._book(after, event.fill)
            facts.append(FillBooked(event.fill, after.view()))
        facts.append(OrderChanged(after.view(), before.state))
        records: list[Record] = [] if isinstance(event, Sent) else [event]
        if after.is_settled is not before.is_settled:
            records.append(Settlement(after.client_order_id, after.is_settled, event.at_ns))
        return Change(tuple(records), tuple(facts), oddity)

    def adopt(self, proposal: Proposal, order: Order, report: OrderReport) -> Change:
        """Somebody else's order is ours from now on; `report` is the venue's newest picture of it."""
        self.add(order)
        change = self.apply(Reported(order.client_order_id, order.created_ns, report))
        adopted = self._orders[order.client_order_id]
        intent = IntentRecorded(proposal, 0, order.created_ns)
        fact = OrderChanged(adopted.view(), OrderState.INTENDED)
        return Change((intent, RequestRecorded(order), *change.records), (fact,), change.oddity)

    def book_foreign(self, fill: Fill, at_ns: int) -> Change:
        """A fill that no order of ours explains; nothing where it was booked before. What the venue does to a position
        of ours takes from its duties."""
        if self.has_seen(fill):
            return Change()
        fact = FillBooked(fill, None)
        self._note_fill(fill, None)
        if fact.is_ours:
            self.plans.note_fill(fill, None)
            duties = self._duties[fill.instrument_id]
            duties.update({duty.duty_id: duty for duty in shrunk_by(duties.values(), fill)})
        return Change((ForeignFillRecorded(fill, at_ns),), (fact,))

    def book_funding(self, payment: FundingPayment, at_ns: int) -> Change:
        """Nothing where it was booked before."""
        key = (payment.instrument_id, payment.payment_id)
        if key in self._seen_funding:
            return Change()
        self._seen_funding[key] = payment.event_ns
        self._ledger.note_funding(payment)
        return Change((FundingRecorded(payment, at_ns),), (FundingBooked(payment),))

    def get(self, client_order_id: ClientOrderId) -> Order | None:
        """`None`: never ours, or settled so long ago that only the journal knows it."""
        return self._orders.get(client_order_id)

    def named(self, instrument_id: InstrumentId, venue_order_id: VenueOrderId) -> Order | None:
        """By the venue's id; `None` as in `get`, and while the venue has not named it."""
        client_order_id = self._by_venue_id.get((instrument_id, venue_order_id))
        return None if client_order_id is None else self._orders.get(client_order_id)

    def as_ours(self, report: OrderReport) -> OrderReport:
        """By our id, where it is about an order of ours: venues name a cancelled order by the id of its cancel, and one
        that was adopted by its maker's."""
        order = self.get(report.client_order_id) or self.named(report.instrument_id, report.venue_order_id)
        return report if order is None else replace(report, client_order_id=order.client_order_id)

    def orders(self) -> Iterable[Order]:
        return self._orders.values()

    def unsettled(self, instrument_id: InstrumentId | None = None) -> list[Order]:
        """Working, or over with fills still to be booked; an instrument's oldest first."""
        if instrument_id is not None:
            return [self._orders[client_order_id] for client_order_id in self._unsettled[instrument_id]]
        return [self._orders[client_order_id] for each in self._unsettled.values() for client_order_id in each]

    def count(self, state: OrderState) -> int:
        return sum(order.state is state for order in self.unsettled())

    def held(self, instrument_id: InstrumentId) -> Decimal:
        """What our own fills have left of the instrument, signed."""
        return self._ledger.held.get(instrument_id, ZERO)

    def held_by_hand(self, instrument_id: InstrumentId) -> Decimal:
        """Of that, what an operator has ordered."""
        return self._ledger.by_hand.get(instrument_id, ZERO)

    def unguarded(self, instrument_id: InstrumentId) -> Decimal:
        """How much of that no duty guards, and no exit by hand under way may take; never negative."""
        leaving = sum(
            (order.pending_quantity for order in self.unsettled(instrument_id) if order.is_exit_by_hand), ZERO
        )
        return max(unguarded(self.duties(instrument_id), self.held(instrument_id)) - leaving, ZERO)

    def holdings(self) -> tuple[InstrumentId, ...]:
        """Where our own fills have left anything."""
        return tuple(sorted(each for each, quantity in self._ledger.held.items() if quantity))

    def net(self, instrument_id: InstrumentId) -> Decimal:
        """What all fills of the account that we know of have left, other hands' included; signed."""
        return self.held(instrument_id) + self._ledger.foreign_held.get(instrument_id, ZERO)

    def nets(self) -> dict[InstrumentId, Decimal]:
        """`net` of every instrument of which any fill is known."""
        return {each: self.net(each) for each in self._ledger.held.keys() | self._ledger.foreign_held.keys()}

    def duty(self, duty_id: ClientOrderId) -> Duty | None:
        """`None` once it is closed."""
        instrument_id = self._duty_instruments.get(duty_id)
        return None if instrument_id is None else self._duties[instrument_id][duty_id]

    def duties(self, instrument_id: InstrumentId | None = None) -> list[Duty]:
        """Open ones, an instrument's oldest first."""
        if instrument_id is not None:
            return list(self._duties[instrument_id].values())
        return [duty for duties in self._duties.values() for duty in duties.values()]

    def protectors(self, duty: Duty) -> list[Order]:
        """The duty's protective orders that are not settled, oldest first."""
        return [order for order in self.unsettled(duty.instrument_id) if order.protects == duty.duty_id]

    def open_duty(self, duty: Duty) -> None:
        """Or change one that is open."""
        self._duties[duty.instrument_id][duty.duty_id] = duty
        self._duty_instruments[duty.duty_id] = duty.instrument_id

    def close_duty(self, duty_id: ClientOrderId) -> None:
        instrument_id = self._duty_instruments.pop(duty_id, None)
        if instrument_id is not None:
            del self._duties[instrument_id][duty_id]
        self._protective_orders.pop(duty_id, None)

    def protective_orders_sent(self, duty_id: ClientOrderId) -> int:
        return self._protective_orders[duty_id]

    def skip_protective_order(self, duty_id: ClientOrderId) -> None:
        """A number that is taken in the journal, but not in the books."""
        self._protective_orders[duty_id] += 1

    def slices(self, plan_id: ClientOrderId) -> list[Order]:
        """All that were ever made for an open plan, in that order; they stay in memory until it is over."""
        return [self._orders[client_order_id] for client_order_id in self.plans.slices(plan_id)]

    def close_plan(self, plan_id: ClientOrderId) -> None:
        for client_order_id in self.plans.close(plan_id):
            self._store(self._orders[client_order_id])

    def has_seen(self, fill: Fill) -> bool:
        return fill.key in self._seen[fill.instrument_id]

    def seen(self, instrument_id: InstrumentId) -> dict[FillKey, Fill]:
        """Its trades that are booked and may still be told of."""
        return dict(self._seen[instrument_id])

    def booked(self, fill: Fill) -> Fill | None:
        """What is booked under its id; `None`: nothing, or so long ago that nobody tells of it any more."""
        return self._seen[fill.instrument_id].get(fill.key)

    def fills(self) -> tuple[Fill, ...]:
        """Those that are remembered, oldest first."""
        seen = (fill for fills in self._seen.values() for fill in fills.values())
        return tuple(sorted(seen, key=attrgetter("event_ns")))

    def forget_seen_before(self, instrument_id: InstrumentId, event_ns: int) -> None:
        """Trades before that are not asked for any more."""
        kept = {key: fill for key, fill in self._seen[instrument_id].items() if fill.event_ns >= event_ns}
        self._seen[instrument_id] = kept

    @property
    def seen_funding(self) -> frozenset[tuple[InstrumentId, str]]:
        return frozenset(self._seen_funding)

    def forget_funding_before(self, event_ns: int) -> None:
        """Payments before that are not asked for any more."""
        self._seen_funding = {key: ns for key, ns in self._seen_funding.items() if ns >= event_ns}

    def _book(self, order: Order, fill: Fill) -> None:
        self.plans.note_fill(fill, order.errand)
        duties = self._duties[fill.instrument_id]
        for duty in held_after(duties.values(), order.errand, fill, self.held(fill.instrument_id)):
            duties[duty.duty_id] = duty
        self._note_fill(fill, order.errand)

    def _note_fill(self, fill: Fill, errand: Errand | None) -> None:
        self._seen[fill.instrument_id][fill.key] = fill
        self._ledger.note_fill(fill, errand)

    def _store(self, order: Order) -> None:
        client_order_id = order.client_order_id
        self._orders[client_order_id] = order
        for name in order.names:
            self._by_venue_id[order.instrument_id, name] = client_order_id
        came_from, goes_to = self._settled, self._unsettled[order.instrument_id]
        if order.is_settled:
            came_from, goes_to = goes_to, came_from
        came_from.pop(client_order_id, None)
        if self.plans.note_slice(order.plan_id, client_order_id) and order.is_settled:
            goes_to.pop(client_order_id, None)  # its plan needs it: it may not leave memory yet
            return
        goes_to[client_order_id] = None
        self._evict()

    def _evict(self) -> None:
        while len(self._settled) > self._retain_closed:
            oldest = next(iter(self._settled))
            del self._settled[oldest]
            order = self._orders.pop(oldest)
            for name in order.names:
                self._by_venue_id.pop((order.instrument_id, name), None)
