"""Bars of stocks and coins: one story at all lengths, the same from wherever it is asked for."""

import hashlib
import subprocess
import sys
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.simulation.engine.underlyings.bars import Bars, aggregate, no_bars
from core.simulation.engine.underlyings.sessions import DAY_S
from core.simulation.engine.underlyings.timeframe import Timeframe
from tests.unit.simulation.engine.underlyings.markets import SEED, at, coins, fresh_stocks, new_york, stocks
from tests.venues import SOURCES

NOW_S = at("2026-03-06 17:30")
DIGEST = """
from core.simulation.engine.underlyings.catalogue import STOCKS
from core.simulation.engine.underlyings.market import UnderlyingMarket
from core.simulation.engine.underlyings.sessions import us_stocks
from core.simulation.engine.underlyings.timeframe import Timeframe
import hashlib
market = UnderlyingMarket(STOCKS, us_stocks(), {seed})
bars = market.bars("QQQ", Timeframe.parse("1Min"), {start}, {end}, now_s={end}, at_most=500)
print(hashlib.sha256(b"".join(each.tobytes() for each in bars.columns())).hexdigest())
"""


def frame(text: str) -> Timeframe:
    found = Timeframe.parse(text)
    assert found is not None
    return found


def bars(
    symbol: str, timeframe: str, first: str, last: str, *, at_most: int = 100_000, newest_first: bool = False
) -> Bars:
    return stocks().bars(
        symbol, frame(timeframe), at(first), at(last), now_s=NOW_S, at_most=at_most, newest_first=newest_first
    )


