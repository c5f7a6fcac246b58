"""When markets were open."""

import numpy as np
import pytest

from core.domain.errors import SettingsError
from core.history.quality.marks import clock
from core.history.quality.sessions import ALWAYS_OPEN, DAY_MS, US_STOCKS, check_calendar, session_days, sessions_between


def ms(text: str) -> int:
    return int(np.datetime64(text, "ms").astype(np.int64))


def test_new_york_s_christmas_of_2015():
    sessions = sessions_between(US_STOCKS, ms("2015-12-23T06:00"), ms("2015-12-28T20:00"))
    assert [clock(each)[:10] for each in sessions.days.tolist()] == ["2015-12-23", "2015-12-24", "2015-12-28"]
    assert sessions.is_early.tolist() == [False, True, False]
    assert clock(int(sessions.closes[1])) == "2015-12-24 18:00"
    assert clock(int(sessions.last_trades[1])) == "2015-12-24 22:00"
    assert not sessions.never_closes


def test_opening_hours_follow_daylight_saving():
    sessions = sessions_between(US_STOCKS, ms("2021-03-12T06:00"), ms("2021-03-15T23:00"))
    assert [clock(each) for each in sessions.opens.tolist()] == ["2021-03-12 14:30", "2021-03-15 13:30"]


def test_a_market_that_never_closes_has_every_day():
    sessions = sessions_between(ALWAYS_OPEN, ms("2021-01-01T10:00"), ms("2021-01-03T10:00"))
    assert len(sessions) == 3
    assert (sessions.closes - sessions.opens == DAY_MS).all()


def test_daily_bars_are_named_by_their_date_there():
    times = np.array([ms("2021-03-12"), ms("2021-03-12T05:00"), ms("2021-03-12T21:00")])
    assert [clock(each)[:10] for each in session_days(times, "America/New_York").tolist()] == ["2021-03-12"] * 3


def test_a_calendar_that_nobody_knows_is_named_with_its_like():
    check_calendar(None)
    check_calendar("XLON")
    with pytest.raises(SettingsError, match="'XNYX'; did you mean XNYS"):
        check_calendar("XNYX")
