"""Keeps the duties of `core.execution.protection`: asks what to do now, does it, asks again."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import structlog

from core.domain.errors import JournalError, MetronomeError, VenueError
from core.domain.facts import OrderState
from core.domain.instruments import Instrument, InstrumentId, InstrumentStatus
from core.domain.orders import ClientOrderId, OrderType, Purpose
from core.execution.bare_times import BareTimes
from core.execution.books import Books
from core.execution.desk import VenueDesk
from core.execution.duty import Duty
from core.execution.ending import OrderEnder, OrderStands
from core.execution.following import PriceWatch
from core.execution.holdings import unguarded
from core.execution.journal.records import DutyClosed, DutyFollowed
from core.execution.order import ZERO, Order
from core.execution.placing import ProtectorPlacer, Trouble
from core.execution.protection import Close, Covered, Means, Place, Remove, Step, guards_of, next_step, share_exits
from core.execution.protective_legs import is_placeable
from core.execution.recorder import Recorder
from core.execution.sending import OrderSender
from core.execution.turns import InstrumentTurns
from core.ports.clock import MonotonicClock

_MAX_STEPS = 12
"""In one go for one duty: enough to remove all its stops and place anew, few enough to end."""
_RETRY_FIRST_S = 0.5
_RETRY_MAX_S = 30.0
_STANDS = (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED)


class StopStands(MetronomeError):
    """A protective order whose end could not be proven in time."""


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
        self._placer = ProtectorPlacer(
            books=books, recorder=recorder, desk=desk, sender=sender, instruments=instruments, monotonic=monotonic
        )
        self._due: dict[InstrumentId, int] = {}
        self._wake = asyncio.Event()
        self.notes: dict[ClientOrderId, str] = {}
        """Why a duty is not fully covered now; nothing where all is well."""
        self.bare_times = BareTimes(monotonic)
        self.prices = PriceWatch(books, instruments, monotonic, self._need)
        """Tell it every best bid and ask."""
        self._log = structlog.get_logger("execution")

    @property
    def armed(self) -> int:
        """Protective orders that the venue has accepted from this process."""
        return self._placer.armed

    def watch(self, order: Order) -> None:
        """Call it with every change of an order."""
        duties = self._books.duties(order.instrument_id)
        for duty in duties:
            self._time(duty)
        if duties:
            self._need(order.instrument_id, self._monotonic.now_ns())

    async def run(self) -> None:
        """Look after instruments whose orders have changed, or whose price was followed, until cancelled."""
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
            self._time(duty)
            try:
                await self._cover_duty(duty.duty_id)
            except (VenueError, JournalError, StopStands) as error:
                self._retry_later(duty.duty_id, instrument_id, str(error))

    async def clear(self, instrument_id: InstrumentId, timeout_s: float) -> None:
        """Remove every protective order and wait for its proven end, fills booked. Raises `StopStands`; some may be
        gone then, and `cover` puts them back."""
        protective = [one for one in self._books.unsettled(instrument_id) if one.purpose is Purpose.PROTECT]
        await self._end_all([one.client_order_id for one in protective], "EXIT", timeout_s)

    async def stand_down(self, instrument_id: InstrumentId, reason: str, timeout_s: float) -> None:
        """Nothing is owed here any more: `clear`, then close every duty. Raises `StopStands`."""
        await self.clear(instrument_id, timeout_s)
        for duty in self._books.duties(instrument_id):
            await self._close(duty, reason)

    async def _cover_duty(self, duty_id: ClientOrderId) -> None:
        for _ in range(_MAX_STEPS):
            duty = self._books.duty(duty_id)
            instrument = self._instruments().get(duty.instrument_id) if duty else None
            if duty is None:
                return
            if instrument is None:
                self.notes[duty_id] = "INSTRUMENT_GONE"
                return
            duty = await self._follow_price(duty, instrument)
            trouble = self._placer.trouble(duty_id)
            match self._step(duty, instrument, trouble):
                case Covered(note):
                    self._note_covered(duty_id, note)
                    if trouble.available is not None:
                        self._need(duty.instrument_id, trouble.available_until_ns)
                    return
                case Close(reason):
                    await self._close(duty, reason)
                    return
                case Remove(client_order_ids):
                    await self._end_all(client_order_ids, "REPLACED", _RETRY_MAX_S)
                case Place() if instrument.status is InstrumentStatus.DELISTED:
                    self.notes[duty_id] = "STOP_MISSING INSTRUMENT_DELISTED"  # it may be listed again
                    self._need(duty.instrument_id, self._monotonic.now_ns() + int(_RETRY_MAX_S * 1e9))
                    return
                case Place() as step:
                    if trouble.not_before_ns > self._monotonic.now_ns():
                        self._need(duty.instrument_id, trouble.not_before_ns)
                        return
                    if (why_later := await self._placer.place(duty, step)) is not None:
                        self._retry_later(duty_id, duty.instrument_id, why_later)
                        return
        if (left := self._books.duty(duty_id)) is not None:
            self._retry_later(duty_id, left.instrument_id, "NO_END_IN_SIGHT")

    async def _follow_price(self, duty: Duty, instrument: Instrument) -> Duty:
        """The duty, after what was noticed of the price is durable. Raises `JournalError`."""
        after = self.prices.take(duty, instrument)
        if after.is_reached and not duty.is_reached:
            await self._placer.reach(duty)
        elif after.best_price is not None and after.best_price != duty.best_price:
            followed = DutyFollowed(duty.duty_id, after.best_price, self._recorder.now_ns())
            await self._recorder.require_durable([followed])
            self._books.open_duty(after)
        return self._books.duty(duty.duty_id) or after

    def _step(self, duty: Duty, instrument: Instrument, trouble: Trouble) -> Step:
        exiting = self._exiting(duty)
        if trouble.available_until_ns <= self._monotonic.now_ns():
            trouble.available = None
        rivals = [one for one in self._books.duties(duty.instrument_id) if one.entry_side is duty.entry_side]
        return next_step(
            duty,
            entry=self._books.get(duty.duty_id),
            protectors=self._books.protectors(duty),
            exiting=share_exits(rivals, exiting)[duty.duty_id],
            instrument=instrument,
            means=self._means(duty, instrument, trouble),
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

    def _means(self, duty: Duty, instrument: Instrument, trouble: Trouble) -> Means:
        can = self._desk.capabilities
        types = can.order_types if can.native_stops else frozenset()
        if trouble.is_without_target:
            types -= {OrderType.TAKE_PROFIT}
        standing = sum(
            order.leg.is_conditional and not order.state.is_terminal
            for order in self._books.unsettled(duty.instrument_id)
        )
        room = None if instrument.max_stop_orders is None else max(instrument.max_stop_orders - standing, 0)
        return Means(types, can.pairing, room)

    async def _end_all(self, client_order_ids: Sequence[ClientOrderId], reason: str, timeout_s: float) -> None:
        """Raises `StopStands`."""
        deadline_ns = self._monotonic.now_ns() + int(timeout_s * 1e9)
        ended: set[tuple[ClientOrderId | None, str | None]] = set()
        for client_order_id in client_order_ids:
            order = self._books.get(client_order_id)
            if order is None:
                continue
            pair = (order.protects, order.pair)
            # The venue has ended what was in one order list with it: that is asked for, not asked to be cancelled.
            await self._end(client_order_id, reason, deadline_ns, asks_first=order.pair is not None and pair in ended)
            ended.add(pair)

    async def _end(self, stop: ClientOrderId, reason: str, deadline_ns: int, *, asks_first: bool) -> None:
        """Raises `StopStands`."""
        try:
            await self._ender.end(stop, reason, deadline_ns, asks_first=asks_first)
        except OrderStands as error:
            raise StopStands(f"STOP_STANDS {error}") from None

    async def _close(self, duty: Duty, reason: str) -> None:
        self._books.close_duty(duty.duty_id)
        self.notes.pop(duty.duty_id, None)
        self._placer.forget(duty.duty_id)
        self.prices.forget(duty.duty_id)
        self.bare_times.look(duty.duty_id, duty.instrument_id, is_bare=False)
        await self._recorder.write(DutyClosed(duty.duty_id, reason, self._recorder.now_ns()))

    def _time(self, duty: Duty) -> None:
        """Whether more of the position than a trifle is without a stop that the venue has shown."""
        instrument = self._instruments().get(duty.instrument_id)
        if instrument is None:
            return
        shown = (
            order.pending_quantity
            for order in guards_of(duty, self._books.protectors(duty))
            if order.leg.is_conditional and (order.state in _STANDS or order.state.is_terminal)
        )
        uncovered = duty.held - sum(shown, ZERO)
        is_bare = is_placeable(uncovered, duty, instrument)
        self.bare_times.look(duty.duty_id, duty.instrument_id, is_bare=is_bare)

    def _note_covered(self, duty_id: ClientOrderId, note: str) -> None:
        if note:
            self.notes[duty_id] = note
        else:
            self.notes.pop(duty_id, None)

    def _retry_later(self, duty_id: ClientOrderId, instrument_id: InstrumentId, reason: str) -> None:
        trouble = self._placer.trouble(duty_id)
        pause_s = min(_RETRY_FIRST_S * 2**trouble.failures, _RETRY_MAX_S)
        trouble.failures = min(trouble.failures + 1, 20)
        trouble.not_before_ns = self._monotonic.now_ns() + int(pause_s * 1e9)
        self.notes[duty_id] = f"STOP_MISSING {reason}"
        self._log.warning("stop_missing", duty_id=duty_id, instrument=instrument_id, reason=reason, retry_s=pause_s)
        self._need(instrument_id, trouble.not_before_ns)

    def _need(self, instrument_id: InstrumentId, due_ns: int) -> None:
        self._due[instrument_id] = min(due_ns, self._due.get(instrument_id, due_ns))
        self._wake.set()
