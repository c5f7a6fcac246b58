"""The one crossing from analytics (float64) back to money (Decimal), and rounding to the instrument's steps."""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from enum import Enum

from core.domain.instruments import Instrument


class Rounding(Enum):
    DOWN = ROUND_FLOOR
    UP = ROUND_CEILING
    NEAREST = ROUND_HALF_EVEN


def round_to_step(value: Decimal, step: Decimal, rounding: Rounding) -> Decimal:
    """`value` as a multiple of `step`, with the step's own exponent; `step` must be positive."""
    return (value / step).to_integral_value(rounding=rounding.value) * step


def to_price(value: float | Decimal, instrument: Instrument, rounding: Rounding) -> Decimal:
    """`value` on the instrument's price grid. Raises ValueError when it is not finite."""
    return round_to_step(_finite(value), instrument.tick_size, rounding)


def to_quantity(value: float | Decimal, instrument: Instrument, rounding: Rounding = Rounding.DOWN) -> Decimal:
    """`value` on the instrument's lot grid (down unless told). Raises ValueError when it is not finite."""
    return round_to_step(_finite(value), instrument.lot_size, rounding)


def _finite(value: float | Decimal) -> Decimal:
    if not math.isfinite(value):
        raise ValueError(f"not a finite amount: {value}")
    return value if isinstance(value, Decimal) else Decimal(repr(float(value)))
