"""Orders by hand: what an operator may order, and what he is told of it. Frozen messages, both ways."""

import re
from dataclasses import dataclass
from decimal import Decimal

from core.domain.errors import MetronomeError
from core.domain.facts import OrderView, PlanView
from core.domain.orders import OrderType, Side, TimeInForce
from core.domain.status import OrderStatusLine, PlanStatusLine

MANUAL = "manual"
"""The strategy that orders by hand belong to; no strategy may be called so."""

MOST_SLICES = 500
Placed = OrderView | PlanView
"""What a ticket becomes."""

_TICKET_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_MOST_DIGITS = 18
"""Before the point and after it: more than any venue's steps have."""
PRICED = frozenset(
    {OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT},
)
"""Types that have a limit price."""
CONDITIONAL = frozenset(
    {OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT},
)
"""Types that wait for a stop price."""
_IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)


class BadTicket(MetronomeError):
    """A ticket that contradicts itself: exit code 2."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """One order by hand. Prices in quote units, quantities in base (spot) or contracts; `None`: not given."""

    ticket_id: str
    """The client's own name for it: whoever repeats a ticket gets the order that it has become, never a second one."""
    symbol: str
    side: Side
    quantity: Decimal
    order_type: OrderType
    reason: str
    by: str
    """Who says so: a name for the log, nothing is decided by it."""
    price: Decimal | None = None
    stop_price: Decimal | None = None
    """What triggers it; of a trailing stop: the price from which on it follows the market (`None`: at once)."""
    time_in_force: TimeInForce | None = None
    """Of types with a limit price. `None`: GTD where a date is given, else GTC."""
    until_ms: int | None = None
    """Trading time, UTC ms, at which what has not filled is over."""
    good_for_s: float | None = None
    """The same, counted from when the daemon takes it, in trading time."""
    post_only: bool = False
    reduce_only: bool = False
    """Refused where it would do anything but close."""
    visible_quantity: Decimal | None = None
    """What the book shows of it at a time; `None`: all."""
    trailing_bps: int | None = None
    """Makes a stop_loss follow the market at this distance."""
    protect_stop: Decimal | None = None
    """Where the stop of what it opens is to stand; `None`: it has none."""
    protect_target: Decimal | None = None
    twap_s: float | None = None
    """Makes it a plan: equal slices, spread over so much trading time. `None`: one order."""
    slices: int | None = None
    """How many; `None`: 20, or one a second where that is fewer. Of TWAP only."""

    def check(self) -> None:
        """Raises `BadTicket` for what no market has an order for, in words that name the field."""
        if not _TICKET_ID.fullmatch(self.ticket_id):
            raise BadTicket("ticket_id: 1 to 64 letters, digits, and any of . _ : -")
        self._check_amounts()
        self._check_prices()
        self._check_time()
        if self.visible_quantity is not None and (self.order_type not in PRICED or self.time_in_force in _IMMEDIATE):
            raise BadTicket("visible_quantity: only an order that rests at a limit can hide a part of itself")
        if self.visible_quantity is not None and self.visible_quantity >= self.quantity:
            raise BadTicket("visible_quantity: must be less than the quantity")
        if self.reduce_only and (self.protect_stop is not None or self.protect_target is not None):
            raise BadTicket("reduce_only: an order that only closes leaves nothing to protect")
        self._check_slicing()

    @property
    def is_post_only(self) -> bool:
        return self.post_only or self.order_type is OrderType.LIMIT_MAKER

    def _check_amounts(self) -> None:
        for name in ("quantity", "price", "stop_price", "visible_quantity", "protect_stop", "protect_target"):
            amount: Decimal | None = getattr(self, name)
            if amount is None:
                continue
            if not amount.is_finite() or amount <= 0:
                raise BadTicket(f"{name}: must be a number above 0, not {amount}")
            exponent = amount.as_tuple().exponent
            if amount.adjusted() >= _MOST_DIGITS or (isinstance(exponent, int) and exponent < -_MOST_DIGITS):
                raise BadTicket(f"{name}: {amount} has more digits than any market")
        if self.trailing_bps is not None and not 1 <= self.trailing_bps <= 10_000:
            raise BadTicket(f"trailing_bps: must be 1 to 10000, not {self.trailing_bps}")

    def _check_prices(self) -> None:
        kind = self.order_type.value
        if (self.price is None) is (self.order_type in PRICED):
            has = "needs a" if self.price is None else "has no"
            raise BadTicket(f"price: a {kind} order {has} limit price")
        if self.trailing_bps is not None and self.order_type is not OrderType.STOP_LOSS:
            raise BadTicket(f"trailing_bps: only a stop_loss order can follow the market, not a {kind} order")
        if self.stop_price is None and self.order_type in CONDITIONAL and self.trailing_bps is None:
            raise BadTicket(f"stop_price: a {kind} order needs a stop price")
        if self.stop_price is not None and self.order_type not in CONDITIONAL:
            raise BadTicket(f"stop_price: a {kind} order has no stop price")
        if self.post_only and self.order_type not in (OrderType.LIMIT, OrderType.LIMIT_MAKER):
            raise BadTicket(f"post_only: a {kind} order may take; only limit orders can be post-only")

    def _check_time(self) -> None:
        if self.until_ms is not None and self.good_for_s is not None:
            raise BadTicket("until_ms, good_for_s: give one of them")
        if self.good_for_s is not None and not 0 < self.good_for_s < 1e9:
            raise BadTicket(f"good_for_s: must be above 0 and less than 1e9, not {self.good_for_s:g}")
        if self.until_ms is not None and not 0 < self.until_ms < 10**14:
            raise BadTicket(f"until_ms: must be UTC milliseconds, not {self.until_ms}")
        has_date = self.until_ms is not None or self.good_for_s is not None
        in_force = self.time_in_force
        if self.order_type is OrderType.MARKET and has_date:
            raise BadTicket("until_ms, good_for_s: a market order is over at once")
        if in_force is TimeInForce.GTX:
            raise BadTicket("time_in_force: say post_only instead of GTX")
        if in_force is not None and self.order_type not in PRICED:
            raise BadTicket(f"time_in_force: a {self.order_type.value} order has none")
        if in_force is TimeInForce.GTD and not has_date:
            raise BadTicket("time_in_force: GTD needs a date: until_ms or good_for_s")
        if in_force not in (None, TimeInForce.GTD) and has_date:
            raise BadTicket(f"time_in_force: an order with a date is GTD, not {in_force}")
        if in_force in _IMMEDIATE and self.is_post_only:
            raise BadTicket(f"time_in_force: a post-only order rests, {in_force} never does")

    def _check_slicing(self) -> None:
        if self.twap_s is None:
            if self.slices is not None:
                raise BadTicket("slices: only a TWAP has them; give twap_s, too")
            return
        if self.order_type not in (OrderType.MARKET, OrderType.LIMIT) or self.is_post_only:
            raise BadTicket("twap_s: slices are orders at market or within a limit, nothing else")
        if self.time_in_force is not None or self.until_ms is not None or self.good_for_s is not None:
            raise BadTicket("twap_s: it is over when its time is; it takes no time_in_force, until_ms or good_for_s")
        if self.visible_quantity is not None:
            raise BadTicket("visible_quantity: a TWAP or an iceberg, not both")
        if not 1 <= self.twap_s < 1e9:
            raise BadTicket(f"twap_s: must be at least 1 and less than 1e9, not {self.twap_s:g}")
        if self.slices is not None and not 1 <= self.slices <= min(MOST_SLICES, self.twap_s):
            most = int(min(MOST_SLICES, self.twap_s))
            raise BadTicket(f"slices: 1 to {most} in {self.twap_s:g} s (a second apart), not {self.slices}")


@dataclass(frozen=True, slots=True)
class CancelOrder:
    client_order_id: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class TicketAnswer:
    """What a ticket has become."""

    ticket_id: str
    order: OrderStatusLine | None
    """As it is now; `None`: it has become a plan."""
    is_repeated: bool
    """The ticket had been carried out before; nothing was sent now."""
    plan: PlanStatusLine | None = None
    """As it is now; `None`: it has become one order."""
    notes: tuple[str, ...] = ()
    """What else its owner should know."""
