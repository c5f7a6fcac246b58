"""REST shapes of market data: what the engine shows of it as Binance spells it. Amounts are text with eight decimals,
times UTC ms."""

from collections.abc import Callable, Sequence

from core.simulation.engine.amounts import text
from core.simulation.engine.events import Candle, Trade
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.engine.views import AggregateTrade, Best, Depth, Ticker
from core.simulation.server.clock import NS_PER_MS

Json = dict[str, object]
Spelling = Callable[[SymbolSpec, int], str]
"""Of ticks as a price, or of lots as a quantity."""

ZERO = "0.00000000"


def depth(spec: SymbolSpec, book: Depth) -> Json:
    return {
        "lastUpdateId": book.last_update_id,
        "bids": levels(spec, book.bids),
        "asks": levels(spec, book.asks),
    }


def levels(
    spec: SymbolSpec,
    side: Sequence[tuple[int, int]],
    price: Spelling = SymbolSpec.price_text,
    quantity: Spelling = SymbolSpec.quantity_text,
) -> list[tuple[str, str]]:
    return [(price(spec, ticks), quantity(spec, lots)) for ticks, lots in side]


def kline(
    spec: SymbolSpec,
    candle: Candle,
    price: Spelling = SymbolSpec.price_text,
    quantity: Spelling = SymbolSpec.quantity_text,
) -> list[object]:
    return [
        candle.open_ms,
        price(spec, candle.open),
        price(spec, candle.high),
        price(spec, candle.low),
        price(spec, candle.close),
        quantity(spec, candle.volume),
        candle.close_ms,
        spec.steps_text(candle.quote_volume),
        candle.n_trades,
        quantity(spec, candle.taker_buy_volume),
        spec.steps_text(candle.taker_buy_quote_volume),
        "0",
    ]


def trade(spec: SymbolSpec, record: Trade) -> Json:
    return {
        "id": record.trade_id,
        "price": spec.price_text(record.price),
        "qty": spec.quantity_text(record.quantity),
        "quoteQty": text(spec.notional(record.price, record.quantity)),
        "time": record.time_ns // NS_PER_MS,
        "isBuyerMaker": record.buyer_is_maker,
        "isBestMatch": True,
    }


def aggregate_trade(spec: SymbolSpec, record: AggregateTrade) -> Json:
    return {
        "a": record.aggregate_id,
        "p": spec.price_text(record.price),
        "q": spec.quantity_text(record.quantity),
        "f": record.first_trade_id,
        "l": record.last_trade_id,
        "T": record.time_ns // NS_PER_MS,
        "m": record.buyer_is_maker,
        "M": True,
    }


def book_ticker(spec: SymbolSpec, best: Best) -> Json:
    return {
        "symbol": spec.name,
        "bidPrice": spec.price_text(best.bid),
        "bidQty": spec.quantity_text(best.bid_quantity),
        "askPrice": spec.price_text(best.ask),
        "askQty": spec.quantity_text(best.ask_quantity),
    }


def weighted_average(spec: SymbolSpec, volume: int, quote_steps: int, fallback: int) -> str:
    """Volume-weighted price; `fallback` (ticks) where nothing traded."""
    return text(round(quote_steps / volume * spec.tick_atoms)) if volume else spec.price_text(fallback)


def change_percent(ticker: Ticker) -> str:
    return f"{(ticker.last - ticker.open) / ticker.open * 100:.3f}" if ticker.open else "0.000"


def ticker_mini(spec: SymbolSpec, ticker: Ticker) -> Json:
    return {
        "symbol": spec.name,
        "openPrice": spec.price_text(ticker.open),
        "highPrice": spec.price_text(ticker.high),
        "lowPrice": spec.price_text(ticker.low),
        "lastPrice": spec.price_text(ticker.last),
        "volume": spec.quantity_text(ticker.volume),
        "quoteVolume": spec.steps_text(ticker.quote_volume),
        "openTime": ticker.open_ms,
        "closeTime": ticker.close_ms,
        "firstId": ticker.first_trade_id,
        "lastId": ticker.last_trade_id,
        "count": ticker.n_trades,
    }


def ticker_full(spec: SymbolSpec, ticker: Ticker, best: Best) -> Json:
    return {
        "symbol": spec.name,
        "priceChange": spec.price_text(ticker.last - ticker.open),
        "priceChangePercent": change_percent(ticker),
        "weightedAvgPrice": weighted_average(spec, ticker.volume, ticker.quote_volume, ticker.last),
        "prevClosePrice": spec.price_text(ticker.previous_close),
        "lastPrice": spec.price_text(ticker.last),
        "lastQty": spec.quantity_text(ticker.last_quantity),
        "bidPrice": spec.price_text(best.bid),
        "bidQty": spec.quantity_text(best.bid_quantity),
        "askPrice": spec.price_text(best.ask),
        "askQty": spec.quantity_text(best.ask_quantity),
        "openPrice": spec.price_text(ticker.open),
        "highPrice": spec.price_text(ticker.high),
        "lowPrice": spec.price_text(ticker.low),
        "volume": spec.quantity_text(ticker.volume),
        "quoteVolume": spec.steps_text(ticker.quote_volume),
        "openTime": ticker.open_ms,
        "closeTime": ticker.close_ms,
        "firstId": ticker.first_trade_id,
        "lastId": ticker.last_trade_id,
        "count": ticker.n_trades,
    }
