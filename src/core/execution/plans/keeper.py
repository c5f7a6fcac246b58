"""Carries parent orders out: asks `next_step` what to do now, does it, asks again."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import structlog

from core.domain.errors import JournalError, VenueError
from core.domain.facts import PlanChanged, PlanView
from core.domain.instruments import Instrument, InstrumentId
from core.domain.orders import ClientOrderId, Leg, Proposal, Purpose
from core.domain.reason_codes import ReasonCode
from core.domain.reasons import Reason
from core.execution.books import Books
from core.execution.desk import VenueDesk
from core.execution.events import Withdrawn
from core.execution.intake import left_to_exit, within_holdings
from core.execution.journal.engine import RecordRepeats
from core.execution.journal.plan_rows import JOURNAL_FAILED
from core.execution.journal.records import (
    DutyOpened,
    IntentRecorded,
    PlanClosed,
    PlanEnding,
    PlanOpened,
    Record,
    RequestRecorded,
)
from core.execution.order import ZERO, Order
from core.execution.plans.next_slice import CancelSlices, Done, Send, Wait, next_step
from core.execution.plans.plan import Plan, slice_number, view_of
from core.execution.recorder import Recorder
from core.execution.sending import OrderSender
from core.execution.stops import StopKeeper, StopStands
from core.execution.turns import InstrumentTurns
from core.ports.clock import MonotonicClock, TradingClock
from core.risk.approval import ApprovedIntent
from core.runtime.clocks import real_delay_s

MOST_PLANS = 100
_MAX_STEPS = 6
"""In one turn: others want the instrument, too."""
_LOOK_EVERY_S = 1.0
"""At what may have changed without an order's changing: the kill switch's level, others' orders in doubt."""
_RETRY_FIRST_S = 0.25
_RETRY_MAX_S = 15.0
_REMEMBERED = 20

StillValid = Callable[[ApprovedIntent, int], Reason | None]


