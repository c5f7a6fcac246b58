"""The venue's own dead-man timer, kept wound up while entries rest there: a daemon that stands still for too long
leaves none behind.

The timer takes all of an instrument's orders in the book. It is therefore not armed where anything else of the account
stands there: an exit, a target, a stop that has triggered, an order by other hands. Stops that wait for their trigger
are out of its reach, where the venue declares so (`VenueCapabilities.dead_man_timer`).
"""

import asyncio
from collections.abc import Iterable

import structlog

from core.domain.errors import RequestRefused, VenueError
from core.domain.facts import OrderState
from core.domain.instruments import InstrumentId
from core.domain.orders import OrderReport, OrderType, Purpose, TimeInForce
from core.execution.books import Books
from core.execution.desk import VenueDesk
from core.execution.foreign import ForeignOrders
from core.execution.order import Order
from core.ports.clock import MonotonicClock

_LOOK_EVERY_S = 0.5
_TRY_AGAIN_S = 5.0
_DISARM_S = 3.0
_WAITS_APART = frozenset(
    {OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT}
)
"""Kept out of the book until their trigger."""
_AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})


def to_arm(orders: Iterable[Order], foreign: Iterable[OrderReport]) -> frozenset[InstrumentId]:
    """Where entries rest, and nothing that must stay stands beside them. Pure."""
    working = [order for order in orders if not order.state.is_terminal and not _is_apart(order)]
    entries = {order.instrument_id for order in working if _is_resting_entry(order)}
    others = {order.instrument_id for order in working if order.purpose is not Purpose.ENTRY or order.theirs}
    theirs = {report.instrument_id for report in foreign if report.order_type not in _WAITS_APART}
    return frozenset(entries - others - theirs)


class DeadManTimer:
    """`run` for as long as there are orders; `disarm` when it has ended in order."""

    def __init__(
        self,
        desk: VenueDesk,
        books: Books,
        foreign: ForeignOrders,
        monotonic: MonotonicClock,
        after_s: float | None,
    ) -> None:
        """`after_s`: how long after the last sign of life the venue cancels, in real time; `None`: never."""
        self._desk = desk
        self._books = books
        self._foreign = foreign
        self._monotonic = monotonic
        self._after_s = after_s
        self._due_ns: dict[InstrumentId, int] = {}
        """When each timer is to be wound up next; of those that may be running."""
        self._troubled: set[InstrumentId] = set()
        self._log = structlog.get_logger("dead_man")

    @property
    def armed(self) -> frozenset[InstrumentId]:
        return frozenset(self._due_ns)

    async def run(self) -> None:
        """Until cancelled. An earlier life may have left timers running wherever there are orders."""
        if self._after_s is None or not self._desk.capabilities.dead_man_timer:
            return
        now_ns = self._monotonic.now_ns()
        self._due_ns = {order.instrument_id: now_ns for order in self._books.unsettled()}
        while True:
            await self._look(self._after_s)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def disarm(self) -> None:
        """All of them: what rests now shall go on resting. Gives up after a while, and says so."""
        try:
            async with asyncio.timeout(_DISARM_S):
                for instrument_id in sorted(self._due_ns):
                    await self._wind_up(instrument_id, None)
        except TimeoutError:
            pass
        if self._due_ns:
            self._log.warning("dead_man_left_armed", instruments=sorted(self._due_ns), after_s=self._after_s)

    async def _look(self, after_s: float) -> None:
        wanted = to_arm(self._books.unsettled(), self._foreign.open_orders)
        now_ns = self._monotonic.now_ns()
        for instrument_id in sorted(self._due_ns.keys() - wanted):
            if self._due_ns[instrument_id] <= now_ns or instrument_id not in self._troubled:
                await self._wind_up(instrument_id, None)
        for instrument_id in sorted(wanted):
            if self._due_ns.get(instrument_id, now_ns) <= now_ns:
                await self._wind_up(instrument_id, after_s)

    async def _wind_up(self, instrument_id: InstrumentId, after_s: float | None) -> None:
        """`None`: stop it."""
        try:
            await self._desk.cancel_all_after(instrument_id, after_s)
        except VenueError as error:
            self._complain(instrument_id, error)
            if after_s is None and isinstance(error, RequestRefused):
                self._due_ns.pop(instrument_id, None)  # what is not there any more is not running either
            else:
                self._due_ns[instrument_id] = self._monotonic.now_ns() + int(_TRY_AGAIN_S * 1e9)
            return
        self._troubled.discard(instrument_id)
        if after_s is None:
            self._due_ns.pop(instrument_id, None)
        else:
            if instrument_id not in self._due_ns:
                self._log.info("dead_man_armed", instrument=instrument_id, after_s=after_s)
            self._due_ns[instrument_id] = self._monotonic.now_ns() + int(after_s / 3 * 1e9)

    def _complain(self, instrument_id: InstrumentId, error: VenueError) -> None:
        """Once when it goes wrong; what rests there rests unguarded meanwhile."""
        if instrument_id not in self._troubled:
            self._troubled.add(instrument_id)
            self._log.warning("dead_man_unreachable", instrument=instrument_id, reason=str(error))


def _is_resting_entry(order: Order) -> bool:
    is_out = order.state not in (OrderState.INTENDED, OrderState.SUBMITTING)
    is_limit = order.leg.order_type in (OrderType.LIMIT, OrderType.LIMIT_MAKER)
    return is_out and order.purpose is Purpose.ENTRY and is_limit and order.leg.time_in_force not in _AT_ONCE


def _is_apart(order: Order) -> bool:
    """One that has filled in part has triggered, and is in the book."""
    return order.leg.order_type in _WAITS_APART and order.state is not OrderState.PARTIALLY_FILLED
