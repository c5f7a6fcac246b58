"""The embedded venue fed with another venue's market: real processes, real sockets, the market told by hand."""

import asyncio
import itertools
import json
import os
import signal
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest

from core.domain.instruments import Instrument, InstrumentId
from core.domain.market import QuoteChanged, TradePrinted
from core.domain.orders import ClientOrderId, Leg, OrderReport, OrderRequest, OrderStatus, OrderType, Side, TimeInForce
from core.paper_venue import PaperVenue
from core.runtime.children import ChildExited
from core.runtime.clocks import SystemMonotonicClock
from core.runtime.synced_clock import SyncedClock
from core.settings.load import load_settings
from core.simulation.server.doors import VenueStartError
from core.simulation.server.probe import RunningVenue
from core.venues.adapter import build_adapter
from tests.unit.instruments import spot
from tests.venues import VenueProcess
from tests.waiting import eventually

BTC = InstrumentId("BTC/USDT")
MARKET_NS = 1_800_000_000_000_000_000
"""What the other venue's clock shows at the start."""

pytestmark = pytest.mark.processes

T = TypeVar("T")
_names = itertools.count(1)


class Paper:
    """What the daemon would make of it, with a market that says what a test tells it to."""

    def __init__(
        self, data_dir: Path, *instruments: Instrument, speed: float = 1.0, port: int = 0, base_url: str | None = None
    ) -> None:
        monotonic = SystemMonotonicClock()
        self.market_clock = SyncedClock(monotonic)
        now_ns = monotonic.now_ns()
        self.market_clock.observe(MARKET_NS // 1_000_000, now_ns, now_ns, declared_speed=speed)
        listed = {each.id: each for each in instruments}
        settings = load_settings(
            arguments={
                "trading": {"symbols": list(listed)},
                "venue": {"name": "binance", "base_url": base_url},
                "simulation": {"port": port, "latency_ms": 0},
                "storage": {"data_dir": str(data_dir)},
            }
        ).settings
        self.venue = PaperVenue(settings, listed, self.market_clock, monotonic)
        self._market = build_adapter(settings.venue, self.market_clock, monotonic)
        self._trades = itertools.count(1)
        self.found: RunningVenue
        self.feeding: asyncio.Task[None]
        self.adapter = self._market

    async def ready(self) -> None:
        self.found = await within(self.venue.embedded.ready())
        self.adapter = self.venue.adapter(self._market, self.found, lambda: None)
        await self.sample()

    async def sample(self) -> None:
        rest = self.adapter.rest
        sent_ns = time.monotonic_ns()
        server_ms = await asyncio.to_thread(rest.server_time_ms)
        self.venue.clock.observe(server_ms, sent_ns, time.monotonic_ns(), declared_speed=rest.clock_speed())

    def quote(self, bid: float, ask: float, quantity: float = 1.0) -> None:
        self.venue.forwarder.offer(QuoteChanged(BTC, bid, quantity, ask, quantity, 0, None, 0))

    def sellers_trade(self, price: str, quantity: str) -> None:
        event_ns = self.market_clock.now_ns() + 1_000_000_000  # surely after what has been placed
        self.venue.forwarder.offer(TradePrinted(BTC, next(self._trades), price, quantity, True, event_ns, 0))

    async def place(self, side: Side, quantity: str, price: str | None = None) -> OrderReport:
        leg = Leg(
            BTC,
            side,
            Decimal(quantity),
            OrderType.LIMIT if price else OrderType.MARKET,
            price=Decimal(price) if price else None,
            time_in_force=TimeInForce.GTC if price else None,
        )
        request = OrderRequest(ClientOrderId(f"test-{next(_names)}"), leg)
        return await asyncio.to_thread(self.adapter.rest.place, request)

    async def order(self, placed: OrderReport) -> OrderReport:
        found = await asyncio.to_thread(self.adapter.rest.order, BTC, placed.client_order_id)
        assert found is not None
        return found

    async def until_filled(self, placed: OrderReport, quantity: str) -> OrderReport:
        async def looks_so() -> bool:
            return (await self.order(placed)).filled_quantity == Decimal(quantity)

        await eventually(looks_so)
        return await self.order(placed)

    async def until_shown(self, quantity: float) -> None:
        """The best ask has reached the venue."""

        async def looks_so() -> bool:
            book = await asyncio.to_thread(self.adapter.rest.order_book, BTC, 5)
            return bool(book.asks) and book.asks[0][1] == quantity

        await eventually(looks_so)

    def health(self) -> dict[str, Any]:
        return admin(self.found, "/health")


def admin(venue: RunningVenue, path: str) -> dict[str, Any]:
    with urllib.request.urlopen(venue.admin_url + path, timeout=10) as answer:
        return json.load(answer)


@asynccontextmanager
async def running(paper: Paper) -> AsyncIterator[Paper]:
    """Both its parts, started again as the supervisor would."""

    async def keep(run: Callable[[], Awaitable[None]]) -> None:
        while True:
            with suppress(ChildExited):
                await run()

    paper.feeding = asyncio.create_task(paper.venue.forwarder.run())
    tasks = (paper.feeding, asyncio.create_task(keep(paper.venue.embedded.run)))
    try:
        await paper.ready()
        yield paper
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        paper.adapter.close()


async def within(awaitable: Awaitable[T]) -> T:
    return await asyncio.wait_for(awaitable, 30)


async def test_orders_meet_the_forwarded_market(tmp_path: Path) -> None:
    async with running(Paper(tmp_path, spot())) as paper:
        resting = await paper.place(Side.BUY, "0.5", "99.50")
        nobody = await paper.place(Side.BUY, "0.1")
        assert (resting.status, nobody.status) == (OrderStatus.NEW, OrderStatus.EXPIRED)
        paper.quote(99, 100, 2.0)
        await paper.until_shown(2.0)
        bought = await paper.place(Side.BUY, "2.5")
        assert [(str(fill.price), str(fill.quantity)) for fill in bought.fills] == [
            ("100.00000000", "2.00000000"),
            ("100.02000000", "0.50000000"),
        ]
        paper.sellers_trade("99.20", "0.3")
        await paper.until_filled(resting, "0.3")
        paper.quote(98, 99.4, 0.2)
        filled = await paper.until_filled(resting, "0.5")
        assert filled.status is OrderStatus.FILLED
        assert filled.filled_notional == Decimal("0.5") * Decimal("99.50")
        feed = paper.health()["feed"]
        assert feed == {"is_connected": True, "taken": 3, "refused": 0}


async def test_its_time_is_the_markets_time(tmp_path: Path) -> None:
    async with running(Paper(tmp_path, spot(), speed=20.0)) as paper:
        assert paper.adapter.rest.clock_speed() == 20
        async with asyncio.timeout(30):
            while paper.venue.clock.statistics().samples < 5:
                await paper.sample()
        apart_ns = paper.venue.clock.now_ns() - paper.market_clock.now_ns()
        assert abs(apart_ns) < 20 * 1_000_000_000, "a real second"


async def test_a_feed_that_ends_leaves_orders_resting_and_takers_without_a_market(tmp_path: Path) -> None:
    async with running(Paper(tmp_path, spot())) as paper:
        paper.quote(99, 100, 2.0)
        await paper.until_shown(2.0)
        resting = await paper.place(Side.BUY, "0.5", "99.50")
        paper.feeding.cancel()

        async def lost() -> bool:
            return not paper.health()["feed"]["is_connected"]

        await eventually(lost)
        nobody = await paper.place(Side.BUY, "0.1")
        assert nobody.status is OrderStatus.EXPIRED
        assert (await paper.order(resting)).status is OrderStatus.NEW


async def test_a_killed_venue_comes_back_with_its_orders_and_the_market(tmp_path: Path) -> None:
    async with running(Paper(tmp_path, spot())) as paper:
        paper.quote(99, 100, 2.0)
        await paper.until_shown(2.0)
        resting = await paper.place(Side.BUY, "0.5", "99.50")
        epoch, pid = paper.found.epoch, paper.health()["pid"]
        os.kill(pid, signal.SIGKILL)

        async def is_back() -> bool:
            paper.found = await paper.venue.embedded.ready()
            with suppress(OSError):
                return bool(paper.health()["pid"] != pid and paper.health()["feed"]["taken"])
            return False

        await eventually(is_back)
        await paper.sample()
        assert paper.found.epoch == epoch
        assert (await paper.order(resting)).status is OrderStatus.NEW
        paper.sellers_trade("99.40", "3")
        await paper.until_filled(resting, "0.5")
        assert paper.venue.forwarder.statistics().connections == 2


@pytest.mark.slow
async def test_a_symbol_that_is_traded_no_more_keeps_its_orders(tmp_path: Path) -> None:
    async with running(Paper(tmp_path, spot())) as paper:
        resting = await paper.place(Side.BUY, "0.5", "99.50")
    async with running(Paper(tmp_path, spot("ETH/USDT"))) as paper:
        assert set(await asyncio.to_thread(paper.adapter.rest.instruments)) == {"BTC/USDT", "ETH/USDT"}
        assert (await paper.order(resting)).status is OrderStatus.NEW


@pytest.mark.slow
async def test_steps_that_changed_under_its_orders_are_said(tmp_path: Path) -> None:
    async with running(Paper(tmp_path, spot())) as paper:
        await paper.place(Side.BUY, "0.5", "99.50")
    with pytest.raises(VenueStartError, match=r"BTC/USDT: binance has changed its steps .* Move the folder"):
        await within(Paper(tmp_path, spot(tick_size=Decimal("0.001"))).venue.embedded.run())


@pytest.mark.slow
async def test_another_market_has_books_of_its_own(tmp_path: Path) -> None:
    async with running(Paper(tmp_path, spot())) as paper:
        await paper.place(Side.BUY, "0.5", "99.50")
    async with running(Paper(tmp_path, spot(), base_url="http://127.0.0.1:9")) as paper:
        assert await asyncio.to_thread(paper.adapter.rest.open_orders, BTC) == []


@pytest.mark.slow
async def test_a_venue_on_its_port_is_never_taken_for_its_own(venue: VenueProcess, tmp_path: Path) -> None:
    with pytest.raises(VenueStartError, match=rf"simulation\.port: port {venue.port} on .* is in use"):
        await within(Paper(tmp_path, spot(), port=venue.port).venue.embedded.run())
