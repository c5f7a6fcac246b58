"""Chains and bars of stock options."""

from datetime import date

import numpy as np
import pytest

from core.simulation.engine.options.contracts import Contract, parse
from core.simulation.engine.options.stock_options import INTEREST, Chain
from core.simulation.engine.underlyings.bars import Bars
from core.simulation.engine.underlyings.timeframe import Timeframe, Unit
from tests.unit.simulation.engine.underlyings.markets import at, new_york, options, stocks

NOW_S = at("2026-03-06 17:30")
DAY = date(2026, 3, 6)


def chain(symbol: str, now_s: float = NOW_S) -> Chain:
    return options().quotes(options().listed.chain(symbol, options().today(now_s)), now_s)


def near_the_money(symbol: str, *, is_call: bool = True) -> Contract:
    found = chain(symbol)
    deltas = np.abs(np.abs(found.quotes.greeks.delta) - 0.45)
    rows = [
        row for row, each in enumerate(found.contracts) if each.is_call is is_call and each.expiry > date(2026, 4, 1)
    ]
    return found.contracts[min(rows, key=lambda row: deltas[row])]


def bars(contract: Contract, unit: Unit, first: str, *, at_most: int = 100_000, newest_first: bool = False) -> Bars:
    return options().bars(
        contract,
        Timeframe(1, unit),
        at(first),
        NOW_S,
        now_s=NOW_S,
        at_most=at_most,
        newest_first=newest_first,
    )


def test_symbols_there_and_back() -> None:
    contract = Contract("SPY", date(2026, 12, 18), is_call=True, strike=600.5)
    assert contract.symbol == "SPY261218C00600500"
    assert parse(contract.symbol) == contract


@pytest.mark.parametrize("symbol", ["SPY", "SPY261318C00600000", "SPY261218X00600000", "spy261218C00600000", ""])
def test_what_is_no_contract(symbol: str) -> None:
    assert parse(symbol) is None


def test_expiries_are_where_they_are_on_a_calendar() -> None:
    listed = options().listed
    for symbol in ("SPY", "AAPL"):
        expiries = listed.expiries(symbol, DAY)
        assert expiries[0] >= DAY
        assert all(new_york().index(each) is not None for each in expiries)
        assert date(2026, 3, 20) in expiries, "the third Friday"
        assert any(each.year == 2028 and each.month == 1 for each in expiries), "January, two years ahead"
    assert date(2026, 3, 9) in listed.expiries("SPY", DAY), "a Monday"
    assert date(2026, 3, 9) not in listed.expiries("AAPL", DAY)
    # Good Friday: what should expire on it does the day before.
    assert date(2026, 4, 2) in listed.expiries("AAPL", DAY)
    assert date(2026, 4, 3) not in listed.expiries("AAPL", DAY)


def test_a_listed_contract_stays_until_it_expires() -> None:
    listed, expiry = options().listed, date(2026, 3, 20)
    before: set[float] = set()
    for day in (date(2025, 10, 1), date(2025, 12, 1), date(2026, 2, 2), date(2026, 3, 20)):
        strikes = set(listed.strikes("TSLA", expiry, day).tolist())
        assert before <= strikes
        before = strikes
    spot = stocks().price("TSLA", NOW_S)
    assert min(before) < spot < max(before)
    assert listed.strikes("TSLA", expiry, date(2024, 1, 2)).size == 0
    assert listed.strikes("TSLA", date(2026, 3, 21), DAY).size == 0


@pytest.mark.parametrize("symbol", ["SPY", "F", "NVDA"])
def test_quotes_are_around_what_contracts_are_worth(symbol: str) -> None:
    found = chain(symbol)
    quotes = found.quotes
    assert (quotes.bid <= quotes.worth + 1e-9).all()
    assert (quotes.worth <= quotes.ask + 1e-9).all()
    assert (quotes.bid < quotes.ask).all()
    assert (quotes.ask >= 0.01).all()
    assert (np.abs(np.round(quotes.ask * 100) - quotes.ask * 100) < 1e-6).all()
    assert quotes.open_interest.max() > 100


