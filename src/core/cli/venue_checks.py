"""What `check` asks of the venue: is it there, does its clock agree, may the keys trade, how the symbols step."""

import difflib
import time
from collections.abc import Callable, Iterator

from core.cli.findings import Finding, fail, ok, warn
from core.cli.wording import quantity
from core.domain.errors import RequestRefused, VenueError
from core.domain.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentStatus
from core.ports.venue import VenueRest
from core.settings.tree import Settings

VENUE_EXIT_CODE = 3
_SKEW_WARN_MS = 500.0
_TRADING = {InstrumentKind.SPOT: "spot", InstrumentKind.PERPETUAL: "futures"}


def venue_findings(rest: VenueRest, settings: Settings, now_ms: Callable[[], float]) -> Iterator[Finding]:
    """`now_ms`: this machine's UTC clock. Never raises for what the venue does."""
    name = f"venue {rest.capabilities.name}"
    try:
        yield from _clock(rest, settings, name, now_ms)
    except VenueError as error:
        yield fail(name, f"cannot be reached: {error}. Check the network and venue.base_url.", VENUE_EXIT_CODE)
        return
    yield from _keys(rest, settings)
    try:
        instruments = rest.instruments()
    except VenueError as error:
        yield fail("symbols", f"the venue does not list its instruments: {error}.", VENUE_EXIT_CODE)
        return
    for symbol in settings.trading.symbols:
        yield _symbol(symbol, instruments, settings)


def _clock(rest: VenueRest, settings: Settings, name: str, now_ms: Callable[[], float]) -> Iterator[Finding]:
    asked_ms, started = now_ms(), time.monotonic()
    server_ms = rest.server_time_ms()
    round_trip_ms = (time.monotonic() - started) * 1_000
    yield ok(name, f"answers in {round_trip_ms:.0f} ms")
    speed = rest.clock_speed()
    if speed != 1.0:
        yield ok("clock", f"the venue's time runs {speed:g} times as fast as real time")
        return
    skew_ms = server_ms - (asked_ms + round_trip_ms / 2)
    words = f"this machine is {abs(skew_ms):.0f} ms {'behind' if skew_ms > 0 else 'ahead of'} the venue"
    if abs(skew_ms) > settings.venue.recv_window_ms / 2:
        yield fail("clock", f"{words}, more than half of venue.recv_window_ms. Set this machine's clock (NTP).")
    elif abs(skew_ms) > _SKEW_WARN_MS:
        yield warn("clock", f"{words}. It is corrected for; better set this machine's clock (NTP).")
    else:
        yield ok("clock", words)


def _keys(rest: VenueRest, settings: Settings) -> Iterator[Finding]:
    mode = settings.trading.mode
    if settings.venue.api_key is None:
        yield ok("keys", f"none given; {mode} mode needs none")
        return
    try:
        may = rest.key_permissions()
    except RequestRefused as error:
        yield fail("keys", f"the venue refuses them: {error}. Check key, secret and the key's list of addresses.")
        return
    except VenueError as error:
        yield fail("keys", f"cannot be tried: {error}.", VENUE_EXIT_CODE)
        return
    if mode == "live" and not may.can_trade:
        yield fail(
            "keys", f"may not trade. Give the key the right to {_TRADING[settings.trading.kind]} trading at the venue."
        )
    else:
        yield ok("keys", f"accepted; may {'trade' if may.can_trade else 'read only'}")
    if may.can_withdraw:
        yield warn("keys", "may withdraw, which this bot never needs. Take that right away at the venue.")


def _symbol(symbol: str, instruments: dict[InstrumentId, Instrument], settings: Settings) -> Finding:
    found = instruments.get(InstrumentId(symbol))
    if found is None:
        close = difflib.get_close_matches(symbol, instruments, n=3)
        return fail(symbol, "the venue has no such symbol." + (f" Did you mean {', '.join(close)}?" if close else ""))
    if found.status is not InstrumentStatus.TRADING:
        return warn(symbol, f"its status is {found.status}: no orders until that changes.")
    limit = settings.risk.max_order_notional_usd
    if limit is not None and found.min_notional > limit:
        return fail(
            symbol,
            f"the venue wants at least {quantity(str(found.min_notional))} {found.quote} an order, more than "
            f"risk.max_order_notional_usd = {limit} allows.",
        )
    steps = f"tick {quantity(str(found.tick_size))}, lot {quantity(str(found.lot_size))}"
    least = f"{quantity(str(found.min_quantity))} {found.base} and {quantity(str(found.min_notional))} {found.quote}"
    return ok(symbol, f"{steps}, at least {least}")
