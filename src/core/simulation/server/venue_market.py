"""The engine's venue as the settings describe it: a generated market, or recorded candles."""

from decimal import Decimal

from core.domain.errors import SettingsError
from core.domain.instruments import InstrumentId
from core.settings.simulation import SimulationSettings
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.venue import Venue, generated_venue
from core.simulation.server.resume import Resumed, SymbolNumbers


def fee_schedule(settings: SimulationSettings) -> FeeSchedule:
    return FeeSchedule(maker_bps=settings.maker_fee_bps, taker_bps=settings.taker_fee_bps)


def build_venue(settings: SimulationSettings, resumed: Resumed) -> tuple[Venue, int]:
    """The venue and the time (UTC ns) at which its clock begins. Raises `SettingsError` or `DataFileError`."""
    messages_per_s = settings.messages_per_s / settings.speed
    fees = fee_schedule(settings)
    if settings.market == "generated":
        venue = generated_venue(
            resumed.symbols,
            fees=fees,
            seed=resumed.seed,
            start_ns=resumed.start_ns,
            messages_per_s=messages_per_s,
            first_prices=resumed.prices or None,
        )
        return venue, resumed.start_ns
    if not settings.replay_files:
        raise SettingsError('simulation.replay_files: market = "replay" needs at least one candle file')
    # pyarrow is heavy, and most venues need none of it.
    from core.simulation.engine.replay import replay_venue  # noqa: PLC0415
    from core.simulation.server.candle_files import read_candle_files  # noqa: PLC0415

    candles = read_candle_files(settings.replay_files)
    venue = replay_venue(candles, fees=fees, seed=resumed.seed, messages_per_s=messages_per_s)
    return venue, venue.start_ns


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
