"""From a stream's name to the event its frames become, decoded straight into the domain's structs."""

from collections.abc import Callable, Mapping

import msgspec

from core.domain.candles import Candle, Timeframe
from core.domain.instruments import InstrumentId
from core.domain.market import BookChanged, CandleChanged, MarketEvent, QuoteChanged, TradePrinted
from core.ports.venue import StreamSubscriptions
from core.runtime.clocks import NS_PER_MS
from core.venues.binance.decode import DepthFrame, KlineFrame, QuoteFrame, TradeFrame
from core.venues.binance.instruments import venue_symbol

Route = Callable[[bytes, int], MarketEvent]
"""(frame, received_ns) to its event. Raises one of `decode.UNREADABLE`."""

_quotes = msgspec.json.Decoder(QuoteFrame, strict=False)
_trades = msgspec.json.Decoder(TradeFrame)
_klines = msgspec.json.Decoder(KlineFrame, strict=False)
_depths = msgspec.json.Decoder(DepthFrame, strict=False)


def streams_of(subscriptions: StreamSubscriptions) -> dict[InstrumentId, dict[str, Route]]:
    """Stream names and their routes, by instrument."""
    streams: dict[InstrumentId, dict[str, Route]] = {}

    def add(instrument_id: InstrumentId, suffix: str, route: Route) -> None:
        streams.setdefault(instrument_id, {})[f"{venue_symbol(instrument_id).lower()}@{suffix}"] = route

    for key in subscriptions.candles:
        route = kline_route(key.instrument_id, key.timeframe)
        add(key.instrument_id, f"kline_{key.timeframe.value}", route)
    for instrument_id in subscriptions.quotes:
        add(instrument_id, "bookTicker", quote_route(instrument_id))
    for instrument_id in subscriptions.trades:
        add(instrument_id, "trade", trade_route(instrument_id))
    for instrument_id in subscriptions.books:
        add(instrument_id, "depth@100ms", depth_route(instrument_id))
    return streams


def by_frame_name(streams: Mapping[InstrumentId, Mapping[str, Route]]) -> dict[bytes, Route]:
    return {name.encode(): route for routes in streams.values() for name, route in routes.items()}


def quote_route(instrument_id: InstrumentId) -> Route:
    decode = _quotes.decode

    def route(frame: bytes, received_ns: int) -> QuoteChanged:
        data = decode(frame).data
        return QuoteChanged(
            instrument_id,
            data.bid,
            data.bid_quantity,
            data.ask,
            data.ask_quantity,
            data.update_id,
            None if data.event_ms is None else data.event_ms * NS_PER_MS,
            received_ns,
        )

    return route


def trade_route(instrument_id: InstrumentId) -> Route:
    decode = _trades.decode

    def route(frame: bytes, received_ns: int) -> TradePrinted:
        """The event's time is the trade's, which decides the candle it belongs to."""
        data = decode(frame).data
        return TradePrinted(
            instrument_id,
            data.trade_id,
            data.price,
            data.quantity,
            data.buyer_is_maker,
            data.trade_ms * NS_PER_MS,
            received_ns,
        )

    return route


def kline_route(instrument_id: InstrumentId, timeframe: Timeframe) -> Route:
    decode = _klines.decode

    def route(frame: bytes, received_ns: int) -> CandleChanged:
        data = decode(frame).data
        kline = data.kline
        candle = Candle(
            kline.open_ms,
            kline.open,
            kline.high,
            kline.low,
            kline.close,
            kline.volume,
            kline.quote_volume,
            kline.n_trades,
        )
        return CandleChanged(instrument_id, timeframe, candle, kline.is_closed, data.event_ms * NS_PER_MS, received_ns)

    return route


def depth_route(instrument_id: InstrumentId) -> Route:
    decode = _depths.decode

    def route(frame: bytes, received_ns: int) -> BookChanged:
        data = decode(frame).data
        return BookChanged(
            instrument_id,
            data.bids,
            data.asks,
            data.first_id,
            data.last_id,
            False,
            data.event_ms * NS_PER_MS,
            received_ns,
            data.previous_id,
        )

    return route
