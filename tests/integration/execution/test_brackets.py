"""Stops with their targets on real sockets, at a simulated venue that loses answers, refuses, and trades in between:
spot's order lists and USD-M's pairs of conditional orders, judged by the venue's own ledger."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.domain.errors import OrderRefused
from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, Leg, OrderRequest, OrderType, Protection, Side
from core.ports.venue import Credentials, VenueRest
from integration.execution.protective_ledger import ProtectiveLedger
from integration.execution.test_kills import Lives
from integration.execution.traders import SPOT, SWAP, Trader, trader_at
from tests.venues import VenueProcess
from tests.waiting import eventually

pytestmark = [pytest.mark.processes, pytest.mark.slow]

Where = pytest.mark.parametrize("where", [SPOT, SWAP], ids=["spot", "usdm"])
LOTS = {SPOT: Decimal("0.00001"), SWAP: Decimal("0.001")}
ROUTES = {SPOT: "POST */orderList*", SWAP: "POST */algoOrder"}
_numbers = itertools.count()
OPTIONS = ("--latency-ms", "0", "--limits", "relaxed", "--messages-per-s", "1")


def _venue(speed: float) -> Any:
    """A fixture: one venue for the whole module."""

    @pytest.fixture(scope="module")
    def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
        folder = tmp_path_factory.mktemp("venue")
        process = VenueProcess(folder, symbols=(SPOT, SWAP), speed=speed, options=OPTIONS)
        yield process
        assert process.stop() == 0

    return started


venue, brisk_venue = _venue(1.0), _venue(10.0)
fast_venue = _venue(60.0)
"""A minute lasts a second, so that windows and lags pass in no time."""


@dataclass
class Interposed:
    """In front of the venue's port: what a test wants to happen in the midst of a call happens there, once."""

    rest: VenueRest
    wanted: dict[str, Callable[[], None]] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.rest, name)
        if not callable(real):
            return real

        def call(*args: Any, **kwargs: Any) -> Any:
            self.wanted.pop(f"before {name}", _nothing)()
            result = real(*args, **kwargs)
            self.wanted.pop(f"after {name}", _nothing)()
            return result

        return call


def _nothing() -> None:
    pass


@dataclass
class Held:
    """A trader with a bracket, and somebody with money enough to move the market."""

    trader: Trader
    port: Interposed
    folder: Path
    whale: Trader

    @property
    def lot(self) -> Decimal:
        return self.trader.instrument.lot_size

    def ledger(self) -> ProtectiveLedger:
        return ledger_of(self.trader.venue, self.trader.account, self.trader.instrument.id)

    def push(self, side: Side, is_enough: Callable[[ProtectiveLedger], bool]) -> None:
        """The whale trades until the ledger shows what is wanted. Called from threads."""
        deadline_s = time.monotonic() + 25
        while time.monotonic() < deadline_s:
            if is_enough(self.ledger()):
                return
            leg = Leg(self.whale.instrument.id, side, Decimal(1), OrderType.MARKET)
            try:
                self.whale.adapter.rest.place(OrderRequest(ClientOrderId(f"whale-{next(_numbers)}"), leg))
            except OrderRefused:  # nothing is left of the book for now
                continue
        raise AssertionError("the market does not move")

    async def come_to_rest(self, *, has_target: bool = True) -> ProtectiveLedger:
        """Until ledger, journal and executor agree that all is as it must be; fails with what is not."""
        problem: AssertionError | None = None
        try:
            async with asyncio.timeout(30):
                while True:
                    await self.trader.executor.reconcile()
                    ledger = await asyncio.to_thread(self.ledger)
                    try:
                        ledger.check(self.folder, self.lot, has_target=has_target)
                        self._check_quiet(has_target)
                    except AssertionError as error:
                        problem = error
                    else:
                        return ledger
        except TimeoutError:
            raise AssertionError(f"not at rest: {problem}") from problem

    def _check_quiet(self, has_target: bool) -> None:
        said = self.trader.executor.statistics()
        assert (said.unknown, said.in_flight, said.queue_depth, said.unwritten) == (0, 0, 0, 0)
        assert not any(duty.note for duty in said.duties)
        assert all(duty.is_target_watched is not has_target for duty in said.duties if Decimal(duty.held))


