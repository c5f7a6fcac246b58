"""ccxt's market structures to instruments."""

from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from enum import IntEnum
from typing import Any

import structlog

from core.domain.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentStatus

log = structlog.get_logger()

_FINEST = Decimal(1).scaleb(-18)


class PrecisionMode(IntEnum):
    """How an exchange counts its steps (`ccxt.base.decimal_to_precision`)."""

    DECIMAL_PLACES = 2
    SIGNIFICANT_DIGITS = 3
    TICK_SIZE = 4


def instruments_of(
    markets: Iterable[Mapping[str, Any]], mode: PrecisionMode, prices: Mapping[str, Decimal] | None = None
) -> dict[InstrumentId, Instrument]:
    """Spot and perpetual instruments; one that cannot be read is logged and left out. `prices` by symbol are needed
    where steps are counted in significant digits: there a price's step follows from the price."""
    found: dict[InstrumentId, Instrument] = {}
    unreadable: list[str] = []
    for market in markets:
        try:
            instrument = _instrument(market, mode, (prices or {}).get(str(market.get("symbol"))))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, InvalidOperation):
            unreadable.append(str(market.get("symbol")))
            continue
        found[instrument.id] = instrument
    if unreadable:
        log.warning("instruments_unreadable", count=len(unreadable), such_as=unreadable[:5])
    return found


def _instrument(market: Mapping[str, Any], mode: PrecisionMode, price: Decimal | None) -> Instrument:
    precision, limits = market["precision"], market.get("limits") or {}
    amounts, costs = limits.get("amount") or {}, limits.get("cost") or {}
    lot = step(precision.get("amount"), PrecisionMode.DECIMAL_PLACES if mode is not PrecisionMode.TICK_SIZE else mode)
    is_spot = bool(market["spot"])
    return Instrument(
        id=InstrumentId(market["symbol"]),
        venue_symbol=str(market["id"]),
        kind=InstrumentKind.SPOT if is_spot else InstrumentKind.PERPETUAL,
        base=market["base"],
        quote=market["quote"],
        settle=market["quote"] if is_spot else market["settle"],
        tick_size=step(precision.get("price"), mode, price),
        lot_size=lot,
        min_quantity=max(_limit(amounts.get("min")) or Decimal(0), lot),
        max_quantity=_limit(amounts.get("max")),
        min_notional=_limit(costs.get("min")) or Decimal(0),
        max_notional=_limit(costs.get("max")),
        market_max_quantity=_limit((limits.get("market") or {}).get("max")),
        multiplier=Decimal(1) if is_spot else _limit(market.get("contractSize")) or Decimal(1),
        status=InstrumentStatus.HALTED if market.get("active") is False else InstrumentStatus.TRADING,
    )


def step(value: object, mode: PrecisionMode, price: Decimal | None = None) -> Decimal:
    """The step that `value` states in that mode. Raises ValueError for one that states none."""
    if value is None:
        raise ValueError("no step is stated")
    number = Decimal(str(value))
    if mode is PrecisionMode.TICK_SIZE:
        found = number
    elif mode is PrecisionMode.DECIMAL_PLACES:
        found = Decimal(1).scaleb(-int(number))
    elif price is None or price <= 0:
        raise ValueError("the step follows from the price, and there is none")
    else:
        found = Decimal(1).scaleb(price.adjusted() - int(number) + 1)
    if not found.is_finite() or found < _FINEST:
        raise ValueError(f"not a step: {value}")
    return _plain(found)


def _limit(value: object) -> Decimal | None:
    """`None` where none is stated; ccxt spells that 0, too."""
    if value is None:
        return None
    number = Decimal(str(value))
    return _plain(number) if number.is_finite() and number > 0 else None


def _plain(value: Decimal) -> Decimal:
    """Without trailing zeros, and without a positive exponent."""
    normal = value.normalize()
    return normal if int(normal.as_tuple().exponent) <= 0 else normal.quantize(Decimal(1), rounding=ROUND_CEILING)
