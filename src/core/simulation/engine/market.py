"""What moves the exchange's prices: anonymous liquidity that rests, trades and moves, and owns no account."""

from typing import Protocol

from core.simulation.engine.events import Event


class Market(Protocol):
    """A model that plays orders of the house into one exchange."""

    def advance(self, now_ns: int) -> list[Event]:
        """Play everything due until `now_ns` (UTC ns of venue time) and close the candles that end by then.

        Symbols that are halted are left alone: their candles close flat. How the time is cut into calls
        does not change what happens. Call it before each `Exchange.submit`, so that an order meets the market of its
        own time. The first call opens the books.
        """
        ...
