"""What an order must satisfy before the exchange takes it, as pure checks that raise `Refusal`."""

from decimal import Decimal

import msgspec

from core.domain.orders import OrderType, Side, TimeInForce
from core.simulation.engine import iceberg
from core.simulation.engine.accounts import Account, AccountOrders
from core.simulation.engine.amounts import to_atoms
from core.simulation.engine.listing import Listing
from core.simulation.engine.orders import NewOrder
from core.simulation.engine.refusals import Refusal, RefusalKind
from core.simulation.engine.resting import RestingOrder
from core.simulation.engine.special import SelfTradePrevention, Special
from core.simulation.engine.stops import STOP_TYPES, triggers_upward
from core.simulation.engine.symbols import NO_LIMIT, SymbolSpec
from core.simulation.engine.trailing import MAX_DELTA_BIPS, MIN_DELTA_BIPS, trigger_price

# Bound once: looking a member up in its enum costs more than comparing it.
_PRICE_FILTER, _LOT_SIZE = RefusalKind.PRICE_FILTER, RefusalKind.LOT_SIZE
_BUY, _MARKET, _LIMIT_MAKER, _GTC = Side.BUY, OrderType.MARKET, OrderType.LIMIT_MAKER, TimeInForce.GTC
_NONE = SelfTradePrevention.NONE

LIMIT_TYPES = frozenset(
    (OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT)
)
_TIMED_TYPES = LIMIT_TYPES - {OrderType.LIMIT_MAKER}
"""Types that take a time in force."""


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """An order in the engine's integers: ticks, lots, atoms; 0 where it has none."""

    is_buy: bool
    price: int
    stop_price: int
    quantity: int
    quote_quantity: int
    funds: int
    """What it may cost: atoms of quote for a buyer, of base for a seller."""
    time_in_force: TimeInForce
    special: Special | None
    """`None`: an ordinary order."""


def read_order(listing: Listing, order: NewOrder, owner: Account | None = None, *, is_pending: bool = False) -> Ticket:
    """Check everything about an order but its owner, and turn it into integers.

    `owner`: whose own orders it spares as a taker, if it asks for that. `is_pending`: what depends on the present
    market is left to the time when its turn comes (`check_turn`).
    """
    spec, order_type = listing.spec, order.order_type
    is_buy = order.side is _BUY
    _check_parameters(order)
    price = stop_price = quantity = quote_quantity = 0
    if order.price is not None:
        price = _steps(order.price, spec.tick_atoms, spec.min_price, spec.max_price, _PRICE_FILTER)
        _check_band(price, listing)
    if order.stop_price is not None:
        stop_price = _steps(order.stop_price, spec.tick_atoms, spec.min_price, spec.max_price, _PRICE_FILTER)
        if not is_pending:
            _check_not_reached(order_type, is_buy, stop_price, listing.last_price)
    if order.quantity is not None:
        quantity = _steps(order.quantity, spec.lot_atoms, spec.min_quantity, spec.max_quantity, _LOT_SIZE)
    elif order.quote_quantity is not None:
        quote_quantity = _steps(order.quote_quantity, 1, 1, NO_LIMIT, RefusalKind.NOTIONAL)
        quantity = lots_for_quote(listing, is_buy, quote_quantity, _spared(order.prevention or spec.prevention, owner))
        if quantity < spec.min_quantity:
            raise Refusal(RefusalKind.LOT_SIZE, "the quote quantity buys less than the smallest quantity")
    if not price and quantity > spec.market_max_quantity:
        raise Refusal(RefusalKind.MARKET_LOT_SIZE, f"more than {spec.quantity_text(spec.market_max_quantity)}")
    _check_notional(price or stop_price, quantity, listing)
    if order_type is _LIMIT_MAKER and not is_pending and _crosses(listing, is_buy, price):
        raise Refusal(RefusalKind.WOULD_MATCH)
    special, reserve_price = None, price or stop_price
    prevention = order.prevention or spec.prevention
    if (
        prevention is not _NONE
        or order.iceberg_quantity is not None
        or order.trailing_delta_bips is not None
        or order.strategy is not None
        or is_pending
    ):
        special = _read_special(listing, order, quantity, prevention, is_pending=is_pending)
        reserve_price = reserve_price or special.reserve_price
    if not is_buy:
        funds = quantity * spec.lot_atoms
    elif reserve_price:
        funds = spec.notional_up(reserve_price, quantity)
    else:
        funds = cost(listing, quantity, _spared(prevention, owner))
    time_in_force = order.time_in_force or _GTC
    return Ticket(is_buy, price, stop_price, quantity, quote_quantity, funds, time_in_force, special)


