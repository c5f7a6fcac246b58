"""Conditional orders that wait, and which of them a price reaches. Trigger prices in quote atoms per unit of base."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

import msgspec

from core.domain.orders import Side, TimeInForce
from core.simulation.engine.fees import MILLION
from core.simulation.engine.perpetual.orders import (
    AlgoOrderRecord,
    AlgoStatus,
    ConditionalType,
    PositionSide,
    WorkingType,
)

if TYPE_CHECKING:
    from core.simulation.engine.perpetual.accounts import PerpetualAccount

_NEVER = 1 << 80
_STOPS = frozenset((ConditionalType.STOP, ConditionalType.STOP_MARKET))


class AlgoOrder(msgspec.Struct, eq=False, kw_only=True):
    """Mutable, private to the engine. Prices in ticks as in the record; `trigger` is what the price must reach."""

    account: PerpetualAccount
    symbol: str
    algo_id: int
    client_algo_id: str
    side: Side
    position_side: PositionSide
    order_type: ConditionalType
    time_in_force: TimeInForce
    quantity: int
    price: int
    trigger_price: int
    activation_price: int
    callback_millionths: int
    working_type: WorkingType
    reduce_only: bool
    close_position: bool
    good_till_ns: int
    trigger: int
    """Quote atoms per unit of base; of a trailing stop that is not active its activation price."""
    created_ns: int
    updated_ns: int
    extreme: int = 0
    status: AlgoStatus = AlgoStatus.NEW
    reason: str = ""
    order_id: int = 0
    triggered_ns: int = 0
    record: AlgoOrderRecord | None = None

    @property
    def is_buy(self) -> bool:
        return self.side is Side.BUY

    @property
    def is_trailing(self) -> bool:
        return self.order_type is ConditionalType.TRAILING_STOP_MARKET

    @property
    def rises(self) -> bool:
        """Whether a rising price reaches it. A buyer's stop and a seller's take profit wait for the price to rise; a
        buyer's trailing stop falls to its activation and rises to its trigger."""
        if self.is_trailing and not self.extreme:
            return not self.is_buy
        return (self.order_type in _STOPS or self.is_trailing) == self.is_buy

    def is_reached(self, price: int) -> bool:
        return price >= self.trigger if self.rises else price <= self.trigger

    def follow(self, price: int) -> None:
        """A trailing stop takes note of a price: the better the price, the nearer its trigger comes behind."""
        if self.extreme and (price >= self.extreme if self.is_buy else price <= self.extreme):
            return
        self.extreme = price
        if self.is_buy:
            self.trigger = -(-price * (MILLION + self.callback_millionths) // MILLION)
        else:
            self.trigger = price * (MILLION - self.callback_millionths) // MILLION

    @property
    def latest(self) -> AlgoOrderRecord:
        """A trailing stop moves without events, so its picture is taken anew."""
        if self.record is None or self.is_trailing:
            return self.picture()
        return self.record

    def picture(self) -> AlgoOrderRecord:
        """Take and keep a record of the present state."""
        self.record = record = AlgoOrderRecord(
            account=self.account.key,
            symbol=self.symbol,
            algo_id=self.algo_id,
            client_algo_id=self.client_algo_id,
            side=self.side,
            position_side=self.position_side,
            order_type=self.order_type,
            time_in_force=self.time_in_force,
            quantity=self.quantity,
            price=self.price,
            trigger_price=self.trigger_price,
            activation_price=self.activation_price,
            callback_millionths=self.callback_millionths,
            working_type=self.working_type,
            reduce_only=self.reduce_only,
            close_position=self.close_position,
            good_till_ns=self.good_till_ns,
            status=self.status,
            reason=self.reason,
            order_id=self.order_id,
            extreme=self.extreme,
            created_ns=self.created_ns,
            updated_ns=self.updated_ns,
            triggered_ns=self.triggered_ns,
        )
        return record


class TriggerBook:
    """Conditional orders of one symbol that wait for one working type's price.

    `rising` is the lowest price that a rise triggers at, `falling` the highest that a fall does: a price strictly
    between the two triggers nothing, unless there are trailing stops.
    """

    __slots__ = ("_falling", "_rising", "falling", "rising", "trailing")

    def __init__(self) -> None:
        self._rising: list[tuple[int, int, AlgoOrder]] = []
        """(trigger, id, order), the next to trigger first."""
        self._falling: list[tuple[int, int, AlgoOrder]] = []
        """(minus trigger, id, order), the next to trigger first."""
        self.trailing: dict[int, AlgoOrder] = {}
        self.rising = _NEVER
        self.falling = -_NEVER

    def add(self, algo: AlgoOrder) -> None:
        if algo.is_trailing:
            self.trailing[algo.algo_id] = algo
        elif algo.rises:
            insort(self._rising, (algo.trigger, algo.algo_id, algo))
        else:
            insort(self._falling, (-algo.trigger, algo.algo_id, algo))
        self._mark()

    def remove(self, algo: AlgoOrder) -> None:
        """Take a waiting order out; it must be there."""
        if algo.is_trailing:
            del self.trailing[algo.algo_id]
        elif algo.rises:
            del self._rising[bisect_left(self._rising, (algo.trigger, algo.algo_id))]
        else:
            del self._falling[bisect_left(self._falling, (-algo.trigger, algo.algo_id))]
        self._mark()

    def is_quiet(self, low: int, high: int) -> bool:
        """Whether prices within this range concern nobody."""
        return not self.trailing and self.falling < low and high < self.rising

    def reached(self, low: int, high: int, last: int) -> AlgoOrder | None:
        """The next order that prices between `low` and `high` reach (it stays in the book); `None`: there is none.

        The order of the prices inside the range is not known. A trailing stop's trigger as it stood before is compared
        with all of them, the one that they move it to only with the `last`: it never triggers on a price from before
        the extreme that moved it.
        """
        if high >= self.rising:
            return self._rising[0][2]
        if low <= self.falling:
            return self._falling[0][2]
        for algo in self.trailing.values():
            if not algo.extreme:
                if not algo.is_reached(high if algo.rises else low):
                    continue
            elif algo.is_reached(high if algo.is_buy else low):
                return algo
            algo.follow(low if algo.is_buy else high)
            if algo.is_reached(last):
                return algo
        return None

    def _mark(self) -> None:
        self.rising = self._rising[0][0] if self._rising else _NEVER
        self.falling = -self._falling[0][0] if self._falling else -_NEVER
