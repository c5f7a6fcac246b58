"""A spot venue and the perpetuals around it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, log10

import numpy as np

from core.domain.errors import SettingsError
from core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from core.simulation.engine.crowd import Crowd
from core.simulation.engine.draws import Draws
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.intervals import Interval
from core.simulation.engine.liquidity import Liquidity
from core.simulation.engine.perpetual.contracts import LARGE, MEDIUM, Contract
from core.simulation.engine.perpetual.exchange import PerpetualExchange
from core.simulation.engine.perpetual.market import Followed, PerpetualMarket, Premium
from core.simulation.engine.series import Rows
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.engine.venue import LEVEL_SPREAD, TRADE_SPREAD, Venue, usual_pace, usual_shape

_MINUTE_NS = 60_000_000_000
_SEED_WORD = 0x50455250
"""Sets the perpetuals' random numbers apart from those of the spot market of the same seed."""
MAX_OPEN_ORDERS = 200
_FINEST_TICKS = 2_000_000
"""A price of more ticks than this gets a coarser one."""
_KNOWN = {"BTC": ("0.1", "0.001", 100), "ETH": ("0.01", "0.001", 20)}
"""Tick, lot and smallest notional against a dollar, as on Binance."""


@dataclass(frozen=True, slots=True)
class PerpetualVenue:
    """`market.advance` plays both exchanges; nobody may call `spot.market.advance` besides."""

    spot: Venue
    exchange: PerpetualExchange
    market: PerpetualMarket


def with_perpetuals(
    spot: Venue,
    symbols: Sequence[InstrumentId],
    *,
    fees: FeeSchedule,
    seed: int,
    messages_per_s: float,
    known: Mapping[InstrumentId, Instrument] | None = None,
    funding_interval_h: int = 8,
) -> PerpetualVenue:
    """Perpetuals around any spot venue whose market is not yet open. `symbols` are those of perpetuals
    (`BTC/USDT:USDT`); each pair must be listed there and have a price, which is the index. `messages_per_s` as for the
    spot venue. `known` are instruments of an earlier run, whose steps stay. Raises `SettingsError` for a symbol that is
    no linear perpetual, is listed twice, or lacks its pair.
    """
    if len(set(symbols)) != len(symbols):
        raise SettingsError("a perpetual is listed twice")
    pairs = {spec.instrument.id: spec for spec in spot.exchange.symbols.values()}
    followed, contracts, histories = [], [], {}
    for symbol in symbols:
        pair = pairs.get(spot_pair(symbol))
        if pair is None:
            raise SettingsError(f"{symbol!r} needs {spot_pair(symbol)!r} to be listed as well: its price is the index")
        price = spot.exchange.last_price(pair.name) * pair.instrument.tick_size
        if not price:
            raise SettingsError(f"{symbol!r}: {pair.instrument.id} has no price yet that it could follow")
        instrument = (known or {}).get(symbol) or perpetual_instrument(symbol, pair.instrument, price)
        spec = SymbolSpec.of(instrument, max_open_orders=MAX_OPEN_ORDERS)
        followed.append(Followed(spec.name, pair.name))
        table = LARGE if spec.base in _KNOWN else MEDIUM
        contracts.append(Contract.of(spec, table=table, funding_interval_h=funding_interval_h))
        histories[spec.name] = (spot.exchange, pair, spec)
    start_ns = spot.start_ns - spot.start_ns % _MINUTE_NS
    exchange = PerpetualExchange(contracts, fees=fees, start_ns=start_ns, history=_SpotHistory(histories))
    draws_seed, crowd_seed, premium_seed = np.random.SeedSequence([seed, _SEED_WORD]).spawn(3)
    draws = Draws(draws_seed, level_spread=LEVEL_SPREAD, trade_spread=TRADE_SPREAD)
    specs = [contract.spec for contract in contracts]
    ticks = {spec.name: max(1.0, float(exchange.last_price(spec.name))) for spec in specs}
    houses = [exchange.house(spec.name) for spec in specs]
    shapes = [usual_shape(spec, ticks[spec.name], messages_per_s) for spec in specs]
    crowd = Crowd(
        houses,
        [Liquidity(house, shape, draws) for house, shape in zip(houses, shapes, strict=True)],
        [usual_pace(spec, ticks[spec.name], messages_per_s) for spec in specs],
        messages_per_s=messages_per_s,
        rng=np.random.default_rng(crowd_seed),
        draws=draws,
        longest_step_s=1.0,
    )
    market = PerpetualMarket(
        spot.exchange,
        spot.market,
        exchange,
        followed,
        crowd,
        start_ns=start_ns,
        premium=Premium(len(specs), np.random.default_rng(premium_seed)),
    )
    return PerpetualVenue(spot, exchange, market)


