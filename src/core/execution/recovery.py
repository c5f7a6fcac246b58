"""Starting up is recovery: replay, reconcile, resolve, re-arm. There is no other way to start."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from core.domain.errors import VenueUnavailable
from core.domain.facts import OrderState, OrderView
from core.execution.events import AmendEnded, AmendLost, AmendOutcome, AmendStep, AmendWay, OutcomeLost
from core.execution.journal.identity import JournalOpened
from core.execution.journal.state import JournalState
from core.execution.order import Order
from core.execution.parts import Parts
from core.execution.reconciliation import Correction

T = TypeVar("T")

_RETRY_FIRST_S = 0.25
_RETRY_MAX_S = 15.0
_LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What a start found."""

    journal: JournalOpened
    orders: int
    """In the journal."""
    fills: int
    lost_track_of: int
    """Orders that may have left before the last end and whose answer nobody saw."""
    unresolved: tuple[OrderView, ...]
    """Still UNKNOWN when recovery gave up waiting; asked after on and on, they block their instruments."""
    corrections: tuple[Correction, ...]
    stops_armed: int
    duration_s: float


class Recovery:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._state: JournalState | None = None
        self.note = ""
        """What it waits for, in words; empty when it waits for nothing."""
        self._log = structlog.get_logger("recovery")

    async def take_account(self) -> JournalOpened:
        """The journal opened, and with it the lease on the account: from now on nobody else sends anything."""
        epoch = await self._until_reachable(self._parts.desk.epoch_id)
        try:
            return await self._parts.journal.open(epoch, self._wait_for_lease)
        finally:
            self.note = ""

    async def run(self, replayed: Callable[[JournalState], None]) -> RecoveryReport:
        parts = self._parts
        started_ns = parts.monotonic.now_ns()
        opened = await self.take_account()
        state = self._state or await self._replay(replayed)
        lost = [order for order in parts.books.unsettled() if order.state is OrderState.SUBMITTING]
        now_ns = parts.recorder.now_ns()
        await parts.recorder.record(
            *(OutcomeLost(order.client_order_id, now_ns, "RESTARTED before its answer came") for order in lost),
            *(_cut_off(order, now_ns) for order in parts.books.unsettled() if order.amendment is not None),
        )
        armed = parts.stops.armed
        corrections = await self._until_reachable(parts.reconciler.reconcile)
        await self._cover()
        await self._until_reachable(parts.expiries.rearm)
        corrections += await self._resolve()
        await self._until_reachable(parts.expiries.rearm)
        report = RecoveryReport(
            journal=opened,
            orders=state.n_orders,
            fills=state.ledger.n_fills + state.ledger.n_foreign_fills,
            lost_track_of=len(lost),
            unresolved=tuple(order.view() for order in parts.books.unsettled() if order.state is OrderState.UNKNOWN),
            corrections=corrections,
            stops_armed=parts.stops.armed - armed,
            duration_s=(parts.monotonic.now_ns() - started_ns) / 1e9,
        )
        self._say(report)
        return report

    async def _resolve(self) -> tuple[Correction, ...]:
        """Ask after orders in doubt. That takes the venue's window and more, and nobody listens to its stream yet:
        what trades meanwhile is looked for, and gets its stop, every `_LOOK_EVERY_S`, and once more in the end."""
        parts = self._parts
        for order in parts.books.unsettled():
            if order.state is OrderState.UNKNOWN or order.state.is_terminal or order.is_amend_in_doubt:
                parts.enquiries.need(order.client_order_id)
        found: tuple[Correction, ...] = ()
        if not parts.enquiries.in_doubt:
            return found
        asking = asyncio.create_task(parts.enquiries.settle(parts.settings.recovery_wait_s), name="recovery-enquiries")
        try:
            while not asking.done():
                await asyncio.wait([asking], timeout=_LOOK_EVERY_S)
                found += await self._until_reachable(parts.reconciler.reconcile)
                await self._cover()
            await asking
        finally:
            asking.cancel()
            await asyncio.wait([asking])
        return found

    async def _cover(self) -> None:
        for instrument_id in dict.fromkeys(duty.instrument_id for duty in self._parts.books.duties()):
            async with self._parts.turns.take([instrument_id]):
                await self._parts.stops.cover(instrument_id)

    async def _replay(self, replayed: Callable[[JournalState], None]) -> JournalState:
        parts = self._parts
        state = await parts.journal.load(retain_closed=parts.settings.retain_closed_orders)
        parts.books.restore(state)
        parts.reconciler.start_from(state)
        replayed(state)
        self._state = state
        return state

    async def _until_reachable(self, call: Callable[[], Awaitable[T]]) -> T:
        """A venue that is down at the start is waited for; one that says no is an error."""
        pause_s = _RETRY_FIRST_S
        while True:
            try:
                result = await call()
            except VenueUnavailable as error:
                self.note = f"waiting for the venue: {error}"
                self._log.warning("venue_unavailable", reason=str(error), retry_s=pause_s)
                await asyncio.sleep(max(pause_s, error.retry_after_s or 0.0))
                pause_s = min(pause_s * 2, _RETRY_MAX_S)
            else:
                self.note = ""
                return result

    def _wait_for_lease(self, why: str) -> None:
        self.note = why
        self._log.warning("waiting_for_lease", reason=why)

    def _say(self, report: RecoveryReport) -> None:
        if report.journal.previous_epoch is not None:
            self._log.warning(
                "new_epoch",
                epoch=report.journal.epoch,
                previous=report.journal.previous_epoch,
                kept_aside=report.journal.kept_aside,
            )
        self._log.info(
            "recovered",
            journal=report.journal.location,
            orders=report.orders,
            fills=report.fills,
            lost_track_of=report.lost_track_of,
            unresolved=len(report.unresolved),
            corrections=len(report.corrections),
            stops_armed=report.stops_armed,
            duration_s=round(report.duration_s, 3),
        )


def _cut_off(order: Order, now_ns: int) -> AmendStep:
    """What an amendment comes to that the end of a process has cut off. No order is sent in another's place now: the
    prices are of another time, and who approved it is gone."""
    client_order_id = order.client_order_id
    if order.amendment is not None and order.amendment.way is AmendWay.IN_PLACE:
        return AmendLost(client_order_id, now_ns, "RESTARTED before its answer came")
    return AmendEnded(client_order_id, now_ns, AmendOutcome.GIVEN_UP, "RESTARTED before it was replaced")
