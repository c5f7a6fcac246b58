"""A trader in this process: the real executor, journal and adapter, at a simulated venue on real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from core.compute.lanes import Lane
from core.domain.commands import AmendReport
from core.domain.facts import OrderState, OrderView
from core.domain.instruments import Instrument, InstrumentId, kind_of
from core.domain.money import Rounding, to_price
from core.domain.orders import (
    IntentId,
    Leg,
    OrderReport,
    OrderType,
    Proposal,
    Protection,
    Purpose,
    Side,
    Terms,
    TimeInForce,
)
from core.execution.client_order_id import client_order_id
from core.execution.executor import OrderExecutor
from core.execution.journal.identity import JournalIdentity
from core.execution.journal.journal import Journal
from core.ports.venue import Credentials, VenueRest
from core.risk.approval import ApprovedAmendment, ApprovedIntent
from core.runtime.clocks import SystemMonotonicClock
from core.runtime.synced_clock import SyncedClock
from core.settings.execution import ExecutionSettings
from core.settings.venue import VenueSettings
from core.venues.adapter import VenueAdapter, build_adapter
from tests.venues import VenueProcess
from tests.waiting import eventually

SPOT, SWAP = InstrumentId("BTC/USDT"), InstrumentId("BTC/USDT:USDT")
SETTINGS = ExecutionSettings(
    order_deadline_s=10.0, clear_stop_s=20.0, enquiry_first_s=0.02, enquiry_max_s=0.2, recovery_wait_s=20.0
)


@dataclass(slots=True)
class Trader:
    venue: VenueProcess
    adapter: VenueAdapter
    executor: OrderExecutor
    instrument: Instrument
    account: Credentials
    since_ms: int
    """Venue time before its first order."""

    def price(self, factor: float) -> Decimal:
        bid = self.adapter.rest.order_book(self.instrument.id, 5).bids[0][0]
        return to_price(bid * factor, self.instrument, Rounding.DOWN)

    async def rest(self, factor: float = 0.9) -> OrderView:
        """A limit order of 0.02 below the market, accepted."""
        price = await asyncio.to_thread(self.price, factor)
        leg = Leg(self.instrument.id, Side.BUY, Decimal("0.02"), OrderType.LIMIT, price, time_in_force=TimeInForce.GTC)
        proposal = Proposal(IntentId("one"), Purpose.ENTRY, (leg,), ("test",), "test", 1, price, reason="as drawn")
        assert await self.executor.carry(ApprovedIntent(proposal, 2**62, 1)) is None
        order = self.executor.order(client_order_id(proposal.intent_id, "leg-0"))
        assert order is not None
        assert order.state is OrderState.ACCEPTED
        return order

    async def enter(self, protection: Protection) -> OrderView:
        """0.02 at the market, filled."""
        leg = Leg(self.instrument.id, Side.BUY, Decimal("0.02"), OrderType.MARKET)
        price = await asyncio.to_thread(self.price, 1.0)
        proposal = Proposal(
            *(IntentId("one"), Purpose.ENTRY, (leg,), ("test",), "test", 1, price), protection=protection
        )
        self.executor.submit(ApprovedIntent(proposal, 2**62, 1))
        sent = client_order_id(proposal.intent_id, "leg-0")

        def is_filled() -> bool:
            order = self.executor.order(sent)
            return order is not None and order.state is OrderState.FILLED and not order.unbooked_quantity

        await eventually(is_filled)
        order = self.executor.order(sent)
        assert order is not None
        return order

    async def amend(self, order: OrderView, **terms: Decimal) -> AmendReport:
        return await self.executor.amend(order.client_order_id, reason="as the test says", judge=Everything(), **terms)

    def fault(self, kind: str, **parameters: Any) -> None:
        address = {} if "symbol" in parameters else {"account": self.account.api_key}
        self.venue.admin("/faults", {"kind": kind, "for_s": 3_600, "hits": 1, **address, **parameters})

    def at_venue(self) -> list[OrderReport]:
        """All that it has of this account, as it says itself."""
        return self.adapter.rest.orders_since(self.instrument.id, self.since_ms)

    def live(self) -> list[Terms]:
        return [report.terms for report in self.at_venue() if report.status.is_open]


class Everything:
    """A gate that lets everything through."""

    def judge(self, order: OrderView, terms: Terms, *, in_place: bool) -> ApprovedAmendment:
        proposal = Proposal(order.intent_id, order.purpose, (order.leg,), order.strategies, "test", 1, Decimal(1))
        return ApprovedAmendment(order.client_order_id, terms, ApprovedIntent(proposal, 2**62, 1))

    def release(self, client_order_id: str) -> None:
        raise AssertionError("nothing was asked")


@asynccontextmanager
async def trader_at(
    venue: VenueProcess,
    instrument_id: InstrumentId,
    folder: Path,
    port: Callable[[VenueRest], VenueRest] = lambda rest: rest,
) -> AsyncIterator[Trader]:
    """`port` is given the venue's, and gives back what stands in front of it."""
    credentials = venue.register(deposit={"USDT": "1000000"})
    settings = VenueSettings(
        name="binance",
        base_url=venue.url,
        ws_base_url=venue.ws_url,
        api_key=SecretStr(credentials.api_key),
        secret=SecretStr(credentials.secret),
        request_timeout_s=5.0,
    )
    monotonic = SystemMonotonicClock()
    clock = SyncedClock(monotonic)
    adapter = build_adapter(settings, clock, monotonic, kind=kind_of(instrument_id))
    instruments = await asyncio.to_thread(adapter.rest.instruments)  # and with them the venue's limits
    for _ in range(10):  # a slow answer tells little of a fast clock: the quickest one counts
        sent_ns = monotonic.now_ns()
        server_ms = await asyncio.to_thread(adapter.rest.server_time_ms)
        clock.observe(server_ms, sent_ns, monotonic.now_ns(), declared_speed=adapter.rest.clock_speed())
    await asyncio.to_thread(adapter.rest.prepare, [instrument_id])
    journal, lane = Journal(JournalIdentity("paper", "sim", "main"), data_dir=folder), Lane("order", 4)
    executor = OrderExecutor(
        venue=port(adapter.rest),
        run_in_lane=lane.run,
        journal=journal,
        publish=lambda _: None,
        still_valid=lambda *_: None,
        instruments=lambda: instruments,
        trading_clock=clock,
        monotonic_clock=monotonic,
        settings=SETTINGS,
    )
    assert adapter.user_stream is not None
    await executor.recover()
    tasks = [
        asyncio.create_task(executor.run()),
        asyncio.create_task(adapter.user_stream.run(executor.on_user_event)),
    ]
    try:
        await eventually(lambda: executor.statistics().phase == "running")
        yield Trader(venue, adapter, executor, instruments[instrument_id], credentials, server_ms)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await journal.close()
        adapter.close()
        lane.close()