def check_owner(
    spec: SymbolSpec, owned: AccountOrders, order: NewOrder, funds: int, free: int, *, beside: int = 0, stops: int = 0
) -> None:
    """What depends on the account: its client order ids, how many orders it has, what it can pay.

    `beside`: how many other orders of its list come before it, `stops`: how many of them are stops.
    """
    if order.client_order_id is not None and order.client_order_id in owned.open_by_client_id:
        raise Refusal(RefusalKind.DUPLICATE_ORDER, order.client_order_id)
    if len(owned.open) + beside >= spec.max_open_orders:
        raise Refusal(RefusalKind.MAX_NUM_ORDERS, f"{spec.max_open_orders} are open")
    if owned.n_stops + stops >= spec.max_stop_orders and order.order_type in STOP_TYPES:
        raise Refusal(RefusalKind.MAX_NUM_ALGO_ORDERS, f"{spec.max_stop_orders} are waiting")
    if order.iceberg_quantity is not None:
        n_icebergs = sum(1 for each in owned.open.values() if each.iceberg)
        if n_icebergs >= iceberg.MOST_OPEN:
            raise Refusal(RefusalKind.MAX_NUM_ICEBERG_ORDERS, f"{iceberg.MOST_OPEN} are open")
    if free < funds:
        raise Refusal(RefusalKind.INSUFFICIENT_BALANCE, f"needs {funds} atoms, has {free}")


def check_size(listing: Listing, quantity: Decimal, price: int) -> int:
    """Whether the filters allow an order of that quantity; the quantity in lots. `price` 0: it has none."""
    spec = listing.spec
    lots = _steps(quantity, spec.lot_atoms, spec.min_quantity, spec.max_quantity, _LOT_SIZE)
    _check_notional(price, lots, listing)
    return lots


def check_turn(listing: Listing, order: RestingOrder) -> None:
    """What a pending order must satisfy when its turn comes. Raises `Refusal`."""
    if order.stop_price:
        _check_not_reached(order.order_type, order.is_buy, order.stop_price, listing.last_price)
    if order.order_type is _LIMIT_MAKER and _crosses(listing, order.is_buy, order.price):
        raise Refusal(RefusalKind.WOULD_MATCH)


def cost(listing: Listing, lots: int, spared: Account | None = None) -> int:
    """Quote atoms it takes to buy `lots` from the book as it stands, or all it has; `spared`: not from this account."""
    asks, spec, total = listing.asks, listing.spec, 0
    for key in reversed(asks.keys):
        taken = min(lots, asks.takeable(key, spared))
        total += spec.notional_up(-key, taken)
        lots -= taken
        if not lots:
            break
    return total


def lots_for_quote(listing: Listing, is_buy: bool, quote_atoms: int, spared: Account | None = None) -> int:
    """Lots that `quote_atoms` buy, or that bring them in when sold, from the book as it stands; rounded down."""
    side, spec, lots = listing.asks if is_buy else listing.bids, listing.spec, 0
    for key in reversed(side.keys):
        price, there = key * side.sign, side.takeable(key, spared)
        level = spec.notional_up(price, there)
        if level > quote_atoms:
            return lots + quote_atoms * spec.notional_den // (price * spec.notional_num)
        lots += there
        quote_atoms -= level
    return lots


def _check_parameters(order: NewOrder) -> None:
    order_type = order.order_type
    if (order.price is None) is (order_type in LIMIT_TYPES):
        _raise_parameter("price", missing=order.price is None)
    if (order.stop_price is None and order.trailing_delta_bips is None) is (order_type in STOP_TYPES):
        if order.stop_price is None and order.trailing_delta_bips is not None:
            _raise_parameter("trailingDelta", missing=False)
        _raise_parameter("stopPrice", missing=order.stop_price is None)
    if order.time_in_force is not None and order_type not in _TIMED_TYPES:
        _raise_parameter("timeInForce", missing=False)
    if order.quantity is None:
        if order_type is not _MARKET or order.quote_quantity is None:
            _raise_parameter("quantity", missing=True)
    elif order.quote_quantity is not None:
        _raise_parameter("quoteOrderQty", missing=False)


