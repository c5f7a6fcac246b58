"""exchangeInfo to instruments, and the two spellings of a symbol."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

import msgspec
import structlog

from core.domain.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentStatus, TrailingGrid
from core.venues.binance.decode import UNREADABLE, ExchangeInfo, SymbolFilter, SymbolInfo

log = structlog.get_logger()

_exchange_info = msgspec.json.Decoder(ExchangeInfo)
_symbol_info = msgspec.json.Decoder(SymbolInfo)
_STATUS = {"TRADING": InstrumentStatus.TRADING, "CANCEL_ONLY": InstrumentStatus.CANCEL_ONLY}
_SHOWN_BYTES = 120
NO_FILTER = SymbolFilter("")


def venue_symbol(instrument_id: InstrumentId) -> str:
    """`BTC/USDT` and `BTC/USDT:USDT` to `BTCUSDT`: on spot and of perpetuals a symbol is always base and quote side by
    side."""
    return instrument_id.partition(":")[0].replace("/", "")


class Symbols:
    """The way back, from `BTCUSDT` to `BTC/USDT`, which needs the venue's list."""

    def __init__(self) -> None:
        self._ids: dict[str, InstrumentId] = {}

    def learn(self, instruments: Iterable[Instrument]) -> None:
        """Adds to what is known (delisted symbols stay: their orders and fills may still be asked about)."""
        self._ids = {**self._ids, **{instrument.venue_symbol: instrument.id for instrument in instruments}}

    def __bool__(self) -> bool:
        return bool(self._ids)

    def instrument_id(self, symbol: str) -> InstrumentId:
        """The symbol itself where the venue never listed it: a fact is passed on, not dropped."""
        return self._ids.get(symbol, InstrumentId(symbol))


def instruments_of(body: bytes) -> dict[InstrumentId, Instrument]:
    """Spot instruments of an exchangeInfo answer. A symbol that cannot be read is logged and left out. Raises one of
    `UNREADABLE` when the answer as a whole cannot be read."""
    return listed(body, _spot)


def listed(body: bytes, instrument_of: Callable[[bytes], Instrument | None]) -> dict[InstrumentId, Instrument]:
    """The instruments that `instrument_of` makes of an exchangeInfo's symbols (`None`: not one of ours); it may raise
    ValueError and `UNREADABLE`. Raises one of `UNREADABLE` when the answer as a whole cannot be read."""
    found: dict[InstrumentId, Instrument] = {}
    for raw in _exchange_info.decode(body).symbols:
        try:
            instrument = instrument_of(bytes(raw))
        except (*UNREADABLE, ValueError) as error:
            log.warning(
                "instrument_unreadable",
                venue="binance",
                error=str(error),
                text=bytes(raw)[:_SHOWN_BYTES].decode(errors="replace"),
            )
            continue
        if instrument is not None:
            found[instrument.id] = instrument
    return found


def _spot(raw: bytes) -> Instrument | None:
    info = _symbol_info.decode(raw)
    return _instrument(info) if info.is_spot_trading_allowed else None


def _instrument(info: SymbolInfo) -> Instrument:
    filters = {entry.filter_type: entry for entry in info.filters}
    price = filters.get("PRICE_FILTER", NO_FILTER)
    lot = filters.get("LOT_SIZE", NO_FILTER)
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL", NO_FILTER)
    band_up, band_down = _price_band(filters)
    return Instrument(
        id=InstrumentId(f"{info.base_asset}/{info.quote_asset}"),
        venue_symbol=info.symbol,
        kind=InstrumentKind.SPOT,
        base=info.base_asset,
        quote=info.quote_asset,
        settle=info.quote_asset,
        tick_size=step(price.tick_size, info.quote_precision),
        lot_size=step(lot.step_size, info.quote_precision),
        min_quantity=plain(lot.min_qty or Decimal(0)),
        max_quantity=limit(lot.max_qty),
        min_notional=plain(notional.min_notional or Decimal(0)),
        max_notional=limit(notional.max_notional),
        market_max_quantity=limit(filters.get("MARKET_LOT_SIZE", NO_FILTER).max_qty),
        price_band_up=band_up,
        price_band_down=band_down,
        max_stop_orders=filters.get("MAX_NUM_ALGO_ORDERS", NO_FILTER).max_num_algo_orders,
        iceberg_parts=filters.get("ICEBERG_PARTS", NO_FILTER).limit if info.iceberg_allowed else None,
        trailing=_trailing(info, filters.get("TRAILING_DELTA", NO_FILTER)),
        status=status_of(info.status),
    )


def _trailing(info: SymbolInfo, bounds: SymbolFilter) -> TrailingGrid | None:
    """What holds for sellers and for buyers: the venue bounds a delta below the market apart from one above it."""
    lows = (bounds.min_trailing_below_delta, bounds.min_trailing_above_delta)
    highs = (bounds.max_trailing_below_delta, bounds.max_trailing_above_delta)
    if not info.allow_trailing_stop or None in lows or None in highs:
        return None
    return TrailingGrid(max(filter(None, lows), default=1), min(filter(None, highs), default=1), step_bps=1)


def status_of(text: str) -> InstrumentStatus:
    return _STATUS.get(text, InstrumentStatus.HALTED)


def _price_band(filters: Mapping[str, SymbolFilter]) -> tuple[Decimal | None, Decimal | None]:
    """(up, down), the tighter of the two sides' multipliers."""
    by_side = filters.get("PERCENT_PRICE_BY_SIDE", NO_FILTER)
    both = filters.get("PERCENT_PRICE", NO_FILTER)
    ups = [up for up in (by_side.bid_multiplier_up, by_side.ask_multiplier_up, both.multiplier_up) if up]
    downs = [down for down in (by_side.bid_multiplier_down, by_side.ask_multiplier_down, both.multiplier_down) if down]
    return (plain(min(ups)) if ups else None), (plain(max(downs)) if downs else None)


def step(step: Decimal | None, precision: int) -> Decimal:
    """A step of 0 switches the filter off: the asset's precision is the step then."""
    return plain(step) if step else Decimal(1).scaleb(-precision)


def limit(value: Decimal | None) -> Decimal | None:
    return plain(value) if value else None


def plain(value: Decimal) -> Decimal:
    """Without trailing zeros, and without a positive exponent. Raises ValueError when it is not a finite, positive
    amount."""
    if not value.is_finite() or value < 0:
        raise ValueError(f"not an amount: {value}")
    normal = value.normalize()
    return normal if int(normal.as_tuple().exponent) <= 0 else normal.quantize(Decimal(1))
