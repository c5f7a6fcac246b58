"""`OrderExecutor`: takes approved intents to the venue, and the venue's facts to the journal and the house."""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal

import structlog

from core.domain.commands import AmendReport, CommandRefused, Verdict
from core.domain.facts import ExecutionFact, OrderView, PlanView
from core.domain.instruments import Instrument, InstrumentId
from core.domain.orders import ClientOrderId, Fill, Purpose, UserEvent
from core.domain.positions import VenuePosition
from core.domain.reasons import Reason
from core.execution.amend_keeper import AmendKeeper
from core.execution.carrying import IntentCarrier
from core.execution.commands import OrderCommands
from core.execution.doubts import MarketPrice
from core.execution.finder import OrderFinder
from core.execution.in_flight import WorkInFlight
from core.execution.journal.journal import Journal
from core.execution.journal.state import JournalState
from core.execution.lane import RunInLane
from core.execution.parts import Parts, assemble
from core.execution.reconciliation import Correction
from core.execution.recovery import Recovery, RecoveryReport
from core.execution.statistics import ExecutionStatistics, statistics_of
from core.execution.user_events import UserEvents
from core.ports.clock import MonotonicClock, TradingClock
from core.ports.venue import VenueRest
from core.risk.approval import AmendJudge, ApprovedIntent
from core.runtime.watchdog import Proof
from core.settings.execution import ExecutionSettings

_FLUSH_EVERY_S = 0.5


def _ignore(_: JournalState) -> None:
    pass


def _unknown_price(_: InstrumentId) -> Decimal | None:
    return None


