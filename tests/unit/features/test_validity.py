import numpy as np
import pytest

from core.domain.candles import CandleWindow
from core.features.validity import check_window
from tests.unit.random_walks import FIRST_OPEN_MS, first, walk, with_value

WINDOW = walk(3, 50)


def test_a_good_window_passes_and_an_empty_one_too():
    assert check_window(WINDOW) is None
    assert check_window(first(WINDOW, 0)) is None
    assert check_window(first(WINDOW, 1)) is None


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        ("close", np.nan, "not_finite"),
        ("volume", np.inf, "not_finite"),
        ("volume", -1.0, "not_positive"),
        ("low", 0.0, "not_positive"),
        ("low", 1_000.0, "range"),
        ("high", 1.0, "range"),
        ("close", 1_000.0, "range"),
        ("open_ms", FIRST_OPEN_MS, "order"),
    ],
)
def test_one_bad_value_is_found_and_its_candle_named(column, value, fault):
    window = with_value(WINDOW, column, 20, value)
    reason = check_window(window)
    assert reason is not None
    assert reason.code == "CANDLE_INVALID"
    assert reason.details["fault"] == fault
    assert reason.details["open_ms"] == str(int(window.open_ms[20]))


def test_opposite_infinities_do_not_cancel_out():
    columns = {name: getattr(WINDOW, name) for name in ("open_ms", "open", "high", "low", "close", "volume")}
    high, low = WINDOW.high.copy(), WINDOW.low.copy()
    high[3], low[3] = np.inf, -np.inf
    reason = check_window(CandleWindow(**{**columns, "high": high, "low": low}))
    assert reason is not None
    assert reason.details["fault"] == "not_finite"
