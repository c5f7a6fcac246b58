"""Is a candle window fit to compute on?"""

import numpy as np

from core.domain.candles import CandleWindow
from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason


def check_window(window: CandleWindow) -> Reason | None:
    """`CANDLE_INVALID` with the open time of the newest bad candle and what is wrong with it; `None`: fit to use."""
    if _is_fit(window):
        return None
    with np.errstate(invalid="ignore"):
        faults = (
            ("not_finite", ~_finite(window)),
            ("not_positive", (window.low <= 0) | (window.volume < 0)),
            (
                "range",
                (window.low > np.minimum(window.open, window.close))
                | (window.high < np.maximum(window.open, window.close)),
            ),
            ("order", np.concatenate(([False], np.diff(window.open_ms) <= 0)) if len(window) else np.zeros(0, bool)),
        )
    for fault, bad in faults:
        if bad.any():
            at = int(window.open_ms[np.flatnonzero(bad)[-1]])
            return because(ReasonCode.CANDLE_INVALID, fault=fault, open_ms=at, candles=int(bad.sum()))
    return None


def _is_fit(window: CandleWindow) -> bool:
    """The usual case, by the quickest calls that there are for it. NaN is in no order with anything, and the place of
    the smallest and of the largest value alike, so it fails here, too."""
    n = len(window)
    if not n:
        return True
    o, high, low, close, volume = window.open, window.high, window.low, window.close, window.volume
    in_range = low <= o
    for each in (low <= close, high >= o, high >= close):
        in_range &= each
    return bool(
        low[low.argmin()] > 0
        and high[high.argmax()] < np.inf
        and volume[volume.argmin()] >= 0
        and volume[volume.argmax()] < np.inf
        and np.count_nonzero(in_range) == n
        and np.count_nonzero(window.open_ms[1:] > window.open_ms[:-1]) == n - 1
    )


def _finite(window: CandleWindow) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    # A sum is finite if and only if its terms are (prices near the limits of float64 aside).
    return np.isfinite(window.open + window.high + window.low + window.close + window.volume)
