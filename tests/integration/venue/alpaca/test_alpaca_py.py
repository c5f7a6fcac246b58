"""alpaca-py, as its users run it, with nothing changed but the address."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.enums import DataFeed, OptionsFeed
from alpaca.data.historical import OptionHistoricalDataClient, StockHistoricalDataClient
from alpaca.data.requests import (
    OptionBarsRequest,
    OptionChainRequest,
    OptionLatestQuoteRequest,
    OptionLatestTradeRequest,
    OptionSnapshotRequest,
    StockBarsRequest,
    StockLatestBarRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    StockSnapshotRequest,
)
from alpaca.data.timeframe import TimeFrame

from tests.venues import VenueProcess

NOW = datetime.now(UTC)


@pytest.fixture
def stocks(venue: VenueProcess) -> StockHistoricalDataClient:
    return StockHistoricalDataClient("paper", "paper", url_override=venue.url)


@pytest.fixture
def options(venue: VenueProcess) -> OptionHistoricalDataClient:
    return OptionHistoricalDataClient("paper", "paper", url_override=venue.url)


def rows(found: Any) -> dict[str, list[Any]]:
    data: dict[str, list[Any]] = found.data
    return data


def test_years_of_days_and_a_symbol_that_there_is_not(stocks: StockHistoricalDataClient) -> None:
    asked = StockBarsRequest(
        symbol_or_symbols=["SPY", "AAPL", "NOPE"], timeframe=TimeFrame.Day, start=NOW - timedelta(days=730)
    )
    found = rows(stocks.get_stock_bars(asked))
    assert set(found) == {"SPY", "AAPL"}
    assert all(480 < len(each) < 520 for each in found.values())
    assert all(bar.low <= bar.vwap <= bar.high for bar in found["SPY"])


@pytest.mark.slow
def test_minutes_over_many_pages(stocks: StockHistoricalDataClient) -> None:
    asked = StockBarsRequest(
        symbol_or_symbols=["SPY", "QQQ"], timeframe=TimeFrame.Minute, start=NOW - timedelta(days=40)
    )
    found = rows(stocks.get_stock_bars(asked))
    assert sum(len(each) for each in found.values()) > 20_000
    for bars in found.values():
        times = [bar.timestamp for bar in bars]
        assert times == sorted(set(times))


def test_the_latest_of_stocks(stocks: StockHistoricalDataClient) -> None:
    quote = stocks.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="SPY"))["SPY"]
    trade = stocks.get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols="SPY"))["SPY"]
    assert 0 < quote.bid_price < quote.ask_price
    assert trade.price == pytest.approx(quote.ask_price, rel=0.01)
    assert stocks.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols="SPY"))["SPY"].volume > 0
    snapshot = stocks.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols=["SPY", "F"]))["F"]
    assert snapshot.previous_daily_bar.timestamp < snapshot.daily_bar.timestamp


def test_a_chain_and_what_it_is_made_of(options: OptionHistoricalDataClient) -> None:
    chain = options.get_option_chain(OptionChainRequest(underlying_symbol="SPY"))
    assert len(chain) > 2_000
    with_greeks = {name: each for name, each in chain.items() if each.greeks is not None}
    assert len(with_greeks) > len(chain) / 2
    for name, each in with_greeks.items():
        assert each.implied_volatility > 0
        assert each.latest_quote.bid_price < each.latest_quote.ask_price
        assert (each.greeks.delta > 0) == (name[9] == "C") or each.greeks.delta == 0
    some = list(with_greeks)[:100]
    assert set(options.get_option_snapshot(OptionSnapshotRequest(symbol_or_symbols=some))) == set(some)
    quotes = options.get_option_latest_quote(OptionLatestQuoteRequest(symbol_or_symbols=some))
    assert all(quotes[name].ask_price > 0 for name in some)
    assert options.get_option_latest_trade(OptionLatestTradeRequest(symbol_or_symbols=some))


def test_a_chain_is_filtered(options: OptionHistoricalDataClient) -> None:
    soon = (NOW + timedelta(days=45)).date()
    asked = OptionChainRequest(
        underlying_symbol="AAPL", type="call", strike_price_gte=150, strike_price_lte=300, expiration_date_lte=soon
    )
    chain = options.get_option_chain(asked)
    assert chain
    for name in chain:
        assert name[10] == "C"
        assert 150 <= int(name[-8:]) / 1_000 <= 300
        assert name[4:10] <= f"{soon:%y%m%d}"


def test_bars_of_a_hundred_contracts(options: OptionHistoricalDataClient) -> None:
    soon = (NOW + timedelta(days=45)).date()
    asked = OptionChainRequest(
        underlying_symbol="SPY", type="put", expiration_date_gte=NOW.date(), expiration_date_lte=soon
    )
    deltas = {name: each.greeks.delta for name, each in options.get_option_chain(asked).items() if each.greeks}
    near = sorted(deltas, key=lambda name: abs(deltas[name] + 0.4))[:100]
    bars = rows(
        options.get_option_bars(
            OptionBarsRequest(symbol_or_symbols=near, timeframe=TimeFrame.Day, start=NOW - timedelta(days=60))
        )
    )
    assert len(bars) > 60
    assert all(bar.low <= bar.open <= bar.high for each in bars.values() for bar in each)


def test_what_the_plan_does_not_have(
    stocks: StockHistoricalDataClient, options: OptionHistoricalDataClient, venue: VenueProcess
) -> None:
    recent = StockBarsRequest(
        symbol_or_symbols="SPY", timeframe=TimeFrame.Minute, start=NOW - timedelta(days=1), end=NOW, feed=DataFeed.SIP
    )
    with pytest.raises(APIError, match="does not permit querying recent SIP data") as refused:
        stocks.get_stock_bars(recent)
    assert refused.value.status_code == 403
    with pytest.raises(APIError, match="OPRA agreement is not signed"):
        options.get_option_chain(OptionChainRequest(underlying_symbol="SPY", feed=OptionsFeed.OPRA))
    at_iex = rows(stocks.get_stock_bars(recent.model_copy(update={"feed": DataFeed.IEX, "end": None})))
    assert all(bar.volume > 0 for bars in at_iex.values() for bar in bars)
    stranger = StockHistoricalDataClient("nobody", "nothing", url_override=venue.url)
    with pytest.raises(APIError, match="forbidden") as unknown:
        stranger.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="SPY"))
    assert unknown.value.status_code == 403
