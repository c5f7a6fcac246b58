"""One life of a trader: recover, trade a script, be killed. Or, at the end of all, settle and leave the market.

The executor is the real one, composed here with `tests.mortal`'s decorators around its journal and its venue.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from pydantic import SecretStr

from core.compute.lanes import Lane
from core.domain.commands import CommandRefused
from core.domain.errors import VenueError
from core.domain.facts import ExecutionFact, OrderState, OrderView
from core.domain.instruments import Instrument, InstrumentId
from core.domain.money import Rounding, round_to_step, to_price
from core.domain.orders import (
    ClientOrderId,
    IntentId,
    Leg,
    OrderType,
    Proposal,
    Protection,
    Purpose,
    Side,
    Terms,
    TimeInForce,
)
from core.domain.slicing import RestRule, SliceStyle, Slicing
from core.execution.executor import OrderExecutor
from core.execution.journal.audit import audit
from core.execution.journal.identity import JournalIdentity
from core.execution.journal.reading import journals
from core.risk.approval import ApprovedAmendment, ApprovedIntent
from core.runtime.clocks import SystemMonotonicClock
from core.runtime.synced_clock import SyncedClock
from core.settings.execution import ExecutionSettings
from core.settings.venue import VenueSettings
from core.venues.adapter import build_adapter
from tests.chaos.points import Doom
from tests.chaos.script import SYMBOLS, Deed, bursts
from tests.mortal import Fate, MortalJournal, MortalVenue

SETTINGS = ExecutionSettings(
    order_deadline_s=3.0, enquiry_first_s=0.02, enquiry_max_s=0.2, recovery_wait_s=20.0, clear_stop_s=5.0
)
_REQUEST_TIMEOUT_S = 1.5
_PATIENCE_S = 4.0
"""How long the script waits for a burst's answers; then it goes on all the same."""
_RECONCILE_S = 1.0
_SNAPSHOT_EVERY = 50
"""Records: most lives begin from one, and some end while one is written."""
_PRICES_APART_S = 0.05
_SETTLED_WITHIN_S = 60.0
_MINUTE_NS = 60_000_000_000
_TWAP = Slicing(SliceStyle.TWAP, 5, _MINUTE_NS, rest=RestRule.MARKET)
"""A minute of the venue's: one second."""
_ALL = Decimal(1_000_000)
"""More than is ever held: an exit takes what there is."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who lives again and again: an account, and its journal and marks in `folder`."""

    url: str
    ws_url: str
    key: str
    folder: Path

    @property
    def marks(self) -> Path:
        return self.folder / "marks.jsonl"

    @property
    def disk(self) -> Path:
        """What a power cut can hurt; there from the start."""
        return self.folder / "disk"

    @property
    def data_dir(self) -> Path:
        """Made by the first life."""
        return self.disk / "data"

    @property
    def journal(self) -> Path:
        (file,) = (self.data_dir / "journal").glob("*.sqlite")
        return file


