"""Order books of a moment: the quoted bid and ask, and levels behind them that change now and then."""

from dataclasses import dataclass
from hashlib import blake2b

from core.simulation.engine.coins.derivatives import OPTION_LIQUIDITY, future_tick
from core.simulation.engine.coins.instruments import Instrument

Level = tuple[float, float]
_LEVELS = {True: 6, False: 30}
"""Of options, and of the others."""
_CHANGE_TENTHS = 60
"""A level keeps its amount for so many tenths of a second."""


@dataclass(frozen=True, slots=True)
class Book:
    """Best levels first."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


def book_of(instrument: Instrument, bid: float, ask: float, now_s: float) -> Book:
    """Around quotes of which `bid` may be 0: nobody buys."""
    tenths = int(now_s * 10)
    steps = range(_LEVELS[instrument.is_option])
    bids = [price for each in steps if (price := _lower(instrument, bid, each)) > 0]
    asks = [_higher(instrument, ask, each) for each in steps]
    return Book(_levels(instrument, bids, tenths), _levels(instrument, asks, tenths))


def _levels(instrument: Instrument, prices: list[float], tenths: int) -> tuple[Level, ...]:
    return tuple((price, _amount(instrument, price, tenths)) for price in dict.fromkeys(prices))


def _lower(instrument: Instrument, price: float, steps: int) -> float:
    tick = _tick(instrument, price)
    return round(max(0.0, price - steps * tick), 6)


def _higher(instrument: Instrument, price: float, steps: int) -> float:
    return round(price + steps * _tick(instrument, price), 6)


def _tick(instrument: Instrument, price: float) -> float:
    if not instrument.is_option:
        return future_tick(instrument.coin)
    # Behind the finest quotes too: a coarse step is on both grids.
    return OPTION_LIQUIDITY.ticks[1] if price >= OPTION_LIQUIDITY.tick_change else OPTION_LIQUIDITY.ticks[0]


def _amount(instrument: Instrument, price: float, tenths: int) -> float:
    own = f"{instrument.name}/{price}"
    phase = blake2b(own.encode(), digest_size=2).digest()
    turn = (tenths + int.from_bytes(phase)) // _CHANGE_TENTHS
    chance = int.from_bytes(blake2b(f"{own}/{turn}".encode(), digest_size=2).digest()) / 65_536
    if instrument.is_option:
        return round(0.1 + int(400 * chance**3) / 10, 1)
    return 10.0 * (1 + int(20_000 * chance**4))
