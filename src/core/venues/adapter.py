"""Which adapter speaks which venue's protocol: the only list of venue names in the house. An exchange that has none of
its own is served by ccxt's unified methods."""

import difflib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from core.domain.errors import SettingsError
from core.domain.instruments import InstrumentKind
from core.domain.market import QuoteChanged
from core.domain.status import LimitUse
from core.ports.clock import MonotonicClock, TradingClock
from core.ports.venue import Credentials, MarketStreams, StreamSubscriptions, UserStream, VenueRest
from core.runtime.fence import RequestFence
from core.settings.venue import VenueSettings
from core.venues.binance import tariff as spot_tariff
from core.venues.binance.client import FUTURES_ROOT, ROOT
from core.venues.binance.instruments import Symbols
from core.venues.binance.rest import BinanceRest
from core.venues.binance.streams import BinanceMarketStreams
from core.venues.binance.usdm import tariff as usdm_tariff
from core.venues.binance.usdm.rest import UsdmRest
from core.venues.binance.usdm.streams import MAX_STREAMS, usdm_endpoints
from core.venues.binance.usdm.user_stream import UsdmUserStream
from core.venues.binance.user_stream import BinanceUserStream
from core.venues.budget.budget import RateBudget
from core.venues.budget.sharing import Ledgers, address_name, open_toll, own_ledgers
from core.venues.budget.toll import FREE, Toll
from core.venues.ccxt_import import exchange_class, exchange_names, has_streams
from core.venues.generic.rest import GenericRest
from core.venues.generic.streams import GenericMarketStreams, RestOnlyStreams
from core.venues.generic.traits import traits_of
from core.venues.generic.user_stream import PolledUserStream

EMBEDDED = "sim"
"""The venue that the daemon brings along; it speaks Binance's protocol."""


def _ignore(_: QuoteChanged) -> None:
    pass


@dataclass(frozen=True, slots=True)
class VenueAdapter:
    """One venue, ready to be talked to, or two: the market of one, and orders that go to another. Making one opens no
    connection."""

    rest: VenueRest
    """Where orders go."""
    clock: TradingClock
    """The time there."""
    user_stream: UserStream | None
    """`None` without credentials."""
    market: VenueRest
    """Where instruments, candles and books come from."""
    streams: Callable[[StreamSubscriptions], MarketStreams]
    fence: RequestFence = field(default_factory=RequestFence)
    """Bounds every request of `rest` that changes the account."""
    on_quote: Callable[[QuoteChanged], None] = _ignore
    """Called on the loop with each quote that REST has brought because no stream did."""
    limits: Callable[[], Sequence[LimitUse]] = tuple
    """What is used of the market's rate limits."""
    not_for_live: tuple[str, ...] = ()
    """What keeps orders with real money from being sent there; empty: nothing."""

    def close(self) -> None:
        """Ends blocking calls under way; streams end with their `run`."""
        self.rest.close()
        if self.market is not self.rest:
            self.market.close()


def build_adapter(
    settings: VenueSettings,
    clock: TradingClock,
    monotonic: MonotonicClock,
    *,
    kind: InstrumentKind = InstrumentKind.SPOT,
    on_clock_refused: Callable[[], None] = lambda: None,
    ledgers: Ledgers = own_ledgers,
) -> VenueAdapter:
    """`kind` of what is traded: venues speak another protocol for each. `on_clock_refused` is called, in any thread,
    after the venue refused a request for its timestamp: measure the venue's time again. `ledgers` keep what is used of
    the venue's rate limits. Raises `SettingsError` for a venue that has no adapter and for an address that is none."""
    _check_address("base_url", settings.base_url, ("http", "https"))
    _check_address("ws_base_url", settings.ws_base_url, ("ws", "wss"))
    if settings.name == EMBEDDED or (settings.adapter == "auto" and settings.name in _PROTOCOLS):
        if settings.ccxt:
            raise SettingsError(
                f"venue.ccxt: {settings.name} has an adapter of its own, which does not look there. "
                'Use venue.base_url and venue.ws_base_url, or set venue.adapter = "ccxt".'
            )
        return _PROTOCOLS[settings.name][kind](settings, clock, monotonic, on_clock_refused, ledgers)
    return _generic(settings, clock, monotonic, ledgers)


def _check_address(key: str, address: str | None, schemes: tuple[str, ...]) -> None:
    if address is None:
        return
    try:
        parts = urlsplit(address)
        is_one = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port beyond 65,535, half an IPv6 address
        is_one = False
    if not is_one:
        raise SettingsError(f"venue.{key}: {address!r} is no address; write it like {schemes[0]}://127.0.0.1:18080")


