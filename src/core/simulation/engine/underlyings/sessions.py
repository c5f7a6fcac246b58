"""When a market trades: one row a trading day, each day a grid of one-minute slots."""

import warnings
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas

IntArray = NDArray[np.int64]

DAY_S = 86_400
MINUTE_S = 60
FIRST_DAY = date(2016, 1, 4)
"""Nothing is from before: where Alpaca's stock history begins."""
LAST_DAY = date(2040, 12, 31)
NEW_YORK = ZoneInfo("America/New_York")
_PRE_MARKET_MINUTES = 330
_REGULAR_OPEN_MINUTES = 570


@dataclass(frozen=True, slots=True)
class Sessions:
    """`days` are in order. Slot `i` of day `d` begins at `slot_zero_s[d] + 60 * i` (UTC s)."""

    zone: ZoneInfo
    days: NDArray[np.datetime64]  # (days,)
    slot_zero_s: IntArray  # (days,)
    midnight_s: IntArray  # (days,)
    """00:00 of the exchange's own clock."""
    slots: int
    """Of a whole day, minutes before and after regular hours included."""
    open_slot: int
    close_slots: IntArray  # (days,)
    """The first slot after regular hours: earlier on half days."""
    last_slots: IntArray  # (days,)
    """The first slot in which nothing trades any more."""

    def __len__(self) -> int:
        return len(self.days)

    @property
    def per_year(self) -> int:
        """Trading days in a year."""
        return 252 if self.open_slot else 365

    def day_at(self, time_s: float) -> int:
        """The last day whose slots had begun by then; -1: none."""
        return int(np.searchsorted(self.slot_zero_s, time_s, side="right")) - 1

    def index(self, day: date) -> int | None:
        """`None`: nothing trades that day."""
        found = int(np.searchsorted(self.days, np.datetime64(day)))
        return found if found < len(self.days) and self.days[found] == np.datetime64(day) else None

    def on_or_before(self, day: date) -> int:
        """The last trading day up to `day`; -1: none."""
        return int(np.searchsorted(self.days, np.datetime64(day), side="right")) - 1

    def date_of(self, index: int) -> date:
        found: date = self.days[index].astype(object)
        return found

    def close_s(self, index: int) -> int:
        """The end of regular hours, UTC s."""
        return int(self.slot_zero_s[index] + MINUTE_S * self.close_slots[index])

    def day_start_s(self, day: date) -> int:
        """00:00 of the exchange's own clock on any day, UTC s."""
        return int(datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp())


def us_stocks() -> Sessions:
    """New York's stock exchange, with the minutes from 04:00 to 20:00 in which its stocks trade elsewhere. On half days
    all ends earlier."""
    import exchange_calendars  # noqa: PLC0415 - with pandas a second of work, for those alone who ask for stocks

    with warnings.catch_warnings():
        # The library reads its own tables in a way that a later pandas will not have.
        warnings.simplefilter("ignore", DeprecationWarning)
        schedule = exchange_calendars.get_calendar("XNYS", start=FIRST_DAY, end=LAST_DAY).schedule
    opens = _seconds(schedule["open"])
    closes = _seconds(schedule["close"])
    days = schedule.index.to_numpy().astype("datetime64[D]")
    regular = (closes - opens) // MINUTE_S
    close_slots = _PRE_MARKET_MINUTES + regular
    return Sessions(
        zone=NEW_YORK,
        days=days,
        slot_zero_s=opens - _PRE_MARKET_MINUTES * MINUTE_S,
        midnight_s=opens - _REGULAR_OPEN_MINUTES * MINUTE_S,
        slots=960,
        open_slot=_PRE_MARKET_MINUTES,
        close_slots=close_slots,
        last_slots=close_slots + 240,
    )


def never_closing() -> Sessions:
    """Days of UTC."""
    n = (LAST_DAY - FIRST_DAY) // timedelta(days=1)
    first_s = int(datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC).timestamp())
    midnights: IntArray = first_s + DAY_S * np.arange(n, dtype=np.int64)
    slots: IntArray = np.full(n, 1_440, dtype=np.int64)
    return Sessions(
        zone=ZoneInfo("UTC"),
        days=(midnights // DAY_S).astype("datetime64[D]"),
        slot_zero_s=midnights,
        midnight_s=midnights,
        slots=1_440,
        open_slot=0,
        close_slots=slots,
        last_slots=slots,
    )


def _seconds(times: "pandas.Series[pandas.Timestamp]") -> IntArray:
    seconds: IntArray = times.dt.tz_convert(None).to_numpy().astype("datetime64[s]").astype(np.int64)
    return seconds
