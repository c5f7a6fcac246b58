"""Prices that jump: off and back at once (a bad print), or for good (a split, another holder of the name).

Real crashes and earnings stay where they went, and come in times that are wild anyway: a jump is measured by the median
absolute return of the bars around it (MAD; times 1.4826 it is the standard deviation of a normal distribution, see
Rousseeuw and Croux 1993), never by its size alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.history.quality.bars import Bars
from core.history.quality.marks import Flags, Floats, marked
from core.history.quality.report import Finding, FindingKind
from core.history.quality.sessions import DAY_MS

_NORMAL = 1.4826
_AROUND = 30
"""Bars on each side that say how wild the times are."""
_NEAR = 10
_WIDEST_PRINT = 3
"""Bars for which a bad print may stand."""
_TAKEN_BACK = 0.75
"""Share of a jump that its successor takes back, if it was a bad print."""
_SPLITS_DOWN = (1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 50.0)
_SPLITS_UP = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 100.0)
_REGIME = 20
"""Bars before and after that say at which level prices and volumes were."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on a jump is looked at; multiples are of the deviation around it."""

    print_multiple: float
    print_least: float  # log return
    wick_multiple: float  # of the median range of the bars around
    wick_least: float


DAILY = Thresholds(print_multiple=6.0, print_least=0.05, wick_multiple=20.0, wick_least=0.4)
INTRADAY = Thresholds(print_multiple=12.0, print_least=0.01, wick_multiple=25.0, wick_least=0.05)


def outliers(bars: Bars, bar_ms: int) -> tuple[Finding | None, Flags]:
    """Bars whose close, high or low is a bad print. `bars` hold good prices only."""
    limits = DAILY if bar_ms >= DAY_MS else INTRADAY
    n = len(bars)
    if n < 2 * _WIDEST_PRINT + 2:
        return None, np.zeros(n, dtype=bool)
    spikes = price_spikes(np.log(bars.close), limits)
    wicks = _wicks(bars, limits)

    def words(row: int) -> str:
        if spikes[row]:
            return (
                f"close {bars.close[row]:g} between {bars.close[max(row - 1, 0)]:g} and {_after(bars, spikes, row):g}"
            )
        return f"high {bars.high[row]:g}, low {bars.low[row]:g} at a close of {bars.close[row]:g}"

    flags = spikes | wicks
    return marked(FindingKind.OUTLIER, flags, bars.times, n, words), flags


def price_spikes(log_price: Floats, limits: Thresholds = INTRADAY) -> Flags:
    """Which prices are off by a jump that is taken back within `_WIDEST_PRINT` rows."""
    flags = np.zeros(len(log_price), dtype=bool)
    steps = np.diff(log_price)
    scale = _floor(np.abs(steps))
    rough = np.maximum(limits.print_multiple * scale, limits.print_least)
    for row in np.flatnonzero(np.abs(steps) > rough).tolist():
        limit = limits.print_multiple * max(_deviation(steps, row), scale)
        if abs(steps[row]) <= limit or flags[row]:
            continue
        for width in range(1, min(_WIDEST_PRINT, len(steps) - row - 1) + 1):
            # At once: a price that recovers day by day was a crash.
            back, left = -float(steps[row + width]), float(steps[row : row + 1 + width].sum())
            if back / steps[row] > _TAKEN_BACK and abs(left / steps[row]) < 1 - _TAKEN_BACK:
                flags[row + 1 : row + 1 + width] = True
                break
    return flags


def breaks(bars: Bars, bad: Flags, bar_ms: int) -> list[Finding]:
    """Jumps for good: near a ratio of splits, or to another level of price and volume altogether. `bad` are bars whose
    prices are known to be wrong already."""
    bars = bars.at(~bad)
    n = len(bars)
    steps = np.diff(np.log(bars.close))
    if n < 4:
        return []
    split, other = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    scale = _floor(np.abs(steps))
    for row in np.flatnonzero(np.abs(steps) > max(np.log(1.4), 6 * scale)).tolist():
        if abs(steps[row]) <= 6 * max(_deviation(steps, row), scale):
            continue
        jump = _Jump.at(bars, row + 1, bar_ms)
        if not jump.lasts:
            continue
        if jump.is_split:
            split[row + 1] = True
        elif jump.is_other_holder:
            other[row + 1] = True

    def words(row: int) -> str:
        return f"from {bars.close[row - 1]:g} to {bars.close[row]:g}"

    found = (
        marked(FindingKind.SPLIT, split, bars.times, n, words),
        marked(FindingKind.SYMBOL_CHANGE, other, bars.times, n, words),
    )
    return [each for each in found if each is not None]


