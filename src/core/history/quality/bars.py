"""Bars as numpy columns, put in order, with what was out of order."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from core.history.quality.marks import Flags, Floats, Times, marked
from core.history.quality.report import Finding, FindingKind

PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Columns of the same length, in time order, one row a time. A null is NaN."""

    times: Times  # (n,) opening times
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.times)

    def at(self, rows: Flags) -> "Bars":
        columns = (getattr(self, name)[rows] for name in (*PRICES, "volume"))
        return Bars(self.times[rows], *columns)


def times_of(column: pa.ChunkedArray) -> Times:
    """A column of timestamps as UTC ms."""
    return np.asarray(column.cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64()).to_numpy(), dtype=np.int64)


def floats_of(column: pa.ChunkedArray) -> Floats:
    """A column of numbers; null is NaN."""
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)


def bars_of(rows: pa.Table) -> Bars:
    """The table's columns as they are, order included."""
    return Bars(times_of(rows["open_time"]), *(floats_of(rows[name]) for name in (*PRICES, "volume")))


def ordered(bars: Bars) -> tuple[Bars, list[Finding]]:
    """The bars in time order, the last of each time kept; and what was wrong with the order."""
    times = bars.times
    findings = []
    if (disorder := disorder_in(times)) is not None:
        findings.append(disorder)
        bars = _taken(bars, np.argsort(times, kind="stable"))
        times = bars.times
    again = np.zeros(len(times), dtype=bool)
    again[1:] = times[1:] == times[:-1]
    duplicate = marked(FindingKind.DUPLICATE, again, times, len(times) - int(again.sum()), lambda row: _copy(bars, row))
    if duplicate is not None:
        findings.append(duplicate)
        bars = bars.at(~np.append(again[1:], False))
    return bars, findings


def disorder_in(times: Times) -> Finding | None:
    """Rows that are earlier than the row before, of all times that there are."""
    early = np.zeros(len(times), dtype=bool)
    early[1:] = times[1:] < times[:-1]
    of = int(np.unique(times).size) if early.any() else len(times)
    return marked(FindingKind.DISORDER, early, times, of, lambda row: "before the row above it")


def _taken(bars: Bars, order: "np.ndarray[tuple[int], np.dtype[np.intp]]") -> Bars:
    return Bars(bars.times[order], *(getattr(bars, name)[order] for name in (*PRICES, "volume")))


def _copy(bars: Bars, row: int) -> str:
    same = all(
        np.array_equal(getattr(bars, name)[row], getattr(bars, name)[row - 1], equal_nan=True)
        for name in (*PRICES, "volume")
    )
    return "there twice" if same else "there twice, with different values"