class Marks:
    """What a life says of itself, a line each; written at once, so that nothing is lost with the process."""

    def __init__(self, person: Person, life: int) -> None:
        self._life = life
        self._descriptor = os.open(person.marks, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def say(self, what: str, **details: Any) -> None:
        line = json.dumps({"life": self._life, "what": what, **details})
        os.write(self._descriptor, f"{line}\n".encode())


class Trader:
    def __init__(self, person: Person, life: int, doom: Doom | None) -> None:
        """`doom` `None`: it lives to the end of its script."""
        self._name = f"{person.key}-{life}"
        self._person = person
        self._doom = doom
        self._marks = Marks(person, life)
        self._monotonic = SystemMonotonicClock()
        self._clock = SyncedClock(self._monotonic)
        settings = VenueSettings(
            name="binance",
            base_url=person.url,
            ws_base_url=person.ws_url,
            api_key=SecretStr(person.key),
            secret=SecretStr("the-secret"),
            request_timeout_s=_REQUEST_TIMEOUT_S,
        )
        self._adapter = build_adapter(settings, self._clock, self._monotonic)
        self._fate = Fate(
            doom.step if doom else None, delay_s=doom.delay_s if doom else 0.0, last_words=self._last_words
        )
        identity = JournalIdentity("paper", "sim", "main")
        self._journal = MortalJournal(identity, data_dir=person.data_dir, snapshot_every=_SNAPSHOT_EVERY)
        self._journal.fate = self._fate
        self._lane = Lane("order", 4)
        self._instruments: dict[InstrumentId, Instrument] = {}
        self._intents = 0
        self.executor = OrderExecutor(
            venue=MortalVenue(self._adapter.rest, self._fate),
            run_in_lane=self._lane.run,
            journal=self._journal,
            publish=_nobody_listens,
            still_valid=lambda *_: None,
            instruments=lambda: self._instruments,
            trading_clock=self._clock,
            monotonic_clock=self._monotonic,
            settings=SETTINGS,
        )

    async def live(self, rng: Random, n_bursts: int) -> None:
        """Trade until killed."""
        async with asyncio.TaskGroup() as parts:
            await self._rise(parts)
            if self._doom is not None and self._doom.step is None:
                self._fate.die_in(self._doom.delay_s, "instant")
            parts.create_task(self._reconcile_on_and_on())
            parts.create_task(self._follow_prices())
            for deeds in bursts(rng, n_bursts):
                await asyncio.gather(*(self.do(deed) for deed in deeds))
                await self._wait(self._is_answered, _PATIENCE_S)
            self._fate.die("end of the script")

    async def settle(self) -> dict[str, Any]:
        """Come to rest, every position under its stop; then sell everything. Gives back what is left open, and what
        `journal verify` has found."""
        try:
            async with asyncio.TaskGroup() as parts:
                await self._rise(parts)
                at_rest = await self._wait(self._is_at_rest, _SETTLED_WITHIN_S)
                self._mark("settled", at_rest=at_rest)
                left = await self._leave_everything()
                self._mark("flat", left=left)
                raise _Over
        except* _Over:
            pass
        await self._journal.close()
        self._adapter.close()
        self._lane.close()
        return {"at_rest": at_rest, "left": left, "findings": _findings(self._person.data_dir)}

    async def do(self, deed: Deed) -> None:
        """Asks only; nobody waits for the answer here."""
        match deed.kind:
            case "reconcile":
                await self._reconcile()
            case "amend":
                await self._amend(deed)
            case "recall":
                await self._recall(deed.symbol)
            case "leave":
                self._submit(self._exit(deed.symbol, _ALL), None, Decimal(1))
            case _:
                await self._trade(deed)

    async def _rise(self, parts: asyncio.TaskGroup) -> None:
        self._fate.phase = "recovery"
        await self._learn_the_venue()
        report = await self.executor.recover()
        self._fate.phase = "running"
        self._mark("recovered", lost_track_of=report.lost_track_of, stops_armed=report.stops_armed)
        user_stream = self._adapter.user_stream
        assert user_stream is not None
        parts.create_task(self.executor.run())
        parts.create_task(user_stream.run(self.executor.on_user_event))

    async def _learn_the_venue(self) -> None:
        """A venue that fails now is asked again."""
        rest = self._adapter.rest
        while True:
            try:
                for _ in range(3):
                    sent_ns = self._monotonic.now_ns()
                    server_ms = await asyncio.to_thread(rest.server_time_ms)
                    received_ns = self._monotonic.now_ns()
                    self._clock.observe(server_ms, sent_ns, received_ns, declared_speed=rest.clock_speed())
                self._instruments = await asyncio.to_thread(rest.instruments)
                return
            except VenueError:
                await asyncio.sleep(0.05)

    async def _trade(self, deed: Deed) -> None:
        instrument = self._instruments[InstrumentId(deed.symbol)]
        try:
            book = await asyncio.to_thread(self._adapter.rest.order_book, instrument.id, 5)
        except VenueError:
            return
        bid = book.bids[0][0]
        quantity = round_to_step(Decimal(deed.notional_usd) / Decimal(repr(bid)), instrument.lot_size, Rounding.UP)
        if deed.kind in ("trim", "seep"):
            slicing = _TWAP if deed.kind == "seep" else None
            self._submit(self._exit(deed.symbol, quantity), None, Decimal(repr(bid)), slicing)
            return
        leg = Leg(instrument.id, Side.BUY, quantity, OrderType.MARKET)
        slicing = _TWAP if deed.kind == "slice" else None
        if deed.kind == "hide":
            visible = round_to_step(quantity / 4, instrument.lot_size, Rounding.UP)
            slicing = Slicing(SliceStyle.ICEBERG, 4, _MINUTE_NS, visible=visible)
        if deed.kind in ("join", "rest", "hide"):
            price = to_price(bid * (0.9 if deed.kind == "rest" else 1.0), instrument, Rounding.DOWN)
            leg = Leg(instrument.id, Side.BUY, quantity, OrderType.LIMIT, price, None, TimeInForce.GTC)
        self._submit(leg, _protection(deed, bid, instrument), Decimal(repr(bid)), slicing)

    def _exit(self, symbol: str, quantity: Decimal) -> Leg:
        return Leg(InstrumentId(symbol), Side.SELL, quantity, OrderType.MARKET)

    def _submit(self, leg: Leg, stop: Protection | None, price: Decimal, slicing: Slicing | None = None) -> None:
        self._intents += 1
        proposal = Proposal(
            intent_id=IntentId(f"{self._name}-{self._intents}"),
            purpose=Purpose.EXIT if stop is None else Purpose.ENTRY,
            legs=(leg,),
            strategies=("chaos",),
            cycle=f"chaos|{leg.instrument_id}|1m|{self._name}-{self._intents}",
            created_ns=self._clock.now_ns(),
            reference_price=price,
            protection=stop,
            reason="as the script says",
            slicing=slicing,
        )
        self.executor.submit(ApprovedIntent(proposal, 2**62, 1))

    async def _amend(self, deed: Deed) -> None:
        """Half as large, which the venue does in place; or nearer to the market, by another order."""
        instrument = self._instruments[InstrumentId(deed.symbol)]
        for order in self.executor.orders():
            if order.leg.instrument_id != deed.symbol or order.leg.price is None or order.state.is_terminal:
                continue
            left = order.leg.quantity - order.filled_quantity
            half = round_to_step(order.filled_quantity + left / 2, instrument.lot_size, Rounding.UP)
            price = round_to_step(order.leg.price * Decimal("1.01"), instrument.tick_size, Rounding.DOWN)
            is_halved = deed.notional_usd in (300, 1_000)
            try:
                await self.executor.amend(
                    order.client_order_id,
                    quantity=half if is_halved else None,
                    price=None if is_halved else price,
                    reason="as the script says",
                    judge=_Everything(),
                )
            except CommandRefused:
                continue
            return

    async def _recall(self, symbol: str) -> None:
        for order in self.executor.orders():
            if order.leg.instrument_id == symbol and order.purpose is Purpose.ENTRY and not order.state.is_terminal:
                try:
                    await self.executor.cancel(order.client_order_id)
                except VenueError:
                    return

    async def _reconcile(self) -> None:
        try:
            await self.executor.reconcile()
        except VenueError:
            return

    async def _reconcile_on_and_on(self) -> None:
        while True:
            await asyncio.sleep(_RECONCILE_S)
            await self._reconcile()

    async def _follow_prices(self) -> None:
        """As the daemon's market streams would tell them."""
        while True:
            for symbol in SYMBOLS:
                await asyncio.sleep(_PRICES_APART_S)
                try:
                    book = await asyncio.to_thread(self._adapter.rest.order_book, InstrumentId(symbol), 5)
                except VenueError:
                    continue
                if book.bids and book.asks:
                    self.executor.on_quote(InstrumentId(symbol), book.bids[0][0], book.asks[0][0])

    async def _leave_everything(self) -> list[str]:
        async def has_left() -> bool:
            for symbol in SYMBOLS:
                await self._recall(symbol)
                self._submit(self._exit(symbol, _ALL), None, Decimal(1))
            await self._wait(self._is_answered, _PATIENCE_S)
            await self._reconcile()
            return not self._left_open()

        await self._wait(has_left, _SETTLED_WITHIN_S)
        return self._left_open()

    def _left_open(self) -> list[str]:
        working = [order.client_order_id for order in self.executor.orders() if not _is_over(order)]
        working += [plan.plan_id for plan in self.executor.plans() if not plan.is_over]
        return working + [duty.duty_id for duty in self.executor.statistics().duties]

    def _is_answered(self) -> bool:
        statistics = self.executor.statistics()
        return not statistics.queue_depth and not statistics.in_flight

    async def _is_at_rest(self) -> bool:
        await self._reconcile()
        orders, statistics = self.executor.orders(), self.executor.statistics()
        return (
            self._is_answered()
            and not statistics.unwritten
            and not any(duty.note for duty in statistics.duties)
            and all(plan.is_over for plan in self.executor.plans())
            and all(_is_over(order) or order.state is OrderState.ACCEPTED for order in orders)
        )

    async def _wait(self, condition: Callable[[], bool | Awaitable[bool]], timeout_s: float) -> bool:
        """Whether it came true in time."""
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    found = condition()
                    if found if isinstance(found, bool) else await found:
                        return True
                    await asyncio.sleep(0.005)
        except TimeoutError:
            return False

    def _mark(self, what: str, **details: Any) -> None:
        self._marks.say(what, venue_ms=self._clock.now_ns() // 1_000_000, **details)

    def _last_words(self, step: str) -> None:
        self._mark("killed", step=step, phase=self._fate.phase, in_flight=len(self._fate.in_flight))


class _Everything:
    """A gate that lets everything through."""

    def judge(self, order: OrderView, terms: Terms, *, in_place: bool) -> ApprovedAmendment:
        leg = replace(order.leg, quantity=terms.quantity - order.filled_quantity, price=terms.price)
        proposal = Proposal(
            intent_id=order.intent_id,
            purpose=order.purpose,
            legs=(leg,),
            strategies=order.strategies,
            cycle="chaos|amend",
            created_ns=order.created_ns,
            reference_price=terms.price or Decimal(1),
        )
        approved = None if in_place else ApprovedIntent(proposal, 2**62, 1)
        return ApprovedAmendment(order.client_order_id, terms, approved)

    def release(self, client_order_id: ClientOrderId) -> None:
        pass


def _protection(deed: Deed, bid: float, instrument: Instrument) -> Protection:
    """Half of the trailing stops are the venue's own, where it has them for such a distance."""
    stop = to_price(bid * deed.stop_at, instrument, Rounding.DOWN)
    target = None if deed.target_at is None else to_price(bid * deed.target_at, instrument, Rounding.DOWN)
    distance = Decimal(repr(bid)) - stop
    if not deed.trails or distance <= 0:
        return Protection(stop, target)
    grid, bps = instrument.trailing, round((1 - deed.stop_at) * 10_000)
    is_native = grid is not None and deed.notional_usd <= 500 and grid.min_bps <= bps <= grid.max_bps
    return Protection(stop, target, distance, bps if is_native else None)


class _Over(Exception):
    """The life is over; its tasks with it."""


def _is_over(order: OrderView) -> bool:
    return order.state.is_terminal and not order.unbooked_quantity


def _findings(data_dir: Path) -> list[str]:
    found = []
    for journal in journals(data_dir, None):
        with journal.opened() as connection:
            found += [f"{each.invariant}: {each.words}" for each in audit(connection, 1).findings]
    return found


def _nobody_listens(_: ExecutionFact) -> None:
    pass
