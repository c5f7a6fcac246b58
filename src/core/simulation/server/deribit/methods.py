"""The table of all public methods."""

from collections.abc import Callable, Mapping

from core.simulation.server.deribit.history_methods import HistoryMethods
from core.simulation.server.deribit.market import CoinMarket
from core.simulation.server.deribit.market_methods import MarketMethods
from core.simulation.server.deribit.params import Params
from core.simulation.server.deribit.reply import Reply

Method = Callable[[Params, int], Reply]
"""Of parameters and the venue's time in ms. Raises `RpcError`."""


class PublicMethods:
    """`table` is by name, without `public/`."""

    def __init__(self, market: CoinMarket) -> None:
        now = MarketMethods(market)
        self.past = HistoryMethods(market, now)
        self.table: Mapping[str, Method] = _table(now, self.past)


def _table(now: MarketMethods, past: HistoryMethods) -> Mapping[str, Method]:
    return {
        "get_time": now.get_time,
        "test": now.test,
        "hello": now.hello,
        "status": now.status,
        "get_currencies": now.get_currencies,
        "get_index_price_names": now.get_index_price_names,
        "get_supported_index_names": now.get_index_price_names,
        "get_instruments": now.get_instruments,
        "get_instrument": now.get_instrument,
        "get_expirations": now.get_expirations,
        "get_index_price": now.get_index_price,
        "ticker": now.ticker,
        "get_order_book": now.get_order_book,
        "get_book_summary_by_currency": now.get_book_summary_by_currency,
        "get_book_summary_by_instrument": now.get_book_summary_by_instrument,
        "get_last_trades_by_instrument": past.trades_of_instrument,
        "get_last_trades_by_instrument_and_time": past.trades_of_instrument_in_time,
        "get_last_trades_by_currency": past.trades_of_currency,
        "get_last_trades_by_currency_and_time": past.trades_of_currency_in_time,
        "get_tradingview_chart_data": past.get_tradingview_chart_data,
        "get_funding_rate_value": past.get_funding_rate_value,
        "get_funding_rate_history": past.get_funding_rate_history,
        "get_historical_volatility": past.get_historical_volatility,
        "get_volatility_index_data": past.get_volatility_index_data,
    }
