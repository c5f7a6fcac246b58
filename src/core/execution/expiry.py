"""Dates of orders that the venue does not keep itself: what has not filled by then is cancelled, at the venue's time.

The date is a term of the order (`Leg.expires_ns`) and stands in the journal before its request leaves. So nothing can
be forgotten: `rearm` finds every order that works and has a date, after any crash, and a date that has passed meanwhile
is kept before anything else is decided. While no daemon runs, nobody cancels.
"""

import asyncio
from dataclasses import dataclass

import structlog

from core.domain.errors import VenueError, VenueUnavailable
from core.domain.facts import OrderState
from core.domain.orders import ClientOrderId, Leg, TimeInForce
from core.execution.books import Books
from core.execution.order import Order
from core.execution.sending import OrderSender
from core.execution.turns import InstrumentTurns
from core.ports.clock import MonotonicClock, TradingClock
from core.ports.venue import VenueCapabilities

REASON = "EXPIRED"
_LOOK_AGAIN_S = 5.0
"""A date is looked at at least so often: the clock of the venue is corrected now and then."""
_RETRY_FIRST_S = 0.25
_RETRY_MAX_S = 15.0
_NATIVE_MARGIN_S = 30.0
"""A date that would hardly be far enough ahead once the order arrives is kept here instead."""


def kept_by(leg: Leg, can: VenueCapabilities, now_ns: int) -> TimeInForce:
    """GTD where the venue will keep the leg's date, GTC where that is left to us; `now_ns` is trading time. Venues keep
    dates of limit orders only."""
    if leg.expires_ns is None or leg.price is None or TimeInForce.GTD not in can.times_in_force:
        return TimeInForce.GTC
    ahead_s = (leg.expires_ns - now_ns) / 1e9
    return TimeInForce.GTD if ahead_s > can.least_gtd_s + _NATIVE_MARGIN_S else TimeInForce.GTC


@dataclass(slots=True)
class _Dated:
    expires_ns: int
    """Trading time."""
    attempts: int = 0
    not_before_ns: int = 0
    """Monotonic: a cancel that has failed is tried again then."""


class ExpiryKeeper:
    """Level-triggered: it looks at which orders work, never at what happened to them."""

    def __init__(
        self,
        *,
        books: Books,
        sender: OrderSender,
        turns: InstrumentTurns,
        trading_clock: TradingClock,
        monotonic: MonotonicClock,
    ) -> None:
        self._books = books
        self._sender = sender
        self._turns = turns
        self._clock = trading_clock
        self._monotonic = monotonic
        self._dated: dict[ClientOrderId, _Dated] = {}
        self._wake = asyncio.Event()
        self._log = structlog.get_logger("execution")

    @property
    def armed(self) -> int:
        """Orders whose date is kept here."""
        return len(self._dated)

    def watch(self, order: Order) -> None:
        """Call it with every change of an order."""
        expires_ns = order.leg.expires_ns
        if expires_ns is None or order.leg.time_in_force is TimeInForce.GTD:
            return
        if order.state.is_terminal:
            self._dated.pop(order.client_order_id, None)
        else:
            self._dated.setdefault(order.client_order_id, _Dated(expires_ns))
            self._wake.set()

    async def rearm(self) -> None:
        """At a start: take up every date, and keep those that have passed. Raises `VenueUnavailable`; what the venue
        does not do for other reasons is left to `run`."""
        for order in self._books.unsettled():
            self.watch(order)
        for client_order_id in self._due(at_once=True):
            try:
                await self._expire(client_order_id)
            except VenueUnavailable:
                raise
            except VenueError as error:
                self._put_off(client_order_id, error)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._wake.clear()
            for client_order_id in self._due():
                await self._try(client_order_id)
            try:
                async with asyncio.timeout(self._pause_s()):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _due(self, *, at_once: bool = False) -> list[ClientOrderId]:
        """Those that can be cancelled, and are to be by now. What is in doubt comes back here once the venue has shown
        it."""
        now_ns, real_ns = self._clock.now_ns(), self._monotonic.now_ns()
        return [
            client_order_id
            for client_order_id, dated in self._dated.items()
            if dated.expires_ns <= now_ns
            and (at_once or dated.not_before_ns <= real_ns)
            and self._works(client_order_id)
        ]

    def _works(self, client_order_id: ClientOrderId) -> bool:
        order = self._books.get(client_order_id)
        return order is not None and order.state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED)

    def _pause_s(self) -> float:
        """Until something is due, as far as can be told now."""
        now_ns, real_ns = self._clock.now_ns(), self._monotonic.now_ns()
        waits = (
            max((dated.expires_ns - now_ns) / self._clock.speed, dated.not_before_ns - real_ns)
            for client_order_id, dated in self._dated.items()
            if self._works(client_order_id)
        )
        return min(max(min(waits, default=_LOOK_AGAIN_S * 1e9) / 1e9, 0.0), _LOOK_AGAIN_S)

    async def _try(self, client_order_id: ClientOrderId) -> None:
        try:
            await self._expire(client_order_id)
        except VenueError as error:
            self._put_off(client_order_id, error)
        else:
            self._put_off(client_order_id)

    def _put_off(self, client_order_id: ClientOrderId, error: VenueError | None = None) -> None:
        """Until it is over it is tried again."""
        dated = self._dated.get(client_order_id)
        if dated is None:
            return
        pause_s = min(_RETRY_FIRST_S * 2**dated.attempts, _RETRY_MAX_S)
        if error is not None:
            pause_s = max(pause_s, error.retry_after_s or 0.0)
            self._log.warning("order_not_expired", client_order_id=client_order_id, reason=str(error), retry_s=pause_s)
        dated.attempts = min(dated.attempts + 1, 20)
        dated.not_before_ns = self._monotonic.now_ns() + int(pause_s * 1e9)

    async def _expire(self, client_order_id: ClientOrderId) -> None:
        order = self._books.get(client_order_id)
        if order is None or order.leg.expires_ns is None:
            self._dated.pop(client_order_id, None)
            return
        async with self._turns.take([order.instrument_id]):
            order = self._books.get(client_order_id)
            if order is None or not self._works(client_order_id):
                return
            late_s = (self._clock.now_ns() - (order.leg.expires_ns or 0)) / 1e9
            self._log.info("order_expires", client_order_id=client_order_id, late_s=round(late_s, 3))
            await self._sender.cancel(order, REASON)
