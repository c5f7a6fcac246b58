"""Amendments on real sockets: in place and by another order, at a simulated venue that loses answers and is faster."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from core.compute.lanes import Lane
from core.domain.commands import AmendReport, AmendResult
from core.domain.facts import OrderState, OrderView
from core.domain.instruments import Instrument, InstrumentId, InstrumentKind, kind_of
from core.domain.money import Rounding, to_price
from core.domain.orders import IntentId, Leg, OrderReport, OrderType, Proposal, Purpose, Side, Terms, TimeInForce
from core.execution.client_order_id import client_order_id
from core.execution.executor import OrderExecutor
from core.execution.journal.identity import JournalIdentity
from core.execution.journal.journal import Journal
from core.risk.approval import ApprovedAmendment, ApprovedIntent
from core.runtime.clocks import SystemMonotonicClock
from core.runtime.synced_clock import SyncedClock
from core.settings.execution import ExecutionSettings
from core.settings.venue import VenueSettings
from core.venues.adapter import VenueAdapter, build_adapter
from tests.venues import VenueProcess
from tests.waiting import eventually

pytestmark = pytest.mark.processes

SPOT, SWAP = InstrumentId("BTC/USDT"), InstrumentId("BTC/USDT:USDT")
SETTINGS = ExecutionSettings(
    order_deadline_s=10.0, clear_stop_s=20.0, enquiry_first_s=0.02, enquiry_max_s=0.2, recovery_wait_s=20.0
)
SPEED = 20.0


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    options = ("--latency-ms", "0", "--limits", "relaxed", "--messages-per-s", "1")
    process = VenueProcess(tmp_path_factory.mktemp("venue"), symbols=(SPOT, SWAP), speed=SPEED, options=options)
    yield process
    assert process.stop() == 0


@dataclass(slots=True)
class Trader:
    venue: VenueProcess
    adapter: VenueAdapter
    executor: OrderExecutor
    instrument: Instrument
    key: str
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

    async def amend(self, order: OrderView, **terms: Decimal) -> AmendReport:
        return await self.executor.amend(order.client_order_id, reason="as the test says", judge=Everything(), **terms)

    def fault(self, kind: str, **parameters: Any) -> None:
        address = {} if "symbol" in parameters else {"account": self.key}
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
async def trader_at(venue: VenueProcess, instrument_id: InstrumentId, folder: Path) -> AsyncIterator[Trader]:
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
    for _ in range(10):  # a slow answer tells little of a fast clock: the quickest one counts
        sent_ns = monotonic.now_ns()
        server_ms = await asyncio.to_thread(adapter.rest.server_time_ms)
        clock.observe(server_ms, sent_ns, monotonic.now_ns(), declared_speed=adapter.rest.clock_speed())
    instruments = await asyncio.to_thread(adapter.rest.instruments)
    await asyncio.to_thread(adapter.rest.prepare, [instrument_id])
    journal, lane = Journal(JournalIdentity("paper", "sim", "main"), data_dir=folder), Lane("order", 4)
    executor = OrderExecutor(
        venue=adapter.rest,
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
        yield Trader(venue, adapter, executor, instruments[instrument_id], credentials.api_key, server_ms)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await journal.close()
        adapter.close()
        lane.close()


@pytest.fixture(params=[SPOT, SWAP], ids=["spot", "usdm"])
async def trader(request: pytest.FixtureRequest, venue: VenueProcess, tmp_path: Path) -> AsyncIterator[Trader]:
    async with trader_at(venue, request.param, tmp_path) as found:
        yield found


async def test_a_smaller_order_stays_the_same_one(trader: Trader) -> None:
    old = await trader.rest()
    report = await trader.amend(old, quantity=Decimal("0.012"))
    assert (report.result, report.replacement) == (AmendResult.AMENDED, None)
    (only,) = await asyncio.to_thread(trader.at_venue)
    assert (only.client_order_id, only.quantity) == (old.client_order_id, Decimal("0.012"))
    cancelled = await trader.executor.cancel(old.client_order_id)
    assert cancelled is not None
    assert cancelled.state is OrderState.CANCELLED, "it still goes by its name"


async def test_another_price_is_amended_in_place_where_the_venue_can_and_else_by_another_order(trader: Trader) -> None:
    old = await trader.rest()
    wanted = await asyncio.to_thread(trader.price, 0.91)
    report = await trader.amend(old, price=wanted, quantity=Decimal("0.03"))
    is_spot = trader.instrument.kind is InstrumentKind.SPOT
    assert report.result is (AmendResult.REPLACED if is_spot else AmendResult.AMENDED)
    assert await asyncio.to_thread(trader.live) == [Terms(Decimal("0.03"), wanted)]
    assert len(await asyncio.to_thread(trader.at_venue)) == (2 if is_spot else 1)


@pytest.mark.parametrize("how", ["reset", "unknown"])
async def test_a_lost_answer_to_an_amendment_is_found_out_and_it_is_not_sent_again(trader: Trader, how: str) -> None:
    old = await trader.rest()
    trader.fault("lose_answer", how=how, route="PUT */order*")
    report = await trader.amend(old, quantity=Decimal("0.012"))
    assert report.result is AmendResult.AMENDED
    (only,) = await asyncio.to_thread(trader.at_venue)
    assert only.quantity == Decimal("0.012") == report.order.leg.quantity


async def test_an_amendment_that_never_arrived_is_proven_not_to_have(trader: Trader) -> None:
    old = await trader.rest()
    trader.fault("refuse", answer="bad_gateway", route="PUT */order*")
    report = await trader.amend(old, quantity=Decimal("0.012"))
    assert report.result is AmendResult.REFUSED
    assert "never arrived" in report.note
    (only,) = await asyncio.to_thread(trader.at_venue)
    assert only.quantity == Decimal("0.02") == report.order.leg.quantity


@pytest.mark.parametrize("fill", [0.3, 1.0])
async def test_what_fills_while_it_is_cancelled_is_not_asked_for_again(
    venue: VenueProcess, tmp_path: Path, fill: float
) -> None:
    async with trader_at(venue, SPOT, tmp_path) as trader:
        old = await trader.rest()
        wanted = await asyncio.to_thread(trader.price, 0.91)
        trader.fault("cancel_race", fill=fill)
        report = await trader.amend(old, price=wanted)
        filled = report.order.filled_quantity
        assert filled > 0
        orders = await asyncio.to_thread(trader.at_venue)
        assert sum((one.quantity for one in orders if one.client_order_id != old.client_order_id), filled) == Decimal(
            "0.02"
        )
        assert await asyncio.to_thread(trader.live) == (
            [] if fill == 1.0 else [Terms(Decimal("0.02") - filled, wanted)]
        )


@pytest.mark.parametrize(("route", "n_live"), [("DELETE */order", 1), ("POST */order", 1)])
async def test_a_lost_answer_on_the_way_leaves_one_order(
    venue: VenueProcess, tmp_path: Path, route: str, n_live: int
) -> None:
    async with trader_at(venue, SPOT, tmp_path) as trader:
        old = await trader.rest()
        trader.fault("lose_answer", how="reset", route=route)
        wanted = await asyncio.to_thread(trader.price, 0.91)
        report = await trader.amend(old, price=wanted)
        assert report.replacement is not None
        new = report.replacement.client_order_id
        await eventually(lambda: trader.executor.statistics().unknown == 0)
        assert await asyncio.to_thread(trader.live) == [Terms(Decimal("0.02"), wanted)] * n_live
        known = trader.executor.order(new)
        assert known is not None
        assert known.state is OrderState.ACCEPTED
