"""Option chains: strikes that are missing, contracts that are no longer quoted before they expire."""

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from core.history.quality.bars import disorder_in, floats_of, times_of
from core.history.quality.marks import Times, found, marked
from core.history.quality.quotes import quote_findings
from core.history.quality.report import Finding, FindingKind
from core.history.quality.sessions import DAY_MS

_STEP_MULTIPLE = 1.9
"""A step between strikes this much wider than both of its neighbours lacks a strike."""
_LEAST_STRIKES = 5


def chain_findings(rows: pa.Table, *, is_intraday: bool = False) -> list[Finding]:
    """Of a table in `OPTION_CHAIN`'s schema. `is_intraday`: contracts are quoted on the day of their expiry, too; a
    chain of the day's end may be without them."""
    times = times_of(rows["time"])
    frame = pd.DataFrame(
        {
            "time": times,
            "contract": rows["contract"].to_numpy(),
            "expiry": rows["expiry"].cast(pa.int32()).to_numpy().astype(np.int64) * DAY_MS,
            "is_call": np.asarray(rows["right"].to_numpy() == "call"),
            "strike": floats_of(rows["strike"]),
        }
    )
    found_here = [disorder_in(times), _duplicates(frame, times)]
    found_here += quote_findings(times, floats_of(rows["bid"]), floats_of(rows["ask"]), of_options=True)
    found_here += [_missing_strikes(frame), _early_ends(frame, is_intraday=is_intraday), _expired(frame)]
    return [each for each in found_here if each is not None]


def _duplicates(frame: pd.DataFrame, times: Times) -> Finding | None:
    again = frame.duplicated(["time", "contract"]).to_numpy()
    contracts = frame["contract"].to_numpy()
    of = len(frame) - int(again.sum())
    return marked(FindingKind.DUPLICATE, again, times, of, lambda row: f"{contracts[row]} is there twice")


def _missing_strikes(frame: pd.DataFrame) -> Finding | None:
    """Holes in the grid of an expiry's strikes, and strikes with a call or a put alone; a day at a time, since a
    snapshot may hold only what has changed."""
    day = frame["time"] - frame["time"] % DAY_MS
    strikes = frame.assign(day=day).groupby(["day", "expiry", "strike"], sort=True)["is_call"].agg(["min", "max"])
    keys = strikes.index.to_frame(index=False)
    strike = keys["strike"].to_numpy(np.float64)
    group = keys.groupby(["day", "expiry"], sort=True).ngroup().to_numpy().astype(np.int64)
    lonely = (strikes["min"] == strikes["max"]).to_numpy()
    # One-sided listings (a chain of calls alone) lack nothing.
    share_lonely = pd.Series(lonely).groupby(group).transform("mean").to_numpy()
    lonely = lonely & (share_lonely < 0.5)
    hole = _holes(strike, group)
    rows = np.flatnonzero(lonely | hole)
    if not len(rows):
        return None
    right = np.where(strikes["max"].to_numpy(), "put", "call")
    expiry = keys["expiry"].to_numpy(np.int64).astype("datetime64[ms]").astype("datetime64[D]")

    def words(row: int) -> str:
        if hole[row]:
            return f"expiry {expiry[row]}: nothing between strikes {strike[row]:g} and {strike[row + 1]:g}"
        return f"expiry {expiry[row]}, strike {strike[row]:g}: no {right[row]}"

    count = int(lonely.sum() + hole.sum())
    return found(
        FindingKind.MISSING_STRIKE, rows, keys["day"].to_numpy(np.int64), count=count, of=len(keys), words=words
    )


def _holes(strike: NDArray[np.float64], group: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Rows after which a strike is missing: a step wider than both of its neighbours, twice as wide as the finer one
    at least, and not the place where a grid changes for good. `strike` is in order within each group."""
    n = len(strike)
    hole = np.zeros(n, dtype=bool)
    if n < _LEAST_STRIKES:
        return hole
    step = np.diff(strike)
    inside = group[1:] == group[:-1]
    middle = np.arange(1, n - 2)
    same = inside[middle - 1] & inside[middle] & inside[middle + 1]
    wide = step[middle] >= _STEP_MULTIPLE * np.maximum(step[middle - 1], step[middle + 1])
    hole[middle[same & wide]] = True
    return hole


def _early_ends(frame: pd.DataFrame, *, is_intraday: bool) -> Finding | None:
    """Contracts not seen again on later days up to their expiry, though others of the chain are."""
    day = frame["time"] - frame["time"] % DAY_MS
    last_of_all = int(day.max())
    ends = frame.assign(day=day).groupby("contract", sort=True).agg(last=("day", "max"), expiry=("expiry", "first"))
    last = ends["last"].to_numpy(np.int64)
    due = np.minimum(ends["expiry"].to_numpy(np.int64) - (0 if is_intraday else DAY_MS), last_of_all)
    days = np.unique(day.to_numpy(np.int64))
    # The last day of the chain on or before each contract's due day.
    wanted = days[np.maximum(np.searchsorted(days, due, side="right") - 1, 0)]
    gone = last < wanted
    names, expiry = ends.index.to_numpy(), ends["expiry"].to_numpy(np.int64).astype("datetime64[ms]")

    def words(row: int) -> str:
        return f"{names[row]} is last seen, expiry {np.datetime_as_string(expiry[row], unit='D')}"

    return marked(FindingKind.EARLY_END, gone, last, len(ends), words)


def _expired(frame: pd.DataFrame) -> Finding | None:
    """Quotes of contracts after their expiry (two days on, whatever the zone)."""
    late = (frame["time"] - frame["expiry"]).to_numpy() >= 2 * DAY_MS
    names = frame["contract"].to_numpy()
    return marked(
        FindingKind.CLOSED_MARKET,
        late,
        frame["time"].to_numpy(np.int64),
        len(frame),
        lambda row: f"{names[row]} had expired",
    )
