"""Makes findings from what a check has marked, with the first places in words."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from core.history.quality.report import Finding, FindingKind, Place

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
"""UTC ms."""
Flags = NDArray[np.bool_]

SHOWN_PLACES = 5


def clock(time_ms: int) -> str:
    """`2018-04-04 16:47`, with seconds and milliseconds where there are any; midnight is the date alone; UTC."""
    text = str(np.datetime64(time_ms, "ms")).replace("T", " ")
    return text.removesuffix(".000").removesuffix(":00").removesuffix(" 00:00")


def marked(
    kind: FindingKind, flags: Flags, times: Times, of: int, words: Callable[[int], str] | None = None
) -> Finding | None:
    """A finding of every row that is flagged; `None` where none is. `words(row)` follows the time of a place."""
    count = int(np.count_nonzero(flags))
    return found(kind, np.flatnonzero(flags)[:SHOWN_PLACES], times, count=count, of=of, words=words)


def found(
    kind: FindingKind,
    rows: NDArray[np.intp],
    times: Times,
    *,
    count: int,
    of: int,
    words: Callable[[int], str] | None,
) -> Finding | None:
    """A finding of `count`, shown at `rows` (indices into `times`); `None` where `count` is 0."""
    if not count:
        return None
    places = tuple(
        Place(int(times[row]), f"{clock(int(times[row]))}{': ' + words(int(row)) if words else ''}")
        for row in rows[:SHOWN_PLACES].tolist()
    )
    return Finding(kind, count, max(of, count, 1), places)


def runs(flags: Flags) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and one-past-last index of each run of true flags."""
    edges = np.diff(np.concatenate(([0], flags.astype(np.int8), [0])))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