def test_puts_and_calls_of_a_chain_agree_within_their_spreads() -> None:
    found, spot = chain("SPY"), stocks().price("SPY", NOW_S)
    rows = {(each.expiry, each.strike, each.is_call): row for row, each in enumerate(found.contracts)}
    dividends = stocks().underlying("SPY").dividend_yield
    n = 0
    for (expiry, strike, is_call), call in rows.items():
        if not is_call:
            continue
        put, n = rows[expiry, strike, False], n + 1
        years = max(new_york().close_s(new_york().on_or_before(expiry)) - NOW_S, 60) / (365 * 86_400)
        forward = spot * np.exp(-dividends * years) - strike * np.exp(-INTEREST * years)
        quotes = found.quotes
        assert quotes.bid[call] - quotes.ask[put] <= forward + 1e-6
        assert quotes.ask[call] - quotes.bid[put] >= forward - 1e-6
    assert n > 1_000


def test_farther_contracts_are_quoted_wider_for_what_they_cost() -> None:
    found = chain("SPY")
    quotes = found.quotes
    spread = (quotes.ask - quotes.bid) / np.maximum(quotes.worth, 0.01)
    delta = np.abs(quotes.greeks.delta)
    at_the_money = (delta > 0.4) & (delta < 0.6) & (quotes.worth > 3)
    far = (delta > 0.01) & (delta < 0.05)
    assert np.median(spread[at_the_money]) < 0.02
    assert np.median(spread[far]) > 5 * np.median(spread[at_the_money])


def test_after_the_close_quotes_are_the_close_s() -> None:
    evening, saturday = chain("SPY", at("2026-03-06 23:00")), chain("SPY", at("2026-03-07 15:00"))
    assert evening.time_s == saturday.time_s == at("2026-03-06 21:00")


@pytest.mark.parametrize("unit", [Unit.MINUTE, Unit.HOUR, Unit.DAY])
def test_bars_are_bars_and_pages_join(unit: Unit) -> None:
    contract = near_the_money("SPY")
    found = bars(contract, unit, "2026-02-10")
    assert len(found) > 10
    assert (found.low <= np.minimum(found.open, found.close)).all()
    assert (found.high >= np.maximum(found.open, found.close)).all()
    assert ((found.volume >= 1) & (found.trades >= 1)).all()
    page = bars(contract, unit, "2026-02-10", at_most=7)
    rest = options().bars(contract, Timeframe(1, unit), int(page.time_s[-1]) + 1, NOW_S, now_s=NOW_S, at_most=100_000)
    for whole, first, then in zip(found.columns(), page.columns(), rest.columns(), strict=True):
        np.testing.assert_array_equal(whole, np.concatenate((first, then)))
    backwards = bars(contract, unit, "2026-02-10", newest_first=True)
    np.testing.assert_array_equal(found.close, backwards.close[::-1])


def test_bars_end_near_the_quotes() -> None:
    contract = near_the_money("AAPL", is_call=False)
    last = bars(contract, Unit.DAY, "2026-02-01").close[-1]
    quotes = options().quotes([contract], NOW_S).quotes
    assert last == pytest.approx(float(quotes.worth[0]), rel=0.15)


def test_there_is_nothing_before_the_listing_and_after_the_expiry() -> None:
    strikes = options().listed.strikes("SPY", date(2026, 2, 20), DAY)
    contract = Contract("SPY", date(2026, 2, 20), is_call=True, strike=float(strikes[len(strikes) // 2]))
    found = bars(contract, Unit.MINUTE, "2024-01-01")
    listed_s = new_york().day_start_s(options().listed.listed_on(contract))
    assert found.time_s[0] >= listed_s
    assert found.time_s[-1] < at("2026-02-20 21:00")