def _read_special(
    listing: Listing, order: NewOrder, quantity: int, prevention: SelfTradePrevention, *, is_pending: bool
) -> Special:
    return Special(
        iceberg=_read_iceberg(listing.spec, order, quantity),
        trailing_delta_bips=_read_delta(order),
        reserve_price=_reserve_price(order, listing.last_price),
        is_pending=is_pending,
        prevention=prevention,
        strategy=order.strategy,
    )


def _read_iceberg(spec: SymbolSpec, order: NewOrder, quantity: int) -> int:
    if order.iceberg_quantity is None:
        return 0
    if order.order_type not in LIMIT_TYPES:
        _raise_parameter("icebergQty", missing=False)
    if order.time_in_force not in (None, _GTC):
        raise Refusal(RefusalKind.ORDER_COMBINATION, "an iceberg is good till cancelled")
    shown = _steps(order.iceberg_quantity, spec.lot_atoms, spec.min_quantity, spec.max_quantity, _LOT_SIZE)
    if shown > quantity:
        raise Refusal(RefusalKind.ICEBERG_EXCEEDS_QUANTITY, str(order.iceberg_quantity))
    if -(-quantity // shown) > iceberg.MOST_PARTS:
        raise Refusal(RefusalKind.ICEBERG_PARTS, f"more than {iceberg.MOST_PARTS} parts")
    return shown


def _read_delta(order: NewOrder) -> int:
    delta_bips = order.trailing_delta_bips
    if delta_bips is None:
        return 0
    if not MIN_DELTA_BIPS <= delta_bips <= MAX_DELTA_BIPS:
        raise Refusal(RefusalKind.TRAILING_DELTA, str(delta_bips))
    return delta_bips


def _reserve_price(order: NewOrder, last_price: int) -> int:
    """What a trailing stop without any other price reserves: where it would trigger now."""
    if order.trailing_delta_bips is None or order.price is not None or order.stop_price is not None:
        return 0
    return trigger_price(last_price, order.trailing_delta_bips, is_buy=order.side is _BUY)


def _spared(prevention: SelfTradePrevention, owner: Account | None) -> Account | None:
    return None if prevention is _NONE else owner


def _raise_parameter(name: str, *, missing: bool) -> None:
    raise Refusal(RefusalKind.MISSING_PARAMETER if missing else RefusalKind.UNNEEDED_PARAMETER, name)


def _steps(value: Decimal, step_atoms: int, lowest: int, highest: int, filter_kind: RefusalKind) -> int:
    """`value` in steps, which must be whole and within the limits."""
    try:
        steps, rest = divmod(to_atoms(value), step_atoms)
    except ValueError:
        raise Refusal(filter_kind, str(value)) from None
    if rest or not lowest <= steps <= highest:
        raise Refusal(filter_kind, str(value))
    return steps


def _check_band(price: int, listing: Listing) -> None:
    lowest, highest = listing.price_band()
    if not lowest <= price <= highest:
        text = listing.spec.price_text(price)
        raise Refusal(RefusalKind.PERCENT_PRICE_BY_SIDE, f"{text} is too far from the average")


def _check_not_reached(order_type: OrderType, is_buy: bool, stop_price: int, last_price: int) -> None:
    if not last_price:
        return
    upward = triggers_upward(order_type, is_buy=is_buy)
    if last_price >= stop_price if upward else last_price <= stop_price:
        raise Refusal(RefusalKind.WOULD_TRIGGER)


def _check_notional(price: int, quantity: int, listing: Listing) -> None:
    spec = listing.spec
    price = price or listing.average_price()
    if not price:
        return
    notional = spec.notional(price, quantity)
    if not spec.min_notional <= notional <= spec.max_notional:
        raise Refusal(RefusalKind.NOTIONAL, f"{spec.steps_text(price * quantity)} of {spec.quote}")


def _crosses(listing: Listing, is_buy: bool, price: int) -> bool:
    best = listing.asks.best_price() if is_buy else listing.bids.best_price()
    return best > 0 and (price >= best if is_buy else price <= best)
