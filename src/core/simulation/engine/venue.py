"""Ready-made venues: an exchange together with the market that moves it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.domain.candles import Candle
from core.domain.instruments import Instrument, InstrumentId
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.market import Market


@dataclass(frozen=True, slots=True)
class Venue:
    exchange: Exchange
    market: Market


def generated_venue(
    symbols: Sequence[InstrumentId],
    *,
    fees: FeeSchedule,
    seed: int,
    start_ns: int,
    messages_per_s: float,
    first_prices: Mapping[InstrumentId, Decimal] | None = None,
) -> Venue:
    """A venue with a made-up market. Unified symbols (`BTC/USDT`); well-known ones get their usual price and steps,
    any other (`SYM042/USDT`) gets its own from its name, the same in every run.

    `messages_per_s`: market messages per *trading* second and symbol (real rate / clock speed). `first_prices` go on
    from where an earlier run ended; `None`: the built-in prices. `start_ns` is rounded down to a whole minute.
    """
    raise NotImplementedError


def replay_venue(
    candles: Mapping[InstrumentId, Iterable[Candle]],
    *,
    fees: FeeSchedule,
    seed: int,
    history_candles: int = 500,
    messages_per_s: float,
    instruments: Sequence[Instrument] = (),
) -> tuple[Venue, int]:
    """A venue that plays recorded 1m candles; also the `start_ns` at which it begins.

    The first `history_candles` of the shortest file become history, play starts at the candle after them. Steps come
    from `instruments`, or are made from the symbol and its first price. After its last candle a symbol stands still.
    """
    raise NotImplementedError