def spot_pair(symbol: InstrumentId) -> InstrumentId:
    """The spot symbol of a linear perpetual: `BTC/USDT` of `BTC/USDT:USDT`. Raises `SettingsError`."""
    pair, _, settle = symbol.partition(":")
    if not settle or pair.partition("/")[2] != settle:
        raise SettingsError(f"{symbol!r} is not a perpetual settled in its quote, like 'BTC/USDT:USDT'")
    return InstrumentId(pair)


def perpetual_instrument(symbol: InstrumentId, pair: Instrument, price: Decimal) -> Instrument:
    """The instrument of a perpetual on a spot pair that costs about `price`, with steps and limits like Binance's.
    Raises `SettingsError`."""
    spot_pair(symbol)
    if pair.base in _KNOWN:
        tick, lot, notional = (Decimal(each) for each in _KNOWN[pair.base])
    else:
        tick, lot, notional = pair.tick_size, _power(ceil(log10(1 / price))), Decimal(5)
    while price / tick > _FINEST_TICKS:
        tick *= 10
    lot = max(lot, Decimal("1e-8") / tick)
    return Instrument(
        id=symbol,
        venue_symbol=pair.venue_symbol,
        kind=InstrumentKind.PERPETUAL,
        base=pair.base,
        quote=pair.quote,
        settle=pair.quote,
        tick_size=tick,
        lot_size=lot,
        min_quantity=lot,
        max_quantity=_power(ceil(log10(1e8 / float(price)))),
        market_max_quantity=_power(ceil(log10(3e6 / float(price)))),
        min_notional=notional,
    )


class _SpotHistory:
    """The spot candles from before the start, in the steps of the perpetuals: their premium was 0 then."""

    def __init__(self, histories: Mapping[str, tuple[Exchange, SymbolSpec, SymbolSpec]]) -> None:
        self._histories = histories

    def rows(self, symbol: str) -> Mapping[Interval, Rows]:
        exchange, pair, spec = self._histories[symbol]
        return {interval: _converted(rows, pair, spec) for interval, rows in exchange.candle_rows(pair.name).items()}


def _converted(rows: Rows, pair: SymbolSpec, spec: SymbolSpec) -> Rows:
    """Prices and volumes in other steps, rounded; what traded stays at least one lot."""
    converted = rows.copy()
    converted[:, 1:5] = np.maximum(1, np.rint(rows[:, 1:5] * (pair.tick_atoms / spec.tick_atoms)))
    lots = pair.lot_atoms / spec.lot_atoms
    steps = lots * pair.tick_atoms / spec.tick_atoms
    has_traded = (rows[:, 7] > 0).astype(np.int64)
    converted[:, 5] = np.maximum(has_traded, np.rint(rows[:, 5] * lots))
    converted[:, 6] = np.maximum(has_traded, np.rint(rows[:, 6] * steps))
    converted[:, 8] = np.minimum(converted[:, 5], np.rint(rows[:, 8] * lots))
    converted[:, 9] = np.minimum(converted[:, 6], np.rint(rows[:, 9] * steps))
    return converted


def _power(exponent: int) -> Decimal:
    return Decimal(10**exponent) if exponent >= 0 else Decimal(1).scaleb(max(exponent, -8))
