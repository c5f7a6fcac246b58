"""What flattening has to close, and with which orders. Pure.

What the bot owns of an instrument is what its own fills have left, and never more than the venue says is there: on spot
the account's balance of the base asset, else the position. So an exit can't turn a position round, nor sell what
somebody has taken away meanwhile.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from core.domain.instruments import Instrument, InstrumentId, InstrumentKind, kind_of
from core.domain.money import Rounding, round_to_step
from core.domain.orders import Balance, Leg, OrderType, Side, TimeInForce
from core.domain.positions import VenuePosition
from core.execution.order import ZERO
from core.risk.sizing import is_dust

_THROUGH = Decimal("0.02")
"""How far through the last price a closing limit goes where the venue has no market orders."""


@dataclass(frozen=True, slots=True)
class AtVenue:
    """What the venue says is there."""

    balances: Mapping[str, Balance]
    positions: Mapping[InstrumentId, VenuePosition] | None
    """`None`: the venue has none."""

    def quantity(self, instrument_id: InstrumentId) -> Decimal:
        """Signed."""
        if kind_of(instrument_id) is InstrumentKind.SPOT:
            balance = self.balances.get(instrument_id.partition("/")[0])
            return ZERO if balance is None else balance.total
        position = (self.positions or {}).get(instrument_id)
        return ZERO if position is None else position.quantity


@dataclass(frozen=True, slots=True)
class Left:
    """Of one instrument, signed."""

    instrument_id: InstrumentId
    quantity: Decimal

    def __str__(self) -> str:
        return f"{self.instrument_id} {self.quantity.normalize():f}"


def owned(held: Decimal, at_venue: Decimal) -> Decimal:
    """`held` as far as the venue has it, in the same direction; both signed."""
    if held * at_venue <= ZERO:
        return ZERO
    return at_venue if abs(at_venue) < abs(held) else held


def is_tradeable(quantity: Decimal, price: Decimal | None, instrument: Instrument) -> bool:
    """Whether an order could close it; without a price, whether the quantity alone is enough."""
    if price is None:
        return abs(quantity) >= max(instrument.min_quantity, instrument.lot_size)
    return not is_dust(quantity, price, instrument)


def closing_leg(quantity: Decimal, price: Decimal, instrument: Instrument, has_market_orders: bool) -> Leg:
    """An order against the signed `quantity`, as large as the venue takes: at market, or a limit far through the last
    `price` that takes what is there and never rests."""
    side = Side.SELL if quantity > ZERO else Side.BUY
    most = [instrument.max_quantity, instrument.market_max_quantity if has_market_orders else None]
    bounds = [limit for limit in most if limit is not None and limit > ZERO]
    size = round_to_step(min([abs(quantity), *bounds]), instrument.lot_size, Rounding.DOWN)
    if has_market_orders:
        return Leg(instrument.id, side, size, OrderType.MARKET, reduce_only=True)
    rounding = Rounding.DOWN if side is Side.SELL else Rounding.UP
    limit = round_to_step(price * (1 + side.sign * _THROUGH), instrument.tick_size, rounding)
    return Leg(instrument.id, side, size, OrderType.LIMIT, price=limit, time_in_force=TimeInForce.IOC, reduce_only=True)