def ledger_of(venue: VenueProcess, account: Credentials, where: InstrumentId) -> ProtectiveLedger:
    return ProtectiveLedger.of(venue.ledger(account), is_spot=where == SPOT)


@asynccontextmanager
async def trading(venue: VenueProcess, where: InstrumentId, folder: Path) -> AsyncIterator[Held]:
    ports: list[Interposed] = []

    def between(rest: VenueRest) -> VenueRest:
        ports.append(Interposed(rest))
        return ports[0]

    async with (
        trader_at(venue, where, folder / "trader", between) as trader,
        trader_at(venue, where, folder / "whale") as whale,
    ):
        for asset, wallet in (("USDT", "usdm"),) if where == SWAP else (("USDT", "spot"), ("BTC", "spot")):
            wealth = {"account": whale.account.api_key, "asset": asset, "amount": "100000000", "wallet": wallet}
            await asyncio.to_thread(venue.admin, "/deposits", wealth)
        yield Held(trader, ports[0], folder / "trader", whale)


async def bracket(held: Held, stop: float, target: float, *, trails: float | None = None) -> Protection:
    """0.02 bought at the market; prices as shares of the market's. `trails`: the distance of a stop that is moved."""
    bid = await asyncio.to_thread(held.trader.price, 1.0)
    price = [await asyncio.to_thread(held.trader.price, each) for each in (stop, target)]
    distance = None if trails is None else bid * Decimal(str(trails))
    protection = Protection(price[0], price[1], distance)
    await held.trader.enter(protection)
    return protection


@Where
@pytest.mark.parametrize("side", [Side.BUY, Side.SELL], ids=["target", "stop"])
async def test_when_one_trades_the_other_goes(
    venue: VenueProcess, tmp_path: Path, where: InstrumentId, side: Side
) -> None:
    async with trading(venue, where, tmp_path) as held:
        await bracket(held, 0.9985, 1.0015)
        was = await held.come_to_rest()
        if was.held:  # the market may have been there already
            await asyncio.to_thread(held.push, side, lambda ledger: not any(ledger.standing(is_stop=side is Side.SELL)))
        now = await held.come_to_rest()
        assert now.held < held.lot
        assert [each.quantity for each in now.protectors if each.state == "filled"] == was.standing(is_stop=True)
        assert not held.trader.executor.statistics().duties


@Where
@pytest.mark.parametrize("how", ["reset", "unknown"])
@pytest.mark.parametrize("nth", [1, 2])
async def test_a_lost_answer_is_found_out_and_nothing_is_sent_again(
    brisk_venue: VenueProcess, tmp_path: Path, where: InstrumentId, how: str, nth: int
) -> None:
    """On USD-M that to the stop, or that to the target; on spot both are one."""
    if where == SPOT and nth > 1:
        nth, how = 1, "gateway_timeout"
    async with trading(brisk_venue, where, tmp_path) as held:
        held.trader.fault("lose_answer", how=how, route=ROUTES[where], nth=nth)
        await bracket(held, 0.9, 1.1)
        ledger = await held.come_to_rest()
        assert len(ledger.protectors) == 2
        assert held.trader.executor.statistics().oddities.keys() <= {"STALE_REPORT"}, "no more than a race"


@pytest.mark.parametrize(("nth", "n_targets"), [(1, 1), (2, 0)], ids=["stop", "target"])
async def test_a_refused_stop_is_asked_for_again_and_a_refused_target_is_watched(
    brisk_venue: VenueProcess, tmp_path: Path, nth: int, n_targets: int
) -> None:
    async with trading(brisk_venue, SWAP, tmp_path) as held:
        held.trader.fault("refuse", answer="market_closed", route="POST */algoOrder", nth=nth)
        protection = await bracket(held, 0.9, 1.1)
        await held.come_to_rest(has_target=n_targets > 0)
        if not n_targets:
            await reach(held, protection)


