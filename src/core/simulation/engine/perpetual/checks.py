"""What an order must satisfy before the exchange takes it, as checks that raise `Refusal` and change nothing."""

from decimal import Decimal

import msgspec

from core.domain.instruments import InstrumentStatus
from core.domain.orders import OrderType, Side, TimeInForce
from core.simulation.engine.amounts import to_atoms
from core.simulation.engine.fees import MILLION
from core.simulation.engine.perpetual.accounts import PerpetualAccount
from core.simulation.engine.perpetual.margin import MarginBook, initial_margin
from core.simulation.engine.perpetual.orders import NewPerpetualOrder, PositionSide
from core.simulation.engine.perpetual.perpetual import Perpetual
from core.simulation.engine.refusals import Refusal, RefusalKind

GOOD_TILL_AHEAD_NS = 600_000_000_000
"""A good-till date must be so far ahead."""
_BUY, _LIMIT, _GTC, _GTX, _GTD = Side.BUY, OrderType.LIMIT, TimeInForce.GTC, TimeInForce.GTX, TimeInForce.GTD
_BOTH, _LONG, _SHORT = PositionSide.BOTH, PositionSide.LONG, PositionSide.SHORT


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """An order proper in the engine's integers."""

    side: Side
    position_side: PositionSide
    price: int
    """0: a market order."""
    quantity: int
    time_in_force: TimeInForce
    reduce_only: bool
    reduces: bool
    """May only reduce: reduce-only, or in hedge mode against its position side."""
    good_till_ns: int
    client_order_id: str | None

    @property
    def is_buy(self) -> bool:
        return self.side is _BUY


def read_order(perpetual: Perpetual, account: PerpetualAccount, order: NewPerpetualOrder, now_ns: int) -> Ticket:
    """What an order says, in itself and for an account in its position mode."""
    is_limit = order.order_type is _LIMIT
    if not is_limit and order.order_type is not OrderType.MARKET:
        raise Refusal(RefusalKind.UNNEEDED_PARAMETER, "type")
    need_parameter("price", order.price, is_needed=is_limit)
    if order.time_in_force is not None and not is_limit:
        raise Refusal(RefusalKind.UNNEEDED_PARAMETER, "timeInForce")
    check_mode(account, order.position_side, reduce_only=order.reduce_only)
    return Ticket(
        order.side,
        order.position_side,
        read_price(perpetual, order.price) if order.price is not None else 0,
        read_quantity(perpetual, order.quantity),
        order.time_in_force or _GTC,
        order.reduce_only,
        order.reduce_only or closes(order.side, order.position_side),
        read_good_till(order.time_in_force, order.good_till_ns, now_ns),
        order.client_order_id,
    )


def check_mode(account: PerpetualAccount, side: PositionSide, *, reduce_only: bool) -> None:
    if (side is _BOTH) is account.is_hedged:
        raise Refusal(RefusalKind.POSITION_SIDE, side.value)
    if reduce_only and account.is_hedged:
        raise Refusal(RefusalKind.UNNEEDED_PARAMETER, "reduceOnly")


def closes(side: Side, position_side: PositionSide) -> bool:
    """Whether an order can only take down the hedge mode position it names."""
    return position_side is (_SHORT if side is _BUY else _LONG)


def read_price(perpetual: Perpetual, price: Decimal) -> int:
    """A price in whole ticks. Raises `Refusal` (PRICE_FILTER)."""
    spec = perpetual.contract.spec
    return _steps(price, spec.tick_atoms, spec.min_price, spec.max_price, RefusalKind.PRICE_FILTER)


def read_quantity(perpetual: Perpetual, quantity: Decimal) -> int:
    """A quantity in whole lots. Raises `Refusal` (LOT_SIZE)."""
    spec = perpetual.contract.spec
    return _steps(quantity, spec.lot_atoms, spec.min_quantity, spec.max_quantity, RefusalKind.LOT_SIZE)


def read_good_till(time_in_force: TimeInForce | None, good_till_ns: int | None, now_ns: int) -> int:
    """0: no date."""
    need_parameter("goodTillDate", good_till_ns, is_needed=time_in_force is _GTD)
    if good_till_ns is None:
        return 0
    if good_till_ns <= now_ns + GOOD_TILL_AHEAD_NS:
        raise Refusal(RefusalKind.GOOD_TILL_DATE, f"{good_till_ns // 1_000_000}")
    return good_till_ns


def need_parameter(name: str, value: object, *, is_needed: bool) -> None:
    """Raises `Refusal` when `value` is missing though needed, or there though not."""
    if (value is None) is is_needed:
        raise Refusal(RefusalKind.MISSING_PARAMETER if is_needed else RefusalKind.UNNEEDED_PARAMETER, name)


def check_order(margins: MarginBook, perpetual: Perpetual, account: PerpetualAccount, ticket: Ticket) -> None:
    """Everything that depends on the market and on what the account has: an order that could work right now."""
    spec, owned = perpetual.contract.spec, account.in_symbol(perpetual.name)
    if spec.instrument.status is not InstrumentStatus.TRADING:
        raise Refusal(RefusalKind.SYMBOL_NOT_TRADING, perpetual.name)
    if ticket.client_order_id is not None and ticket.client_order_id in owned.open_by_client_id:
        raise Refusal(RefusalKind.DUPLICATE_ORDER, ticket.client_order_id)
    if len(owned.open) >= spec.max_open_orders:
        raise Refusal(RefusalKind.MAX_NUM_ORDERS, f"{spec.max_open_orders} are open")
    check_terms(margins, perpetual, account, ticket)


