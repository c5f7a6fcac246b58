"""Following the price where no order of the venue does: trailing stops that are moved, targets that are watched.

What was noticed is journalled before anything is done about it (`StopKeeper`), so a restart takes up where the price
was followed to, and sells what a target was reached for.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from core.domain.instruments import Instrument, InstrumentId
from core.domain.orders import ClientOrderId
from core.execution.books import Books
from core.execution.duty import Duty
from core.execution.order import Order
from core.execution.protection import targets_of
from core.ports.clock import MonotonicClock

STEP = Decimal("0.1")
"""Of the trailing distance: a stop is not moved for less."""
MOVES_APART_S = 2.0
"""Real: nor more often than that. Each move is a moment without a stop."""


def followed(duty: Duty, price: Decimal, targets: Iterable[Order], tick: Decimal) -> Duty:
    """The duty after a price at which its position could be closed; the same where that changes nothing. Pure.
    `targets`: its orders that stand, or may stand, for its target."""
    if not duty.held or duty.is_reached:
        return duty
    sign, protection = duty.entry_side.sign, duty.protection
    if duty.has_both and protection.target_price is not None:
        is_there = (price - protection.target_price) * sign >= 0
        if is_there and not any(True for _ in targets):
            return replace(duty, is_reached=True)
    if protection.trailing_distance is None or protection.stop_price is None:
        return duty
    moved = replace(duty, best_price=price)
    gained = (_level(moved) - _level(duty)) * sign
    return moved if gained >= max(protection.trailing_distance * STEP, tick) else duty


def _level(duty: Duty) -> Decimal:
    level = duty.stop_level
    if level is None:
        raise ValueError(f"{duty.duty_id}: a duty without a stop")
    return level


class PriceWatch:
    """`need` is called for an instrument one of whose duties has something to be done about, at that monotonic time."""

    def __init__(
        self,
        books: Books,
        instruments: Callable[[], Mapping[InstrumentId, Instrument]],
        monotonic: MonotonicClock,
        need: Callable[[InstrumentId, int], None],
    ) -> None:
        self._books = books
        self._instruments = instruments
        self._monotonic = monotonic
        self._need = need
        self._prices: dict[InstrumentId, tuple[float, float]] = {}
        self._noticed: dict[ClientOrderId, Decimal] = {}
        self._not_before_ns: dict[ClientOrderId, int] = {}

    def see(self, instrument_id: InstrumentId, bid: float, ask: float) -> None:
        """The best bid and ask of now. Costs next to nothing where nothing is to be followed."""
        touch = (bid, ask)
        if self._prices.get(instrument_id) == touch:
            return
        self._prices[instrument_id] = touch
        self.look_again(instrument_id)

    def look_again(self, instrument_id: InstrumentId) -> None:
        """At the price seen last: orders have changed."""
        touch = self._prices.get(instrument_id)
        instrument = self._instruments().get(instrument_id)
        if touch is None or instrument is None or min(touch) <= 0:
            return
        for duty in self._books.duties(instrument_id):
            if duty.held and (duty.has_both or duty.protection.trailing_distance is not None):
                self._follow(duty, Decimal(repr(touch[0] if duty.entry_side.sign > 0 else touch[1])), instrument)

    def take(self, duty: Duty, instrument: Instrument) -> Duty:
        """The duty after what was noticed of it, which is forgotten; the same where that is nothing (any more)."""
        price = self._noticed.pop(duty.duty_id, None)
        if price is None:
            return duty
        after = followed(duty, price, self._targets(duty), instrument.tick_size)
        if after.best_price != duty.best_price:
            self._not_before_ns[duty.duty_id] = self._monotonic.now_ns() + int(MOVES_APART_S * 1e9)
        return after

    def forget(self, duty_id: ClientOrderId) -> None:
        self._noticed.pop(duty_id, None)
        self._not_before_ns.pop(duty_id, None)

    def _follow(self, duty: Duty, price: Decimal, instrument: Instrument) -> None:
        after = followed(duty, price, self._targets(duty), instrument.tick_size)
        if after is duty:
            return
        due_ns = self._monotonic.now_ns()
        if not after.is_reached:
            due_ns = max(due_ns, self._not_before_ns.get(duty.duty_id, 0))
        known = self._noticed.get(duty.duty_id)
        sign = duty.entry_side.sign
        self._noticed[duty.duty_id] = price if known is None else max(known * sign, price * sign) * sign
        self._need(duty.instrument_id, due_ns)

    def _targets(self, duty: Duty) -> list[Order]:
        return targets_of(duty, self._books.protectors(duty))
