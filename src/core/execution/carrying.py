"""Carrying out one approved intent: its turn, its record, its orders, its stop."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial

import structlog

from core.domain.errors import JournalError
from core.domain.facts import OrderChanged, OrderState, PlanChanged
from core.domain.instruments import InstrumentId, InstrumentKind, kind_of
from core.domain.orders import ClientOrderId, IntentId, Proposal, Purpose
from core.domain.reasons import Reason
from core.domain.tickets import MANUAL
from core.execution.events import Withdrawn
from core.execution.intake import duties_of, left_to_exit, orders_of, why_not_taken, within_holdings
from core.execution.journal.engine import RecordRepeats
from core.execution.journal.records import DutyOpened, IntentRecorded, Record, RequestRecorded
from core.execution.order import ZERO, Order
from core.execution.parts import Parts
from core.execution.plans.plan import Plan, view_of
from core.execution.sending import Outcome
from core.execution.stops import StopStands
from core.risk.approval import ApprovedIntent


class IntentCarrier:
    def __init__(self, parts: Parts, still_valid: Callable[[ApprovedIntent, int], Reason | None]) -> None:
        self._parts = parts
        self._still_valid = still_valid
        self.is_stopping = False
        """Set when no request may leave any more."""
        self.refused = 0
        self._refusals: dict[IntentId, Reason | None] = {}  # of the intents under way
        self._log = structlog.get_logger("execution")

    async def carry(self, approved: ApprovedIntent) -> Reason | None:
        """Returns when every order of the intent has its answer, or is left to enquiries; why it did not become an
        order, `None` where it did. Cancel only what may be lost: a request that has left stays out, and the journal
        knows it."""
        intent_id = approved.proposal.intent_id
        instrument_ids = list(dict.fromkeys(leg.instrument_id for leg in approved.proposal.legs))
        self._refusals[intent_id] = None
        try:
            async with self._parts.turns.take(instrument_ids):
                await self._carry_in_turn(approved)
                for instrument_id in instrument_ids:
                    await self._parts.stops.cover(instrument_id)
        finally:
            refusal = self._refusals.pop(intent_id, None)
        return refusal

    def refuse(self, proposal: Proposal, reason: Reason) -> None:
        """Say of an intent that never became an order that it won't: REJECTED, published, not journalled. Of one that
        did become an order, say again how that stands."""
        self.refused += 1
        if proposal.intent_id in self._refusals:
            self._refusals[proposal.intent_id] = reason
        self._log.info("intent_refused", intent_id=proposal.intent_id, reason=str(reason))
        for order in orders_of(proposal, self._parts.recorder.now_ns(), None):
            known = self._parts.books.get(order.client_order_id)
            previous = known.state if known else OrderState.INTENDED
            told = known or replace(order, state=OrderState.REJECTED, reason=str(reason))
            self._parts.recorder.publish(OrderChanged(told.view(), previous))
        if proposal.slicing is not None and reason.code != "INTENT_REPEATS":
            plan = Plan.of(proposal, self._parts.recorder.now_ns())
            self._parts.recorder.publish(PlanChanged(view_of(plan, (), str(reason), is_over=True)))

    async def _carry_in_turn(self, approved: ApprovedIntent) -> None:
        proposal = approved.proposal
        reason = self.why_not(approved) or why_not_taken(proposal, self._parts.desk.capabilities)
        if reason is not None:
            self.refuse(proposal, reason)
            return
        if proposal.purpose is Purpose.ENTRY and (reason := self.why_not_entered(proposal)):
            self.refuse(proposal, reason)
            return
        await self._parts.plans.oppose(proposal)
        if proposal.slicing is not None:
            if (reason := await self._parts.plans.begin(approved, proposal)) is not None:
                self.refuse(proposal, reason)
            return
        if proposal.purpose is Purpose.EXIT and not self.leaves_stops_alone(proposal):
            cleared = await self._clear_the_way(proposal)
            if cleared is None:
                return
            proposal = cleared
        orders = await self._make_durable(approved, proposal)
        for n, order in enumerate(orders):
            outcome = await self._parts.sender.send(order, partial(self.why_not, approved))
            if outcome is not Outcome.ANSWERED:
                await self._withdraw(orders[n + 1 :], order)
                return

    def leaves_stops_alone(self, proposal: Proposal) -> bool:
        """An exit by hand of what no stop guards."""
        books = self._parts.books
        return proposal.strategies == (MANUAL,) and all(
            leg.quantity <= books.unguarded(leg.instrument_id) for leg in proposal.legs
        )

    async def _clear_the_way(self, proposal: Proposal) -> Proposal | None:
        """Remove the stops that hold what the exit wants to sell; then see what is left to sell. `None`: nothing to
        do."""
        parts = self._parts
        instrument_ids = list(dict.fromkeys(leg.instrument_id for leg in proposal.legs))
        for instrument_id in instrument_ids:
            try:
                await parts.stops.clear(instrument_id, parts.settings.clear_stop_s)
            except StopStands as error:
                self.refuse(proposal, Reason("STOP_STANDS", {"why": str(error)}))
                return None
        left = {instrument_id: left_to_exit(parts.books, instrument_id) for instrument_id in instrument_ids}
        legs = within_holdings(proposal.legs, left, parts.instruments())
        if all(leg.quantity for leg in legs):
            return replace(proposal, legs=legs)
        gone = (
            replace(leg, quantity=ZERO) if within.quantity else leg
            for leg, within in zip(proposal.legs, legs, strict=True)
        )
        self.refuse(replace(proposal, legs=tuple(gone)), Reason("NOTHING_HELD"))
        return replace(proposal, legs=legs) if any(leg.quantity for leg in legs) else None

    def why_not_entered(self, proposal: Proposal, instead_of: ClientOrderId | None = None) -> Reason | None:
        """What of our own stands in an entry's way now; `None`: nothing. `instead_of`: an entry that will be over by
        then."""
        return self._opposed(proposal) or self._stops_full(proposal, instead_of)

    def _opposed(self, proposal: Proposal) -> Reason | None:
        """An entry opens or adds. Against what is held it would close without anybody's clearing the stops away: the
        exit that had to go first has failed."""
        for leg in proposal.legs:
            held = self._known_position(leg.instrument_id)
            if kind_of(leg.instrument_id) is not InstrumentKind.SPOT and held * leg.side.sign < 0:
                return Reason("POSITION_OPPOSED", {"held": str(held)})
        return None

    def _stops_full(self, proposal: Proposal, instead_of: ClientOrderId | None) -> Reason | None:
        """Better no position than one whose stop the venue refuses because too many stand already."""
        books = self._parts.books
        if proposal.protection is None:
            return None
        wanted = 2 if proposal.protection.has_both else 1
        for instrument_id in {leg.instrument_id for leg in proposal.legs}:
            instrument = self._parts.instruments().get(instrument_id)
            if instrument is None or instrument.max_stop_orders is None:
                continue
            standing = Counter(
                order.protects for order in books.unsettled(instrument_id) if not order.state.is_terminal
            )
            duties = [one for one in books.duties(instrument_id) if one.held or one.duty_id != instead_of]
            needed = wanted + sum(max(standing[duty.duty_id], 2 if duty.has_both else 1) for duty in duties)
            if needed > instrument.max_stop_orders:
                return Reason("STOPS_FULL", {"needed": str(needed), "limit": str(instrument.max_stop_orders)})
        return None

    def _known_position(self, instrument_id: InstrumentId) -> Decimal:
        """Signed: booked fills, and those that the venue has announced."""
        books = self._parts.books
        announced = (order.leg.side.sign * order.unbooked_quantity for order in books.unsettled(instrument_id))
        return books.held(instrument_id) + sum(announced, ZERO)

    async def _make_durable(self, approved: ApprovedIntent, proposal: Proposal) -> tuple[Order, ...]:
        """Intent, requests and duties in one commit. No orders where that fails: nothing leaves without its record."""
        parts = self._parts
        now_ns = parts.recorder.now_ns()
        orders = orders_of(proposal, now_ns, parts.desk.capabilities.request_window_ms)
        duties = duties_of(proposal, orders)
        records: list[Record] = [IntentRecorded(proposal, approved.risk_epoch or 0, now_ns)]
        records += [RequestRecorded(order) for order in orders]
        for duty in duties:
            records.append(DutyOpened(duty))
        try:
            await parts.recorder.require_durable(records)
        except RecordRepeats:
            for known in await parts.journal.find([order.client_order_id for order in orders]):
                parts.books.recall(known)
            self.refuse(proposal, Reason("INTENT_REPEATS"))
            return ()
        except JournalError as error:
            self.refuse(proposal, Reason("JOURNAL_FAILED", {"why": str(error)}))
            # Should the disk have taken them after all, it shall know that they never left.
            await parts.recorder.write(*(Withdrawn(one.client_order_id, now_ns, "JOURNAL_FAILED") for one in orders))
            return ()
        for order in orders:
            parts.books.add(order)
        for duty in duties:
            parts.books.open_duty(duty)
        return orders

    async def _withdraw(self, orders: tuple[Order, ...], failed: Order) -> None:
        """A combination whose leg did not go out as it should goes no further."""
        for order in orders:
            now_ns = self._parts.recorder.now_ns()
            await self._parts.recorder.record(
                Withdrawn(order.client_order_id, now_ns, f"LEG_FAILED client_order_id={failed.client_order_id}")
            )

    def why_not(self, approved: ApprovedIntent | None) -> Reason | None:
        """Why nothing may leave for an approved intent any more; `None`: it may. `approved` `None`: what only takes
        risk away, which needs no approval."""
        if self.is_stopping:
            return Reason("STOPPING")
        if approved is None:
            return None
        now_ns = self._parts.recorder.now_ns()
        if any(leg.expires_ns is not None and leg.expires_ns <= now_ns for leg in approved.proposal.legs):
            return Reason("ORDER_EXPIRED")
        return self._still_valid(approved, self._parts.monotonic.now_ns())
