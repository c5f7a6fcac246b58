"""Random trading through random trouble over several lives: in the end journal, books and ledger say the same."""

import asyncio
import random
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from core.domain.errors import OrderRefused, VenueError, VenueUnavailable
from core.domain.facts import FillBooked, OrderState
from core.domain.orders import OrderReport, OrderStatus, UserEvent, UserStreamRestored
from core.execution.client_order_id import is_ours
from core.execution.order import Order
from tests.waiting import eventually
from unit.execution.fake_venue import FakeVenue
from unit.execution.making import BTC, INSTRUMENTS
from unit.execution.rig import QUICK, Rig, a_venue, entry, exit_, rig_on

STATE_OF = {
    OrderStatus.NEW: OrderState.ACCEPTED,
    OrderStatus.PARTIALLY_FILLED: OrderState.PARTIALLY_FILLED,
    OrderStatus.FILLED: OrderState.FILLED,
    OrderStatus.CANCELLED: OrderState.CANCELLED,
    OrderStatus.EXPIRED: OrderState.EXPIRED,
    OrderStatus.REJECTED: OrderState.REJECTED,
}
ABRUPT = QUICK.model_copy(update={"settle_on_stop_s": 0.0, "retain_closed_orders": 5})


class Storm:
    """One life's worth of random deeds on a rig."""

    def __init__(self, rig: Rig, chance: random.Random, counter: list[int]) -> None:
        self._rig = rig
        self._chance = chance
        self._counter = counter

    async def rage(self, steps: int) -> None:
        for _ in range(steps):
            await self._chance.choice(
                [self.enter, self.enter, self.leave, self.move, self.move, self.spoil, self.cancel]
            )()
            if self._chance.random() < 0.5:
                await asyncio.sleep(self._chance.random() * 0.004)

    async def enter(self) -> None:
        price = self._rig.venue.prices[BTC]
        limit = None if self._chance.random() < 0.5 else str(price - self._chance.randint(-1, 3))
        stop = str(price - self._chance.randint(2, 6)) if self._chance.random() < 0.7 else None
        self._rig.submit(entry(self._size(), intent=self._intent(), price=limit, stop=stop))

    async def leave(self) -> None:
        self._rig.submit(exit_(self._size(), intent=self._intent()))

    async def move(self) -> None:
        step = self._chance.choice([-3, -2, -1, 1, 2, 3])
        price = max(self._rig.venue.prices[BTC] + step, Decimal(20))
        self._rig.venue.liquidity = {BTC: Decimal("0.3")} if self._chance.random() < 0.3 else {}
        self._rig.venue.move(BTC, str(price))

    async def cancel(self) -> None:
        orders = self._rig.executor.orders()
        if orders:
            try:
                await self._rig.executor.cancel(self._chance.choice(orders).client_order_id)
            except VenueError:
                return

    async def spoil(self) -> None:
        venue = self._rig.venue
        call = self._chance.choice(["place", "place", "cancel"])
        self._chance.choice(
            [
                lambda: venue.lose_answer(call),
                lambda: venue.lose_request(call),
                lambda: venue.fail(call, VenueUnavailable("down")),
                lambda: venue.fail(call, OrderRefused("no reason at all", code=-2010)),
                lambda: venue.fail("order", VenueUnavailable("down"), times=3),
                lambda: venue.fail("fills_since", VenueUnavailable("down")),
                self._garble_the_stream,
            ]
        )()

    def _garble_the_stream(self) -> None:
        """Drop, repeat and reorder events until the stream is 'restored'."""
        rig, chance = self._rig, self._chance
        told, held = rig.listener, list[UserEvent]()

        def listen(event: UserEvent) -> None:
            held.append(event)
            if chance.random() < 0.7:
                told(held.pop(chance.randrange(len(held))))
            if chance.random() < 0.2:
                told(event)

        def restore() -> None:
            if rig.venue.listener is listen:
                rig.venue.listener = told
            rig.executor.on_user_event(UserStreamRestored(1))

        rig.venue.listener = listen
        asyncio.get_running_loop().call_later(0.02, restore)

    def _intent(self) -> str:
        self._counter[0] += 1
        return f"intent-{self._counter[0]}"

    def _size(self) -> str:
        return str(Decimal(self._chance.randint(1, 20)) / 10)


def ours(venue: FakeVenue) -> dict[str, OrderReport]:
    return {cid: report for cid, report in venue.ledger().items() if is_ours(cid)}


async def calm(rig: Rig) -> None:
    """No more trouble: wait until the bot says that all is well."""
    rig.venue._faults.clear()
    await eventually(lambda: rig.venue.listener is rig.listener)
    rig.venue.liquidity = {}
    rig.venue.ahead_ms += 10_000
    await rig.idle()
    rig.executor.on_user_event(UserStreamRestored(1))
    await rig.executor.reconcile()

    def is_well() -> bool:
        statistics = rig.executor.statistics()
        # Orders refused by the storm may leave a duty waiting for its next try.
        return statistics.unknown == 0 and all(not one.note or "BELOW" in one.note for one in statistics.duties)

    await eventually(is_well, timeout_s=30.0)
    await rig.executor.reconcile()
    await rig.idle()


def compare(rig: Rig, orders: dict[str, Order], booked: Counter[str]) -> None:
    ledger, trades = ours(rig.venue), rig.venue.trades()
    assert {cid for cid, one in orders.items() if one.state not in (OrderState.ABSENT, OrderState.REJECTED)} == set(
        ledger
    )
    for cid, report in ledger.items():
        assert orders[cid].state is STATE_OF[report.status], cid
        assert orders[cid].booked_quantity == report.filled_quantity, cid
        assert orders[cid].booked_notional == report.filled_notional, cid
    assert booked == Counter(fill.trade_id for fill in trades)
    assert len(rig.venue.placed) == len({one.client_order_id for one in rig.venue.placed})


def assert_protected(rig: Rig) -> None:
    standing = sum((one.quantity - one.filled_quantity for one in rig.venue.open_stops(BTC)), Decimal(0))
    owed = sum((Decimal(one.held) for one in rig.executor.statistics().duties), Decimal(0))
    assert standing <= rig.venue.balances()["BTC"].total
    smallest = INSTRUMENTS[BTC].min_notional / 20
    assert owed - standing <= smallest * max(1, len(rig.executor.statistics().duties))


@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(n, marks=pytest.mark.slow) for n in range(3, 40))])
async def test_after_the_storm_everything_agrees(tmp_path: Path, seed: int) -> None:
    await weather(tmp_path, random.Random(seed))


async def weather(folder: Path, chance: random.Random) -> None:
    venue, counter = a_venue(), [0]
    venue.deposit("USDT", "1000000")
    booked: Counter[str] = Counter()
    for _ in range(3):
        async with rig_on(folder, venue, settings=ABRUPT) as rig:
            await Storm(rig, chance, counter).rage(25)
        venue._faults.clear()
        venue.ahead_ms += 10_000
        booked.update(one.fill.trade_id for one in rig.facts if isinstance(one, FillBooked))
    async with rig_on(folder, venue, settings=ABRUPT) as rig:
        await calm(rig)
        booked.update(one.fill.trade_id for one in rig.facts if isinstance(one, FillBooked))
        state = await rig.journal.load(retain_closed=1_000_000)
        compare(rig, {one.client_order_id: one for one in state.orders}, booked)
        assert_protected(rig)
        assert {one.duty_id: str(one.held) for one in state.duties} == {
            one.duty_id: one.held for one in rig.executor.statistics().duties
        }
