"""ccxt's unified market structures as the domain's events. Raises ValueError for what cannot be read."""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from core.domain.candles import Candle
from core.domain.instruments import InstrumentId
from core.domain.market import BookChanged, QuoteChanged, TradePrinted
from core.runtime.clocks import NS_PER_MS

_PRICE_MAX = 1e15
_QUANTITY_MAX = 1e18


def candle(row: Sequence[Any]) -> Candle:
    """[open time, open, high, low, close, volume]; a volume that is not stated is 0."""
    first, high, low, last = (_price(value) for value in row[1:5])
    return Candle(int(row[0]), first, high, low, last, _quantity(row[5] if len(row) > 5 else None))


def trade(instrument_id: InstrumentId, row: Mapping[str, Any], number: int, received_ns: int) -> TradePrinted:
    """`number` stands in for an id that is none; a trade whose side is not told counts as a buyer's."""
    price, quantity = _price(row["price"]), _quantity(row["amount"])
    name = str(row.get("id") or "")
    return TradePrinted(
        instrument_id,
        int(name) if name.isascii() and name.isdigit() and len(name) < 19 else number,
        plain(price),
        plain(quantity),
        row.get("side") == "sell",
        int(row["timestamp"]) * NS_PER_MS,
        received_ns,
    )


def quote(instrument_id: InstrumentId, ticker: Mapping[str, Any], received_ns: int) -> QuoteChanged | None:
    """`None` where the ticker lacks a side or a quantity."""
    values = [ticker.get(key) for key in ("bid", "bidVolume", "ask", "askVolume")]
    if any(value is None for value in values):
        return None
    bid, ask = _price(values[0]), _price(values[2])
    at_ms = ticker.get("timestamp")
    return QuoteChanged(
        instrument_id,
        bid,
        _quantity(values[1]),
        ask,
        _quantity(values[3]),
        received_ns,
        int(at_ms) * NS_PER_MS if at_ms else None,
        received_ns,
    )


def touch(instrument_id: InstrumentId, book: Mapping[str, Any], received_ns: int) -> QuoteChanged:
    """The best levels of an order book; 0 where a side is empty."""
    bids, asks = book["bids"], book["asks"]
    bid = _level(bids[0]) if len(bids) else (0.0, 0.0)
    ask = _level(asks[0]) if len(asks) else (0.0, 0.0)
    at_ms = book.get("timestamp")
    event_ns = int(at_ms) * NS_PER_MS if at_ms else None
    return QuoteChanged(instrument_id, *bid, *ask, received_ns, event_ns, received_ns)


def book_changed(
    instrument_id: InstrumentId, book: Mapping[str, Any], levels: int, now_ns: int, received_ns: int
) -> BookChanged:
    """A full picture, at most `levels` a side; `now_ns` is its time where it carries none."""
    at_ms = book.get("timestamp")
    return BookChanged(
        instrument_id=instrument_id,
        bids=[_level(each) for each in book["bids"][:levels]],
        asks=[_level(each) for each in book["asks"][:levels]],
        first_sequence=received_ns,
        last_sequence=received_ns,
        is_snapshot=True,
        event_ns=int(at_ms) * NS_PER_MS if at_ms else now_ns,
        received_ns=received_ns,
    )


def plain(value: float) -> str:
    """As a decimal without an exponent, of the shortest digits that mean this number."""
    return f"{Decimal(repr(value)):f}"


def _level(level: Sequence[Any]) -> tuple[float, float]:
    return _price(level[0]), _quantity(level[1])


def _price(value: Any) -> float:
    number = float(value)
    if not (math.isfinite(number) and 0 < number <= _PRICE_MAX):
        raise ValueError(f"not a price: {value}")
    return number


def _quantity(value: Any) -> float:
    number = float(value or 0)
    if not (math.isfinite(number) and 0 <= number <= _QUANTITY_MAX):
        raise ValueError(f"not a quantity: {value}")
    return number
