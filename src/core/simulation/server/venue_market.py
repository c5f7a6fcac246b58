"""The engine's venue as the settings describe it: a generated market, a recorded one, or another venue's."""

import hashlib
import time
from decimal import Decimal

from core.domain.errors import SettingsError
from core.domain.instruments import InstrumentId
from core.settings.simulation import SimulationSettings
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.forwarded import forwarded_venue
from core.simulation.engine.venue import Venue, generated_venue
from core.simulation.server.books import Books
from core.simulation.server.listing import ForwardedListing, all_listed
from core.simulation.server.resume import Resumed, SymbolNumbers


def fee_schedule(settings: SimulationSettings) -> FeeSchedule:
    return FeeSchedule(maker_bps=settings.maker_fee_bps, taker_bps=settings.taker_fee_bps)


def folder_name(settings: SimulationSettings, listing: ForwardedListing | None = None) -> str:
    """Where the books of this market are kept: those of one recording are no good in another."""
    if listing is not None:
        return listing.folder_name
    if settings.market == "generated":
        return "generated"
    names = "\n".join(sorted(str(file.resolve()) for file in settings.replay_files))
    return f"replay-{hashlib.sha256(names.encode()).hexdigest()[:8]}"


def build_venue(settings: SimulationSettings, resumed: Resumed, wall_ns: int) -> tuple[Venue, int]:
    """The venue and the time (UTC ns) at which its clock begins: `wall_ns` or the recording's own time, or where an
    earlier run ended if that is later. Raises `SettingsError` or `DataFileError`."""
    messages_per_s = settings.messages_per_s / settings.speed
    fees = fee_schedule(settings)
    if settings.market == "generated":
        start_ns = max(resumed.horizon_ns, wall_ns)
        try:
            venue = generated_venue(
                resumed.symbols,
                fees=fees,
                seed=resumed.seed,
                start_ns=start_ns,
                messages_per_s=messages_per_s,
                first_prices=resumed.prices or None,
            )
        except ValueError as error:
            raise SettingsError(f"trading.symbols: {error}") from None
        return venue, start_ns
    if settings.market == "forwarded":
        raise SettingsError(
            'simulation.market = "forwarded" needs a daemon that sends the market in: it comes by itself with '
            'trading.mode = "paper" and a venue.name other than "sim". Choose "generated" or "replay" here.'
        )
    if not settings.replay_files:
        raise SettingsError('simulation.replay_files: market = "replay" needs at least one file')
    from core.simulation.server.replay_files import build_replay  # noqa: PLC0415 - pandas, which most venues need not

    venue = build_replay(
        settings.replay_files,
        fees=fees,
        seed=resumed.seed,
        messages_per_s=messages_per_s,
        played_ns=resumed.horizon_ns,
    )
    return venue, max(resumed.horizon_ns, venue.exchange.now_ns)


def build_forwarded_venue(
    settings: SimulationSettings, resumed: Resumed, listing: ForwardedListing, books: Books
) -> tuple[Venue, int]:
    """As `build_venue`, for another venue's market, whose time is this venue's too. Raises `SettingsError` or
    `VenueStartError`."""
    instruments = all_listed(listing, books.fact("instruments"), resumed.symbols, books.traded_symbols())
    start_ns = max(resumed.horizon_ns, listing.venue_time_ns(time.monotonic_ns(), settings.speed))
    return forwarded_venue(instruments.values(), fees=fee_schedule(settings), start_ns=start_ns), start_ns


def last_prices(exchange: Exchange) -> dict[InstrumentId, Decimal]:
    """Of the symbols that have traded."""
    prices = {spec: exchange.last_price(name) for name, spec in exchange.symbols.items()}
    return {spec.instrument.id: spec.price_decimal(ticks) for spec, ticks in prices.items() if ticks}


def last_numbers(exchange: Exchange) -> dict[str, SymbolNumbers]:
    """By the venue's symbol, of those that have traded."""
    numbers = {}
    for name in exchange.symbols:
        if trades := exchange.recent_trades(name, 1):
            update_id = exchange.best(name).update_id
            numbers[name] = SymbolNumbers(trades[-1].trade_id, trades[-1].aggregate_id, update_id)
    return numbers
