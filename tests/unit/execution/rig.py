"""An executor at work: real journal file, real lane, fake venue."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from core.compute.lanes import Lane
from core.domain.facts import ExecutionFact, FillBooked, OrderChanged, OrderState, OrderView
from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, IntentId, Leg, Proposal, Purpose, Side, UserEvent
from core.domain.reasons import Reason
from core.execution.client_order_id import client_order_id
from core.execution.executor import OrderExecutor
from core.execution.journal.identity import JournalIdentity
from core.execution.journal.journal import Journal
from core.execution.journal.state import JournalState
from core.execution.recovery import RecoveryReport
from core.ports.venue import VenueRest
from core.risk.approval import ApprovedIntent
from core.runtime.clocks import SystemMonotonicClock, WallClock
from core.settings.execution import ExecutionSettings
from tests.waiting import eventually
from unit.execution.fake_venue import FakeVenue
from unit.execution.making import BTC, INSTRUMENTS, leg, proposal

FAR_FUTURE_NS = 2**62
QUICK = ExecutionSettings(
    order_deadline_s=60.0,
    journal_deadline_s=60.0,
    clear_stop_s=60.0,
    enquiry_first_s=0.005,
    enquiry_max_s=0.02,
    recovery_wait_s=60.0,
    settle_on_stop_s=60.0,
)
"""Asks often, and gives nothing up: who wants a deadline to pass sets that one."""


def a_venue(**options: object) -> FakeVenue:
    made = FakeVenue(INSTRUMENTS, {"USDT": "10000", "ETH": "10"}, **options)
    made.prices[BTC] = Decimal(100)
    return made


@dataclass(slots=True)
class Rig:
    """What a test holds in its hands."""

    executor: OrderExecutor
    journal: Journal
    venue: FakeVenue
    facts: list[ExecutionFact]
    report: RecoveryReport
    replayed: JournalState
    running: "asyncio.Task[None]"
    listener: Callable[[UserEvent], None]
    """What the venue's user stream is connected to."""
    clock: WallClock
    """Trading time."""
    validity: dict[str, Reason | None] = field(default_factory=lambda: {"": None})

    def submit(self, wanted: Proposal) -> ClientOrderId:
        """The first leg's client order id."""
        self.executor.submit(ApprovedIntent(wanted, FAR_FUTURE_NS, 1))
        return client_order_id(wanted.intent_id, "leg-0")

    def order(self, client_order_id: ClientOrderId) -> OrderView:
        found = self.executor.order(client_order_id)
        assert found is not None, client_order_id
        return found

    def states(self, client_order_id: ClientOrderId) -> list[OrderState]:
        """As published, one for each change of state."""
        seen: list[OrderState] = []
        for fact in self.facts:
            if isinstance(fact, OrderChanged) and fact.order.client_order_id == client_order_id:
                seen += [fact.order.state] if seen[-1:] != [fact.order.state] else []
        return seen

    def fills(self) -> list[FillBooked]:
        return [fact for fact in self.facts if isinstance(fact, FillBooked)]

    async def until(self, client_order_id: ClientOrderId, *states: OrderState) -> OrderView:
        """Wait for the state to be published."""
        await eventually(lambda: self.states(client_order_id)[-1:] and self.states(client_order_id)[-1] in states)
        return next(
            fact.order
            for fact in reversed(self.facts)
            if isinstance(fact, OrderChanged) and fact.order.client_order_id == client_order_id
        )

    def pass_time(self, seconds: float) -> None:
        """Trading time goes on by so much at once; dates are looked at again, as with any order that comes."""
        self.clock.offset_ns += int(seconds * 1e9)
        for order in self.executor.parts.books.unsettled():
            self.executor.parts.expiries.watch(order)

    async def idle(self) -> None:
        """Wait until nothing is queued or in flight."""
        await eventually(lambda: not (self.executor.statistics().queue_depth or self.executor.statistics().in_flight))


@asynccontextmanager
async def rig_on(
    folder: Path,
    venue: FakeVenue | None = None,
    *,
    settings: ExecutionSettings = QUICK,
    port: VenueRest | None = None,
    traded: Collection[InstrumentId] = (),
    ahead_s: float = 0.0,
) -> AsyncIterator[Rig]:
    """Recovered and running; leaving it stops it as the daemon would. `port` stands in front of the venue. Trading time
    begins `ahead_s` ahead of the wall's."""
    venue = venue or a_venue()
    lane = Lane("order", 4)
    journal = Journal(JournalIdentity("paper", "fake", "main"), data_dir=folder, busy_timeout_s=0.05, probe_s=0.02)
    facts: list[ExecutionFact] = []
    past: list[JournalState] = []
    validity: dict[str, Reason | None] = {"": None}
    clock = WallClock(int(ahead_s * 1e9))
    executor = OrderExecutor(
        venue=port or venue,
        run_in_lane=lane.run,
        journal=journal,
        publish=facts.append,
        still_valid=lambda approved, _: validity.get(approved.proposal.intent_id, validity[""]),
        instruments=lambda: INSTRUMENTS,
        trading_clock=clock,
        monotonic_clock=SystemMonotonicClock(),
        settings=settings,
        traded=traded,
    )
    loop = asyncio.get_running_loop()

    def listen(event: UserEvent) -> None:
        loop.call_soon_threadsafe(executor.on_user_event, event)

    venue.listener = listen
    try:
        report = await executor.recover(past.append)
        running = asyncio.create_task(executor.run())
        await eventually(lambda: executor.statistics().phase == "running")
        try:
            yield Rig(executor, journal, venue, facts, report, past[0], running, listen, clock, validity)
        finally:
            running.cancel()
            await asyncio.wait([running])
        if not running.cancelled() and (error := running.exception()) is not None:
            raise error
    finally:
        venue.listener = None
        await journal.close()
        lane.close()


def entry(
    quantity: str = "1", *, intent: str = "in", price: str | None = None, stop: str | None = None, **changes: object
) -> Proposal:
    return proposal(leg(quantity, price=price), intent=intent, stop=stop, **changes)


def exit_(quantity: str = "1", *, intent: str = "out", **changes: object) -> Proposal:
    sell: Leg = leg(quantity, Side.SELL, price=None)
    return proposal(sell, intent=intent, purpose=Purpose.EXIT, **changes)


def cid(intent: str, role: str = "leg-0") -> ClientOrderId:
    return client_order_id(IntentId(intent), role)


def quantities(fills: Iterable[FillBooked]) -> list[Decimal]:
    return [one.fill.quantity for one in fills]
