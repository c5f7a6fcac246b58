"""Carries out amendments: the steps of `core.execution.amending`, each durable before the next begins."""

import asyncio
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from functools import partial

import structlog

from core.domain.commands import AmendReport, AmendResult, CommandRefused, UnknownOrder
from core.domain.errors import JournalError, OrderRefused, OutcomeUnknown, RequestRefused, VenueError, VenueUnavailable
from core.domain.facts import OrderChanged, OrderState
from core.domain.instruments import Instrument
from core.domain.orders import AmendRequest, ClientOrderId, Leg, OrderReport, Proposal, Purpose, Terms
from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason
from core.execution import amending
from core.execution.carrying import IntentCarrier
from core.execution.ending import OrderStands
from core.execution.events import AmendAsked, Amended, AmendEnded, AmendLost, AmendOutcome, AmendWay, Withdrawn
from core.execution.expiry import kept_by
from core.execution.intake import duties_of, left_to_exit, within_holdings
from core.execution.journal.records import DutyOpened, RequestRecorded
from core.execution.order import Order
from core.execution.parts import Parts
from core.execution.stops import StopStands
from core.risk.approval import AmendJudge, ApprovedIntent, Refused


class AmendKeeper:
    """One amendment of an order at a time, in its instrument's turn. A process that dies in the middle of one leaves
    what the next start ends (`core.execution.recovery`)."""

    def __init__(self, parts: Parts, carrier: IntentCarrier) -> None:
        self._parts = parts
        self._carrier = carrier
        self._changed: defaultdict[ClientOrderId, asyncio.Event] = defaultdict(asyncio.Event)
        self._log = structlog.get_logger("execution")
        parts.recorder.listen(self._watch)

    async def amend(
        self,
        client_order_id: ClientOrderId,
        price: Decimal | None,
        quantity: Decimal | None,
        reason: str,
        judge: AmendJudge,
    ) -> AmendReport:
        """As `OrderExecutor.amend`. Cancel only what may be lost, as `IntentCarrier.carry`."""
        order = await self._find(client_order_id)
        async with self._parts.turns.take([order.instrument_id]):
            order = await self._find(client_order_id)
            before = order.leg.terms
            report = await self._amend_in_turn(order, price, quantity, reason, judge)
            await self._parts.stops.cover(order.instrument_id)
        if report.result is AmendResult.IN_DOUBT:
            report = await self._until_known(client_order_id, before)
        self._log.info(
            "order_amended",
            client_order_id=client_order_id,
            result=report.result.value,
            replacement=report.replacement.client_order_id if report.replacement else None,
            note=report.note,
        )
        return report

    async def _find(self, client_order_id: ClientOrderId) -> Order:
        parts = self._parts
        if not parts.journal.is_writable or not await parts.recorder.recall([client_order_id]):
            raise CommandRefused("the journal can't be written now, so nothing can be amended; try again")
        order = parts.books.get(client_order_id)
        if order is None:
            raise UnknownOrder(f"there is no order {client_order_id} of this bot; `live_bot.py orders` lists them")
        return order

    async def _amend_in_turn(
        self, order: Order, price: Decimal | None, quantity: Decimal | None, reason: str, judge: AmendJudge
    ) -> AmendReport:
        instrument = self._parts.instruments().get(order.instrument_id)
        if instrument is None:
            raise CommandRefused(f"{order.instrument_id} is not traded by this daemon any more")
        terms = amending.new_terms(order, price, quantity, instrument)
        unguarded = self._parts.books.unguarded(order.instrument_id)
        if order.is_exit_by_hand and terms.quantity - order.leg.quantity > unguarded:
            more = terms.quantity - order.leg.quantity
            raise CommandRefused(f"{because(ReasonCode.STOP_GUARDS, more=more, unguarded=unguarded)}")
        way = amending.way_of(order, terms, self._parts.desk.capabilities.amends_in_place)
        verdict = judge.judge(order.view(), terms, in_place=way is AmendWay.IN_PLACE)
        if isinstance(verdict, Refused):
            raise CommandRefused(f"{order.client_order_id} stays as it is, the risk gate says no: {verdict.reason}")
        if way is AmendWay.REPLACE and (in_the_way := self._in_the_way(order, verdict.intent)) is not None:
            judge.release(order.client_order_id)
            raise CommandRefused(
                f"{order.client_order_id} stays as it is, another could not take its place: {in_the_way}"
            )
        asked = AmendAsked(order.client_order_id, self._parts.recorder.now_ns(), terms, way, reason)
        try:
            await self._parts.recorder.require_durable([asked])
        except JournalError as error:
            judge.release(order.client_order_id)
            # Should the disk have taken it after all, it shall know that nothing came of it.
            ended = AmendEnded(order.client_order_id, asked.at_ns, AmendOutcome.GIVEN_UP, "JOURNAL_FAILED")
            await self._parts.recorder.write(asked, ended)
            raise CommandRefused(f"nothing was asked, since the journal can't be written: {error}") from error
        await self._parts.recorder.fold(asked)
        if way is AmendWay.IN_PLACE:
            return await self._in_place(order, terms, verdict.intent)
        return await self._replace(order, terms, reason, instrument, judge)

    # In place

    async def _in_place(self, order: Order, terms: Terms, approved: ApprovedIntent | None) -> AmendReport:
        client_order_id = order.client_order_id
        why = self._carrier.why_not(approved)
        if why is not None:
            return await self._end(client_order_id, AmendOutcome.GIVEN_UP, str(why))
        try:
            report = await self._parts.desk.amend(AmendRequest(client_order_id, order.leg, terms))
        except (OrderRefused, RequestRefused) as error:
            await self._look(order)
            return await self._end(client_order_id, AmendOutcome.REFUSED, str(error))
        except VenueUnavailable as error:
            return await self._end(client_order_id, AmendOutcome.REFUSED, f"NOT_SENT {error}")
        except OutcomeUnknown as error:
            return await self._lose(client_order_id, str(error))
        return await self._answered(client_order_id, report)

    async def _answered(self, client_order_id: ClientOrderId, report: OrderReport) -> AmendReport:
        recorder = self._parts.recorder
        await self._parts.sender.take_in(client_order_id, report)
        known = self._order(client_order_id)
        if (proven := amending.proven_terms(known, report)) is not None:
            await recorder.record(Amended(client_order_id, recorder.now_ns(), proven, report.event_ns))
            return self._report(client_order_id, AmendResult.AMENDED)
        if not report.status.is_open:  # a post-only order that would have taken at its new price, for one
            return await self._end(client_order_id, AmendOutcome.REFUSED, f"it ended instead: {report.status}")
        return await self._lose(client_order_id, "the answer shows the old terms")

    async def _lose(self, client_order_id: ClientOrderId, why: str) -> AmendReport:
        recorder = self._parts.recorder
        await recorder.record(AmendLost(client_order_id, recorder.now_ns(), why))
        return self._report(client_order_id, AmendResult.IN_DOUBT)

    async def _look(self, order: Order) -> None:
        """An order that can't be amended most often has just ended."""
        try:
            report = await self._parts.desk.picture_of(order)
        except VenueError:
            return  # the stream or the next reconciliation tells
        if report is not None:
            await self._parts.sender.take_in(order.client_order_id, report)

    async def _until_known(self, client_order_id: ClientOrderId, before: Terms) -> AmendReport:
        """Enquiries ask, and may have their answer already; this only waits, for as long as somebody may wait for one.
        `before`: the terms from before anything was asked."""
        try:
            async with asyncio.timeout(self._parts.settings.clear_stop_s):
                while self._order(client_order_id).is_amend_in_doubt:
                    self._changed[client_order_id].clear()
                    await self._changed[client_order_id].wait()
        except TimeoutError:
            return self._report(client_order_id, AmendResult.IN_DOUBT)
        finally:
            self._changed.pop(client_order_id, None)
        changed = self._order(client_order_id).leg.terms != before
        return self._report(client_order_id, AmendResult.AMENDED if changed else AmendResult.REFUSED)

    def _watch(self, order: Order) -> None:
        if order.client_order_id in self._changed:
            self._changed[order.client_order_id].set()

    # Another in its place

    async def _replace(
        self, order: Order, terms: Terms, reason: str, instrument: Instrument, judge: AmendJudge
    ) -> AmendReport:
        parts, client_order_id = self._parts, order.client_order_id
        deadline_ns = parts.monotonic.now_ns() + int(parts.settings.clear_stop_s * 1e9)
        try:
            await parts.ender.end(client_order_id, "AMENDED", deadline_ns)
        except OrderStands as error:
            return await self._end(client_order_id, AmendOutcome.GIVEN_UP, f"its end is not proven: {error}")
        over = self._order(client_order_id)
        if over.operators_word is not None or over.state in (OrderState.REJECTED, OrderState.ABSENT):
            return await self._end(client_order_id, AmendOutcome.GIVEN_UP, f"the venue has not said how {over.state}")
        leg = amending.leg_left(over, terms)
        if (too_little := amending.why_too_little(leg, instrument)) is not None:
            return await self._end(client_order_id, AmendOutcome.NOTHING_LEFT, too_little)
        verdict = judge.judge(over.view(), terms, in_place=False)
        if isinstance(verdict, Refused) or verdict.intent is None:
            why = verdict.reason if isinstance(verdict, Refused) else "NOT_APPROVED"
            return await self._end(client_order_id, AmendOutcome.GIVEN_UP, f"cancelled, and not replaced: {why}")
        proposal = self._protected(verdict.intent.proposal, over)
        prepared = await self._prepare(proposal, leg, client_order_id)
        if isinstance(prepared, str):
            return await self._end(client_order_id, AmendOutcome.GIVEN_UP, f"cancelled, and not replaced: {prepared}")
        now_ns = parts.recorder.now_ns()
        if prepared.expires_ns is not None:
            prepared = replace(prepared, time_in_force=kept_by(prepared, parts.desk.capabilities, now_ns))
        new = amending.replacement(over, prepared, reason, now_ns)
        return await self._send(over, new, proposal, verdict.intent)

    def _in_the_way(self, order: Order, approved: ApprovedIntent | None) -> Reason | None:
        """What would keep an entry's replacement from being sent, so that the old one need not go in vain."""
        if order.purpose is not Purpose.ENTRY or approved is None:
            return None
        return self._carrier.why_not_entered(self._protected(approved.proposal, order), order.client_order_id)

    def _protected(self, proposal: Proposal, over: Order) -> Proposal:
        duty = self._parts.books.duty(over.client_order_id)
        return replace(proposal, protection=None if duty is None else duty.protection)

    async def _prepare(self, proposal: Proposal, leg: Leg, over: ClientOrderId) -> Leg | str:
        """The leg as it can be sent now, or why it can't."""
        parts, instrument_id = self._parts, leg.instrument_id
        if proposal.purpose is Purpose.ENTRY:
            in_the_way = self._carrier.why_not_entered(proposal, over)
            return leg if in_the_way is None else str(in_the_way)
        if not self._carrier.leaves_stops_alone(replace(proposal, legs=(leg,))):
            try:
                await parts.stops.clear(instrument_id, parts.settings.clear_stop_s)
            except StopStands as error:
                return str(error)
        held = {instrument_id: left_to_exit(parts.books, instrument_id)}
        (within,) = within_holdings((leg,), held, parts.instruments())
        return within if within.quantity else "NOTHING_HELD"

    async def _send(self, old: Order, new: Order, proposal: Proposal, approved: ApprovedIntent) -> AmendReport:
        parts, recorder = self._parts, self._parts.recorder
        duties = duties_of(proposal, (new,))
        ended = AmendEnded(
            old.client_order_id, new.created_ns, AmendOutcome.REPLACED, f"{new.client_order_id} is in its place"
        )
        try:
            await recorder.require_durable([ended, RequestRecorded(new), *map(DutyOpened, duties)])
        except JournalError as error:
            # Should the disk have taken them after all, it shall know that the new one never left.
            await recorder.write(Withdrawn(new.client_order_id, new.created_ns, "JOURNAL_FAILED"))
            return await self._end(old.client_order_id, AmendOutcome.GIVEN_UP, f"cancelled, not replaced: {error}")
        parts.books.add(new)
        for duty in duties:
            parts.books.open_duty(duty)
        # Heard of before the old one's end is: whoever counts what may still fill counts one of them at any time.
        recorder.publish(OrderChanged(new.view(), OrderState.INTENDED))
        await recorder.fold(ended)
        await parts.sender.send(new, partial(self._carrier.why_not, approved))
        return self._report(old.client_order_id, AmendResult.REPLACED, new.client_order_id)

    # What came of it

    async def _end(self, client_order_id: ClientOrderId, outcome: AmendOutcome, why: str) -> AmendReport:
        recorder = self._parts.recorder
        await recorder.record(AmendEnded(client_order_id, recorder.now_ns(), outcome, why))
        return self._report(client_order_id, AmendResult(outcome.value))

    def _report(
        self, client_order_id: ClientOrderId, result: AmendResult, replacement: ClientOrderId | None = None
    ) -> AmendReport:
        order = self._order(client_order_id).view()
        other = None if replacement is None else self._order(replacement).view()
        return AmendReport(result, order, other, (other or order).reason)

    def _order(self, client_order_id: ClientOrderId) -> Order:
        found = self._parts.books.get(client_order_id)
        if found is None:
            raise UnknownOrder(f"{client_order_id} has left memory")
        return found
