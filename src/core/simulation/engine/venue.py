"""Ready-made venues: an exchange together with the market that moves it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import sqrt

import numpy as np

from core.domain.errors import SettingsError
from core.domain.instruments import InstrumentId
from core.simulation.engine.catalogue import asset, first_price, instrument, split
from core.simulation.engine.crowd import TRADES_PER_ARRIVAL, Pace
from core.simulation.engine.draws import Draws
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.generated import GeneratedMarket, LiveSymbol
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
    ends_ns: Mapping[str, int] = field(default_factory=dict)
    """When the market of a symbol comes to its end, after which it stands still; a symbol not in it never does."""


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
    listed = [_listed(symbol, assets, messages_per_s, (first_prices or {}).get(symbol)) for symbol in symbols]
    past = {each.spec.name: each.past for each in listed}
    history = GeneratedHistory(process, past, start_ns // 1_000_000, history_seed)
    exchange = Exchange([each.spec for each in listed], fees=fees, start_ns=start_ns, history=history)
    draws = Draws(draws_seed, level_spread=LEVEL_SPREAD, trade_spread=TRADE_SPREAD)
    market = GeneratedMarket(
        exchange,
        process,
        [each.live for each in listed],
        [Liquidity(exchange.house(each.spec.name), each.shape, draws) for each in listed],
        messages_per_s=messages_per_s,
        start_ns=start_ns,
        seed=market_seed,
        draws=draws,
    )
    return Venue(exchange, market, start_ns)


@dataclass(frozen=True, slots=True)
class _Listed:
    """What the parts of a generated venue need of one symbol."""

    spec: SymbolSpec
    past: PastSymbol
    live: LiveSymbol
    shape: Shape


def _listed(symbol: InstrumentId, assets: list[str], messages_per_s: float, price: Decimal | None) -> _Listed:
    """`price` in quote; `None`: the built-in one."""
    spec = SymbolSpec.of(instrument(symbol))
    base, quote = split(symbol)
    indices = assets.index(base), assets.index(quote)
    price_ticks = max(1.0, (first_price(symbol) if price is None else float(price)) / spec.price_float(1))
    lots_per_minute = asset(base).turnover_usd / _lot_usd(spec)
    pace = usual_pace(spec, price_ticks, messages_per_s)
    return _Listed(
        spec,
        PastSymbol(*indices, price_ticks, lots_per_minute, pace.lots_per_trade),
        LiveSymbol(spec.name, *indices, price_ticks, pace),
        usual_shape(spec, price_ticks, messages_per_s),
    )


def usual_pace(spec: SymbolSpec, price_ticks: float, messages_per_s: float) -> Pace:
    """How a symbol of this base asset trades at so many messages a second."""
    lots_per_minute = asset(spec.base).turnover_usd / _lot_usd(spec)
    lots_per_trade = max(1.0, lots_per_minute / (60 * messages_per_s * TRADES_PER_ARRIVAL))
    return Pace(lots_per_trade, usual_shape(spec, price_ticks, messages_per_s).gap_ticks)


def usual_shape(spec: SymbolSpec, price_ticks: float, messages_per_s: float) -> Shape:
    """Levels as far apart as the symbol's pace asks for, and as deep as its turnover."""
    base = asset(spec.base)
    move_bps = base.traits.sigma_bps * sqrt(1 / (60 * messages_per_s))
    gap_bps = max(_NARROWEST_GAP_BPS, move_bps / _GAPS_PER_MOVE)
    level_usd = _LEVEL_USD * sqrt(base.turnover_usd / _USUAL_TURNOVER_USD)
    return Shape(gap_ticks=price_ticks * gap_bps * 1e-4, level_lots=level_usd / _lot_usd(spec))


def _lot_usd(spec: SymbolSpec) -> float:
    return asset(spec.base).price_usd * spec.quantity_float(1)