@dataclass(frozen=True, slots=True)
class _Jump:
    """One jump, in log terms."""

    size: float
    at_once: float
    """From the last close to the first open; what trading did not do."""
    lasting: float
    """From the median of the closes before to the median of those after."""
    noise: float
    volume: float
    """Traded now against before; 0 where unknown."""
    turnover_now: float
    """Traded value on the day against before; 0 where unknown."""

    @classmethod
    def at(cls, bars: Bars, row: int, bar_ms: int) -> "_Jump":
        first = max(0, row - _REGIME)
        close, volume = np.log(bars.close[first : row + _REGIME]), bars.volume[first : row + _REGIME]
        here = row - first
        turnover = volume * np.exp(close)
        around = np.abs(np.concatenate((np.diff(close[:here]), np.diff(close[here:]))))
        return cls(
            float(close[here] - close[here - 1]),
            float(np.log(bars.open[row]) - close[here - 1]),
            float(np.median(close[here : here + 3]) - np.median(close[max(0, here - 3) : here])),
            _NORMAL * _usual(around),
            _log_ratio(_usual(volume[here:]), _usual(volume[:here])),
            _log_ratio(float(turnover[here]), _usual(turnover[:here])) if bar_ms >= DAY_MS else 0.0,
        )

    @property
    def lasts(self) -> bool:
        return abs(self.lasting - self.size) < 0.3 * abs(self.size) + 3 * self.noise

    @property
    def is_split(self) -> bool:
        """Near a ratio, made while the market was closed, and without the rush that real news brings."""
        ratios = np.log(_SPLITS_DOWN if self.size < 0 else _SPLITS_UP)
        near = min(float(np.abs(ratios - abs(jump)).min()) for jump in (self.size, self.at_once))
        return near < min(0.03 + self.noise, 0.08) and self.turnover_now < float(np.log(4.0))

    @property
    def is_other_holder(self) -> bool:
        return abs(self.size) > float(np.log(3.0)) and abs(self.volume) > float(np.log(5.0))


def _usual(values: Floats) -> float:
    """The median of those that are known; 0 where none is."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else 0.0


def _log_ratio(now: float, before: float) -> float:
    """0 where one of them is unknown or nothing."""
    return float(np.log(now / before)) if now > 0 and before > 0 else 0.0


def _wicks(bars: Bars, limits: Thresholds) -> Flags:
    ranges = np.log(np.maximum(bars.high, bars.low) / np.minimum(bars.high, bars.low))
    up = np.log(bars.high / np.maximum(bars.open, bars.close))
    down = np.log(np.minimum(bars.open, bars.close) / bars.low)
    wick = np.maximum(up, down)
    scale = _floor(ranges)
    flags = np.zeros(len(bars), dtype=bool)
    for row in np.flatnonzero(wick > max(limits.wick_multiple * scale, limits.wick_least)).tolist():
        near = ranges[max(0, row - _AROUND) : row + _AROUND + 1]
        flags[row] = wick[row] > limits.wick_multiple * float(np.median(near))
    return flags


def _deviation(steps: Floats, row: int) -> float:
    """Standard deviation of the steps around one, as their median says it: of the wildest of the `_NEAR` before, the
    `_NEAR` after, and the `_AROUND` on both sides."""
    sizes: NDArray[np.float64] = np.abs(steps[max(0, row - _AROUND) : row + 1 + _AROUND])
    here = min(row, _AROUND)
    before, after = sizes[:here], sizes[here + 1 :]
    windows = (before[-_NEAR:], after[:_NEAR], np.concatenate((before, after)))
    return _NORMAL * max((float(np.median(window)) for window in windows if len(window)), default=0.0)


def _floor(sizes: Floats) -> float:
    """Deviation of the whole; where most steps are none, of those that are."""
    median = float(np.median(sizes))
    if median > 0:
        return _NORMAL * median
    moved = sizes[sizes > 0]
    return _NORMAL * float(np.median(moved)) if len(moved) else 0.0


def _after(bars: Bars, spikes: Flags, row: int) -> float:
    rest = np.flatnonzero(~spikes[row:])
    return float(bars.close[row + int(rest[0])]) if len(rest) else float(bars.close[-1])
