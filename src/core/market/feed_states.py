"""What can be wrong with a feed, and what cures it. A feed is one channel of one instrument."""

from dataclasses import dataclass
from enum import StrEnum

from core.domain.instruments import InstrumentId


class Channel(StrEnum):
    CANDLES = "candles"
    QUOTES = "quotes"
    TRADES = "trades"
    BOOK = "book"


class FeedState(StrEnum):
    STARTING = "starting"
    """Not subscribed yet, or subscribed and within its first silence."""
    LIVE = "live"
    QUIET = "quiet"
    """Silent because nothing happens: its instrument's other channels say so. As good as live."""
    INTERRUPTED = "interrupted"
    """Its connection is gone; the adapter dials."""
    HALF_OPEN = "half_open"
    """Nothing at all comes on its connection."""
    GAPPED = "gapped"
    """A candle or a book update is missing."""
    MUTE = "mute"
    """Silent although its connection, or its own instrument, is not."""
    LAGGING = "lagging"
    """What comes is old."""

    @property
    def is_healthy(self) -> bool:
        return self in (FeedState.LIVE, FeedState.QUIET)


@dataclass(frozen=True, slots=True)
class Resubscribe:
    """UNSUBSCRIBE and SUBSCRIBE on the same connection."""

    instrument_ids: tuple[InstrumentId, ...]


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Drop the connections that carry these and dial again."""

    instrument_ids: tuple[InstrumentId, ...]


@dataclass(frozen=True, slots=True)
class RestFallback:
    """Fetch this channel of these by REST now. Asked for again for as long as the feed is ill."""

    channel: Channel
    instrument_ids: tuple[InstrumentId, ...]


Cure = Resubscribe | Reconnect | RestFallback


@dataclass(frozen=True, slots=True)
class FeedLimits:
    """When silence or age becomes an illness; all in real seconds."""

    quote_silence_s: float = 10.0
    book_silence_s: float = 10.0
    trade_silence_s: float = 60.0
    candle_grace_s: float = 5.0
    """A candle feed may be silent for one timeframe (venues send quiet candles only at their close) plus this."""
    half_open_s: float = 20.0
    lag_s: float = 5.0
    interrupted_s: float = 5.0
    """An interruption this long is bridged by REST."""
    backoff_s: float = 5.0
    """Between two cures of one feed; doubles up to `max_backoff_s`."""
    max_backoff_s: float = 120.0
    rest_every_s: float = 5.0


@dataclass(frozen=True, slots=True)
class FeedStatus:
    instrument_id: InstrumentId
    channel: Channel
    state: FeedState
    age_s: float | None
    """Since its last event; `None` before the first."""
    lag_s: float | None
    """How old its last event was on arrival, in real seconds; `None` where the venue's message carries no time."""
    on_rest: bool
    """REST stands in for it now."""
    cures: int
    """Cures prescribed since it was last healthy."""


@dataclass(frozen=True, slots=True)
class FeedChanged:
    """A feed went from one state to another: for the log, one line down and one line back."""

    instrument_id: InstrumentId
    channel: Channel
    previous: FeedState
    state: FeedState