def _binance(
    settings: VenueSettings,
    clock: TradingClock,
    monotonic: MonotonicClock,
    on_clock_refused: Callable[[], None],
    ledgers: Ledgers,
) -> VenueAdapter:
    credentials = _credentials(settings)
    toll = open_toll(
        spot_tariff.SPOT,
        spot_tariff.ADDRESS_LIMITS,
        spot_tariff.ACCOUNT_LIMITS,
        address=address_name(settings.base_url or ROOT, "spot"),
        api_key=credentials.api_key if credentials else None,
        speed=lambda: clock.speed,
        ledgers=ledgers,
    )
    symbols = Symbols()
    chance = random.Random()
    user_stream = None
    if credentials is not None:
        user_stream = BinanceUserStream(
            settings,
            credentials,
            clock,
            monotonic,
            symbols=symbols,
            chance=chance,
            on_clock_refused=on_clock_refused,
        )
    fence = RequestFence()
    rest = BinanceRest(
        settings,
        credentials,
        clock,
        monotonic,
        symbols=symbols,
        on_clock_refused=on_clock_refused,
        fence=fence,
        toll=toll,
    )
    return VenueAdapter(
        rest=rest,
        clock=clock,
        user_stream=user_stream,
        market=rest,
        streams=lambda subscriptions: BinanceMarketStreams(settings, subscriptions, monotonic, chance=chance),
        fence=fence,
        limits=toll.use,
    )


def _binance_usdm(
    settings: VenueSettings,
    clock: TradingClock,
    monotonic: MonotonicClock,
    on_clock_refused: Callable[[], None],
    ledgers: Ledgers,
) -> VenueAdapter:
    credentials = _credentials(settings)
    toll = open_toll(
        usdm_tariff.USDM,
        usdm_tariff.ADDRESS_LIMITS,
        usdm_tariff.ACCOUNT_LIMITS,
        address=address_name(settings.base_url or FUTURES_ROOT, "usdm"),
        api_key=credentials.api_key if credentials else None,
        speed=lambda: clock.speed,
        ledgers=ledgers,
    )
    symbols = Symbols()
    chance = random.Random()
    fence = RequestFence()
    rest = UsdmRest(
        settings,
        credentials,
        clock,
        monotonic,
        symbols=symbols,
        on_clock_refused=on_clock_refused,
        fence=fence,
        toll=toll,
    )
    user_stream = None
    if credentials is not None:
        user_stream = UsdmUserStream(settings, rest, clock, monotonic, symbols=symbols, chance=chance)
    return VenueAdapter(
        rest=rest,
        clock=clock,
        user_stream=user_stream,
        market=rest,
        streams=lambda subscriptions: BinanceMarketStreams(
            settings, subscriptions, monotonic, chance=chance, endpoints=usdm_endpoints, max_streams=MAX_STREAMS
        ),
        fence=fence,
        limits=toll.use,
    )


def _generic(settings: VenueSettings, clock: TradingClock, monotonic: MonotonicClock, ledgers: Ledgers) -> VenueAdapter:
    known = exchange_names()
    if settings.name not in known:
        raise SettingsError(f"venue.name: there is no venue {settings.name!r}.{_nearest(settings.name, known)}")
    if settings.base_url is not None or settings.ws_base_url is not None:
        raise SettingsError(
            f"venue.base_url: addresses of {settings.name} are ccxt's; set venue.ccxt = {{ urls = {{ ... }} }} instead"
        )
    traits = traits_of(exchange_class(settings.name))
    if traits.not_for_market:
        raise SettingsError(f"venue.name: {settings.name} can't be used: {'; '.join(traits.not_for_market)}.")
    credentials = _credentials(settings)
    fence = RequestFence()
    toll = Toll(FREE, RateBudget((), ledgers(address_name(settings.name, "ccxt"))), RateBudget(()))
    rest = GenericRest(settings, credentials, clock, monotonic, traits, fence=fence, toll=toll)

    def streams(subscriptions: StreamSubscriptions) -> MarketStreams:
        if not has_streams(settings.name):
            return RestOnlyStreams(settings, subscriptions, monotonic)
        return GenericMarketStreams(settings, subscriptions, clock, monotonic, rest.client)

    return VenueAdapter(
        rest=rest,
        clock=clock,
        user_stream=None if credentials is None else PolledUserStream(monotonic),
        market=rest,
        streams=streams,
        fence=fence,
        not_for_live=traits.not_for_live,
    )


def _nearest(name: str, known: list[str]) -> str:
    everything = [*_PROTOCOLS, *known]
    close = difflib.get_close_matches(name, everything, n=3) or difflib.get_close_matches(name.lower(), everything, n=1)
    if close:
        return f" Did you mean {' or '.join(dict.fromkeys(close))}?"
    return f" Known are {', '.join(_PROTOCOLS)} and the {len(known)} exchanges of ccxt, such as kraken or okx."


def _credentials(settings: VenueSettings) -> Credentials | None:
    if settings.api_key is None or settings.secret is None:
        return None
    return Credentials(settings.api_key.get_secret_value(), settings.secret.get_secret_value())


_BINANCE = {InstrumentKind.SPOT: _binance, InstrumentKind.PERPETUAL: _binance_usdm}
_PROTOCOLS = {EMBEDDED: _BINANCE, "binance": _BINANCE}
