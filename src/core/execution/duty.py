"""What is owed to one entry: its stop, its target, and how its stop follows the market. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, IntentId, OrderType, Protection, Side
from core.execution.order import ZERO


@dataclass(frozen=True, slots=True)
class Duty:
    """What is owed to one entry order."""

    duty_id: ClientOrderId
    """The entry's client order id, or that of the parent whose slices are the entry."""
    intent_id: IntentId
    instrument_id: InstrumentId
    entry_side: Side
    protection: Protection
    strategies: tuple[str, ...]
    opened_ns: int
    held: Decimal = ZERO
    """What the entry's fills have left in our hands: fees in base, stops' and exits' fills are out. Never negative."""
    best_price: Decimal | None = None
    """The best price that a trailing stop has followed so far; `None`: it stands where it began, or does not trail."""
    is_reached: bool = False
    """The price was seen at the target while no order stood there: what is held is being sold at the market."""

    @property
    def has_both(self) -> bool:
        return self.protection.has_both

    @property
    def order_type(self) -> OrderType:
        """Of the order that it can't be without."""
        return OrderType.TAKE_PROFIT if self.protection.stop_price is None else OrderType.STOP_LOSS

    @property
    def trigger_price(self) -> Decimal:
        """Of that order."""
        price = self.protection.target_price if self.protection.stop_price is None else self.stop_level
        if price is None:
            raise ValueError(f"{self.duty_id}: a duty without a price")
        return price

    @property
    def stop_level(self) -> Decimal | None:
        """Where the stop belongs: it follows the best price and never comes back. `None`: no stop is wanted."""
        stop, distance = self.protection.stop_price, self.protection.trailing_distance
        if stop is None or distance is None or self.best_price is None:
            return stop
        sign = self.entry_side.sign
        return max(stop * sign, self.best_price * sign - distance) * sign
