"""exchangeInfo to perpetuals."""

from decimal import Decimal

import msgspec

from core.domain.instruments import Instrument, InstrumentId, InstrumentKind, TrailingGrid
from core.venues.binance.instruments import NO_FILTER, limit, listed, plain, status_of, step
from core.venues.binance.usdm.decode import ContractInfo, PerpetualFilter

_contract_info = msgspec.json.Decoder(ContractInfo)
_NO_FILTER = PerpetualFilter("")
TRAILING = TrailingGrid(min_bps=10, max_bps=1_000, step_bps=10)
"""`callbackRate` is 0.1 to 10 per cent, to one digit (USD-M, "New Algo Order")."""


def instruments_of(body: bytes) -> dict[InstrumentId, Instrument]:
    """Perpetuals of an exchangeInfo answer; dated contracts are left out. A symbol that cannot be read is logged and
    left out. Raises one of `UNREADABLE` when the answer as a whole cannot be read."""
    return listed(body, _perpetual)


def _perpetual(raw: bytes) -> Instrument | None:
    info = _contract_info.decode(raw)
    if info.contract_type != "PERPETUAL":
        return None
    filters = {entry.filter_type: entry for entry in info.filters}
    price = filters.get("PRICE_FILTER", NO_FILTER)
    lot = filters.get("LOT_SIZE", NO_FILTER)
    band = filters.get("PERCENT_PRICE", NO_FILTER)
    return Instrument(
        id=InstrumentId(f"{info.base_asset}/{info.quote_asset}:{info.margin_asset}"),
        venue_symbol=info.symbol,
        kind=InstrumentKind.PERPETUAL,
        base=info.base_asset,
        quote=info.quote_asset,
        settle=info.margin_asset,
        tick_size=step(price.tick_size, info.price_precision),
        lot_size=step(lot.step_size, info.quantity_precision),
        min_quantity=plain(lot.min_qty or Decimal(0)),
        max_quantity=limit(lot.max_qty),
        min_notional=plain(filters.get("MIN_NOTIONAL", _NO_FILTER).notional or Decimal(0)),
        market_max_quantity=limit(filters.get("MARKET_LOT_SIZE", NO_FILTER).max_qty),
        price_band_up=limit(band.multiplier_up),
        price_band_down=limit(band.multiplier_down),
        trailing=TRAILING if "TRAILING_STOP_MARKET" in info.order_types else None,
        status=status_of(info.status),
    )