def check_terms(
    margins: MarginBook, perpetual: Perpetual, account: PerpetualAccount, ticket: Ticket, replaced: int = 0
) -> None:
    """Price, quantity and margin; `replaced` is the notional of an open order that this one takes the place of."""
    spec = perpetual.contract.spec
    if ticket.price:
        check_band(perpetual, ticket.is_buy, ticket.price)
    elif ticket.quantity > spec.market_max_quantity:
        raise Refusal(RefusalKind.MARKET_LOT_SIZE, f"more than {spec.quantity_text(spec.market_max_quantity)}")
    if ticket.reduces:
        _check_reduces(perpetual, account, ticket)
    else:
        _check_notional(perpetual, ticket)
    if ticket.time_in_force is _GTX and crosses(perpetual, ticket.is_buy, ticket.price):
        raise Refusal(RefusalKind.WOULD_MATCH)
    if not ticket.reduces:
        _check_margin(margins, perpetual, account, ticket, replaced)


def check_band(perpetual: Perpetual, is_buy: bool, price: int) -> None:
    """No buyer may bid far above the mark price, no seller ask far below it."""
    mark, spec, band = perpetual.price(), perpetual.contract.spec, perpetual.contract.price_band_millionths
    if not mark:
        return
    if is_buy and price * spec.tick_atoms * MILLION > mark * (MILLION + band):
        highest = mark * (MILLION + band) // (MILLION * spec.tick_atoms)
        raise Refusal(RefusalKind.PRICE_TOO_HIGH, spec.price_text(highest))
    if not is_buy and price * spec.tick_atoms * MILLION < mark * (MILLION - band):
        lowest = -(-mark * (MILLION - band) // (MILLION * spec.tick_atoms))
        raise Refusal(RefusalKind.PRICE_TOO_LOW, spec.price_text(lowest))


def crosses(perpetual: Perpetual, is_buy: bool, price: int) -> bool:
    """Whether a limit order would trade at once."""
    listing = perpetual.listing
    best = listing.asks.best_price() if is_buy else listing.bids.best_price()
    return best > 0 and (price >= best if is_buy else price <= best)


def _check_reduces(perpetual: Perpetual, account: PerpetualAccount, ticket: Ticket) -> None:
    position = account.positions.get((perpetual.name, ticket.position_side))
    held = 0 if position is None else -position.lots if ticket.is_buy else position.lots
    if held <= 0 or (ticket.position_side is not _BOTH and ticket.quantity > held):
        raise Refusal(RefusalKind.REDUCE_ONLY, f"{max(0, held)} lots are held")


def _check_notional(perpetual: Perpetual, ticket: Ticket) -> None:
    contract = perpetual.contract
    price = ticket.price * contract.spec.tick_atoms or perpetual.price()
    if price and contract.value(ticket.quantity, price) < contract.spec.min_notional:
        raise Refusal(RefusalKind.NOTIONAL, contract.spec.instrument.min_notional.to_eng_string())


def _check_margin(
    margins: MarginBook, perpetual: Perpetual, account: PerpetualAccount, ticket: Ticket, replaced: int
) -> None:
    """What the symbol would need more with this order, and the loss it would begin with, must be available."""
    contract, side = perpetual.contract, ticket.position_side
    leverage = account.settings_of(contract).leverage
    position = account.positions.get((perpetual.name, side))
    value = position.value(contract, perpetual.price()) if position is not None else 0
    bids, asks = account.in_symbol(perpetual.name).open_notional(side)
    before = initial_margin(value, bids, asks, side, leverage)
    fair = contract.value(ticket.quantity, perpetual.price())
    cost = _cost(perpetual, ticket, fair)
    new_bids, new_asks = (bids - replaced + cost, asks) if ticket.is_buy else (bids, asks - replaced + cost)
    after = initial_margin(value, new_bids, new_asks, side, leverage)
    if after.total <= before.total:
        return
    if after.total * leverage > contract.max_notional(leverage) + leverage:
        raise Refusal(RefusalKind.MAX_POSITION, f"at {leverage}x")
    open_loss = max(0, cost - fair if ticket.is_buy else fair - cost) if fair else 0
    needed = after.total - before.total + open_loss
    available = margins.totals(account, perpetual.asset).available
    if needed > available:
        raise Refusal(RefusalKind.MARGIN_INSUFFICIENT, f"needs {needed} atoms, has {max(0, available)}")


def _cost(perpetual: Perpetual, ticket: Ticket, fair: int) -> int:
    """What an order comes to: at its limit, or from the book as it stands; no less than at the mark for a market order
    to buy."""
    spec = perpetual.contract.spec
    if ticket.price:
        return ticket.price * ticket.quantity * spec.notional_num
    side, lots, total = (perpetual.listing.asks if ticket.is_buy else perpetual.listing.bids), ticket.quantity, 0
    for key in reversed(side.keys):
        taken = min(lots, side.lots[key])
        total += key * side.sign * taken * spec.notional_num
        lots -= taken
        if not lots:
            return max(total, fair) if ticket.is_buy else total
    return max(total, fair)


def _steps(value: Decimal, step_atoms: int, lowest: int, highest: int, kind: RefusalKind) -> int:
    """`value` in steps, which must be whole and within the limits."""
    try:
        steps, rest = divmod(to_atoms(value), step_atoms)
    except ValueError:
        raise Refusal(kind, str(value)) from None
    if rest or not lowest <= steps <= highest:
        raise Refusal(kind, str(value))
    return steps
