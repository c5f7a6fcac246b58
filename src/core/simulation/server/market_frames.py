"""Payloads of market streams, encoded. Amounts are text with eight decimals, times UTC ms of venue time.

Hand-written JSON where thousands a second pass: symbols and amounts never need escaping.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from core.simulation.engine.events import Candle, Trade
from core.simulation.engine.intervals import Interval
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.engine.views import AggregateTrade, Best, Depth, Ticker
from core.simulation.server import payloads
from core.simulation.server.clock import NS_PER_MS
from core.simulation.server.payloads import Json, Spelling

_BOOL = {True: "true", False: "false"}

Level = tuple[int, int]


@dataclass(slots=True)
class BookDiff:
    """Book changes between two frames: price ticks to the level's new quantity, 0 for a level that went."""

    first_id: int
    last_id: int
    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)
    time_ns: int = 0
    """Of the last change."""


def trade(spec: SymbolSpec, event: Trade, event_ms: int) -> bytes:
    return (
        f'{{"e":"trade","E":{event_ms},"s":"{spec.name}","t":{event.trade_id},'
        f'"p":"{spec.price_text(event.price)}","q":"{spec.quantity_text(event.quantity)}",'
        f'"T":{event.time_ns // NS_PER_MS},"m":{_BOOL[event.buyer_is_maker]},"M":true}}'
    ).encode()


def aggregate_trade(spec: SymbolSpec, event: AggregateTrade, event_ms: int) -> bytes:
    return (
        f'{{"e":"aggTrade","E":{event_ms},"s":"{spec.name}","a":{event.aggregate_id},'
        f'"p":"{spec.price_text(event.price)}","q":"{spec.quantity_text(event.quantity)}",'
        f'"f":{event.first_trade_id},"l":{event.last_trade_id},'
        f'"T":{event.time_ns // NS_PER_MS},"m":{_BOOL[event.buyer_is_maker]},"M":true}}'
    ).encode()


def book_ticker(spec: SymbolSpec, best: Best, changed_ms: int, event_ms: int) -> bytes:
    """Spot quotes bear no times."""
    return (
        f'{{"u":{best.update_id},"s":"{spec.name}","b":"{spec.price_text(best.bid)}",'
        f'"B":"{spec.quantity_text(best.bid_quantity)}","a":"{spec.price_text(best.ask)}",'
        f'"A":"{spec.quantity_text(best.ask_quantity)}"}}'
    ).encode()


def kline(
    spec: SymbolSpec,
    interval: Interval,
    candle: Candle,
    *,
    closed: bool,
    event_ms: int,
    price: Spelling = SymbolSpec.price_text,
    quantity: Spelling = SymbolSpec.quantity_text,
) -> bytes:
    return (
        f'{{"e":"kline","E":{event_ms},"s":"{spec.name}","k":{{"t":{candle.open_ms},"T":{candle.close_ms},'
        f'"s":"{spec.name}","i":"{interval.value}","f":{candle.first_trade_id},"L":{candle.last_trade_id},'
        f'"o":"{price(spec, candle.open)}","c":"{price(spec, candle.close)}",'
        f'"h":"{price(spec, candle.high)}","l":"{price(spec, candle.low)}",'
        f'"v":"{quantity(spec, candle.volume)}","n":{candle.n_trades},"x":{_BOOL[closed]},'
        f'"q":"{spec.steps_text(candle.quote_volume)}","V":"{quantity(spec, candle.taker_buy_volume)}",'
        f'"Q":"{spec.steps_text(candle.taker_buy_quote_volume)}","B":"0"}}}}'
    ).encode()


def depth_update(spec: SymbolSpec, diff: BookDiff, event_ms: int) -> bytes:
    bids = levels(spec, sorted(diff.bids.items(), reverse=True))
    asks = levels(spec, sorted(diff.asks.items()))
    return (
        f'{{"e":"depthUpdate","E":{event_ms},"s":"{spec.name}","U":{diff.first_id},"u":{diff.last_id},'
        f'"b":[{bids}],"a":[{asks}]}}'
    ).encode()


def partial_depth(spec: SymbolSpec, book: Depth, previous_id: int, event_ms: int) -> bytes:
    """`previous_id`: update id of the stream's frame before, 0: none. Spot books bear neither it nor a time."""
    bids, asks = levels(spec, book.bids), levels(spec, book.asks)
    return f'{{"lastUpdateId":{book.last_update_id},"bids":[{bids}],"asks":[{asks}]}}'.encode()


def mini_ticker(
    spec: SymbolSpec,
    ticker: Ticker,
    event_ms: int,
    price: Spelling = SymbolSpec.price_text,
    quantity: Spelling = SymbolSpec.quantity_text,
) -> Json:
    return {
        "e": "24hrMiniTicker",
        "E": event_ms,
        "s": spec.name,
        "c": price(spec, ticker.last),
        "o": price(spec, ticker.open),
        "h": price(spec, ticker.high),
        "l": price(spec, ticker.low),
        "v": quantity(spec, ticker.volume),
        "q": spec.steps_text(ticker.quote_volume),
    }


def full_ticker(spec: SymbolSpec, ticker: Ticker, best: Best, event_ms: int) -> Json:
    return {
        "e": "24hrTicker",
        "E": event_ms,
        "s": spec.name,
        "p": spec.price_text(ticker.last - ticker.open),
        "P": payloads.change_percent(ticker),
        "w": payloads.weighted_average(spec, ticker.volume, ticker.quote_volume, ticker.last),
        "x": spec.price_text(ticker.previous_close),
        "c": spec.price_text(ticker.last),
        "Q": spec.quantity_text(ticker.last_quantity),
        "b": spec.price_text(best.bid),
        "B": spec.quantity_text(best.bid_quantity),
        "a": spec.price_text(best.ask),
        "A": spec.quantity_text(best.ask_quantity),
        "o": spec.price_text(ticker.open),
        "h": spec.price_text(ticker.high),
        "l": spec.price_text(ticker.low),
        "v": spec.quantity_text(ticker.volume),
        "q": spec.steps_text(ticker.quote_volume),
        "O": ticker.open_ms,
        "C": ticker.close_ms,
        "F": ticker.first_trade_id,
        "L": ticker.last_trade_id,
        "n": ticker.n_trades,
    }


def average_price(spec: SymbolSpec, price: str, last_trade_ms: int, event_ms: int) -> bytes:
    return msgspec.json.encode(
        {"e": "avgPrice", "E": event_ms, "s": spec.name, "i": "5m", "w": price, "T": last_trade_ms}
    )


def levels(
    spec: SymbolSpec,
    side: Sequence[Level],
    price: Spelling = SymbolSpec.price_text,
    quantity: Spelling = SymbolSpec.quantity_text,
) -> str:
    """The inside of a JSON array."""
    return ",".join(f'["{price(spec, ticks)}","{quantity(spec, lots)}"]' for ticks, lots in side)
