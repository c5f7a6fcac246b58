"""A spot venue and the perpetuals around it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.domain.instruments import Instrument, InstrumentId
from core.simulation.engine.events import Event
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.perpetual.events import PerpetualEvent
from core.simulation.engine.perpetual.exchange import PerpetualExchange
from core.simulation.engine.venue import Venue


class JointMarket(Protocol):
    """The spot market and the perpetual market that follows it, played in step."""

    def advance(self, now_ns: int) -> tuple[list[Event], list[PerpetualEvent]]:
        """Play both up to `now_ns`: the spot exchange's events and the perpetual exchange's. Where there are perpetuals
        this takes the place of `Venue.market.advance`, which nobody else may call then."""
        ...


@dataclass(frozen=True, slots=True)
class PerpetualVenue:
    spot: Venue
    exchange: PerpetualExchange
    market: JointMarket


def with_perpetuals(
    spot: Venue, symbols: Sequence[InstrumentId], *, fees: FeeSchedule, seed: int, messages_per_s: float
) -> PerpetualVenue:
    """Perpetuals around any spot venue whose market is not yet open. `symbols` are those of perpetuals
    (`BTC/USDT:USDT`); each pair must be listed there, its price is the index. `messages_per_s` as for the spot venue.
    Raises `SettingsError` for a symbol that is no linear perpetual, is listed twice, or lacks its pair.
    """
    raise NotImplementedError


def perpetual_instrument(symbol: InstrumentId, pair: Instrument) -> Instrument:
    """The instrument of a perpetual on a spot pair, with steps and limits like Binance's. Raises `SettingsError`."""
    raise NotImplementedError
