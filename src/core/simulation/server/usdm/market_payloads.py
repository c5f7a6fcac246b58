"""REST shapes of USD-M market data."""

from core.simulation.engine.amounts import text
from core.simulation.engine.events import Candle, Trade
from core.simulation.engine.perpetual.contracts import Contract
from core.simulation.engine.perpetual.views import FundingRate, MarkPrice
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.engine.views import AggregateTrade, Best, Depth, Ticker
from core.simulation.server import payloads
from core.simulation.server.clock import NS_PER_MS
from core.simulation.server.payloads import Json
from core.simulation.server.usdm.digits import price, quantity


def depth(spec: SymbolSpec, book: Depth, changed_ms: int, now_ms: int) -> Json:
    bids, asks = (payloads.levels(spec, side, price, quantity) for side in (book.bids, book.asks))
    return {"lastUpdateId": book.last_update_id, "E": now_ms, "T": changed_ms, "bids": bids, "asks": asks}


def kline(spec: SymbolSpec, candle: Candle) -> list[object]:
    return payloads.kline(spec, candle, price, quantity)


def mark_kline(candle: Candle) -> list[object]:
    """Of prices in quote atoms, with noughts for what a price that nobody pays has none of; the count is of the prices
    it was made of."""
    prices = (text(each) for each in (candle.open, candle.high, candle.low, candle.close))
    return [candle.open_ms, *prices, "0", candle.close_ms, "0", candle.n_trades, "0", "0", "0"]


def trade(spec: SymbolSpec, record: Trade) -> Json:
    return {
        "id": record.trade_id,
        "price": price(spec, record.price),
        "qty": quantity(spec, record.quantity),
        "quoteQty": text(spec.notional(record.price, record.quantity)),
        "time": record.time_ns // NS_PER_MS,
        "isBuyerMaker": record.buyer_is_maker,
    }


def aggregate_trade(spec: SymbolSpec, record: AggregateTrade) -> Json:
    return {
        "a": record.aggregate_id,
        "p": price(spec, record.price),
        "q": quantity(spec, record.quantity),
        "f": record.first_trade_id,
        "l": record.last_trade_id,
        "T": record.time_ns // NS_PER_MS,
        "m": record.buyer_is_maker,
    }


def book_ticker(spec: SymbolSpec, best: Best, now_ms: int) -> Json:
    return {
        "symbol": spec.name,
        "bidPrice": price(spec, best.bid),
        "bidQty": quantity(spec, best.bid_quantity),
        "askPrice": price(spec, best.ask),
        "askQty": quantity(spec, best.ask_quantity),
        "time": now_ms,
        "lastUpdateId": best.update_id,
    }


def ticker(spec: SymbolSpec, day: Ticker) -> Json:
    return {
        "symbol": spec.name,
        "priceChange": price(spec, day.last - day.open),
        "priceChangePercent": payloads.change_percent(day),
        "weightedAvgPrice": payloads.weighted_average(spec, day.volume, day.quote_volume, day.last),
        "lastPrice": price(spec, day.last),
        "lastQty": quantity(spec, day.last_quantity),
        "openPrice": price(spec, day.open),
        "highPrice": price(spec, day.high),
        "lowPrice": price(spec, day.low),
        "volume": quantity(spec, day.volume),
        "quoteVolume": spec.steps_text(day.quote_volume),
        "openTime": day.open_ms,
        "closeTime": day.close_ms,
        "firstId": day.first_trade_id,
        "lastId": day.last_trade_id,
        "count": day.n_trades,
    }


def premium_index(mark: MarkPrice, now_ms: int) -> Json:
    """`lastFundingRate` is the estimate of the next payment's rate, as the venue's own is."""
    return {
        "symbol": mark.symbol,
        "markPrice": text(mark.mark_price),
        "indexPrice": text(mark.index_price),
        "estimatedSettlePrice": text(mark.settle_price),
        "lastFundingRate": text(mark.funding_rate),
        "interestRate": text(mark.interest),
        "nextFundingTime": mark.next_funding_ns // NS_PER_MS,
        "time": mark.time_ns // NS_PER_MS or now_ms,
    }


def funding_rate(paid: FundingRate) -> Json:
    return {
        "symbol": paid.symbol,
        "fundingTime": paid.time_ns // NS_PER_MS,
        "fundingRate": text(paid.rate),
        "markPrice": text(paid.mark_price),
    }


def funding_info(contract: Contract) -> Json:
    return {
        "symbol": contract.spec.name,
        "adjustedFundingRateCap": text(contract.funding_cap),
        "adjustedFundingRateFloor": text(-contract.funding_cap),
        "fundingIntervalHours": contract.funding_interval_ns // 3_600_000_000_000,
        "disclaimer": False,
    }
