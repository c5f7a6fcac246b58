"""How an instance of ccxt is made here: ours to retry, to pace and to tell the time, the user's own settings on top."""

from collections.abc import Callable, Mapping
from typing import Any

from core.ports.clock import TradingClock
from core.ports.venue import Credentials
from core.runtime.clocks import NS_PER_MS, NS_PER_S
from core.settings.venue import VenueSettings
from core.venues.session import WiredSession

_QUIET = {
    "enableLastHttpResponse": False,
    "enableLastJsonResponse": False,
    "enableLastResponseHeaders": False,
    "has": {"fetchCurrencies": False},  # deposits and networks: a request more, often one that needs keys
}
_OPTIONS = {
    "maxRetriesOnFailure": 0,
    "adjustForTimeDifference": False,
    "warnOnFetchOpenOrdersWithoutSymbol": False,
}


def rest_exchange(
    kind: Any,
    settings: VenueSettings,
    credentials: Credentials | None,
    clock: TradingClock,
    session: WiredSession | None,
) -> Any:
    """A synchronous instance of the ccxt class `kind`. Its numbers are decimal text, as the exchange wrote them.
    Without a session it is one to keep, not to call."""
    config: dict[str, Any] = {
        **_QUIET,
        "enableRateLimit": False,
        "number": str,
        "session": session,
        "options": _OPTIONS,
        "timeout": int(settings.request_timeout_s * 1_000),
    }
    if credentials is not None:
        config |= {"apiKey": credentials.api_key, "secret": credentials.secret}
        if settings.password is not None:
            config["password"] = settings.password.get_secret_value()
    exchange = kind(merged(config, settings.ccxt))
    exchange.session = session
    if session is not None:
        exchange.parse_json = _strictly(exchange.parse_json, session)
    return on_time(exchange, clock)


def stream_exchange(kind: Any, settings: VenueSettings, clock: TradingClock) -> Any:
    """An instance of the ccxt.pro class `kind`, without keys. Belongs to the event loop that first uses it. Pings often
    enough for a dead connection to be noticed within `stale_stream_s`."""
    exchange = kind(merged({**_QUIET, "options": _OPTIONS}, settings.ccxt))
    ours_ms = int(settings.stale_stream_s * 1_000 / 3)
    theirs_ms = exchange.streaming.get("keepAlive", ours_ms)
    exchange.streaming = {**exchange.streaming, "keepAlive": min(theirs_ms, ours_ms), "maxPingPongMisses": 3}
    return on_time(exchange, clock)


def on_time(exchange: Any, clock: TradingClock) -> Any:
    """The same, its requests stamped with the venue's time as we know it, not this machine's."""
    exchange.milliseconds = lambda: clock.now_ns() // NS_PER_MS
    exchange.seconds = lambda: clock.now_ns() // NS_PER_S
    exchange.microseconds = lambda: clock.now_ns() // 1_000
    return exchange


def share_markets(source: Any, target: Any) -> Any:
    """`target`, knowing what `source` has loaded: tables of megabytes that nobody changes."""
    return target.set_markets_from_exchange(source)


def _strictly(parse: Callable[[str], Any], session: WiredSession) -> Callable[[str], Any]:
    """ccxt takes a success without a readable body for text, and makes an empty list of it: no orders, no balances."""

    def parse_json(text: str) -> Any:
        found = parse(text)
        answer = session.answer
        if found is None and answer is not None and answer.status < 400:
            raise ValueError("a success whose body is no JSON")
        return found

    return parse_json


def merged(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Tables merge key by key, everything else is replaced."""
    result = dict(base)
    for key, value in top.items():
        below = result.get(key)
        is_table = isinstance(value, Mapping)
        result[key] = merged(below, value) if is_table and isinstance(below, Mapping) else value
    return result
