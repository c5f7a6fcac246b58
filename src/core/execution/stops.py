"""Keeps the duties of `core.execution.protection`: asks what to do now, does it, asks again."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import structlog

from core.domain.errors import JournalError, MetronomeError, VenueError
from core.domain.instruments import Instrument, InstrumentId
from core.domain.orders import ClientOrderId, Leg, OrderType, Purpose
from core.execution.books import Books
from core.execution.client_order_id import client_order_id
from core.execution.desk import VenueDesk
from core.execution.ending import OrderEnder, OrderStands
from core.execution.holdings import unguarded
from core.execution.journal.engine import RecordRepeats
from core.execution.journal.records import DutyClosed, RequestRecorded
from core.execution.order import Order
from core.execution.protection import Close, Covered, Duty, Place, Remove, next_step, share_exits
from core.execution.recorder import Recorder
from core.execution.sending import OrderSender, Outcome
from core.execution.turns import InstrumentTurns
from core.ports.clock import MonotonicClock
from core.runtime.histogram import Histogram

_MAX_STEPS = 12
"""In one go for one duty: enough to remove all its stops and place anew, few enough to end."""
_REFUSALS_TO_MARKET = 3
_RETRY_FIRST_S = 0.5
_RETRY_MAX_S = 30.0
_BELIEVED_S = 30.0


class StopStands(MetronomeError):
    """A protective order whose end could not be proven in time."""


@dataclass(slots=True)
class _Trouble:
    """What went wrong with a duty since its last stop was accepted."""

    refusals: int = 0
    failures: int = 0
    at_market: bool = False
    available: Decimal | None = None
    """What the venue said is free to sell, after it had refused more; `None`: not asked."""
    available_until_ns: int = 0
    """How long that is believed."""
    not_before_ns: int = 0


class StopKeeper:
    """Callers of `cover` and `clear` hold the instrument's turn."""

    def __init__(
        self,
        *,
        books: Books,
        recorder: Recorder,
        desk: VenueDesk,
        sender: OrderSender,
        ender: OrderEnder,
        turns: InstrumentTurns,
        instruments: Callable[[], Mapping[InstrumentId, Instrument]],
        monotonic: MonotonicClock,
    ) -> None:
        self._books = books
        self._recorder = recorder
        self._desk = desk
        self._sender = sender
        self._ender = ender
        self._turns = turns
        self._instruments = instruments
        self._monotonic = monotonic
        self._due: dict[InstrumentId, int] = {}
        self._wake = asyncio.Event()
        self._troubles: dict[ClientOrderId, _Trouble] = {}
        self._bare_since: dict[ClientOrderId, int] = {}
        self.notes: dict[ClientOrderId, str] = {}
        """Why a duty is not fully covered now; nothing where all is well."""
        self.bare_times = Histogram()
        self.armed = 0
        self._log = structlog.get_logger("execution")

    def watch(self, order: Order) -> None:
        """Call it with every change of an order."""
        duty = self._books.duty(order.plan_id or order.client_order_id)
        if duty is not None and duty.held and not self._stops(duty):
            self._bare_since.setdefault(duty.duty_id, self._monotonic.now_ns())
        if self._books.duties(order.instrument_id):
            self._need(order.instrument_id, self._monotonic.now_ns())

    async def run(self) -> None:
        """Look after instruments whose orders have changed, until cancelled."""
        while True:
            self._wake.clear()
            now_ns = self._monotonic.now_ns()
            instrument_id = min(self._due, key=self._due.__getitem__, default=None)
            if instrument_id is None or self._due[instrument_id] > now_ns:
                pause_s = None if instrument_id is None else (self._due[instrument_id] - now_ns) / 1e9
                try:
                    async with asyncio.timeout(pause_s):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                continue
            del self._due[instrument_id]
            async with self._turns.take([instrument_id]):
                await self.cover(instrument_id)

    async def cover(self, instrument_id: InstrumentId) -> None:
        """Do what the duties of an instrument ask for now; what can't be done now is tried again by `run`."""
        for duty in self._books.duties(instrument_id):
            try:
                await self._cover_duty(duty.duty_id)
            except (VenueError, JournalError, StopStands) as error:
                self._retry_later(duty.duty_id, instrument_id, str(error))

    async def clear(self, instrument_id: InstrumentId, timeout_s: float) -> None:
        """Remove every protective order and wait for its proven end, fills booked. Raises `StopStands`; some may be
        gone then, and `cover` puts them back."""
        deadline_ns = self._monotonic.now_ns() + int(timeout_s * 1e9)
        for order in self._books.unsettled(instrument_id):
            if order.purpose is Purpose.PROTECT:
                await self._end(order.client_order_id, "EXIT", deadline_ns)

    async def stand_down(self, instrument_id: InstrumentId, reason: str, timeout_s: float) -> None:
        """Nothing is owed here any more: `clear`, then close every duty. Raises `StopStands`."""
        await self.clear(instrument_id, timeout_s)
        for duty in self._books.duties(instrument_id):
            await self._close(duty.duty_id, reason)

    async def _cover_duty(self, duty_id: ClientOrderId) -> None:
        for _ in range(_MAX_STEPS):
            duty = self._books.duty(duty_id)
            instrument = self._instruments().get(duty.instrument_id) if duty else None
            if duty is None:
                return
            if instrument is None:
                self.notes[duty_id] = "INSTRUMENT_GONE"
                return
            trouble = self._troubles.setdefault(duty_id, _Trouble())
            match self._step(duty, instrument, trouble):
                case Covered(note):
                    self._note_covered(duty_id, note)
                    if trouble.available is not None:
                        self._need(duty.instrument_id, trouble.available_until_ns)
                    return
                case Close(reason):
                    await self._close(duty_id, reason)
                    return
                case Remove(client_order_ids):
                    deadline_ns = self._monotonic.now_ns() + int(_RETRY_MAX_S * 1e9)
                    for stop in client_order_ids:
                        await self._end(stop, "REPLACED", deadline_ns)
                case Place(leg):
                    if trouble.not_before_ns > self._monotonic.now_ns():
                        self._need(duty.instrument_id, trouble.not_before_ns)
                        return
                    if not await self._place(duty, leg, trouble):
                        return
        if (left := self._books.duty(duty_id)) is not None:
            self._retry_later(duty_id, left.instrument_id, "NO_END_IN_SIGHT")

    def _step(self, duty: Duty, instrument: Instrument, trouble: _Trouble) -> Covered | Close | Remove | Place:
        exiting = self._exiting(duty)
        if trouble.available_until_ns <= self._monotonic.now_ns():
            trouble.available = None
        rivals = [one for one in self._books.duties(duty.instrument_id) if one.entry_side is duty.entry_side]
        return next_step(
            duty,
            entry=self._books.get(duty.duty_id),
            protectors=self._stops(duty),
            exiting=share_exits(rivals, exiting)[duty.duty_id],
            instrument=instrument,
            native=self._desk.capabilities.order_types if self._desk.capabilities.native_stops else frozenset(),
            at_market=trouble.at_market,
            available=trouble.available,
            may_grow=self._books.plans.get(duty.duty_id) is not None,
        )

    def _exiting(self, duty: Duty) -> Decimal:
        """What working exits may still take of what duties guard: those by hand take what nothing guards first."""
        exits = [
            order
            for order in self._books.unsettled(duty.instrument_id)
            if order.purpose is Purpose.EXIT and order.leg.side is duty.entry_side.opposite
        ]
        by_hand = sum((order.pending_quantity for order in exits if order.is_exit_by_hand), Decimal(0))
        others = sum((order.pending_quantity for order in exits if not order.is_exit_by_hand), Decimal(0))
        held = self._books.held(duty.instrument_id)
        return others + max(by_hand - unguarded(self._books.duties(duty.instrument_id), held), Decimal(0))

    async def _place(self, duty: Duty, leg: Leg, trouble: _Trouble) -> bool:
        """Whether to go on at once."""
        n = self._books.protective_orders_sent(duty.duty_id) + 1
        role = f"{'close' if leg.order_type is OrderType.MARKET else 'stop'}-{n}"
        now_ns = self._recorder.now_ns()
        order = Order(
            client_order_id=client_order_id(duty.intent_id, f"{duty.duty_id}-{role}"),
            intent_id=duty.intent_id,
            role=role,
            purpose=Purpose.PROTECT,
            strategies=duty.strategies,
            leg=leg,
            sent_because=f"protects {duty.duty_id}",
            created_ns=now_ns,
            changed_ns=now_ns,
            protects=duty.duty_id,
            window_ms=self._desk.capabilities.request_window_ms,
        )
        try:
            await self._recorder.require_durable([RequestRecorded(order)])
        except RecordRepeats:
            # An append that was given up reached the disk after all; it never left. The next number is free.
            self._books.skip_protective_order(duty.duty_id)
            return True
        self._books.add(order)
        outcome = await self._sender.send(order, lambda: None)
        return await self._learn(duty, order, outcome, trouble)

    async def _learn(self, duty: Duty, order: Order, outcome: Outcome, trouble: _Trouble) -> bool:
        leg = order.leg
        match outcome:
            case Outcome.ANSWERED:
                self.armed += 1
                left = None if trouble.available is None else max(trouble.available - leg.quantity, Decimal(0))
                self._troubles[duty.duty_id] = _Trouble(available=left, available_until_ns=trouble.available_until_ns)
                return True
            case Outcome.WOULD_TRIGGER:
                trouble.at_market = True
                return True
            case Outcome.REFUSED:
                trouble.refusals += 1
                trouble.at_market = trouble.refusals % (_REFUSALS_TO_MARKET + 1) == _REFUSALS_TO_MARKET
                free = await self._free(duty)
                if free is not None and free < leg.quantity and free != trouble.available:
                    trouble.available = free
                    trouble.available_until_ns = self._monotonic.now_ns() + int(_BELIEVED_S * 1e9)
                    return True
                trouble.available = None
                if trouble.at_market:
                    return True
        known = self._books.get(order.client_order_id)
        said = f" {known.reason}" if known is not None and known.reason else ""
        self._retry_later(duty.duty_id, duty.instrument_id, f"{outcome.value}{said}")
        return False

    async def _free(self, duty: Duty) -> Decimal | None:
        """What could be sold now; `None` where the order would not sell an asset of the account."""
        instrument = self._instruments().get(duty.instrument_id)
        if instrument is None or duty.entry_side.sign < 0 or ":" in duty.instrument_id:
            return None
        balance = (await self._desk.balances()).get(instrument.base)
        return balance.free if balance else Decimal(0)

    async def _end(self, stop: ClientOrderId, reason: str, deadline_ns: int) -> None:
        """Raises `StopStands`."""
        try:
            await self._ender.end(stop, reason, deadline_ns)
        except OrderStands as error:
            raise StopStands(f"STOP_STANDS {error}") from None

    async def _close(self, duty_id: ClientOrderId, reason: str) -> None:
        self._books.close_duty(duty_id)
        self.notes.pop(duty_id, None)
        self._troubles.pop(duty_id, None)
        self._bare_since.pop(duty_id, None)
        await self._recorder.write(DutyClosed(duty_id, reason, self._recorder.now_ns()))

    def _stops(self, duty: Duty) -> list[Order]:
        unsettled = self._books.unsettled(duty.instrument_id)
        return [order for order in unsettled if order.protects == duty.duty_id]

    def _note_covered(self, duty_id: ClientOrderId, note: str) -> None:
        if note:
            self.notes[duty_id] = note
            return
        self.notes.pop(duty_id, None)
        since_ns = self._bare_since.pop(duty_id, None)
        if since_ns is not None:
            self.bare_times.record_ns(self._monotonic.now_ns() - since_ns)

    def _retry_later(self, duty_id: ClientOrderId, instrument_id: InstrumentId, reason: str) -> None:
        trouble = self._troubles.setdefault(duty_id, _Trouble())
        pause_s = min(_RETRY_FIRST_S * 2**trouble.failures, _RETRY_MAX_S)
        trouble.failures = min(trouble.failures + 1, 20)
        trouble.not_before_ns = self._monotonic.now_ns() + int(pause_s * 1e9)
        self.notes[duty_id] = f"STOP_MISSING {reason}"
        self._log.warning("stop_missing", duty_id=duty_id, instrument=instrument_id, reason=reason, retry_s=pause_s)
        self._need(instrument_id, trouble.not_before_ns)

    def _need(self, instrument_id: InstrumentId, due_ns: int) -> None:
        self._due[instrument_id] = min(due_ns, self._due.get(instrument_id, due_ns))
        self._wake.set()
