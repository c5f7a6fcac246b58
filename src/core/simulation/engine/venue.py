"""Ready-made venues: an exchange together with the market that moves it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import sqrt

import numpy as np

from core.domain.errors import SettingsError
from core.domain.instruments import InstrumentId
from core.simulation.engine.catalogue import asset, first_price, instrument, split
from core.simulation.engine.draws import Draws
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.generated import TRADES_PER_ARRIVAL, GeneratedMarket, LiveSymbol
from core.simulation.engine.generated_history import GeneratedHistory, PastSymbol
from core.simulation.engine.liquidity import Liquidity, Shape
from core.simulation.engine.market import Market
from core.simulation.engine.process import PriceProcess
from core.simulation.engine.symbols import SymbolSpec

_MINUTE_NS = 60_000_000_000
LEVEL_SPREAD, TRADE_SPREAD = 1.4, 1.3
"""Standard deviations of the logarithms of level and trade sizes."""
_LEVEL_USD = 4_000.0
"""Median size of a level of a symbol that trades 200,000 USD a minute; others by the square root of that."""
_USUAL_TURNOVER_USD = 200_000.0
_NARROWEST_GAP_BPS = 0.055
"""Between neighbouring levels of the recorded BTC/USDT book."""
_GAPS_PER_MOVE = 4.0
"""How many levels the price usually passes between two arrivals."""


@dataclass(frozen=True, slots=True)
class Venue:
    exchange: Exchange
    market: Market
    start_ns: int
    """When the market opens; the history ends here."""


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
    from where an earlier run ended; symbols it lacks get the built-in price. `start_ns` is rounded down to a whole
    minute. Raises `SettingsError` for something that is not a spot symbol, or listed twice.
    """
    if len(set(symbols)) != len(symbols):
        raise SettingsError("a symbol is listed twice")
    start_ns -= start_ns % _MINUTE_NS
    process_seed, history_seed, draws_seed, market_seed = np.random.SeedSequence(seed).spawn(4)
    assets = list(dict.fromkeys(name for symbol in symbols for name in split(symbol)))
    process = PriceProcess([asset(name).traits for name in assets], process_seed)
    live, past, specs, shapes = [], {}, [], []
    for symbol in symbols:
        spec = SymbolSpec.of(instrument(symbol))
        base, quote = split(symbol)
        indices = assets.index(base), assets.index(quote)
        price = (
            first_price(symbol) if first_prices is None or symbol not in first_prices else float(first_prices[symbol])
        )
        price_ticks = max(1.0, price / spec.price_float(1))
        lot_usd = asset(base).price_usd * spec.quantity_float(1)
        lots_per_minute = asset(base).turnover_usd / lot_usd
        lots_per_trade = max(1.0, lots_per_minute / (60 * messages_per_s * TRADES_PER_ARRIVAL))
        shape = _shape(base, price_ticks, lot_usd, messages_per_s)
        live.append(LiveSymbol(spec.name, *indices, price_ticks, lots_per_trade, shape.gap_ticks))
        past[spec.name] = PastSymbol(*indices, price_ticks, lots_per_minute, lots_per_trade)
        specs.append(spec)
        shapes.append(shape)
    history = GeneratedHistory(process, past, start_ns // 1_000_000, history_seed)
    exchange = Exchange(specs, fees=fees, start_ns=start_ns, history=history)
    draws = Draws(draws_seed, level_spread=LEVEL_SPREAD, trade_spread=TRADE_SPREAD)
    liquidity = [Liquidity(exchange.house(spec.name), shape, draws) for spec, shape in zip(specs, shapes, strict=True)]
    market = GeneratedMarket(
        exchange,
        process,
        live,
        liquidity,
        messages_per_s=messages_per_s,
        start_ns=start_ns,
        seed=market_seed,
        draws=draws,
    )
    return Venue(exchange, market, start_ns)


def _shape(base: str, price_ticks: float, lot_usd: float, messages_per_s: float) -> Shape:
    """Levels as far apart as the symbol's pace asks for, and as deep as its turnover."""
    move_bps = asset(base).traits.sigma_bps * sqrt(1 / (60 * messages_per_s))
    gap_bps = max(_NARROWEST_GAP_BPS, move_bps / _GAPS_PER_MOVE)
    level_usd = _LEVEL_USD * sqrt(asset(base).turnover_usd / _USUAL_TURNOVER_USD)
    return Shape(gap_ticks=price_ticks * gap_bps * 1e-4, level_lots=level_usd / lot_usd)
