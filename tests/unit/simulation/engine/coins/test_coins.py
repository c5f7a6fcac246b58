"""Deribit's instruments, marks, trades and candles."""

from datetime import date
from functools import cache

import numpy as np
import pytest

from core.simulation.engine.coins.derivatives import CoinDerivatives
from core.simulation.engine.coins.instruments import Instrument, parse
from core.simulation.engine.coins.trades import TradeTape, candles, future_candles
from tests.unit.simulation.engine.underlyings.markets import SEED, at, coins

NOW_S = at("2026-03-06 17:30")
NOW_MS = int(NOW_S * 1_000)
DAY_MS = 86_400_000


@cache
def derivatives() -> CoinDerivatives:
    return CoinDerivatives(coins(), SEED)


@cache
def tape() -> TradeTape:
    return TradeTape(derivatives())


def options_of(coin: str) -> list[Instrument]:
    return [each for each in derivatives().instruments.listed(coin, NOW_S) if each.is_option]


def busiest() -> Instrument:
    found = options_of("BTC")
    return found[int(np.argmax(derivatives().options(found, NOW_S).open_interest))]


def test_names_there_and_back() -> None:
    listed = derivatives().instruments.listed("ETH", NOW_S)
    assert len({each.name for each in listed}) == len(listed) > 400
    for each in listed:
        assert parse(each.name) == each
        assert derivatives().instruments.exists(each, NOW_S)
    assert listed[0].name == "ETH-PERPETUAL"
    assert "ETH-27MAR26" in {each.name for each in listed}


@pytest.mark.parametrize(
    "name", ["BTC", "BTC-31FEB26", "BTC-06MAR26", "BTC-6MAR26-60000", "BTC-6MAR26-60000-X", "btc-PERPETUAL"]
)
def test_what_is_no_name(name: str) -> None:
    assert parse(name) is None


def test_expiries_are_deribit_s() -> None:
    expiries = list(derivatives().instruments.expiries(NOW_S))
    assert {date(2026, 3, 7), date(2026, 3, 8), date(2026, 3, 13), date(2026, 3, 27), date(2026, 12, 25)} <= set(
        expiries
    )
    assert date(2026, 3, 6) not in expiries, "it expired at 08:00"
    expired = derivatives().instruments.expired("BTC", NOW_S, 3)
    assert {each.expiry for each in expired} >= {date(2026, 3, 6), date(2026, 3, 5)}
    assert all(derivatives().instruments.exists(each, NOW_S) for each in expired)


def test_marks_are_between_bid_and_ask_and_puts_agree_with_calls() -> None:
    found = options_of("BTC")
    marks = derivatives().options(found, NOW_S)
    assert (marks.bid <= marks.mark + 1e-9).all()
    assert (marks.mark <= marks.ask + 1e-9).all()
    steps = np.where(marks.ask >= 0.005, 0.0005, 0.0001)
    assert (np.abs(np.round(marks.ask / steps) - marks.ask / steps) < 1e-6).all()
    rows = {(each.expiry, each.strike, each.is_call): row for row, each in enumerate(found)}
    for (expiry, strike, is_call), call in rows.items():
        if is_call:
            put = rows[expiry, strike, False]
            parity = 1 - strike / marks.forward[call]
            assert marks.mark[call] - marks.mark[put] == pytest.approx(parity, abs=1e-8)


def test_longer_variance_is_more_variance() -> None:
    found = options_of("BTC")
    marks = derivatives().options(found, NOW_S)
    by_expiry: dict[date, list[int]] = {}
    for row, each in enumerate(found):
        assert each.expiry is not None
        by_expiry.setdefault(each.expiry, []).append(row)
    totals = []
    for expiry in sorted(by_expiry):
        rows = by_expiry[expiry]
        middle = min(rows, key=lambda row: abs((found[row].strike or 0) / marks.forward[row] - 1))
        totals.append(marks.volatility[middle] ** 2 * (found[middle].expiry_s - NOW_S))
    assert (np.diff(totals) > 0).all()


def test_trades_are_the_same_however_they_are_asked_for() -> None:
    for instrument in (Instrument("BTC"), busiest()):
        whole = tape().between(instrument, NOW_MS - 2 * DAY_MS, NOW_MS, at_most=10**6, newest=False)
        assert len(whole) > 10
        assert (np.diff(whole.time_ms) >= 0).all()
        assert (np.diff(whole.number) > 0).all()
        newest = TradeTape(CoinDerivatives(coins(), SEED)).between(
            instrument, NOW_MS - 2 * DAY_MS, NOW_MS, at_most=5, newest=True
        )
        np.testing.assert_array_equal(newest.number, whole.number[-5:])
        np.testing.assert_array_equal(newest.price, whole.price[-5:])
        assert (np.abs(whole.price / whole.mark - 1) < 0.5).all()


def test_nobody_trades_before_the_listing_and_after_the_expiry() -> None:
    instrument = Instrument("BTC", date(2026, 2, 27), strike=float(_strike()), is_call=True)
    found = tape().between(instrument, 0, NOW_MS, at_most=10**6, newest=False)
    assert found.time_ms[0] >= instrument.listed_s * 1_000
    assert found.time_ms[-1] < instrument.expiry_s * 1_000


def _strike() -> float:
    listed = derivatives().instruments.options("BTC", date(2026, 2, 27), NOW_S)
    return float(np.median([each.strike or 0 for each in listed][::2]).round(-3))


def test_candles_are_what_trades_make_of_them() -> None:
    instrument = busiest()
    trades = tape().between(instrument, NOW_MS - 3 * DAY_MS, NOW_MS, at_most=10**6, newest=False)
    hour_ms = 3_600_000
    found = candles(trades, NOW_MS - 3 * DAY_MS, NOW_MS, hour_ms)
    assert (np.diff(found.start_ms) == hour_ms).all()
    assert (found.low <= np.minimum(found.open, found.close)).all()
    assert (found.high >= np.maximum(found.open, found.close)).all()
    assert found.amount.sum() == pytest.approx(trades.amount.sum())
    quiet = found.amount == 0
    assert quiet.any()
    np.testing.assert_array_equal(found.open[1:][quiet[1:]], found.close[:-1][quiet[1:]])


def test_years_of_a_perpetual_are_quick_to_make() -> None:
    first_ms = NOW_MS - 1_000 * DAY_MS
    found = future_candles(derivatives(), Instrument("BTC"), first_ms, NOW_MS, DAY_MS)
    assert len(found.start_ms) == 1_000
    assert (found.amount > 0).all()
    last = derivatives().future(Instrument("BTC"), NOW_S)
    assert found.close[-1] == pytest.approx(last.mark, rel=0.01)