class OrderExecutor:
    """Owns every order of one account at one venue. Call it from the loop's thread.

    Life: `recover()` once, then `run()` for as long as the daemon lives, then `Journal.close()`. Facts are published on
    the loop, each after it is durable, in the order in which they became known.
    """

    def __init__(
        self,
        *,
        venue: VenueRest,
        run_in_lane: RunInLane,
        journal: Journal,
        publish: Callable[[ExecutionFact], None],
        still_valid: Callable[[ApprovedIntent, int], Reason | None],
        instruments: Callable[[], Mapping[InstrumentId, Instrument]],
        trading_clock: TradingClock,
        monotonic_clock: MonotonicClock,
        settings: ExecutionSettings,
        traded: Collection[InstrumentId] = (),
        proof: Proof | None = None,
        market_price: MarketPrice = _unknown_price,
    ) -> None:
        """`run_in_lane` is the order lane's `Lane.run`; `still_valid` is `RiskGate.still_valid`; `publish` must not
        block; others' orders in what is not `traded` are left alone, whatever the settings say; `proof` is owed while
        there are intents to carry out, `None`: nobody asks; `market_price` is what fills are held against.
        """
        self._settings = settings
        self._parts = assemble(
            venue=venue,
            run_in_lane=run_in_lane,
            journal=journal,
            publish=publish,
            instruments=instruments,
            trading_clock=trading_clock,
            monotonic=monotonic_clock,
            settings=settings,
            traded=traded,
            still_valid=still_valid,
            market_price=market_price,
        )
        self.finder = OrderFinder(self._parts, lambda: self._phase)
        self._carrier = IntentCarrier(self._parts, still_valid)
        self._amender = AmendKeeper(self._parts, self._carrier)
        self._recovery = Recovery(self._parts)
        self._user_events = UserEvents(self._parts)
        self._phase = "new"
        self._queue: deque[ApprovedIntent] = deque()
        self._wake = asyncio.Event()
        proof = proof or Proof("executor", math.inf, monotonic_clock)
        self._in_flight = WorkInFlight(on_end=self._wake.set, proof=proof)
        self._commands = OrderCommands(self._parts)
        self._log = structlog.get_logger("execution")

    async def take_account(self) -> None:
        """The first part of `recover`, for what must come between: open the journal, and take the account's lease with
        it. Waits while its last holder may still be alive. Raises `LeaseHeld` (exit code 5) and as `recover`."""
        self._phase = "recovering"
        await self._recovery.take_account()

    async def recover(self, replayed: Callable[[JournalState], None] = _ignore) -> RecoveryReport:
        """The only way to start: open the journal (venue's epoch checked), replay it, hand the past to `replayed` (fold
        `state.ledger` into the portfolio, then `RiskGate.recover(state.working)`), reconcile with the venue, resolve
        unknown orders, re-arm protective duties. What it finds on the way is published as usual, after `replayed`.

        Waits, asking again with backoff, while the venue is down (`statistics().note` says so). Raises `JournalError`
        (exit code 4) and `RequestRefused` (wrong keys). Cancelling is safe; it may be called again.
        """
        self._phase = "recovering"
        report = await self._recovery.run(replayed)
        self._phase = "ready"
        return report

    async def run(self) -> None:
        """Carry out what is submitted, follow the user stream, ask after unknown orders, keep stops armed; until
        cancelled. On cancellation queued intents are withdrawn and orders in flight awaited for `settle_on_stop_s`; a
        second cancellation ends that wait. Raises `EpochChanged` when the venue turns out to have new books.
        """
        if self._phase not in ("ready", "stopped"):
            raise RuntimeError("recover() comes before run()")
        self._phase, self._carrier.is_stopping = "running", False
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._dispatch(), name="execution-intents")
                group.create_task(self._user_events.run(), name="execution-user-events")
                group.create_task(self._user_events.close_gaps(), name="execution-gaps")
                group.create_task(self._parts.enquiries.run(), name="execution-enquiries")
                group.create_task(self._parts.stops.run(), name="execution-stops")
                group.create_task(self._parts.expiries.run(), name="execution-expiries")
                group.create_task(self._parts.strangers.run(), name="execution-foreign-orders")
                group.create_task(self._parts.plans.run(), name="execution-plans")
                group.create_task(self._parts.dead_man.run(), name="execution-dead-man")
                group.create_task(self._parts.stops.bare_times.run(), name="execution-bare-times")
                group.create_task(self._flush(), name="execution-unwritten")
        except asyncio.CancelledError:  # an orderly stop: what rests goes on resting
            await self._parts.dead_man.disarm()
            raise
        except BaseExceptionGroup as failed:  # one part's fault ends them all: it is the one to know, by its exit code
            raise failed.exceptions[0] from failed
        finally:
            await self._settle()

    def submit(self, approved: ApprovedIntent) -> None:
        """Queue an intent. Never raises and never blocks: what can't be taken (queue full, journal failed, not
        recovered, stopping) is published as REJECTED with its reason, at once."""
        if reason := self._why_not_queued(approved):
            self._carrier.refuse(approved.proposal, reason)
            return
        self._queue.append(approved)
        self._wake.set()

    async def carry(self, approved: ApprovedIntent) -> Reason | None:
        """As `submit`, past the queue, and wait until each order of it has its answer, or is left to enquiries; why it
        was not sent, `None` where it was. Cancelling ends the waiting, not the order."""
        if reason := self._why_not_queued(approved):
            self._carrier.refuse(approved.proposal, reason)
            return reason
        return await asyncio.shield(self._in_flight.start(self._carry(approved), "execution-intent"))

    @property
    def parts(self) -> Parts:
        """For what shares its work: flattening."""
        return self._parts

    async def cancel(self, client_order_id: ClientOrderId, reason: str = "OPERATOR") -> OrderView | None:
        """`OrderCommands.cancel`."""
        return await self._commands.cancel(client_order_id, reason)

    async def amend(
        self,
        client_order_id: ClientOrderId,
        *,
        price: Decimal | None = None,
        quantity: Decimal | None = None,
        reason: str,
        judge: AmendJudge,
    ) -> AmendReport:
        """Give a resting order another price or quantity (in all, what has filled included): in place where the venue
        can do just that, else by another order for what is left, sent when the end of the old one is proven.
        Returns when it is known what came of it, or nothing can be known for now. Raises `UnknownOrder`, and
        `CommandRefused` where nothing was asked of the venue. Cancelling ends the waiting, not the amendment.
        """
        if self._phase not in ("ready", "running"):
            raise CommandRefused(f"nothing can be amended while the daemon is {self._phase}")
        work = self._amender.amend(client_order_id, price, quantity, reason, judge)
        return await asyncio.shield(self._in_flight.start(work, "execution-amendment"))

    async def resolve(self, client_order_id: ClientOrderId, verdict: Verdict, reason: str) -> OrderView:
        """`OrderCommands.resolve`."""
        return await self._commands.resolve(client_order_id, verdict, reason)

    async def cancel_working(self, purpose: Purpose, reason: str) -> tuple[OrderView, ...]:
        """`OrderCommands.cancel_working`."""
        return await self._commands.cancel_working(purpose, reason)

    def plans(self) -> tuple[PlanView, ...]:
        """Parent orders that are not over, oldest first, then the last few that are."""
        return self._parts.plans.views()

    async def end_plan(self, plan_id: ClientOrderId, reason: str = "OPERATOR") -> PlanView | None:
        """`PlanKeeper.end`."""
        return await self._parts.plans.end(plan_id, reason)

    def on_quote(self, instrument_id: InstrumentId, bid: float, ask: float) -> None:
        """The best bid and ask of now: what trailing stops and targets follow where no order of the venue does. Never
        raises."""
        self._parts.stops.prices.see(instrument_id, bid, ask)

    def on_user_event(self, event: UserEvent) -> None:
        """Queue an event of the private stream. Never raises; when full it drops the event and reconciles instead."""
        self._user_events.put(event)

    async def reconcile(self) -> tuple[Correction, ...]:
        """Compare with the venue and correct what differs; calls at the same time share one. Give it to the scheduler
        every `settings.reconcile_s`. Raises `VenueError` where the venue can't be read (nothing is corrected then), and
        `EpochChanged` where it has new books: restart.
        """
        return await self._parts.reconciler.reconcile()

    def venue_positions(self) -> Mapping[InstrumentId, VenuePosition]:
        """Open ones as the venue had them in the last reconciliation."""
        return self._parts.reconciler.positions

    def held_by_hand(self, instrument_id: InstrumentId) -> Decimal:
        """The part of a position that an operator has ordered, signed."""
        return self._parts.books.held_by_hand(instrument_id)

    def unexplained_positions(self) -> Mapping[InstrumentId, Decimal]:
        """What the venue has, by instrument, beyond what all trades that we know of explain; as of the last
        reconciliation."""
        return self._parts.reconciler.unexplained_positions

    def refused_fills(self) -> tuple[str, ...]:
        """Trades of ours that the venue's history tells of and that can't be, in words."""
        return self._parts.reconciler.refused_fills

    def unexplained_balances(self) -> Mapping[str, Decimal]:
        """Sum of the differences, by asset, that no trade has explained since this process began."""
        return self._parts.reconciler.unexplained_balances

    def orders(self, newest: int | None = None) -> tuple[OrderView, ...]:
        """Oldest first: all in memory, or the `newest` (above 0) of them."""
        orders = list(self._parts.books.orders())
        return tuple(order.view() for order in (orders if newest is None else orders[-newest:]))

    def fills(self) -> tuple[Fill, ...]:
        """All in memory, oldest first."""
        return self._parts.books.fills()

    def order(self, client_order_id: ClientOrderId) -> OrderView | None:
        order = self._parts.books.get(client_order_id)
        return order.view() if order else None

    def queue(self) -> tuple[int, int]:
        """How many intents wait, and how many may."""
        return len(self._queue), self._settings.queue_size

    def statistics(self) -> ExecutionStatistics:
        return statistics_of(
            self._parts,
            phase=self._phase,
            note=self._recovery.note,
            refused=self._carrier.refused,
            queue_depth=len(self._queue),
            in_flight=len(self._in_flight),
        )

    def _why_not_queued(self, approved: ApprovedIntent) -> Reason | None:
        if self._phase not in ("ready", "running"):
            return Reason("EXECUTOR_NOT_READY", {"phase": self._phase})
        if len(self._queue) >= self._settings.queue_size:
            return Reason("EXECUTOR_QUEUE_FULL", {"depth": str(len(self._queue))})
        if not self._parts.journal.is_writable and approved.proposal.purpose is Purpose.ENTRY:
            return Reason("JOURNAL_FAILED", {"why": self._parts.journal.statistics().failure})
        return None

    async def _dispatch(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue and len(self._in_flight) < self._settings.max_in_flight:
                self._in_flight.start(self._carry(self._queue.popleft()), "execution-intent")

    async def _carry(self, approved: ApprovedIntent) -> Reason | None:
        try:
            return await self._carrier.carry(approved)
        except Exception as error:  # one intent's fault is its own; what has left is journalled, and asked after
            self._log.exception("intent_failed", intent_id=approved.proposal.intent_id)
            return Reason("INTENT_FAILED", {"error": f"{type(error).__name__}: {error}"})

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_EVERY_S)
            await self._parts.recorder.flush()

    async def _settle(self) -> None:
        """What has left gets its answer into the journal; what has not, never leaves."""
        self._phase, self._carrier.is_stopping = "stopping", True
        while self._queue:
            self._carrier.refuse(self._queue.popleft().proposal, Reason("STOPPING"))
        try:
            async with asyncio.timeout(self._settings.settle_on_stop_s):
                await self._in_flight.drain()
                await self._parts.plans.drain()
        except TimeoutError:
            pass
        finally:
            await self._in_flight.cut_off()
            await self._parts.reconciler.drain()
            await self._parts.recorder.drain()
            self._phase = "stopped"