class PlanKeeper:
    """Callers of `begin` and `oppose` hold the instrument's turn."""

    def __init__(
        self,
        *,
        books: Books,
        recorder: Recorder,
        desk: VenueDesk,
        sender: OrderSender,
        stops: StopKeeper,
        turns: InstrumentTurns,
        instruments: Callable[[], Mapping[InstrumentId, Instrument]],
        trading: TradingClock,
        monotonic: MonotonicClock,
        still_valid: StillValid,
        clear_stop_s: float,
    ) -> None:
        self._books = books
        self._recorder = recorder
        self._desk = desk
        self._sender = sender
        self._stops = stops
        self._turns = turns
        self._instruments = instruments
        self._trading = trading
        self._monotonic = monotonic
        self._still_valid = still_valid
        self._clear_stop_s = clear_stop_s
        self._approvals: dict[ClientOrderId, ApprovedIntent] = {}
        self._notes: dict[ClientOrderId, str] = {}
        self._troubles: Counter[ClientOrderId] = Counter()
        self._skipped: Counter[ClientOrderId] = Counter()
        """Numbers that are taken in the journal, but not in the books."""
        self._due: dict[ClientOrderId, int] = {}
        self._wake = asyncio.Event()
        self._looks: dict[ClientOrderId, asyncio.Task[None]] = {}
        self._ended: deque[PlanView] = deque(maxlen=_REMEMBERED)
        self._log = structlog.get_logger("execution")

    def watch(self, order: Order) -> None:
        """Call it with every change of an order."""
        for plan_id in (order.plan_id, order.protects):
            if plan_id is not None and self._books.plans.get(plan_id) is not None:
                self._need(plan_id, 0.0)

    async def run(self) -> None:
        """Look after the plans that are not over, until cancelled; looks under way go on (`drain`)."""
        for plan in self._books.plans.all():
            self._need(plan.plan_id, 0.0)
        while True:
            self._wake.clear()
            now_ns = self._monotonic.now_ns()
            for plan_id in [each for each, due_ns in self._due.items() if due_ns <= now_ns]:
                self._begin_look(plan_id)
            next_ns = min((due for each, due in self._due.items() if each not in self._looks), default=None)
            try:
                async with asyncio.timeout(None if next_ns is None else max(next_ns - now_ns, 0) / 1e9):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def drain(self) -> None:
        """Wait for the looks under way. Cancelling cuts them off: what has left is asked after at the next start."""
        looks = list(self._looks.values())
        if looks:
            try:
                await asyncio.wait(looks)
            finally:
                for look in looks:
                    look.cancel()

    async def begin(self, approved: ApprovedIntent, proposal: Proposal) -> Reason | None:
        """Make it durable, and do its first step; why it has not begun, `None` where it has."""
        if len(self._books.plans.all()) >= MOST_PLANS:
            return Reason("PLANS_FULL", {"limit": str(MOST_PLANS)})
        now_ns = self._recorder.now_ns()
        plan = Plan.of(proposal, now_ns)
        duty = plan.duty()
        records: list[Record] = [IntentRecorded(proposal, approved.risk_epoch or 0, now_ns), PlanOpened(plan)]
        if duty is not None:
            records.append(DutyOpened(duty))
        try:
            await self._recorder.require_durable(records)
        except RecordRepeats:
            return Reason("INTENT_REPEATS")
        except JournalError as error:
            # Should the disk have taken it after all, it shall know that nothing of it ever left.
            await self._recorder.write(PlanClosed(plan.plan_id, JOURNAL_FAILED, now_ns))
            return Reason("JOURNAL_FAILED", {"why": str(error)})
        self._books.plans.open(plan)
        if duty is not None:
            self._books.open_duty(duty)
        self._approvals[plan.plan_id] = approved
        self._recorder.publish(PlanChanged(self._view(plan)))
        await self._advance(plan.plan_id)
        return None

    async def oppose(self, proposal: Proposal) -> None:
        """An intent for the other side ends the plans of its instruments: what was wanted is wanted no more. What is in
        doubt of them stays so; nobody waits for it here."""
        for leg in proposal.legs:
            for plan in self._books.plans.all(leg.instrument_id):
                if plan.leg.side is leg.side.opposite:
                    await self._end(plan.plan_id, f"OPPOSED intent={proposal.intent_id}", recalls=True)
                    await self._advance(plan.plan_id)

    async def end(self, plan_id: ClientOrderId, reason: str) -> PlanView | None:
        """No further slice; what works is cancelled. The plan as it is then: not over where the end of a slice is not
        proven yet. `None`: there is no such plan, or it was over long ago. Waits for its turn in the instrument."""
        plan = self._books.plans.get(plan_id)
        if plan is not None:
            async with self._turns.take([plan.instrument_id]):
                await self._end(plan_id, reason, recalls=True)
                await self._advance(plan_id)
        return self.view(plan_id)

    async def end_all(self, reason: str, purpose: Purpose | None = None) -> None:
        """`end` for all of that purpose, or for all."""
        plans = [plan for plan in self._books.plans.all() if purpose in (None, plan.purpose)]
        await asyncio.gather(*(self.end(plan.plan_id, reason) for plan in plans))

    def view(self, plan_id: ClientOrderId) -> PlanView | None:
        """`None`: never there, or over for long."""
        return next((view for view in self.views() if view.plan_id == plan_id), None)

    def views(self) -> tuple[PlanView, ...]:
        """Those that are not over, oldest first, then the last few that are."""
        return (*map(self._view, self._books.plans.all()), *self._ended)

    # One look

    def _begin_look(self, plan_id: ClientOrderId) -> None:
        if plan_id in self._looks:
            return
        del self._due[plan_id]
        # Not in the caller's task group: what has left must not be cut off when the group is cancelled.
        task = self._looks[plan_id] = asyncio.create_task(self._look(plan_id), name=f"plan {plan_id}")
        task.add_done_callback(lambda _: self._looked(plan_id))

    def _looked(self, plan_id: ClientOrderId) -> None:
        del self._looks[plan_id]
        self._wake.set()

    async def _look(self, plan_id: ClientOrderId) -> None:
        plan = self._books.plans.get(plan_id)
        if plan is None:
            return
        async with self._turns.take([plan.instrument_id]):
            try:
                await self._advance(plan_id)
            except Exception:  # one plan's fault is its own; it is looked at again
                self._log.exception("plan_failed", plan_id=plan_id)
                self._retry_later(plan_id, "FAILED")

    async def _advance(self, plan_id: ClientOrderId) -> None:
        try:
            for _ in range(_MAX_STEPS):
                plan = self._books.plans.get(plan_id)
                if plan is None or not await self._step(plan):
                    return
        except (VenueError, JournalError, StopStands) as error:
            self._retry_later(plan_id, str(error))
            return
        self._need(plan_id, 0.0)

    async def _step(self, plan: Plan) -> bool:
        """Whether to ask again at once."""
        plan_id = plan.plan_id
        if not plan.ending and (reason := self._why_not(plan)) is not None:
            if reason.code != ReasonCode.ORDER_UNKNOWN:
                await self._end(plan_id, str(reason), recalls=False)
                return True
            self._wait(plan_id, Wait(None, str(reason)))
            return False
        step = next_step(
            plan,
            self._books.slices(plan_id),
            now_ns=self._recorder.now_ns(),
            instrument=self._instruments().get(plan.instrument_id),
            native_icebergs=self._desk.capabilities.icebergs,
        )
        match step:
            case Wait():
                self._wait(plan_id, step)
                return False
            case Send(leg):
                return await self._send(plan, leg)
            case CancelSlices(client_order_ids, why):
                return await self._cancel(plan_id, client_order_ids, why)
            case Done(why):
                await self._close(plan, why)
                return False

    def _wait(self, plan_id: ClientOrderId, wait: Wait) -> None:
        self._notes[plan_id] = wait.note
        pause_s = _LOOK_EVERY_S
        if wait.until_ns is not None:
            pause_s = min(pause_s, real_delay_s(self._trading, wait.until_ns))
        self._need(plan_id, pause_s)

    async def _send(self, plan: Plan, leg: Leg) -> bool:
        try:
            if plan.purpose is Purpose.EXIT:
                within = await self._made_room(plan, leg)
                if within is None:
                    await self._end(plan.plan_id, "NOTHING_HELD", recalls=True)
                    return True
                leg = within
            return await self._send_slice(plan, leg)
        finally:
            await self._stops.cover(plan.instrument_id)

    async def _made_room(self, plan: Plan, leg: Leg) -> Leg | None:
        """The slice, no larger than what is held once the stops are out of its way. `None`: nothing is. Raises
        `StopStands`."""
        await self._stops.clear(plan.instrument_id, self._clear_stop_s)
        instruments = self._instruments()
        left = {plan.instrument_id: left_to_exit(self._books, plan.instrument_id)}
        (within,) = within_holdings((leg,), left, instruments)
        is_enough = within.quantity > ZERO and within.quantity >= instruments[plan.instrument_id].min_quantity
        return within if is_enough else None

    async def _send_slice(self, plan: Plan, leg: Leg) -> bool:
        slices = self._books.slices(plan.plan_id)
        number = max((slice_number(order) for order in slices), default=0) + 1 + self._skipped[plan.plan_id]
        order = plan.slice(leg, number, self._recorder.now_ns(), self._desk.capabilities.request_window_ms)
        try:
            await self._recorder.require_durable([RequestRecorded(order)])
        except RecordRepeats:
            # An append that was given up reached the disk after all; it never left. The next number is free.
            self._skipped[plan.plan_id] += 1
            return True
        except JournalError:
            # Should the disk have taken it after all, it shall know that it never left.
            now_ns = self._recorder.now_ns()
            await self._recorder.write(Withdrawn(order.client_order_id, now_ns, "JOURNAL_FAILED"))
            raise
        self._books.add(order)
        await self._sender.send(order, partial(self._why_not, plan))
        self._troubles.pop(plan.plan_id, None)
        return True

    async def _cancel(self, plan_id: ClientOrderId, client_order_ids: Iterable[ClientOrderId], reason: str) -> bool:
        """Whether they are over."""
        for client_order_id in client_order_ids:
            order = self._books.get(client_order_id)
            if order is not None and not order.state.is_terminal:
                await self._sender.cancel(order, reason)
        orders = (self._books.get(each) for each in client_order_ids)
        if all(order is None or order.state.is_terminal for order in orders):
            return True
        self._retry_later(plan_id, "SLICE_STANDS")
        return False

    async def _end(self, plan_id: ClientOrderId, reason: str, *, recalls: bool) -> None:
        if not self._books.plans.end(plan_id, reason, recalls=recalls):
            return
        plan = self._books.plans.get(plan_id)
        await self._recorder.write(PlanEnding(plan_id, reason, recalls, self._recorder.now_ns()))
        if plan is not None:
            self._recorder.publish(PlanChanged(self._view(plan)))

    async def _close(self, plan: Plan, reason: str) -> None:
        plan_id = plan.plan_id
        view = view_of(plan, self._books.slices(plan_id), reason, is_over=True)
        self._books.close_plan(plan_id)
        self._ended.append(view)
        for memory in (self._approvals, self._notes, self._troubles, self._skipped, self._due):
            memory.pop(plan_id, None)
        await self._recorder.write(PlanClosed(plan_id, reason, self._recorder.now_ns()))
        self._recorder.publish(PlanChanged(view))
        await self._stops.cover(plan.instrument_id)

    def _why_not(self, plan: Plan) -> Reason | None:
        approved = self._approvals.get(plan.plan_id) or ApprovedIntent.of_earlier_run(plan.proposal)
        return self._still_valid(approved, self._monotonic.now_ns())

    def _view(self, plan: Plan) -> PlanView:
        return view_of(plan, self._books.slices(plan.plan_id), self._notes.get(plan.plan_id, ""))

    def _retry_later(self, plan_id: ClientOrderId, reason: str) -> None:
        pause_s = min(_RETRY_FIRST_S * 2 ** self._troubles[plan_id], _RETRY_MAX_S)
        self._troubles[plan_id] = min(self._troubles[plan_id] + 1, 20)
        self._notes[plan_id] = reason
        self._log.warning("plan_waits", plan_id=plan_id, reason=reason, retry_s=pause_s)
        self._need(plan_id, pause_s)

    def _need(self, plan_id: ClientOrderId, delay_s: float) -> None:
        due_ns = self._monotonic.now_ns() + int(delay_s * 1e9)
        self._due[plan_id] = min(due_ns, self._due.get(plan_id, due_ns))
        self._wake.set()
