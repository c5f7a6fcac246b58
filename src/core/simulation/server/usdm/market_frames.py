"""Public stream events of USD-M, a `MarketSpelling`. `ps` is the pair, `st` 1 for a perpetual (both since 2026)."""

from collections.abc import Sequence

from core.simulation.engine.events import Candle, Trade
from core.simulation.engine.intervals import Interval
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.engine.views import AggregateTrade, Best, Depth, Ticker
from core.simulation.server import market_frames, payloads
from core.simulation.server.clock import NS_PER_MS
from core.simulation.server.market_frames import BookDiff, Level
from core.simulation.server.payloads import Json
from core.simulation.server.usdm.digits import price, quantity

_BOOL = {True: "true", False: "false"}


def trade(spec: SymbolSpec, event: Trade, event_ms: int) -> bytes:
    return (
        f'{{"e":"trade","E":{event_ms},"T":{event.time_ns // NS_PER_MS},"s":"{spec.name}","t":{event.trade_id},'
        f'"p":"{price(spec, event.price)}","q":"{quantity(spec, event.quantity)}",'
        f'"X":"MARKET","m":{_BOOL[event.buyer_is_maker]}}}'
    ).encode()


def aggregate_trade(spec: SymbolSpec, event: AggregateTrade, event_ms: int) -> bytes:
    return (
        f'{{"e":"aggTrade","E":{event_ms},"a":{event.aggregate_id},"s":"{spec.name}",'
        f'"p":"{price(spec, event.price)}","q":"{quantity(spec, event.quantity)}",'
        f'"f":{event.first_trade_id},"l":{event.last_trade_id},'
        f'"T":{event.time_ns // NS_PER_MS},"m":{_BOOL[event.buyer_is_maker]},"st":1}}'
    ).encode()


def book_ticker(spec: SymbolSpec, best: Best, changed_ms: int, event_ms: int) -> bytes:
    return (
        f'{{"e":"bookTicker","u":{best.update_id},"E":{event_ms},"T":{changed_ms},"s":"{spec.name}",'
        f'"b":"{price(spec, best.bid)}","B":"{quantity(spec, best.bid_quantity)}",'
        f'"a":"{price(spec, best.ask)}","A":"{quantity(spec, best.ask_quantity)}","st":1,"ps":"{spec.name}"}}'
    ).encode()


def kline(spec: SymbolSpec, interval: Interval, candle: Candle, *, closed: bool, event_ms: int) -> bytes:
    return market_frames.kline(spec, interval, candle, closed=closed, event_ms=event_ms, price=price, quantity=quantity)


def depth_update(spec: SymbolSpec, diff: BookDiff, event_ms: int) -> bytes:
    """Update ids have no gaps here, so the one before `U` is the last of the frame before (`pu`)."""
    bids = sorted(diff.bids.items(), reverse=True)
    asks = sorted(diff.asks.items())
    ids = (diff.first_id, diff.last_id, diff.first_id - 1)
    return _depth(spec, ids, (bids, asks), diff.time_ns // NS_PER_MS, event_ms)


def partial_depth(spec: SymbolSpec, book: Depth, previous_id: int, event_ms: int) -> bytes:
    ids = (previous_id + 1, book.last_update_id, previous_id)
    return _depth(spec, ids, (book.bids, book.asks), event_ms, event_ms)


def mini_ticker(spec: SymbolSpec, ticker: Ticker, event_ms: int) -> Json:
    return market_frames.mini_ticker(spec, ticker, event_ms, price, quantity) | {"st": 1, "ps": spec.name}


def full_ticker(spec: SymbolSpec, ticker: Ticker, best: Best, event_ms: int) -> Json:
    """Futures tickers have no quotes and no previous close."""
    return {
        "e": "24hrTicker",
        "E": event_ms,
        "s": spec.name,
        "p": price(spec, ticker.last - ticker.open),
        "P": payloads.change_percent(ticker),
        "w": payloads.weighted_average(spec, ticker.volume, ticker.quote_volume, ticker.last),
        "c": price(spec, ticker.last),
        "Q": quantity(spec, ticker.last_quantity),
        "o": price(spec, ticker.open),
        "h": price(spec, ticker.high),
        "l": price(spec, ticker.low),
        "v": quantity(spec, ticker.volume),
        "q": spec.steps_text(ticker.quote_volume),
        "O": ticker.open_ms,
        "C": ticker.close_ms,
        "F": ticker.first_trade_id,
        "L": ticker.last_trade_id,
        "n": ticker.n_trades,
        "st": 1,
    }


def _depth(
    spec: SymbolSpec,
    ids: tuple[int, int, int],
    sides: tuple[Sequence[Level], Sequence[Level]],
    changed_ms: int,
    event_ms: int,
) -> bytes:
    """`ids`: first and last update, and the last of the frame before."""
    first_id, last_id, previous_id = ids
    bids, asks = (market_frames.levels(spec, side, price, quantity) for side in sides)
    return (
        f'{{"e":"depthUpdate","E":{event_ms},"T":{changed_ms},"s":"{spec.name}","ps":"{spec.name}","st":1,'
        f'"U":{first_id},"u":{last_id},"pu":{previous_id},"b":[{bids}],"a":[{asks}]}}'
    ).encode()
