"""What a strategy says of a symbol: a direction and how sure, never an order."""

from dataclasses import dataclass
from enum import Enum


class Direction(Enum):
    LONG = 1
    FLAT = 0
    SHORT = -1


@dataclass(frozen=True, slots=True)
class Signal:
    """The position a strategy wants to hold from this candle close on.

    `strength` in [0, 1] scales the size. `stop_distance` and `target_distance` are in quote units per unit of base,
    measured from the entry price; `None` means that the strategy sets none. `hold=True` means: whatever is held now
    is right, change nothing.
    """

    direction: Direction
    strength: float = 1.0
    stop_distance: float | None = None
    target_distance: float | None = None
    reason: str = ""
    hold: bool = False
    trailing_distance: float | None = None
    """How far behind the best price since the entry the stop follows, in the same units; `None`: it stays where it is.
    With a `stop_distance` that is smaller the stop begins there, and follows once the price has come far enough."""
