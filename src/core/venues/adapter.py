"""Which adapter speaks which venue's protocol: the only list of venue names in the house."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass

from core.domain.errors import SettingsError
from core.ports.clock import MonotonicClock, TradingClock
from core.ports.venue import Credentials, MarketStreams, StreamSubscriptions, UserStream, VenueRest
from core.settings.venue import VenueSettings
from core.venues.binance.instruments import Symbols
from core.venues.binance.rest import BinanceRest
from core.venues.binance.streams import BinanceStreams
from core.venues.binance.user_stream import BinanceUserStream

EMBEDDED = "sim"
"""The venue that the daemon brings along; it speaks Binance's protocol."""


@dataclass(frozen=True, slots=True)
class VenueAdapter:
    """One venue, ready to be talked to. Making one opens no connection."""

    rest: VenueRest
    streams: Callable[[StreamSubscriptions], MarketStreams]
    user_stream: UserStream | None
    """`None` without credentials."""


def build_adapter(settings: VenueSettings, clock: TradingClock, monotonic: MonotonicClock) -> VenueAdapter:
    """Raises `SettingsError` for a venue that has no adapter."""
    build = _ADAPTERS.get(settings.name)
    if build is None:
        close = difflib.get_close_matches(settings.name, _ADAPTERS, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise SettingsError(f"venue.name: there is no venue {settings.name!r}; known: {', '.join(_ADAPTERS)}.{hint}")
    return build(settings, clock, monotonic)


def _binance(settings: VenueSettings, clock: TradingClock, monotonic: MonotonicClock) -> VenueAdapter:
    credentials = _credentials(settings)
    symbols = Symbols()
    rest = BinanceRest(settings, credentials, clock, monotonic, symbols=symbols)
    user_stream = None
    if credentials is not None:
        user_stream = BinanceUserStream(settings, credentials, clock, monotonic, symbols=symbols)
    return VenueAdapter(
        rest=rest,
        streams=lambda subscriptions: BinanceStreams(settings, subscriptions, clock, monotonic, symbols=symbols),
        user_stream=user_stream,
    )


def _credentials(settings: VenueSettings) -> Credentials | None:
    if settings.api_key is None or settings.secret is None:
        return None
    return Credentials(settings.api_key.get_secret_value(), settings.secret.get_secret_value())


_ADAPTERS: dict[str, Callable[[VenueSettings, TradingClock, MonotonicClock], VenueAdapter]] = {
    EMBEDDED: _binance,
    "binance": _binance,
}