def assert_equal(left: Bars, right: Bars) -> None:
    for mine, theirs in zip(left.columns(), right.columns(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("symbol", ["SPY", "DIA", "F"])
def test_a_day_is_what_its_regular_minutes_are(symbol: str) -> None:
    days = bars(symbol, "1Day", "2025-11-20", "2025-12-30")
    minutes = bars(symbol, "1Min", "2025-11-20", "2025-12-30")
    sessions = new_york()
    assert len(days) > 20
    for row in range(len(days)):
        day = sessions.day_at(days.time_s[row] + 12 * 3_600)
        opens_s = sessions.slot_zero_s[day] + 60 * sessions.open_slot
        of_day = minutes.take((minutes.time_s >= opens_s) & (minutes.time_s < sessions.close_s(day)))
        assert (of_day.open[0], of_day.close[-1]) == (days.open[row], days.close[row])
        assert (of_day.high.max(), of_day.low.min()) == (days.high[row], days.low[row])
        assert of_day.volume.sum() == days.volume[row]


@pytest.mark.parametrize("timeframe", ["1Min", "5Min", "2Hour", "1Day", "1Week", "3Month"])
def test_bars_are_bars(timeframe: str) -> None:
    found = bars("NVDA", timeframe, "2025-01-01", "2026-03-06")
    assert (np.diff(found.time_s) > 0).all()
    assert (found.low <= np.minimum(found.open, found.close)).all()
    assert (found.high >= np.maximum(found.open, found.close)).all()
    assert ((found.vwap >= found.low) & (found.vwap <= found.high)).all()
    assert (found.volume > 0).all()
    assert (found.trades > 0).all()


def test_nothing_trades_on_holidays_and_half_days_end_early() -> None:
    minutes = bars("SPY", "1Min", "2025-11-26 06:00", "2025-11-29")
    days = {datetime.fromtimestamp(each - 5 * 3_600, UTC).date() for each in minutes.time_s}
    assert days == {date(2025, 11, 26), date(2025, 11, 28)}
    after_one = minutes.take(minutes.time_s >= at("2025-11-28 18:00"))
    before_one = minutes.take((minutes.time_s >= at("2025-11-28 14:30")) & (minutes.time_s < at("2025-11-28 18:00")))
    assert after_one.volume.mean() < before_one.volume.mean() / 5
    assert minutes.time_s.max() < at("2025-11-28 22:00")


def test_summer_time_moves_the_hours() -> None:
    assert bars("SPY", "1Day", "2026-01-05", "2026-01-06").time_s[0] == at("2026-01-05 05:00")
    assert bars("SPY", "1Day", "2025-07-07", "2025-07-08").time_s[0] == at("2025-07-07 04:00")
    assert bars("SPY", "1Min", "2025-07-07", "2025-07-07 13:29").time_s[-1] < at("2025-07-07 13:30")


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(["1Min", "15Min", "1Hour", "1Day"]),
    st.integers(0, 40 * DAY_S),
    st.integers(1, 20 * DAY_S),
    st.integers(1, 400),
    st.booleans(),
)
def test_pages_join(timeframe: str, begin_s: int, length_s: int, size: int, newest_first: bool) -> None:
    start_s, market = at("2025-12-20") + begin_s, stocks()
    end_s = start_s + length_s
    once = market.bars(
        "AAPL", frame(timeframe), start_s, end_s, now_s=NOW_S, at_most=3 * size, newest_first=newest_first
    )
    first_s, last_s, joined = start_s, end_s, 0
    while joined < len(once):
        page = market.bars(
            "AAPL", frame(timeframe), first_s, last_s, now_s=NOW_S, at_most=size, newest_first=newest_first
        )
        assert_equal(page.take(slice(0, len(once) - joined)), once.take(slice(joined, joined + len(page))))
        joined += len(page)
        if newest_first:
            last_s = int(page.time_s[-1]) - 1
        else:
            first_s = int(page.time_s[-1]) + 1


def test_backwards_is_forwards_turned() -> None:
    forwards = bars("SPY", "5Min", "2026-02-01", "2026-03-01")
    backwards = bars("SPY", "5Min", "2026-02-01", "2026-03-01", newest_first=True)
    assert_equal(forwards, backwards.take(slice(None, None, -1)))


def test_what_is_asked_first_changes_nothing() -> None:
    other = fresh_stocks()
    other.bars("TSLA", frame("1Min"), at("2024-01-05"), NOW_S, now_s=NOW_S, at_most=10)
    other.bars("SPY", frame("1Day"), at("2018-01-05"), NOW_S, now_s=NOW_S, at_most=10)
    mine = other.bars("SPY", frame("1Min"), at("2026-02-10"), NOW_S, now_s=NOW_S, at_most=500)
    assert_equal(mine, bars("SPY", "1Min", "2026-02-10", "2026-03-06 17:30", at_most=500))


@pytest.mark.slow
def test_another_process_says_the_same_and_another_seed_something_else() -> None:
    start, end = at("2026-02-10"), at("2026-02-12")
    mine = fresh_stocks().bars("QQQ", frame("1Min"), start, end, now_s=end, at_most=500)
    expected = hashlib.sha256(b"".join(each.tobytes() for each in mine.columns())).hexdigest()
    script = DIGEST.format(seed=SEED, start=start, end=end)
    told = subprocess.run(
        [sys.executable, "-c", script], check=False, env={"PYTHONPATH": str(SOURCES)}, capture_output=True, text=True
    )
    assert told.stdout.strip() == expected, told.stderr
    other = fresh_stocks(SEED + 1).bars("QQQ", frame("1Min"), start, end, now_s=end, at_most=500)
    assert not np.array_equal(other.close, mine.close)


def test_nothing_of_the_future_is_told() -> None:
    now_s = at("2026-03-06 15:00:30")
    minutes = stocks().bars("SPY", frame("1Min"), at("2026-03-06"), now_s + 5 * DAY_S, now_s=now_s, at_most=10_000)
    assert minutes.time_s[-1] == at("2026-03-06 14:59")
    today = stocks().bars("SPY", frame("1Day"), at("2026-03-06"), now_s, now_s=now_s, at_most=10)
    regular = minutes.take(minutes.time_s >= at("2026-03-06 14:30"))
    assert (today.close[0], today.volume[0]) == (regular.close[-1], regular.volume.sum())
    assert today.high[0] == regular.high.max()


def test_prices_lie_within_their_minutes() -> None:
    minutes = bars("SPY", "1Min", "2026-03-05 15:00", "2026-03-05 15:30")
    for row in range(len(minutes)):
        price = stocks().price("SPY", minutes.time_s[row] + 17)
        assert minutes.low[row] <= price <= minutes.high[row]
    assert stocks().price("SPY", at("2026-03-07 12:00")) == stocks().price("SPY", at("2026-03-08 12:00"))


def test_the_market_moves_together_and_as_much_as_it_should() -> None:
    days = {name: stocks().day_bars(name, 0, 2_500) for name in ("SPY", "QQQ", "TSLA", "T")}
    returns = {name: np.diff(np.log(each.close)) for name, each in days.items()}
    assert np.corrcoef(returns["SPY"], returns["QQQ"])[0, 1] > 0.7
    assert np.corrcoef(returns["SPY"], returns["T"])[0, 1] < 0.6
    assert 0.1 < returns["SPY"].std() * 252**0.5 < 0.3
    assert 0.4 < returns["TSLA"].std() * 252**0.5 < 0.8
    standard = returns["SPY"] / returns["SPY"].std()
    assert (standard**4).mean() > 3.5, "the tails of real returns are fat"


def test_coins_never_close() -> None:
    found = coins().bars("BTC", frame("1Min"), at("2026-03-01"), at("2026-03-04"), now_s=NOW_S, at_most=100_000)
    assert (np.diff(found.time_s) == 60).all()
    assert len(found) == 3 * 1_440 + 1
    gaps = np.abs(np.log(found.open[1:] / found.close[:-1]))
    assert gaps.max() < 0.02


def test_aggregating_nothing_is_nothing() -> None:
    assert len(aggregate(no_bars(), np.empty(0, dtype=np.int64))) == 0


@pytest.mark.parametrize(
    "text", ["60Min", "0Min", "24Hour", "2Day", "5Month", "Min", "1min", "-1Min", "1Fortnight", ""]
)
def test_lengths_that_there_are_not(text: str) -> None:
    assert Timeframe.parse(text) is None


@pytest.mark.parametrize(("text", "means"), [("59T", "59Min"), ("1D", "1Day"), ("12M", "12Month"), ("4H", "4Hour")])
def test_lengths_have_two_spellings(text: str, means: str) -> None:
    assert str(Timeframe.parse(text)) == means