async def test_a_refused_order_list_leaves_the_stop_and_its_target_is_watched(
    brisk_venue: VenueProcess, tmp_path: Path
) -> None:
    """Other hands have four conditional orders of the five that the venue takes."""
    async with trading(brisk_venue, SPOT, tmp_path) as held:
        high = await asyncio.to_thread(held.trader.price, 1.2)
        leg = Leg(SPOT, Side.BUY, Decimal("0.001"), OrderType.STOP_LOSS, stop_price=high)
        for n in range(4):
            await asyncio.to_thread(held.port.rest.place, OrderRequest(ClientOrderId(f"by-hand-{n}"), leg))
        protection = await bracket(held, 0.9, 1.1)
        await held.come_to_rest(has_target=False)
        await reach(held, protection)


async def reach(held: Held, protection: Protection) -> None:
    """The price is seen at the target, where no order stands for it."""
    assert protection.target_price is not None
    bid = float(protection.target_price)
    held.trader.executor.on_quote(held.trader.instrument.id, bid, bid * 1.0001)
    await eventually(lambda: not held.trader.executor.statistics().duties)
    assert (await held.come_to_rest()).held < held.lot


@pytest.mark.parametrize(
    ("where", "moment"),
    [(SPOT, "before cancel"), (SWAP, "before cancel"), (SWAP, "after cancel")],
    ids=["spot", "usdm", "usdm, the stop gone"],
)
async def test_a_target_that_is_reached_while_the_stop_is_moved_sells_once(
    venue: VenueProcess, tmp_path: Path, where: InstrumentId, moment: str
) -> None:
    """Before the old stop is cancelled; on USD-M, where the target stands by itself, also when the stop is gone."""
    async with trading(venue, where, tmp_path) as held:
        protection = await bracket(held, 0.995, 1.0015, trails=0.005)
        await held.come_to_rest()
        target = protection.target_price
        assert target is not None
        assert protection.stop_price is not None

        def is_reached(ledger: ProtectiveLedger) -> bool:
            if ledger.held < held.lot:
                return True
            asks = held.whale.adapter.rest.order_book(where, 5).asks
            is_there = not asks or Decimal(repr(asks[0][0])) > target
            return is_there and not ledger.standing(is_stop=False)

        held.port.wanted[moment] = lambda: held.push(Side.BUY, is_reached)
        bid = float(protection.stop_price) / 0.995 * 1.001  # a fifth of the distance, wherever the market is by now
        held.trader.executor.on_quote(where, bid, bid * 1.0001)
        await eventually(lambda: not held.trader.executor.statistics().duties)
        assert (await held.come_to_rest()).held < held.lot


@Where
async def test_a_moved_stop_whose_answer_is_lost_stands_once(
    brisk_venue: VenueProcess, tmp_path: Path, where: InstrumentId
) -> None:
    async with trading(brisk_venue, where, tmp_path) as held:
        protection = await bracket(held, 0.98, 1.1, trails=0.02)
        await held.come_to_rest()
        was = protection.stop_price
        assert was is not None
        held.trader.fault("lose_answer", how="reset", route=ROUTES[where])
        bid = float(was) / 0.98 * 1.01
        held.trader.executor.on_quote(where, bid, bid * 1.0001)

        def is_moved() -> bool:
            (duty,) = held.trader.executor.statistics().duties
            return duty.stop_price is not None and Decimal(duty.stop_price) > was

        await eventually(is_moved)
        ledger = await held.come_to_rest()
        assert len(ledger.protectors) == (4 if where == SPOT else 3)


@pytest.mark.parametrize(
    ("where", "die"),
    [
        (SPOT, "place_pair:before:1"),
        (SPOT, "place_pair:after:1"),
        (SWAP, "place:after:2"),
        (SWAP, "place:before:3"),
        (SWAP, "place:after:3"),
    ],
)
def test_killed_between_the_journal_and_the_answer(
    fast_venue: VenueProcess, tmp_path: Path, where: InstrumentId, die: str
) -> None:
    lives = Lives(fast_venue, tmp_path, kind="spot" if where == SPOT else "perpetual")
    lives.live([f"bracket:{where}:0.02"], die)
    assert lives.live(["calm"]) is not None
    ledger_of(fast_venue, lives.credentials, where).check(tmp_path, LOTS[where], has_target=True)
