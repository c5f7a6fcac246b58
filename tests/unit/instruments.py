"""Instruments and quotes for tests, with steps like a real venue's."""

from decimal import Decimal
from typing import Any

from core.domain.freshness import Quote, Stamp
from core.domain.instruments import Instrument, InstrumentId, InstrumentKind


def spot(symbol: str = "BTC/USDT", **changes: Any) -> Instrument:
    base, _, quote = symbol.partition("/")
    fields: dict[str, Any] = {
        "id": InstrumentId(symbol),
        "venue_symbol": base + quote,
        "kind": InstrumentKind.SPOT,
        "base": base,
        "quote": quote,
        "settle": quote,
        "tick_size": Decimal("0.01"),
        "lot_size": Decimal("0.00001"),
        "min_quantity": Decimal("0.00001"),
        "max_quantity": Decimal(9_000),
        "min_notional": Decimal(5),
    }
    return Instrument(**{**fields, **changes})


def perpetual(symbol: str = "BTC/USDT:USDT", **changes: Any) -> Instrument:
    pair = symbol.partition(":")[0]
    return spot(pair, **{"id": InstrumentId(symbol), "kind": InstrumentKind.PERPETUAL, **changes})


def quote(bid: str | float, ask: str | float, *, confirmed_ns: int = 0) -> Quote:
    return Quote(Decimal(str(bid)), Decimal(str(ask)), Stamp(event_ns=None, confirmed_ns=confirmed_ns))
